//! Every URL there is.

use crate::{auth, health, media, playback, problem, state::AppState};
use axum::{
    Router,
    extract::DefaultBodyLimit,
    http::{HeaderMap, HeaderName, Method, StatusCode, Version, header},
    middleware,
    routing::{get, post},
};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{Any, CorsLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
    set_header::SetResponseHeaderLayer,
};

/// JSON bodies are small; uploads are streamed and bounded by their own limit.
const JSON_BYTES: usize = 64 * 1024;

/// The whole API.
pub fn router(state: AppState) -> Router {
    let api = Router::new()
        .route("/auth/register", post(auth::routes::register))
        .route("/auth/login", post(auth::routes::login))
        .route("/auth/refresh", post(auth::routes::refresh))
        .route("/auth/logout", post(auth::routes::logout))
        .route("/me", get(auth::routes::me))
        .route("/media", get(media::routes::list))
        .route("/media/{id}", get(media::routes::show).delete(media::routes::remove))
        .route("/media/{id}/status", get(media::routes::show))
        .route("/media/{id}/report", get(media::routes::report))
        .route("/media/{id}/retry", post(media::routes::retry))
        .layer(DefaultBodyLimit::max(JSON_BYTES))
        .merge(
            Router::new()
                .route("/media", post(media::routes::upload))
                .layer(DefaultBodyLimit::disable())
                .layer(middleware::from_fn(media::drain::refused_uploads)),
        );
    let playback = Router::new()
        .route("/hls/{media}/index.m3u8", get(playback::routes::multivariant))
        .route("/hls/{media}/{package}/{rendition}/{file}", get(playback::routes::file))
        .route("/raw/{media}", get(playback::routes::raw))
        // Players live on other origins. No credentials: a token must be sent by hand.
        .layer(
            CorsLayer::new()
                .allow_origin(Any)
                .allow_methods([Method::GET, Method::HEAD])
                .allow_headers([header::AUTHORIZATION, header::RANGE, header::IF_RANGE])
                .expose_headers([header::CONTENT_RANGE, header::CONTENT_LENGTH, header::ETAG, header::ACCEPT_RANGES]),
        );
    let request_id = HeaderName::from_static("x-request-id");
    Router::new()
        .route("/health", get(health::live))
        .route("/ready", get(health::ready))
        .nest("/api/v1", api)
        .merge(playback)
        .fallback(problem::not_found)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(
            ServiceBuilder::new()
                .layer(SetRequestIdLayer::new(request_id.clone(), MakeRequestUuid))
                .layer(PropagateRequestIdLayer::new(request_id))
                .layer(SetResponseHeaderLayer::overriding(
                    header::X_CONTENT_TYPE_OPTIONS,
                    header::HeaderValue::from_static("nosniff"),
                ))
                .layer(CompressionLayer::new().compress_when(is_text))
                .layer(middleware::from_fn(problem::describe))
                .layer(CatchPanicLayer::custom(problem::panicked)),
        )
        .with_state(state)
}

/// Playlists and JSON shrink (Apple 10.1); media does not.
fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &axum::http::Extensions) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    kind == "application/vnd.apple.mpegurl" || kind.ends_with("json")
}
