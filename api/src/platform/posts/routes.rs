//! Requests and answers of posts and of the feeds made of them.

use super::{
    feeds, service,
    views::{ChangePost, NewPost, Post, PostQuery, Posts},
};
use crate::{
    http::{base_url::BaseUrl, error::ApiError, extract::Body},
    identity::guards::{Actor, Follower, Reader, Uploader},
    paging::{Cut, PageQuery},
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use sluice_db::PostRow;
use sluice_model::{PostId, UserId};

fn posts((rows, next_cursor): Cut<PostRow, String>, base: &BaseUrl) -> Json<Posts> {
    Json(Posts { items: rows.into_iter().map(|r| Post::new(r, &base.0)).collect(), next_cursor })
}

/// Everybody's published posts.
#[utoipa::path(get, path = "/posts", operation_id = "list_posts", tag = "posts", params(PostQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Latest first", body = Posts)))]
pub async fn list(
    State(state): State<AppState>,
    Follower(_): Follower,
    Query(query): Query<PostQuery>,
    base: BaseUrl,
) -> Result<Json<Posts>, ApiError> {
    Ok(posts(service::published(&state, None, &query).await?, &base))
}

/// A creator's published posts.
#[utoipa::path(get, path = "/creators/{id}/posts", operation_id = "list_creator_posts", tag = "posts", params(("id" = Uuid, Path), PostQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Latest first", body = Posts)))]
pub async fn of_creator(
    State(state): State<AppState>,
    Follower(_): Follower,
    Path(id): Path<UserId>,
    Query(query): Query<PostQuery>,
    base: BaseUrl,
) -> Result<Json<Posts>, ApiError> {
    Ok(posts(service::published(&state, Some(id), &query).await?, &base))
}

/// One's own posts, drafts too.
#[utoipa::path(get, path = "/me/posts", operation_id = "list_own_posts", tag = "posts", params(PageQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "Newest first", body = Posts)))]
pub async fn own(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Posts>, ApiError> {
    let (rows, next) = service::own(&state, &viewer, &page).await?;
    Ok(posts((rows, next.map(|n| n.to_string())), &base))
}

/// Write a post: creators may.
#[utoipa::path(post, path = "/posts", operation_id = "create_post", tag = "posts", security(("session" = []), ("api_token" = ["upload"])),
    request_body = NewPost, responses(
        (status = 201, description = "The post", body = Post),
        (status = 429, description = "Too many requests"),
    ))]
pub async fn create(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    base: BaseUrl,
    Body(body): Body<NewPost>,
) -> Result<(StatusCode, Json<Post>), ApiError> {
    let row = service::create(&state, &viewer, body).await?;
    Ok((StatusCode::CREATED, Json(Post::new(row, &base.0))))
}

/// One post.
#[utoipa::path(get, path = "/posts/{id}", operation_id = "get_post", tag = "posts", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "The post", body = Post)))]
pub async fn show(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<PostId>,
    base: BaseUrl,
) -> Result<Json<Post>, ApiError> {
    Ok(Json(Post::new(service::visible(&state, viewer.as_ref(), id).await?, &base.0)))
}

/// Change a post, publish it, or make a draft of it again.
#[utoipa::path(patch, path = "/posts/{id}", operation_id = "change_post", tag = "posts", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = ChangePost,
    responses((status = 200, description = "The post", body = Post)))]
pub async fn change(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<PostId>,
    base: BaseUrl,
    Body(body): Body<ChangePost>,
) -> Result<Json<Post>, ApiError> {
    Ok(Json(Post::new(service::change(&state, &viewer, id, body).await?, &base.0)))
}

/// Delete a post; its media stay.
#[utoipa::path(delete, path = "/posts/{id}", operation_id = "delete_post", tag = "posts", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn remove(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<PostId>,
) -> Result<StatusCode, ApiError> {
    service::delete(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A creator's latest posts as an Atom feed.
#[utoipa::path(get, path = "/creators/{id}/feed.atom", operation_id = "get_creator_atom", tag = "posts", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Atom", body = String, content_type = "application/atom+xml")))]
pub async fn atom(
    State(state): State<AppState>,
    Follower(_): Follower,
    Path(id): Path<UserId>,
    base: BaseUrl,
) -> Result<impl IntoResponse, ApiError> {
    let (creator, posts) = service::latest(&state, id).await?;
    Ok(([(header::CONTENT_TYPE, "application/atom+xml; charset=utf-8")], feeds::atom(&creator, posts, &base.0)))
}

/// A creator's latest public sound as RSS with enclosures, for podcast players.
#[utoipa::path(get, path = "/creators/{id}/podcast.rss", operation_id = "get_creator_podcast", tag = "posts", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "RSS", body = String, content_type = "application/rss+xml")))]
pub async fn podcast(
    State(state): State<AppState>,
    Follower(_): Follower,
    Path(id): Path<UserId>,
    base: BaseUrl,
) -> Result<impl IntoResponse, ApiError> {
    let (creator, media) = service::episodes(&state, id).await?;
    let text = feeds::podcast(&creator, media, &base.0)?;
    Ok(([(header::CONTENT_TYPE, "application/rss+xml; charset=utf-8")], text))
}
