//! What access takes and answers.

use serde::{Deserialize, Serialize};
use sluice_db::{GrantRow, PlaybackTokenRow};
use utoipa::ToSchema;
use uuid::Uuid;

/// A person who may play a media.
#[derive(Debug, Serialize, ToSchema)]
pub struct Grant {
    pub user_id: Uuid,
    pub username: String,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
}

impl From<GrantRow> for Grant {
    fn from(row: GrantRow) -> Self {
        Self { user_id: row.user_id.into(), username: row.username, created_at: row.created_at.as_millis() }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Grants {
    pub items: Vec<Grant>,
    pub next_cursor: Option<Uuid>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlaybackToken {
    /// Seconds, at most a year.
    #[schema(minimum = 1, maximum = 31_536_000)]
    pub expires_in: i64,
    /// Your own name for the person, for your records.
    #[schema(max_length = 200)]
    pub viewer: Option<String>,
    /// How often the film may be opened.
    #[schema(minimum = 1)]
    pub max_views: Option<i64>,
    /// Pages that may play it, as `https://app.example.org`. Players outside a browser send none and
    /// are refused then.
    #[serde(default)]
    pub allowed_origins: Vec<String>,
}

/// A right to play one media, for whoever has its URL.
#[derive(Debug, Serialize, ToSchema)]
pub struct PlaybackToken {
    pub id: Uuid,
    pub viewer: Option<String>,
    pub max_views: Option<i64>,
    /// How often it was opened.
    pub views: i64,
    pub allowed_origins: Vec<String>,
    /// Milliseconds since the Unix epoch, as below.
    pub created_at: i64,
    pub expires_at: i64,
    /// The token, as it stands in the path.
    pub token: String,
    pub hls_url: String,
}

impl PlaybackToken {
    /// `base` is the external URL of the API without a trailing slash.
    pub fn new(row: PlaybackTokenRow, token: String, base: &str) -> Self {
        Self {
            hls_url: format!("{base}/p/{token}/hls/{}/index.m3u8", row.media_id),
            token,
            id: row.id.into(),
            viewer: row.viewer,
            max_views: row.max_views,
            views: row.views,
            allowed_origins: row.allowed_origins.split(' ').filter(|o| !o.is_empty()).map(ToOwned::to_owned).collect(),
            created_at: row.created_at.as_millis(),
            expires_at: row.expires_at.as_millis(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PlaybackTokens {
    pub items: Vec<PlaybackToken>,
    pub next_cursor: Option<Uuid>,
}
