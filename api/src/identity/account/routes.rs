//! Requests and answers of one's own account.

use super::{
    service,
    views::{AskCreator, AuditEvents, ChangeEmail, ChangePassword, CreatorRequest, DeleteAccount, Session, Sessions},
};
use crate::{
    client::Client,
    http::{error::ApiError, extract::Body},
    identity::{
        auth::views::User,
        cookies,
        guards::{Person, Reader},
    },
    paging::PageQuery,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::IntoResponse,
};
use sluice_model::SessionId;

/// Who am I?
#[utoipa::path(get, path = "/me", operation_id = "get_me", tag = "account", security(("session" = []), ("api_token" = ["read"])), responses(
    (status = 200, description = "The account", body = User),
))]
pub async fn me(State(state): State<AppState>, Reader(viewer): Reader) -> Result<Json<User>, ApiError> {
    Ok(Json(service::account(&state, &viewer).await?.into()))
}

/// Delete the account and everything personal. Media are deleted or handed over, as asked.
#[utoipa::path(post, path = "/me/delete", operation_id = "delete_me", tag = "account", security(("session" = [])), request_body = DeleteAccount,
    responses(
        (status = 204, description = "Gone"),
        (status = 409, description = "The last administrator cannot leave"),
    ))]
pub async fn delete(
    State(state): State<AppState>,
    client: Client,
    Person(viewer): Person,
    Body(body): Body<DeleteAccount>,
) -> Result<impl IntoResponse, ApiError> {
    service::delete(&state, &client, &viewer, body).await?;
    let mut headers = HeaderMap::new();
    cookies::clear(&mut headers);
    Ok((StatusCode::NO_CONTENT, headers))
}

/// Change the password. All other sessions end.
#[utoipa::path(put, path = "/me/password", tag = "account", security(("session" = [])), request_body = ChangePassword,
    responses((status = 204, description = "Changed")))]
pub async fn change_password(
    State(state): State<AppState>,
    client: Client,
    Person(viewer): Person,
    Body(body): Body<ChangePassword>,
) -> Result<StatusCode, ApiError> {
    service::change_password(&state, &client, &viewer, body).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ask for another e-mail address. It counts once the token that is sent there is given to `/auth/verify-email`; the address
/// before is told then.
#[utoipa::path(put, path = "/me/email", tag = "account", security(("session" = [])), request_body = ChangeEmail, responses(
    (status = 202, description = "An e-mail is on its way to the new address"),
))]
pub async fn change_email(
    State(state): State<AppState>,
    client: Client,
    Person(viewer): Person,
    Body(body): Body<ChangeEmail>,
) -> Result<StatusCode, ApiError> {
    service::change_email(&state, &client, &viewer, body).await?;
    Ok(StatusCode::ACCEPTED)
}

/// Send the e-mail that proves the address once more.
#[utoipa::path(post, path = "/me/verify-email", operation_id = "send_verification", tag = "account", security(("session" = [])), responses(
    (status = 202, description = "On its way, unless the address is proved already"),
    (status = 429, description = "Too many e-mails"),
))]
pub async fn verify_email(State(state): State<AppState>, Person(viewer): Person) -> Result<StatusCode, ApiError> {
    service::verify_email(&state, &viewer).await?;
    Ok(StatusCode::ACCEPTED)
}

/// The live sessions of the account.
#[utoipa::path(get, path = "/me/sessions", operation_id = "list_sessions", tag = "account", security(("session" = [])), responses(
    (status = 200, description = "Newest first", body = Sessions),
))]
pub async fn sessions(State(state): State<AppState>, Person(viewer): Person) -> Result<Json<Sessions>, ApiError> {
    let rows = service::sessions(&state, &viewer).await?;
    Ok(Json(Sessions { items: rows.into_iter().map(|r| Session::new(r, viewer.session)).collect() }))
}

/// End one session.
#[utoipa::path(delete, path = "/me/sessions/{id}", operation_id = "end_session", tag = "account", security(("session" = [])),
    params(("id" = Uuid, Path)), responses((status = 204, description = "Ended")))]
pub async fn end_session(
    State(state): State<AppState>,
    client: Client,
    Person(viewer): Person,
    Path(id): Path<SessionId>,
) -> Result<StatusCode, ApiError> {
    service::end_session(&state, &client, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What happened to the account.
#[utoipa::path(get, path = "/me/audit", operation_id = "list_own_audit", tag = "account", security(("session" = [])), params(PageQuery), responses(
    (status = 200, description = "Security events, newest first", body = AuditEvents),
))]
pub async fn audit(
    State(state): State<AppState>,
    Person(viewer): Person,
    Query(page): Query<PageQuery>,
) -> Result<Json<AuditEvents>, ApiError> {
    let (rows, next_cursor) = service::audit(&state, &viewer, &page).await?;
    Ok(Json(AuditEvents { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Ask to become a creator.
#[utoipa::path(post, path = "/me/creator-request", operation_id = "ask_creator", tag = "account", security(("session" = [])),
    request_body = AskCreator, responses(
        (status = 201, description = "An administrator will decide", body = CreatorRequest),
        (status = 409, description = "Asked already, or a creator already"),
    ))]
pub async fn ask_creator(
    State(state): State<AppState>,
    client: Client,
    Person(viewer): Person,
    Body(body): Body<AskCreator>,
) -> Result<(StatusCode, Json<CreatorRequest>), ApiError> {
    let row = service::ask_creator(&state, &client, &viewer, &body.message).await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// The last request to become a creator.
#[utoipa::path(get, path = "/me/creator-request", operation_id = "get_creator_request", tag = "account", security(("session" = [])), responses(
    (status = 200, description = "As it stands", body = CreatorRequest),
    (status = 404, description = "Never asked"),
))]
pub async fn creator_request(
    State(state): State<AppState>,
    Person(viewer): Person,
) -> Result<Json<CreatorRequest>, ApiError> {
    Ok(Json(service::creator_request(&state, &viewer).await?.into()))
}
