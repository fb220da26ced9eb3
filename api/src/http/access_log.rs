//! One line a request: the route, not the URL, because paths and queries carry tokens.

use crate::client::Client;
use axum::{
    extract::{MatchedPath, Request},
    http::Method,
    middleware::Next,
    response::Response,
};
use std::time::Instant;

/// The methods that routes have; anything else is one more.
fn known(method: &Method) -> &'static str {
    let methods =
        [Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::OPTIONS];
    let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    methods.iter().position(|m| m == method).map_or("other", |at| names[at])
}

/// Logs what was asked and how it ended.
pub async fn log(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|p| p.as_str().to_owned());
    let address = request.extensions().get::<Client>().map(|c| c.address);
    let id = request.headers().get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let response = next.run(request).await;
    sluice_metrics::request(known(&method), route.as_deref(), response.status().as_u16(), began.elapsed());
    tracing::info!(
        %method,
        route = route.as_deref().unwrap_or("none"),
        status = response.status().as_u16(),
        ms = began.elapsed().as_millis() as u64,
        client = address.map(tracing::field::display),
        request_id = id,
        "request"
    );
    response
}
