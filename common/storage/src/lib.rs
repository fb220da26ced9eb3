//! Objects: a closed enum of two back ends behind typed keys.
//!
//! Invariant: an object is written once under a name nobody else uses, and never changed;
//! so a repeated or interrupted write is harmless, and conditional writes are never needed.
//! One contract suite runs on both back ends.

mod key;
mod local;
mod s3;
mod space;

pub use key::{IMAGES, Key, Prefix, Root};
pub use space::{DiskSpace, Shortage, Space};

use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use sluice_config::StoreUrl;
use sluice_model::Timestamp;
use std::{io, ops::Range, time::Duration};

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

/// A place for objects.
#[derive(Debug, Clone)]
pub enum Store {
    /// A local directory.
    Local(local::LocalStore),
    /// A bucket of an S3-compatible server.
    S3(s3::S3Store),
}

impl Store {
    /// Opens the store that the settings name; makes the local directory when it is missing.
    pub async fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        match url {
            StoreUrl::Local(dir) => Ok(Self::Local(local::LocalStore::open(dir.clone()).await?)),
            StoreUrl::S3(location) => Ok(Self::S3(s3::S3Store::open(location)?)),
        }
    }

    /// The same store, which refuses with [`StoreError::Full`] what would eat up the last free space of a local disk.
    #[must_use]
    pub fn keeping(self, space: &Space) -> Self {
        match self {
            Self::Local(s) => Self::Local(s.keeping(space.clone())),
            Self::S3(s) => Self::S3(s),
        }
    }

    /// Stores `data` under `key`, durably: once this returns, a crash does not lose it.
    pub async fn put(&self, key: &Key, data: Bytes) -> Result<(), StoreError> {
        let measured = sluice_metrics::store("put");
        measured.ended(match self {
            Self::Local(s) => s.put(key, data).await,
            Self::S3(s) => s.put(key, data).await,
        })
    }

    /// Streams `range` (bytes, end exclusive) of an object. A short object ends the stream with
    /// an error rather than silently.
    pub async fn get(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, StoreError> {
        if range.is_empty() {
            return Ok(futures::stream::empty().boxed());
        }
        let want = range.end - range.start;
        let measured = sluice_metrics::store("get");
        let inner = measured.ended(match self {
            Self::Local(s) => s.get(key, range).await,
            Self::S3(s) => s.get(key, range).await,
        })?;
        Ok(exactly(inner, want).boxed())
    }

    /// The bytes of `range` in memory; for small ranges. A short object is an error.
    pub async fn read(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        if let Self::Local(s) = self
            && !range.is_empty()
        {
            let want = range.end - range.start;
            let bytes = sluice_metrics::store("get").ended(s.read(key, range).await)?;
            return if bytes.len() as u64 == want { Ok(bytes) } else { Err(cut(want - bytes.len() as u64)) };
        }
        let mut out = Vec::with_capacity(usize::try_from(range.end - range.start).unwrap_or(0));
        let mut stream = self.get(key, range).await?;
        while let Some(chunk) = stream.next().await {
            out.extend_from_slice(&chunk?);
        }
        Ok(out.into())
    }

    /// Size in bytes, or `None` when there is no such object.
    pub async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        match self {
            Self::Local(s) => s.size(key).await,
            Self::S3(s) => s.size(key).await,
        }
    }

    /// A URL by which anybody can GET an object until `valid` after `signed_at`, a point in the past or
    /// now: the same arguments give the same URL. `None` where the back end has no such thing.
    /// S3 allows seven days at most.
    pub async fn presign(
        &self,
        key: &Key,
        signed_at: Timestamp,
        valid: Duration,
    ) -> Result<Option<String>, StoreError> {
        match self {
            Self::Local(_) => Ok(None),
            Self::S3(s) => s.presign(key, signed_at, valid).await.map(Some),
        }
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
        match self {
            Self::Local(_) => Ok(None),
            Self::S3(s) => s.presign_put(key, size_bytes, content_type, valid).await.map(Some),
        }
    }

    /// Stores a stream of exactly `size_bytes` under a key that has no object yet, in constant memory; `false`
    /// when there is one. Only where [`Self::presign_put`] has no URL.
    pub async fn put_once(
        &self,
        key: &Key,
        size_bytes: u64,
        data: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
    ) -> Result<bool, StoreError> {
        match self {
            Self::Local(s) => s.put_once(key, size_bytes, data).await,
            Self::S3(_) => Err(StoreError::Unavailable("the server itself takes these".to_owned())),
        }
    }

    /// Removes an object; removing what is not there is fine.
    pub async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let measured = sluice_metrics::store("delete");
        measured.ended(match self {
            Self::Local(s) => s.delete(key).await,
            Self::S3(s) => s.delete(key).await,
        })
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
        match self {
            Self::Local(s) => s.groups(root),
            Self::S3(s) => s.groups(root),
        }
    }

    /// Every object under `prefix`, in no particular order.
    pub async fn list_objects(&self, prefix: &Prefix) -> Result<Vec<StoredObject>, StoreError> {
        let measured = sluice_metrics::store("list");
        measured.ended(match self {
            Self::Local(s) => s.list(prefix).await,
            Self::S3(s) => s.list(prefix).await,
        })
    }

    /// Whether the back end answers.
    pub async fn ping(&self) -> Result<(), StoreError> {
        match self {
            Self::Local(s) => s.ping().await,
            Self::S3(s) => s.ping().await,
        }
    }
}

fn cut(missing_bytes: u64) -> StoreError {
    StoreError::Unavailable(format!("object ended {missing_bytes} bytes early"))
}

/// Passes a stream through and fails it when it ends before `want` bytes.
fn exactly(inner: ByteStream, want: u64) -> impl Stream<Item = Result<Bytes, StoreError>> {
    futures::stream::unfold((inner, want, false), |(mut inner, left, ended)| async move {
        if ended {
            return None;
        }
        match inner.next().await {
            Some(Ok(b)) => {
                let left = left.saturating_sub(b.len() as u64);
                Some((Ok(b), (inner, left, false)))
            }
            Some(Err(e)) => Some((Err(e), (inner, left, true))),
            None if left > 0 => Some((Err(cut(left)), (inner, left, true))),
            None => None,
        }
    })
}
