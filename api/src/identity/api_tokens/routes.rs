//! Requests and answers of machines' tokens.

use super::{
    service,
    views::{ApiTokens, CreatedToken, NewToken},
};
use crate::{
    client::Client,
    http::{error::ApiError, extract::Body},
    identity::guards::Person,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, State},
    http::StatusCode,
};
use sluice_model::ApiTokenId;

/// Make a token for a machine. It is shown this once.
#[utoipa::path(post, path = "/me/api-tokens", operation_id = "create_api_token", tag = "account", security(("session" = [])), request_body = NewToken,
    responses(
        (status = 201, description = "The token", body = CreatedToken),
        (status = 409, description = "There are too many"),
    ))]
pub async fn create(
    State(state): State<AppState>,
    client: Client,
    Person(viewer): Person,
    Body(body): Body<NewToken>,
) -> Result<(StatusCode, Json<CreatedToken>), ApiError> {
    let created = service::create(&state, &client, &viewer, body).await?;
    Ok((StatusCode::CREATED, Json(created)))
}

/// The account's live tokens.
#[utoipa::path(get, path = "/me/api-tokens", operation_id = "list_api_tokens", tag = "account", security(("session" = [])), responses(
    (status = 200, description = "Newest first", body = ApiTokens),
))]
pub async fn list(State(state): State<AppState>, Person(viewer): Person) -> Result<Json<ApiTokens>, ApiError> {
    let rows = service::list(&state, &viewer).await?;
    Ok(Json(ApiTokens { items: rows.into_iter().map(Into::into).collect() }))
}

/// Revoke a token. It is worthless at once.
#[utoipa::path(delete, path = "/me/api-tokens/{id}", operation_id = "revoke_api_token", tag = "account", security(("session" = [])),
    params(("id" = Uuid, Path)), responses((status = 204, description = "Revoked")))]
pub async fn revoke(
    State(state): State<AppState>,
    client: Client,
    Person(viewer): Person,
    Path(id): Path<ApiTokenId>,
) -> Result<StatusCode, ApiError> {
    service::revoke(&state, &client, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}
