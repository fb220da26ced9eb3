//! Requests and answers of playback quality.

use super::{
    service,
    views::{PlaybackQuality, QualityQuery},
};
use crate::{
    http::{error::ApiError, extract::RawBody},
    identity::guards::{Player, Reader},
    pipeline::playback::routes::MediaPath,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use sluice_model::MediaId;

/// Tell how a media plays: players send their events here, as CMCD version 2 (CTA-5004-B) has them: a line each. The
/// address is that of the multivariant playlist with `cmcd` instead of `index.m3u8`.
#[utoipa::path(post, path = "/hls/{media}/cmcd", operation_id = "report_playback", tag = "playback", params(MediaPath),
    security((), ("session" = []), ("api_token" = ["read"])),
    request_body(content = String, content_type = "application/cmcd"), responses(
        (status = 204, description = "Counted"),
        (status = 429, description = "Too many requests"),
    ))]
pub async fn receive(
    State(state): State<AppState>,
    Player(ticket): Player,
    Path(path): Path<MediaPath>,
    RawBody(body): RawBody,
) -> Result<StatusCode, ApiError> {
    service::count(&state, &ticket, path.media, &body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The same by a playback token.
#[utoipa::path(post, path = "/p/{token}/hls/{media}/cmcd", operation_id = "report_playback_by_token", tag = "playback",
    params(("token" = String, Path), MediaPath),
    request_body(content = String, content_type = "application/cmcd"), responses(
        (status = 204, description = "Counted"),
        (status = 403, description = "The page is not allowed"),
        (status = 429, description = "Too many requests"),
    ))]
pub async fn receive_by_token(
    state: State<AppState>,
    player: Player,
    path: Path<MediaPath>,
    body: RawBody,
) -> Result<StatusCode, ApiError> {
    receive(state, player, path, body).await
}

/// How a media played, as its players told: starts, stalls, and what was watched of which rendition, by day. Nothing of it
/// leads to a viewer.
#[utoipa::path(get, path = "/media/{id}/quality", operation_id = "get_playback_quality", tag = "media",
    params(("id" = Uuid, Path), QualityQuery),
    security(("session" = []), ("api_token" = ["read"])), responses(
        (status = 200, description = "By day, by time to start, by rendition", body = PlaybackQuality),
    ))]
pub async fn show(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Path(id): Path<MediaId>,
    Query(query): Query<QualityQuery>,
) -> Result<Json<PlaybackQuality>, ApiError> {
    Ok(Json(service::of_media(&state, &viewer, id, query.days).await?))
}
