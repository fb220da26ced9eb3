//! The rules of captions.

use super::vtt;
use crate::{
    identity::Viewer,
    pipeline::media::service as media,
    platform::PlatformError,
    state::{AppState, Stale},
    text,
    validation::Faults,
};
use bytes::Bytes;
use sluice_db::{CaptionsRow, DbError, NewCaptions, NewText, words};
use sluice_model::{MediaId, RateLimit, SubtitleRole, clock};
use tokio::task::spawn_blocking;

/// Largest file, bytes.
const MOST_BYTES: usize = 1 << 20;
/// Languages of a media.
const MOST_TRACKS: i64 = 50;

/// Which track of a media: a language tag and a role.
#[derive(Debug, Clone, Copy)]
pub struct Which<'a> {
    pub tag: &'a str,
    pub role: SubtitleRole,
}

/// Stores a track instead of what there was.
pub async fn put(
    state: &AppState,
    viewer: &Viewer,
    id: MediaId,
    Which { tag, role }: Which<'_>,
    label: Option<&str>,
    body: Bytes,
) -> Result<CaptionsRow, PlatformError> {
    media::owned(state, viewer, id).await?;
    state.limits.take(RateLimit::Captions, &viewer.id.to_string()).await?;
    if body.len() > MOST_BYTES {
        return Err(PlatformError::TooLarge(MOST_BYTES as u64));
    }
    let mut faults = Faults::default();
    let language = text::language(tag);
    faults.demand(language.is_some(), "language", "a language tag such as de or pt-BR");
    let label = label.map(text::title).filter(|l| !l.is_empty());
    faults.demand(label.as_ref().is_none_or(|l| l.chars().count() <= 80), "label", "at most 80 characters");
    let read = spawn_blocking(move || {
        let text = std::str::from_utf8(&body).map_err(|_| vtt::Fault("text in UTF-8"))?;
        let (text, cues) = vtt::normalise(text)?;
        // What is between the signature, the cues' times and empty lines.
        let said = words::distinct(text.lines().skip(1).filter(|l| !l.contains("-->")), words::MOST_OF_TRACK);
        Ok::<_, vtt::Fault>((text, cues, said))
    });
    let read = read.await.map_err(|_| PlatformError::Internal)?;
    faults.demand(read.is_ok(), "body", read.as_ref().err().map_or("", |f| f.0)).refuse()?;
    let (Some(language), Ok((body, cues, said))) = (language, read) else { return Err(PlatformError::Internal) };
    let label = label.unwrap_or_else(|| language.clone());
    let now = clock::now();
    let text = NewText { language: &language, role, label: &label, body: &body, words: &said, cues };
    let new = NewCaptions { media: id, text };
    let mut tx = state.db.begin().await?;
    let stored = tx.captions().put(&new, MOST_TRACKS, now).await.map_err(gone)?;
    if !stored {
        return Err(PlatformError::TooMany("captions"));
    }
    tx.commit().await?;
    state.forget(Stale::Media { media: id }).await;
    Ok(CaptionsRow { language, role, label, cues, updated_at: now, from_file: false })
}

/// A media that was deleted meanwhile.
fn gone(error: DbError) -> PlatformError {
    match error {
        DbError::Fenced => PlatformError::NotFound,
        other => other.into(),
    }
}

/// The tracks of a media that this person may see.
pub async fn list(state: &AppState, viewer: Option<&Viewer>, id: MediaId) -> Result<Vec<CaptionsRow>, PlatformError> {
    media::visible(state, viewer, id).await?;
    Ok(state.db.captions().of_media(id).await?)
}

/// One track as WebVTT.
pub async fn read(
    state: &AppState,
    viewer: Option<&Viewer>,
    id: MediaId,
    Which { tag, role }: Which<'_>,
) -> Result<String, PlatformError> {
    media::visible(state, viewer, id).await?;
    let language = text::language(tag).ok_or(PlatformError::NotFound)?;
    state.db.captions().body(id, &language, role).await?.ok_or(PlatformError::NotFound)
}

/// Deletes one track.
pub async fn remove(
    state: &AppState,
    viewer: &Viewer,
    id: MediaId,
    Which { tag, role }: Which<'_>,
) -> Result<(), PlatformError> {
    media::owned(state, viewer, id).await?;
    let language = text::language(tag).ok_or(PlatformError::NotFound)?;
    let mut tx = state.db.begin().await?;
    let deleted = tx.captions().delete(id, &language, role, clock::now()).await.map_err(gone)?;
    tx.commit().await?;
    state.forget(Stale::Media { media: id }).await;
    if deleted { Ok(()) } else { Err(PlatformError::NotFound) }
}
