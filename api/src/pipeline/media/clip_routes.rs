//! Requests and answers of clips.

use super::{
    clips,
    views::{Media, NewClip},
};
use crate::{
    http::{base_url::BaseUrl, error::ApiError, extract::Body},
    identity::guards::Uploader,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use sluice_model::MediaId;

/// Make a stretch of a media a media of its own, from the frame nearest to `start_ms` to that before the one nearest to
/// `end_ms`. Segments are reused: at most two edges are encoded for each rendition. The clip has what is shown in it of
/// captions and chapters, no original, and stays when the media is deleted.
#[utoipa::path(post, path = "/media/{id}/clips", operation_id = "create_clip", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["upload"])), request_body = NewClip, responses(
        (status = 201, description = "The clip, playable in a moment", body = Media,
            headers(("Location" = String, description = "The clip"))),
        (status = 409, description = "The media is not ready"),
    ))]
pub async fn create(
    State(state): State<AppState>,
    Uploader(viewer): Uploader,
    Path(id): Path<MediaId>,
    base: BaseUrl,
    Body(body): Body<NewClip>,
) -> Result<impl IntoResponse, ApiError> {
    let row = clips::create(&state, &viewer, id, body).await?;
    let location = format!("/api/v1/media/{}", row.id);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(Media::new(row, &base.1))))
}
