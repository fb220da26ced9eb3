//! The web app: what `api/web/dist` holds, built into this program.
//!
//! Pages are drawn by the app itself, so every one of its addresses is answered by the same document; what is
//! neither a file nor one of those addresses stays a problem document for programs. Links in the document are relative to
//! where it was asked for: the app works behind any path prefix without being told of it.

use crate::{
    http::{
        base_url::BaseUrl,
        error::{ApiError, HttpError},
    },
    pipeline::media::service::embed_origins,
    platform::oembed,
    state::AppState,
    text,
};
use axum::{
    body::Body,
    extract::State,
    http::{HeaderMap, HeaderValue, Method, StatusCode, Uri, header},
    response::{IntoResponse, Response},
};
use rust_embed::RustEmbed;
use sluice_config::StoreUrl;
use std::borrow::Cow;
use url::Url;

/// What Vite made of `api/web/src`.
#[derive(RustEmbed)]
#[folder = "web/dist"]
struct Dist;

/// First segments of the app's addresses; `web/src/routes.ts` has the same.
const PAGES: [&str; 21] = [
    "",
    "admin",
    "categories",
    "creators",
    "embed",
    "forgot-password",
    "history",
    "login",
    "playlists",
    "posts",
    "projects",
    "register",
    "reset-password",
    "search",
    "settings",
    "studio",
    "subscriptions",
    "tags",
    "upload",
    "verify-email",
    "watch",
];
/// The API's own documentation, a page of the app among the addresses of the API.
const DOCS: &str = "/api/docs";
/// Stands in the document where links begin.
const BASE: &str = "<base href=\"./\"";
/// Stands in the document for what a page is called.
const TITLE: &str = "<title>Sluice</title>";
/// Names of these files hold a hash of what is in them.
const HASHED: &str = "assets/";

/// Answers a file of the app, its document, or that there is nothing.
pub async fn serve(
    State(state): State<AppState>,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    base_url: BaseUrl,
) -> Result<Response, ApiError> {
    let path = uri.path();
    if method != Method::GET && method != Method::HEAD {
        return Err(HttpError::NotFound.into());
    }
    let name = path.trim_start_matches('/');
    if name != "index.html"
        && let Some(file) = Dist::get(name)
    {
        let kind = content_type(name).ok_or(HttpError::NotFound)?;
        let cache = if name.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
        let tag = hex::encode(&file.metadata.sha256_hash()[..8]);
        return Ok(answer(&headers, kind, cache, &tag, file.data));
    }
    if !is_page(path) {
        return Err(HttpError::NotFound.into());
    }
    let document = Dist::get("index.html").ok_or(HttpError::NotFound)?;
    let mut document = String::from_utf8_lossy(&document.data).replacen(BASE, &base(path), 1);
    if let Some(head) = head(&state, path, &base_url.0).await {
        document = document.replacen(TITLE, &head, 1);
    }
    let tag = text::fingerprint(&document);
    let mut response =
        answer(&headers, "text/html; charset=utf-8", "no-cache", &tag, Cow::Owned(document.into_bytes()));
    let frames = frames(&state, path).await?;
    let policy = HeaderValue::from_str(&policy(&state, &frames)).map_err(|_| HttpError::Internal)?;
    response.headers_mut().insert(header::CONTENT_SECURITY_POLICY, policy);
    Ok(response)
}

/// Who may show this page in a frame, as `frame-ancestors` says it: of other sites the player alone is for them, and for those
/// that its owner names, where any are named.
async fn frames(state: &AppState, path: &str) -> Result<String, ApiError> {
    let Some(name) = path.strip_prefix("/embed/") else { return Ok("'none'".to_owned()) };
    // What is read here as no identifier may be one to the app, which reads `%30` as `0`.
    let Ok(id) = name.parse() else { return Ok("'none'".to_owned()) };
    let named = embed_origins(state, id).await?;
    Ok(if named.is_empty() { "*".to_owned() } else { named.join(" ") })
}

/// What crawlers are told of the media that a page shows. There is none of what not everybody may see, and none where the
/// service has no address; a page is shown though the database is away, and says so itself.
async fn head(state: &AppState, path: &str, base: &str) -> Option<String> {
    let id = oembed::service::media_of_page(path).filter(|_| !base.is_empty())?;
    let link = oembed::service::link(state, id).await.ok()?;
    Some(oembed::head(&link, base))
}

fn is_page(path: &str) -> bool {
    let first = path.split('/').nth(1).unwrap_or_default();
    path == "/" || path == DOCS || (!first.is_empty() && PAGES.contains(&first))
}

/// Where the app begins, seen from `path`.
fn base(path: &str) -> String {
    let up = "../".repeat(path.matches('/').count().saturating_sub(1));
    format!("<base href=\"{}\"", if up.is_empty() { "./" } else { &up })
}

fn content_type(name: &str) -> Option<&'static str> {
    Some(match name.rsplit_once('.')?.1 {
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "webmanifest" => "application/manifest+json",
        "txt" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

/// The bytes, or that whoever asks has them already (RFC 9110 section 13.1.2). The tag is weak: compressed bytes are others.
fn answer(asked: &HeaderMap, kind: &'static str, cache: &str, tag: &str, bytes: Cow<'static, [u8]>) -> Response {
    let tag = format!("W/\"{tag}\"");
    let known = asked.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).is_some_and(|v| v.contains(&tag));
    let headers = [(header::ETAG, tag), (header::CACHE_CONTROL, cache.to_owned())];
    if known {
        return (StatusCode::NOT_MODIFIED, headers).into_response();
    }
    (headers, [(header::CONTENT_TYPE, kind)], Body::from(bytes.into_owned())).into_response()
}

/// What the pages may do: run and show what this service sends, and nothing else. Segments may come from the store or a CDN;
/// hls.js begins a track of captions with an empty one that it writes itself (`data:`).
fn policy(state: &AppState, frames: &str) -> String {
    let store = if state.config.playback.direct { store_origin(&state.config.store) } else { None };
    let origin = |url: &String| Url::parse(url).ok().map(|u| u.origin().ascii_serialization());
    let cdn = state.config.playback.media_url.as_ref().and_then(origin).map(|o| format!(" {o}")).unwrap_or_default();
    let store = store.map(|origin| format!(" {origin}")).unwrap_or_default();
    format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self'; manifest-src 'self'; \
         img-src 'self' data: blob:{cdn}; media-src 'self' blob: data:{cdn}{store}; connect-src 'self'{cdn}{store}; worker-src 'self' blob:; \
         base-uri 'self'; form-action 'self'; frame-ancestors {frames}"
    )
}

/// Where presigned URLs lead.
fn store_origin(store: &StoreUrl) -> Option<String> {
    let StoreUrl::S3(location) = store.current() else { return None };
    let url = location.endpoint.clone().unwrap_or_else(|| format!("https://s3.{}.amazonaws.com", location.region));
    Some(Url::parse(&url).ok()?.origin().ascii_serialization())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{fs::read_to_string, path::Path};

    #[test]
    fn links_lead_to_where_the_app_begins() {
        for (path, href) in [("/", "./"), ("/login", "./"), ("/watch/1", "../"), ("/studio/1/captions", "../../")] {
            assert_eq!(base(path), format!("<base href=\"{href}\""), "{path}");
        }
    }

    #[test]
    fn pages_are_told_from_the_api() {
        for page in ["/", "/login", "/watch/0199", "/embed/0199", "/api/docs"] {
            assert!(is_page(page), "{page}");
        }
        for other in ["/api", "/api/v1/nothing", "/api/docs/x", "/hls/x", "/assets/gone.js", "/wp-login.php", "//watch"]
        {
            assert!(!is_page(other), "{other}");
        }
    }

    #[test]
    fn the_app_and_the_server_know_the_same_pages() {
        let routes = Path::new(env!("CARGO_MANIFEST_DIR")).join("web/src/routes.ts");
        let text = read_to_string(routes).unwrap();
        let patterns = text.split("path: \"").skip(1).map(|p| p.split('"').next().unwrap());
        let mut known: Vec<&str> = patterns.filter(|p| *p != DOCS).map(|p| p.split('/').nth(1).unwrap()).collect();
        known.sort_unstable();
        known.dedup();
        assert_eq!(known, PAGES);
    }

    #[test]
    fn every_file_of_the_app_has_a_type() {
        let untyped: Vec<_> = Dist::iter().filter(|n| *n != "index.html" && content_type(n).is_none()).collect();
        assert!(untyped.is_empty(), "{untyped:?}");
        let document = Dist::get("index.html").unwrap();
        let document = String::from_utf8_lossy(&document.data);
        assert!(document.contains(BASE) && document.contains(TITLE));
    }
}
