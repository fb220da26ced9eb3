//! A media as clients see it.

use serde::{Deserialize, Serialize};
use sluice_common::{
    db::MediaRow,
    model::{MediaKind, PackageStatus, Reason, Visibility},
};
use uuid::Uuid;

#[derive(Debug, Serialize)]
pub struct Media {
    pub id: Uuid,
    pub kind: Option<MediaKind>,
    pub title: String,
    pub description: String,
    pub visibility: Visibility,
    pub tags: Vec<String>,
    pub category: Option<String>,
    pub owner: Owner,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
    pub duration_ms: Option<i64>,
    pub width: Option<i64>,
    pub height: Option<i64>,
    pub size_bytes: i64,
    pub status: &'static str,
    /// 0 to 1.
    pub progress: f64,
    pub error: Option<Reason>,
    pub playback: Playback,
}

#[derive(Debug, Serialize)]
pub struct Owner {
    pub id: Uuid,
    pub username: String,
}

#[derive(Debug, Serialize)]
pub struct Playback {
    pub hls_url: String,
    pub raw_url: String,
    pub poster_url: Option<String>,
    pub storyboard_url: Option<String>,
}

#[derive(Debug, Serialize)]
pub struct Page {
    pub items: Vec<Media>,
    pub next_cursor: Option<Uuid>,
}

#[derive(Debug, Deserialize)]
pub struct PageQuery {
    pub limit: Option<u32>,
    pub cursor: Option<Uuid>,
}

impl Media {
    /// `base` is the external URL of the API without a trailing slash.
    pub fn new(row: MediaRow, base: &str) -> Self {
        let status = match row.status {
            PackageStatus::Ready => "ready",
            PackageStatus::Failed | PackageStatus::Deleting => "failed",
            _ if row.playable => "playable",
            _ => "processing",
        };
        let progress = match status {
            "ready" => 1.0,
            // The checks at the end are the last percent.
            _ if row.planned > 0 => row.published as f64 / row.planned as f64 * 0.99,
            _ => 0.0,
        };
        let error =
            row.error_code.clone().zip(row.error_message.clone()).map(|(code, message)| Reason { code, message });
        Self {
            kind: row.kind(),
            owner: Owner { id: row.owner_id, username: row.owner_name },
            playback: Playback {
                hls_url: format!("{base}/hls/{}/index.m3u8", row.id),
                raw_url: format!("{base}/raw/{}", row.id),
                poster_url: None,
                storyboard_url: None,
            },
            id: row.id,
            title: row.title,
            description: row.description,
            visibility: row.visibility,
            tags: Vec::new(),
            category: None,
            created_at: row.created_us / 1000,
            duration_ms: row.duration_ms,
            width: row.width,
            height: row.height,
            size_bytes: row.size_bytes,
            status,
            progress,
            error,
        }
    }
}
