//! One back end: a local directory or a bucket.

use crate::{ByteStream, Key, Prefix, Root, Space, StoreError, StoredObject, local::LocalStore, s3::S3Store};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream::BoxStream};
use sluice_config::StoreUrl;
use sluice_model::Timestamp;
use std::{io, ops::Range, time::Duration};

/// A local directory or a bucket.
#[derive(Debug, Clone)]
pub(crate) enum Backend {
    /// A local directory.
    Local(LocalStore),
    /// A bucket of an S3-compatible server.
    S3(S3Store),
}

impl Backend {
    /// Opens what `url` names; makes a local directory when it is missing. Of two stores the one that is written.
    pub(crate) async fn open(url: &StoreUrl) -> Result<Self, StoreError> {
        match url {
            StoreUrl::Local(dir) => Ok(Self::Local(LocalStore::open(dir.clone()).await?)),
            StoreUrl::S3(location) => Ok(Self::S3(S3Store::open(location)?)),
            StoreUrl::Moving(moving) => Box::pin(Self::open(&moving.to)).await,
        }
    }

    /// The same, which refuses with [`StoreError::Full`] what would eat up the last free space of a local disk.
    #[must_use]
    pub(crate) fn keeping(self, space: &Space) -> Self {
        match self {
            Self::Local(s) => Self::Local(s.keeping(space.clone())),
            Self::S3(s) => Self::S3(s),
        }
    }

    /// Stores `data` under `key`, durably: once this returns, a crash does not lose it.
    pub(crate) async fn put(&self, key: &Key, data: Bytes) -> Result<(), StoreError> {
        let measured = sluice_metrics::store("put");
        measured.ended(match self {
            Self::Local(s) => s.put(key, data).await,
            Self::S3(s) => s.put(key, data).await,
        })
    }

    /// Streams `range` (bytes, end exclusive) of an object. A short object ends the stream with
    /// an error rather than silently.
    pub(crate) async fn get(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, StoreError> {
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
    pub(crate) async fn read(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
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
    pub(crate) async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        match self {
            Self::Local(s) => s.size(key).await,
            Self::S3(s) => s.size(key).await,
        }
    }

    /// As [`crate::Store::presign`]; `None` where this back end has no such thing.
    pub(crate) async fn presign(
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

    /// As [`crate::Store::presign_put`].
    pub(crate) async fn presign_put(
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

    /// As [`crate::Store::put_once`].
    pub(crate) async fn put_once(
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
    pub(crate) async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let measured = sluice_metrics::store("delete");
        measured.ended(match self {
            Self::Local(s) => s.delete(key).await,
            Self::S3(s) => s.delete(key).await,
        })
    }

    /// Every folder of a part that has objects, and every picture, in no particular order; what this program does not
    /// write is left out. Memory does not grow with their number.
    pub(crate) fn groups(&self, root: Root) -> BoxStream<'static, Result<Prefix, StoreError>> {
        match self {
            Self::Local(s) => s.groups(root),
            Self::S3(s) => s.groups(root),
        }
    }

    /// Every object under `prefix`, in no particular order.
    pub(crate) async fn list_objects(&self, prefix: &Prefix) -> Result<Vec<StoredObject>, StoreError> {
        let measured = sluice_metrics::store("list");
        measured.ended(match self {
            Self::Local(s) => s.list(prefix).await,
            Self::S3(s) => s.list(prefix).await,
        })
    }

    /// Whether the back end answers.
    pub(crate) async fn ping(&self) -> Result<(), StoreError> {
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
