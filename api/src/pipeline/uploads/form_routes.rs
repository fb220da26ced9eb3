//! A film as a form, the way that needs no client but a browser or curl.

use super::{
    creation, declared,
    error::UploadError,
    form::{self, Abandon},
};
use crate::{
    http::{
        base_url::BaseUrl,
        error::{ApiError, HttpError},
        read_ahead::ReadAhead,
    },
    identity::{Viewer, guards::Uploader},
    pipeline::media::{
        service as media, tracks,
        views::{Media, MediaWithTracks, TrackForm, UploadForm},
    },
    state::AppState,
};
use axum::{
    Json,
    body::Body,
    extract::{
        FromRequest, Multipart, Path, Request, State,
        multipart::{Field, MultipartError},
    },
    http::{StatusCode, header},
    response::IntoResponse,
};
use futures::StreamExt;
use sluice_db::UploadRow;
use sluice_model::{MediaId, RateLimit};

/// Most bytes of a text field.
const FIELD_BYTES: usize = 32 * 1024;
/// Most fields before the file.
const MOST_FIELDS: usize = 32;
/// What a form has beside its file at most: texts, and a line or two for each.
const AROUND_THE_FILE: u64 = (MOST_FIELDS * (FIELD_BYTES + 1024)) as u64;

/// Upload a video or audio file.
#[utoipa::path(post, path = "/media", operation_id = "upload_media", tag = "media", security(("session" = []), ("api_token" = ["upload"])),
    request_body(content = UploadForm, content_type = "multipart/form-data"), responses(
        (status = 201, description = "Stored, and queued for processing", body = Media),
        (status = 507, description = "The store is full"),
    ))]
pub async fn upload(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    base: BaseUrl,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    let upload = received(&state, &viewer, request, None).await?;
    let id = upload.media_id.ok_or(UploadError::Internal)?;
    let row = media::owned(&state, &viewer, id).await?;
    let location = format!("/api/v1/media/{}", row.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(Media::new(row, &base.1))))
}

/// Add a track of sound to a film that is ready: a dub, a commentary. It is cut to the length of the film, or filled up with
/// silence; new players find it once its `status` is `ready`, and the picture is not encoded again.
#[utoipa::path(post, path = "/media/{id}/tracks", operation_id = "add_track", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["upload"])),
    request_body(content = TrackForm, content_type = "multipart/form-data"), responses(
        (status = 201, description = "Stored, and queued for processing: the media", body = MediaWithTracks),
        (status = 409, description = "The media is not ready, has no picture, or has too many added tracks"),
        (status = 507, description = "The store is full"),
    ))]
pub async fn add_track(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    Path(id): Path<MediaId>,
    base: BaseUrl,
    request: Request,
) -> Result<impl IntoResponse, ApiError> {
    tracks::check_addition(&state, &viewer, id).await?;
    received(&state, &viewer, request, Some(id)).await?;
    let row = media::owned(&state, &viewer, id).await?;
    let tracks = tracks::list(&state, &row).await?;
    Ok((StatusCode::CREATED, Json(MediaWithTracks { media: Media::new(row, &base.1), tracks })))
}

/// Takes the file of a form in, and completes its upload: another media, or a track of one.
async fn received(
    state: &AppState,
    viewer: &Viewer,
    request: Request,
    track_of: Option<MediaId>,
) -> Result<UploadRow, ApiError> {
    creation::take_allowance(state, viewer, RateLimit::UploadAccount).await?;
    let announced_bytes = body_bytes(&request);
    let most = state.config.ingest.max_upload_bytes;
    if announced_bytes.is_some_and(|b| b.unsigned_abs() > most.saturating_add(AROUND_THE_FILE)) {
        return Err(UploadError::TooLarge(most).into());
    }
    let ahead = ReadAhead::default();
    let mut form =
        Form::open(request.map(|body| Body::from_stream(ahead.bound(body.into_data_stream()))), ahead.clone()).await?;
    let mut fields = Vec::new();
    for _ in 0..MOST_FIELDS {
        let Some(field) = form.next().await? else { return Err(UploadError::MissingFile.into()) };
        let name = field.name().unwrap_or_default().to_owned();
        if name != "file" {
            fields.push((name, text(field, &ahead).await?));
            continue;
        }
        declared::plausible(field.content_type().unwrap_or_default())?;
        fields.extend(field.file_name().map(|f| ("filename".to_owned(), f.to_owned())));
        let upload = form::begin_form(state, viewer, fields, announced_bytes, track_of).await?;
        let abandon = Abandon::unless_done(state, upload.id);
        let bytes = field.map(|chunk| used(&ahead, chunk).map_err(|_| UploadError::UploadCut));
        form::receive_form(state, &upload, bytes).await?;
        form::add_fields(state, &upload, form.finish().await?).await?;
        let upload = form::complete_form(state, viewer, upload.id).await?;
        abandon.done();
        return Ok(upload);
    }
    Err(HttpError::BadRequest("too many fields before the file".to_owned()).into())
}

/// Bytes of the whole body, where the client says: a little more than the file has.
fn body_bytes(request: &Request) -> Option<i64> {
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// A form that is read part by part.
struct Form {
    parts: Multipart,
    ahead: ReadAhead,
}

impl Form {
    async fn open(request: Request, ahead: ReadAhead) -> Result<Self, ApiError> {
        let parts = Multipart::from_request(request, &()).await.map_err(|_| HttpError::NotMultipart)?;
        Ok(Self { parts, ahead })
    }

    async fn next(&mut self) -> Result<Option<Field<'_>>, ApiError> {
        used(&self.ahead, self.parts.next_field().await)
    }

    /// Reads the fields that follow the file. The closing boundary must have arrived: a cut body is no upload.
    async fn finish(&mut self) -> Result<Vec<(String, String)>, ApiError> {
        let (ahead, mut fields) = (self.ahead.clone(), Vec::new());
        for _ in 0..=MOST_FIELDS {
            let Some(field) = self.next().await? else { return Ok(fields) };
            let name = field.name().unwrap_or_default().to_owned();
            if name == "file" {
                return Err(HttpError::BadRequest("a form has one file".to_owned()).into());
            }
            fields.push((name, text(field, &ahead).await?));
        }
        Err(HttpError::BadRequest("too many fields after the file".to_owned()).into())
    }
}

/// What was read of a form, so that more may be.
fn used<T>(ahead: &ReadAhead, read: Result<T, MultipartError>) -> Result<T, ApiError> {
    match read {
        Ok(read) => {
            ahead.renew();
            Ok(read)
        }
        Err(error) => {
            tracing::debug!(%error, "multipart");
            let long = || HttpError::BadRequest("what stands around the fields of the form is too long".to_owned());
            Err(if ahead.is_used_up() { long().into() } else { UploadError::UploadCut.into() })
        }
    }
}

async fn text(mut field: Field<'_>, ahead: &ReadAhead) -> Result<String, ApiError> {
    let mut data = Vec::new();
    while let Some(chunk) = used(ahead, field.chunk().await)? {
        data.extend_from_slice(&chunk);
        if data.len() > FIELD_BYTES {
            return Err(HttpError::BadRequest("a text field is too long".to_owned()).into());
        }
    }
    String::from_utf8(data).map_err(|_| HttpError::BadRequest("a text field is not UTF-8".to_owned()).into())
}
