//! Likes, views, what was watched, and the rank that follows from it.

use super::{Db, Result, Tx, execute, execute_tx, media::made_at, query, query_tx};
use sluice_model::{MediaId, PublicationId, Timestamp, UserId};
use sqlx::FromRow;
use std::time::Duration;

/// Reads and single statements of this domain, from [`Db::engagement`].
#[derive(Debug, Clone, Copy)]
pub struct Engagement<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::engagement`].
#[derive(Debug)]
pub struct EngagementTx<'a>(pub(crate) &'a mut Tx);

/// Doubling its engagement brings a media as far forward as being this much younger, milliseconds.
const DOUBLING_MS: f64 = 8.0 * 3600.0 * 1000.0;

/// Where somebody is in a media.
#[derive(Debug, Clone, FromRow)]
pub struct HistoryRow {
    pub media_id: MediaId,
    pub position_ms: i64,
    pub finished: bool,
    #[sqlx(rename = "updated_us")]
    pub updated_at: Timestamp,
}

/// A keyset page of a history: strictly older than `before`.
#[derive(Debug, Clone, Copy)]
pub struct HistoryPage {
    pub user: UserId,
    /// Instant and media of the last row seen.
    pub before: Option<(Timestamp, MediaId)>,
    /// Only what was not watched to its end.
    pub unfinished: bool,
    pub limit: i64,
}

/// How far forward a media stands: its age, and the logarithm of how people took to it. A like or a comment
/// counts as four views.
pub fn rank(published_at: Timestamp, likes: i64, views: i64, comments: i64) -> i64 {
    let engagement = (1 + likes.max(0) * 4 + comments.max(0) * 4 + views.max(0)) as f64;
    published_at.as_millis() + (engagement.log2() * DOUBLING_MS) as i64
}

impl Engagement<'_> {
    /// Whether somebody likes a media.
    pub async fn likes(&self, media: MediaId, user: UserId) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM likes WHERE media_id = $1 AND user_id = $2";
        Ok(query!(self.0, fetch_one as (i64,), sql, media, user)?.0 == 1)
    }

    /// Where somebody is in a media.
    pub async fn position(&self, user: UserId, media: MediaId) -> Result<Option<HistoryRow>> {
        let sql = "SELECT media_id, position_ms, finished, updated_us FROM watch_history WHERE user_id = $1 AND media_id = $2";
        query!(self.0, fetch_optional as HistoryRow, sql, user, media)
    }

    /// What somebody watched, latest first.
    pub async fn history(&self, page: HistoryPage) -> Result<Vec<HistoryRow>> {
        let (at, id) = page.before.unwrap_or((Timestamp::MAX, MediaId::max()));
        let sql = "SELECT media_id, position_ms, finished, updated_us FROM watch_history WHERE user_id = $1 \
                   AND (updated_us, media_id) < ($2, $3) AND (NOT $4 OR NOT finished) ORDER BY updated_us DESC, media_id DESC LIMIT $5";
        query!(self.0, fetch_all as HistoryRow, sql, page.user, at, id, page.unfinished, page.limit)
    }

    /// Remembers where somebody is, unless they do not want that. The newest wins.
    pub async fn save_position(&self, user: UserId, row: &HistoryRow) -> Result<bool> {
        let sql = "INSERT INTO watch_history AS h (user_id, media_id, position_ms, finished, updated_us) \
                   SELECT u.id, $2, $3, $4, $5 FROM users u WHERE u.id = $1 AND u.keeps_history \
                   ON CONFLICT (user_id, media_id) DO UPDATE SET position_ms = $3, finished = $4, updated_us = $5 \
                   WHERE h.updated_us <= $5";
        Ok(execute!(self.0, sql, user, row.media_id, row.position_ms, row.finished, row.updated_at)? == 1)
    }

    /// Removes one media, or all, of what somebody watched.
    pub async fn delete_history(&self, user: UserId, media: Option<MediaId>) -> Result<()> {
        let sql = "DELETE FROM watch_history WHERE user_id = $1 AND ($2 IS NULL OR media_id = $2)";
        execute!(self.0, sql, user, media)?;
        Ok(())
    }

    /// Removes who has been counted long ago.
    pub async fn purge_views(&self, now: Timestamp) -> Result<()> {
        execute!(self.0, "DELETE FROM view_marks WHERE expires_us < $1", now)?;
        Ok(())
    }
}

impl EngagementTx<'_> {
    /// Likes a media, or no more; `false` when it was so before.
    pub async fn set_like(&mut self, media: MediaId, user: UserId, likes: bool, now: Timestamp) -> Result<bool> {
        let changed = if likes {
            let sql = "INSERT INTO likes (media_id, user_id, created_us) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
            execute_tx!(self.0, sql, media, user, now)?
        } else {
            execute_tx!(self.0, "DELETE FROM likes WHERE media_id = $1 AND user_id = $2", media, user)?
        };
        if changed == 1 {
            let by = if likes { 1_i64 } else { -1 };
            execute_tx!(self.0, "UPDATE media SET like_count = like_count + $1 WHERE id = $2", by, media)?;
            self.update_rank(media).await?;
        }
        Ok(changed == 1)
    }

    /// Counts a view, unless this viewer was counted within the window. `viewer` and `before` are hashes of the viewer
    /// under the key of today and of the day before.
    pub async fn count_view(
        &mut self,
        media: MediaId,
        viewer: &[u8],
        before: &[u8],
        now: Timestamp,
        window: Duration,
    ) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM view_marks WHERE media_id = $1 AND viewer = $2 AND expires_us > $3";
        if query_tx!(self.0, fetch_one as (i64,), sql, media, before, now)?.0 > 0 {
            return Ok(false);
        }
        let sql = "INSERT INTO view_marks AS v (media_id, viewer, expires_us) VALUES ($1, $2, $3) \
                   ON CONFLICT (media_id, viewer) DO UPDATE SET expires_us = $3 WHERE v.expires_us <= $4";
        let counted = execute_tx!(self.0, sql, media, viewer, now + window, now)? == 1;
        if counted {
            execute_tx!(self.0, "UPDATE media SET view_count = view_count + 1 WHERE id = $1", media)?;
            self.update_rank(media).await?;
        }
        Ok(counted)
    }

    /// Raises a media's rank to what its counts give. It never falls.
    pub async fn update_rank(&mut self, media: MediaId) -> Result<()> {
        let sql = "SELECT created_us, published_id, like_count, view_count, comment_count FROM media WHERE id = $1";
        let Some((created_at, published, likes, views, comments)) =
            query_tx!(self.0, fetch_optional as (Timestamp, Option<PublicationId>, i64, i64, i64), sql, media)?
        else {
            return Ok(());
        };
        let rank = rank(published.map_or(created_at, made_at), likes, views, comments);
        execute_tx!(self.0, "UPDATE media SET rank = $1 WHERE id = $2 AND rank < $1", rank, media)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn engagement_counts_like_youth() {
        let hour = |n: u64| Timestamp::EPOCH + Duration::from_secs(n * 3600);
        assert_eq!(rank(hour(5), 0, 0, 0), hour(5).as_millis());
        assert!(rank(hour(0), 0, 1, 0) >= rank(hour(8), 0, 0, 0) - 1);
        assert!(rank(hour(0), 1000, 0, 0) < rank(hour(24 * 5), 0, 0, 0), "nothing stays in front for ever");
        assert!(rank(hour(0), 2, 0, 0) > rank(hour(0), 1, 0, 0));
    }
}
