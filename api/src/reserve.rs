//! The reserve of connections: when there is no room for others, it answers health checks and administrators.

use crate::{
    http::{
        connections::FromReserve,
        error::{ApiError, HttpError},
    },
    identity::guards::Admin,
    state::AppState,
};
use axum::{
    extract::{FromRequestParts, Request, State},
    middleware::Next,
    response::Response,
};

/// What everybody may ask on a connection of the reserve: how the service is, and to log in, which has limits of its
/// own.
const OPEN: [&str; 4] = ["/health", "/ready", "/api/v1/auth/login", "/api/v1/auth/refresh"];

/// Refuses what the reserve is not there for.
pub async fn keep(State(state): State<AppState>, request: Request, next: Next) -> Result<Response, ApiError> {
    let reserved = request.extensions().get::<FromReserve>().is_some();
    if !reserved || OPEN.contains(&request.uri().path()) {
        return Ok(next.run(request).await);
    }
    let (mut parts, body) = request.into_parts();
    match Admin::from_request_parts(&mut parts, &state).await {
        Ok(_) => Ok(next.run(Request::from_parts(parts, body)).await),
        Err(_) => Err(HttpError::Overloaded.into()),
    }
}
