//! Requests and answers of uploads straight to the store, and of imports.

use super::{
    creation,
    error::UploadError,
    import,
    presigned::{self, Begin, Signature, SignedPart},
    service,
    views::{BeginPresigned, Import, PartList, PartNumbers, PartUrl, PartUrls, Presigned, StoredPart},
};
use crate::{
    http::{base_url::BaseUrl, error::ApiError, extract::Body},
    identity::guards::Uploader,
    pipeline::media::{service as media, service::Metadata, views::Media},
    state::AppState,
};
use axum::{
    Json,
    body::Body as Bytes,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::IntoResponse,
};
use futures::StreamExt;
use serde::Deserialize;
use sluice_model::{RateLimit, Timestamp, UploadId};
use std::io;
use utoipa::IntoParams;

/// Begin an upload that goes straight to the store. Put each part to its URL with exactly the given headers;
/// ask for more URLs, or new ones, at `/parts`; then complete it.
#[utoipa::path(post, path = "/uploads/presigned", operation_id = "create_presigned_upload", tag = "uploads",
    security(("session" = []), ("api_token" = ["upload"])), request_body = BeginPresigned, responses(
        (status = 201, description = "Begun; the first thousand URLs", body = Presigned),
        (status = 413, description = "Too large"),
        (status = 415, description = "The type is no video or audio"),
        (status = 422, description = "Some fields are not valid"),
        (status = 429, description = "Too many requests"),
    ))]
pub async fn begin(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    base: BaseUrl,
    Body(body): Body<BeginPresigned>,
) -> Result<impl IntoResponse, ApiError> {
    creation::take_allowance(&state, &viewer, RateLimit::UploadAccount).await?;
    let metadata = Metadata {
        title: body.title,
        description: body.description,
        visibility: body.visibility.map(|v| v.to_string()),
        encryption: body.encryption.map(|e| e.to_string()),
        filename: Some(body.filename),
        ..Default::default()
    };
    let asked = Begin {
        size: body.size,
        content_type: body.content_type,
        sha256: body.sha256,
        part_size: body.part_size,
        metadata,
    };
    let row = presigned::begin(&state, &viewer, asked).await?;
    let layout = presigned::layout(&row)?;
    let (part_size, part_count) = (layout.part_bytes, layout.count());
    let first: Vec<i64> = (1..=part_count).take(presigned::MOST_URLS).collect();
    let parts = presigned::sign(&state, &viewer, &base.0, row.id, &first).await?;
    let content_type = row.content_type.as_deref().unwrap_or_default();
    let answer = Presigned {
        upload_id: row.id.into(),
        media_id: row.media_id.ok_or(UploadError::Internal)?.into(),
        part_size,
        part_count,
        parts: parts.into_iter().map(|p| url(p, content_type)).collect(),
        expires_at: row.expires_at.as_millis(),
    };
    Ok((StatusCode::CREATED, Json(answer)))
}

fn url(part: SignedPart, content_type: &str) -> PartUrl {
    PartUrl {
        number: part.number,
        size: part.size_bytes,
        method: "PUT",
        url: part.url,
        headers: [("content-type", content_type), ("if-none-match", "*")]
            .map(|(n, v)| (n.to_owned(), v.to_owned()))
            .into(),
        expires_at: part.expires_at.as_millis(),
    }
}

/// Sign URLs for parts: those beyond the first thousand, and those whose URL has expired or was used.
#[utoipa::path(post, path = "/uploads/presigned/{id}/parts", operation_id = "sign_presigned_parts", tag = "uploads", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["upload"])), request_body = PartNumbers, responses(
        (status = 200, description = "In the order asked for", body = PartUrls),
        (status = 409, description = "It is complete"),
        (status = 410, description = "It has expired"),
    ))]
pub async fn sign(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    Path(id): Path<UploadId>,
    base: BaseUrl,
    Body(body): Body<PartNumbers>,
) -> Result<Json<PartUrls>, ApiError> {
    let parts = presigned::sign(&state, &viewer, &base.0, id, &body.numbers).await?;
    let row = service::owned(&state, &viewer, id).await?;
    let content_type = row.content_type.as_deref().unwrap_or_default();
    Ok(Json(PartUrls { parts: parts.into_iter().map(|p| url(p, content_type)).collect() }))
}

/// The parts that are there.
#[utoipa::path(get, path = "/uploads/presigned/{id}/parts", operation_id = "list_presigned_parts", tag = "uploads", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["upload"])), responses(
        (status = 200, description = "In order", body = PartList),
        (status = 410, description = "It has expired"),
    ))]
pub async fn list(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    Path(id): Path<UploadId>,
) -> Result<Json<PartList>, ApiError> {
    let parts = presigned::list(&state, &viewer, id).await?;
    let view = |p: sluice_ingest::StoredPart| StoredPart {
        number: p.number,
        size: p.size_bytes,
        etag: format!("{:016x}", p.object),
    };
    Ok(Json(PartList { parts: parts.into_iter().map(view).collect() }))
}

/// Complete an upload whose parts are all there. The answer to a repeated request is the same.
#[utoipa::path(post, path = "/uploads/presigned/{id}/complete", operation_id = "complete_presigned_upload", tag = "uploads", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["upload"])), responses(
        (status = 200, description = "Queued for processing", body = Media),
        (status = 409, description = "Parts are missing"),
        (status = 410, description = "It has expired"),
        (status = 415, description = "No video or audio, or not of the declared type"),
    ))]
pub async fn complete(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    Path(id): Path<UploadId>,
    base: BaseUrl,
) -> Result<Json<Media>, ApiError> {
    let id = presigned::complete(&state, &viewer, id).await?;
    let row = media::owned(&state, &viewer, id).await?;
    Ok(Json(Media::new(row, &base.1)))
}

/// Give an upload up.
#[utoipa::path(delete, path = "/uploads/presigned/{id}", operation_id = "delete_presigned_upload", tag = "uploads", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["upload"])), responses(
        (status = 204, description = "Gone"),
        (status = 410, description = "It has expired"),
    ))]
pub async fn abort(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    Path(id): Path<UploadId>,
) -> Result<StatusCode, ApiError> {
    presigned::abort(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the query of a signed URL holds.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct SignedQuery {
    object: u64,
    expires: i64,
    signature: String,
}

/// Send a part to a signed URL, where the store is a directory of this service. The URL is all the permission
/// it needs.
#[utoipa::path(put, path = "/uploads/presigned/{id}/parts/{number}", operation_id = "put_presigned_part", tag = "uploads",
    params(("id" = Uuid, Path), ("number" = i64, Path), SignedQuery), security(()),
    request_body(content = String, content_type = "application/octet-stream"), responses(
        (status = 200, description = "Stored; `ETag` names it"),
        (status = 403, description = "The URL was not signed, has expired, or is for another size or type"),
        (status = 409, description = "The upload is complete"),
        (status = 412, description = "The URL was used"),
        (status = 507, description = "The store is full"),
    ))]
pub async fn receive(
    State(state): State<AppState>,
    Path((id, number)): Path<(UploadId, i64)>,
    Query(query): Query<SignedQuery>,
    headers: HeaderMap,
    body: Bytes,
) -> Result<impl IntoResponse, ApiError> {
    let text = |name: header::HeaderName| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
    let length = text(header::CONTENT_LENGTH).parse().ok();
    let signature =
        Signature { object: query.object, expires_at: Timestamp::from_micros(query.expires), code: query.signature };
    let bytes = body.into_data_stream().map(|c| c.map_err(io::Error::other));
    presigned::receive(&state, id, number, &signature, length, text(header::CONTENT_TYPE), bytes).await?;
    let etag = HeaderValue::from_str(&format!("\"{:016x}\"", query.object)).map_err(|_| UploadError::Internal)?;
    Ok([(header::ETAG, etag)])
}

/// Fetch a film from the web. The media is there at once; `/status` and `/events` tell how far it is.
#[utoipa::path(post, path = "/media/import", operation_id = "import_media", tag = "media", security(("session" = []), ("api_token" = ["upload"])),
    request_body = Import, responses(
        (status = 202, description = "Queued", body = Media),
        (status = 422, description = "The address may not be asked, or some fields are not valid"),
        (status = 429, description = "Too many requests"),
    ))]
pub async fn import(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    base: BaseUrl,
    Body(body): Body<Import>,
) -> Result<impl IntoResponse, ApiError> {
    creation::take_allowance(&state, &viewer, RateLimit::UploadAccount).await?;
    let media = import::begin(&state, &viewer, body).await?;
    let row = media::owned(&state, &viewer, media).await?;
    let location = format!("/api/v1/media/{}", row.id);
    Ok((StatusCode::ACCEPTED, [(header::LOCATION, location)], Json(Media::new(row, &base.1))))
}
