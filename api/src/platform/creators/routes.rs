//! Requests and answers of creators, subscriptions and blocks.

use super::{
    service,
    views::{ChangeProfile, Creator, Creators, NameQuery, OwnProfile, Profile, Subscription, Subscriptions},
};
use crate::{
    http::{base_url::BaseUrl, error::ApiError, extract::Body},
    identity::guards::{Actor, Follower, Reader},
    paging::{Cut, PageQuery},
    pipeline::media::views::Page,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use sluice_db::CreatorRow;
use sluice_model::UserId;

fn creators((rows, next_cursor): Cut<CreatorRow, String>, base: &BaseUrl) -> Json<Creators> {
    Json(Creators { items: rows.into_iter().map(|r| Creator::new(r, &base.0)).collect(), next_cursor })
}

/// Creators, by the beginning of their names.
#[utoipa::path(get, path = "/creators", operation_id = "list_creators", tag = "creators", params(NameQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "In the order of their names", body = Creators)))]
pub async fn list(
    State(state): State<AppState>,
    Follower(_): Follower,
    Query(query): Query<NameQuery>,
    base: BaseUrl,
) -> Result<Json<Creators>, ApiError> {
    Ok(creators(service::creators(&state, &query).await?, &base))
}

/// One creator, by identifier or user name.
#[utoipa::path(get, path = "/creators/{id}", operation_id = "get_creator", tag = "creators", params(("id" = String, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "The creator", body = Profile)))]
pub async fn show(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(name): Path<String>,
    base: BaseUrl,
) -> Result<Json<Profile>, ApiError> {
    let (row, subscribed) = service::profile(&state, viewer.as_ref(), &name).await?;
    Ok(Json(Profile { creator: Creator::new(row, &base.0), subscribed }))
}

/// A creator's public media, by identifier or user name.
#[utoipa::path(get, path = "/creators/{id}/media", operation_id = "list_creator_media", tag = "creators", params(("id" = String, Path), PageQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Newest first", body = Page)))]
pub async fn media(
    State(state): State<AppState>,
    Follower(_): Follower,
    Path(name): Path<String>,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Page>, ApiError> {
    let (rows, next_cursor) = service::media(&state, &name, &page).await?;
    Ok(Json(Page::new(rows, next_cursor, &base.1)))
}

/// What others see of oneself, with one's avatar, and whether one's history is kept.
#[utoipa::path(get, path = "/me/profile", operation_id = "get_own_profile", tag = "account", security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "The profile", body = OwnProfile)))]
pub async fn own(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    base: BaseUrl,
) -> Result<Json<OwnProfile>, ApiError> {
    let row = service::own(&state, &viewer).await?;
    Ok(Json(OwnProfile { creator: Creator::new(row.profile, &base.0), keeps_history: row.keeps_history }))
}

/// Change what others see of oneself, and whether one's history is kept.
#[utoipa::path(patch, path = "/me/profile", operation_id = "change_profile", tag = "account", security(("session" = []), ("api_token" = ["admin"])),
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
#[utoipa::path(get, path = "/subscriptions", operation_id = "list_subscriptions", tag = "creators", params(PageQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "Newest first", body = Subscriptions)))]
pub async fn subscriptions(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Subscriptions>, ApiError> {
    let (rows, next_cursor) = service::subscriptions(&state, &viewer, &page).await?;
    let view = |r: sluice_db::SubscriptionRow| Subscription {
        since: r.subscribed_at.as_millis(),
        creator: Creator::new(r.creator, &base.0),
    };
    Ok(Json(Subscriptions { items: rows.into_iter().map(view).collect(), next_cursor }))
}

/// Follow a creator.
#[utoipa::path(post, path = "/subscriptions/{id}", operation_id = "subscribe", tag = "creators", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Subscribed")))]
pub async fn subscribe(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<UserId>,
) -> Result<StatusCode, ApiError> {
    service::subscribe(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Follow a creator no more.
#[utoipa::path(delete, path = "/subscriptions/{id}", operation_id = "unsubscribe", tag = "creators", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Not subscribed")))]
pub async fn unsubscribe(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<UserId>,
) -> Result<StatusCode, ApiError> {
    service::unsubscribe(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Whom one has blocked.
#[utoipa::path(get, path = "/me/blocks", operation_id = "list_blocks", tag = "account", params(NameQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "In the order of their names", body = Creators)))]
pub async fn blocks(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Query(query): Query<NameQuery>,
    base: BaseUrl,
) -> Result<Json<Creators>, ApiError> {
    Ok(creators(service::blocks(&state, &viewer, &query).await?, &base))
}

/// Block somebody: their comments are out of one's sight, and they cannot comment on one's media.
#[utoipa::path(put, path = "/me/blocks/{id}", operation_id = "block", tag = "account", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Blocked")))]
pub async fn block(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<UserId>,
) -> Result<StatusCode, ApiError> {
    service::block(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End a block.
#[utoipa::path(delete, path = "/me/blocks/{id}", operation_id = "unblock", tag = "account", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Not blocked")))]
pub async fn unblock(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<UserId>,
) -> Result<StatusCode, ApiError> {
    service::unblock(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
