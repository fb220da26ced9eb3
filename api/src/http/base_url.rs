//! Where clients reach this service.

use crate::{
    client::{Client, ExternalUrl, MediaBase},
    state::AppState,
};
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{header, request::Parts, uri::Authority},
    middleware::Next,
    response::Response,
};
use std::convert::Infallible;

/// The external base URL without a trailing slash: as configured, else as the client wrote it; and where media are.
#[derive(Debug)]
pub struct BaseUrl(pub String, pub MediaBase);

impl BaseUrl {
    fn of(state: &AppState, parts: &Parts) -> Self {
        let own = Self::own(state, parts);
        let media = MediaBase { own: own.clone(), public: state.config.playback.media_url.clone() };
        Self(own, media)
    }

    fn own(state: &AppState, parts: &Parts) -> String {
        if let Some(url) = &state.config.http.public_url {
            return url.clone();
        }
        let host = parts.headers.get(header::HOST).and_then(|h| h.to_str().ok());
        // HTTP/2 names it in the URL.
        let host = host.or_else(|| parts.uri.authority().map(Authority::as_str)).unwrap_or_default();
        let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'));
        let scheme = if parts.extensions.get::<Client>().is_some_and(|c| c.secure) { "https" } else { "http" };
        if host.is_empty() || !plain { String::new() } else { format!("{scheme}://{host}") }
    }
}

impl FromRequestParts<AppState> for BaseUrl {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self::of(state, parts))
    }
}

/// Middleware: lets what is behind it know the base URL although it knows no HTTP.
pub async fn attach(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    let base = BaseUrl::of(&state, &parts);
    parts.extensions.insert(ExternalUrl(base.0));
    next.run(Request::from_parts(parts, body)).await
}
