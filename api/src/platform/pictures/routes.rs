//! Requests and answers of pictures.

use super::{
    body::{PictureBody, PictureForm, PosterBody},
    service,
    views::{ChooseMoment, Poster},
};
use crate::{
    http::{
        base_url::BaseUrl,
        error::{ApiError, HttpError},
    },
    identity::guards::{Actor, Admin, Follower, Reader},
    pipeline::media::{service as media, views::poster_url},
    platform::{
        catalogue::service as catalogue,
        picture_views::{self, Picture},
        playlists::service as playlists,
    },
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, State},
    http::{HeaderName, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sluice_model::{MediaId, PictureId, PictureKind, PlaylistId};
use sluice_storage::Key;

/// Own pictures, as paths spell them.
fn own(word: &str) -> Result<PictureKind, HttpError> {
    match word.parse() {
        Ok(kind @ (PictureKind::Avatar | PictureKind::Banner)) => Ok(kind),
        _ => Err(HttpError::NotFound),
    }
}

fn shown((id, size): (PictureId, (u32, u32)), base: &BaseUrl) -> Json<Picture> {
    Json(Picture { url: picture_views::url(id, &base.0), width: size.0, height: size.1 })
}

/// Show a picture of oneself: `avatar` or `banner`. JPEG, PNG, WebP or GIF of at most 10 MiB and 50 megapixels;
/// it is turned upright, made smaller, and loses what cameras add.
#[utoipa::path(put, path = "/me/pictures/{kind}", operation_id = "put_own_picture", tag = "account", params(("kind" = String, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body(content(([u8] = "image/jpeg"), (PictureForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "It is shown", body = Picture),
        (status = 507, description = "The store is full"),
    ))]
pub async fn put_own(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(kind): Path<String>,
    base: BaseUrl,
    body: PictureBody,
) -> Result<Json<Picture>, ApiError> {
    Ok(shown(service::put(&state, &viewer, own(&kind)?, viewer.id.into(), body.0).await?, &base))
}

/// Take a picture of oneself away.
#[utoipa::path(delete, path = "/me/pictures/{kind}", operation_id = "delete_own_picture", tag = "account", params(("kind" = String, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn remove_own(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(kind): Path<String>,
) -> Result<StatusCode, ApiError> {
    service::remove(&state, own(&kind)?, viewer.id.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a playlist a cover.
#[utoipa::path(put, path = "/playlists/{id}/cover", operation_id = "put_playlist_cover", tag = "library", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body(content(([u8] = "image/jpeg"), (PictureForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "It is shown", body = Picture),
        (status = 507, description = "The store is full"),
    ))]
pub async fn put_cover(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<PlaylistId>,
    base: BaseUrl,
    body: PictureBody,
) -> Result<Json<Picture>, ApiError> {
    playlists::owned(&state, &viewer, id).await?;
    Ok(shown(service::put(&state, &viewer, PictureKind::Cover, id.into(), body.0).await?, &base))
}

/// Take a playlist's cover away.
#[utoipa::path(delete, path = "/playlists/{id}/cover", operation_id = "delete_playlist_cover", tag = "library", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn remove_cover(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<PlaylistId>,
) -> Result<StatusCode, ApiError> {
    playlists::owned(&state, &viewer, id).await?;
    service::remove(&state, PictureKind::Cover, id.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Choose another poster for a media than the one that was chosen from the film: a picture, or once the film is ready one of
/// its moments, which is made in the background.
#[utoipa::path(put, path = "/media/{id}/poster", operation_id = "put_poster", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])),
    request_body(content(([u8] = "image/jpeg"), (PictureForm = "multipart/form-data"), (ChooseMoment = "application/json"))),
    responses(
        (status = 200, description = "The picture is shown", body = Picture),
        (status = 202, description = "The moment is made the poster", body = Poster),
        (status = 409, description = "A moment was chosen of a media that is not ready, or has no picture"),
        (status = 507, description = "The store is full"),
    ))]
pub async fn put_poster(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
    base: BaseUrl,
    body: PosterBody,
) -> Result<Response, ApiError> {
    let row = media::owned(&state, &viewer, id).await?;
    match body {
        PosterBody::Moment(moment) => {
            service::choose_moment(&state, &viewer, &row, moment).await?;
            Ok((StatusCode::ACCEPTED, Json(service::poster(&state, &row, &base.1).await?)).into_response())
        }
        PosterBody::Picture(body) => {
            let (_, (width, height)) = service::put(&state, &viewer, PictureKind::Poster, id.into(), body.0).await?;
            let row = media::owned(&state, &viewer, id).await?;
            let url = poster_url(&row, &base.1).unwrap_or_default();
            Ok(Json(Picture { url, width, height }).into_response())
        }
    }
}

/// The poster of a media, and how far the moment is that was last chosen for it.
#[utoipa::path(get, path = "/media/{id}/poster", operation_id = "get_poster", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["read"])), responses((status = 200, description = "The poster", body = Poster)))]
pub async fn poster(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Path(id): Path<MediaId>,
    base: BaseUrl,
) -> Result<Json<Poster>, ApiError> {
    let row = media::owned(&state, &viewer, id).await?;
    Ok(Json(service::poster(&state, &row, &base.1).await?))
}

/// Go back to the poster that was chosen from the film.
#[utoipa::path(delete, path = "/media/{id}/poster", operation_id = "delete_poster", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn remove_poster(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
) -> Result<StatusCode, ApiError> {
    media::owned(&state, &viewer, id).await?;
    service::remove(&state, PictureKind::Poster, id.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Give a category a picture.
#[utoipa::path(put, path = "/admin/categories/{slug}/picture", operation_id = "put_category_picture", tag = "admin", params(("slug" = String, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body(content(([u8] = "image/jpeg"), (PictureForm = "multipart/form-data"))),
    responses(
        (status = 200, description = "It is shown", body = Picture),
        (status = 507, description = "The store is full"),
    ))]
pub async fn put_category(
    State(state): State<AppState>,
    Admin(viewer): Admin,
    Path(slug): Path<String>,
    base: BaseUrl,
    body: PictureBody,
) -> Result<Json<Picture>, ApiError> {
    let category = catalogue::category(&state, &slug).await?;
    Ok(shown(service::put(&state, &viewer, PictureKind::Category, category.id.into(), body.0).await?, &base))
}

/// Take a category's picture away.
#[utoipa::path(delete, path = "/admin/categories/{slug}/picture", operation_id = "delete_category_picture", tag = "admin", params(("slug" = String, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn remove_category(
    State(state): State<AppState>,
    Admin(_): Admin,
    Path(slug): Path<String>,
) -> Result<StatusCode, ApiError> {
    let category = catalogue::category(&state, &slug).await?;
    service::remove(&state, PictureKind::Category, category.id.into()).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A picture. It never changes; covers of private playlists and posters of private media are for those who may see these.
#[utoipa::path(get, path = "/pictures/{id}", operation_id = "get_picture", tag = "catalogue", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "The picture", body = [u8], content_type = "image/jpeg")))]
pub async fn show(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<PictureId>,
) -> Result<Response, ApiError> {
    let (body, public) = service::read(&state, viewer.as_ref(), id).await?;
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(Key::Picture(id).content_type()));
    // Pages of other origins show it.
    headers.insert(HeaderName::from_static("cross-origin-resource-policy"), HeaderValue::from_static("cross-origin"));
    if public {
        // It never changes, but it may be taken out of sight.
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=3600, immutable"));
    }
    Ok(response)
}
