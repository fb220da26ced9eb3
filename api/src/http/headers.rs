//! Headers of every answer: what browsers may do with it.

use crate::{client::Client, state::AppState};
use axum::{
    extract::{Request, State},
    http::{HeaderName, HeaderValue, header},
    middleware::Next,
    response::Response,
};

const CORP: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const COOP: HeaderName = HeaderName::from_static("cross-origin-opener-policy");

/// Adds what an answer does not say itself. Playback may be embedded by other origins, nothing else.
pub async fn secure(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let playback = ["/hls/", "/p/", "/raw/"].iter().any(|p| path.starts_with(p));
    let by_https = request.extensions().get::<Client>().is_some_and(|c| c.secure)
        || state.config.http.public_url.as_ref().is_some_and(|u| u.starts_with("https://"));
    // What speaks of an account stays in no cache.
    let api = path.starts_with("/api/");
    // The player is for the pages of others; its policy says so, as DENY could not.
    let embedded = path.starts_with("/embed/");
    let mut response = next.run(request).await;
    let failed = response.status().is_client_error() || response.status().is_server_error();
    let headers = response.headers_mut();
    let mut set = |name: HeaderName, value: &'static str| {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    };
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    );
    if !embedded {
        set(header::X_FRAME_OPTIONS, "DENY");
    }
    set(header::REFERRER_POLICY, "no-referrer");
    set(CORP, if playback || embedded { "cross-origin" } else { "same-origin" });
    set(COOP, "same-origin");
    if by_https {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=63072000; includeSubDomains");
    }
    // A refusal holds for whoever asked, and for now.
    if failed {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    } else if api {
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    }
    response
}
