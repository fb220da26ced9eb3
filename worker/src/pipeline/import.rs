//! Fetching a film that somebody named by its URL: what arrives is an upload like any other.
//!
//! A run that dies or is cut goes on where its last recorded extent ended, if the server says that the
//! document is still the same (RFC 9110 section 13.1.5); else it starts again.

use crate::task::{Running, TaskError};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use sluice_db::UploadRow;
use sluice_ingest::{
    Ingest, IngestError, ReceiveError, Received, Recording, Target, UploadLease, completion, quota, quota::QuotaRequest,
};
use sluice_model::{ImportPayload, Reason, clock};
use sluice_net::{HeaderMap, HeaderName, HeaderValue, OutboundError, Response};
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Longest run.
const MOST_A_RUN: Duration = Duration::from_secs(6 * 3600);
/// Longest import with all its runs: whoever drips holds a place that others wait for.
const MOST_IN_ALL: Duration = Duration::from_secs(24 * 3600);

/// Runs an import.
pub async fn run(running: &Running) -> Result<(), TaskError> {
    let (db, ingest, task) = (&running.context.db, &running.context.ingest, &running.task);
    let payload: ImportPayload = serde_json::from_str(&task.payload).map_err(TaskError::corrupt)?;
    // None: it was given up, or it is complete and only the answer was lost.
    let mut row = db.uploads().of_source(task.source_id).await?.ok_or(TaskError::Fenced)?;
    if row.completed_at.is_none() && row.length_bytes != Some(row.offset_bytes) {
        let taken = ingest.take_lease(row.id, task.token, ingest.upload_ttl()).await.map_err(refused)?;
        row = fetch_rest(running, taken.ok_or(TaskError::Fenced)?.0, &payload.url).await?;
    }
    ingest.identify_delivered(&row).await.map_err(refused)?;
    let now = clock::now();
    let mut tx = db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 1.0).await?;
    completion::complete_in(&mut tx, row.id, clock::now()).await?;
    tx.tasks().complete(task.id, clock::now()).await?;
    tx.commit().await?;
    running.context.wake.push(2).await;
    Ok(())
}

/// Fetches what is missing of an upload; the upload as it is then.
async fn fetch_rest(running: &Running, row: UploadRow, url: &str) -> Result<UploadRow, TaskError> {
    let began = row.offset_bytes;
    let mut import = Import { running, ingest: &running.context.ingest, row };
    match import.fetch(url).await {
        Ok(()) => Ok(import.row),
        // What was gained is kept, so the attempt is not held against it.
        Err(TaskError::Retry { reason, detail }) if import.row.offset_bytes > began => {
            Err(TaskError::Infrastructure(format!("{} ({detail})", reason.code)))
        }
        Err(other) => Err(other),
    }
}

fn fail(code: &str, message: impl Into<String>) -> TaskError {
    TaskError::fail(Reason::new(code, message))
}

fn retry(detail: impl ToString) -> TaskError {
    let reason = Reason::new("import_unreachable", "The address did not answer, or broke off.");
    TaskError::Retry { reason, detail: detail.to_string() }
}

/// What ingest refuses fails the import for good; what failed beside it is no fault of the import.
fn refused(error: IngestError) -> TaskError {
    match error {
        IngestError::TooLarge(most) => fail("too_large", format!("It is larger than {most} bytes.")),
        IngestError::QuotaExceeded(what) => fail("quota_exceeded", format!("Your account may not have more {what}.")),
        IngestError::UnsupportedType(what) => fail("unsupported_type", what),
        // Imports have no parts and no declared type: such an upload is not this one any more.
        IngestError::LengthConflict
        | IngestError::LeaseLost
        | IngestError::UploadGone
        | IngestError::AccountGone
        | IngestError::TypeMismatch
        | IngestError::PartsMissing(_) => TaskError::Fenced,
        IngestError::Store(error) => error.into(),
        IngestError::Database(error) => error.into(),
        IngestError::Aborted(detail) => TaskError::Infrastructure(detail),
    }
}

/// What an answer says of the bytes that follow.
struct ResponseStart {
    /// Where they belong.
    offset: i64,
    /// Bytes of the whole.
    total: Option<i64>,
    validator: Option<String>,
}

struct Import<'a> {
    running: &'a Running,
    ingest: &'a Ingest,
    /// As it is now.
    row: UploadRow,
}

impl Import<'_> {
    async fn fetch(&mut self, url: &str) -> Result<(), TaskError> {
        let spent = clock::now().duration_since(self.running.task.due_at);
        let left =
            MOST_IN_ALL.checked_sub(spent).ok_or_else(|| fail("import_failed", "It takes too long."))?.min(MOST_A_RUN);
        let (outbound, deadline) = (&self.running.context.outbound, Instant::now() + left);
        let unreachable = |e| match e {
            OutboundError::Refused(why) => fail("import_refused", why),
            OutboundError::Unreachable(why) => retry(why),
        };
        let url = outbound.check(url).map_err(unreachable)?;
        let mut headers = HeaderMap::new();
        if let Some(validator) = self.row.validator.as_ref().filter(|_| self.row.offset_bytes > 0) {
            let range = HeaderValue::from_str(&format!("bytes={}-", self.row.offset_bytes));
            let same = HeaderValue::from_str(validator);
            if let (Ok(range), Ok(same)) = (range, same) {
                headers.insert(HeaderName::from_static("range"), range);
                headers.insert(HeaderName::from_static("if-range"), same);
            }
        }
        let answer = timeout_at(deadline, outbound.get(url, headers)).await.map_err(retry)?.map_err(unreachable)?;
        let start = response_start(&answer)?;
        let another = self.row.length_bytes.is_some_and(|l| start.total != Some(l));
        if start.offset != self.row.offset_bytes || another {
            self.start_again().await?;
            if start.offset != 0 {
                return Err(retry("another range than was asked for"));
            }
        }
        self.declare(&start).await?;
        self.receive(answer, start.total, deadline).await
    }

    /// Forgets what is there of an older state of the document.
    async fn start_again(&mut self) -> Result<(), TaskError> {
        let mut tx = self.ingest.db.begin().await?;
        // Before the upload's, as all others lock them.
        tx.packages().lock(self.running.task.package_id, clock::now()).await?;
        let gone = tx.uploads().restart(&self.row, self.running.task.token).await?;
        tx.commit().await?;
        // What dying here leaves behind, the hash task removes.
        self.ingest.discard(&gone).await.map_err(refused)?;
        (self.row.offset_bytes, self.row.length_bytes) = (0, None);
        Ok(())
    }

    /// Notes how long it will be, if the quota has room for it, and what tells this state of the document.
    async fn declare(&mut self, start: &ResponseStart) -> Result<(), TaskError> {
        let mut tx = match (start.total, self.row.length_bytes) {
            (Some(total), None) => {
                self.ingest.declare_length(&self.row, total).await.map_err(refused)?;
                self.row.length_bytes = Some(total);
                self.ingest.db.begin().await?
            }
            // What failed took no room; set to work again, it must have some.
            _ => {
                let mut tx = self.ingest.db.begin().await?;
                let (owner, request) = (self.row.owner_id, QuotaRequest::default());
                quota::check(&mut tx, &self.ingest.config, owner, request, clock::now()).await.map_err(refused)?;
                tx
            }
        };
        if self.row.offset_bytes == 0 {
            tx.uploads().set_validator(self.row.id, start.validator.as_deref()).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn receive(&mut self, answer: Response, total: Option<i64>, deadline: Instant) -> Result<(), TaskError> {
        let lease = UploadLease::of(&self.row, self.running.task.token, self.ingest.upload_ttl());
        let target = Target {
            source: self.row.source_id,
            recording: Recording::Immediate(lease),
            offset: self.row.offset_bytes.unsigned_abs(),
            limit: self.row.length_bytes.unwrap_or(self.ingest.max_upload_bytes()).unsigned_abs(),
            head: self.ingest.unidentified_head(&self.row).await.map_err(refused)?,
        };
        let Received { delivered_up_to, end, .. } = self.ingest.receive(target, chunks(answer, deadline)).await;
        self.row.offset_bytes = delivered_up_to as i64;
        match end {
            Ok(()) => {}
            Err(ReceiveError::Interrupted(why)) => return Err(retry(why)),
            Err(ReceiveError::Ingest(IngestError::TooLarge(_))) if self.row.length_bytes.is_some() => {
                return Err(retry("more bytes than were announced"));
            }
            Err(ReceiveError::Ingest(error)) => return Err(refused(error)),
        }
        match total {
            Some(total) if total != self.row.offset_bytes => Err(retry("it ended early")),
            Some(_) => Ok(()),
            None => {
                // Its end is its length; what is no film does not count towards the day.
                let whole = UploadRow { length_bytes: Some(self.row.offset_bytes), ..self.row.clone() };
                self.ingest.identify_delivered(&whole).await.map_err(refused)?;
                self.ingest.declare_length(&self.row, self.row.offset_bytes).await.map_err(refused)?;
                self.row = whole;
                Ok(())
            }
        }
    }
}

/// The bytes of an answer until its end, or until the deadline.
fn chunks(answer: Response, deadline: Instant) -> impl Stream<Item = Result<Bytes, String>> + Unpin {
    let next = move |answer: Option<Response>| async move {
        let mut answer = answer?;
        match timeout_at(deadline, answer.chunk()).await {
            Ok(Ok(chunk)) => chunk.map(|c| (Ok(c), Some(answer))),
            Ok(Err(error)) => Some((Err(error.to_string()), None)),
            Err(late) => Some((Err(late.to_string()), None)),
        }
    };
    stream::unfold(Some(answer), next).boxed()
}

/// A number of bytes, as a header says it.
fn length(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|n| *n >= 0)
}

/// Reads status and lengths of an answer.
fn response_start(answer: &Response) -> Result<ResponseStart, TaskError> {
    let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok());
    let validator = header("etag").filter(|e| !e.starts_with("W/")).map(ToOwned::to_owned);
    match answer.status().as_u16() {
        200 => {
            let total = header("content-length").and_then(length);
            if total == Some(0) {
                return Err(fail("empty_file", "There is nothing at this address."));
            }
            Ok(ResponseStart { offset: 0, total, validator })
        }
        206 => {
            let range = header("content-range").and_then(|r| r.strip_prefix("bytes "));
            let (span, total) = range.and_then(|r| r.split_once('/')).ok_or_else(|| retry("no Content-Range"))?;
            let offset = span.split('-').next().and_then(length).ok_or_else(|| retry("no Content-Range"))?;
            let total = length(total);
            if total.is_some_and(|t| t < offset) {
                return Err(retry("no Content-Range that can be"));
            }
            Ok(ResponseStart { offset, total, validator })
        }
        status @ (408 | 425 | 429 | 500..=599) => Err(retry(format!("status {status}"))),
        416 => Err(retry("the range is not there any more")),
        status => Err(fail("import_refused_by_server", format!("The server there answered with status {status}."))),
    }
}
