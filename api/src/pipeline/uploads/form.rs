//! The file of a form: an upload like any other, but nobody is told how to resume it.

use super::UploadError;
use super::service::{NewUploadRequest, complete_if_due, create, owned};
use crate::{
    identity::Viewer,
    pipeline::media::{service::Metadata, tracks},
    state::AppState,
};
use bytes::Bytes;
use futures::Stream;
use sluice_db::UploadRow;
use sluice_ingest::{Recording, Target};
use sluice_model::{ClaimToken, MediaId, UploadId, UploadKind, clock};
use std::time::Duration;

/// Life of a form's upload after its last sign of life: nobody can resume it, so it holds no
/// place in the quota for long.
fn form_ttl(state: &AppState) -> Duration {
    state.ingest.upload_ttl().min(Duration::from_secs(3600))
}

/// Gives a form's upload up when its request ends without having completed it: its place in the quota is
/// free at once. Where the process dies instead, it expires.
#[derive(Debug)]
pub struct Abandon {
    state: AppState,
    id: UploadId,
    armed: bool,
}

impl Abandon {
    /// Watches over an upload.
    pub fn unless_done(state: &AppState, id: UploadId) -> Self {
        Self { state: state.clone(), id, armed: true }
    }

    /// It is a media now.
    pub fn done(mut self) {
        self.armed = false;
    }
}

impl Drop for Abandon {
    fn drop(&mut self) {
        if self.armed {
            let (state, id) = (self.state.clone(), self.id);
            tokio::spawn(async move {
                if let Err(error) = state.db.uploads().delete(id, clock::now()).await {
                    tracing::warn!(upload = %id, %error, "an abandoned upload was not given up");
                }
            });
        }
    }
}

/// Begins the upload of a form: another media, or a track of one.
pub async fn begin_form(
    state: &AppState,
    viewer: &Viewer,
    fields: Vec<(String, String)>,
    at_most: Option<i64>,
    track_of: Option<MediaId>,
) -> Result<UploadRow, UploadError> {
    let request = NewUploadRequest {
        length: None,
        metadata: Metadata::new(fields),
        concat: None,
        at_most: at_most.unwrap_or(0),
        ttl: form_ttl(state),
        kind: UploadKind::Form,
        parts: None,
        url: None,
        track_of,
    };
    create(state, viewer, request).await
}

/// Takes in the file of a form.
pub async fn receive_form(
    state: &AppState,
    upload: &UploadRow,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Unpin,
) -> Result<(), UploadError> {
    let taken = state.ingest.take_lease(upload.id, ClaimToken::random(), form_ttl(state)).await?;
    let (_, lease) = taken.ok_or(UploadError::UploadExpired)?;
    let target = Target {
        source: upload.source_id,
        recording: Recording::Immediate(lease),
        offset: 0,
        limit: state.config.ingest.max_upload_bytes,
        head: Some(Bytes::new()),
    };
    let received = state.ingest.receive(target, body).await;
    received.end?;
    if received.delivered_up_to == 0 { Err(UploadError::EmptyFile) } else { Ok(()) }
}

/// Notes what a form says after its file: browsers send its fields in the order of the page.
pub async fn add_fields(
    state: &AppState,
    upload: &UploadRow,
    fields: Vec<(String, String)>,
) -> Result<(), UploadError> {
    if fields.is_empty() {
        return Ok(());
    }
    let metadata = Metadata::stored(&upload.metadata).with(fields);
    let text = serde_json::to_string(&metadata).map_err(|_| UploadError::Internal)?;
    match upload.track_of {
        Some(_) => drop(tracks::said(metadata)?),
        None => drop(metadata.check(state.config.playback.encryption)?),
    }
    state.db.uploads().set_metadata(upload.id, &text).await?;
    Ok(())
}

/// Makes of a form whose end has come what it is to be.
pub async fn complete_form(state: &AppState, viewer: &Viewer, id: UploadId) -> Result<UploadRow, UploadError> {
    let row = owned(state, viewer, id).await?;
    state.ingest.declare_length(&row, row.offset_bytes).await?;
    let row = owned(state, viewer, id).await?;
    complete_if_due(state, row).await
}
