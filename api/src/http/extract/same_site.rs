//! Cross-site request forgery: cookies are sent by browsers on behalf of any page, so a request
//! that changes something by cookie must prove that an own page made it (Fetch Metadata, else Origin).

use crate::{
    http::error::{ApiError, HttpError},
    state::AppState,
};
use axum::{
    extract::{FromRequestParts, Request, State},
    http::{HeaderMap, Method, header, request::Parts},
    middleware::Next,
    response::Response,
};
use std::convert::Infallible;
use url::Url;

/// Whether a page of this service, or of an allowed origin, made the request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SameSite(bool);

impl SameSite {
    /// Refuses what may have been made by a foreign page.
    pub fn require(self) -> Result<(), HttpError> {
        if self.0 { Ok(()) } else { Err(HttpError::CrossSite) }
    }

    pub fn of(headers: &HeaderMap, state: &AppState) -> Self {
        let config = &state.config;
        Self(made_here(headers, &config.http.allowed_origins, config.http.public_url.as_deref()))
    }
}

fn made_here(headers: &HeaderMap, allowed: &[String], public_url: Option<&str>) -> bool {
    let text = |name: &str| headers.get(name).and_then(|v| v.to_str().ok());
    let origin = text(header::ORIGIN.as_str());
    let is_allowed = origin.is_some_and(|o| allowed.iter().any(|a| a == o));
    match text("sec-fetch-site") {
        Some("same-origin") => true,
        Some(_) => is_allowed,
        // Browsers before 2023, and programs: they must say where they are.
        None => is_allowed || origin.is_some_and(|o| is_own(o, text(header::HOST.as_str()), public_url)),
    }
}

fn is_own(origin: &str, host: Option<&str>, public_url: Option<&str>) -> bool {
    let serialized = |url: &str| Url::parse(url).ok().map(|u| u.origin().ascii_serialization());
    match public_url {
        Some(url) => serialized(url).is_some_and(|own| own == origin),
        None => host.is_some_and(|h| origin == format!("http://{h}") || origin == format!("https://{h}")),
    }
}

impl FromRequestParts<AppState> for SameSite {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers, state))
    }
}

/// Middleware: refuses what a page of another origin asks. Programs name no origin and may; browsers always
/// do where it matters, with WebSockets too, to which the same-origin policy does not apply.
pub async fn own_pages_only(State(state): State<AppState>, request: Request, next: Next) -> Result<Response, ApiError> {
    if request.headers().contains_key(header::ORIGIN) && request.method() != Method::OPTIONS {
        let mut headers = request.headers().clone();
        // Of WebSockets, browsers tell the origin alone.
        headers.remove("sec-fetch-site");
        SameSite::of(&headers, &state).require()?;
    }
    Ok(next.run(request).await)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(pairs: &[(&str, &str)]) -> bool {
        let headers = pairs
            .iter()
            .map(|(n, v)| (header::HeaderName::from_bytes(n.as_bytes()).unwrap(), v.parse().unwrap()))
            .chain([(header::HOST, "video.example.org".parse().unwrap())])
            .collect();
        made_here(&headers, &["https://app.example.org".to_owned()], None)
    }

    #[test]
    fn foreign_pages_are_told_from_own_ones() {
        assert!(made(&[("sec-fetch-site", "same-origin")]));
        assert!(made(&[("origin", "https://video.example.org")]));
        assert!(made(&[("sec-fetch-site", "same-site"), ("origin", "https://app.example.org")]));
        for foreign in [
            &[][..],
            &[("sec-fetch-site", "cross-site"), ("origin", "https://video.example.org")],
            &[("sec-fetch-site", "same-site"), ("origin", "https://evil.example.org")],
            &[("sec-fetch-site", "none")],
            &[("origin", "null")],
            &[("origin", "https://video.example.org.evil.net")],
            &[("origin", "https://app.example.org.evil.net")],
            &[("origin", "http://app.example.org")],
        ] {
            assert!(!made(foreign), "{foreign:?}");
        }
    }
}
