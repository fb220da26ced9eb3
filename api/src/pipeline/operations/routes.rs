//! Requests and answers of operations.

use super::{
    service,
    views::{PriorityChange, QueueQuery, SettingsInForce, Stored, WorkQueue, Workers},
};
use crate::{
    client::Client,
    http::{error::ApiError, extract::Body},
    identity::guards::Admin,
    paging::PageQuery,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use sluice_model::TaskId;

/// The work that waits, runs or is parked, and why.
#[utoipa::path(get, path = "/admin/queue", operation_id = "get_queue", tag = "admin", params(QueueQuery, PageQuery),
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 200, description = "Oldest first", body = WorkQueue),
    ))]
pub async fn queue(
    State(state): State<AppState>,
    _: Admin,
    Query(query): Query<QueueQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<WorkQueue>, ApiError> {
    let counts = service::counts(&state).await?;
    let (items, next_cursor) = service::queue(&state, &query, &page).await?;
    Ok(Json(WorkQueue { counts, items, next_cursor }))
}

/// Queue a parked task again; where its film has failed, all of its work.
#[utoipa::path(post, path = "/admin/queue/{id}/retry", operation_id = "retry_task", tag = "admin", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 204, description = "Queued"),
        (status = 409, description = "It has not failed"),
    ))]
pub async fn retry(
    State(state): State<AppState>,
    client: Client,
    Admin(admin): Admin,
    Path(id): Path<TaskId>,
) -> Result<StatusCode, ApiError> {
    service::retry(&state, &client, &admin, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stop the work on the film of a task, whoever wants it. It has failed then (`cancelled`) and can be retried.
#[utoipa::path(post, path = "/admin/queue/{id}/cancel", operation_id = "cancel_task", tag = "admin", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 204, description = "Stopped"),
        (status = 409, description = "Nothing is done for it"),
    ))]
pub async fn cancel(
    State(state): State<AppState>,
    client: Client,
    Admin(admin): Admin,
    Path(id): Path<TaskId>,
) -> Result<StatusCode, ApiError> {
    service::cancel(&state, &client, &admin, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Bring the work on the film of a task forward, or back: what is queued of it, and what will be.
#[utoipa::path(put, path = "/admin/queue/{id}/priority", operation_id = "prioritize_task", tag = "admin",
    params(("id" = Uuid, Path)), request_body = PriorityChange, security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 204, description = "So it is done"),
    ))]
pub async fn prioritize(
    State(state): State<AppState>,
    client: Client,
    Admin(admin): Admin,
    Path(id): Path<TaskId>,
    Body(body): Body<PriorityChange>,
) -> Result<StatusCode, ApiError> {
    service::prefer(&state, &client, &admin, id, body.priority).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Workers: who they are, what each does, their last sign of life.
#[utoipa::path(get, path = "/admin/workers", operation_id = "list_workers", tag = "admin",
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 200, description = "Those that started first first", body = Workers),
    ))]
pub async fn workers(State(state): State<AppState>, _: Admin) -> Result<Json<Workers>, ApiError> {
    Ok(Json(Workers { items: service::workers(&state).await? }))
}

/// What is stored, by kind, and the space that is left.
#[utoipa::path(get, path = "/admin/storage", operation_id = "get_storage", tag = "admin",
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 200, description = "Counted now", body = Stored),
    ))]
pub async fn storage(State(state): State<AppState>, _: Admin) -> Result<Json<Stored>, ApiError> {
    Ok(Json(service::storage(&state).await?))
}

/// The settings as they are in force on the instance that answers. Secrets are left out.
#[utoipa::path(get, path = "/admin/settings", operation_id = "get_settings", tag = "admin",
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 200, description = "In the order of the help", body = SettingsInForce),
    ))]
pub async fn settings(State(state): State<AppState>, _: Admin) -> Json<SettingsInForce> {
    Json(SettingsInForce { items: state.config.in_force.iter().map(Into::into).collect() })
}
