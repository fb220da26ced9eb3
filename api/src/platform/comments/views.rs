//! What comments take and answer.

use crate::platform::picture_views as pictures;
use serde::{Deserialize, Serialize};
use sluice_db::CommentRow;
use utoipa::ToSchema;
use uuid::Uuid;

/// A comment. All text is plain: nothing in it is markup.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Comment {
    pub id: Uuid,
    pub media_id: Uuid,
    pub author: Author,
    /// The comment that it answers.
    pub parent_id: Option<Uuid>,
    pub body: String,
    /// The moment of the film it is about, milliseconds.
    pub at_ms: Option<i64>,
    /// The author's own name for it.
    pub client_key: Option<Uuid>,
    pub reply_count: i64,
    /// Milliseconds since the Unix epoch, as below.
    pub created_at: i64,
    /// When it was last changed.
    pub edited_at: Option<i64>,
}

#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Author {
    pub id: Uuid,
    pub username: String,
    pub display_name: String,
    pub avatar_url: Option<String>,
}

impl Comment {
    /// `base` is the external URL of the API without a trailing slash.
    pub fn new(row: CommentRow, base: &str) -> Self {
        Self {
            id: row.id.into(),
            media_id: row.media_id.into(),
            author: Author {
                id: row.author_id.into(),
                username: row.author_name,
                display_name: row.author_display_name,
                avatar_url: row.author_avatar_id.map(|id| pictures::url(id, base)),
            },
            parent_id: row.parent_id.map(Into::into),
            body: row.body,
            at_ms: row.at_ms,
            client_key: row.client_key.map(Into::into),
            reply_count: row.reply_count,
            created_at: row.created_at.as_millis(),
            edited_at: row.edited_at.map(|t| t.as_millis()),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Comments {
    pub items: Vec<Comment>,
    pub next_cursor: Option<Uuid>,
}

/// A comment to be.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewComment {
    #[schema(min_length = 1, max_length = 2000)]
    pub body: String,
    /// The comment that it answers; an answer to an answer stands beside it.
    pub parent_id: Option<Uuid>,
    /// The moment of the film it is about, milliseconds.
    #[schema(minimum = 0)]
    pub at_ms: Option<i64>,
    /// A name of one's own: sent again with the same, it is not stored again.
    pub client_key: Option<Uuid>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EditComment {
    #[schema(min_length = 1, max_length = 2000)]
    pub body: String,
}
