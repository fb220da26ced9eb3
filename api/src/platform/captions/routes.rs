//! Requests and answers of captions.

use super::{
    service::{self, Which},
    views::{RoleQuery, Track, TrackQuery, Tracks},
};
use crate::{
    http::{base_url::BaseUrl, error::ApiError, extract::RawBody},
    identity::guards::{Actor, Follower},
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use sluice_model::MediaId;

/// The captions of a media.
#[utoipa::path(get, path = "/media/{id}/captions", operation_id = "list_captions", tag = "media", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "By language", body = Tracks)))]
pub async fn list(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<MediaId>,
    base: BaseUrl,
) -> Result<Json<Tracks>, ApiError> {
    let rows = service::list(&state, viewer.as_ref(), id).await?;
    Ok(Json(Tracks { items: rows.into_iter().map(|r| Track::new(r, id, &base.0)).collect() }))
}

/// Captions in one language, as WebVTT.
#[utoipa::path(get, path = "/media/{id}/captions/{language}", operation_id = "get_captions", tag = "media",
    params(("id" = Uuid, Path), ("language" = String, Path), RoleQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "The captions", body = String, content_type = "text/vtt")))]
pub async fn read(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path((id, language)): Path<(MediaId, String)>,
    Query(RoleQuery { role }): Query<RoleQuery>,
) -> Result<impl IntoResponse, ApiError> {
    let body = service::read(&state, viewer.as_ref(), id, Which { tag: &language, role }).await?;
    Ok(([(header::CONTENT_TYPE, "text/vtt; charset=utf-8")], body))
}

/// Give a media captions in a language: a WebVTT or SubRip file in UTF-8 of at most 1 MiB. Instead of those there were.
#[utoipa::path(put, path = "/media/{id}/captions/{language}", operation_id = "put_captions", tag = "media",
    params(("id" = Uuid, Path), ("language" = String, Path), TrackQuery),
    security(("session" = []), ("api_token" = ["admin"])), request_body(content = String, content_type = "text/vtt"),
    responses(
        (status = 200, description = "Stored", body = Track),
        (status = 409, description = "There are too many"),
    ))]
pub async fn put(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path((id, language)): Path<(MediaId, String)>,
    Query(query): Query<TrackQuery>,
    base: BaseUrl,
    RawBody(body): RawBody,
) -> Result<Json<Track>, ApiError> {
    let which = Which { tag: &language, role: query.role };
    let row = service::put(&state, &viewer, id, which, query.label.as_deref(), body).await?;
    Ok(Json(Track::new(row, id, &base.0)))
}

/// Delete captions in one language.
#[utoipa::path(delete, path = "/media/{id}/captions/{language}", operation_id = "delete_captions", tag = "media",
    params(("id" = Uuid, Path), ("language" = String, Path), RoleQuery),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn remove(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path((id, language)): Path<(MediaId, String)>,
    Query(RoleQuery { role }): Query<RoleQuery>,
) -> Result<StatusCode, ApiError> {
    service::remove(&state, &viewer, id, Which { tag: &language, role }).await?;
    Ok(StatusCode::NO_CONTENT)
}
