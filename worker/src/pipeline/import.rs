//! Fetching a film that somebody named by its URL: what arrives is an upload like any other.
//!
//! A run that dies or is cut goes on where its last recorded extent ended, if the server says that the
//! document is still the same (RFC 9110 section 13.1.5); else it starts again.

use crate::task::{Running, TaskError};
use bytes::{Bytes, BytesMut};
use sluice_db::{ExtentRow, Tx, UploadRow};
use sluice_ingest::{
    arrival, arrival::ImportPayload, quota, quota::Answer, quota::Asked, sniff::SNIFF_BYTES, sniff::sniff,
};
use sluice_model::{Reason, clock};
use sluice_net::{HeaderMap, HeaderName, HeaderValue, OutboundError, Response};
use sluice_storage::Key;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// Bytes of an extent.
const EXTENT_BYTES: usize = 8 << 20;
/// Longest run.
const LONGEST: Duration = Duration::from_secs(6 * 3600);
/// Longest import with all its runs: whoever drips holds a place that others wait for.
const IN_ALL: Duration = Duration::from_secs(24 * 3600);

/// Runs an import.
pub async fn run(running: &Running) -> Result<(), TaskError> {
    let (db, task) = (&running.context.db, &running.task);
    let payload: ImportPayload = serde_json::from_str(&task.payload).map_err(TaskError::corrupt)?;
    let now = clock::now_us();
    // None: it was given up, or it is complete and only the answer was lost.
    let row = db.upload_of(task.source_id).await?.ok_or(TaskError::Fenced)?;
    if row.completed_us.is_none() && row.length_bytes != Some(row.offset_bytes) {
        let row = db.take_upload(row.id, task.token, now, now + kept_us(running)).await?.ok_or(TaskError::Fenced)?;
        let began = row.offset_bytes;
        let mut import = Import { running, row };
        import.fetch(&payload.url).await.map_err(|e| match e {
            // What was gained is kept, so the attempt is not held against it.
            TaskError::Retry { reason, detail } if import.row.offset_bytes > began => {
                TaskError::Infrastructure(format!("{} ({detail})", reason.code))
            }
            other => other,
        })?;
    }
    let mut tx = db.begin().await?;
    tx.lock_package(task.package_id, now).await?;
    tx.hold_claim(task.id, task.token, 1.0).await?;
    arrival::complete_in(&mut tx, row.id, clock::now_us()).await?;
    tx.complete_task(task.id, clock::now_us()).await?;
    tx.commit().await?;
    running.context.wake.push(2).await;
    Ok(())
}

fn kept_us(running: &Running) -> i64 {
    i64::try_from(running.context.config.retention.gc_window.as_micros()).unwrap_or(0).max(1_000_000)
}

fn fail(code: &str, message: impl Into<String>) -> TaskError {
    TaskError::fail(Reason::new(code, message))
}

fn again(detail: impl ToString) -> TaskError {
    let reason = Reason::new("import_unreachable", "The address did not answer, or broke off.");
    TaskError::Retry { reason, detail: detail.to_string() }
}

/// What an answer says of the bytes that follow.
struct Begun {
    /// Where they belong.
    offset: i64,
    /// Bytes of the whole.
    total: Option<i64>,
    validator: Option<String>,
}

struct Import<'a> {
    running: &'a Running,
    row: UploadRow,
}

impl Import<'_> {
    async fn fetch(&mut self, url: &str) -> Result<(), TaskError> {
        let spent = Duration::from_micros(u64::try_from(clock::now_us() - self.running.task.due_us).unwrap_or(0));
        let left = IN_ALL.checked_sub(spent).ok_or_else(|| fail("import_failed", "It takes too long."))?.min(LONGEST);
        let (outbound, deadline) = (&self.running.context.outbound, Instant::now() + left);
        let refused = |e| match e {
            OutboundError::Refused(why) => fail("import_refused", why),
            OutboundError::Unreachable(why) => again(why),
        };
        let url = outbound.check(url).map_err(refused)?;
        let mut headers = HeaderMap::new();
        if let Some(validator) = self.row.validator.as_ref().filter(|_| self.row.offset_bytes > 0) {
            let range = HeaderValue::from_str(&format!("bytes={}-", self.row.offset_bytes));
            let same = HeaderValue::from_str(validator);
            if let (Ok(range), Ok(same)) = (range, same) {
                headers.insert(HeaderName::from_static("range"), range);
                headers.insert(HeaderName::from_static("if-range"), same);
            }
        }
        let answer = timeout_at(deadline, outbound.get(url, headers)).await.map_err(again)?.map_err(refused)?;
        let begun = begun(&answer)?;
        let another = self.row.length_bytes.is_some_and(|l| begun.total != Some(l));
        if begun.offset != self.row.offset_bytes || another {
            self.start_again().await?;
            if begun.offset != 0 {
                return Err(again("another range than was asked for"));
            }
        }
        self.announce(&begun).await?;
        self.receive(answer, begun.total, deadline).await
    }

    /// Forgets what is there of an older state of the document.
    async fn start_again(&mut self) -> Result<(), TaskError> {
        let context = &self.running.context;
        let mut tx = context.db.begin().await?;
        let gone = tx.restart_upload(&self.row, self.running.task.token).await?;
        tx.commit().await?;
        // What dying here leaves behind, the hash task removes.
        for e in gone {
            context.store.delete(&Key::Extent { source: e.home, number: e.number.unsigned_abs() }).await?;
        }
        (self.row.offset_bytes, self.row.length_bytes) = (0, None);
        Ok(())
    }

    /// Notes how long it will be, if the quota has room for it.
    async fn announce(&mut self, begun: &Begun) -> Result<(), TaskError> {
        let mut tx = self.running.context.db.begin().await?;
        match (begun.total, self.row.length_bytes) {
            (Some(total), None) => {
                self.fits(total)?;
                let asked = Asked { stored_bytes: total - self.row.offset_bytes, day_bytes: total, ..Asked::default() };
                let now = clock::now_us();
                self.room(&mut tx, asked).await?;
                tx.count_daily(self.row.owner_id, total, now).await?;
                if !tx.set_upload_length(self.row.id, total).await? {
                    return Err(TaskError::Fenced);
                }
                self.row.length_bytes = Some(total);
            }
            // What failed took no room; set to work again, it must have some.
            _ => self.room(&mut tx, Asked::default()).await?,
        }
        if self.row.offset_bytes == 0 {
            tx.set_validator(self.row.id, begun.validator.as_deref()).await?;
        }
        Ok(tx.commit().await?)
    }

    async fn room(&self, tx: &mut Tx, asked: Asked) -> Result<(), TaskError> {
        match quota::check(tx, &self.running.context.config, self.row.owner_id, asked, clock::now_us()).await? {
            Answer::Room => Ok(()),
            Answer::Exceeded(what) => Err(fail("quota_exceeded", format!("Your account may not have more {what}."))),
            Answer::Gone => Err(TaskError::Fenced),
        }
    }

    fn fits(&self, bytes: i64) -> Result<(), TaskError> {
        let most = self.running.context.config.ingest.max_upload_bytes;
        if bytes.unsigned_abs() <= most {
            return Ok(());
        }
        Err(fail("too_large", format!("It is larger than {most} bytes.")))
    }

    async fn receive(&mut self, answer: Response, total: Option<i64>, deadline: Instant) -> Result<(), TaskError> {
        let mut answer = answer;
        let mut buffer = BytesMut::with_capacity(EXTENT_BYTES);
        let mut known = self.row.offset_bytes > 0;
        loop {
            let chunk = timeout_at(deadline, answer.chunk()).await.map_err(again)?;
            let cut = chunk.as_ref().err().map(ToString::to_string);
            let chunk = chunk.ok().flatten();
            let ended = chunk.is_none();
            buffer.extend_from_slice(&chunk.unwrap_or_default());
            if !known && (buffer.len() >= SNIFF_BYTES || (ended && cut.is_none())) {
                self.look_at(&buffer).await?;
                known = true;
            }
            while buffer.len() >= EXTENT_BYTES || (ended && known && !buffer.is_empty()) {
                let extent = buffer.split_to(buffer.len().min(EXTENT_BYTES)).freeze();
                self.store(extent).await?;
            }
            if let Some(cut) = cut {
                return Err(again(cut));
            }
            if ended {
                break;
            }
        }
        match total {
            Some(total) if total != self.row.offset_bytes => Err(again("it ended early")),
            Some(_) => Ok(()),
            None => {
                let all = self.row.offset_bytes;
                self.announce(&Begun { offset: all, total: Some(all), validator: None }).await
            }
        }
    }

    async fn look_at(&self, head: &[u8]) -> Result<(), TaskError> {
        let demuxer = sniff(head).ok_or_else(|| {
            fail("unsupported_type", "What is at this address is no video or audio that is supported.")
        })?;
        Ok(self.running.context.db.set_content_type(self.row.source_id, demuxer.content_type()).await?)
    }

    /// Stores an extent, then records it, as long as this run holds the upload.
    async fn store(&mut self, data: Bytes) -> Result<(), TaskError> {
        let (context, task) = (&self.running.context, &self.running.task);
        let (offset, size) = (self.row.offset_bytes, data.len() as i64);
        self.fits(offset + size)?;
        if self.row.length_bytes.is_none() {
            let mut tx = context.db.begin().await?;
            self.room(&mut tx, Asked { stored_bytes: size, ..Asked::default() }).await?;
            tx.commit().await?;
        }
        let number = rand::random::<u64>() >> 1;
        let key = Key::Extent { source: self.row.source_id, number };
        context.store.put(&key, data).await?;
        let extent =
            ExtentRow { offset_bytes: offset, size_bytes: size, number: number as i64, home: self.row.source_id };
        let now = clock::now_us();
        let mut tx = context.db.begin().await?;
        let expires = now + kept_us(self.running);
        if !tx.advance_upload(self.row.id, task.token, offset, &[extent], now, expires).await? {
            drop(tx);
            context.store.delete(&key).await?;
            return Err(TaskError::Fenced);
        }
        tx.commit().await?;
        self.row.offset_bytes += size;
        if offset == 0 {
            arrival::plan_early(&context.db, self.row.id).await?;
        }
        Ok(())
    }
}

/// A number of bytes, as a header says it.
fn length(text: &str) -> Option<i64> {
    text.parse::<i64>().ok().filter(|n| *n >= 0)
}

/// Reads status and lengths of an answer.
fn begun(answer: &Response) -> Result<Begun, TaskError> {
    let header = |name: &str| answer.headers().get(name).and_then(|v| v.to_str().ok());
    let validator = header("etag").filter(|e| !e.starts_with("W/")).map(ToOwned::to_owned);
    match answer.status().as_u16() {
        200 => {
            let total = header("content-length").and_then(length);
            if total == Some(0) {
                return Err(fail("empty_file", "There is nothing at this address."));
            }
            Ok(Begun { offset: 0, total, validator })
        }
        206 => {
            let range = header("content-range").and_then(|r| r.strip_prefix("bytes "));
            let (span, total) = range.and_then(|r| r.split_once('/')).ok_or_else(|| again("no Content-Range"))?;
            let offset = span.split('-').next().and_then(length).ok_or_else(|| again("no Content-Range"))?;
            let total = length(total);
            if total.is_some_and(|t| t < offset) {
                return Err(again("no Content-Range that can be"));
            }
            Ok(Begun { offset, total, validator })
        }
        status @ (408 | 425 | 429 | 500..=599) => Err(again(format!("status {status}"))),
        416 => Err(again("the range is not there any more")),
        status => Err(fail("import_refused_by_server", format!("The server there answered with status {status}."))),
    }
}
