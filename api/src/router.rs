//! Every URL there is.

use crate::{
    health,
    http::{
        access_log, base_url,
        body_limit::at_most,
        drain,
        error::{ApiError, HttpError},
        extract, headers, problem,
        rate_limit::{self, Exempt, nobody},
    },
    identity::{account, admin, api_tokens, auth},
    openapi,
    pipeline::{
        formats, media, operations, playback, quality, sharing,
        uploads::{self, tus},
    },
    platform::{
        captions, catalogue, chapters, comments, creators, engagement, feed, moderation, oembed, pictures, playlists,
        posts, projects, search, webhooks,
    },
    reserve,
    state::AppState,
    web,
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, Request},
    http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version, header},
    middleware::{Next, from_fn, from_fn_with_state, map_request},
    response::Response,
    routing::any,
};
use sluice_model::RateLimit;
use socketioxide::layer::SocketIoLayer;
use std::{sync::LazyLock, time::Duration};
use tower::ServiceBuilder;
use tower_http::{
    catch_panic::CatchPanicLayer,
    compression::CompressionLayer,
    cors::{AllowCredentials, AllowOrigin, Any, CorsLayer},
    request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer},
};
use utoipa::{OpenApi, openapi::OpenApi as Document};
use utoipa_axum::{router::OpenApiRouter, routes};

/// JSON bodies are small; uploads are streamed and bounded by their own limit.
const JSON_BYTES: usize = 64 * 1024;
/// A post of 100,000 characters of any script, as JSON.
const POST_BYTES: usize = 640 * 1024;
/// A document that is a little too large is refused with a reason.
const DOCUMENT_BYTES: usize = 2 << 20;

type Routes = OpenApiRouter<AppState>;
/// Puts routes under a rate limit, but for what is exempt of it.
type Limited = dyn Fn(RateLimit, Exempt, Routes) -> Routes;

fn auth_routes(limited: &Limited) -> Routes {
    let login = Routes::new().routes(routes!(auth::routes::login));
    let register = Routes::new().routes(routes!(auth::routes::register));
    let recovery = Routes::new()
        .routes(routes!(auth::routes::forgot_password))
        .routes(routes!(auth::routes::reset_password))
        .routes(routes!(auth::routes::verify_email));
    Routes::new()
        .merge(limited(RateLimit::Login, nobody, login))
        .merge(limited(RateLimit::Register, nobody, register))
        .merge(limited(RateLimit::Reset, nobody, recovery))
        .routes(routes!(auth::routes::refresh))
        .routes(routes!(auth::routes::logout))
        .routes(routes!(auth::routes::logout_everywhere))
}

fn account_routes() -> Routes {
    Routes::new()
        .routes(routes!(account::routes::me))
        .routes(routes!(uploads::routes::usage))
        .routes(routes!(account::routes::delete))
        .routes(routes!(account::routes::change_password))
        .routes(routes!(account::routes::change_email))
        .routes(routes!(account::routes::verify_email))
        .routes(routes!(account::routes::sessions))
        .routes(routes!(account::routes::end_session))
        .routes(routes!(account::routes::audit))
        .routes(routes!(account::routes::ask_creator, account::routes::creator_request))
        .routes(routes!(api_tokens::routes::create, api_tokens::routes::list))
        .routes(routes!(api_tokens::routes::revoke))
        .routes(routes!(admin::routes::users))
        .routes(routes!(admin::routes::remove))
        .routes(routes!(admin::routes::set_role))
        .routes(routes!(admin::routes::creator_requests))
        .routes(routes!(admin::routes::grant))
        .routes(routes!(admin::routes::refuse))
        .routes(routes!(admin::routes::audit))
        .routes(routes!(operations::routes::queue))
        .routes(routes!(operations::routes::retry))
        .routes(routes!(operations::routes::cancel))
        .routes(routes!(operations::routes::prioritize))
        .routes(routes!(operations::routes::workers))
        .routes(routes!(operations::routes::storage))
        .routes(routes!(operations::routes::settings))
}

fn media_routes() -> Routes {
    Routes::new()
        .routes(routes!(media::routes::list))
        .routes(routes!(media::routes::show, media::routes::change, media::routes::remove))
        .routes(routes!(media::routes::status))
        .routes(routes!(media::routes::events))
        .routes(routes!(media::routes::report))
        .routes(routes!(quality::routes::show))
        .routes(routes!(playback::download_routes::list))
        .routes(routes!(media::track_routes::change, media::track_routes::reset))
        .routes(routes!(media::track_routes::retry))
        .routes(routes!(media::clip_routes::create))
        .routes(routes!(media::routes::cancel))
        .routes(routes!(media::routes::retry))
        .routes(routes!(sharing::routes::grants))
        .routes(routes!(sharing::routes::grant, sharing::routes::revoke_grant))
        .routes(routes!(sharing::routes::tokens, sharing::routes::create_token))
        .routes(routes!(sharing::routes::revoke_token))
}

/// What people do around the player.
fn platform_routes(limited: &Limited) -> Routes {
    Routes::new()
        .routes(routes!(creators::routes::list))
        .routes(routes!(creators::routes::show))
        .routes(routes!(creators::routes::media))
        .routes(routes!(creators::routes::own, creators::routes::change))
        .routes(routes!(creators::routes::subscriptions))
        .routes(routes!(creators::routes::subscribe, creators::routes::unsubscribe))
        .routes(routes!(creators::routes::blocks))
        .routes(routes!(creators::routes::block, creators::routes::unblock))
        .routes(routes!(feed::routes::feed))
        .routes(routes!(comments::routes::list, comments::routes::create))
        .routes(routes!(comments::routes::replies))
        .routes(routes!(comments::routes::edit, comments::routes::delete))
        .routes(routes!(engagement::routes::likes, engagement::routes::like, engagement::routes::unlike))
        .merge(limited(RateLimit::View, nobody, Routes::new().routes(routes!(engagement::routes::view))))
        .routes(routes!(engagement::routes::history, engagement::routes::forget_all))
        .routes(routes!(engagement::routes::position, engagement::routes::remember, engagement::routes::forget))
        .routes(routes!(moderation::routes::report))
        .routes(routes!(moderation::routes::reports))
        .routes(routes!(moderation::routes::decide))
        .routes(routes!(moderation::routes::ban))
        .routes(routes!(moderation::routes::actions))
        .routes(routes!(moderation::routes::lift))
        .routes(routes!(moderation::routes::own))
        .routes(routes!(moderation::routes::appeal))
        .routes(routes!(oembed::routes::oembed))
        .routes(routes!(search::routes::search))
        .routes(routes!(catalogue::routes::list))
        .routes(routes!(catalogue::routes::of_category))
        .routes(routes!(catalogue::routes::with_tag))
        .routes(routes!(catalogue::routes::put, catalogue::routes::delete))
}

/// What people keep and write.
fn library_routes() -> Routes {
    let documents = Routes::new()
        .routes(routes!(projects::routes::document, projects::routes::save))
        .layer(at_most(DOCUMENT_BYTES));
    let captions = Routes::new()
        .routes(routes!(captions::routes::list))
        .routes(routes!(captions::routes::read, captions::routes::put, captions::routes::remove))
        .layer(at_most(DOCUMENT_BYTES));
    let pictures = Routes::new()
        .routes(routes!(pictures::routes::put_own, pictures::routes::remove_own))
        .routes(routes!(pictures::routes::put_cover, pictures::routes::remove_cover))
        .routes(routes!(pictures::routes::poster, pictures::routes::put_poster, pictures::routes::remove_poster))
        .routes(routes!(pictures::routes::put_category, pictures::routes::remove_category))
        .routes(routes!(pictures::routes::show))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(drain::refused_uploads));
    Routes::new()
        .routes(routes!(playlists::routes::list, playlists::routes::create))
        .routes(routes!(playlists::routes::of_creator))
        .routes(routes!(playlists::routes::show, playlists::routes::change, playlists::routes::remove))
        .routes(routes!(playlists::routes::items, playlists::routes::add))
        .routes(routes!(playlists::routes::place, playlists::routes::move_item, playlists::routes::remove_item))
        .routes(routes!(playlists::routes::export))
        .routes(routes!(projects::routes::list, projects::routes::create))
        .routes(routes!(projects::routes::show, projects::routes::change, projects::routes::remove))
        .routes(routes!(projects::routes::moments))
        .routes(routes!(webhooks::routes::list, webhooks::routes::create))
        .routes(routes!(webhooks::routes::show, webhooks::routes::change, webhooks::routes::remove))
        .routes(routes!(webhooks::routes::deliveries))
        .routes(routes!(webhooks::routes::test))
        .routes(routes!(posts::routes::list, posts::routes::create))
        .routes(routes!(posts::routes::of_creator))
        .routes(routes!(posts::routes::own))
        .routes(routes!(posts::routes::show, posts::routes::change, posts::routes::remove))
        .routes(routes!(posts::routes::atom))
        .routes(routes!(posts::routes::podcast))
        .layer(at_most(POST_BYTES))
        .merge(documents)
        .merge(captions)
        .routes(routes!(chapters::routes::list, chapters::routes::put))
        .routes(routes!(chapters::routes::webvtt))
        .merge(pictures)
        .layer(from_fn(to_the_end))
}

/// Playlists, segments, keys and original bytes. Players live on other origins: without credentials, so that a token
/// must be sent by hand or stand in the path, but for web apps on the origins that the settings name, whose cookies count.
fn playback_routes(origins: &[String], limited: &Limited) -> Routes {
    let trusted: Vec<HeaderValue> = origins.iter().filter_map(|o| o.parse().ok()).collect();
    // `*` forbids credentials (Fetch standard, CORS check), so the origin is repeated where some may have them; `Vary`
    // keeps caches from mixing the answers up.
    let anybody = if trusted.is_empty() { AllowOrigin::any() } else { AllowOrigin::mirror_request() };
    let cors = CorsLayer::new()
        .allow_origin(anybody)
        .allow_credentials(AllowCredentials::predicate(move |origin, _| trusted.contains(origin)))
        .allow_methods([Method::GET, Method::HEAD, Method::POST])
        .allow_headers([header::AUTHORIZATION, header::CONTENT_TYPE, header::RANGE, header::IF_RANGE])
        .expose_headers([header::CONTENT_RANGE, header::CONTENT_LENGTH, header::ETAG, header::ACCEPT_RANGES]);
    let reports = Routes::new()
        .routes(routes!(quality::routes::receive))
        .routes(routes!(quality::routes::receive_by_token))
        .layer(at_most(JSON_BYTES));
    let routes = limited(RateLimit::PlaybackReport, nobody, reports)
        .routes(routes!(playback::routes::multivariant))
        .routes(routes!(playback::routes::manifest))
        .routes(routes!(playback::routes::manifest_by_token))
        .routes(routes!(playback::routes::file))
        .routes(routes!(playback::routes::multivariant_by_token))
        .routes(routes!(playback::routes::file_by_token))
        .routes(routes!(playback::routes::raw))
        .routes(routes!(playback::routes::raw_named))
        .routes(routes!(playback::download_routes::read));
    with_cors(routes, cors)
}

/// Signed URLs: whoever holds one may use it, from any page, as it is with the store's own.
fn part_routes() -> Routes {
    let cors = CorsLayer::new()
        .allow_origin(Any)
        .allow_methods([Method::PUT])
        .allow_headers([header::CONTENT_TYPE, header::IF_NONE_MATCH])
        .expose_headers([header::ETAG]);
    let routes = Routes::new()
        .routes(routes!(uploads::presigned_routes::receive))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(drain::refused_uploads));
    with_cors(routes, cors)
}

/// The API for web apps on exactly the origins that the settings name, with cookies.
fn api_cors(origins: &[String]) -> CorsLayer {
    let list: Vec<HeaderValue> = origins.iter().filter_map(|o| o.parse().ok()).collect();
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(list))
        .allow_credentials(!origins.is_empty())
        .allow_methods([Method::GET, Method::HEAD, Method::POST, Method::PUT, Method::PATCH, Method::DELETE])
        .allow_headers(named(&[
            "authorization",
            "content-type",
            "tus-resumable",
            "x-http-method-override",
            "upload-length",
            "upload-defer-length",
            "upload-offset",
            "upload-metadata",
            "upload-concat",
            "upload-checksum",
            "if-match",
            "last-event-id",
        ]))
        .expose_headers(named(&[
            "x-request-id",
            "ratelimit",
            "ratelimit-policy",
            "retry-after",
            "location",
            "tus-resumable",
            "tus-version",
            "tus-extension",
            "tus-max-size",
            "upload-offset",
            "upload-length",
            "upload-expires",
            "upload-concat",
            "upload-metadata",
            "sluice-media-id",
            "etag",
        ]))
        .max_age(Duration::from_secs(600))
}

/// Runs a handler to its end although the client has gone: between a change and what is noted and sent
/// about it nobody can hang up.
async fn to_the_end(request: Request, next: Next) -> Result<Response, ApiError> {
    tokio::spawn(next.run(request)).await.map_err(|_| HttpError::Internal.into())
}

fn named(names: &[&'static str]) -> Vec<HeaderName> {
    names.iter().map(|n| HeaderName::from_static(n)).collect()
}

/// Answers preflights, which ask with a method that no route has: so the refusal of methods must be
/// inside the layer.
fn with_cors(routes: Routes, cors: CorsLayer) -> Routes {
    let (router, document) = routes.split_for_parts();
    let mut routes = Routes::from(router.method_not_allowed_fallback(problem::method_not_allowed).layer(cors));
    *routes.get_openapi_mut() = document;
    routes
}

fn routes(origins: &[String], limited: &Limited) -> Routes {
    let begun = Routes::new()
        .routes(routes!(uploads::form_routes::upload))
        .routes(routes!(uploads::form_routes::add_track))
        .routes(routes!(uploads::routes::create));
    let begun_elsewhere = Routes::new()
        .routes(routes!(uploads::presigned_routes::begin))
        .routes(routes!(uploads::presigned_routes::import));
    let upload = limited(RateLimit::Upload, tus::joins_parts, begun)
        .routes(routes!(uploads::routes::show, uploads::routes::patch, uploads::routes::terminate))
        .layer(DefaultBodyLimit::disable())
        .layer(from_fn(drain::refused_uploads));
    let api = Routes::new()
        .merge(auth_routes(limited))
        .merge(account_routes())
        .merge(media_routes())
        .merge(platform_routes(limited))
        .merge(limited(RateLimit::Upload, tus::joins_parts, begun_elsewhere))
        .routes(routes!(uploads::presigned_routes::sign, uploads::presigned_routes::list))
        .routes(routes!(uploads::presigned_routes::complete))
        .routes(routes!(uploads::presigned_routes::abort))
        .routes(routes!(formats::routes::list))
        .routes(routes!(document))
        .layer(at_most(JSON_BYTES))
        .layer(from_fn(to_the_end))
        .merge(library_routes())
        .merge(upload);
    let api = with_cors(api, api_cors(origins)).merge(part_routes());
    OpenApiRouter::with_openapi(openapi::Frame::openapi())
        .routes(routes!(health::live))
        .routes(routes!(health::ready))
        .nest("/api/v1", api)
        .merge(playback_routes(origins, limited))
}

/// The document of the whole API.
pub fn describe() -> Document {
    let (_, mut document) = routes(&[], &|_, _, r| r).split_for_parts();
    openapi::complete(&mut document);
    document
}

/// The document itself.
#[utoipa::path(get, path = "/openapi.json", operation_id = "get_openapi", tag = "health", responses(
    (status = 200, description = "OpenAPI 3.1", body = serde_json::Value),
))]
async fn document() -> Json<&'static Document> {
    static MADE: LazyLock<Document> = LazyLock::new(describe);
    Json(&MADE)
}

/// The whole API, with its live sockets.
pub fn router(state: AppState, sockets: SocketIoLayer) -> Router {
    let counted = state.clone();
    let limited = move |limit: RateLimit, exempt: Exempt, routes: Routes| {
        routes.route_layer(from_fn_with_state((counted.clone(), limit, exempt), rate_limit::by_address))
    };
    let (router, _) = routes(&state.config.http.allowed_origins, &limited).split_for_parts();
    let request_id = HeaderName::from_static("x-request-id");
    let sockets = Router::new()
        .route("/socket.io/", any(problem::not_found))
        .layer(sockets)
        .layer(from_fn_with_state(state.clone(), base_url::attach))
        .layer(from_fn_with_state(state.clone(), extract::own_pages_only))
        .layer(api_cors(&state.config.http.allowed_origins));
    let app = router
        .merge(sockets)
        .fallback(web::serve)
        .method_not_allowed_fallback(problem::method_not_allowed)
        .layer(
            ServiceBuilder::new()
                .layer(SetRequestIdLayer::new(request_id.clone(), MakeRequestUuid))
                .layer(PropagateRequestIdLayer::new(request_id))
                .layer(from_fn_with_state(state.clone(), extract::attach))
                .layer(from_fn(access_log::log))
                .layer(from_fn_with_state(state.clone(), headers::secure))
                .layer(from_fn_with_state(state.clone(), uploads::routes::protocol))
                .layer(CompressionLayer::new().compress_when(is_text))
                .layer(from_fn(problem::describe))
                .layer(from_fn_with_state(state.clone(), reserve::keep))
                .layer(CatchPanicLayer::custom(problem::panicked)),
        )
        .with_state(state);
    // Before anything is routed.
    Router::new().fallback_service(app).layer(map_request(tus::overridden))
}

/// Playlists and the app shrink (Apple 10.1); media does not. What holds a token is not compressed beside
/// what a stranger chose (BREACH): accounts answer uncompressed.
fn is_text(_: StatusCode, _: Version, headers: &HeaderMap, _: &axum::http::Extensions) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).and_then(|v| v.to_str().ok()).unwrap_or_default();
    [
        "application/dash+xml",
        "application/vnd.apple.mpegurl",
        "image/svg+xml",
        "text/css; charset=utf-8",
        "text/html; charset=utf-8",
        "text/javascript; charset=utf-8",
        "text/vtt; charset=utf-8",
    ]
    .contains(&kind)
}
