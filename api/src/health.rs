//! Liveness and readiness.

use crate::{
    http::error::{ApiError, HttpError},
    state::AppState,
};
use axum::{Json, extract::State};
use serde_json::{Value, json};

/// The process answers.
#[utoipa::path(get, path = "/health", operation_id = "get_health", tag = "health", responses((status = 200, description = "It does", body = Value)))]
pub async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The database and the store answer too. While the disk is nearly full nothing new is accepted, with a reason.
#[utoipa::path(get, path = "/ready", operation_id = "get_ready", tag = "health", responses(
    (status = 200, description = "They do", body = Value),
    (status = 503, description = "One of them does not"),
))]
pub async fn ready(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    state.db.ping().await.map_err(HttpError::from)?;
    state.store.ping().await.map_err(HttpError::from)?;
    // What is stored is served all the same, so it is ready; but whoever watches over it should know.
    Ok(Json(match state.ingest.space.shortage() {
        Some(short) => json!({ "status": "ready", "accepting": false, "reason": short.reason() }),
        None => json!({ "status": "ready", "accepting": true }),
    }))
}
