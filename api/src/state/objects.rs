//! What the objects of complete renditions are called and how large they are: once a package is ready that never changes, so it
//! is read once, and again where it was made again. Nothing of access is here; whoever asks may have it.

use moka::future::Cache;
use sluice_db::{Db, DbError};
use sluice_model::PackageId;
use std::{collections::HashMap, sync::Arc, time::Duration};

/// Memory of all of it, bytes.
const MOST_BYTES: u64 = 32 << 20;
/// What one object costs beside its name.
const ENTRY_BYTES: usize = 96;
/// What nobody asks for is given up after this.
const IDLE: Duration = Duration::from_secs(600);

/// The objects of one rendition of a package that is ready.
#[derive(Debug, Default)]
pub struct Objects {
    sizes_bytes: HashMap<Arc<str>, u64>,
    /// Of segments, in the order of their sequence numbers.
    segments: Vec<(i64, Arc<str>)>,
}

impl Objects {
    fn new(rows: Vec<(Option<i64>, String, i64)>) -> Self {
        let mut all = Self::default();
        for (sequence, name, size_bytes) in rows {
            let name: Arc<str> = name.into();
            all.segments.extend(sequence.map(|n| (n, name.clone())));
            all.sizes_bytes.insert(name, size_bytes.unsigned_abs());
        }
        all
    }

    /// How large an object is, bytes; `None` of what was never published.
    pub fn size_bytes(&self, name: &str) -> Option<u64> {
        self.sizes_bytes.get(name).copied()
    }

    /// The object of a segment.
    pub fn segment(&self, sequence: i64) -> Option<&str> {
        let place = self.segments.binary_search_by_key(&sequence, |s| s.0).ok()?;
        self.segments.get(place).map(|s| &*s.1)
    }

    fn weight(&self) -> u32 {
        let bytes = self.sizes_bytes.keys().map(|name| name.len() + ENTRY_BYTES).sum::<usize>();
        u32::try_from(bytes + ENTRY_BYTES).unwrap_or(u32::MAX)
    }
}

/// The objects of renditions that were asked for lately. Cheap to clone.
#[derive(Debug, Clone)]
pub struct ObjectIndex(Cache<(PackageId, String), Arc<Objects>>);

impl Default for ObjectIndex {
    fn default() -> Self {
        let weight = |_: &(PackageId, String), objects: &Arc<Objects>| objects.weight();
        Self(Cache::builder().max_capacity(MOST_BYTES).weigher(weight).time_to_idle(IDLE).build())
    }
}

impl ObjectIndex {
    /// The objects of a rendition of a package that is ready.
    pub async fn of(&self, db: &Db, package: PackageId, rendition: &str) -> Result<Arc<Objects>, DbError> {
        let load = async { Ok(Arc::new(Objects::new(db.packages().objects(package, rendition).await?))) };
        let found = self.0.try_get_with((package, rendition.to_owned()), load).await;
        found.map_err(|error: Arc<DbError>| DbError::Unusable(error.to_string()))
    }

    /// The same, read anew.
    pub async fn again(&self, db: &Db, package: PackageId, rendition: &str) -> Result<Arc<Objects>, DbError> {
        self.0.invalidate(&(package, rendition.to_owned())).await;
        self.of(db, package, rendition).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn objects_are_found_by_name_and_segments_by_number() {
        let rows = vec![
            (None, "init.mp4".to_owned(), 800),
            (Some(0), "a.m4s".to_owned(), 10),
            (Some(1), "b.m4s".to_owned(), 20),
        ];
        let objects = Objects::new(rows);
        assert_eq!((objects.size_bytes("init.mp4"), objects.size_bytes("b.m4s")), (Some(800), Some(20)));
        assert_eq!((objects.segment(0), objects.segment(1)), (Some("a.m4s"), Some("b.m4s")));
        assert_eq!((objects.size_bytes("c.m4s"), objects.segment(2), objects.segment(-1)), (None, None, None));
        assert!(objects.weight() > 300);
    }
}
