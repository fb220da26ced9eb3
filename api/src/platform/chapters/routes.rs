//! Requests and answers of chapters.

use super::{
    service,
    views::{Chapter, Chapters},
};
use crate::{
    http::{error::ApiError, extract::Body},
    identity::guards::{Actor, Follower},
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, State},
    http::header,
    response::IntoResponse,
};
use sluice_db::ChapterRow;
use sluice_model::MediaId;

fn view(rows: Vec<ChapterRow>) -> Json<Chapters> {
    Json(Chapters { items: rows.into_iter().map(|r| Chapter { start_ms: r.start_ms, title: r.title }).collect() })
}

/// The chapters of a media.
#[utoipa::path(get, path = "/media/{id}/chapters", tag = "media", operation_id = "list_chapters", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "In its order", body = Chapters)))]
pub async fn list(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<MediaId>,
) -> Result<Json<Chapters>, ApiError> {
    Ok(view(service::list(&state, viewer.as_ref(), id).await?))
}

/// The chapters of a media as WebVTT, for players.
#[utoipa::path(get, path = "/media/{id}/chapters.vtt", tag = "media", operation_id = "read_chapters_webvtt",
    params(("id" = Uuid, Path)), security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "The chapters", body = String, content_type = "text/vtt")))]
pub async fn webvtt(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<MediaId>,
) -> Result<impl IntoResponse, ApiError> {
    let body = service::webvtt(&state, viewer.as_ref(), id).await?;
    Ok(([(header::CONTENT_TYPE, "text/vtt; charset=utf-8")], body))
}

/// Give a media chapters, in its order, instead of those there were. An empty list deletes them.
#[utoipa::path(put, path = "/media/{id}/chapters", tag = "media", operation_id = "put_chapters", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = Chapters,
    responses((status = 200, description = "Stored", body = Chapters)))]
pub async fn put(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
    Body(body): Body<Chapters>,
) -> Result<Json<Chapters>, ApiError> {
    Ok(view(service::put(&state, &viewer, id, body.items).await?))
}
