//! Requests and answers of oEmbed.

use super::{
    service,
    views::{OEmbed, OEmbedQuery},
};
use crate::{
    http::{
        base_url::BaseUrl,
        error::{ApiError, HttpError},
    },
    platform::PlatformError,
    state::AppState,
};
use axum::{
    Json,
    extract::{Query, State},
};

/// The only format of answers.
const FORMAT: &str = "json";

/// What another site may show of a link to a media (oEmbed 1.0), as JSON. What not everybody may see is not there, whoever asks.
#[utoipa::path(get, path = "/oembed", operation_id = "get_oembed", tag = "playback", params(OEmbedQuery), responses(
    (status = 200, description = "The player of that media", body = OEmbed),
    (status = 404, description = "The address names no media of this service, or none for everybody"),
    (status = 501, description = "Another format than JSON"),
))]
pub async fn oembed(
    State(state): State<AppState>,
    Query(query): Query<OEmbedQuery>,
    base: BaseUrl,
) -> Result<Json<OEmbed>, ApiError> {
    if query.format.as_deref().is_some_and(|f| f != FORMAT) {
        return Err(PlatformError::FormatNotSupported.into());
    }
    let id = service::media_at(&query.url, &base.0).ok_or(HttpError::NotFound)?;
    let link = service::link(&state, id).await?;
    Ok(Json(OEmbed::new(&link, &base.0, query.bounds())))
}
