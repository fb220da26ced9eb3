//! Requests and answers of playback.

use super::{
    bytes_response::{respond, select},
    service::{self, File},
};
use crate::{auth::Viewer, error::ApiError, media::service as media, state::AppState};
use axum::{
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Method, header},
    response::Response,
};
use futures::{StreamExt, TryStreamExt, stream};
use sluice_common::{
    db::{ExtentRow, MediaRow},
    model::Visibility,
    storage::Key,
};
use std::{
    hash::{DefaultHasher, Hash, Hasher},
    ops::Range,
};
use uuid::Uuid;

/// `GET /hls/{media}/index.m3u8`
pub async fn multivariant(
    State(state): State<AppState>,
    viewer: Option<Viewer>,
    Path(id): Path<Uuid>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let row = media::visible(&state, viewer.as_ref(), id).await?;
    let text = service::multivariant_of(&state, &row).await?;
    playlist(&method, &headers, text).await
}

/// `GET /hls/{media}/{package}/{rendition}/{file}`
pub async fn file(
    State(state): State<AppState>,
    viewer: Option<Viewer>,
    Path((id, package, rendition, name)): Path<(Uuid, Uuid, String, String)>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let size = match service::file(&state, viewer.as_ref(), id, package, &rendition, &name).await? {
        File::Playlist(text) => return playlist(&method, &headers, text).await,
        File::Object { size_bytes } => size_bytes,
    };
    let etag = format!("\"{name}\"");
    let key = Key::RenditionFile { package, rendition, file: name };
    let selection = select(&method, &headers, &etag, size)?;
    // A shared cache must not serve a private film to somebody else.
    let cache = if viewer.is_some() { "private, max-age=31536000, immutable" } else { key.cache_control() };
    let fixed = [
        (header::CONTENT_TYPE, key.content_type().to_owned()),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::ETAG, etag),
    ];
    respond(&method, selection, size, &fixed, |range| async move {
        Ok(Body::from_stream(state.store.get(&key, range).await?))
    })
    .await
}

async fn playlist(method: &Method, headers: &HeaderMap, text: String) -> Result<Response, ApiError> {
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    // Weak: the same list may be sent compressed or not.
    let etag = format!("W/\"{:016x}\"", hasher.finish());
    let tag = etag.trim_start_matches("W/");
    let fixed = [
        (header::CONTENT_TYPE, "application/vnd.apple.mpegurl".to_owned()),
        (header::CACHE_CONTROL, "no-cache".to_owned()),
        (header::ETAG, etag.clone()),
    ];
    let mut plain = headers.clone();
    plain.remove(header::RANGE);
    let selection = select(method, &plain, tag, text.len() as u64)?;
    let size = text.len() as u64;
    let mut response = respond(method, selection, size, &fixed, |_| async move { Ok(Body::from(text)) }).await?;
    response.headers_mut().remove(header::ACCEPT_RANGES);
    Ok(response)
}

/// `GET /raw/{media}`: the bytes as they were uploaded.
pub async fn raw(
    State(state): State<AppState>,
    viewer: Option<Viewer>,
    Path(id): Path<Uuid>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let row = media::visible(&state, viewer.as_ref(), id).await?;
    let source = state.db.source(row.source_id).await?.ok_or(ApiError::NotFound)?;
    let size = row.size_bytes as u64;
    let etag = format!("\"{}\"", row.source_id);
    let selection = select(&method, &headers, &etag, size)?;
    let cache = if row.visibility == Visibility::Private { "private, no-cache" } else { "no-cache" };
    let fixed = [
        (header::CONTENT_TYPE, source.content_type),
        (header::CACHE_CONTROL, cache.to_owned()),
        (header::CONTENT_DISPOSITION, disposition(&row)),
        (header::ETAG, etag),
    ];
    respond(&method, selection, size, &fixed, |range| source_bytes(state, row.source_id, range)).await
}

/// Streams a range over the extents it touches, one after the other.
async fn source_bytes(state: AppState, source: Uuid, range: Range<u64>) -> Result<Body, ApiError> {
    let extents = state.db.extents(source).await?;
    let part = move |e: &ExtentRow| {
        let (start, size) = (e.offset_bytes as u64, e.size_bytes as u64);
        let (from, to) = (range.start.max(start), range.end.min(start + size));
        (from < to).then(|| (Key::Extent { source, number: e.number as u64 }, from - start..to - start))
    };
    let parts: Vec<_> = extents.iter().filter_map(part).collect();
    let store = state.store;
    let bytes = stream::iter(parts).then(move |(key, range)| {
        let store = store.clone();
        async move { store.get(&key, range).await }
    });
    Ok(Body::from_stream(bytes.try_flatten()))
}

/// A file name for saving, as RFC 6266 and RFC 8187 spell it; nothing of it is taken literally.
fn disposition(row: &MediaRow) -> String {
    let encode = |b: u8| {
        if b.is_ascii_alphanumeric() || b"-._".contains(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }
    };
    let name: String = row.filename.bytes().map(encode).collect();
    if name.is_empty() { "inline".to_owned() } else { format!("inline; filename*=UTF-8''{name}") }
}
