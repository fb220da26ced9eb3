//! Sessions and their families of refresh tokens (RFC 9700, section 4.14.2).
//!
//! Invariant: a live session has exactly one live refresh token. Every change begins with the
//! session's row lock.

use super::{Db, Result, Tx, UserRow, execute, execute_tx, query, query_tx};
use sluice_model::{RefreshTokenStatus, SessionId, Timestamp, UserId, clock::DAY};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::sessions`].
#[derive(Debug, Clone, Copy)]
pub struct Sessions<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::sessions`].
#[derive(Debug)]
pub struct SessionsTx<'a>(pub(crate) &'a mut Tx);

/// A login as its owner sees it.
#[derive(Debug, Clone, FromRow)]
pub struct SessionRow {
    pub id: SessionId,
    pub user_id: UserId,
    pub address: String,
    pub agent: String,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    #[sqlx(rename = "last_used_us")]
    pub last_used_at: Timestamp,
    #[sqlx(rename = "expires_us")]
    pub expires_at: Timestamp,
}

/// A refresh token as stored.
#[derive(Debug, Clone, FromRow)]
pub struct RefreshRow {
    pub session_id: SessionId,
    #[sqlx(try_from = "String")]
    pub status: RefreshTokenStatus,
    pub successor: Option<Vec<u8>>,
    pub retries: i64,
    #[sqlx(rename = "spent_us")]
    pub spent_at: Option<Timestamp>,
}

/// Where a session is used from.
#[derive(Debug, Clone, Copy)]
pub struct SessionUse<'a> {
    pub address: &'a str,
    pub agent: &'a str,
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

macro_rules! session_columns {
    ($tail:literal) => {
        concat!("SELECT id, user_id, address, agent, created_us, last_used_us, expires_us FROM sessions ", $tail)
    };
}

impl Sessions<'_> {
    /// The account behind a live session.
    pub async fn user_of(&self, session: SessionId, now: Timestamp) -> Result<Option<UserRow>> {
        let sql = super::users::user_columns!(
            "JOIN sessions s ON s.user_id = u.id WHERE s.id = $1 AND s.revoked_us IS NULL AND s.expires_us > $2"
        );
        query!(self.0, fetch_optional as UserRow, sql, session, now)
    }

    /// The live sessions of an account, newest first.
    pub async fn of_user(&self, user: UserId, now: Timestamp) -> Result<Vec<SessionRow>> {
        let sql = session_columns!("WHERE user_id = $1 AND revoked_us IS NULL AND expires_us > $2 ORDER BY id DESC");
        query!(self.0, fetch_all as SessionRow, sql, user, now)
    }

    /// A refresh token by its hash.
    pub async fn refresh_token(&self, hash: &[u8]) -> Result<Option<RefreshRow>> {
        query!(self.0, fetch_optional as RefreshRow, REFRESH, hash)
    }

    /// Ends one session of an account. `false` when there was none.
    pub async fn revoke(&self, user: UserId, id: SessionId, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE sessions SET revoked_us = $1 WHERE id = $2 AND user_id = $3 AND revoked_us IS NULL";
        Ok(execute!(self.0, sql, now, id, user)? == 1)
    }

    /// Removes sessions that have ended, and what was spent in them.
    pub async fn purge_expired(&self, now: Timestamp) -> Result<()> {
        // A revoked session is kept for a day, so that its replayed tokens are still told from unknown ones.
        execute!(self.0, "DELETE FROM sessions WHERE expires_us < $1 OR revoked_us < $2", now, now - DAY)?;
        let spent = "DELETE FROM refresh_tokens WHERE status <> 'live' AND COALESCE(spent_us, created_us) < $1";
        execute!(self.0, spent, now - 30 * DAY)?;
        Ok(())
    }
}

const REFRESH: &str = "SELECT session_id, status, successor, retries, spent_us FROM refresh_tokens WHERE hash = $1";

impl SessionsTx<'_> {
    /// Starts a session with its first refresh token.
    pub async fn insert(&mut self, id: SessionId, user: UserId, hash: &[u8], from: &SessionUse<'_>) -> Result<()> {
        let sql = "INSERT INTO sessions (id, user_id, address, agent, created_us, last_used_us, expires_us) \
                   VALUES ($1, $2, $3, $4, $5, $5, $6)";
        execute_tx!(self.0, sql, id, user, from.address, from.agent, from.now, from.expires_at)?;
        self.insert_refresh_token(id, hash, from.now).await
    }

    /// Takes the row lock of a live session and notes its use. It lives on until the use's expiry,
    /// but never longer than `longest_us` after its beginning. `None` when it is over.
    pub async fn touch(&mut self, id: SessionId, from: &SessionUse<'_>, longest_us: i64) -> Result<Option<SessionRow>> {
        let sql = "UPDATE sessions SET last_used_us = $1, address = $2, agent = $3, \
                   expires_us = CASE WHEN created_us + $4 < $5 THEN created_us + $4 ELSE $5 END \
                   WHERE id = $6 AND revoked_us IS NULL AND expires_us > $1 \
                   RETURNING id, user_id, address, agent, created_us, last_used_us, expires_us";
        query_tx!(
            self.0,
            fetch_optional as SessionRow,
            sql,
            from.now,
            from.address,
            from.agent,
            longest_us,
            from.expires_at,
            id
        )
    }

    /// A refresh token by its hash, read under the session's lock.
    pub async fn refresh_token(&mut self, hash: &[u8]) -> Result<Option<RefreshRow>> {
        query_tx!(self.0, fetch_optional as RefreshRow, REFRESH, hash)
    }

    /// Stores the live refresh token of a session.
    pub async fn insert_refresh_token(&mut self, session: SessionId, hash: &[u8], now: Timestamp) -> Result<()> {
        let sql =
            "INSERT INTO refresh_tokens (hash, session_id, status, retries, created_us) VALUES ($1, $2, 'live', 0, $3)";
        execute_tx!(self.0, sql, hash, session, now)?;
        Ok(())
    }

    /// Notes that a token was exchanged for `successor`.
    pub async fn spend_refresh_token(&mut self, hash: &[u8], successor: &[u8], now: Timestamp) -> Result<()> {
        let sql = "UPDATE refresh_tokens SET status = 'spent', successor = $1, spent_us = $2 WHERE hash = $3";
        execute_tx!(self.0, sql, successor, now, hash)?;
        Ok(())
    }

    /// Replaces the successor of a spent token, because nobody received it.
    pub async fn supersede_refresh_token(
        &mut self,
        spent: &[u8],
        lost: &[u8],
        successor: &[u8],
        now: Timestamp,
    ) -> Result<()> {
        execute_tx!(self.0, "UPDATE refresh_tokens SET status = 'superseded' WHERE hash = $1", lost)?;
        let sql = "UPDATE refresh_tokens SET successor = $1, retries = retries + 1, spent_us = $2 WHERE hash = $3";
        execute_tx!(self.0, sql, successor, now, spent)?;
        Ok(())
    }

    /// Ends all sessions of an account but `except`; how many.
    pub async fn revoke_all(&mut self, user: UserId, except: Option<SessionId>, now: Timestamp) -> Result<u64> {
        let sql = "UPDATE sessions SET revoked_us = $1 WHERE user_id = $2 AND id <> $3 AND revoked_us IS NULL";
        execute_tx!(self.0, sql, now, user, except.unwrap_or(SessionId::nil()))
    }

    /// Whether a session is neither ended nor expired.
    pub async fn is_live(&mut self, id: SessionId, now: Timestamp) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM sessions WHERE id = $1 AND revoked_us IS NULL AND expires_us > $2";
        Ok(query_tx!(self.0, fetch_one as (i64,), sql, id, now)?.0 == 1)
    }

    /// Ends one session.
    pub async fn end(&mut self, id: SessionId, now: Timestamp) -> Result<()> {
        execute_tx!(self.0, "UPDATE sessions SET revoked_us = $1 WHERE id = $2 AND revoked_us IS NULL", now, id)?;
        Ok(())
    }
}
