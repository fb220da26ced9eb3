//! The rules of grants and playback tokens.

use super::views::NewPlaybackToken;
use crate::{
    client::Client,
    identity::{
        Viewer,
        access::signature::Signed,
        audit::{Event, note},
    },
    paging::{Cut, PageQuery},
    pipeline::media::service::{MediaError, owned},
    state::{AppState, Stale},
    text,
    validation::Faults,
};
use sluice_db::{GrantRow, PlaybackTokenRow, UserRow};
use sluice_model::{MediaId, PlaybackTokenId, clock};
use std::time::Duration;

/// Longest life of a playback token, seconds: a year.
const LONGEST_S: i64 = 31_536_000;

async fn person(state: &AppState, username: &str) -> Result<UserRow, MediaError> {
    Faults::default().username(username).refuse().map_err(|_| MediaError::NotFound)?;
    state.db.users().by_name(username).await?.ok_or(MediaError::NotFound)
}

/// Lets a person play a media.
pub async fn grant(
    state: &AppState,
    client: &Client,
    viewer: &Viewer,
    media: MediaId,
    username: &str,
) -> Result<(), MediaError> {
    let media = owned(state, viewer, media).await?;
    let user = person(state, username).await?;
    state.db.access().grant(media.id, user.id, clock::now()).await?;
    let detail = format!("media {} to {}", media.id, user.id);
    note(state, client, Event::GrantAdded, Some(media.owner_id), Some(viewer.id), &detail).await;
    Ok(())
}

/// Ends a grant. It acts with the next request for anything of the media; where segments are played by another instance that does
/// not hear of it, a second later.
pub async fn revoke_grant(
    state: &AppState,
    client: &Client,
    viewer: &Viewer,
    media: MediaId,
    username: &str,
) -> Result<(), MediaError> {
    let media = owned(state, viewer, media).await?;
    let user = person(state, username).await?;
    if !state.db.access().revoke_grant(media.id, user.id).await? {
        return Err(MediaError::NotFound);
    }
    state.forget(Stale::Media { media: media.id }).await;
    let detail = format!("media {} from {}", media.id, user.id);
    note(state, client, Event::GrantRemoved, Some(media.owner_id), Some(viewer.id), &detail).await;
    Ok(())
}

/// Makes a playback token.
pub async fn create_token(
    state: &AppState,
    client: &Client,
    viewer: &Viewer,
    media: MediaId,
    request: NewPlaybackToken,
) -> Result<(PlaybackTokenRow, String), MediaError> {
    let media = owned(state, viewer, media).await?;
    let label = request.viewer.map(|v| text::line(&v));
    let mut faults = Faults::default();
    faults.demand((1..=LONGEST_S).contains(&request.expires_in), "expires_in", "1 to 31536000 seconds");
    faults.demand(label.as_ref().is_none_or(|v| v.chars().count() <= 200), "viewer", "at most 200 characters");
    faults.demand(request.max_views.is_none_or(|n| n >= 1), "max_views", "at least 1");
    let origins = request.allowed_origins.len() <= 20 && request.allowed_origins.iter().all(|o| text::is_origin(o));
    faults.demand(origins, "allowed_origins", "at most 20, each like https://app.example.org").refuse()?;
    let now = clock::now();
    let row = PlaybackTokenRow {
        id: PlaybackTokenId::new(),
        media_id: media.id,
        viewer: label,
        max_views: request.max_views,
        views: 0,
        allowed_origins: request.allowed_origins.join(" "),
        created_at: now,
        expires_at: now + Duration::from_secs(request.expires_in.unsigned_abs()),
    };
    state.db.access().insert_playback_token(&row).await?;
    let detail = format!("media {}", media.id);
    note(state, client, Event::PlaybackTokenCreated, Some(media.owner_id), Some(viewer.id), &detail).await;
    let text = text(state, &row);
    Ok((row, text))
}

/// A token's text. It is signed, so it can be written again at any time.
pub fn text(state: &AppState, row: &PlaybackTokenRow) -> String {
    Signed { id: row.id, expires_at: None }.write(&state.keys)
}

/// Revokes a token. It acts with the next request, as the end of a grant does.
pub async fn revoke_token(
    state: &AppState,
    client: &Client,
    viewer: &Viewer,
    media: MediaId,
    id: PlaybackTokenId,
) -> Result<(), MediaError> {
    let media = owned(state, viewer, media).await?;
    if !state.db.access().revoke_playback_token(media.id, id, clock::now()).await? {
        return Err(MediaError::NotFound);
    }
    state.forget(Stale::PlaybackToken { token: id }).await;
    let detail = format!("media {}", media.id);
    note(state, client, Event::PlaybackTokenRevoked, Some(media.owner_id), Some(viewer.id), &detail).await;
    Ok(())
}

/// Who was granted a media.
pub async fn grants(
    state: &AppState,
    viewer: &Viewer,
    media: MediaId,
    page: &PageQuery,
) -> Result<Cut<GrantRow>, MediaError> {
    let media = owned(state, viewer, media).await?;
    Ok(page.cut(state.db.access().grants(media.id, page.cursor(), page.rows()).await?, |r| r.user_id))
}

/// The live playback tokens of a media, newest first.
pub async fn tokens(
    state: &AppState,
    viewer: &Viewer,
    media: MediaId,
    page: &PageQuery,
) -> Result<Cut<PlaybackTokenRow>, MediaError> {
    let media = owned(state, viewer, media).await?;
    let rows = state.db.access().playback_tokens(media.id, page.cursor(), page.rows(), clock::now()).await?;
    Ok(page.cut(rows, |r| r.id))
}
