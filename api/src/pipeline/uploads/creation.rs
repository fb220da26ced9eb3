//! What the ways to upload share beyond the upload itself: creation with first bytes, and what an account uses.

use super::{
    error::UploadError,
    service::{self, NewUploadRequest, Patch},
};
use crate::{identity::Viewer, state::AppState};
use bytes::Bytes;
use futures::Stream;
use sluice_db::{UploadRow, UsageRow};
use sluice_ingest::quota::StorageQuota;
use sluice_model::{RateLimit, clock};

/// Begins an upload with its first bytes (tus 1.0: creation-with-upload). What was cut off can be gone on with; where
/// it was refused nothing stays, because nobody has learned its address.
pub async fn create_with_bytes(
    state: &AppState,
    viewer: &Viewer,
    request: NewUploadRequest,
    first: Patch,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Unpin + Send + 'static,
) -> Result<UploadRow, UploadError> {
    let row = service::create(state, viewer, request).await?;
    match service::patch(state, viewer, row.id, first, body).await {
        Err(UploadError::UploadInterrupted) => service::owned(state, viewer, row.id).await,
        Err(other) => {
            state.db.uploads().delete(row.id, clock::now()).await?;
            Err(other)
        }
        after => after,
    }
}

/// What the account uses, and what it may use.
pub async fn usage(state: &AppState, viewer: &Viewer) -> Result<(UsageRow, StorageQuota), UploadError> {
    let used = state.db.usage().of(viewer.id, clock::now()).await?;
    Ok((used, StorageQuota::for_role(&state.config, viewer.role)))
}

/// Counts one more upload of an account, unless it began too many.
pub async fn take_allowance(state: &AppState, viewer: &Viewer, limit: RateLimit) -> Result<(), UploadError> {
    state.limits.take(limit, &viewer.id.to_string()).await?;
    Ok(())
}
