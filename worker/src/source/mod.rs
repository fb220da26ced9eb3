//! Reading a source by range: extents in the store, or one local file.
//!
//! Invariant: bounded memory (a few blocks), nothing on local disk. Bytes that were not delivered yet are told
//! apart from the end: who wants them waits a moment, then gives up for now.

pub mod moov;

use bytes::Bytes;
use sluice_db::{Db, DbError};
use sluice_ingest::ExtentReader;
use sluice_model::{SourceId, SourceStatus};
use sluice_storage::{Store, StoreError};
use std::{collections::VecDeque, fs::File, os::unix::fs::FileExt, sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::sleep};

/// Unit of reading and of read-ahead.
const BLOCK_BYTES: u64 = 1 << 20;
/// Blocks kept: demuxers go back and forth between neighbouring tracks.
const KEPT_BLOCKS: usize = 8;

/// How long a run waits for bytes that are on their way, in all, and how often it looks.
const PATIENCE: Duration = Duration::from_secs(4);
const LOOK: Duration = Duration::from_millis(200);

/// Why bytes cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The store said no.
    #[error("{0}")]
    Store(#[from] StoreError),
    /// They are still on their way: so many bytes must be there first.
    #[error("{0} bytes have not arrived")]
    NotArrived(u64),
    /// The database did not say which there are.
    #[error("{0}")]
    Database(#[from] DbError),
}

/// Of a source whose upload is under way: where to ask for more of it.
#[derive(Debug, Clone)]
pub struct Delivery {
    db: Db,
    store: Store,
    id: SourceId,
    /// Bytes of all that will be.
    total: u64,
    /// What is left of this run's waiting: who waits holds a core.
    patience: Duration,
}

/// Where the bytes are.
#[derive(Debug, Clone)]
pub enum Source {
    /// An uploaded source.
    Extents {
        reader: ExtentReader,
        /// Set while more will come.
        delivery: Option<Delivery>,
    },
    /// A file of the offline command, and its size in bytes.
    File(Arc<File>, u64),
}

impl Source {
    /// An uploaded source, all of it or as far as it was delivered.
    pub async fn open(db: &Db, store: &Store, id: SourceId) -> Result<Self, SourceError> {
        // In this order: what is live after its extents were read has them all.
        let row = db.sources().find(id).await?.ok_or(DbError::Fenced)?;
        if row.status == SourceStatus::Deleting {
            return Err(DbError::Fenced.into());
        }
        let reader = ExtentReader::open(db, store, id).await?;
        let total = row.total_bytes.unwrap_or(i64::MAX) as u64;
        let delivery = (row.status == SourceStatus::Receiving).then(|| Delivery {
            db: db.clone(),
            store: store.clone(),
            id,
            total,
            patience: PATIENCE,
        });
        Ok(Self::Extents { reader, delivery })
    }

    /// Size in bytes, of all that will be.
    pub fn size(&self) -> u64 {
        match self {
            Self::Extents { delivery: Some(d), .. } => d.total,
            _ => self.delivered_up_to(),
        }
    }

    /// Bytes that are here: all before this one.
    pub fn delivered_up_to(&self) -> u64 {
        match self {
            Self::Extents { reader, .. } => reader.delivered_up_to(),
            Self::File(_, size) => *size,
        }
    }

    /// Bytes of the first piece.
    pub fn first_bytes(&self) -> u64 {
        match self {
            Self::Extents { reader, .. } => reader.first_extent_bytes(),
            Self::File(_, size) => *size,
        }
    }

    /// What is here now, as if that were all of it.
    pub fn so_far(self) -> Self {
        match self {
            Self::Extents { reader, .. } => Self::Extents { reader, delivery: None },
            file => file,
        }
    }

    /// Waits a moment until the byte at `offset` is here.
    async fn wait_for(&mut self, offset: u64) -> Result<(), SourceError> {
        while offset >= self.delivered_up_to() && offset < self.size() {
            let Self::Extents { reader, delivery: Some(d) } = self else { return Ok(()) };
            if d.patience.is_zero() {
                return Err(SourceError::NotArrived(offset + 1));
            }
            d.patience = d.patience.saturating_sub(LOOK);
            sleep(LOOK).await;
            *reader = ExtentReader::open(&d.db, &d.store, d.id).await?;
        }
        Ok(())
    }

    /// Up to `length` bytes at `offset`; fewer only at the end of what is here.
    pub async fn read_at(&self, offset: u64, length: u64) -> Result<Bytes, StoreError> {
        let end = offset.saturating_add(length).min(self.delivered_up_to());
        if offset >= end {
            return Ok(Bytes::new());
        }
        match self {
            Self::Extents { reader, .. } => reader.read(offset..end).await,
            Self::File(file, _) => {
                let file = file.clone();
                let read = move || -> std::io::Result<Vec<u8>> {
                    let mut data = vec![0; (end - offset) as usize];
                    file.read_exact_at(&mut data, offset)?;
                    Ok(data)
                };
                let data =
                    tokio::task::spawn_blocking(read).await.map_err(|e| StoreError::Unavailable(e.to_string()))?;
                data.map(Bytes::from).map_err(|e| StoreError::Unavailable(e.to_string()))
            }
        }
    }
}

/// A block that is being read: number, reading, length.
type Ahead = (u64, JoinHandle<Result<Bytes, StoreError>>, usize);

/// A reader with read-ahead, for one child.
#[derive(Debug)]
pub struct SourceReader {
    source: Source,
    blocks: VecDeque<(u64, Bytes)>,
    ahead: Option<Ahead>,
    last: Option<u64>,
}

impl SourceReader {
    /// A reader over `source`.
    pub fn new(source: Source) -> Self {
        Self { source, blocks: VecDeque::new(), ahead: None, last: None }
    }

    /// At least one and up to `length` bytes at `offset`, from one block; none at the end.
    pub async fn read(&mut self, offset: u64, length: usize) -> Result<Bytes, SourceError> {
        if offset >= self.source.size() {
            return Ok(Bytes::new());
        }
        self.source.wait_for(offset).await?;
        let number = offset / BLOCK_BYTES;
        let block = self.block(number).await?;
        let from = ((offset % BLOCK_BYTES) as usize).min(block.len());
        let to = (from + length).min(block.len());
        Ok(block.slice(from..to))
    }

    async fn block(&mut self, number: u64) -> Result<Bytes, StoreError> {
        let sequential = self.last.is_some_and(|l| l + 1 == number);
        self.last = Some(number);
        // What was kept before its end was delivered is too short by now.
        let whole = (self.source.delivered_up_to() - number * BLOCK_BYTES).min(BLOCK_BYTES) as usize;
        self.blocks.retain(|b| b.0 != number || b.1.len() == whole);
        if let Some((_, block)) = self.blocks.iter().find(|b| b.0 == number) {
            return Ok(block.clone());
        }
        let ahead = self.ahead.take();
        let block = match ahead {
            Some((n, handle, length)) if n == number && length == whole => {
                handle.await.map_err(|e| StoreError::Unavailable(e.to_string()))??
            }
            other => {
                self.ahead = other;
                self.source.read_at(number * BLOCK_BYTES, BLOCK_BYTES).await?
            }
        };
        if self.blocks.len() == KEPT_BLOCKS {
            self.blocks.pop_front();
        }
        self.blocks.push_back((number, block.clone()));
        let next = number + 1;
        if sequential && next * BLOCK_BYTES < self.source.delivered_up_to() && self.blocks.iter().all(|b| b.0 != next) {
            let source = self.source.clone();
            let fetch = tokio::spawn(async move { source.read_at(next * BLOCK_BYTES, BLOCK_BYTES).await });
            let length = (self.source.delivered_up_to() - next * BLOCK_BYTES).min(BLOCK_BYTES) as usize;
            if let Some((_, old, _)) = self.ahead.replace((next, fetch, length)) {
                old.abort();
            }
        }
        Ok(block)
    }
}

impl Drop for SourceReader {
    fn drop(&mut self) {
        if let Some((_, fetch, _)) = self.ahead.take() {
            fetch.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[tokio::test]
    async fn blocks_are_read_ahead_and_again() {
        let data: Vec<u8> = (0..3_000_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(&data).unwrap();
        let mut reader = SourceReader::new(Source::File(Arc::new(file), data.len() as u64));
        let mut read = Vec::new();
        loop {
            let part = reader.read(read.len() as u64, 300_000).await.unwrap();
            if part.is_empty() {
                break;
            }
            read.extend_from_slice(&part);
        }
        assert!(read == data);
        assert_eq!(&reader.read(999_990, 20).await.unwrap()[..], &data[999_990..1_000_010]);
    }
}
