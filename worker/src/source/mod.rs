//! Reading a source by range: extents in the store, or one local file.
//!
//! Invariant: bounded memory (a few blocks), nothing on local disk. Bytes that have not arrived are told
//! apart from the end: who wants them waits a moment, then gives up for now.

pub mod front;

use bytes::Bytes;
use sluice_db::{Db, DbError, ExtentRow};
use sluice_model::SourceStatus;
use sluice_storage::{Key, Store, StoreError};
use std::{collections::VecDeque, fs::File, os::unix::fs::FileExt, sync::Arc, time::Duration};
use tokio::{task::JoinHandle, time::sleep};
use uuid::Uuid;

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

/// A source whose bytes are still arriving.
#[derive(Debug, Clone)]
pub struct Growing {
    db: Db,
    id: Uuid,
    total: u64,
    /// What is left of this run's waiting: who waits holds a core.
    patience: Duration,
}

/// Where the bytes are.
#[derive(Debug, Clone)]
pub enum Source {
    /// An uploaded source.
    Extents {
        /// The store.
        store: Store,
        /// Its extents in order.
        extents: Arc<Vec<ExtentRow>>,
        /// Set while more will come.
        growing: Option<Growing>,
    },
    /// A file of the offline command.
    File(Arc<File>, u64),
}

impl Source {
    /// An uploaded source, all of it or as far as it has arrived.
    pub async fn open(db: &Db, store: &Store, id: Uuid) -> Result<Self, SourceError> {
        // In this order: what is live after its extents were read has them all.
        let row = db.source(id).await?.ok_or(DbError::Fenced)?;
        if row.status == SourceStatus::Deleting {
            return Err(DbError::Fenced.into());
        }
        let extents = Arc::new(db.extents(id).await?);
        let total = row.total_bytes.unwrap_or(i64::MAX) as u64;
        let growing =
            (row.status == SourceStatus::Receiving).then(|| Growing { db: db.clone(), id, total, patience: PATIENCE });
        Ok(Self::Extents { store: store.clone(), extents, growing })
    }

    /// Size in bytes, of all that will be.
    pub fn size(&self) -> u64 {
        match self {
            Self::Extents { growing: Some(g), .. } => g.total,
            _ => self.arrived(),
        }
    }

    /// Bytes that are here.
    pub fn arrived(&self) -> u64 {
        match self {
            Self::Extents { extents, .. } => extents.last().map_or(0, |e| (e.offset_bytes + e.size_bytes) as u64),
            Self::File(_, size) => *size,
        }
    }

    /// Bytes of the first piece.
    pub fn first_bytes(&self) -> u64 {
        match self {
            Self::Extents { extents, .. } => extents.first().map_or(0, |e| e.size_bytes as u64),
            Self::File(_, size) => *size,
        }
    }

    /// What is here now, as if that were all of it.
    pub fn so_far(self) -> Self {
        match self {
            Self::Extents { store, extents, .. } => Self::Extents { store, extents, growing: None },
            file => file,
        }
    }

    /// Waits a moment until the byte at `offset` is here.
    async fn wait_for(&mut self, offset: u64) -> Result<(), SourceError> {
        while offset >= self.arrived() && offset < self.size() {
            let Self::Extents { extents, growing: Some(g), .. } = self else { return Ok(()) };
            if g.patience.is_zero() {
                return Err(SourceError::NotArrived(offset + 1));
            }
            g.patience = g.patience.saturating_sub(LOOK);
            sleep(LOOK).await;
            *extents = Arc::new(g.db.extents(g.id).await?);
        }
        Ok(())
    }

    /// Up to `length` bytes at `offset`; fewer only at the end of what is here.
    pub async fn read_at(&self, offset: u64, length: u64) -> Result<Bytes, StoreError> {
        let end = (offset + length).min(self.arrived());
        if offset >= end {
            return Ok(Bytes::new());
        }
        match self {
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
            Self::Extents { store, extents, .. } => {
                let mut out = Vec::with_capacity((end - offset) as usize);
                let first = extents.partition_point(|e| ((e.offset_bytes + e.size_bytes) as u64) <= offset);
                for extent in extents.iter().skip(first).take_while(|e| (e.offset_bytes as u64) < end) {
                    let (start, size) = (extent.offset_bytes as u64, extent.size_bytes as u64);
                    let range = offset.max(start) - start..end.min(start + size) - start;
                    let key = Key::Extent { source: extent.home, number: extent.number as u64 };
                    out.extend_from_slice(&store.read(&key, range).await?);
                }
                Ok(out.into())
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
        // What was kept while its end had not arrived is too short by now.
        let whole = (self.source.arrived() - number * BLOCK_BYTES).min(BLOCK_BYTES) as usize;
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
        if sequential && next * BLOCK_BYTES < self.source.arrived() && self.blocks.iter().all(|b| b.0 != next) {
            let source = self.source.clone();
            let fetch = tokio::spawn(async move { source.read_at(next * BLOCK_BYTES, BLOCK_BYTES).await });
            let length = (self.source.arrived() - next * BLOCK_BYTES).min(BLOCK_BYTES) as usize;
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
    use sluice_config::StoreUrl;

    #[tokio::test]
    async fn ranges_map_onto_extents_of_any_size() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreUrl::Local(dir.path().to_owned())).await.unwrap();
        let data: Vec<u8> = (0..3_000_000_u32).map(|i| (i * 7 % 251) as u8).collect();
        let id = uuid::Uuid::now_v7();
        let (mut extents, mut at) = (Vec::new(), 0);
        for (number, size) in [1_usize, 999_999, 1_500_000, 500_000].into_iter().enumerate() {
            let key = Key::Extent { source: id, number: number as u64 };
            store.put(&key, Bytes::copy_from_slice(&data[at..at + size])).await.unwrap();
            extents.push(ExtentRow {
                offset_bytes: at as i64,
                size_bytes: size as i64,
                number: number as i64,
                home: id,
            });
            at += size;
        }
        let source = Source::Extents { store, extents: Arc::new(extents), growing: None };
        let mut reader = SourceReader::new(source);
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
