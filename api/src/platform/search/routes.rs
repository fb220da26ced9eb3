//! Requests and answers of search.

use super::{
    service,
    views::{Found, SearchQuery},
};
use crate::{
    http::{base_url::BaseUrl, error::ApiError},
    identity::guards::Follower,
    paging,
    pipeline::media::views::Media,
    state::AppState,
};
use axum::{
    Json,
    extract::{Query, State},
};

/// Public media that have all words in title, tags, description or creator's name.
#[utoipa::path(get, path = "/search", operation_id = "search", tag = "catalogue", params(SearchQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Nearest first, then by recency and engagement", body = Found)))]
pub async fn search(
    State(state): State<AppState>,
    Follower(_): Follower,
    Query(query): Query<SearchQuery>,
    base: BaseUrl,
) -> Result<Json<Found>, ApiError> {
    let limit = paging::limit(query.limit);
    let (rows, next) = service::search(&state, &query.q, query.cursor.as_deref(), limit).await?;
    let items = rows.into_iter().map(|r| Media::new(r, &base.1)).collect();
    Ok(Json(Found { items, next_cursor: next.map(|c| c.write()) }))
}
