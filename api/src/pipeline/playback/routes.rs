//! Requests and answers of playback.

use super::{
    bytes_response::{respond, select},
    file::{File, Lifetime, ObjectBytes, TextFile, TextKind},
    service::{self, Listing, Original},
};
use crate::{
    http::error::ApiError,
    identity::{access::Ticket, guards::Player},
    pipeline::media::{service as media, source::source_bytes},
    state::AppState,
};
use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    response::{IntoResponse, Response},
};
use bytes::Bytes;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::Deserialize;
use sluice_db::MediaRow;
use sluice_model::{MediaId, PackageId};
use sluice_storage::Key;
use std::ops::Range;
use utoipa::IntoParams;

/// What an answer depends on beside its URL.
pub const VARY: &str = "authorization, cookie, accept-encoding";
const PLAYLIST: &str = "application/vnd.apple.mpegurl";
const MPD: &str = "application/dash+xml";
const JSON: &str = "application/json";
const SVG: &str = "image/svg+xml";
const WEBP: &str = "image/webp";
const WEBVTT: &str = "text/vtt; charset=utf-8";
/// Texts of fewer bytes are sent as they are.
const LEAST_PACKED: usize = 200;

/// The media in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct MediaPath {
    #[param(value_type = Uuid)]
    pub media: MediaId,
}

/// The same with a name, which is for players that go by its ending.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct NamedPath {
    #[param(value_type = Uuid)]
    media: MediaId,
    #[expect(dead_code, reason = "any name will do")]
    name: String,
}

/// A file of a rendition in the path.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct FilePath {
    #[param(value_type = Uuid)]
    media: MediaId,
    #[param(value_type = Uuid)]
    package: PackageId,
    /// Or `keys`, `chapters`, `images`.
    rendition: String,
    /// A media playlist, an init or media segment, a segment of subtitles, a key, a picture or the storyboard.
    file: String,
}

/// The multivariant playlist of a media.
#[utoipa::path(get, path = "/hls/{media}/index.m3u8", operation_id = "get_multivariant_playlist", tag = "playback", params(MediaPath),
    security((), ("session" = []), ("api_token" = ["read"])), responses(
        (status = 200, description = "The playlist", content_type = "application/vnd.apple.mpegurl", body = String),
        (status = 304, description = "As before"),
    ))]
pub async fn multivariant(
    State(state): State<AppState>,
    Player(ticket): Player,
    Path(path): Path<MediaPath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let row = media::playable(&state, &ticket, path.media).await?;
    let text = service::listing(&state, &row, &ticket, method == Method::GET, Listing::Multivariant).await?;
    whole_text(&method, &headers, &text).await
}

/// The same by a playback token.
#[utoipa::path(get, path = "/p/{token}/hls/{media}/index.m3u8", operation_id = "get_multivariant_playlist_by_token", tag = "playback",
    params(("token" = String, Path), MediaPath), responses(
        (status = 200, description = "The playlist", content_type = "application/vnd.apple.mpegurl", body = String),
        (status = 304, description = "As before"),
        (status = 403, description = "Views are used up, or the page is not allowed"),
    ))]
pub async fn multivariant_by_token(
    state: State<AppState>,
    player: Player,
    path: Path<MediaPath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    multivariant(state, player, path, method, headers).await
}

/// The DASH manifest of a media: the same segments. There is none before it is ready, nor of what is encrypted.
#[utoipa::path(get, path = "/hls/{media}/manifest.mpd", tag = "playback", operation_id = "dash_manifest", params(MediaPath),
    security((), ("session" = []), ("api_token" = ["read"])), responses(
        (status = 200, description = "The manifest", content_type = "application/dash+xml", body = String),
        (status = 304, description = "As before"),
    ))]
pub async fn manifest(
    State(state): State<AppState>,
    Player(ticket): Player,
    Path(path): Path<MediaPath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let row = media::playable(&state, &ticket, path.media).await?;
    let text = service::listing(&state, &row, &ticket, method == Method::GET, Listing::Manifest).await?;
    whole_text(&method, &headers, &text).await
}

/// The same by a playback token.
#[utoipa::path(get, path = "/p/{token}/hls/{media}/manifest.mpd", tag = "playback", operation_id = "dash_manifest_by_token",
    params(("token" = String, Path), MediaPath), responses(
        (status = 200, description = "The manifest", content_type = "application/dash+xml", body = String),
        (status = 304, description = "As before"),
        (status = 403, description = "Views are used up, or the page is not allowed"),
    ))]
pub async fn manifest_by_token(
    state: State<AppState>,
    player: Player,
    path: Path<MediaPath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    manifest(state, player, path, method, headers).await
}

/// A media playlist, a segment (of subtitles: WebVTT), a key, or a still picture.
#[utoipa::path(get, path = "/hls/{media}/{package}/{rendition}/{file}", operation_id = "get_package_file", tag = "playback", params(FilePath),
    security((), ("session" = []), ("api_token" = ["read"])), responses(
        (status = 200, description = "All of it", content(
            (String = "application/vnd.apple.mpegurl"), (String = "video/*"), (String = "text/vtt"),
            (String = "application/json"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp"), (String = "image/svg+xml"), (String = "application/octet-stream"),
        )),
        (status = 206, description = "The range", content(
            (String = "application/vnd.apple.mpegurl"), (String = "video/*"), (String = "text/vtt"),
            (String = "application/json"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp"), (String = "image/svg+xml"), (String = "application/octet-stream"),
        )),
        (status = 304, description = "As before"),
        (status = 416, description = "The range lies outside"),
    ))]
pub async fn file(
    State(state): State<AppState>,
    Player(ticket): Player,
    Path(path): Path<FilePath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let FilePath { media, package, rendition, file: name } = path;
    let (source, content_type, tag, is_public) =
        match service::file(&state, &ticket, media, package, &rendition, &name).await? {
            File::Text(text) => return whole_text(&method, &headers, &text).await,
            File::Key(key) => return Ok(key_response(key)),
            File::Object { key, tag, size_bytes, is_public } => {
                let content_type = key.content_type();
                (Source::Stored(key, size_bytes), content_type, tag, is_public)
            }
            File::Animation { bytes, tag, is_public } => (Source::Made(bytes), WEBP, tag, is_public),
        };
    let etag = format!("\"{tag}\"");
    let size = source.size_bytes();
    let selection = select(&method, &headers, &etag, size)?;
    // Shared caches keep public segments for an hour, as a media may become private; private ones are kept by the
    // player alone.
    let cache = if is_public { "public, max-age=3600, immutable" } else { "private, max-age=31536000, immutable" };
    let fixed = [
        (header::CONTENT_TYPE, content_type.to_owned()),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::VARY, VARY.to_owned()),
        (header::ETAG, etag),
    ];
    respond(&method, selection, size, &fixed, |range| async move { source.body(&state, range).await }).await
}

/// Where the bytes of an answer are.
enum Source {
    /// In the store, so many.
    Stored(Key, u64),
    Made(Bytes),
}

impl Source {
    fn size_bytes(&self) -> u64 {
        match self {
            Self::Stored(_, size_bytes) => *size_bytes,
            Self::Made(bytes) => bytes.len() as u64,
        }
    }

    async fn body(self, state: &AppState, range: Range<u64>) -> Result<Body, ApiError> {
        Ok(match self {
            Self::Stored(key, size_bytes) => match service::object_bytes(state, &key, size_bytes, range).await? {
                ObjectBytes::Held(bytes) => Body::from(bytes),
                ObjectBytes::Read(bytes) => Body::from_stream(bytes),
            },
            Self::Made(bytes) => Body::from(bytes.slice(range.start as usize..range.end as usize)),
        })
    }
}

/// The same by a playback token.
#[utoipa::path(get, path = "/p/{token}/hls/{media}/{package}/{rendition}/{file}", operation_id = "get_package_file_by_token", tag = "playback",
    params(("token" = String, Path), FilePath), responses(
        (status = 200, description = "All of it", content(
            (String = "application/vnd.apple.mpegurl"), (String = "video/*"), (String = "text/vtt"),
            (String = "application/json"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp"), (String = "image/svg+xml"), (String = "application/octet-stream"),
        )),
        (status = 206, description = "The range", content(
            (String = "application/vnd.apple.mpegurl"), (String = "video/*"), (String = "text/vtt"),
            (String = "application/json"), (Vec<u8> = "image/jpeg"), (Vec<u8> = "image/webp"), (String = "image/svg+xml"), (String = "application/octet-stream"),
        )),
        (status = 304, description = "As before"),
        (status = 403, description = "The page is not allowed"),
        (status = 416, description = "The range lies outside"),
    ))]
pub async fn file_by_token(
    state: State<AppState>,
    player: Player,
    path: Path<FilePath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    file(state, player, path, method, headers).await
}

/// Content keys stay in the player's memory.
fn key_response(key: Vec<u8>) -> Response {
    let fixed = [(header::CONTENT_TYPE, "application/octet-stream"), (header::CACHE_CONTROL, "private, no-store")];
    (fixed, key).into_response()
}

fn content_type(kind: TextKind) -> &'static str {
    match kind {
        TextKind::Playlist => PLAYLIST,
        TextKind::Manifest => MPD,
        TextKind::Vtt => WEBVTT,
        TextKind::Json => JSON,
        TextKind::Svg => SVG,
    }
}

/// Whether a text shrinks for clients that take it so (Apple 10.1).
fn is_packed(kind: TextKind) -> bool {
    kind != TextKind::Json
}

/// Whether a client takes gzip (RFC 9110 section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let lists = headers.get_all(header::ACCEPT_ENCODING).into_iter().filter_map(|v| v.to_str().ok());
    lists.flat_map(|list| list.split(',')).any(|word| {
        let (name, weight) = word.split_once(';').unwrap_or((word, ""));
        let refused = weight.trim().strip_prefix("q=").is_some_and(|q| q.trim().parse() == Ok(0.0_f32));
        name.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}

/// A playlist, subtitles or chapters, which are never sent in parts.
async fn whole_text(method: &Method, headers: &HeaderMap, file: &TextFile) -> Result<Response, ApiError> {
    let TextFile { kind, text, lifetime } = file;
    // Weak: the same text may be sent compressed or not.
    let etag = format!("W/\"{}\"", text.tag);
    let cache = match lifetime {
        // Never in a shared cache without asking: it may be private, or name what is.
        Lifetime::Checked => "private, no-cache".to_owned(),
        Lifetime::Public(time) => format!("public, max-age={}", time.as_secs()),
    };
    let fixed = [
        (header::CONTENT_TYPE, content_type(*kind).to_owned()),
        (header::CACHE_CONTROL, cache),
        (header::VARY, VARY.to_owned()),
        (header::ETAG, etag.clone()),
    ];
    let mut plain = headers.clone();
    plain.remove(header::RANGE);
    let packed = is_packed(*kind) && text.body.len() >= LEAST_PACKED && accepts_gzip(headers);
    let body = if packed { text.gzipped() } else { text.body.clone() };
    let size = body.len() as u64;
    let selection = select(method, &plain, etag.trim_start_matches("W/"), size)?;
    let mut response = respond(method, selection, size, &fixed, |_| async move { Ok(Body::from(body)) }).await?;
    response.headers_mut().remove(header::ACCEPT_RANGES);
    if packed && response.status() == StatusCode::OK {
        response.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

/// The bytes as they were uploaded. Playback tokens do not open them.
#[utoipa::path(get, path = "/raw/{media}", operation_id = "get_original", tag = "playback", params(MediaPath),
    security((), ("session" = []), ("api_token" = ["read"])), responses(
        (status = 200, description = "All of it", content((String = "video/*"), (String = "audio/*"))),
        (status = 206, description = "The range", content((String = "video/*"), (String = "audio/*"))),
        (status = 304, description = "As before"),
        (status = 416, description = "The range lies outside"),
    ))]
pub async fn raw(
    State(state): State<AppState>,
    Player(ticket): Player,
    Path(path): Path<MediaPath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    original(state, ticket, path.media, method, headers).await
}

/// The same under any name.
#[utoipa::path(get, path = "/raw/{media}/{name}", operation_id = "get_original_named", tag = "playback", params(NamedPath),
    security((), ("session" = []), ("api_token" = ["read"])), responses(
        (status = 200, description = "All of it", content((String = "video/*"), (String = "audio/*"))),
        (status = 206, description = "The range", content((String = "video/*"), (String = "audio/*"))),
        (status = 304, description = "As before"),
        (status = 416, description = "The range lies outside"),
    ))]
pub async fn raw_named(
    State(state): State<AppState>,
    Player(ticket): Player,
    Path(path): Path<NamedPath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    original(state, ticket, path.media, method, headers).await
}

async fn original(
    state: AppState,
    ticket: Ticket,
    media: MediaId,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let Original { media: row, content_type, is_open } = service::original(&state, &ticket, media).await?;
    let size = row.size_bytes as u64;
    let etag = format!("\"{}\"", row.source_id);
    let selection = select(&method, &headers, &etag, size)?;
    let cache = if is_open { "no-cache" } else { "private, no-cache" };
    let fixed = [
        (header::CONTENT_TYPE, content_type),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&row)),
        (header::VARY, VARY.to_owned()),
        // What people upload is shown in no context of ours.
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'".to_owned()),
        (header::ETAG, etag),
    ];
    respond(&method, selection, size, &fixed, |range| async move {
        Ok(Body::from_stream(source_bytes(&state, row.source_id, range).await?))
    })
    .await
}

/// A file name for saving, as RFC 6266 and RFC 8187 spell it; nothing of it is taken literally.
fn disposition(row: &MediaRow) -> String {
    let name = encoded_name(&row.filename);
    if row.filename.is_empty() { "inline".to_owned() } else { format!("inline; filename*=UTF-8''{name}") }
}

/// A name as an extended value of a parameter (RFC 8187 section 3.2.1).
pub fn encoded_name(name: &str) -> PercentEncode<'_> {
    // What stays as it is; `attr-char` has a few more.
    const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_');
    utf8_percent_encode(name, PLAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_takes_gzip_is_read_from_what_they_say() {
        let takes = |said: &'static str| {
            accepts_gzip(&HeaderMap::from_iter([(header::ACCEPT_ENCODING, HeaderValue::from_static(said))]))
        };
        for yes in ["gzip", "br, GZIP;q=0.5", "deflate,gzip ; q=1"] {
            assert!(takes(yes), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "gzip; q=0.0", "identity", "xgzip"] {
            assert!(!takes(no), "{no}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }
}
