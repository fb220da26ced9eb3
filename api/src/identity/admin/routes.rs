//! Requests and answers of administration.

use super::{
    service,
    views::{AuditQuery, CreatorDecision, CreatorRequests, RequestQuery, SetRole, UserQuery, Users},
};
use crate::{
    client::Client,
    http::{error::ApiError, extract::Body},
    identity::{
        account::views::{AuditEvents, CreatorRequest},
        auth::views::User,
        guards::Admin,
    },
    paging::PageQuery,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use sluice_model::{CreatorRequestId, CreatorRequestStatus, UserId};

/// Accounts: all, or those that fit.
#[utoipa::path(get, path = "/admin/users", operation_id = "list_users", tag = "admin", security(("session" = []), ("api_token" = ["admin"])),
    params(UserQuery, PageQuery), responses((status = 200, description = "Newest first", body = Users)))]
pub async fn users(
    State(state): State<AppState>,
    _: Admin,
    Query(query): Query<UserQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Users>, ApiError> {
    let (rows, next_cursor) = service::users(&state, &query, &page).await?;
    Ok(Json(Users { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Set an account's role. It acts at once.
#[utoipa::path(put, path = "/admin/users/{id}/role", operation_id = "set_user_role", tag = "admin", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = SetRole, responses(
        (status = 200, description = "The account", body = User),
        (status = 409, description = "The last administrator stays one"),
    ))]
pub async fn set_role(
    State(state): State<AppState>,
    client: Client,
    Admin(admin): Admin,
    Path(id): Path<UserId>,
    Body(body): Body<SetRole>,
) -> Result<Json<User>, ApiError> {
    Ok(Json(service::set_role(&state, &client, &admin, id, body.role).await?.into()))
}

/// Remove an account with its media and everything personal, for good.
#[utoipa::path(delete, path = "/admin/users/{id}", operation_id = "delete_user", tag = "admin", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 204, description = "Gone"),
        (status = 403, description = "An administrator, who must step down first, or not allowed"),
    ))]
pub async fn remove(
    State(state): State<AppState>,
    client: Client,
    Admin(admin): Admin,
    Path(id): Path<UserId>,
) -> Result<StatusCode, ApiError> {
    service::remove(&state, &client, &admin, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Requests to become a creator.
#[utoipa::path(get, path = "/admin/creator-requests", operation_id = "list_creator_requests", tag = "admin", params(RequestQuery, PageQuery),
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 200, description = "Newest first", body = CreatorRequests),
    ))]
pub async fn creator_requests(
    State(state): State<AppState>,
    _: Admin,
    Query(query): Query<RequestQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<CreatorRequests>, ApiError> {
    let (rows, next_cursor) = service::creator_requests(&state, query.status.0, &page).await?;
    Ok(Json(CreatorRequests { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Grant a request: its author is a creator at once.
#[utoipa::path(post, path = "/admin/creator-requests/{id}/grant", operation_id = "grant_creator_request", tag = "admin", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = CreatorDecision, responses(
        (status = 200, description = "Granted", body = CreatorRequest),
        (status = 409, description = "Decided already"),
    ))]
pub async fn grant(
    State(state): State<AppState>,
    client: Client,
    Admin(admin): Admin,
    Path(id): Path<CreatorRequestId>,
    Body(body): Body<CreatorDecision>,
) -> Result<Json<CreatorRequest>, ApiError> {
    let answer = body.answer.as_deref();
    Ok(Json(service::decide(&state, &client, &admin, id, CreatorRequestStatus::Granted, answer).await?.into()))
}

/// Refuse a request.
#[utoipa::path(post, path = "/admin/creator-requests/{id}/refuse", operation_id = "refuse_creator_request", tag = "admin", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = CreatorDecision, responses(
        (status = 200, description = "Refused", body = CreatorRequest),
        (status = 409, description = "Decided already"),
    ))]
pub async fn refuse(
    State(state): State<AppState>,
    client: Client,
    Admin(admin): Admin,
    Path(id): Path<CreatorRequestId>,
    Body(body): Body<CreatorDecision>,
) -> Result<Json<CreatorRequest>, ApiError> {
    let answer = body.answer.as_deref();
    Ok(Json(service::decide(&state, &client, &admin, id, CreatorRequestStatus::Refused, answer).await?.into()))
}

/// The log of security events.
#[utoipa::path(get, path = "/admin/audit", operation_id = "list_admin_audit", tag = "admin", params(AuditQuery, PageQuery),
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 200, description = "Newest first", body = AuditEvents),
    ))]
pub async fn audit(
    State(state): State<AppState>,
    _: Admin,
    Query(query): Query<AuditQuery>,
    Query(page): Query<PageQuery>,
) -> Result<Json<AuditEvents>, ApiError> {
    let (rows, next_cursor) = service::audit(&state, query.user.map(Into::into), query.kind.as_deref(), &page).await?;
    Ok(Json(AuditEvents { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
}
