//! Liveness and readiness.

use crate::{error::ApiError, state::AppState};
use axum::{Json, extract::State};
use serde_json::{Value, json};

/// The process answers.
#[utoipa::path(get, path = "/health", tag = "health", responses((status = 200, description = "It does", body = Value)))]
pub async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The database and the store answer too.
#[utoipa::path(get, path = "/ready", tag = "health", responses(
    (status = 200, description = "They do", body = Value),
    (status = 503, description = "One of them does not"),
))]
pub async fn ready(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    state.db.ping().await?;
    state.store.ping().await?;
    Ok(Json(json!({ "status": "ready" })))
}
