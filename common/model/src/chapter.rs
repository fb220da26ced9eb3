//! Chapters.

use serde::{Deserialize, Serialize};

/// Where a chapter begins; it ends where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChapterMark {
    /// From the begin of the media.
    pub start_ms: u64,
    pub title: String,
}
