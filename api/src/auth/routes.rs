//! Requests and answers of auth.

use super::{
    service,
    views::{LoggedIn, Login, Refresh, Register, User},
};
use crate::{auth::Viewer, error::ApiError, state::AppState};
use axum::{Json, extract::State, http::StatusCode};
use sluice_common::clock;

/// `POST /auth/register`
pub async fn register(
    State(state): State<AppState>,
    Json(body): Json<Register>,
) -> Result<(StatusCode, Json<LoggedIn>), ApiError> {
    Ok((StatusCode::CREATED, Json(service::register(&state, body).await?)))
}

/// `POST /auth/login`
pub async fn login(State(state): State<AppState>, Json(body): Json<Login>) -> Result<Json<LoggedIn>, ApiError> {
    Ok(Json(service::login(&state, body).await?))
}

/// `POST /auth/refresh`
pub async fn refresh(State(state): State<AppState>, Json(body): Json<Refresh>) -> Result<Json<LoggedIn>, ApiError> {
    Ok(Json(service::refresh(&state, &body.refresh_token).await?))
}

/// `POST /auth/logout`
pub async fn logout(State(state): State<AppState>, viewer: Viewer) -> Result<StatusCode, ApiError> {
    state.db.revoke_session(viewer.session, clock::now_us()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `GET /me`
pub async fn me(State(state): State<AppState>, viewer: Viewer) -> Result<Json<User>, ApiError> {
    let user = state.db.user(viewer.id).await?.ok_or(ApiError::Unauthenticated)?;
    Ok(Json(user.into()))
}
