//! Objects: a closed enum of two back ends behind typed keys, and a store that moves from one to the other.
//!
//! Invariant: an object is written once under a name nobody else uses, and never changed;
//! so a repeated or interrupted write is harmless, and conditional writes are never needed.
//! One contract suite runs on both back ends.

mod backend;
mod key;
mod local;
mod s3;
mod space;

pub use key::{IMAGES, Key, Prefix, Root};
pub use space::{DiskSpace, Shortage, Space};

use backend::Backend;
use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use sluice_config::StoreUrl;
use sluice_model::Timestamp;
use std::{collections::HashSet, io, ops::Range, sync::Arc, time::Duration};

/// What went wrong with an object.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No object has this key.
    #[error("no such object: {0}")]
    NotFound(String),
    /// The back end has no room left; retrying will not help until an operator acts.
    #[error("the store is full")]
    Full,
    /// Anything else; worth a retry.
    #[error("store: {0}")]
    Unavailable(String),
}

/// An object as the back end has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredObject {
    pub key: Key,
    pub size_bytes: u64,
    /// When it was written, by the back end's clock.
    pub written_at: Timestamp,
}

/// Bytes of an object as they come from the back end.
pub type ByteStream = BoxStream<'static, Result<Bytes, StoreError>>;

/// A place for objects. While it moves it is two: written is the new one, and what that does not have is read from the one
/// before.
///
/// Requests of back ends are boxed: the futures of whoever uses a store stay small, and shallow enough for the compiler.
#[derive(Debug, Clone)]
pub struct Store {
    current: Backend,
    /// Where objects are that have not been moved yet.
    previous: Option<Arc<Backend>>,
}

impl Store {
    /// Opens the store that the settings name; makes a local directory when it is missing.
    pub async fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        let previous = match url {
            StoreUrl::Moving(moving) => Some(Arc::new(Backend::open(&moving.from).await?)),
            StoreUrl::Local(_) | StoreUrl::S3(_) => None,
        };
        Ok(Self { current: Backend::open(url).await?, previous })
    }

    /// The same store, which refuses with [`StoreError::Full`] what would eat up the last free space of a local disk.
    #[must_use]
    pub fn keeping(self, space: &Space) -> Self {
        Self { current: self.current.keeping(space), ..self }
    }

    /// Of a store that moves, the one that it comes from and the one that it goes to.
    pub fn moving(&self) -> Option<(Self, Self)> {
        let alone = |backend: &Backend| Self { current: backend.clone(), previous: None };
        self.previous.as_ref().map(|previous| (alone(previous), alone(&self.current)))
    }

    /// Stores `data` under `key`, durably: once this returns, a crash does not lose it.
    pub async fn put(&self, key: &Key, data: Bytes) -> Result<(), StoreError> {
        Box::pin(self.current.put(key, data)).await
    }

    /// Streams `range` (bytes, end exclusive) of an object. A short object ends the stream with
    /// an error rather than silently.
    pub async fn get(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, StoreError> {
        match (Box::pin(self.current.get(key, range.clone())).await, &self.previous) {
            (Err(StoreError::NotFound(_)), Some(previous)) => Box::pin(previous.get(key, range)).await,
            (found, _) => found,
        }
    }

    /// The bytes of `range` in memory; for small ranges. A short object is an error.
    pub async fn read(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        match (Box::pin(self.current.read(key, range.clone())).await, &self.previous) {
            (Err(StoreError::NotFound(_)), Some(previous)) => Box::pin(previous.read(key, range)).await,
            (found, _) => found,
        }
    }

    /// Size in bytes, or `None` when there is no such object.
    pub async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        match (Box::pin(self.current.size(key)).await?, &self.previous) {
            (None, Some(previous)) => Box::pin(previous.size(key)).await,
            (found, _) => Ok(found),
        }
    }

    /// A URL by which anybody can GET an object until `valid` after `signed_at`, a point in the past or
    /// now: the same arguments give the same URL. `None` where the back end has no such thing, or where the object has not
    /// been moved to it yet. S3 allows seven days at most.
    pub async fn presign(
        &self,
        key: &Key,
        signed_at: Timestamp,
        valid: Duration,
    ) -> Result<Option<String>, StoreError> {
        if self.previous.is_some() && self.current.size(key).await?.is_none() {
            return Ok(None);
        }
        self.current.presign(key, signed_at, valid).await
    }

    /// A URL by which its holder can PUT one object of exactly this size and media type, once, until `valid`
    /// from now; and the headers to send with it. `None` where the back end has no such thing: then the API
    /// takes the bytes ([`Self::put_once`]).
    ///
    /// `If-None-Match: *` makes a second use fail on servers that know it. Some ignore it: what was written
    /// this way counts as unchangeable only once the URL has ended.
    pub async fn presign_put(
        &self,
        key: &Key,
        size_bytes: u64,
        content_type: &str,
        valid: Duration,
    ) -> Result<Option<String>, StoreError> {
        self.current.presign_put(key, size_bytes, content_type, valid).await
    }

    /// Stores a stream of exactly `size_bytes` under a key that has no object yet, in constant memory; `false`
    /// when there is one. Only where [`Self::presign_put`] has no URL.
    pub async fn put_once(
        &self,
        key: &Key,
        size_bytes: u64,
        data: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
    ) -> Result<bool, StoreError> {
        if let Some(previous) = &self.previous
            && previous.size(key).await?.is_some()
        {
            return Ok(false);
        }
        self.current.put_once(key, size_bytes, data).await
    }

    /// Removes an object; removing what is not there is fine. While the store moves it goes from the one before first: whoever
    /// is moving it looks there last, and takes back what was deleted meanwhile.
    pub async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        if let Some(previous) = &self.previous {
            previous.delete(key).await?;
        }
        Box::pin(self.current.delete(key)).await
    }

    /// Every key under `prefix`, in no particular order.
    pub async fn list(&self, prefix: &Prefix) -> Result<Vec<Key>, StoreError> {
        Ok(self.list_objects(prefix).await?.into_iter().map(|o| o.key).collect())
    }

    /// The same with sizes in bytes.
    pub async fn list_sizes(&self, prefix: &Prefix) -> Result<Vec<(Key, u64)>, StoreError> {
        Ok(self.list_objects(prefix).await?.into_iter().map(|o| (o.key, o.size_bytes)).collect())
    }

    /// Every folder of a part that has objects, and every picture, in no particular order; what this program does not
    /// write is left out. Memory does not grow with their number.
    pub fn groups(&self, root: Root) -> BoxStream<'static, Result<Prefix, StoreError>> {
        let current = self.current.groups(root);
        let Some(previous) = &self.previous else { return current };
        let moved = self.current.clone();
        let others = previous.groups(root).filter_map(move |group| {
            let moved = moved.clone();
            async move {
                let Ok(prefix) = &group else { return Some(group) };
                match moved.list_objects(prefix).await {
                    Ok(objects) => objects.is_empty().then_some(group),
                    Err(error) => Some(Err(error)),
                }
            }
        });
        current.chain(others).boxed()
    }

    /// Every object under `prefix`, in no particular order.
    pub async fn list_objects(&self, prefix: &Prefix) -> Result<Vec<StoredObject>, StoreError> {
        let mut objects = Box::pin(self.current.list_objects(prefix)).await?;
        if let Some(previous) = &self.previous {
            let others = Box::pin(previous.list_objects(prefix)).await?;
            let moved: HashSet<Key> = objects.iter().map(|o| o.key.clone()).collect();
            objects.extend(others.into_iter().filter(|o| !moved.contains(&o.key)));
        }
        Ok(objects)
    }

    /// Whether the back end answers; while the store moves, both.
    pub async fn ping(&self) -> Result<(), StoreError> {
        if let Some(previous) = &self.previous {
            previous.ping().await?;
        }
        self.current.ping().await
    }
}
