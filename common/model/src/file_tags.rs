//! What a file says of itself.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// The tags of a file that people are shown. Others, the place where it was recorded above all, are not kept.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct FileTags {
    pub title: Option<String>,
    pub artist: Option<String>,
    pub album: Option<String>,
    /// As the file has it: mostly a year, or a day as `2026-11-26`.
    pub date: Option<String>,
}

impl FileTags {
    /// Whether the file says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
