//! Requests and answers of posts and of the feeds made of them.

use super::{
    feeds, service,
    views::{ChangePost, NewPost, Post, PostQuery, Posts},
};
use crate::{
    error::ApiError,
    http::{
        base_url::BaseUrl,
        extract::Body,
        paging::{self, PageQuery},
    },
    identity::guards::{Actor, Follower, Reader, Uploader},
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use sluice_db::PostRow;
use uuid::Uuid;

/// Entries of a feed.
const FEED: i64 = 20;
/// Episodes in a podcast: players show no others.
const EPISODES: i64 = 500;

impl PostQuery {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(20).clamp(1, 20) as usize
    }

    fn page(&self, rows: Vec<PostRow>, base: &str) -> Posts {
        let at = |r: &PostRow| paging::write_instant((r.published_us.unwrap_or(0), r.id));
        let (rows, next_cursor) = paging::cut(rows, self.limit(), at);
        Posts { items: rows.into_iter().map(|r| Post::new(r, base)).collect(), next_cursor }
    }
}

/// Everybody's published posts.
#[utoipa::path(get, path = "/posts", tag = "posts", params(PostQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Latest first", body = Posts)))]
pub async fn list(
    State(state): State<AppState>,
    Follower(_): Follower,
    Query(query): Query<PostQuery>,
    base: BaseUrl,
) -> Result<Json<Posts>, ApiError> {
    let before = paging::read_instant(query.cursor.as_deref())?;
    let rows = state.db.published_posts(before, query.limit() as i64 + 1).await?;
    Ok(Json(query.page(rows, &base.0)))
}

/// A creator's published posts.
#[utoipa::path(get, path = "/creators/{id}/posts", tag = "posts", params(("id" = Uuid, Path), PostQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Latest first", body = Posts)))]
pub async fn of_creator(
    State(state): State<AppState>,
    Follower(_): Follower,
    Path(id): Path<Uuid>,
    Query(query): Query<PostQuery>,
    base: BaseUrl,
) -> Result<Json<Posts>, ApiError> {
    let before = paging::read_instant(query.cursor.as_deref())?;
    let rows = state.db.published_posts_of(id, before, query.limit() as i64 + 1).await?;
    Ok(Json(query.page(rows, &base.0)))
}

/// One's own posts, drafts too.
#[utoipa::path(get, path = "/me/posts", tag = "posts", params(PageQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "Newest first", body = Posts)))]
pub async fn own(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Posts>, ApiError> {
    let (rows, next) = page.cut(state.db.posts_of(viewer.id, page.cursor, page.rows()).await?, |r| r.id);
    let items = rows.into_iter().map(|r| Post::new(r, &base.0)).collect();
    Ok(Json(Posts { items, next_cursor: next.map(|n| n.to_string()) }))
}

/// Write a post: creators may.
#[utoipa::path(post, path = "/posts", tag = "posts", security(("session" = []), ("api_token" = ["upload"])),
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
#[utoipa::path(get, path = "/posts/{id}", tag = "posts", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "The post", body = Post)))]
pub async fn show(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<Uuid>,
    base: BaseUrl,
) -> Result<Json<Post>, ApiError> {
    Ok(Json(Post::new(service::visible(&state, viewer.as_ref(), id).await?, &base.0)))
}

/// Change a post, publish it, or make a draft of it again.
#[utoipa::path(patch, path = "/posts/{id}", tag = "posts", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = ChangePost,
    responses((status = 200, description = "The post", body = Post)))]
pub async fn change(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<Uuid>,
    base: BaseUrl,
    Body(body): Body<ChangePost>,
) -> Result<Json<Post>, ApiError> {
    Ok(Json(Post::new(service::change(&state, &viewer, id, body).await?, &base.0)))
}

/// Delete a post; its media stay.
#[utoipa::path(delete, path = "/posts/{id}", tag = "posts", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn remove(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    service::delete(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A creator's latest posts as an Atom feed.
#[utoipa::path(get, path = "/creators/{id}/feed.atom", tag = "posts", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Atom", body = String, content_type = "application/atom+xml")))]
pub async fn atom(
    State(state): State<AppState>,
    Follower(_): Follower,
    Path(id): Path<Uuid>,
    base: BaseUrl,
) -> Result<impl IntoResponse, ApiError> {
    let creator = state.db.creator(id).await?.ok_or(ApiError::NotFound)?;
    let posts = state.db.published_posts_of(id, None, FEED).await?;
    Ok(([(header::CONTENT_TYPE, "application/atom+xml; charset=utf-8")], feeds::atom(&creator, posts, &base.0)))
}

/// A creator's latest public sound as RSS with enclosures, for podcast players.
#[utoipa::path(get, path = "/creators/{id}/podcast.rss", tag = "posts", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "RSS", body = String, content_type = "application/rss+xml")))]
pub async fn podcast(
    State(state): State<AppState>,
    Follower(_): Follower,
    Path(id): Path<Uuid>,
    base: BaseUrl,
) -> Result<impl IntoResponse, ApiError> {
    let creator = state.db.creator(id).await?.ok_or(ApiError::NotFound)?;
    let media = state.db.public_sound_of(id, EPISODES).await?;
    let text = feeds::podcast(&creator, media, &base.0)?;
    Ok(([(header::CONTENT_TYPE, "application/rss+xml; charset=utf-8")], text))
}
