//! What likes, views and histories take and answer.

use crate::pipeline::media::views::Media;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Whether one likes a media, and how many do.
#[derive(Debug, Serialize, ToSchema)]
pub struct Likes {
    pub likes: bool,
    pub like_count: i64,
}

/// How often a media was watched.
#[derive(Debug, Serialize, ToSchema)]
pub struct Views {
    /// Whether this one counted.
    pub counted: bool,
    pub view_count: i64,
}

/// Where one is.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutPosition {
    /// Milliseconds from the start.
    #[schema(minimum = 0)]
    pub position_ms: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Position {
    pub media_id: Uuid,
    pub position_ms: i64,
    /// Watched to its last twentieth.
    pub finished: bool,
    /// Milliseconds since the Unix epoch.
    pub updated_at: i64,
}

/// Something one watched.
#[derive(Debug, Serialize, ToSchema)]
pub struct Watched {
    pub position: Position,
    pub media: Media,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct History {
    pub items: Vec<Watched>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct HistoryQuery {
    /// Only what was not watched to its end: "continue watching".
    pub unfinished: Option<bool>,
    /// 1 to 100, otherwise 20.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 100)]
    pub cursor: Option<String>,
}
