//! Reading a source over the extents that its bytes lie in.

use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use sluice_db::{Db, ExtentRow, Result};
use sluice_model::SourceId;
use sluice_storage::{Key, Store, StoreError};
use std::{ops::Range, sync::Arc};

/// The object that an extent's bytes are in.
pub fn extent_key(extent: &ExtentRow) -> Key {
    Key::Extent { source: extent.home, number: extent.number.unsigned_abs() }
}

/// A source as far as it had been delivered when its extents were read. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ExtentReader {
    store: Store,
    /// In order, without holes.
    extents: Arc<[ExtentRow]>,
}

/// The bytes that an extent has, within its source.
fn span(extent: &ExtentRow) -> Range<u64> {
    let start = extent.offset_bytes.unsigned_abs();
    start..start + extent.size_bytes.unsigned_abs()
}

impl ExtentReader {
    /// A reader over extents in order.
    pub fn new(store: Store, extents: Vec<ExtentRow>) -> Self {
        Self { store, extents: extents.into() }
    }

    /// A reader over what a source has now.
    pub async fn open(db: &Db, store: &Store, source: SourceId) -> Result<Self> {
        Ok(Self::new(store.clone(), db.sources().extents(source).await?))
    }

    /// Bytes that are there: all before this one.
    pub fn delivered_up_to(&self) -> u64 {
        self.extents.last().map_or(0, |e| span(e).end)
    }

    /// Bytes of the first extent.
    pub fn first_extent_bytes(&self) -> u64 {
        self.extents.first().map_or(0, |e| e.size_bytes.unsigned_abs())
    }

    /// Objects, and the ranges within them, that a range of the source lies in.
    fn pieces(&self, range: &Range<u64>) -> Vec<(Key, Range<u64>)> {
        let first = self.extents.partition_point(|e| span(e).end <= range.start);
        let touched = self.extents[first..].iter().take_while(|e| span(e).start < range.end);
        touched
            .map(|e| {
                let Range { start, end } = span(e);
                (extent_key(e), range.start.max(start) - start..range.end.min(end) - start)
            })
            .filter(|(_, part)| !part.is_empty())
            .collect()
    }

    /// Streams a range, one extent after the other. It ends early where the source does.
    pub fn stream(&self, range: Range<u64>) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static + use<> {
        let store = self.store.clone();
        let bytes = stream::iter(self.pieces(&range)).then(move |(key, part)| {
            let store = store.clone();
            async move { store.get(&key, part).await }
        });
        bytes.try_flatten()
    }

    /// A range in memory; for small ones. Shorter where the source ends.
    pub async fn read(&self, range: Range<u64>) -> Result<Bytes, StoreError> {
        let pieces = self.pieces(&range);
        let size: u64 = pieces.iter().map(|(_, part)| part.end - part.start).sum();
        let mut out = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        for (key, part) in pieces {
            out.extend_from_slice(&self.store.read(&key, part).await?);
        }
        Ok(out.into())
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
        let (home, mut at, mut extents) = (SourceId::new(), 0, Vec::new());
        for (number, size) in [1_usize, 999_999, 1_500_000, 500_000].into_iter().enumerate() {
            let extent = ExtentRow { offset_bytes: at as i64, size_bytes: size as i64, number: number as i64, home };
            store.put(&extent_key(&extent), Bytes::copy_from_slice(&data[at..at + size])).await.unwrap();
            extents.push(extent);
            at += size;
        }
        let reader = ExtentReader::new(store, extents);
        assert_eq!((reader.delivered_up_to(), reader.first_extent_bytes()), (3_000_000, 1));
        for range in [0..1, 0..3_000_000, 1..2, 999_990..1_000_010, 2_999_999..9_000_000, 5..5, 4_000_000..4_000_001] {
            let want = &data[(range.start as usize).min(data.len())..(range.end as usize).min(data.len())];
            assert!(reader.read(range.clone()).await.unwrap() == want, "{range:?}");
            let streamed: Vec<Bytes> = reader.stream(range.clone()).try_collect().await.unwrap();
            assert!(streamed.concat() == want, "{range:?}");
        }
    }
}
