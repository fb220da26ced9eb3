//! Requests and answers of resumable uploads.

use super::{
    concat::Concat,
    creation, declared,
    error::UploadError,
    service::{self, NewUploadRequest, Patch},
    tus::{self, ALGORITHMS, EXTENSIONS, VERSION, set},
    views::{Upload, Usage},
};
use crate::{
    http::{
        base_url::BaseUrl,
        error::{ApiError, HttpError},
    },
    identity::guards::{Reader, Uploader},
    pipeline::media::service::Metadata,
    state::AppState,
};
use axum::{
    Json,
    body::Body,
    extract::{Path, Request, State},
    http::{HeaderMap, Method, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use futures::StreamExt;
use sluice_db::UploadRow;
use sluice_model::{RateLimit, UploadId, UploadKind};

const CHUNK: &str = "application/offset+octet-stream";

fn describe(row: &UploadRow) -> HeaderMap {
    let mut headers = HeaderMap::new();
    set(&mut headers, "upload-offset", row.offset_bytes);
    match row.length_bytes {
        Some(length) => set(&mut headers, "upload-length", length),
        None => set(&mut headers, "upload-defer-length", 1),
    }
    if row.part {
        set(&mut headers, "upload-concat", "partial");
    }
    if let Some(media) = row.media_id {
        set(&mut headers, "sluice-media-id", media);
    }
    if row.completed_at.is_none() {
        set(&mut headers, "upload-expires", tus::http_date(row.expires_at));
    }
    headers
}

fn stream(body: Body) -> impl futures::Stream<Item = Result<bytes::Bytes, UploadError>> + Unpin + Send + 'static {
    body.into_data_stream().map(|c| c.map_err(|_| UploadError::UploadInterrupted))
}

fn is_chunk(headers: &HeaderMap) -> bool {
    tus::text(headers, header::CONTENT_TYPE.as_str()) == Some(CHUNK)
}

/// Begin a resumable upload (tus 1.0: creation, creation-with-upload, creation-defer-length, concatenation).
#[utoipa::path(post, path = "/uploads", operation_id = "create_upload", tag = "uploads", security(("session" = []), ("api_token" = ["upload"])),
    params(
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Length" = Option<i64>, Header, description = "Bytes; or Upload-Defer-Length: 1"),
        ("Upload-Metadata" = Option<String>, Header, description = "filename, title, description, visibility, encryption"),
        ("Upload-Concat" = Option<String>, Header, description = "partial, or final;URL URL ..."),
    ), responses(
        (status = 201, description = "`Location` is its URL"),
        (status = 412, description = "Another version of tus"),
        (status = 413, description = "Too large"),
        (status = 415, description = "No video or audio"),
        (status = 422, description = "Some metadata are not valid"),
        (status = 429, description = "Too many requests"),
        (status = 460, description = "The checksum does not match"),
        (status = 507, description = "The store is full"),
    ))]
pub async fn create(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    base: BaseUrl,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    tus::check_version(&headers)?;
    let concat = tus::concat(&headers)?;
    let is_final = matches!(concat, Some(Concat::Final(_)));
    // Parts were counted when they began: what puts them together has a limit that it does not meet.
    let limit = if is_final { RateLimit::Join } else { RateLimit::UploadAccount };
    creation::take_allowance(&state, &viewer, limit).await?;
    let length = tus::bytes(&headers, "upload-length")?;
    let deferred = match tus::text(&headers, "upload-defer-length") {
        None => false,
        Some("1") => true,
        Some(_) => return Err(HttpError::BadRequest("Upload-Defer-Length is not 1".to_owned()).into()),
    };
    if !is_final && length.is_some() == deferred {
        return Err(HttpError::BadRequest("one of Upload-Length and Upload-Defer-Length is needed".to_owned()).into());
    }
    let checksum = tus::checksum(&headers)?;
    let pairs = tus::metadata(&headers)?;
    if let Some((_, declared)) = pairs.iter().find(|p| p.0 == "filetype") {
        declared::plausible(declared)?;
    }
    let verbatim = tus::text(&headers, "upload-metadata").map(ToOwned::to_owned);
    let verbatim_parts = tus::text(&headers, "upload-concat").filter(|_| is_final).map(ToOwned::to_owned);
    let metadata = Metadata { verbatim, verbatim_parts, ..Metadata::new(pairs) };
    let new = NewUploadRequest {
        length,
        metadata,
        concat,
        at_most: 0,
        ttl: state.ingest.upload_ttl(),
        kind: UploadKind::Tus,
        parts: None,
        url: None,
        track_of: None,
    };
    let row = if is_chunk(&headers) && !is_final {
        let first = Patch { offset: 0, length: None, body_bytes: tus::bytes(&headers, "content-length")?, checksum };
        creation::create_with_bytes(&state, &viewer, new, first, stream(request.into_body())).await?
    } else {
        service::create(&state, &viewer, new).await?
    };
    let mut out = describe(&row);
    set(&mut out, "location", format!("{}/api/v1/uploads/{}", base.0, row.id));
    Ok((StatusCode::CREATED, out).into_response())
}

/// How far an upload is (tus 1.0). `GET` answers the same as JSON and disturbs nobody who is writing.
#[utoipa::path(get, path = "/uploads/{id}", operation_id = "get_upload", tag = "uploads", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["upload"])), responses(
        (status = 200, description = "As it stands", body = Upload),
        (status = 410, description = "It has expired"),
        (status = 412, description = "Another version of tus"),
    ))]
pub async fn show(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    Path(id): Path<UploadId>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    if method != Method::HEAD {
        let row = service::owned(&state, &viewer, id).await?;
        return Ok(Json(Upload::from(row)).into_response());
    }
    tus::check_version(&headers)?;
    let row = service::resume(&state, &viewer, id).await?;
    let mut out = describe(&row);
    // tus 1.0: as they were sent.
    let announced = Metadata::stored(&row.metadata);
    for (name, sent) in [("upload-metadata", announced.verbatim), ("upload-concat", announced.verbatim_parts)] {
        if let Some(sent) = sent {
            set(&mut out, name, sent);
        }
    }
    set(&mut out, "cache-control", "no-store");
    Ok((StatusCode::OK, out).into_response())
}

/// Continue an upload (tus 1.0: core, checksum).
#[utoipa::path(patch, path = "/uploads/{id}", operation_id = "append_upload", tag = "uploads",
    security(("session" = []), ("api_token" = ["upload"])),
    params(
        ("id" = Uuid, Path),
        ("Tus-Resumable" = String, Header, description = "1.0.0"),
        ("Upload-Offset" = i64, Header, description = "Where these bytes belong"),
        ("Upload-Length" = Option<i64>, Header, description = "Of a deferred upload, once it is known"),
        ("Upload-Checksum" = Option<String>, Header, description = "sha1, sha256 or crc32, and base64"),
    ),
    request_body(content = String, content_type = "application/offset+octet-stream"), responses(
        (status = 204, description = "Stored; `Upload-Offset` says how far it is"),
        (status = 403, description = "It was put together of parts"),
        (status = 409, description = "It is elsewhere, or another request took over"),
        (status = 410, description = "It has expired"),
        (status = 412, description = "Another version of tus"),
        (status = 460, description = "The checksum does not match"),
        (status = 507, description = "The store is full"),
    ))]
pub async fn patch(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    Path(id): Path<UploadId>,
    headers: HeaderMap,
    request: Request,
) -> Result<Response, ApiError> {
    tus::check_version(&headers)?;
    if !is_chunk(&headers) {
        return Err(HttpError::NotAChunk.into());
    }
    let wanted = HttpError::BadRequest("Upload-Offset is missing".to_owned());
    let patch = Patch {
        offset: tus::bytes(&headers, "upload-offset")?.ok_or(wanted)?,
        length: tus::bytes(&headers, "upload-length")?,
        body_bytes: tus::bytes(&headers, "content-length")?,
        checksum: tus::checksum(&headers)?,
    };
    let row = service::patch(&state, &viewer, id, patch, stream(request.into_body())).await?;
    Ok((StatusCode::NO_CONTENT, describe(&row)).into_response())
}

/// Give an upload up (tus 1.0: termination). One that is complete is deleted as the media that it became.
#[utoipa::path(delete, path = "/uploads/{id}", operation_id = "delete_upload", tag = "uploads", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["upload"])), responses(
        (status = 204, description = "Gone"),
        (status = 410, description = "It has expired"),
        (status = 412, description = "Another version of tus"),
    ))]
pub async fn terminate(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    Path(id): Path<UploadId>,
    headers: HeaderMap,
) -> Result<StatusCode, ApiError> {
    tus::check_version(&headers)?;
    service::terminate(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What the account uses, and what it may use.
#[utoipa::path(get, path = "/me/usage", operation_id = "get_usage", tag = "account", security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "Usage and quotas", body = Usage)))]
pub async fn usage(State(state): State<AppState>, Reader(viewer): Reader) -> Result<Json<Usage>, ApiError> {
    let (used, quota) = creation::usage(&state, &viewer).await?;
    Ok(Json(Usage::new(used, quota)))
}

/// Middleware: what every answer of tus carries; and for OPTIONS, what is offered.
pub async fn protocol(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    if !path.starts_with("/api/v1/uploads") {
        return next.run(request).await;
    }
    let asks = request.method() == Method::OPTIONS;
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    set(headers, "tus-resumable", VERSION);
    set(headers, "tus-version", VERSION);
    if asks {
        set(headers, "tus-extension", EXTENSIONS);
        set(headers, "tus-checksum-algorithm", ALGORITHMS);
        set(headers, "tus-max-size", state.config.ingest.max_upload_bytes);
    }
    response
}
