//! Bytes become extents as they arrive: bounded memory, and nothing counted that is not stored.
//!
//! An object is stored before its row; a row is written only by whoever holds the upload. What arrived
//! before a connection broke is kept.

use crate::{
    pipeline::{
        quota::{QuotaError, check_quota},
        uploads::UploadError,
    },
    state::{AppState, UploadMemoryShare},
};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use sluice_db::{ExtentRow, UploadRow};
use sluice_ingest::{arrival, quota::Asked, sniff::Demuxer, sniff::SNIFF_BYTES, sniff::sniff};
use sluice_model::clock;
use sluice_storage::Key;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use tokio::{sync::oneshot, task::JoinHandle};
use uuid::Uuid;

/// On a slow line an extent is stored after so long, if it has so many bytes: work begins on them, and a cut
/// loses no more.
const SLOW: Duration = Duration::from_secs(2);
const SLOW_BYTES: usize = 256 << 10;
/// Extents of an upload that are stored at once: while one waits for the disk, the next is written.
const STORED_AT_ONCE: usize = 2;

/// Where recorded extents go.
#[derive(Debug, Clone, Copy)]
pub enum Ledger {
    Upload(Hold),
    /// Nowhere yet: a checksum must be right first.
    Held,
}

/// An upload, as long as this request holds it.
#[derive(Debug, Clone, Copy)]
pub struct Hold {
    pub id: Uuid,
    pub holder: Uuid,
    /// Every extent puts its expiry off by so long, microseconds.
    kept_us: i64,
    owner: Uuid,
    /// Where nobody has said how long it will be, every extent is asked for: bytes that the usage has already.
    open: Option<i64>,
}

impl Hold {
    /// That of a request on an upload.
    pub fn of(row: &UploadRow, holder: Uuid, kept_us: i64) -> Self {
        let open = row.length_bytes.is_none().then_some(row.reserved_bytes);
        Self { id: row.id, holder, kept_us, owner: row.owner_id, open }
    }

    /// Records stored extents, which continue the upload at `from`. `false` when another request has it by now, or
    /// the sweep gave it up.
    pub async fn advance(&self, state: &AppState, from: i64, extents: &[ExtentRow]) -> Result<bool, UploadError> {
        let now = clock::now_us();
        let mut tx = state.db.begin().await?;
        if self.open.is_some() {
            // The account before the upload, as in announcing its length.
            tx.lock_user(self.owner).await?;
        }
        if !tx.advance_upload(self.id, self.holder, from, extents, now, now + self.kept_us).await? {
            return Ok(false);
        }
        if let Some(reserved) = self.open {
            // Its bytes are in the usage now, but not in the day.
            let there = from + extents.iter().map(|e| e.size_bytes).sum::<i64>();
            let asked = Asked { day_bytes: (there - reserved).max(0), ..Asked::default() };
            check_quota(state, &mut tx, self.owner, asked, now).await?;
        }
        tx.commit().await?;
        // They are recorded, whatever happens now; what is not planned here, a sweep lets be planned.
        if from == 0
            && let Err(error) = arrival::plan_early(&state.db, self.id).await
        {
            tracing::warn!(upload = %self.id, %error, "nothing was planned early");
        }
        Ok(true)
    }
}

/// What bytes are taken in for.
#[derive(Debug, Clone)]
pub struct Target {
    pub source: Uuid,
    pub ledger: Ledger,
    /// Where they continue the source.
    pub offset: u64,
    /// Bytes that the source may have in all.
    pub limit: u64,
    /// What is there of the first bytes, if they are to be judged as they come.
    pub head: Option<Bytes>,
}

/// How far it went.
#[derive(Debug, Default)]
pub struct Taken {
    /// Bytes of the source that are stored and recorded, or held.
    pub offset: u64,
    /// Extents that are stored and not recorded.
    pub held: Vec<ExtentRow>,
    /// Why it ended early. What is counted is safe all the same.
    pub cut: Option<UploadError>,
}

/// Takes bytes in until they end or break off. `Err` when they are refused or cannot be stored; where extents are
/// held that is why they are cut, so that whoever gave them out hears of all of them.
pub async fn receive(
    state: &AppState,
    share: UploadMemoryShare,
    target: Target,
    bytes: impl Stream<Item = Result<Bytes, UploadError>> + Unpin,
) -> Result<Taken, UploadError> {
    let mut writer = Writer { state: state.clone(), target, under_way: VecDeque::new(), turn: None, held: Vec::new() };
    let mut end = store_all(&mut writer, share, bytes).await;
    while !writer.under_way.is_empty() {
        if let Err(error) = writer.wait().await
            && end.is_ok()
        {
            end = Err(error);
        }
    }
    let cut = match (end, writer.target.ledger) {
        (Ok(cut), _) => cut,
        (Err(error), Ledger::Held) => Some(error),
        (Err(error), Ledger::Upload(_)) => return Err(error),
    };
    Ok(Taken { offset: writer.target.offset, held: writer.held, cut })
}

/// Gives bytes to the writer as they come; why they broke off, if they did.
async fn store_all(
    writer: &mut Writer,
    share: UploadMemoryShare,
    mut bytes: impl Stream<Item = Result<Bytes, UploadError>> + Unpin,
) -> Result<Option<UploadError>, UploadError> {
    let mut head = writer.target.head.clone();
    let mut buffer = BytesMut::with_capacity(share.extent_bytes());
    let mut filling = Instant::now();
    let mut cut = None;
    loop {
        let mut rest = match bytes.next().await {
            None => break,
            Some(Err(error)) => {
                cut = Some(error);
                break;
            }
            Some(Ok(chunk)) => chunk,
        };
        while !rest.is_empty() {
            let full = share.extent_bytes();
            let room = full.saturating_sub(buffer.len());
            buffer.extend_from_slice(&rest.split_to(rest.len().min(room)));
            if let Some(before) = head.take_if(|h| h.len() + buffer.len() >= SNIFF_BYTES) {
                // Refused after the first kilobytes, before gigabytes are sent.
                let (source, rest) = (writer.target.source, &buffer[..SNIFF_BYTES - before.len()]);
                accepted(&writer.state, source, &[&before, rest].concat()).await?;
            }
            let slow = buffer.len() >= SLOW_BYTES && filling.elapsed() >= SLOW;
            if buffer.len() >= full || slow {
                // Few buffers take turns: fresh ones would leave the allocator with holes of their size.
                let spare = writer.store(std::mem::take(&mut buffer).freeze()).await?;
                let fits = spare.filter(|b: &BytesMut| b.capacity() <= 2 * full);
                buffer = fits.unwrap_or_else(|| BytesMut::with_capacity(full));
                filling = Instant::now();
            }
        }
    }
    if !buffer.is_empty() {
        writer.store(buffer.freeze()).await?;
    }
    Ok(cut)
}

struct Writer {
    state: AppState,
    target: Target,
    /// Extents that are being stored, in order.
    under_way: VecDeque<JoinHandle<Result<(Bytes, ExtentRow), UploadError>>>,
    /// Told when the last of them is recorded.
    turn: Option<oneshot::Receiver<()>>,
    held: Vec<ExtentRow>,
}

impl Writer {
    /// Begins to store an extent beside the one before, and records it after that one; gives a free buffer back.
    async fn store(&mut self, data: Bytes) -> Result<Option<BytesMut>, UploadError> {
        let Target { source, ledger, offset, limit, .. } = self.target;
        if offset + data.len() as u64 > limit {
            return Err(UploadError::TooLarge(limit));
        }
        let free = if self.under_way.len() == STORED_AT_ONCE { self.wait().await? } else { None };
        self.target.offset += data.len() as u64;
        let state = self.state.clone();
        let (done, turn) = oneshot::channel();
        let before = self.turn.replace(turn);
        self.under_way.push_back(tokio::spawn(async move {
            // Random: of two requests that continue at one place, neither overwrites the other's bytes.
            let number = rand::random::<u64>() >> 1;
            let key = Key::Extent { source, number };
            state.store.put(&key, data.clone()).await?;
            let extent = ExtentRow {
                offset_bytes: offset as i64,
                size_bytes: data.len() as i64,
                number: number as i64,
                home: source,
            };
            let in_order = match before {
                Some(before) => before.await.is_ok(),
                None => true,
            };
            let recorded = match ledger {
                _ if !in_order => Ok(false),
                Ledger::Held => Ok(true),
                Ledger::Upload(hold) => hold.advance(&state, extent.offset_bytes, std::slice::from_ref(&extent)).await,
            };
            match recorded {
                Ok(true) => {}
                Ok(false) | Err(UploadError::Quota(QuotaError::QuotaExceeded(_))) => {
                    state.store.delete(&key).await?;
                    return Err(recorded.err().unwrap_or(UploadError::TakenOver));
                }
                // A commit whose answer was lost may have been made: then its row names these bytes. Otherwise they
                // go with the upload's other strays.
                Err(error) => return Err(error),
            }
            // Nobody listens after the last extent.
            let _ = done.send(());
            Ok((data, extent))
        }));
        Ok(free)
    }

    async fn wait(&mut self) -> Result<Option<BytesMut>, UploadError> {
        let Some(stored) = self.under_way.pop_front() else { return Ok(None) };
        let (data, extent) = stored.await.map_err(|_| UploadError::Internal)??;
        if matches!(self.target.ledger, Ledger::Held) {
            self.held.push(extent);
        }
        // Nobody else holds it any more, unless the store's client still does: then a new one is made.
        Ok(data.try_into_mut().ok().map(|mut b| {
            b.clear();
            b
        }))
    }
}

/// Notes what a source is by its first bytes; refuses what is no video or audio.
pub async fn accepted(state: &AppState, source: Uuid, head: &[u8]) -> Result<Demuxer, UploadError> {
    let demuxer = sniff(head).ok_or(UploadError::UnsupportedType)?;
    state.db.set_content_type(source, demuxer.content_type()).await?;
    Ok(demuxer)
}
