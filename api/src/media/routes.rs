//! Requests and answers of media.

use super::{
    progress::{Progress, ProgressEvent},
    service,
    views::{ChangeMedia, Media, Page, Upload},
};
use crate::{
    auth::Viewer,
    error::ApiError,
    extract::{Actor, Body, Caller, Follower, Reader, Uploader},
    paging::PageQuery,
    state::AppState,
    uploads::{
        declared,
        form::{self, Abandon},
    },
};
use axum::{
    Json,
    extract::{
        FromRequest, FromRequestParts, Multipart, Path, Query, Request, State,
        multipart::{Field, MultipartError},
    },
    http::{HeaderMap, StatusCode, header, request::Parts, uri::Authority},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::{StreamExt, stream};
use sluice_db::MediaPage;
use std::{convert::Infallible, time::Duration};
use uuid::Uuid;

/// How often the database is asked for somebody who follows a media.
const FOLLOW: Duration = Duration::from_millis(500);
/// Most bytes of a text field.
const FIELD_BYTES: usize = 32 * 1024;
/// Most fields before the file.
const MOST_FIELDS: usize = 32;
/// What a form has beside its file at most: texts, and a line or two for each.
const AROUND_THE_FILE: u64 = (MOST_FIELDS * (FIELD_BYTES + 1024)) as u64;

/// The external base URL without a trailing slash: as configured, else as the client wrote it.
#[derive(Debug)]
pub struct Base(pub String);

impl Base {
    fn of(state: &AppState, parts: &Parts) -> Self {
        if let Some(url) = &state.config.public_url {
            return Self(url.clone());
        }
        let host = parts.headers.get(header::HOST).and_then(|h| h.to_str().ok());
        // HTTP/2 names it in the URL.
        let host = host.or_else(|| parts.uri.authority().map(Authority::as_str)).unwrap_or_default();
        let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '[' | ']'));
        let scheme = if parts.extensions.get::<Caller>().is_some_and(|c| c.secure) { "https" } else { "http" };
        Self(if host.is_empty() || !plain { String::new() } else { format!("{scheme}://{host}") })
    }
}

impl FromRequestParts<AppState> for Base {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        Ok(Self::of(state, parts))
    }
}

/// Upload a video or audio file.
#[utoipa::path(post, path = "/media", tag = "media", security(("session" = []), ("api_token" = ["upload"])),
    request_body(content = Upload, content_type = "multipart/form-data"), responses(
        (status = 201, description = "Stored, and queued for processing", body = Media),
        (status = 507, description = "The store is full"),
    ))]
pub async fn upload(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    base: Base,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    state.limits.take("upload_account", &viewer.id.to_string()).await?;
    let announced_bytes = body_bytes(&request);
    let most = state.config.max_upload_bytes;
    if announced_bytes.is_some_and(|b| b.unsigned_abs() > most.saturating_add(AROUND_THE_FILE)) {
        return Err(ApiError::TooLarge(most));
    }
    let mut parts = Multipart::from_request(request, &()).await.map_err(|_| ApiError::NotMultipart)?;
    let mut fields = Vec::new();
    for _ in 0..MOST_FIELDS {
        let Some(field) = parts.next_field().await.map_err(cut)? else { return Err(ApiError::MissingFile) };
        let name = field.name().unwrap_or_default().to_owned();
        if name != "file" {
            fields.push((name, text(field).await?));
            continue;
        }
        declared::plausible(field.content_type().unwrap_or_default())?;
        fields.extend(field.file_name().map(|f| ("filename".to_owned(), f.to_owned())));
        let upload = form::begin_form(&state, &viewer, fields, announced_bytes).await?;
        let abandon = Abandon::unless_done(&state, upload.id);
        let received = form::receive_form(&state, &upload, field.map(|c| c.map_err(cut))).await;
        received?;
        // The closing boundary must have arrived: a cut body is no upload.
        while parts.next_field().await.map_err(cut)?.is_some() {}
        let media = form::complete_form(&state, &viewer, upload.id).await?;
        abandon.done();
        let row = state.db.media(media).await?.ok_or(ApiError::Internal)?;
        let location = format!("/api/v1/media/{}", row.id);
        return Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(Media::new(row, &base.0))));
    }
    Err(ApiError::BadRequest("too many fields before the file".to_owned()))
}

/// Bytes of the whole body, where the client says: a little more than the file has.
fn body_bytes(request: &Request) -> Option<i64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
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

/// One media, with its status.
#[utoipa::path(get, path = "/media/{id}", tag = "media", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])), responses(
        (status = 200, description = "The media", body = Media),
    ))]
pub async fn show(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<Uuid>,
    base: Base,
) -> Result<Json<Media>, ApiError> {
    let row = service::visible(&state, viewer.as_ref(), id).await?;
    Ok(Json(Media::new(row, &base.0)))
}

/// How far it is: every unit of work, what comes first, how long it will take.
#[utoipa::path(get, path = "/media/{id}/status", tag = "media", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])), responses(
        (status = 200, description = "As it stands", body = Progress),
    ))]
pub async fn status(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<Uuid>,
) -> Result<Json<Progress>, ApiError> {
    let row = service::visible(&state, viewer.as_ref(), id).await?;
    Ok(Json(Progress::of(&state, &row).await?))
}

/// The same as a stream (server-sent events), until it is ready or has failed. `Last-Event-ID` goes on
/// where a connection broke.
#[utoipa::path(get, path = "/media/{id}/events", tag = "media", params(
        ("id" = Uuid, Path), ("Last-Event-ID" = Option<String>, Header)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])), responses(
        (status = 200, description = "Events named `progress`", content_type = "text/event-stream", body = ProgressEvent),
        (status = 204, description = "The last event was the last: do not come back"),
    ))]
pub async fn events(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<Uuid>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let row = service::visible(&state, viewer.as_ref(), id).await?;
    let first = Progress::of(&state, &row).await?;
    let seen = headers.get("last-event-id").and_then(|v| v.to_str().ok()).map(ToOwned::to_owned);
    if first.is_final() && seen.as_ref() == Some(&first.id()) {
        // By this an EventSource knows that it need not connect again.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let following = Following { state, viewer, id, seen, next: Some(first) };
    let events = stream::unfold(Some(following), |following| async move {
        let (event, rest) = following?.news().await?;
        Some((Ok::<_, Infallible>(event), rest))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}

/// Somebody who follows a media.
struct Following {
    state: AppState,
    viewer: Option<Viewer>,
    id: Uuid,
    seen: Option<String>,
    next: Option<Progress>,
}

impl Following {
    /// Waits for news. The stream ends after the last, or when the media is no longer theirs to see.
    async fn news(mut self) -> Option<(Event, Option<Self>)> {
        loop {
            let now = match self.next.take() {
                Some(first) => first,
                None => {
                    tokio::time::sleep(FOLLOW).await;
                    let row = service::visible(&self.state, self.viewer.as_ref(), self.id).await.ok()?;
                    Progress::of(&self.state, &row).await.ok()?
                }
            };
            let id = now.id();
            let news = self.seen.as_ref() != Some(&id);
            if !news && now.is_final() {
                return None;
            }
            if news {
                let event = Event::default().event("progress").id(&id).json_data(&now).ok()?;
                self.seen = Some(id);
                return Some((event, (!now.is_final()).then_some(self)));
            }
        }
    }
}

/// One's own media.
#[utoipa::path(get, path = "/media", tag = "media", params(PageQuery),
    security(("session" = []), ("api_token" = ["read"])), responses(
        (status = 200, description = "Newest first", body = Page),
    ))]
pub async fn list(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Query(page): Query<PageQuery>,
    base: Base,
) -> Result<Json<Page>, ApiError> {
    let asked = MediaPage { owner: viewer.id, before: page.cursor, limit: page.rows() };
    let (rows, next_cursor) = page.cut(state.db.media_of(asked).await?, |r| r.id);
    Ok(Json(Page::new(rows, next_cursor, &base.0)))
}

/// Change what people see of a media, and who sees it.
#[utoipa::path(patch, path = "/media/{id}", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = ChangeMedia, responses(
        (status = 200, description = "The media", body = Media),
    ))]
pub async fn change(
    State(state): State<AppState>,
    caller: Caller,
    Actor(viewer): Actor,
    Path(id): Path<Uuid>,
    base: Base,
    Body(body): Body<ChangeMedia>,
) -> Result<Json<Media>, ApiError> {
    let row = service::change(&state, &caller, &viewer, id, body).await?;
    Ok(Json(Media::new(row, &base.0)))
}

/// Delete a media. Nothing of it is served any more.
#[utoipa::path(delete, path = "/media/{id}", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn remove(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<Uuid>,
) -> Result<StatusCode, ApiError> {
    service::delete(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Set a failed media to work again.
#[utoipa::path(post, path = "/media/{id}/retry", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 200, description = "Queued", body = Media),
        (status = 409, description = "It has not failed"),
    ))]
pub async fn retry(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<Uuid>,
    base: Base,
) -> Result<Json<Media>, ApiError> {
    let row = service::retry(&state, &viewer, id).await?;
    Ok(Json(Media::new(row, &base.0)))
}

/// What the rule checker found in the finished package.
#[utoipa::path(get, path = "/media/{id}/report", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["read"])), responses(
        (status = 200, description = "The report", content_type = "application/json", body = serde_json::Value),
    ))]
pub async fn report(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Path(id): Path<Uuid>,
) -> Result<impl IntoResponse, ApiError> {
    let text = service::report(&state, &viewer, id).await?;
    Ok(([(header::CONTENT_TYPE, "application/json")], text))
}
