//! Requests and answers of webhooks.

use super::{
    service,
    views::{ChangeWebhook, Deliveries, NewWebhook, Webhook, Webhooks},
};
use crate::{
    http::{error::ApiError, extract::Body},
    identity::guards::{Actor, Reader},
    paging::PageQuery,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use sluice_model::WebhookId;

/// One's endpoints.
#[utoipa::path(get, path = "/webhooks", operation_id = "list_webhooks", tag = "webhooks", params(PageQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "Newest first", body = Webhooks)))]
pub async fn list(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Query(page): Query<PageQuery>,
) -> Result<Json<Webhooks>, ApiError> {
    let (rows, next_cursor) = service::list(&state, &viewer, &page).await?;
    Ok(Json(Webhooks { items: rows.into_iter().map(|r| Webhook::new(r, false)).collect(), next_cursor }))
}

/// Have a service told what happens to one's media. Deliveries are signed as Standard Webhooks has it: `webhook-id`,
/// `webhook-timestamp`, `webhook-signature: v1,BASE64`. They are repeated for a day until they are answered with 2xx, and
/// may come twice: `webhook-id` tells.
#[utoipa::path(post, path = "/webhooks", operation_id = "create_webhook", tag = "webhooks", security(("session" = []), ("api_token" = ["admin"])),
    request_body = NewWebhook, responses(
        (status = 201, description = "The endpoint, with its secret", body = Webhook),
        (status = 409, description = "There are too many"),
    ))]
pub async fn create(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Body(body): Body<NewWebhook>,
) -> Result<(StatusCode, Json<Webhook>), ApiError> {
    let row = service::create(&state, &viewer, body).await?;
    Ok((StatusCode::CREATED, Json(Webhook::new(row, true))))
}

/// One endpoint.
#[utoipa::path(get, path = "/webhooks/{id}", operation_id = "get_webhook", tag = "webhooks", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "The endpoint", body = Webhook)))]
pub async fn show(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Path(id): Path<WebhookId>,
) -> Result<Json<Webhook>, ApiError> {
    Ok(Json(Webhook::new(service::owned(&state, &viewer, id).await?, false)))
}

/// Change an endpoint, or switch it off.
#[utoipa::path(patch, path = "/webhooks/{id}", operation_id = "change_webhook", tag = "webhooks", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = ChangeWebhook,
    responses((status = 200, description = "The endpoint", body = Webhook)))]
pub async fn change(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<WebhookId>,
    Body(body): Body<ChangeWebhook>,
) -> Result<Json<Webhook>, ApiError> {
    Ok(Json(Webhook::new(service::change(&state, &viewer, id, body).await?, false)))
}

/// Delete an endpoint with its log.
#[utoipa::path(delete, path = "/webhooks/{id}", operation_id = "delete_webhook", tag = "webhooks", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn remove(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<WebhookId>,
) -> Result<StatusCode, ApiError> {
    service::delete(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What an endpoint was told in the last thirty days, and what waits.
#[utoipa::path(get, path = "/webhooks/{id}/deliveries", operation_id = "list_webhook_deliveries", tag = "webhooks", params(("id" = Uuid, Path), PageQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "Latest first", body = Deliveries)))]
pub async fn deliveries(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Path(id): Path<WebhookId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Deliveries>, ApiError> {
    let (rows, next_cursor) = service::deliveries(&state, &viewer, id, &page).await?;
    Ok(Json(Deliveries { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Have a test delivered now.
#[utoipa::path(post, path = "/webhooks/{id}/test", operation_id = "test_webhook", tag = "webhooks", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 202, description = "Queued"),
        (status = 429, description = "Too many requests"),
    ))]
pub async fn test(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<WebhookId>,
) -> Result<StatusCode, ApiError> {
    service::test(&state, &viewer, id).await?;
    Ok(StatusCode::ACCEPTED)
}
