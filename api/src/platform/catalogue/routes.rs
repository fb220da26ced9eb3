//! Requests and answers of categories and tags.

use super::{
    service,
    views::{Categories, Category, PutCategory},
};
use crate::{
    http::{base_url::BaseUrl, error::ApiError, extract::Body},
    identity::guards::{Admin, Follower},
    paging::PageQuery,
    pipeline::media::views::Page,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};

/// All categories.
#[utoipa::path(get, path = "/categories", operation_id = "list_categories", tag = "catalogue",
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "By name", body = Categories)))]
pub async fn list(
    State(state): State<AppState>,
    Follower(_): Follower,
    base: BaseUrl,
) -> Result<Json<Categories>, ApiError> {
    let rows = service::categories(&state).await?;
    Ok(Json(Categories { items: rows.into_iter().map(|r| Category::new(r, &base.0)).collect() }))
}

/// Public media of a category.
#[utoipa::path(get, path = "/categories/{slug}/media", operation_id = "list_category_media", tag = "catalogue", params(("slug" = String, Path), PageQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Newest first", body = Page)))]
pub async fn of_category(
    State(state): State<AppState>,
    Follower(_): Follower,
    Path(slug): Path<String>,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Page>, ApiError> {
    let (rows, next_cursor) = service::media_of(&state, &slug, &page).await?;
    Ok(Json(Page::new(rows, next_cursor, &base.1)))
}

/// Public media with a tag.
#[utoipa::path(get, path = "/tags/{tag}/media", operation_id = "list_tag_media", tag = "catalogue", params(("tag" = String, Path), PageQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Newest first", body = Page)))]
pub async fn with_tag(
    State(state): State<AppState>,
    Follower(_): Follower,
    Path(tag): Path<String>,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Page>, ApiError> {
    let (rows, next_cursor) = service::media_with(&state, tag, &page).await?;
    Ok(Json(Page::new(rows, next_cursor, &base.1)))
}

/// Make a category, or name it anew.
#[utoipa::path(put, path = "/admin/categories/{slug}", operation_id = "put_category", tag = "admin", params(("slug" = String, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = PutCategory,
    responses((status = 204, description = "It is so")))]
pub async fn put(
    State(state): State<AppState>,
    Admin(_): Admin,
    Path(slug): Path<String>,
    Body(body): Body<PutCategory>,
) -> Result<StatusCode, ApiError> {
    service::put(&state, &slug, &body.name).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Remove a category; its media have none then.
#[utoipa::path(delete, path = "/admin/categories/{slug}", operation_id = "delete_category", tag = "admin", params(("slug" = String, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn delete(
    State(state): State<AppState>,
    Admin(_): Admin,
    Path(slug): Path<String>,
) -> Result<StatusCode, ApiError> {
    service::delete(&state, &slug).await?;
    Ok(StatusCode::NO_CONTENT)
}
