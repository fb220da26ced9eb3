//! What captions take and answer.

use serde::{Deserialize, Serialize};
use sluice_db::CaptionsRow;
use sluice_model::MediaId;
use utoipa::{IntoParams, ToSchema};

/// The captions of a media in one language.
#[derive(Debug, Serialize, ToSchema)]
pub struct Track {
    /// RFC 5646, for example `de` or `pt-BR`.
    pub language: String,
    /// For menus.
    pub label: String,
    pub cues: i64,
    /// WebVTT.
    pub url: String,
    /// Milliseconds since the Unix epoch.
    pub updated_at: i64,
}

impl Track {
    /// `base` is the external URL of the API without a trailing slash.
    pub fn new(row: CaptionsRow, media: MediaId, base: &str) -> Self {
        Self {
            url: format!("{base}/api/v1/media/{media}/captions/{}", row.language),
            language: row.language,
            label: row.label,
            cues: row.cues,
            updated_at: row.updated_at.as_millis(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Tracks {
    pub items: Vec<Track>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct TrackQuery {
    /// For menus; the language when left out.
    #[param(max_length = 80)]
    pub label: Option<String>,
}
