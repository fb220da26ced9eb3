//! The rules of uploads: who may begin one, how it goes on, when it becomes a media.

use super::{
    UploadError,
    checksum::Checksum,
    concat::Concat,
    joining::{join, joined},
};
use crate::{
    identity::Viewer,
    pipeline::{
        media::{service as media, service::MediaError, service::Metadata, tracks},
        quota::check_quota,
    },
    state::{AppState, Stale},
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use sluice_db::{DbError, NewTask, NewUpload, UploadRow};
use sluice_ingest::{IngestError, Recording, Target, UploadLease, completion, quota::Begins, quota::QuotaRequest};
use sluice_model::{ClaimToken, ImportPayload, MediaId, SourceId, TaskKind, UploadId, UploadKind, clock};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What a client asks for when it begins an upload.
#[derive(Debug)]
pub struct NewUploadRequest {
    /// Unknown when unset.
    pub length: Option<i64>,
    pub metadata: Metadata,
    pub concat: Option<Concat>,
    /// Bytes that it will have at most, where the length is unknown.
    pub at_most: i64,
    /// Its life after its last sign of life.
    pub ttl: Duration,
    pub kind: UploadKind,
    pub parts: Option<Parts>,
    /// Where a worker fetches it.
    pub url: Option<String>,
    /// The media that it will be a track of, instead of one of its own.
    pub track_of: Option<MediaId>,
}

/// What is said of an upload whose parts go straight to the store.
#[derive(Debug)]
pub struct Parts {
    /// Bytes of every part but the last.
    pub part_bytes: i64,
    pub content_type: String,
    /// SHA-256 of the whole.
    pub checksum: Option<Vec<u8>>,
}

/// Begins an upload. What its metadata says is checked now, not after gigabytes.
pub async fn create(state: &AppState, viewer: &Viewer, request: NewUploadRequest) -> Result<UploadRow, UploadError> {
    if let Some(Concat::Final(ids)) = &request.concat
        && let Some(there) = joined(state, viewer, ids).await?
    {
        return complete_if_due(state, there).await;
    }
    // A whole of parts brings no bytes of its own.
    if !matches!(request.concat, Some(Concat::Final(_))) {
        state.ingest.check_space()?;
    }
    let part = request.concat == Some(Concat::Partial);
    let metadata = serde_json::to_string(&request.metadata).map_err(|_| UploadError::Internal)?;
    let checked = match request.track_of {
        Some(_) => tracks::said(request.metadata).map(|_| None)?,
        None if part => None,
        None => Some(request.metadata.check(state.config.playback.encryption)?),
    };
    // That of a whole follows from its parts, whose bytes were counted with them.
    let length = request.length.filter(|_| !matches!(request.concat, Some(Concat::Final(_))));
    if let Some(length) = length {
        state.ingest.check_length(length)?;
        if length == 0 {
            return Err(UploadError::EmptyFile);
        }
    }
    let (id, source, now) = (UploadId::new(), SourceId::new(), clock::now());
    let mut tx = state.db.begin().await?;
    let bytes = length.unwrap_or(request.at_most).clamp(0, state.ingest.max_upload_bytes());
    let quota = QuotaRequest {
        stored_bytes: bytes,
        day_bytes: bytes,
        begins: begins(request.concat.as_ref(), request.track_of),
    };
    check_quota(state, &mut tx, viewer.id, quota, now).await?;
    tx.usage().count_daily(viewer.id, bytes, now).await?;
    tx.uploads()
        .insert(&NewUpload {
            id,
            owner_id: viewer.id,
            source_id: source,
            length_bytes: length,
            metadata: &metadata,
            part,
            track_of: request.track_of,
            kind: request.kind,
            part_bytes: request.parts.as_ref().map(|p| p.part_bytes),
            content_type: request.parts.as_ref().map(|p| p.content_type.as_str()),
            checksum: request.parts.as_ref().and_then(|p| p.checksum.as_deref()),
            reserved_bytes: if length.is_some() { 0 } else { bytes },
            now,
            expires_at: now + request.ttl,
        })
        .await?;
    // That of a form is made at its end: nobody can go on with one that broke off.
    if let Some(checked) = checked.filter(|_| request.kind != UploadKind::Form) {
        let made = media::announce_in(&mut tx, viewer.id, checked, source).await?;
        tx.uploads().set_media(id, made.media).await?;
        if let Some(url) = request.url {
            let payload = serde_json::to_string(&ImportPayload { url }).map_err(|_| UploadError::Internal)?;
            let import = completion::source_task(made.package, source, TaskKind::Import, now);
            tx.tasks().enqueue(&[NewTask { payload, ..import }], now).await?;
        }
    }
    if let Some(Concat::Final(ids)) = request.concat {
        let whole = join(&mut tx, viewer, id, source, &ids, now).await?;
        state.ingest.check_length(whole)?;
    }
    tx.commit().await?;
    let row = state.db.uploads().find(id).await?.ok_or(UploadError::Internal)?;
    complete_if_due(state, row).await
}

/// What an upload is to the quota.
fn begins(concat: Option<&Concat>, track_of: Option<MediaId>) -> Begins {
    match concat {
        None if track_of.is_some() => Begins::Track,
        None => Begins::Upload,
        Some(Concat::Partial) => Begins::Part,
        Some(Concat::Final(_)) => Begins::Whole,
    }
}

/// An upload of this person's. One that has just expired says so.
pub async fn owned(state: &AppState, viewer: &Viewer, id: UploadId) -> Result<UploadRow, UploadError> {
    let row = state.db.uploads().find(id).await?.filter(|u| u.owner_id == viewer.id).ok_or(UploadError::NotFound)?;
    if row.completed_at.is_none() && row.expires_at <= clock::now() {
        return Err(UploadError::UploadExpired);
    }
    Ok(row)
}

/// An upload of this person's that goes by tus; of any other kind it is not said that it exists.
async fn resumable(state: &AppState, viewer: &Viewer, id: UploadId) -> Result<UploadRow, UploadError> {
    let row = owned(state, viewer, id).await?;
    if row.kind == UploadKind::Tus { Ok(row) } else { Err(UploadError::NotFound) }
}

/// How far an upload is. Whoever was writing to it stops: this client is about to go on, and what it
/// is told must stay true.
pub async fn resume(state: &AppState, viewer: &Viewer, id: UploadId) -> Result<UploadRow, UploadError> {
    let row = resumable(state, viewer, id).await?;
    if row.completed_at.is_some() {
        return Ok(row);
    }
    let now = clock::now();
    match state.db.uploads().take_lease(id, ClaimToken::random(), now, now + state.ingest.upload_ttl()).await? {
        Some(row) => complete_if_due(state, row).await,
        None => owned(state, viewer, id).await,
    }
}

/// One PATCH.
pub struct Patch {
    pub offset: i64,
    /// Of a deferred upload, once it is known.
    pub length: Option<i64>,
    /// Bytes of the body, where it says.
    pub body_bytes: Option<i64>,
    pub checksum: Option<Checksum>,
}

/// Continues an upload with the bytes of a request. What arrived before a connection breaks is kept,
/// even when the request is given up on: a task of its own takes it in.
pub async fn patch(
    state: &AppState,
    viewer: &Viewer,
    id: UploadId,
    patch: Patch,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Unpin + Send + 'static,
) -> Result<UploadRow, UploadError> {
    let before = resumable(state, viewer, id).await?;
    if before.length_bytes.is_some() && is_final(&before) {
        return Err(UploadError::Forbidden);
    }
    if before.completed_at.is_some() || before.offset_bytes != patch.offset {
        return Err(UploadError::OffsetMismatch(before.offset_bytes));
    }
    if let Some(length) = patch.length {
        state.ingest.declare_length(&before, length).await?;
    }
    let holder = ClaimToken::random();
    let taken = state.ingest.take_lease(id, holder, state.ingest.upload_ttl()).await?;
    let Some((row, lease)) = taken else {
        // An older request of the same client may just have brought the last bytes: who asks is told so then.
        let row = owned(state, viewer, id).await?;
        return Err(UploadError::OffsetMismatch(row.offset_bytes));
    };
    if row.offset_bytes != patch.offset {
        return Err(UploadError::OffsetMismatch(row.offset_bytes));
    }
    let most = match row.length_bytes {
        Some(length) => length,
        None => state.ingest.remaining_quota(&row, viewer.role).await?,
    };
    if patch.body_bytes.is_some_and(|b| patch.offset.saturating_add(b) > most) {
        return Err(UploadError::TooLarge(most.unsigned_abs()));
    }
    let target = Target {
        source: row.source_id,
        recording: Recording::Immediate(lease),
        offset: patch.offset.unsigned_abs(),
        limit: most.unsigned_abs(),
        // What has a checksum is looked at when it is right.
        head: if patch.checksum.is_some() { None } else { state.ingest.unidentified_head(&row).await? },
    };
    let state = state.clone();
    let work = async move {
        match take_in(&state, id, lease, target, patch.checksum, body).await {
            Ok(row) => complete_if_due(&state, row).await,
            Err(error) => {
                if matches!(error, UploadError::UnsupportedType(_)) {
                    state.db.uploads().delete_if_leased(id, Some(holder), clock::now()).await?;
                }
                Err(error)
            }
        }
    };
    tokio::spawn(work).await.map_err(|_| UploadError::Internal)?
}

fn is_final(row: &UploadRow) -> bool {
    Metadata::stored(&row.metadata).verbatim_parts.is_some()
}

/// Takes the bytes of a PATCH in, with a checksum only if it is right; the upload as it is then.
async fn take_in(
    state: &AppState,
    id: UploadId,
    lease: UploadLease,
    target: Target,
    checksum: Option<Checksum>,
    body: impl Stream<Item = Result<Bytes, UploadError>> + Unpin,
) -> Result<UploadRow, UploadError> {
    let Some(checksum) = checksum else {
        state.ingest.receive(target, body).await.end?;
        return state.db.uploads().find(id).await?.ok_or(UploadError::NotFound);
    };
    let sum = Arc::new(Mutex::new(Some(checksum)));
    let computed = body.inspect({
        let sum = sum.clone();
        move |chunk| {
            if let (Ok(data), Some(sum)) = (chunk, sum.lock().unwrap_or_else(PoisonError::into_inner).as_mut()) {
                sum.update(data);
            }
        }
    });
    let matches = || sum.lock().unwrap_or_else(PoisonError::into_inner).take().is_some_and(Checksum::matches);
    if !state.ingest.receive_verified(&lease, target, computed, matches).await? {
        return Err(UploadError::ChecksumMismatch);
    }
    let row = state.db.uploads().find(id).await?.ok_or(UploadError::NotFound)?;
    state.ingest.identify_delivered(&row).await?;
    Ok(row)
}

/// Gives an upload up.
pub async fn terminate(state: &AppState, viewer: &Viewer, id: UploadId) -> Result<(), UploadError> {
    let row = owned(state, viewer, id).await?;
    if row.joined.is_some() {
        return Ok(state.db.uploads().purge(id).await?);
    }
    let (Some(media_id), Some(_)) = (row.media_id, row.completed_at) else {
        let gone = state.db.uploads().delete(id, clock::now()).await?;
        return if gone { Ok(()) } else { Err(UploadError::NotFound) };
    };
    match media::delete(state, viewer, media_id).await {
        // Deleted before, perhaps by a process that died before the next line.
        Ok(()) | Err(MediaError::NotFound) => Ok(state.db.uploads().purge(id).await?),
        Err(other) => Err(other.into()),
    }
}

/// Makes a media of an upload whose bytes are all there. Safe to repeat: it happens once.
pub async fn complete_if_due(state: &AppState, row: UploadRow) -> Result<UploadRow, UploadError> {
    if row.part || row.completed_at.is_some() || row.length_bytes != Some(row.offset_bytes) {
        return Ok(row);
    }
    if let Err(error) = state.ingest.identify_delivered(&row).await {
        // A database that does not answer says nothing about the film.
        if matches!(error, IngestError::UnsupportedType(_)) {
            state.db.uploads().delete(row.id, clock::now()).await?;
        }
        return Err(error.into());
    }
    if row.track_of.is_some() {
        return complete_track(state, row).await;
    }
    let mut tx = state.db.begin().await?;
    if row.media_id.is_none() {
        // A form, or begun by a version that made all media at the end.
        let metadata: Metadata = serde_json::from_str(&row.metadata).map_err(|_| UploadError::Internal)?;
        let checked = metadata.check(state.config.playback.encryption)?;
        let announced = media::announce_in(&mut tx, row.owner_id, checked, row.source_id).await?;
        tx.uploads().set_media(row.id, announced.media).await?;
    }
    if completion::complete_in(&mut tx, row.id, clock::now()).await? {
        tx.commit().await?;
        state.wake.push(2).await;
    }
    state.db.uploads().find(row.id).await?.ok_or(UploadError::NotFound)
}

/// Makes a track of a media of an upload whose bytes are all there. Of a media that was deleted meanwhile it becomes nothing.
async fn complete_track(state: &AppState, row: UploadRow) -> Result<UploadRow, UploadError> {
    let said = tracks::said(Metadata::stored(&row.metadata))?;
    let mut tx = state.db.begin().await?;
    match completion::complete_track_in(&mut tx, row.id, &said, clock::now()).await {
        Ok(true) => {
            tx.commit().await?;
            if let Some(media) = row.track_of {
                state.forget(Stale::Media { media }).await;
            }
            state.wake.push(1).await;
        }
        Ok(false) => {}
        Err(DbError::Fenced) => {
            drop(tx);
            state.db.uploads().delete(row.id, clock::now()).await?;
        }
        Err(other) => return Err(other.into()),
    }
    state.db.uploads().find(row.id).await?.ok_or(UploadError::NotFound)
}

/// Completes what a dying process left complete but for the last step, and begins what it did not begin.
pub async fn heal(state: &AppState) -> Result<(), UploadError> {
    for id in state.db.uploads().to_plan().await? {
        completion::plan_early(&state.db, id).await?;
    }
    for row in state.db.uploads().to_complete().await? {
        let id = row.id;
        if let Err(error) = complete_if_due(state, row).await {
            tracing::warn!(upload = %id, %error, "an upload was not completed");
        }
    }
    Ok(())
}
