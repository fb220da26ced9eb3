//! What playlists take and answer.

use crate::{pipeline::media::views::Media, platform::picture_views as pictures};
use serde::{Deserialize, Serialize};
use sluice_db::PlaylistRow;
use sluice_model::Visibility;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

#[derive(Debug, Serialize, ToSchema)]
pub struct Playlist {
    pub id: Uuid,
    pub owner_id: Uuid,
    pub title: String,
    pub description: String,
    pub visibility: Visibility,
    pub item_count: i64,
    pub cover_url: Option<String>,
    /// The first pictures and sounds of it, as an extended M3U for players.
    pub m3u_url: String,
    /// Milliseconds since the Unix epoch, as below.
    pub created_at: i64,
    pub updated_at: i64,
}

impl Playlist {
    /// `base` is the external URL of the API without a trailing slash.
    pub fn new(row: PlaylistRow, base: &str) -> Self {
        Self {
            m3u_url: format!("{base}/api/v1/playlists/{}/playlist.m3u8", row.id),
            id: row.id.into(),
            owner_id: row.owner_id.into(),
            title: row.title,
            description: row.description,
            visibility: row.visibility,
            item_count: row.item_count,
            cover_url: row.cover_id.map(|id| pictures::url(id, base)),
            created_at: row.created_at.as_millis(),
            updated_at: row.updated_at.as_millis(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Playlists {
    pub items: Vec<Playlist>,
    pub next_cursor: Option<Uuid>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPlaylist {
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    #[serde(default)]
    #[schema(max_length = 5000)]
    pub description: String,
    /// Private when left out.
    pub visibility: Option<Visibility>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePlaylist {
    #[schema(max_length = 200)]
    pub title: Option<String>,
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    pub visibility: Option<Visibility>,
}

/// A place of a playlist.
#[derive(Debug, Serialize, ToSchema)]
pub struct Item {
    pub id: Uuid,
    pub media: Media,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Items {
    /// Without what whoever asks may not see.
    pub items: Vec<Item>,
    pub next_cursor: Option<i64>,
}

/// A place with what comes before and after it, for players.
#[derive(Debug, Serialize, ToSchema)]
pub struct Place {
    pub item: Item,
    pub previous: Option<Item>,
    pub next: Option<Item>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewItem {
    pub media_id: Uuid,
    /// The place it shall have, from 0; at the end when left out.
    #[schema(minimum = 0)]
    pub index: Option<u32>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MoveItem {
    /// The place it shall have, from 0.
    #[schema(minimum = 0)]
    pub index: u32,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ItemQuery {
    /// 1 to 100, otherwise 20.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<i64>,
}
