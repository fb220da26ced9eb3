//! How well a media plays, as clients see it.

use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// How far back to look.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct QualityQuery {
    /// Days up to today, 30 unless it is said; at most 400.
    #[param(minimum = 1, maximum = 400)]
    pub days: Option<i64>,
}

/// How well a media played, as its players told.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlaybackQuality {
    /// Days on which it was played, the earliest first.
    pub days: Vec<QualityDay>,
    /// How long it took to start, of all those days.
    pub startup: Vec<StartupShare>,
    /// What was watched, of all those days, the largest picture first.
    pub rungs: Vec<RungShare>,
}

/// One day (UTC).
#[derive(Debug, Serialize, ToSchema)]
pub struct QualityDay {
    /// When it began, milliseconds since the Unix epoch.
    pub day: i64,
    /// Players that told anything, and those of them that showed a picture.
    pub sessions: i64,
    pub starts: i64,
    /// From the wish to play to the first picture, on the average; none where nothing started.
    pub mean_startup_ms: Option<i64>,
    /// How often players had to wait in the middle, and how long in all.
    pub stalls: i64,
    pub stalled_ms: i64,
    pub watched_ms: i64,
    /// Players that gave up.
    pub failures: i64,
}

/// Starts that took about as long.
#[derive(Debug, Serialize, ToSchema)]
pub struct StartupShare {
    /// At most this, and more than the one before; none for what took longer than all.
    pub up_to_ms: Option<i64>,
    pub starts: i64,
}

/// What was watched of one rendition.
#[derive(Debug, Serialize, ToSchema)]
pub struct RungShare {
    /// The rendition.
    pub name: String,
    /// None for a sound, or for a rendition that the media has no longer.
    pub width: Option<i64>,
    pub height: Option<i64>,
    pub watched_ms: i64,
}
