//! Requests and answers of likes, views and histories.

use super::{
    service,
    views::{History, HistoryQuery, Likes, Position, PutPosition, Views, Watched},
};
use crate::{
    client::Client,
    http::{base_url::BaseUrl, error::ApiError, extract::Body},
    identity::guards::{Actor, Follower, Reader},
    pipeline::media::views::Media,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use sluice_db::{HistoryRow, MediaRow};
use sluice_model::MediaId;

impl From<HistoryRow> for Position {
    fn from(row: HistoryRow) -> Self {
        Self {
            media_id: row.media_id.into(),
            position_ms: row.position_ms,
            finished: row.finished,
            updated_at: row.updated_at.as_millis(),
        }
    }
}

/// Whether one likes a media.
#[utoipa::path(get, path = "/media/{id}/like", operation_id = "get_likes", tag = "engagement", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["read"])), responses((status = 200, description = "Likes", body = Likes)))]
pub async fn likes(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Path(id): Path<MediaId>,
) -> Result<Json<Likes>, ApiError> {
    let (likes, row) = service::likes(&state, &viewer, id).await?;
    Ok(Json(Likes { likes, like_count: row.like_count }))
}

/// Like a media.
#[utoipa::path(put, path = "/media/{id}/like", operation_id = "like_media", tag = "engagement", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 200, description = "Likes", body = Likes)))]
pub async fn like(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
) -> Result<Json<Likes>, ApiError> {
    let row = service::like(&state, &viewer, id, true).await?;
    Ok(Json(Likes { likes: true, like_count: row.like_count }))
}

/// Like a media no more.
#[utoipa::path(delete, path = "/media/{id}/like", operation_id = "unlike_media", tag = "engagement", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 200, description = "Likes", body = Likes)))]
pub async fn unlike(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
) -> Result<Json<Likes>, ApiError> {
    let row = service::like(&state, &viewer, id, false).await?;
    Ok(Json(Likes { likes: false, like_count: row.like_count }))
}

/// Count a view: players say so when they begin. A viewer counts once in six hours.
#[utoipa::path(post, path = "/media/{id}/views", operation_id = "count_view", tag = "engagement", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])), responses(
        (status = 200, description = "Views", body = Views),
        (status = 429, description = "Too many requests"),
    ))]
pub async fn view(
    State(state): State<AppState>,
    client: Client,
    Follower(viewer): Follower,
    Path(id): Path<MediaId>,
) -> Result<Json<Views>, ApiError> {
    let (counted, row) = service::view(&state, &client, viewer.as_ref(), id).await?;
    Ok(Json(Views { counted, view_count: row.view_count }))
}

/// What one watched, latest first; with `unfinished=true`, what there is to go on with.
#[utoipa::path(get, path = "/me/history", operation_id = "list_history", tag = "engagement", params(HistoryQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "Latest first", body = History)))]
pub async fn history(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Query(query): Query<HistoryQuery>,
    base: BaseUrl,
) -> Result<Json<History>, ApiError> {
    let (rows, next_cursor) = service::history(&state, &viewer, &query).await?;
    let view =
        |(row, media): (HistoryRow, MediaRow)| Watched { position: row.into(), media: Media::new(media, &base.1) };
    Ok(Json(History { items: rows.into_iter().map(view).collect(), next_cursor }))
}

/// Forget all of one's history.
#[utoipa::path(delete, path = "/me/history", operation_id = "delete_history", tag = "engagement", security(("session" = []), ("api_token" = ["admin"])),
    responses((status = 204, description = "Forgotten")))]
pub async fn forget_all(State(state): State<AppState>, Actor(viewer): Actor) -> Result<StatusCode, ApiError> {
    service::forget(&state, &viewer, None).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Where one is in a media.
#[utoipa::path(get, path = "/me/history/{id}", operation_id = "get_position", tag = "engagement", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "The position", body = Position)))]
pub async fn position(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Path(id): Path<MediaId>,
) -> Result<Json<Position>, ApiError> {
    Ok(Json(service::position(&state, &viewer, id).await?.into()))
}

/// Say where one is in a media; the latest counts.
#[utoipa::path(put, path = "/me/history/{id}", operation_id = "put_position", tag = "engagement", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = PutPosition, responses(
        (status = 200, description = "Remembered", body = Position),
        (status = 204, description = "Not remembered: it is switched off"),
    ))]
pub async fn remember(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
    Body(body): Body<PutPosition>,
) -> Result<Response, ApiError> {
    Ok(match service::remember(&state, &viewer, id, body.position_ms).await? {
        Some(row) => Json(Position::from(row)).into_response(),
        None => StatusCode::NO_CONTENT.into_response(),
    })
}

/// Forget that one watched a media.
#[utoipa::path(delete, path = "/me/history/{id}", operation_id = "delete_position", tag = "engagement", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Forgotten")))]
pub async fn forget(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
) -> Result<StatusCode, ApiError> {
    service::forget(&state, &viewer, Some(id)).await?;
    Ok(StatusCode::NO_CONTENT)
}
