//! Parts: pieces of one size that come straight to the store, in any order, each as one object. What is there is read
//! from the store, never believed; completion records it.

use crate::{
    ExtentReader, Ingest, IngestError, completion,
    sniff::{Demuxer, SNIFF_BYTES},
};
use sluice_db::{ExtentRow, UploadRow};
use sluice_model::clock;
use sluice_storage::{Key, Prefix};
use std::collections::BTreeMap;

/// An object's number is its part's number and this many random bits: a part that is sent again is another object.
const RANDOM_BITS: u32 = 48;

/// How an upload is cut into parts, numbered from 1; all but the last have the same size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartLayout {
    pub length_bytes: i64,
    pub part_bytes: i64,
}

impl PartLayout {
    /// That of an upload; `None` if it does not come in parts.
    pub fn of(row: &UploadRow) -> Option<Self> {
        let (length_bytes, part_bytes) = row.length_bytes.zip(row.part_bytes)?;
        Some(Self { length_bytes, part_bytes })
    }

    /// How many parts there are.
    pub fn count(self) -> i64 {
        (self.length_bytes + self.part_bytes - 1) / self.part_bytes
    }

    /// Bytes of a part; `None` if there is no such part.
    pub fn size_of(self, number: i64) -> Option<i64> {
        let count = self.count();
        match number {
            n if n == count => Some(self.length_bytes - self.part_bytes * (count - 1)),
            n if (1..count).contains(&n) => Some(self.part_bytes),
            _ => None,
        }
    }
}

/// A part that is there.
#[derive(Debug, Clone, Copy)]
pub struct StoredPart {
    pub number: i64,
    /// The number of its object.
    pub object: u64,
    pub size_bytes: i64,
}

/// A new object number for a part.
pub fn part_object(number: i64) -> u64 {
    (number.unsigned_abs() << RANDOM_BITS) | (rand::random::<u64>() >> (64 - RANDOM_BITS))
}

impl Ingest {
    /// What the store has of an upload, by part number. An object of another size than its part's is none; of several
    /// for one part it is always the same one.
    ///
    /// # Errors
    /// The store's.
    pub async fn stored_parts(&self, row: &UploadRow) -> Result<BTreeMap<i64, StoredPart>, IngestError> {
        let mut parts = BTreeMap::new();
        let Some(layout) = PartLayout::of(row) else { return Ok(parts) };
        for (key, size) in self.store.list_sizes(&Prefix::Source(row.source_id)).await? {
            let Key::Extent { number: object, .. } = key else { continue };
            let number = i64::try_from(object >> RANDOM_BITS).unwrap_or(0);
            let size_bytes = i64::try_from(size).unwrap_or(i64::MAX);
            if layout.size_of(number) == Some(size_bytes) {
                let part = StoredPart { number, object, size_bytes };
                let kept: &mut StoredPart = parts.entry(number).or_insert(part);
                kept.object = kept.object.min(object);
            }
        }
        Ok(parts)
    }

    /// Makes work of an upload whose parts are all there: looks at the first bytes, records the parts as extents and
    /// queues the first tasks. `false` when it was complete before. Idempotent.
    ///
    /// # Errors
    /// [`IngestError::PartsMissing`]; [`IngestError::UploadGone`]; for bytes that are no video or audio, or that
    /// `contradicts` says are not what was declared, [`IngestError::UnsupportedType`] and
    /// [`IngestError::TypeMismatch`], which end the upload.
    pub async fn complete_parts(
        &self,
        row: &UploadRow,
        contradicts: impl FnOnce(Demuxer) -> bool,
    ) -> Result<bool, IngestError> {
        let layout = PartLayout::of(row).ok_or(IngestError::UploadGone)?;
        let parts = self.stored_parts(row).await?;
        let missing = layout.count() - i64::try_from(parts.len()).unwrap_or(0);
        if missing > 0 {
            return Err(IngestError::PartsMissing(missing));
        }
        let extent = |p: &StoredPart| ExtentRow {
            offset_bytes: (p.number - 1) * layout.part_bytes,
            size_bytes: p.size_bytes,
            number: p.object.cast_signed(),
            home: row.source_id,
        };
        let extents: Vec<ExtentRow> = parts.values().map(extent).collect();
        let head = ExtentReader::new(self.store.clone(), extents.clone()).read(0..SNIFF_BYTES as u64).await?;
        let identified = match self.identify(row.source_id, &head).await {
            Ok(demuxer) if contradicts(demuxer) => Err(IngestError::TypeMismatch),
            other => other,
        };
        if let Err(error @ (IngestError::UnsupportedType(_) | IngestError::TypeMismatch)) = identified {
            self.db.uploads().delete(row.id, clock::now()).await?;
            return Err(error);
        }
        identified?;
        self.record_parts(row, &extents).await
    }

    async fn record_parts(&self, row: &UploadRow, extents: &[ExtentRow]) -> Result<bool, IngestError> {
        let mut tx = self.db.begin().await?;
        let current = tx.uploads().lock(row.id).await?.ok_or(IngestError::UploadGone)?;
        if current.completed_at.is_some() {
            return Ok(false);
        }
        tx.uploads().record_parts(row, extents).await?;
        if !completion::complete_in(&mut tx, row.id, clock::now()).await? {
            return Err(IngestError::UploadGone);
        }
        tx.commit().await?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, film};
    use sluice_model::UploadKind;

    const LAYOUT: PartLayout = PartLayout { length_bytes: 10_000, part_bytes: 4000 };

    #[test]
    fn the_last_part_has_what_is_left() {
        assert_eq!(LAYOUT.count(), 3);
        assert_eq!([0, 1, 2, 3, 4].map(|n| LAYOUT.size_of(n)), [None, Some(4000), Some(4000), Some(2000), None]);
        let even = PartLayout { length_bytes: 8000, part_bytes: 4000 };
        assert_eq!((even.count(), even.size_of(2)), (2, Some(4000)));
    }

    async fn in_parts(world: &World) -> UploadRow {
        let row = world.upload(Some(LAYOUT.length_bytes), UploadKind::Presigned, None).await;
        UploadRow { part_bytes: Some(LAYOUT.part_bytes), ..row }
    }

    async fn store(world: &World, row: &UploadRow, number: i64, data: &[u8]) -> u64 {
        let object = part_object(number);
        let key = Key::Extent { source: row.source_id, number: object };
        world.ingest.store.put(&key, data.to_vec().into()).await.unwrap();
        object
    }

    #[tokio::test]
    async fn parts_become_the_source_once_all_are_there() {
        let world = World::new("").await;
        let (row, data) = (in_parts(&world).await, film(10_000));
        for (number, piece) in [(3, &data[8000..]), (1, &data[..4000])] {
            store(&world, &row, number, piece).await;
        }
        // Of another size than the part's.
        store(&world, &row, 2, &data[4000..7999]).await;
        let missing = world.ingest.complete_parts(&row, |_| false).await;
        assert!(matches!(missing, Err(IngestError::PartsMissing(1))), "{missing:?}");
        store(&world, &row, 2, &data[4000..8000]).await;
        assert!(world.ingest.complete_parts(&row, |_| false).await.unwrap());
        assert!(!world.ingest.complete_parts(&row, |_| false).await.unwrap());
        assert!(world.read(row.source_id).await == data);
    }

    #[tokio::test]
    async fn a_part_that_came_twice_counts_once() {
        let world = World::new("").await;
        let row = in_parts(&world).await;
        let twice = [store(&world, &row, 1, &[0; 4000]).await, store(&world, &row, 1, &[1; 4000]).await];
        let parts = world.ingest.stored_parts(&row).await.unwrap();
        assert_eq!(parts.len(), 1);
        assert_eq!(Some(parts[&1].object), twice.into_iter().min());
    }

    #[tokio::test]
    async fn what_was_declared_otherwise_ends_the_upload() {
        let world = World::new("").await;
        let (row, data) = (in_parts(&world).await, film(10_000));
        for (number, piece) in (1..).zip(data.chunks(4000)) {
            store(&world, &row, number, piece).await;
        }
        let refused = world.ingest.complete_parts(&row, |_| true).await;
        assert!(matches!(refused, Err(IngestError::TypeMismatch)), "{refused:?}");
        assert!(world.ingest.db.uploads().find(row.id).await.unwrap().is_none());
    }
}
