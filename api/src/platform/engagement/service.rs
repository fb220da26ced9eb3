//! The rules of likes, views and histories.

use crate::{
    error::ApiError, http::extract::Caller, identity::Viewer, pipeline::media::service as media, state::AppState,
    validation::Faults,
};
use hmac::Mac;
use sluice_db::{HistoryRow, MediaRow};
use sluice_model::clock;
use uuid::Uuid;

/// One viewer counts once within this.
const WINDOW_US: i64 = 6 * 3_600_000_000;
const PURPOSE: &str = "view mark";

/// Likes a media, or no more. Safe to repeat.
pub async fn like(state: &AppState, viewer: &Viewer, id: Uuid, likes: bool) -> Result<MediaRow, ApiError> {
    media::visible(state, Some(viewer), id).await?;
    let mut tx = state.db.begin().await?;
    tx.like(id, viewer.id, likes, clock::now_us()).await?;
    tx.commit().await?;
    state.db.media(id).await?.ok_or(ApiError::NotFound)
}

/// Counts a view of something that can be played: once a viewer and window. Who it was is kept as a hash
/// whose key changes every day.
pub async fn view(
    state: &AppState,
    caller: &Caller,
    viewer: Option<&Viewer>,
    id: Uuid,
) -> Result<(bool, MediaRow), ApiError> {
    let row = media::visible(state, viewer, id).await?;
    if !matches!(row.status().0, "playable" | "ready") {
        return Err(ApiError::NotPlayable);
    }
    let now = clock::now_us();
    let who = match viewer {
        Some(viewer) => viewer.id.to_string(),
        None => format!("{} {}", caller.address, caller.agent),
    };
    let mark = |day: i64| {
        let mut mac = state.keys.mac(PURPOSE);
        mac.update(&day.to_be_bytes());
        mac.update(who.as_bytes());
        mac.finalize().into_bytes()
    };
    // The window does not end at midnight.
    let (today, yesterday) = (mark(now / clock::DAY_US), mark(now / clock::DAY_US - 1));
    let mut tx = state.db.begin().await?;
    let counted = tx.count_view(id, &today[..16], &yesterday[..16], now, WINDOW_US).await?;
    tx.commit().await?;
    let row = if counted { state.db.media(id).await?.ok_or(ApiError::NotFound)? } else { row };
    Ok((counted, row))
}

/// Remembers where somebody is, unless they do not want it.
pub async fn remember(
    state: &AppState,
    viewer: &Viewer,
    id: Uuid,
    position_ms: i64,
) -> Result<Option<HistoryRow>, ApiError> {
    let media = media::visible(state, Some(viewer), id).await?;
    let length = media.duration_ms.unwrap_or(i64::MAX);
    let within = (0..=length.saturating_add(1000)).contains(&position_ms);
    Faults::default().demand(within, "position_ms", "a moment of the film").refuse()?;
    let finished = media.duration_ms.is_some_and(|d| position_ms >= d - d / 20);
    let row = HistoryRow { media_id: id, position_ms, finished, updated_us: clock::now_us() };
    Ok(state.db.remember(viewer.id, &row).await?.then_some(row))
}
