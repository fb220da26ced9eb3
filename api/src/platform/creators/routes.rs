//! Requests and answers of creators, subscriptions and blocks.

use super::{
    service,
    views::{ChangeProfile, Creator, Creators, NameQuery, Profile, Subscription, Subscriptions},
};
use crate::{
    error::ApiError,
    http::{
        base_url::BaseUrl,
        extract::Body,
        paging::{self, PageQuery},
    },
    identity::guards::{Actor, Follower, Reader},
    pipeline::media::views::Page,
    state::AppState,
    text,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use sluice_db::CreatorRow;
use uuid::Uuid;

impl NameQuery {
    fn limit(&self) -> usize {
        paging::limit(self.limit)
    }

    fn page(&self, rows: Vec<CreatorRow>, base: &BaseUrl) -> Creators {
        let (rows, next_cursor) = paging::cut(rows, self.limit(), |r| r.username.to_lowercase());
        Creators { items: rows.into_iter().map(|r| Creator::new(r, &base.0)).collect(), next_cursor }
    }

    fn after(&self) -> String {
        text::line(self.cursor.as_deref().unwrap_or_default()).to_lowercase()
    }
}

/// Creators, by the beginning of their names.
#[utoipa::path(get, path = "/creators", tag = "creators", params(NameQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "In the order of their names", body = Creators)))]
pub async fn list(
    State(state): State<AppState>,
    Follower(_): Follower,
    Query(query): Query<NameQuery>,
    base: BaseUrl,
) -> Result<Json<Creators>, ApiError> {
    let prefix = text::line(query.prefix.as_deref().unwrap_or_default()).to_lowercase();
    let rows = state.db.creators(&prefix, &query.after(), query.limit() as i64 + 1).await?;
    Ok(Json(query.page(rows, &base)))
}

/// One creator.
#[utoipa::path(get, path = "/creators/{id}", tag = "creators", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "The creator", body = Profile)))]
pub async fn show(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<Uuid>,
    base: BaseUrl,
) -> Result<Json<Profile>, ApiError> {
    let creator = Creator::new(service::creator(&state, id).await?, &base.0);
    let subscribed = match viewer {
        Some(v) => state.db.is_subscribed(v.id, id).await?,
        None => false,
    };
    Ok(Json(Profile { creator, subscribed }))
}

/// A creator's public media.
#[utoipa::path(get, path = "/creators/{id}/media", tag = "creators", params(("id" = Uuid, Path), PageQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Newest first", body = Page)))]
pub async fn media(
    State(state): State<AppState>,
    Follower(_): Follower,
    Path(id): Path<Uuid>,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Page>, ApiError> {
    service::creator(&state, id).await?;
    let (rows, next_cursor) =
        page.cut(state.db.public_media_of(id, page.cursor, page.rows()).await?, |r| r.published_id.unwrap_or(r.id));
    Ok(Json(Page::new(rows, next_cursor, &base.0)))
}

/// Change what others see of oneself, and whether one's history is kept.
#[utoipa::path(patch, path = "/me/profile", tag = "account", security(("session" = []), ("api_token" = ["admin"])),
    request_body = ChangeProfile, responses((status = 204, description = "Changed")))]
pub async fn change(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Body(body): Body<ChangeProfile>,
) -> Result<StatusCode, ApiError> {
    service::change(&state, &viewer, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whom one follows.
#[utoipa::path(get, path = "/subscriptions", tag = "creators", params(PageQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "Newest first", body = Subscriptions)))]
pub async fn subscriptions(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Subscriptions>, ApiError> {
    let rows = state.db.subscriptions(viewer.id, page.cursor, page.rows()).await?;
    let (rows, next_cursor) = page.cut(rows, |r| r.subscription_id);
    let view = |r: sluice_db::SubscriptionRow| Subscription {
        since: r.subscribed_us / 1000,
        creator: Creator::new(r.creator, &base.0),
    };
    Ok(Json(Subscriptions { items: rows.into_iter().map(view).collect(), next_cursor }))
}

/// Follow a creator.
#[utoipa::path(post, path = "/subscriptions/{id}", tag = "creators", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Subscribed")))]
pub async fn subscribe(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    service::subscribe(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Follow a creator no more.
#[utoipa::path(delete, path = "/subscriptions/{id}", tag = "creators", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Not subscribed")))]
pub async fn unsubscribe(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    service::unsubscribe(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whom one has blocked.
#[utoipa::path(get, path = "/me/blocks", tag = "account", params(NameQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "In the order of their names", body = Creators)))]
pub async fn blocks(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Query(query): Query<NameQuery>,
    base: BaseUrl,
) -> Result<Json<Creators>, ApiError> {
    let rows = state.db.blocked(viewer.id, &query.after(), query.limit() as i64 + 1).await?;
    Ok(Json(query.page(rows, &base)))
}

/// Block somebody: their comments are out of one's sight, and they cannot comment on one's media.
#[utoipa::path(put, path = "/me/blocks/{id}", tag = "account", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Blocked")))]
pub async fn block(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    service::block(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End a block.
#[utoipa::path(delete, path = "/me/blocks/{id}", tag = "account", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Not blocked")))]
pub async fn unblock(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    state.db.unblock(viewer.id, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
