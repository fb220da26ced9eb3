//! Reading a source by range: extents in the store, or one local file.
//!
//! Invariant: bounded memory (a few blocks), nothing on local disk.

use bytes::Bytes;
use sluice_common::{
    db::ExtentRow,
    storage::{Key, Store, StoreError},
};
use std::{collections::VecDeque, fs::File, os::unix::fs::FileExt, sync::Arc};
use tokio::task::JoinHandle;

/// Unit of reading and of read-ahead.
const BLOCK_BYTES: u64 = 1 << 20;
/// Blocks kept: demuxers go back and forth between neighbouring tracks.
const KEPT_BLOCKS: usize = 8;

/// Where the bytes are.
#[derive(Debug, Clone)]
pub enum Source {
    /// An uploaded source.
    Extents {
        /// The store.
        store: Store,
        /// Its extents in order.
        extents: Arc<Vec<ExtentRow>>,
    },
    /// A file of the offline command.
    File(Arc<File>, u64),
}

impl Source {
    /// Size in bytes.
    pub fn size(&self) -> u64 {
        match self {
            Self::Extents { extents, .. } => extents.last().map_or(0, |e| (e.offset_bytes + e.size_bytes) as u64),
            Self::File(_, size) => *size,
        }
    }

    /// Up to `length` bytes at `offset`; fewer only at the end.
    pub async fn read_at(&self, offset: u64, length: u64) -> Result<Bytes, StoreError> {
        let end = (offset + length).min(self.size());
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
            Self::Extents { store, extents } => {
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

/// A reader with read-ahead, for one child.
#[derive(Debug)]
pub struct SourceReader {
    source: Source,
    blocks: VecDeque<(u64, Bytes)>,
    ahead: Option<(u64, JoinHandle<Result<Bytes, StoreError>>)>,
    last: Option<u64>,
}

impl SourceReader {
    /// A reader over `source`.
    pub fn new(source: Source) -> Self {
        Self { source, blocks: VecDeque::new(), ahead: None, last: None }
    }

    /// At least one and up to `length` bytes at `offset`, from one block; none at the end.
    pub async fn read(&mut self, offset: u64, length: usize) -> Result<Bytes, StoreError> {
        if offset >= self.source.size() {
            return Ok(Bytes::new());
        }
        let number = offset / BLOCK_BYTES;
        let block = self.block(number).await?;
        let from = ((offset % BLOCK_BYTES) as usize).min(block.len());
        let to = (from + length).min(block.len());
        Ok(block.slice(from..to))
    }

    async fn block(&mut self, number: u64) -> Result<Bytes, StoreError> {
        let sequential = self.last.is_some_and(|l| l + 1 == number);
        self.last = Some(number);
        if let Some((_, block)) = self.blocks.iter().find(|b| b.0 == number) {
            return Ok(block.clone());
        }
        let ahead = self.ahead.take();
        let block = match ahead {
            Some((n, handle)) if n == number => handle.await.map_err(|e| StoreError::Unavailable(e.to_string()))??,
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
        if sequential && next * BLOCK_BYTES < self.source.size() && self.blocks.iter().all(|b| b.0 != next) {
            let source = self.source.clone();
            let fetch = tokio::spawn(async move { source.read_at(next * BLOCK_BYTES, BLOCK_BYTES).await });
            if let Some((_, old)) = self.ahead.replace((next, fetch)) {
                old.abort();
            }
        }
        Ok(block)
    }
}

impl Drop for SourceReader {
    fn drop(&mut self) {
        if let Some((_, fetch)) = self.ahead.take() {
            fetch.abort();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_common::config::StoreUrl;

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
        let source = Source::Extents { store, extents: Arc::new(extents) };
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
