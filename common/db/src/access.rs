//! Who besides the owner may play a private media: people, and holders of playback tokens.

use super::{Db, Result, execute, query};
use sluice_model::{MediaId, PlaybackTokenId, Timestamp, UserId, clock::DAY};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::access`].
#[derive(Debug, Clone, Copy)]
pub struct Access<'a>(pub(crate) &'a Db);

/// A person who may play a media.
#[derive(Debug, Clone, FromRow)]
pub struct GrantRow {
    pub user_id: UserId,
    pub username: String,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
}

/// A playback token as stored. The token itself is signed, not stored.
#[derive(Debug, Clone, FromRow)]
pub struct PlaybackTokenRow {
    pub id: PlaybackTokenId,
    pub media_id: MediaId,
    pub viewer: Option<String>,
    pub max_views: Option<i64>,
    pub views: i64,
    /// Joined by blanks; empty: any.
    pub allowed_origins: String,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    #[sqlx(rename = "expires_us")]
    pub expires_at: Timestamp,
}

macro_rules! token_columns {
    ($tail:literal) => {
        concat!(
            "SELECT id, media_id, viewer, max_views, views, allowed_origins, created_us, expires_us FROM playback_tokens ",
            $tail
        )
    };
}

impl Access<'_> {
    /// Lets a person play a media; granting twice is fine.
    pub async fn grant(&self, media: MediaId, user: UserId, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO media_grants (media_id, user_id, created_us) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        execute!(self.0, sql, media, user, now)?;
        Ok(())
    }

    /// Ends a grant. `false` when there was none.
    pub async fn revoke_grant(&self, media: MediaId, user: UserId) -> Result<bool> {
        Ok(execute!(self.0, "DELETE FROM media_grants WHERE media_id = $1 AND user_id = $2", media, user)? == 1)
    }

    /// Whether a person was granted a media.
    pub async fn is_granted(&self, media: MediaId, user: UserId) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM media_grants WHERE media_id = $1 AND user_id = $2";
        Ok(query!(self.0, fetch_one as (i64,), sql, media, user)?.0 == 1)
    }

    /// One page of the people who were granted a media, ordered by account.
    pub async fn grants(&self, media: MediaId, before: Option<UserId>, limit: i64) -> Result<Vec<GrantRow>> {
        let sql = "SELECT g.user_id, u.username, g.created_us FROM media_grants g JOIN users u ON u.id = g.user_id \
                   WHERE g.media_id = $1 AND g.user_id < $2 ORDER BY g.user_id DESC LIMIT $3";
        query!(self.0, fetch_all as GrantRow, sql, media, before.unwrap_or(UserId::max()), limit)
    }

    /// Stores a playback token.
    pub async fn insert_playback_token(&self, t: &PlaybackTokenRow) -> Result<()> {
        let sql = "INSERT INTO playback_tokens (id, media_id, viewer, max_views, views, allowed_origins, created_us, expires_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        execute!(
            self.0,
            sql,
            t.id,
            t.media_id,
            &t.viewer,
            t.max_views,
            t.views,
            &t.allowed_origins,
            t.created_at,
            t.expires_at
        )?;
        Ok(())
    }

    /// A playback token that is neither revoked nor expired.
    pub async fn playback_token(&self, id: PlaybackTokenId, now: Timestamp) -> Result<Option<PlaybackTokenRow>> {
        let sql = token_columns!("WHERE id = $1 AND revoked_us IS NULL AND expires_us > $2");
        query!(self.0, fetch_optional as PlaybackTokenRow, sql, id, now)
    }

    /// One page of a media's live playback tokens, newest first.
    pub async fn playback_tokens(
        &self,
        media: MediaId,
        before: Option<PlaybackTokenId>,
        limit: i64,
        now: Timestamp,
    ) -> Result<Vec<PlaybackTokenRow>> {
        let sql = token_columns!(
            "WHERE media_id = $1 AND id < $2 AND revoked_us IS NULL AND expires_us > $3 ORDER BY id DESC LIMIT $4"
        );
        query!(self.0, fetch_all as PlaybackTokenRow, sql, media, before.unwrap_or(PlaybackTokenId::max()), now, limit)
    }

    /// Revokes a playback token of a media. `false` when there was none.
    pub async fn revoke_playback_token(&self, media: MediaId, id: PlaybackTokenId, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE playback_tokens SET revoked_us = $1 WHERE id = $2 AND media_id = $3 AND revoked_us IS NULL";
        Ok(execute!(self.0, sql, now, id, media)? == 1)
    }

    /// Counts a view. `false` when all views that a token allows are used up; of many at once exactly
    /// so many get through.
    pub async fn count_view(&self, id: PlaybackTokenId) -> Result<bool> {
        let sql =
            "UPDATE playback_tokens SET views = views + 1 WHERE id = $1 AND (max_views IS NULL OR views < max_views)";
        Ok(execute!(self.0, sql, id)? == 1)
    }

    /// Removes playback tokens that ended a month ago.
    pub async fn purge_expired(&self, now: Timestamp) -> Result<()> {
        execute!(self.0, "DELETE FROM playback_tokens WHERE expires_us < $1", now - 30 * DAY)?;
        Ok(())
    }
}
