//! The bytes of a source.

use crate::{pipeline::media::service::MediaError, state::AppState};
use bytes::Bytes;
use futures::Stream;
use sluice_ingest::ExtentReader;
use sluice_model::SourceId;
use sluice_storage::StoreError;
use std::ops::Range;

/// Streams a range. It ends early where the source does.
pub async fn source_bytes(
    state: &AppState,
    source: SourceId,
    range: Range<u64>,
) -> Result<impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static, MediaError> {
    Ok(ExtentReader::open(&state.db, &state.store, source).await?.stream(range))
}
