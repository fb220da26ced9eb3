//! What posts take and answer.

use super::html;
use crate::platform::{comments::views::Author, picture_views as pictures};
use serde::{Deserialize, Serialize};
use sluice_db::PostRow;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

#[derive(Debug, Serialize, ToSchema)]
pub struct Post {
    pub id: Uuid,
    pub author: Author,
    /// Plain text.
    pub title: String,
    /// Markdown, as it was written.
    pub body: String,
    /// The same as HTML that is safe to show: no scripts, no styles, no frames.
    pub html: String,
    pub published: bool,
    /// Milliseconds since the Unix epoch, as below.
    pub published_at: Option<i64>,
    pub created_at: i64,
    pub edited_at: i64,
}

impl Post {
    /// `base` is the external URL of the API without a trailing slash.
    pub fn new(row: PostRow, base: &str) -> Self {
        Self {
            html: html::render(&row.body, base),
            id: row.id.into(),
            author: Author {
                id: row.author_id.into(),
                username: row.author_name,
                display_name: row.author_display_name,
                avatar_url: row.author_avatar_id.map(|id| pictures::url(id, base)),
            },
            title: row.title,
            body: row.body,
            published: row.published_at.is_some(),
            published_at: row.published_at.map(|t| t.as_millis()),
            created_at: row.created_at.as_millis(),
            edited_at: row.edited_at.as_millis(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Posts {
    pub items: Vec<Post>,
    pub next_cursor: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewPost {
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// Markdown; `![caption](media:ID)` embeds a media.
    #[schema(max_length = 100000)]
    pub body: String,
    /// A draft when left out.
    #[serde(default)]
    pub published: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePost {
    #[schema(max_length = 200)]
    pub title: Option<String>,
    #[schema(max_length = 100000)]
    pub body: Option<String>,
    pub published: Option<bool>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct PostQuery {
    /// 1 to 20, otherwise 20: posts are long.
    #[param(minimum = 1, maximum = 20)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    #[param(max_length = 100)]
    pub cursor: Option<String>,
}
