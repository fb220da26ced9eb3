//! Objects that many ask for, in memory.
//!
//! Invariants: an object never changes under its key, so nothing here is ever out of date; whether somebody may have it is decided
//! before anybody asks here; all bytes together, those that slow clients still wait for included, stay within a bound.

use bytes::Bytes;
use moka::future::Cache;
use sluice_storage::{Key, Store, StoreError};
use std::sync::Arc;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// What may be on its way to clients beside what is kept, bytes.
const UNDER_WAY_BYTES: u64 = 32 << 20;
/// Objects that are larger are sent as they are read.
const LARGEST_BYTES: u64 = 4 << 20;
/// No object takes more than one in so many of what is kept.
const SHARE: u64 = 8;
/// Room is counted in pieces of so many bytes.
const PIECE_BYTES: u64 = 4096;
/// What an object costs beside its bytes.
const ENTRY_BYTES: u64 = 512;
/// Of a range that is shorter than one in so many of its object, the rest is not read.
const SMALL_RANGE: u64 = 4;

/// Objects in memory. Cheap to clone.
#[derive(Debug, Clone)]
pub struct SegmentCache(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// None where nothing is kept.
    cache: Option<Cache<Key, Bytes>>,
    /// What may be held in all, kept or on its way to somebody.
    room: Arc<Semaphore>,
    largest_bytes: u64,
}

/// Bytes that take up room until the last who holds them is gone.
struct Held {
    bytes: Bytes,
    _room: OwnedSemaphorePermit,
}

impl AsRef<[u8]> for Held {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

/// Why an object is not in memory.
#[derive(Debug)]
enum Miss {
    NoRoom,
    Failed(StoreError),
}

/// The same error for whoever waited for the same read.
fn again(error: &StoreError) -> StoreError {
    match error {
        StoreError::NotFound(key) => StoreError::NotFound(key.clone()),
        StoreError::Full => StoreError::Full,
        StoreError::Unavailable(why) => StoreError::Unavailable(why.clone()),
    }
}

fn pieces(bytes: u64) -> u32 {
    u32::try_from((bytes + ENTRY_BYTES).div_ceil(PIECE_BYTES)).unwrap_or(u32::MAX)
}

impl Inner {
    /// All of an object, which has its place until nobody holds it any more.
    async fn load(&self, store: &Store, key: &Key, size_bytes: u64) -> Result<Bytes, Miss> {
        let room = self.room.clone().try_acquire_many_owned(pieces(size_bytes)).map_err(|_| Miss::NoRoom)?;
        let bytes = store.read(key, 0..size_bytes).await.map_err(Miss::Failed)?;
        Ok(Bytes::from_owner(Held { bytes, _room: room }))
    }
}

impl SegmentCache {
    /// At most `bytes` are kept; nothing where that is 0.
    pub fn new(bytes: u64) -> Self {
        Self::beside(bytes, UNDER_WAY_BYTES)
    }

    fn beside(bytes: u64, under_way_bytes: u64) -> Self {
        let weight = |_: &Key, object: &Bytes| pieces(object.len() as u64);
        let cache = || Cache::builder().max_capacity(bytes / PIECE_BYTES).weigher(weight).build();
        let room = usize::try_from((bytes + under_way_bytes) / PIECE_BYTES).unwrap_or(usize::MAX);
        Self(Arc::new(Inner {
            cache: (bytes > 0).then(cache),
            room: Arc::new(Semaphore::new(room.min(Semaphore::MAX_PERMITS))),
            largest_bytes: if bytes > 0 { LARGEST_BYTES.min(bytes / SHARE) } else { LARGEST_BYTES },
        }))
    }

    /// An object of `size_bytes`, of which `wanted_bytes` are asked for; everybody who asks for it at one moment waits for one
    /// read. `None` of what is to be sent as it is read: too large, too little of it wanted, or no room.
    pub async fn read(
        &self,
        store: &Store,
        key: &Key,
        size_bytes: u64,
        wanted_bytes: u64,
    ) -> Result<Option<Bytes>, StoreError> {
        let inner = &*self.0;
        if size_bytes > inner.largest_bytes {
            return Ok(None);
        }
        if let Some(cache) = &inner.cache
            && let Some(found) = cache.get(key).await
        {
            sluice_metrics::segment("memory");
            return Ok(Some(found));
        }
        sluice_metrics::segment("store");
        if wanted_bytes < size_bytes / SMALL_RANGE {
            return Ok(None);
        }
        // Boxed: a request to a store is large.
        let load = Box::pin(inner.load(store, key, size_bytes));
        let loaded = match &inner.cache {
            Some(cache) => cache.try_get_with_by_ref(key, load).await,
            None => load.await.map_err(Arc::new),
        };
        match loaded {
            Ok(bytes) => Ok(Some(bytes)),
            Err(miss) => match &*miss {
                Miss::NoRoom => Ok(None),
                Miss::Failed(error) => Err(again(error)),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_config::StoreUrl;
    use sluice_model::PackageId;

    struct Kept {
        store: Store,
        folder: tempfile::TempDir,
    }

    impl Kept {
        async fn open() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let store = Store::open(&StoreUrl::Local(folder.path().to_owned())).await.unwrap();
            Self { store, folder }
        }

        async fn put(&self, size: usize) -> Key {
            let key = Key::RenditionFile { package: PackageId::new(), rendition: "v720".into(), file: "a.m4s".into() };
            self.store.put(&key, vec![7; size].into()).await.unwrap();
            key
        }

        /// The store is gone: what is answered now comes from memory.
        fn pull_the_plug(&self) {
            std::fs::remove_dir_all(self.folder.path().join("packages")).unwrap();
        }
    }

    #[tokio::test]
    async fn what_was_read_comes_from_memory() {
        let (kept, cache) = (Kept::open().await, SegmentCache::new(1 << 20));
        let (key, untouched, large) = (kept.put(100_000).await, kept.put(100_000).await, kept.put(200_000).await);
        let read = |key: Key, size: u64, wanted: u64| {
            let (cache, store) = (cache.clone(), kept.store.clone());
            async move { cache.read(&store, &key, size, wanted).await }
        };
        let all = futures::future::join_all((0..50).map(|_| read(key.clone(), 100_000, 100_000))).await;
        assert!(all.iter().all(|b| b.as_ref().unwrap().as_ref().unwrap().len() == 100_000));
        assert!(read(untouched.clone(), 100_000, 1_000).await.unwrap().is_none(), "a short range is read by itself");
        assert!(read(large, 200_000, 200_000).await.unwrap().is_none(), "an eighth of all there is, at most");
        kept.pull_the_plug();
        assert_eq!(read(key.clone(), 100_000, 100_000).await.unwrap().unwrap().len(), 100_000);
        assert_eq!(read(key, 100_000, 10).await.unwrap().unwrap().len(), 100_000, "the caller cuts it");
        assert!(matches!(read(untouched, 100_000, 100_000).await, Err(StoreError::NotFound(_))));
    }

    #[tokio::test]
    async fn all_that_is_held_stays_within_the_bound() {
        let (kept, cache) = (Kept::open().await, SegmentCache::beside(1 << 20, 200_000));
        let mut held = Vec::new();
        for _ in 0..40 {
            let key = kept.put(100_000).await;
            held.extend(cache.read(&kept.store, &key, 100_000, 100_000).await.unwrap());
        }
        assert!((10..=12).contains(&held.len()), "{} of them are what fits", held.len());
        held.clear();
        let moka = cache.0.cache.as_ref().unwrap();
        moka.run_pending_tasks().await;
        assert!(moka.weighted_size() <= 256, "{}", moka.weighted_size());
        // What was evicted is freed a few operations later.
        let mut there_is_room = false;
        for _ in 0..1000 {
            let key = kept.put(100_000).await;
            there_is_room |= cache.read(&kept.store, &key, 100_000, 100_000).await.unwrap().is_some();
            if there_is_room {
                break;
            }
        }
        assert!(there_is_room, "who took it gave it back");
    }

    #[tokio::test]
    async fn nothing_is_kept_where_that_is_switched_off() {
        let (kept, cache) = (Kept::open().await, SegmentCache::new(0));
        let key = kept.put(1000).await;
        assert_eq!(cache.read(&kept.store, &key, 1000, 1000).await.unwrap().unwrap().len(), 1000);
        kept.pull_the_plug();
        assert!(matches!(cache.read(&kept.store, &key, 1000, 1000).await, Err(StoreError::NotFound(_))));
    }
}
