//! Films that are fetched from the web: the API looks at the address and queues the fetch, a worker does it.

use super::{
    service::{self, NewUploadRequest},
    views::Import,
};
use crate::{
    identity::Viewer,
    pipeline::{media::service::Metadata, uploads::UploadError},
    state::AppState,
    validation::Faults,
};
use sluice_model::{MediaId, UploadKind};

/// Begins an import; the media that will be.
pub async fn begin(state: &AppState, viewer: &Viewer, asked: Import) -> Result<MediaId, UploadError> {
    let checked = state.outbound.check(&asked.url);
    if checked.is_err() {
        let mut faults = Faults::default();
        faults.demand(false, "url", "an https address in the public internet, without a password").refuse()?;
    }
    let url = checked.map_err(|_| UploadError::Internal)?;
    let filename = url.path_segments().and_then(|mut s| s.next_back()).unwrap_or_default().to_owned();
    let request = NewUploadRequest {
        length: None,
        metadata: Metadata {
            title: asked.title,
            description: asked.description,
            visibility: asked.visibility.map(|v| v.to_string()),
            encryption: asked.encryption.map(|e| e.to_string()),
            filename: Some(filename),
            ..Default::default()
        },
        concat: None,
        at_most: 0,
        ttl: state.ingest.upload_ttl(),
        kind: UploadKind::Import,
        parts: None,
        url: Some(url.into()),
        track_of: None,
    };
    let row = service::create(state, viewer, request).await?;
    state.wake.push(1).await;
    row.media_id.ok_or(UploadError::Internal)
}
