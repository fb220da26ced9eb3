//! The rules of likes, views and histories.

use super::views::HistoryQuery;
use crate::{
    client::Client,
    identity::Viewer,
    paging::{self, Cut},
    pipeline::media::service as media,
    platform::PlatformError,
    state::AppState,
    validation::Faults,
};
use hmac::Mac;
use sluice_db::{HistoryPage, HistoryRow, MediaRow};
use sluice_model::{MediaId, clock};
use std::time::Duration;

/// One viewer counts once within this.
const WINDOW: Duration = Duration::from_secs(6 * 3600);
const PURPOSE: &str = "view mark";

/// Likes a media, or no more. Safe to repeat.
pub async fn like(state: &AppState, viewer: &Viewer, id: MediaId, likes: bool) -> Result<MediaRow, PlatformError> {
    media::visible(state, Some(viewer), id).await?;
    let mut tx = state.db.begin().await?;
    tx.engagement().set_like(id, viewer.id, likes, clock::now()).await?;
    tx.commit().await?;
    state.db.media().find(id).await?.ok_or(PlatformError::NotFound)
}

/// Counts a view of something that can be played: once a viewer and window. Who it was is kept as a hash
/// whose key changes every day.
pub async fn view(
    state: &AppState,
    client: &Client,
    viewer: Option<&Viewer>,
    id: MediaId,
) -> Result<(bool, MediaRow), PlatformError> {
    let row = media::visible(state, viewer, id).await?;
    media::begun(&row)?;
    let now = clock::now();
    let who = match viewer {
        Some(viewer) => viewer.id.to_string(),
        None => format!("{} {}", client.address, client.agent),
    };
    let mark = |day: i64| {
        let mut mac = state.keys.mac(PURPOSE);
        mac.update(&day.to_be_bytes());
        mac.update(who.as_bytes());
        mac.finalize().into_bytes()
    };
    // The window does not end at midnight.
    let (today, yesterday) = (mark(now.as_days()), mark(now.as_days() - 1));
    let mut tx = state.db.begin().await?;
    let counted = tx.engagement().count_view(id, &today[..16], &yesterday[..16], now, WINDOW).await?;
    tx.commit().await?;
    let row = if counted { state.db.media().find(id).await?.ok_or(PlatformError::NotFound)? } else { row };
    Ok((counted, row))
}

/// Remembers where somebody is, unless they do not want it.
pub async fn remember(
    state: &AppState,
    viewer: &Viewer,
    id: MediaId,
    position_ms: i64,
) -> Result<Option<HistoryRow>, PlatformError> {
    let media = media::visible(state, Some(viewer), id).await?;
    let length = media.duration_ms.unwrap_or(i64::MAX);
    let within = (0..=length.saturating_add(1000)).contains(&position_ms);
    Faults::default().demand(within, "position_ms", "a moment of the film").refuse()?;
    let finished = media.duration_ms.is_some_and(|d| position_ms >= d - d / 20);
    let row = HistoryRow { media_id: id, position_ms, finished, updated_at: clock::now() };
    Ok(state.db.engagement().save_position(viewer.id, &row).await?.then_some(row))
}

/// Whether somebody likes a media, and the media.
pub async fn likes(state: &AppState, viewer: &Viewer, id: MediaId) -> Result<(bool, MediaRow), PlatformError> {
    let row = media::visible(state, Some(viewer), id).await?;
    Ok((state.db.engagement().likes(id, viewer.id).await?, row))
}

/// What somebody watched, latest first. What has become private meanwhile is left out, but still remembered.
pub async fn history(
    state: &AppState,
    viewer: &Viewer,
    query: &HistoryQuery,
) -> Result<Cut<(HistoryRow, MediaRow), String>, PlatformError> {
    let limit = paging::limit(query.limit);
    let before = paging::read_instant(query.cursor.as_deref())?;
    let unfinished = query.unfinished.unwrap_or(false);
    let page = HistoryPage { user: viewer.id, before, unfinished, limit: limit as i64 + 1 };
    let rows = state.db.engagement().history(page).await?;
    let (rows, next) = paging::cut(rows, limit, |r| paging::write_instant((r.updated_at, r.media_id)));
    let ids: Vec<MediaId> = rows.iter().map(|r| r.media_id).collect();
    let mut seen = media::visible_many(state, Some(viewer), &ids).await?;
    let shown = rows.into_iter().filter_map(|row| seen.remove(&row.media_id).map(|media| (row, media)));
    Ok((shown.collect(), next))
}

/// Where somebody is in a media.
pub async fn position(state: &AppState, viewer: &Viewer, id: MediaId) -> Result<HistoryRow, PlatformError> {
    state.db.engagement().position(viewer.id, id).await?.ok_or(PlatformError::NotFound)
}

/// Forgets that somebody watched a media, or all of their history.
pub async fn forget(state: &AppState, viewer: &Viewer, id: Option<MediaId>) -> Result<(), PlatformError> {
    Ok(state.db.engagement().delete_history(viewer.id, id).await?)
}
