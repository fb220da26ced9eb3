//! The bytes of a source, over the extents they lie in.

use crate::{pipeline::media::service::MediaError, state::AppState};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use sluice_db::ExtentRow;
use sluice_storage::{Key, StoreError};
use std::ops::Range;
use uuid::Uuid;

/// Streams a range, one extent after the other. It ends early where the source does.
pub async fn source_bytes(
    state: &AppState,
    source: Uuid,
    range: Range<u64>,
) -> Result<impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static, MediaError> {
    let extents = state.db.extents(source).await?;
    let part = move |e: &ExtentRow| {
        let (start, size) = (e.offset_bytes as u64, e.size_bytes as u64);
        let (from, to) = (range.start.max(start), range.end.min(start + size));
        (from < to).then(|| (Key::Extent { source: e.home, number: e.number as u64 }, from - start..to - start))
    };
    let parts: Vec<_> = extents.iter().filter_map(part).collect();
    let store = state.store.clone();
    let bytes = stream::iter(parts).then(move |(key, range)| {
        let store = store.clone();
        async move { store.get(&key, range).await }
    });
    Ok(bytes.try_flatten())
}
