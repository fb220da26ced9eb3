//! What captions take and answer.

use serde::{Deserialize, Serialize};
use sluice_db::CaptionsRow;
use sluice_model::{MediaId, SubtitleRole};
use utoipa::{IntoParams, ToSchema};

/// One track of captions of a media.
#[derive(Debug, Serialize, ToSchema)]
pub struct Track {
    /// RFC 5646, for example `de` or `pt-BR`.
    pub language: String,
    /// `full`; `sdh` for those who hear badly; `forced` for what is said in another language than the rest.
    pub role: SubtitleRole,
    /// For menus.
    pub label: String,
    pub cues: i64,
    /// Whether it came with the file. What is given in its language and role takes its place; deleting hides it.
    pub from_file: bool,
    /// WebVTT.
    pub url: String,
    /// Milliseconds since the Unix epoch.
    pub updated_at: i64,
}

impl Track {
    /// `base` is the external URL of the API without a trailing slash.
    pub fn new(row: CaptionsRow, media: MediaId, base: &str) -> Self {
        Self {
            url: format!("{base}/api/v1/media/{media}/captions/{}{}", row.language, query(row.role)),
            role: row.role,
            language: row.language,
            label: row.label,
            cues: row.cues,
            from_file: row.from_file,
            updated_at: row.updated_at.as_millis(),
        }
    }
}

/// How a URL names a role.
fn query(role: SubtitleRole) -> String {
    if role == SubtitleRole::Full { String::new() } else { format!("?role={role}") }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Tracks {
    pub items: Vec<Track>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TrackQuery {
    /// `full` when left out.
    #[serde(default = "full")]
    #[param(default = "full")]
    pub role: SubtitleRole,
    /// For menus; the language when left out.
    #[param(max_length = 80)]
    pub label: Option<String>,
}

/// The role of a track, one of those in its language.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RoleQuery {
    /// `full` when left out.
    #[serde(default = "full")]
    #[param(default = "full")]
    pub role: SubtitleRole,
}

fn full() -> SubtitleRole {
    SubtitleRole::Full
}
