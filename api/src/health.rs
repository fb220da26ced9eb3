//! Liveness and readiness.

use crate::{error::ApiError, state::AppState};
use axum::{Json, extract::State};
use serde_json::{Value, json};

/// The process answers.
pub async fn live() -> Json<Value> {
    Json(json!({ "status": "ok" }))
}

/// The database and the store answer too.
pub async fn ready(State(state): State<AppState>) -> Result<Json<Value>, ApiError> {
    state.db.ping().await?;
    state.store.ping().await?;
    Ok(Json(json!({ "status": "ready" })))
}
