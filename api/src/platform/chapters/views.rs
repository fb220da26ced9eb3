//! What chapters take and answer.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// A chapter; it ends where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Chapter {
    /// Milliseconds from the begin of the media.
    #[schema(minimum = 0)]
    pub start_ms: i64,
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
}

/// The chapters of a media, in its order.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Chapters {
    #[schema(max_items = 500)]
    pub items: Vec<Chapter>,
}
