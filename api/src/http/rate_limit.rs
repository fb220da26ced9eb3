//! Rate limits as requests meet them: counted by address, told in headers.

use crate::{
    client::Client,
    http::error::{ApiError, HttpError},
    state::{AppState, RateLimitStatus},
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue},
    middleware::Next,
    response::Response,
};
use sluice_model::RateLimit;

/// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
pub fn write_status(status: &RateLimitStatus, headers: &mut HeaderMap) {
    let RateLimitStatus { name, limit, remaining, reset_s } = status;
    let lines = [
        ("ratelimit-policy", format!("\"{name}\";q={};w={}", limit.count, limit.seconds)),
        ("ratelimit", format!("\"{name}\";r={remaining};t={reset_s}")),
    ];
    for (header, text) in lines {
        if let Ok(value) = HeaderValue::from_str(&text) {
            headers.insert(header, value);
        }
    }
}

/// Whether requests are not counted by a limit.
pub type Exempt = fn(&Request) -> bool;

/// No request is exempt.
pub fn nobody(_: &Request) -> bool {
    false
}

/// Middleware: one request of the client's address from a limit, unless it is exempt.
pub async fn by_address(
    State((state, limit, exempt)): State<(AppState, RateLimit, Exempt)>,
    client: Client,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if exempt(&request) {
        return Ok(next.run(request).await);
    }
    let status = state.limits.take(limit, &client.subject()).await.map_err(HttpError::from)?;
    let mut response = next.run(request).await;
    // A refusal by another limit overwrites it with its own.
    if let Some(status) = status {
        write_status(&status, response.headers_mut());
    }
    Ok(response)
}
