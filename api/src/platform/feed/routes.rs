//! Requests and answers of the feed.

use super::{
    service,
    views::{Entry, Feed, FeedQuery, FeedReason},
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

/// What to watch: the newest of those one follows, every third place something of others by recency and
/// engagement. Without an account, the latter alone.
#[utoipa::path(get, path = "/feed", operation_id = "get_feed", tag = "creators", params(FeedQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Nothing comes twice on the way through the pages", body = Feed)))]
pub async fn feed(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Query(query): Query<FeedQuery>,
    base: BaseUrl,
) -> Result<Json<Feed>, ApiError> {
    let limit = paging::limit(query.limit);
    let (rows, next) = service::page(&state, viewer.map(|v| v.id), query.cursor.as_deref(), limit).await?;
    let view = |(followed, row)| Entry {
        reason: if followed { FeedReason::Subscription } else { FeedReason::Discovery },
        media: Media::new(row, &base.1),
    };
    Ok(Json(Feed { items: rows.into_iter().map(view).collect(), next_cursor: next.map(|c| c.write()) }))
}
