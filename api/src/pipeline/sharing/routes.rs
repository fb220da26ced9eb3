//! Requests and answers of grants and playback tokens.

use super::{
    service,
    views::{Grants, NewPlaybackToken, PlaybackToken, PlaybackTokens},
};
use crate::{
    client::Client,
    http::{base_url::BaseUrl, error::ApiError, extract::Body},
    identity::guards::Actor,
    paging::PageQuery,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use sluice_model::{MediaId, PlaybackTokenId};

/// Who was granted a private media.
#[utoipa::path(get, path = "/media/{id}/grants", operation_id = "list_grants", tag = "access", params(("id" = Uuid, Path), PageQuery),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 200, description = "People", body = Grants)))]
pub async fn grants(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Grants>, ApiError> {
    let (rows, next_cursor) = service::grants(&state, &viewer, id, &page).await?;
    Ok(Json(Grants { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Let a person play a private media.
#[utoipa::path(put, path = "/media/{id}/grants/{username}", operation_id = "put_grant", tag = "access",
    params(("id" = Uuid, Path), ("username" = String, Path)), security(("session" = []), ("api_token" = ["admin"])),
    responses((status = 204, description = "Granted")))]
pub async fn grant(
    State(state): State<AppState>,
    client: Client,
    Actor(viewer): Actor,
    Path((id, username)): Path<(MediaId, String)>,
) -> Result<StatusCode, ApiError> {
    service::grant(&state, &client, &viewer, id, &username).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// End a grant.
#[utoipa::path(delete, path = "/media/{id}/grants/{username}", operation_id = "delete_grant", tag = "access",
    params(("id" = Uuid, Path), ("username" = String, Path)), security(("session" = []), ("api_token" = ["admin"])),
    responses((status = 204, description = "Ended")))]
pub async fn revoke_grant(
    State(state): State<AppState>,
    client: Client,
    Actor(viewer): Actor,
    Path((id, username)): Path<(MediaId, String)>,
) -> Result<StatusCode, ApiError> {
    service::revoke_grant(&state, &client, &viewer, id, &username).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Make a URL by which a media can be played without an account.
#[utoipa::path(post, path = "/media/{id}/playback-tokens", operation_id = "create_playback_token", tag = "access", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = NewPlaybackToken, responses(
        (status = 201, description = "The token and its URL", body = PlaybackToken),
    ))]
pub async fn create_token(
    State(state): State<AppState>,
    client: Client,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
    base: BaseUrl,
    Body(body): Body<NewPlaybackToken>,
) -> Result<(StatusCode, Json<PlaybackToken>), ApiError> {
    let (row, text) = service::create_token(&state, &client, &viewer, id, body).await?;
    Ok((StatusCode::CREATED, Json(PlaybackToken::new(row, text, &base.0))))
}

/// A media's live playback tokens.
#[utoipa::path(get, path = "/media/{id}/playback-tokens", operation_id = "list_playback_tokens", tag = "access", params(("id" = Uuid, Path), PageQuery),
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 200, description = "Newest first", body = PlaybackTokens),
    ))]
pub async fn tokens(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
    base: BaseUrl,
    Query(page): Query<PageQuery>,
) -> Result<Json<PlaybackTokens>, ApiError> {
    let (rows, next_cursor) = service::tokens(&state, &viewer, id, &page).await?;
    let shown = rows.into_iter().map(|r| {
        let text = service::text(&state, &r);
        PlaybackToken::new(r, text, &base.0)
    });
    Ok(Json(PlaybackTokens { items: shown.collect(), next_cursor }))
}

/// Revoke a playback token.
#[utoipa::path(delete, path = "/media/{id}/playback-tokens/{token_id}", operation_id = "revoke_playback_token", tag = "access",
    params(("id" = Uuid, Path), ("token_id" = Uuid, Path)), security(("session" = []), ("api_token" = ["admin"])),
    responses((status = 204, description = "Revoked")))]
pub async fn revoke_token(
    State(state): State<AppState>,
    client: Client,
    Actor(viewer): Actor,
    Path((id, token)): Path<(MediaId, PlaybackTokenId)>,
) -> Result<StatusCode, ApiError> {
    service::revoke_token(&state, &client, &viewer, id, token).await?;
    Ok(StatusCode::NO_CONTENT)
}
