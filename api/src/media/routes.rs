//! Requests and answers of media.

use super::{
    ingest,
    service::{self, Metadata},
    views::{Media, Page, PageQuery},
};
use crate::{auth::Viewer, error::ApiError, state::AppState};
use axum::{
    Json,
    extract::{
        FromRequest, Multipart, Path, Query, Request, State,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, StatusCode, header},
    response::IntoResponse,
};
use futures::StreamExt;
use uuid::Uuid;

/// Most bytes of a text field.
const FIELD_BYTES: usize = 32 * 1024;
/// Most fields before the file.
const MOST_FIELDS: usize = 32;

/// The external base URL: as configured, else as the client wrote it.
fn base(state: &AppState, headers: &HeaderMap) -> String {
    if let Some(url) = &state.config.public_url {
        return url.clone();
    }
    let host = headers.get(header::HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'));
    if host.is_empty() || !plain { String::new() } else { format!("http://{host}") }
}

/// `POST /media`: multipart fields `title`, `description`, `visibility`, then `file`.
pub async fn upload(
    State(state): State<AppState>,
    viewer: Viewer,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    service::may_upload(&viewer)?;
    let base = base(&state, request.headers());
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| ApiError::NotMultipart)?;
    let mut metadata = Metadata::default();
    for _ in 0..MOST_FIELDS {
        let Some(field) = form.next_field().await.map_err(cut)? else { return Err(ApiError::MissingFile) };
        match field.name() {
            Some("title") => metadata.title = Some(text(field).await?),
            Some("description") => metadata.description = Some(text(field).await?),
            Some("visibility") => metadata.visibility = Some(text(field).await?),
            Some("file") => {
                metadata.filename = field.file_name().map(ToOwned::to_owned);
                let checked = metadata.check()?;
                let received = ingest::receive(&state, field.map(|c| c.map_err(cut))).await?;
                // The closing boundary must have arrived: a cut body is no upload.
                while form.next_field().await.map_err(cut)?.is_some() {}
                let row = service::create(&state, &viewer, checked, received).await?;
                let location = format!("/api/v1/media/{}", row.id);
                return Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(Media::new(row, &base))));
            }
            _ => drop(text(field).await?),
        }
    }
    Err(ApiError::BadRequest("too many fields before the file".to_owned()))
}

async fn text(mut field: Field<'_>) -> Result<String, ApiError> {
    let mut data = Vec::new();
    while let Some(chunk) = field.chunk().await.map_err(cut)? {
        data.extend_from_slice(&chunk);
        if data.len() > FIELD_BYTES {
            return Err(ApiError::BadRequest("a text field is too long".to_owned()));
        }
    }
    String::from_utf8(data).map_err(|_| ApiError::BadRequest("a text field is not UTF-8".to_owned()))
}

fn cut(error: MultipartError) -> ApiError {
    tracing::debug!(%error, "multipart");
    ApiError::UploadCut
}

/// `GET /media/{id}` and `GET /media/{id}/status`
pub async fn show(
    State(state): State<AppState>,
    viewer: Option<Viewer>,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Json<Media>, ApiError> {
    let row = service::visible(&state, viewer.as_ref(), id).await?;
    Ok(Json(Media::new(row, &base(&state, &headers))))
}

/// `GET /media`: one's own.
pub async fn list(
    State(state): State<AppState>,
    viewer: Viewer,
    Query(page): Query<PageQuery>,
    headers: HeaderMap,
) -> Result<Json<Page>, ApiError> {
    let limit = page.limit.unwrap_or(20).clamp(1, 100);
    let (rows, next_cursor) = service::mine(&state, &viewer, page.cursor, limit).await?;
    let base = base(&state, &headers);
    Ok(Json(Page { items: rows.into_iter().map(|r| Media::new(r, &base)).collect(), next_cursor }))
}

/// `DELETE /media/{id}`
pub async fn remove(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    service::delete(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// `POST /media/{id}/retry`
pub async fn retry(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Json<Media>, ApiError> {
    let row = service::retry(&state, &viewer, id).await?;
    Ok(Json(Media::new(row, &base(&state, &headers))))
}

/// `GET /media/{id}/report`
pub async fn report(
    State(state): State<AppState>,
    viewer: Viewer,
    Path(id): Path<Uuid>,
) -> Result<impl IntoResponse, ApiError> {
    let text = service::report(&state, &viewer, id).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text))
}
