//! What the feed takes and answers.

use crate::pipeline::media::views::Media;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

/// A page of the feed.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct FeedQuery {
    /// 1 to 100, otherwise 20.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 400)]
    pub cursor: Option<String>,
}

/// Why a media is in somebody's feed.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum FeedReason {
    /// Its creator is followed.
    Subscription,
    /// It is recent and liked.
    Discovery,
}

/// A media, and why it is here.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// `subscription` or `discovery`.
    pub reason: FeedReason,
    pub media: Media,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Feed {
    pub items: Vec<Entry>,
    pub next_cursor: Option<String>,
}
