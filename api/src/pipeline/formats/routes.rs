//! The list of what is accepted.

use super::views::Formats;
use axum::{
    Json,
    http::{HeaderName, header},
};

/// It changes with the program only.
const CACHED: &str = "public, max-age=3600";

/// Containers and codecs that may be uploaded, the commonest first. What is not named is refused by name.
#[utoipa::path(get, path = "/formats", operation_id = "list_formats", tag = "media", responses(
    (status = 200, description = "All of them", body = Formats),
))]
pub async fn list() -> ([(HeaderName, &'static str); 1], Json<Formats>) {
    ([(header::CACHE_CONTROL, CACHED)], Json(Formats::all()))
}
