//! Requests and answers of downloads.

use super::{
    bytes_response::{respond, select},
    download::{self, Offer},
    routes::{VARY, encoded_name},
};
use crate::{
    http::{base_url::BaseUrl, error::ApiError},
    identity::{
        access::Ticket,
        guards::{Follower, Player},
    },
    state::AppState,
};
use axum::{
    Json,
    body::Body,
    extract::{Path, State},
    http::{HeaderMap, Method, header},
    response::Response,
};
use serde::{Deserialize, Serialize};
use sluice_model::MediaId;
use utoipa::{IntoParams, ToSchema};

/// The files of a media that can be downloaded.
#[derive(Debug, Serialize, ToSchema)]
pub struct Downloads {
    pub items: Vec<DownloadOffer>,
}

/// A file and where it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct DownloadOffer {
    #[serde(flatten)]
    pub offer: Offer,
    pub url: String,
}

/// A file of a media.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Path)]
pub struct DownloadPath {
    #[param(value_type = Uuid)]
    media: MediaId,
    /// As the list of downloads names it, for example `v720.mp4`.
    name: String,
}

/// What of a media can be downloaded: an MP4 file of each rendition, the best first, and the sound alone. Nothing before it is
/// ready, nor of what is encrypted.
#[utoipa::path(get, path = "/media/{id}/downloads", tag = "media", operation_id = "list_downloads",
    params(("id" = Uuid, Path)), security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "The best first", body = Downloads)))]
pub async fn list(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<MediaId>,
    base: BaseUrl,
) -> Result<Json<Downloads>, ApiError> {
    let (media, offers) = download::offers(&state, &Ticket::Viewer(viewer), id).await?;
    let url = |offer: &Offer| format!("{}/download/{}/{}", base.0, media.id, offer.name);
    Ok(Json(Downloads { items: offers.into_iter().map(|offer| DownloadOffer { url: url(&offer), offer }).collect() }))
}

/// A rendition as one MP4 file, with the sound beside a picture. Ranges are served; the bytes never change while the media has
/// this package.
#[utoipa::path(get, path = "/download/{media}/{name}", tag = "playback", operation_id = "download", params(DownloadPath),
    security((), ("session" = []), ("api_token" = ["read"])), responses(
        (status = 200, description = "All of it", content((String = "video/mp4"), (String = "audio/mp4"))),
        (status = 206, description = "The range", content((String = "video/mp4"), (String = "audio/mp4"))),
        (status = 304, description = "As before"),
        (status = 416, description = "The range lies outside"),
    ))]
pub async fn read(
    State(state): State<AppState>,
    Player(ticket): Player,
    Path(DownloadPath { media, name }): Path<DownloadPath>,
    method: Method,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let file = download::download(&state, &ticket, media, &name).await?;
    let etag = format!("\"{}\"", file.version);
    let selection = select(&method, &headers, &etag, file.size_bytes)?;
    let (rendition, ending) = name.rsplit_once('.').unwrap_or((&name, ""));
    let saved_as = format!("{} ({rendition})", file.media.title);
    let fixed = [
        (header::CONTENT_TYPE, file.content_type.to_owned()),
        (header::CACHE_CONTROL, if file.is_open { "no-cache" } else { "private, no-cache" }.to_owned()),
        (header::CONTENT_DISPOSITION, format!("attachment; filename*=UTF-8''{}.{ending}", encoded_name(&saved_as))),
        (header::VARY, VARY.to_owned()),
        (header::CONTENT_SECURITY_POLICY, "sandbox; default-src 'none'".to_owned()),
        (header::ETAG, etag),
    ];
    let size_bytes = file.size_bytes;
    respond(
        &method,
        selection,
        size_bytes,
        &fixed,
        |range| async move { Ok(Body::from_stream(file.stream(&state, range))) },
    )
    .await
}
