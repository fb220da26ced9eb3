//! The rules of uploads: who may begin one, how it goes on, when it becomes a media.

use super::{
    intake::{self, Hold, Ledger, Target, accepted},
    joining::{join, joined},
    tus::{Checksum, Concat},
};
use crate::{
    error::ApiError,
    identity::Viewer,
    pipeline::{
        media::{service as media, service::Metadata, source::source_bytes},
        quota::check_quota,
    },
    state::AppState,
};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt};
use sluice_db::{NewTask, NewUpload, UploadRow};
use sluice_ingest::{arrival, arrival::ImportPayload, quota::Asked, quota::Begins, quota::Quota, sniff::SNIFF_BYTES};
use sluice_model::{TaskKind, UploadKind, clock};
use sluice_storage::Key;
use std::sync::{Arc, Mutex, PoisonError};
use uuid::Uuid;

/// What a client announces.
#[derive(Debug)]
pub struct Announced {
    /// Unknown when unset.
    pub length: Option<i64>,
    pub metadata: Metadata,
    pub concat: Option<Concat>,
    /// Bytes that it will have at most, where the length is unknown.
    pub at_most: i64,
    /// Its life after its last sign of life, microseconds.
    pub kept_us: i64,
    pub kind: UploadKind,
    pub parts: Option<Parts>,
    /// Where a worker fetches it.
    pub url: Option<String>,
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

/// Life of a resumable upload after its last sign of life, microseconds: that of unreferenced bytes.
pub fn kept_us(state: &AppState) -> i64 {
    i64::try_from(state.config.retention.gc_window.as_micros()).unwrap_or(0).max(1_000_000)
}

fn fits(state: &AppState, length: i64) -> Result<(), ApiError> {
    let limit = state.config.ingest.max_upload_bytes;
    if u64::try_from(length).is_ok_and(|l| l <= limit) { Ok(()) } else { Err(ApiError::TooLarge(limit)) }
}

/// Begins an upload. What its metadata says is checked now, not after gigabytes.
pub async fn create(state: &AppState, viewer: &Viewer, announced: Announced) -> Result<UploadRow, ApiError> {
    if let Some(Concat::Final(ids)) = &announced.concat
        && let Some(there) = joined(state, viewer, ids).await?
    {
        return complete_if_due(state, there).await;
    }
    let part = announced.concat == Some(Concat::Partial);
    let metadata = serde_json::to_string(&announced.metadata).map_err(|_| ApiError::Internal)?;
    let checked = if part { None } else { Some(announced.metadata.check(state.config.playback.encryption)?) };
    // That of a whole follows from its parts, whose bytes were counted with them.
    let length = announced.length.filter(|_| !matches!(announced.concat, Some(Concat::Final(_))));
    if let Some(length) = length {
        fits(state, length)?;
        if length == 0 {
            return Err(ApiError::EmptyFile);
        }
    }
    let (id, source, now) = (Uuid::now_v7(), Uuid::now_v7(), clock::now_us());
    let mut tx = state.db.begin().await?;
    let most = i64::try_from(state.config.ingest.max_upload_bytes).unwrap_or(i64::MAX);
    let bytes = length.unwrap_or(announced.at_most).clamp(0, most);
    let begins = match announced.concat {
        None => Begins::Upload,
        Some(Concat::Partial) => Begins::Part,
        Some(Concat::Final(_)) => Begins::Whole,
    };
    check_quota(state, &mut tx, viewer.id, Asked { stored_bytes: bytes, day_bytes: bytes, begins }, now).await?;
    tx.count_daily(viewer.id, bytes, now).await?;
    tx.insert_upload(&NewUpload {
        id,
        owner_id: viewer.id,
        source_id: source,
        length_bytes: length,
        metadata: &metadata,
        part,
        kind: announced.kind,
        part_bytes: announced.parts.as_ref().map(|p| p.part_bytes),
        content_type: announced.parts.as_ref().map(|p| p.content_type.as_str()),
        checksum: announced.parts.as_ref().and_then(|p| p.checksum.as_deref()),
        reserved_bytes: if length.is_some() { 0 } else { bytes },
        now_us: now,
        expires_us: now + announced.kept_us,
    })
    .await?;
    // That of a form is made at its end: nobody can go on with one that broke off.
    if let Some(checked) = checked.filter(|_| announced.kind != UploadKind::Form) {
        let made = media::announce_in(&mut tx, viewer.id, checked, source).await?;
        tx.set_upload_media(id, made.media).await?;
        if let Some(url) = announced.url {
            let payload = serde_json::to_string(&ImportPayload { url }).map_err(|_| ApiError::Internal)?;
            let import = arrival::task(made.package, source, TaskKind::Import, now);
            tx.enqueue(&[NewTask { payload, ..import }], now).await?;
        }
    }
    if let Some(Concat::Final(ids)) = announced.concat {
        let whole = join(&mut tx, viewer, id, source, &ids, now).await?;
        fits(state, whole)?;
    }
    tx.commit().await?;
    let row = state.db.upload(id).await?.ok_or(ApiError::Internal)?;
    complete_if_due(state, row).await
}

/// An upload of this person's. One that has just expired says so.
pub async fn owned(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<UploadRow, ApiError> {
    let row = state.db.upload(id).await?.filter(|u| u.owner_id == viewer.id).ok_or(ApiError::NotFound)?;
    if row.completed_us.is_none() && row.expires_us <= clock::now_us() {
        return Err(ApiError::UploadExpired);
    }
    Ok(row)
}

/// The same, if it goes by tus.
async fn resumable(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<UploadRow, ApiError> {
    let row = owned(state, viewer, id).await?;
    if row.kind == UploadKind::Tus { Ok(row) } else { Err(ApiError::NotFound) }
}

/// How far an upload is. Whoever was writing to it stops: this client is about to go on, and what it
/// is told must stay true.
pub async fn resume(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<UploadRow, ApiError> {
    let row = resumable(state, viewer, id).await?;
    if row.completed_us.is_some() {
        return Ok(row);
    }
    let now = clock::now_us();
    let taken = state.db.take_upload(id, Uuid::new_v4(), now, now + kept_us(state)).await?;
    match taken {
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
    id: Uuid,
    patch: Patch,
    body: impl Stream<Item = Result<Bytes, ApiError>> + Unpin + Send + 'static,
) -> Result<UploadRow, ApiError> {
    let before = resumable(state, viewer, id).await?;
    if before.length_bytes.is_some() && is_final(&before) {
        return Err(ApiError::Forbidden);
    }
    if before.completed_us.is_some() || before.offset_bytes != patch.offset {
        return Err(ApiError::OffsetMismatch(before.offset_bytes));
    }
    if let Some(length) = patch.length {
        declare_length(state, viewer, &before, length).await?;
    }
    let (now, holder) = (clock::now_us(), Uuid::new_v4());
    let row = state.db.take_upload(id, holder, now, now + kept_us(state)).await?.ok_or(ApiError::UploadExpired)?;
    if row.offset_bytes != patch.offset {
        return Err(ApiError::OffsetMismatch(row.offset_bytes));
    }
    let most = match row.length_bytes {
        Some(length) => length,
        None => room(state, viewer, &row).await?,
    };
    if patch.body_bytes.is_some_and(|b| patch.offset.saturating_add(b) > most) {
        return Err(ApiError::TooLarge(most.unsigned_abs()));
    }
    let hold = Hold::of(&row, holder, kept_us(state));
    let checked = patch.checksum.is_some();
    let ledger = if checked { Ledger::Held } else { Ledger::Upload(hold) };
    let target = Target {
        source: row.source_id,
        ledger,
        offset: patch.offset.unsigned_abs(),
        limit: most.unsigned_abs(),
        head: head(state, &row, &ledger).await?,
    };
    let state = state.clone();
    let work = async move {
        let taken = async {
            take_in(&state, hold, target, patch.checksum, body).await?;
            let row = state.db.upload(id).await?.ok_or(ApiError::NotFound)?;
            // The others were judged as they came.
            if checked {
                look_at(&state, &row).await?;
            }
            Ok(row)
        };
        match taken.await {
            Ok(row) => complete_if_due(&state, row).await,
            Err(error) => {
                if matches!(error, ApiError::UnsupportedType) {
                    state.db.delete_upload_of(id, Some(holder), clock::now_us()).await?;
                }
                Err(error)
            }
        }
    };
    tokio::spawn(work).await.map_err(|_| ApiError::Internal)?
}

/// The first bytes of an upload that goes on before they said what it is; nothing where they need not be looked at
/// as they come: a part's say nothing, and what has a checksum is judged when it is right.
async fn head(state: &AppState, row: &UploadRow, ledger: &Ledger) -> Result<Option<Bytes>, ApiError> {
    let there = row.offset_bytes.unsigned_abs();
    if row.part || matches!(ledger, Ledger::Held) || there >= SNIFF_BYTES as u64 {
        return Ok(None);
    }
    if there == 0 {
        return Ok(Some(Bytes::new()));
    }
    let bytes: Vec<Bytes> = source_bytes(state, row.source_id, 0..there).await?.try_collect().await?;
    Ok(Some(bytes.concat().into()))
}

/// Judges an upload by its first bytes, once they are there, if nobody has.
async fn look_at(state: &AppState, row: &UploadRow) -> Result<(), ApiError> {
    let enough = row.offset_bytes >= SNIFF_BYTES as i64 || row.length_bytes == Some(row.offset_bytes);
    if row.part || !enough || row.completed_us.is_some() {
        return Ok(());
    }
    let source = state.db.source(row.source_id).await?.ok_or(ApiError::UploadExpired)?;
    if source.content_type == "application/octet-stream" {
        let head: Vec<Bytes> = source_bytes(state, row.source_id, 0..SNIFF_BYTES as u64).await?.try_collect().await?;
        accepted(state, row.source_id, &head.concat()).await?;
    }
    Ok(())
}

/// Bytes that an upload of unknown length may have: as many as its owner has room for.
async fn room(state: &AppState, viewer: &Viewer, row: &UploadRow) -> Result<i64, ApiError> {
    let most = i64::try_from(state.config.ingest.max_upload_bytes).unwrap_or(i64::MAX);
    let used = state.db.usage(viewer.id, clock::now_us()).await?;
    let quota = Quota::of(&state.config, viewer.role);
    let left = |limit: Option<i64>, used: i64, own: i64| limit.map_or(most, |l| (l - used + own).max(0));
    let stored = left(quota.stored_bytes, used.stored_bytes, row.offset_bytes.max(row.reserved_bytes));
    // Towards the day nothing counts yet but what was reserved.
    let room = stored.min(left(quota.day_bytes, used.day_bytes, row.reserved_bytes));
    if room <= row.offset_bytes {
        return Err(ApiError::QuotaExceeded("stored bytes"));
    }
    Ok(most.min(room))
}

fn is_final(row: &UploadRow) -> bool {
    announced(row).concat.is_some()
}

async fn take_in(
    state: &AppState,
    hold: Hold,
    target: Target,
    checksum: Option<Checksum>,
    body: impl Stream<Item = Result<Bytes, ApiError>> + Unpin,
) -> Result<(), ApiError> {
    let share = state.upload_memory.join();
    let Some(checksum) = checksum else {
        let taken = intake::receive(state, share, target, body).await?;
        return taken.cut.map_or(Ok(()), Err);
    };
    let sum = Arc::new(Mutex::new(checksum));
    let computed = body.inspect({
        let sum = sum.clone();
        move |chunk| {
            if let Ok(data) = chunk {
                sum.lock().unwrap_or_else(PoisonError::into_inner).update(data);
            }
        }
    });
    let from = target.offset as i64;
    let taken = intake::receive(state, share, target, computed).await?;
    let whole = taken.cut.is_none();
    let sum = Arc::into_inner(sum).map(|m| m.into_inner().unwrap_or_else(PoisonError::into_inner));
    let right = whole && sum.is_some_and(Checksum::matches);
    let recorded = if right { hold.advance(state, from, &taken.held).await } else { Ok(false) };
    match recorded {
        Ok(true) => return Ok(()),
        Ok(false) | Err(ApiError::QuotaExceeded(_)) => {}
        // A commit whose answer was lost may have been made.
        Err(error) => return Err(error),
    }
    // Nothing of it counts, so nothing of it stays.
    for extent in &taken.held {
        state.store.delete(&Key::Extent { source: extent.home, number: extent.number.unsigned_abs() }).await?;
    }
    match (taken.cut, recorded) {
        (Some(cut), _) => Err(cut),
        (None, Err(refused)) => Err(refused),
        (None, Ok(_)) if right => Err(ApiError::TakenOver),
        (None, Ok(_)) => Err(ApiError::ChecksumMismatch),
    }
}

pub(super) async fn declare_length(
    state: &AppState,
    viewer: &Viewer,
    row: &UploadRow,
    length: i64,
) -> Result<(), ApiError> {
    if row.length_bytes == Some(length) {
        return Ok(());
    }
    fits(state, length)?;
    let now = clock::now_us();
    let mut tx = state.db.begin().await?;
    // What has arrived is in the usage; what was reserved is in the day, too.
    let more = length - row.reserved_bytes;
    let stored_bytes = length - row.offset_bytes.max(row.reserved_bytes);
    let asked = Asked { stored_bytes, day_bytes: more, ..Asked::default() };
    check_quota(state, &mut tx, viewer.id, asked, now).await?;
    tx.count_daily(viewer.id, more, if more < 0 { row.created_us } else { now }).await?;
    if !tx.set_upload_length(row.id, length).await? {
        return Err(ApiError::BadRequest("the length was said before, or is less than what is there".to_owned()));
    }
    tx.commit().await?;
    if row.offset_bytes > 0 {
        arrival::plan_early(&state.db, row.id).await?;
    }
    Ok(())
}

/// Gives an upload up.
pub async fn terminate(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<(), ApiError> {
    let row = owned(state, viewer, id).await?;
    if row.joined.is_some() {
        return Ok(state.db.forget_upload(id).await?);
    }
    let (Some(media_id), Some(_)) = (row.media_id, row.completed_us) else {
        let gone = state.db.delete_upload(id, clock::now_us()).await?;
        return if gone { Ok(()) } else { Err(ApiError::NotFound) };
    };
    match media::delete(state, viewer, media_id).await {
        // Deleted before, perhaps by a process that died before the next line.
        Ok(()) | Err(ApiError::NotFound) => Ok(state.db.forget_upload(id).await?),
        Err(other) => Err(other),
    }
}

/// What the client said of an upload when it began it.
pub fn announced(row: &UploadRow) -> Metadata {
    serde_json::from_str(&row.metadata).unwrap_or_default()
}

/// Makes a media of an upload whose bytes are all there. Safe to repeat: it happens once.
pub async fn complete_if_due(state: &AppState, row: UploadRow) -> Result<UploadRow, ApiError> {
    if row.part || row.completed_us.is_some() || row.length_bytes != Some(row.offset_bytes) {
        return Ok(row);
    }
    if let Err(error) = look_at(state, &row).await {
        // A database that does not answer says nothing about the film.
        if matches!(error, ApiError::UnsupportedType) {
            state.db.delete_upload(row.id, clock::now_us()).await?;
        }
        return Err(error);
    }
    let mut tx = state.db.begin().await?;
    if row.media_id.is_none() {
        // A form, or begun by a version that made all media at the end.
        let metadata: Metadata = serde_json::from_str(&row.metadata).map_err(|_| ApiError::Internal)?;
        let checked = metadata.check(state.config.playback.encryption)?;
        let announced = media::announce_in(&mut tx, row.owner_id, checked, row.source_id).await?;
        tx.set_upload_media(row.id, announced.media).await?;
    }
    if arrival::complete_in(&mut tx, row.id, clock::now_us()).await? {
        tx.commit().await?;
        state.wake.push(2).await;
    }
    state.db.upload(row.id).await?.ok_or(ApiError::NotFound)
}

/// Completes what a dying process left complete but for the last step, and begins what it did not begin.
pub async fn heal(state: &AppState) -> Result<(), ApiError> {
    for id in state.db.uploads_to_plan().await? {
        arrival::plan_early(&state.db, id).await?;
    }
    for row in state.db.uploads_to_complete().await? {
        let id = row.id;
        if let Err(error) = complete_if_due(state, row).await {
            tracing::warn!(upload = %id, %error, "an upload was not completed");
        }
    }
    Ok(())
}
