//! What pictures answer.

use serde::Serialize;
use sluice_model::PictureId;
use utoipa::ToSchema;

/// A picture as it is shown.
#[derive(Debug, Serialize, ToSchema)]
pub struct Picture {
    /// A JPEG. Another picture has another address.
    pub url: String,
    /// Pixels.
    pub width: u32,
    pub height: u32,
}

/// Where a picture is. `base` is the external URL of the API without a trailing slash.
pub fn url(id: PictureId, base: &str) -> String {
    format!("{base}/api/v1/pictures/{id}")
}
