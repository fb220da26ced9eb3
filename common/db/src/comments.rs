//! Comments: threads of one level below a media.

use super::{Db, DbError, Result, Tx, execute_tx, query, query_tx};
use sluice_model::{ClientKey, CommentId, MediaId, PictureId, Timestamp, UserId};
use sqlx::FromRow;
use uuid::Uuid;

/// Reads and single statements of this domain, from [`Db::comments`].
#[derive(Debug, Clone, Copy)]
pub struct Comments<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::comments`].
#[derive(Debug)]
pub struct CommentsTx<'a>(pub(crate) &'a mut Tx);

/// A comment with its author's names.
#[derive(Debug, Clone, FromRow)]
pub struct CommentRow {
    pub id: CommentId,
    pub media_id: MediaId,
    pub author_id: UserId,
    pub author_name: String,
    pub author_display_name: String,
    pub author_avatar_id: Option<PictureId>,
    pub parent_id: Option<CommentId>,
    pub body: String,
    /// The moment of the film it is about.
    pub at_ms: Option<i64>,
    pub client_key: Option<ClientKey>,
    pub reply_count: i64,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    #[sqlx(rename = "edited_us")]
    pub edited_at: Option<Timestamp>,
    /// Out of sight by moderation: it, or its author.
    pub hidden: bool,
}

/// What is stored of a new one.
#[derive(Debug)]
pub struct NewComment<'a> {
    pub media_id: MediaId,
    pub author_id: UserId,
    pub parent_id: Option<CommentId>,
    pub body: &'a str,
    pub at_ms: Option<i64>,
    pub client_key: Option<ClientKey>,
    pub now: Timestamp,
}

/// A keyset page.
#[derive(Debug, Clone, Copy)]
pub struct CommentPage {
    pub media: MediaId,
    /// Replies to one, oldest first; otherwise the threads, newest first.
    pub parent: Option<CommentId>,
    pub cursor: Option<CommentId>,
    /// Whose blocks hold; nobody's for strangers.
    pub viewer: Option<UserId>,
    pub limit: i64,
}

macro_rules! comments {
    ($tail:expr) => {
        concat!(
            "SELECT c.id, c.media_id, c.author_id, u.username AS author_name, u.display_name AS author_display_name, \
             (SELECT a.id FROM pictures a WHERE a.owner_id = c.author_id AND a.kind = 'avatar' AND a.doomed_us IS NULL) \
             AS author_avatar_id, c.parent_id, \
             c.body, c.at_ms, c.client_key, c.reply_count, c.created_us, c.edited_us, \
             (c.hidden_us IS NOT NULL OR u.banned_us IS NOT NULL) AS hidden \
             FROM comments c JOIN users u ON u.id = c.author_id ",
            $tail
        )
    };
}

/// In the sight of a viewer: not taken away by moderation, and not of somebody they blocked.
macro_rules! unblocked {
    ($viewer:literal) => {
        concat!(
            "AND c.hidden_us IS NULL AND u.banned_us IS NULL AND NOT EXISTS (SELECT 1 FROM blocks b WHERE b.blocker_id = ",
            $viewer,
            " AND b.blocked_id = c.author_id) "
        )
    };
}

/// An identifier that comes after another, as close to the clock as that leaves it: clocks of several instances
/// are not the same.
fn next_id(newest: Option<CommentId>) -> CommentId {
    let now = CommentId::new();
    match newest {
        Some(newest) if newest >= now => Uuid::from_u128(newest.uuid().as_u128().wrapping_add(1)).into(),
        _ => now,
    }
}

impl Comments<'_> {
    /// A comment by id.
    pub async fn find(&self, id: CommentId) -> Result<Option<CommentRow>> {
        query!(self.0, fetch_optional as CommentRow, comments!("WHERE c.id = $1"), id)
    }

    /// A comment by its author's own name for it.
    pub async fn by_idempotency_key(&self, author: UserId, key: ClientKey) -> Result<Option<CommentRow>> {
        let sql = comments!("WHERE c.author_id = $1 AND c.client_key = $2");
        query!(self.0, fetch_optional as CommentRow, sql, author, key)
    }

    /// A page of threads or of replies.
    pub async fn page(&self, page: CommentPage) -> Result<Vec<CommentRow>> {
        let viewer = page.viewer.unwrap_or(UserId::nil());
        match page.parent {
            None => {
                let sql = comments!(concat!(
                    "WHERE c.media_id = $1 AND c.parent_id IS NULL AND c.id < $2 ",
                    unblocked!("$3"),
                    "ORDER BY c.id DESC LIMIT $4"
                ));
                let before = page.cursor.unwrap_or(CommentId::max());
                query!(self.0, fetch_all as CommentRow, sql, page.media, before, viewer, page.limit)
            }
            Some(parent) => {
                let sql = comments!(concat!(
                    "WHERE c.parent_id = $1 AND c.id > $2 ",
                    unblocked!("$3"),
                    "ORDER BY c.id LIMIT $4"
                ));
                let after = page.cursor.unwrap_or(CommentId::nil());
                query!(self.0, fetch_all as CommentRow, sql, parent, after, viewer, page.limit)
            }
        }
    }

    /// The last comment that a media got. Comments become visible in the order of their identifiers.
    pub async fn newest(&self, media: MediaId) -> Result<Option<CommentId>> {
        let sql = "SELECT last_comment_id FROM media WHERE id = $1";
        Ok(query!(self.0, fetch_optional as (Option<CommentId>,), sql, media)?.and_then(|r| r.0))
    }

    /// Comments of a media that were changed since an instant, the latest changes first.
    pub async fn edited_since(
        &self,
        media: MediaId,
        since: Timestamp,
        viewer: UserId,
        limit: i64,
    ) -> Result<Vec<CommentRow>> {
        let sql = comments!(concat!(
            "WHERE c.media_id = $1 AND c.edited_us >= $2 ",
            unblocked!("$3"),
            "ORDER BY c.edited_us DESC LIMIT $4"
        ));
        query!(self.0, fetch_all as CommentRow, sql, media, since, viewer, limit)
    }

    /// All comments of a media after one, oldest first: what somebody missed.
    pub async fn after(&self, media: MediaId, after: CommentId, viewer: UserId, limit: i64) -> Result<Vec<CommentRow>> {
        let sql =
            comments!(concat!("WHERE c.media_id = $1 AND c.id > $2 ", unblocked!("$3"), "ORDER BY c.id LIMIT $4"));
        query!(self.0, fetch_all as CommentRow, sql, media, after, viewer, limit)
    }
}

impl CommentsTx<'_> {
    /// Stores a comment and counts it; nothing when its author's key was used before.
    ///
    /// Its identifier is made while the media's row is locked, and comes after all others of that media: whoever
    /// has seen a comment has only later ones to ask for.
    pub async fn insert(&mut self, c: &NewComment<'_>) -> Result<Option<CommentId>> {
        // The media's row first, as in deleting: so neither waits for the other's second lock.
        let lock = "UPDATE media SET comment_count = comment_count WHERE id = $1 RETURNING last_comment_id";
        let Some((last,)) = query_tx!(self.0, fetch_optional as (Option<CommentId>,), lock, c.media_id)? else {
            return Err(DbError::Missing);
        };
        let id = next_id(last);
        let sql = "INSERT INTO comments (id, media_id, author_id, parent_id, body, at_ms, client_key, reply_count, created_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8) ON CONFLICT (author_id, client_key) DO NOTHING";
        let new =
            execute_tx!(self.0, sql, id, c.media_id, c.author_id, c.parent_id, c.body, c.at_ms, c.client_key, c.now)?
                == 1;
        if new {
            let count = "UPDATE media SET comment_count = comment_count + 1, last_comment_id = $1 WHERE id = $2";
            execute_tx!(self.0, count, id, c.media_id)?;
            execute_tx!(self.0, "UPDATE comments SET reply_count = reply_count + 1 WHERE id = $1", c.parent_id)?;
            self.0.engagement().update_rank(c.media_id).await?;
        }
        Ok(new.then_some(id))
    }

    /// Changes a comment's text, marked. `false` when it is gone.
    pub async fn edit(&mut self, id: CommentId, body: &str, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE comments SET body = $1, edited_us = $2 WHERE id = $3";
        Ok(execute_tx!(self.0, sql, body, now, id)? == 1)
    }

    /// Deletes a comment with its replies. `false` when it is gone.
    pub async fn delete(&mut self, comment: &CommentRow) -> Result<bool> {
        // The media's row first: counts of concurrent changes wait for each other.
        execute_tx!(self.0, "UPDATE media SET comment_count = comment_count WHERE id = $1", comment.media_id)?;
        let sql = "SELECT COUNT(*) FROM comments WHERE id = $1 OR parent_id = $1";
        let (gone,) = query_tx!(self.0, fetch_one as (i64,), sql, comment.id)?;
        if execute_tx!(self.0, "DELETE FROM comments WHERE id = $1", comment.id)? == 0 {
            return Ok(false);
        }
        execute_tx!(
            self.0,
            "UPDATE media SET comment_count = comment_count - $1 WHERE id = $2",
            gone,
            comment.media_id
        )?;
        execute_tx!(self.0, "UPDATE comments SET reply_count = reply_count - 1 WHERE id = $1", comment.parent_id)?;
        Ok(true)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identifiers_follow_each_other_whatever_the_clocks_say() {
        let ahead: CommentId = Uuid::new_v7(uuid::Timestamp::from_unix(uuid::NoContext, 4_000_000_000, 0)).into();
        let next = next_id(Some(ahead));
        assert!(next > ahead && next.uuid().get_version_num() == 7);
        assert!(next_id(Some(next)) > next);
        assert!(next_id(Some(CommentId::nil())) < ahead);
    }
}
