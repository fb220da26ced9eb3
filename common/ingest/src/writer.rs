//! The one writer: bytes become extents as they come. One buffer fills while two extents are being stored.
//!
//! Invariants: an object is stored before its row; extents are recorded in order, each only by whoever holds the
//! upload's lease. What came before a sender broke off is kept.

use crate::{
    Ingest, IngestError, ReceiveError, Recording, UploadLease, UploadMemoryShare, extent_key, sniff::SNIFF_BYTES,
};
use bytes::{Bytes, BytesMut};
use futures::{Stream, StreamExt};
use sluice_db::ExtentRow;
use sluice_model::SourceId;
use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};
use tokio::{sync::oneshot, task::JoinHandle};

/// On a slow line an extent is stored after so long, if it has so many bytes: work begins on them, and a cut
/// loses no more.
const SLOW: Duration = Duration::from_secs(2);
const SLOW_BYTES: usize = 256 << 10;
/// Extents of an upload that are stored at once: while one waits for the disk, the next is written.
const STORED_AT_ONCE: usize = 2;

/// What bytes are taken in for.
#[derive(Debug, Clone)]
pub struct Target {
    pub source: SourceId,
    pub recording: Recording,
    /// Where they continue the source.
    pub offset: u64,
    /// Bytes that the source may have in all.
    pub limit: u64,
    /// What is there of the first bytes, if they are to be looked at as they come.
    pub head: Option<Bytes>,
}

/// How far it went.
#[derive(Debug)]
pub struct Received<S> {
    /// The source has all bytes before this one stored, and recorded unless that is deferred.
    pub delivered_up_to: u64,
    /// Extents that are stored and not recorded.
    pub deferred: Vec<ExtentRow>,
    /// Why it ended early. What is counted is safe all the same.
    pub end: Result<(), ReceiveError<S>>,
}

impl Ingest {
    /// Takes bytes in until they end, break off, are refused or cannot be stored.
    pub async fn receive<S>(&self, target: Target, bytes: impl Stream<Item = Result<Bytes, S>> + Unpin) -> Received<S> {
        let share = self.memory.join();
        let mut writer = Writer {
            ingest: self.clone(),
            next: target.offset,
            delivered: target.offset,
            target,
            under_way: VecDeque::new(),
            turn: None,
            deferred: Vec::new(),
        };
        let mut end = store_all(&mut writer, &share, bytes).await;
        while !writer.under_way.is_empty() {
            if let Err(error) = writer.settle_oldest().await
                && !matches!(end, Err(ReceiveError::Ingest(_)))
            {
                end = Err(error.into());
            }
        }
        Received { delivered_up_to: writer.delivered, deferred: writer.deferred, end }
    }
}

impl Ingest {
    /// Takes bytes in whose recording waits for `verified`, which is asked once all of them came. `false` when it
    /// says no. Of bytes that are not recorded none stays.
    pub async fn receive_verified<S>(
        &self,
        lease: &UploadLease,
        target: Target,
        bytes: impl Stream<Item = Result<Bytes, S>> + Unpin,
        verified: impl FnOnce() -> bool,
    ) -> Result<bool, ReceiveError<S>> {
        let from = target.offset as i64;
        let Received { deferred, end, .. } =
            self.receive(Target { recording: Recording::Deferred, ..target }, bytes).await;
        let right = end.is_ok() && verified();
        let recorded = if right { self.record(lease, from, &deferred).await } else { Ok(()) };
        match recorded {
            Ok(()) if right => return Ok(true),
            Err(error) if !error.is_refusal() => return Err(error.into()),
            _ => {}
        }
        self.discard(&deferred).await?;
        end?;
        recorded?;
        Ok(false)
    }
}

/// Gives bytes to the writer as they come.
async fn store_all<S>(
    writer: &mut Writer,
    share: &UploadMemoryShare,
    mut bytes: impl Stream<Item = Result<Bytes, S>> + Unpin,
) -> Result<(), ReceiveError<S>> {
    let mut head = writer.target.head.clone();
    let mut buffer = BytesMut::with_capacity(share.extent_bytes());
    let mut filling = Instant::now();
    let mut end = Ok(());
    while let Some(chunk) = bytes.next().await {
        let mut rest = match chunk {
            Ok(chunk) => chunk,
            Err(error) => {
                end = Err(ReceiveError::Interrupted(error));
                break;
            }
        };
        while !rest.is_empty() {
            let full = share.extent_bytes();
            let free = full.saturating_sub(buffer.len());
            buffer.extend_from_slice(&rest.split_to(rest.len().min(free)));
            if let Some(before) = head.take_if(|h| h.len() + buffer.len() >= SNIFF_BYTES) {
                // Refused after the first kilobytes, before gigabytes are sent.
                let rest = &buffer[..SNIFF_BYTES - before.len()];
                writer.ingest.identify(writer.target.source, &[&before, rest].concat()).await?;
            }
            let slow = buffer.len() >= SLOW_BYTES && filling.elapsed() >= SLOW;
            if buffer.len() >= full || slow {
                // Few buffers take turns: fresh ones would leave the allocator with holes of their size.
                let spare = writer.begin(std::mem::take(&mut buffer).freeze()).await?;
                let fits = spare.filter(|b: &BytesMut| b.capacity() <= 2 * full);
                buffer = fits.unwrap_or_else(|| BytesMut::with_capacity(full));
                filling = Instant::now();
            }
        }
    }
    if !buffer.is_empty() {
        writer.begin(buffer.freeze()).await?;
    }
    end
}

/// An extent that is being stored: its bytes again, whose buffer is used anew, and its row.
type Storing = JoinHandle<Result<(Bytes, ExtentRow), IngestError>>;

struct Writer {
    ingest: Ingest,
    target: Target,
    /// Where the next extent begins.
    next: u64,
    /// Where the last one that is safe ended.
    delivered: u64,
    /// In order.
    under_way: VecDeque<Storing>,
    /// Told when the last of them is recorded.
    turn: Option<oneshot::Receiver<()>>,
    deferred: Vec<ExtentRow>,
}

impl Writer {
    /// Begins to store an extent beside the one before, to be recorded after that one; gives a free buffer back.
    async fn begin(&mut self, data: Bytes) -> Result<Option<BytesMut>, IngestError> {
        let limit = self.target.limit;
        if self.next + data.len() as u64 > limit {
            return Err(IngestError::TooLarge(limit));
        }
        let free = if self.under_way.len() == STORED_AT_ONCE { self.settle_oldest().await? } else { None };
        let extent = ExtentRow {
            offset_bytes: self.next as i64,
            size_bytes: data.len() as i64,
            // Random: of two requests that continue at one place, neither overwrites the other's bytes.
            number: (rand::random::<u64>() >> 1) as i64,
            home: self.target.source,
        };
        self.next += data.len() as u64;
        let (done, turn) = oneshot::channel();
        let before = self.turn.replace(turn);
        let (ingest, recording) = (self.ingest.clone(), self.target.recording);
        self.under_way.push_back(tokio::spawn(async move {
            ingest.store_then_record(recording, before, &extent, data.clone()).await?;
            // Nobody listens after the last extent.
            let _ = done.send(());
            Ok((data, extent))
        }));
        Ok(free)
    }

    /// Waits until the oldest extent under way is safe; its buffer, unless somebody still has it.
    async fn settle_oldest(&mut self) -> Result<Option<BytesMut>, IngestError> {
        let Some(storing) = self.under_way.pop_front() else { return Ok(None) };
        let (data, extent) = storing.await.map_err(|e| IngestError::Aborted(e.to_string()))??;
        self.delivered = (extent.offset_bytes + extent.size_bytes).unsigned_abs();
        sluice_metrics::uploaded(extent.size_bytes.unsigned_abs());
        if matches!(self.target.recording, Recording::Deferred) {
            self.deferred.push(extent);
        }
        // The store's client may hold it a moment longer: then a new one is made.
        Ok(data.try_into_mut().ok().map(|mut b| {
            b.clear();
            b
        }))
    }
}

impl Ingest {
    /// Stores an extent, waits until the one `before` it is recorded, and records it. What is refused is deleted.
    async fn store_then_record(
        &self,
        recording: Recording,
        before: Option<oneshot::Receiver<()>>,
        extent: &ExtentRow,
        data: Bytes,
    ) -> Result<(), IngestError> {
        let key = extent_key(extent);
        self.store.put(&key, data).await?;
        let in_order = match before {
            Some(before) => before.await.is_ok(),
            None => true,
        };
        let recorded = match recording {
            _ if !in_order => Err(IngestError::LeaseLost),
            Recording::Deferred => Ok(()),
            Recording::Immediate(lease) => self.record(&lease, extent.offset_bytes, std::slice::from_ref(extent)).await,
        };
        if recorded.as_ref().is_err_and(IngestError::is_refusal) {
            // After a failure of the database the row may be there and name these bytes: then they stay, and if
            // there is none the hash task removes them with whatever else no row names.
            self.store.delete(&key).await?;
        }
        recorded
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, film, sent};
    use sluice_model::UploadKind;

    /// More than a few extents, and not a whole number of them.
    const BYTES: usize = 30_000_001;

    #[tokio::test]
    async fn bytes_become_extents_in_order() {
        let world = World::new("").await;
        let data = film(BYTES);
        let upload = world.upload(Some(BYTES as i64), UploadKind::Tus, None).await;
        let received = world.receive(upload.id, &data, None).await;
        assert!(received.end.is_ok(), "{received:?}");
        assert_eq!(received.delivered_up_to, BYTES as u64);
        assert_eq!(world.row(upload.id).await.offset_bytes, BYTES as i64);
        assert!(world.objects(upload.source_id).await >= 4);
        assert!(world.read(upload.source_id).await == data);
    }

    #[tokio::test]
    async fn what_came_before_a_cut_is_kept_and_gone_on_with() {
        let world = World::new("").await;
        let data = film(BYTES);
        let upload = world.upload(Some(BYTES as i64), UploadKind::Tus, None).await;
        let cut = world.receive(upload.id, &data[..9_000_000], Some("cut")).await;
        assert!(matches!(cut.end, Err(ReceiveError::Interrupted("cut"))), "{cut:?}");
        assert_eq!(world.row(upload.id).await.offset_bytes, 9_000_000);
        world.receive(upload.id, &data[9_000_000..], None).await.end.unwrap();
        assert!(world.read(upload.source_id).await == data);
    }

    #[tokio::test]
    async fn who_lost_the_lease_leaves_nothing() {
        let world = World::new("").await;
        let upload = world.upload(Some(BYTES as i64), UploadKind::Tus, None).await;
        let (row, old) = world.lease(upload.id).await;
        world.lease(upload.id).await;
        let target = world.target(&row, Recording::Immediate(old)).await;
        let lost = world.ingest.receive(target, sent(&film(BYTES), None)).await;
        assert!(matches!(lost.end, Err(ReceiveError::Ingest(IngestError::LeaseLost))), "{lost:?}");
        assert_eq!(lost.delivered_up_to, 0);
        assert_eq!((world.row(upload.id).await.offset_bytes, world.objects(upload.source_id).await), (0, 0));
    }

    #[tokio::test]
    async fn more_bytes_than_there_may_be_are_refused_and_those_before_counted() {
        let world = World::new("").await;
        let upload = world.upload(Some(9_000_000), UploadKind::Tus, None).await;
        let long = world.receive(upload.id, &film(BYTES), None).await;
        assert!(matches!(long.end, Err(ReceiveError::Ingest(IngestError::TooLarge(9_000_000)))), "{long:?}");
        let counted = world.row(upload.id).await.offset_bytes;
        assert_eq!((counted as u64, world.read(upload.source_id).await.len() as i64), (long.delivered_up_to, counted));
    }

    #[tokio::test]
    async fn no_byte_is_counted_that_is_not_stored() {
        let world = World::new("").await;
        let upload = world.upload(Some(9000), UploadKind::Tus, None).await;
        let folder = world.dir.path().join("store");
        std::fs::remove_dir_all(&folder).unwrap();
        std::fs::write(&folder, "no folder").unwrap();
        let failed = world.receive(upload.id, &film(9000), None).await;
        assert!(matches!(failed.end, Err(ReceiveError::Ingest(IngestError::Store(_)))), "{failed:?}");
        assert_eq!((failed.delivered_up_to, world.row(upload.id).await.offset_bytes), (0, 0));
    }

    #[tokio::test]
    async fn what_must_be_verified_is_recorded_whole_or_not_at_all() {
        let world = World::new("").await;
        let data = film(BYTES);
        for (cut, right, kept) in [(None, true, true), (None, false, false), (Some("cut"), true, false)] {
            let upload = world.upload(Some(BYTES as i64), UploadKind::Tus, None).await;
            let (row, lease) = world.lease(upload.id).await;
            let target = world.target(&row, Recording::Deferred).await;
            let target = Target { head: None, ..target };
            let done = world.ingest.receive_verified(&lease, target, sent(&data, cut), || right).await;
            assert_eq!(done.is_err(), cut.is_some());
            assert_eq!(done.unwrap_or(false), kept);
            let there = world.row(upload.id).await.offset_bytes;
            assert_eq!((there > 0, world.objects(upload.source_id).await > 0), (kept, kept));
        }
    }
}
