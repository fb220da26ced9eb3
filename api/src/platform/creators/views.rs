//! What creators take and answer.

use crate::platform::picture_views as pictures;
use serde::{Deserialize, Serialize};
use sluice_db::CreatorRow;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Somebody who uploads.
#[derive(Debug, Serialize, ToSchema)]
pub struct Creator {
    pub id: Uuid,
    pub username: String,
    /// Plain text; empty where none was chosen.
    pub display_name: String,
    /// Plain text.
    pub bio: String,
    pub subscriber_count: i64,
    pub avatar_url: Option<String>,
    pub banner_url: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
}

impl Creator {
    /// `base` is the external URL of the API without a trailing slash.
    pub fn new(row: CreatorRow, base: &str) -> Self {
        Self {
            avatar_url: row.avatar_id.map(|id| pictures::url(id, base)),
            banner_url: row.banner_id.map(|id| pictures::url(id, base)),
            id: row.id.into(),
            username: row.username,
            display_name: row.display_name,
            bio: row.bio,
            subscriber_count: row.subscriber_count,
            created_at: row.created_at.as_millis(),
        }
    }
}

/// A creator, and what is between them and whoever asks.
#[derive(Debug, Serialize, ToSchema)]
pub struct Profile {
    #[serde(flatten)]
    pub creator: Creator,
    /// Whether whoever asks has subscribed.
    pub subscribed: bool,
}

/// What others see of oneself, whether or not one has a public profile, and what they do not see.
#[derive(Debug, Serialize, ToSchema)]
pub struct OwnProfile {
    #[serde(flatten)]
    pub creator: Creator,
    /// Whether what one watches is remembered.
    pub keeps_history: bool,
}

/// Creators in the order of their user names.
#[derive(Debug, Serialize, ToSchema)]
pub struct Creators {
    pub items: Vec<Creator>,
    /// The last name.
    pub next_cursor: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Subscription {
    pub creator: Creator,
    /// Milliseconds since the Unix epoch.
    pub since: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Subscriptions {
    pub items: Vec<Subscription>,
    pub next_cursor: Option<Uuid>,
}

/// Names in order, after `cursor`.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct NameQuery {
    /// User names begin with it.
    #[param(max_length = 32)]
    pub prefix: Option<String>,
    /// 1 to 100, otherwise 20.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 32)]
    pub cursor: Option<String>,
}

/// What of one's profile is to be changed.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProfile {
    #[schema(max_length = 80)]
    pub display_name: Option<String>,
    #[schema(max_length = 2000)]
    pub bio: Option<String>,
    /// Whether what one watches is remembered. Turned off, what was remembered is forgotten.
    pub keeps_history: Option<bool>,
}
