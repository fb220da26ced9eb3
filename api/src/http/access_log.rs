//! One line a request: the route, not the URL, because paths and queries carry tokens. Where there is no route, the path as
//! far as it is no secret: whoever mends a client or a proxy looks for what it asked.

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
    let names = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];
    names.into_iter().find(|name| *name == method.as_str()).unwrap_or("other")
}

/// Longest part of a path that is logged: identifiers have 36 characters, tokens more.
const LONGEST_PART: usize = 36;
/// Longest path that is logged.
const LONGEST_PATH: usize = 120;

/// A path without what may be a token.
fn shown(path: &str) -> String {
    let parts = path.split('/').map(|p| if p.len() > LONGEST_PART { "..." } else { p });
    let text = parts.collect::<Vec<_>>().join("/");
    if text.chars().count() <= LONGEST_PATH {
        text
    } else {
        text.chars().take(LONGEST_PATH).chain("...".chars()).collect()
    }
}

/// Logs what was asked and how it ended.
pub async fn log(request: Request, next: Next) -> Response {
    let began = Instant::now();
    let method = request.method().clone();
    let route = request.extensions().get::<MatchedPath>().map(|p| p.as_str().to_owned());
    let path = route.is_none().then(|| shown(request.uri().path()));
    let address = request.extensions().get::<Client>().map(|c| c.address);
    let id = request.headers().get("x-request-id").and_then(|v| v.to_str().ok()).unwrap_or_default().to_owned();
    let response = next.run(request).await;
    sluice_metrics::request(known(&method), route.as_deref(), response.status().as_u16(), began.elapsed());
    tracing::info!(
        %method,
        route = route.as_deref().unwrap_or("none"),
        path,
        status = response.status().as_u16(),
        ms = began.elapsed().as_millis() as u64,
        client = address.map(tracing::field::display),
        request_id = id,
        "request"
    );
    response
}

#[cfg(test)]
mod tests {
    use super::shown;

    #[test]
    fn what_was_asked_is_shown_without_tokens() {
        assert_eq!(shown("/api/v2/media"), "/api/v2/media");
        assert_eq!(shown("/watch/01930000-0000-7000-8000-000000000000"), "/watch/01930000-0000-7000-8000-000000000000");
        assert_eq!(shown(&format!("/p/{}/index.m3u", "x".repeat(60))), "/p/.../index.m3u");
        assert_eq!(shown(&"/a".repeat(10_000)).len(), 123);
    }
}
