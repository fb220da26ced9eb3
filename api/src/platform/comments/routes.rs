//! Requests and answers of comments.

use super::{
    service,
    views::{Comment, Comments, EditComment, NewComment},
};
use crate::{
    http::{base_url::BaseUrl, error::ApiError, extract::Body},
    identity::guards::{Actor, Follower},
    paging::PageQuery,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use sluice_model::{CommentId, MediaId};

/// A media's comments: the beginnings of its threads.
#[utoipa::path(get, path = "/media/{id}/comments", operation_id = "list_comments", tag = "comments", params(("id" = Uuid, Path), PageQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Newest first", body = Comments)))]
pub async fn list(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(media): Path<MediaId>,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Comments>, ApiError> {
    let (rows, next_cursor) = service::list(&state, viewer.as_ref(), media, &page).await?;
    Ok(Json(Comments { items: rows.into_iter().map(|r| Comment::new(r, &base.0)).collect(), next_cursor }))
}

/// The answers to a comment.
#[utoipa::path(get, path = "/comments/{id}/replies", operation_id = "list_replies", tag = "comments", params(("id" = Uuid, Path), PageQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Oldest first", body = Comments)))]
pub async fn replies(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<CommentId>,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Comments>, ApiError> {
    let (rows, next_cursor) = service::replies(&state, viewer.as_ref(), id, &page).await?;
    Ok(Json(Comments { items: rows.into_iter().map(|r| Comment::new(r, &base.0)).collect(), next_cursor }))
}

/// Say something.
#[utoipa::path(post, path = "/media/{id}/comments", operation_id = "create_comment", tag = "comments", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = NewComment, responses(
        (status = 200, description = "It was there, by its `client_key`", body = Comment),
        (status = 201, description = "Stored", body = Comment),
        (status = 429, description = "Too many at once"),
    ))]
pub async fn create(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(media): Path<MediaId>,
    base: BaseUrl,
    Body(body): Body<NewComment>,
) -> Result<(StatusCode, Json<Comment>), ApiError> {
    let (row, new) = service::create(&state, &viewer, media, body, |_| ()).await?;
    let status = if new { StatusCode::CREATED } else { StatusCode::OK };
    Ok((status, Json(Comment::new(row, &base.0))))
}

/// Change what one said; it is marked as changed.
#[utoipa::path(patch, path = "/comments/{id}", operation_id = "change_comment", tag = "comments", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = EditComment,
    responses(
        (status = 200, description = "Changed", body = Comment),
        (status = 429, description = "Too many at once"),
    ))]
pub async fn edit(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<CommentId>,
    base: BaseUrl,
    Body(body): Body<EditComment>,
) -> Result<Json<Comment>, ApiError> {
    Ok(Json(Comment::new(service::edit(&state, &viewer, id, &body.body).await?, &base.0)))
}

/// Delete a comment with the answers to it: its author may, the media's owner and administrators.
#[utoipa::path(delete, path = "/comments/{id}", operation_id = "delete_comment", tag = "comments", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn delete(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<CommentId>,
) -> Result<StatusCode, ApiError> {
    service::delete(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
