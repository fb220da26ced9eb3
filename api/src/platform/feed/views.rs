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

/// A media, and why it is here.
#[derive(Debug, Serialize, ToSchema)]
pub struct Entry {
    /// `subscription` or `discovery`.
    pub reason: &'static str,
    pub media: Media,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Feed {
    pub items: Vec<Entry>,
    pub next_cursor: Option<String>,
}
