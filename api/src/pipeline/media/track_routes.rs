//! Requests and answers of the tracks of a media.

use super::{
    tracks,
    views::{ChangeTrack, Media, MediaWithTracks},
};
use crate::{
    http::{base_url::BaseUrl, error::ApiError, extract::Body},
    identity::guards::Actor,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use sluice_model::MediaId;

/// Rename a track of sound, say its language or what it is for, make it the default, or hide it: for players that begin
/// afterwards, without encoding anything. What is left out is as the file says.
#[utoipa::path(put, path = "/media/{id}/tracks/{track}", tag = "media",
    params(("id" = Uuid, Path), ("track" = String, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = ChangeTrack, responses(
        (status = 200, description = "The media", body = MediaWithTracks),
    ))]
pub async fn change(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path((id, track)): Path<(MediaId, String)>,
    base: BaseUrl,
    Body(body): Body<ChangeTrack>,
) -> Result<Json<MediaWithTracks>, ApiError> {
    let row = tracks::change(&state, &viewer, id, &track, body).await?;
    let tracks = tracks::list(&state, &row).await?;
    Ok(Json(MediaWithTracks { media: Media::new(row, &base.1), tracks }))
}

/// Let a track of sound be again as the file says, or remove one that was added.
#[utoipa::path(delete, path = "/media/{id}/tracks/{track}", tag = "media",
    params(("id" = Uuid, Path), ("track" = String, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "It is, or it is gone")))]
pub async fn reset(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path((id, track)): Path<(MediaId, String)>,
) -> Result<StatusCode, ApiError> {
    tracks::reset(&state, &viewer, id, &track).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set an added track that has failed to work again.
#[utoipa::path(post, path = "/media/{id}/tracks/{track}/retry", operation_id = "retry_track", tag = "media",
    params(("id" = Uuid, Path), ("track" = String, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 200, description = "Queued", body = MediaWithTracks),
        (status = 409, description = "It has not failed"),
    ))]
pub async fn retry(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path((id, track)): Path<(MediaId, String)>,
    base: BaseUrl,
) -> Result<Json<MediaWithTracks>, ApiError> {
    let row = tracks::retry(&state, &viewer, id, &track).await?;
    let tracks = tracks::list(&state, &row).await?;
    Ok(Json(MediaWithTracks { media: Media::new(row, &base.1), tracks }))
}
