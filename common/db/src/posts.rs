//! Posts: text with embedded media, drafts and published.

use super::{Db, Result, execute, query};
use sluice_model::{PictureId, PostId, Timestamp, UserId};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::posts`].
#[derive(Debug, Clone, Copy)]
pub struct Posts<'a>(pub(crate) &'a Db);

/// A post with its author's names.
#[derive(Debug, Clone, FromRow)]
pub struct PostRow {
    pub id: PostId,
    pub author_id: UserId,
    pub author_name: String,
    pub author_display_name: String,
    pub author_avatar_id: Option<PictureId>,
    pub title: String,
    /// Markdown.
    pub body: String,
    #[sqlx(rename = "published_us")]
    pub published_at: Option<Timestamp>,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    #[sqlx(rename = "edited_us")]
    pub edited_at: Timestamp,
    /// Out of sight: its author is banned.
    pub hidden: bool,
}

/// A place in the order of publication.
pub type PublishedCursor = (Timestamp, PostId);

/// What of a post is to be changed; `None` stays.
#[derive(Debug, Default)]
pub struct PostChange<'a> {
    pub title: Option<&'a str>,
    pub body: Option<&'a str>,
    /// Published, or a draft again. What is published already keeps its instant.
    pub published: Option<bool>,
}

macro_rules! posts {
    ($tail:literal) => {
        concat!(
            "SELECT p.id, p.author_id, u.username AS author_name, u.display_name AS author_display_name, ",
            "(SELECT a.id FROM pictures a WHERE a.owner_id = p.author_id AND a.kind = 'avatar' AND a.doomed_us IS NULL) AS author_avatar_id, ",
            "p.title, p.body, ",
            "p.published_us, p.created_us, p.edited_us, u.banned_us IS NOT NULL AS hidden FROM posts p JOIN users u ON u.id = p.author_id ",
            $tail
        )
    };
}

impl Posts<'_> {
    /// A post by id.
    pub async fn find(&self, id: PostId) -> Result<Option<PostRow>> {
        query!(self.0, fetch_optional as PostRow, posts!("WHERE p.id = $1"), id)
    }

    /// Published posts of everybody, latest first.
    pub async fn published(&self, before: Option<PublishedCursor>, limit: i64) -> Result<Vec<PostRow>> {
        let (at, id) = before.unwrap_or((Timestamp::MAX, PostId::max()));
        let sql = posts!(
            "WHERE p.published_us IS NOT NULL AND u.banned_us IS NULL AND (p.published_us, p.id) < ($1, $2) ORDER BY p.published_us DESC, p.id DESC LIMIT $3"
        );
        query!(self.0, fetch_all as PostRow, sql, at, id, limit)
    }

    /// Published posts of an author, latest first.
    pub async fn published_of(
        &self,
        author: UserId,
        before: Option<PublishedCursor>,
        limit: i64,
    ) -> Result<Vec<PostRow>> {
        let (at, id) = before.unwrap_or((Timestamp::MAX, PostId::max()));
        let sql = posts!(
            "WHERE p.author_id = $1 AND p.published_us IS NOT NULL AND u.banned_us IS NULL AND (p.published_us, p.id) < ($2, $3) \
             ORDER BY p.published_us DESC, p.id DESC LIMIT $4"
        );
        query!(self.0, fetch_all as PostRow, sql, author, at, id, limit)
    }

    /// All posts of an author, drafts too, newest first.
    pub async fn of_author(&self, author: UserId, before: Option<PostId>, limit: i64) -> Result<Vec<PostRow>> {
        let sql = posts!("WHERE p.author_id = $1 AND p.id < $2 ORDER BY p.id DESC LIMIT $3");
        query!(self.0, fetch_all as PostRow, sql, author, before.unwrap_or(PostId::max()), limit)
    }

    /// Stores a new post.
    pub async fn insert(&self, p: &PostRow) -> Result<()> {
        let sql = "INSERT INTO posts (id, author_id, title, body, published_us, created_us, edited_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, $6)";
        execute!(self.0, sql, p.id, p.author_id, &p.title, &p.body, p.published_at, p.created_at)?;
        Ok(())
    }

    /// Changes a post.
    pub async fn change(&self, id: PostId, change: &PostChange<'_>, now: Timestamp) -> Result<()> {
        let sql = "UPDATE posts SET title = COALESCE($1, title), body = COALESCE($2, body), edited_us = $3, \
                   published_us = CASE WHEN NOT $4 THEN published_us WHEN $5 THEN COALESCE(published_us, $3) ELSE NULL END \
                   WHERE id = $6";
        let published = change.published.unwrap_or(false);
        execute!(self.0, sql, change.title, change.body, now, change.published.is_some(), published, id)?;
        Ok(())
    }

    /// Deletes a post.
    pub async fn delete(&self, id: PostId) -> Result<bool> {
        Ok(execute!(self.0, "DELETE FROM posts WHERE id = $1", id)? == 1)
    }
}
