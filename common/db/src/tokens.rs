//! Tokens that are kept as hashes: those of machines, and those sent by e-mail.

use super::{Db, Result, Tx, UserRow, execute, execute_tx, query, query_tx};
use sluice_model::{ApiTokenId, Timestamp, UserId, clock::DAY};
use sqlx::FromRow;
use std::time::Duration;
use tokio::time::timeout;

/// The use of an API token is noted once in so long.
const NOTED: Duration = Duration::from_secs(60);
/// How long a request waits for that note.
const NOTE_PATIENCE: Duration = Duration::from_millis(250);

/// Reads and single statements of this domain, from [`Db::tokens`].
#[derive(Debug, Clone, Copy)]
pub struct Tokens<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::tokens`].
#[derive(Debug)]
pub struct TokensTx<'a>(pub(crate) &'a mut Tx);

/// A machine's token as its owner sees it.
#[derive(Debug, Clone, FromRow)]
pub struct ApiTokenRow {
    pub id: ApiTokenId,
    pub name: String,
    /// Words joined by blanks.
    pub scopes: String,
    pub hint: String,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    #[sqlx(rename = "expires_us")]
    pub expires_at: Option<Timestamp>,
    #[sqlx(rename = "last_used_us")]
    pub last_used_at: Option<Timestamp>,
}

/// What is stored of a new one.
#[derive(Debug)]
pub struct NewApiToken<'a> {
    pub id: ApiTokenId,
    pub user_id: UserId,
    pub name: &'a str,
    pub scopes: &'a str,
    pub hash: &'a [u8],
    pub hint: &'a str,
    pub now: Timestamp,
    pub expires_at: Option<Timestamp>,
}

/// What a token sent by e-mail is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MailPurpose {
    /// Proves the address.
    Verify,
    /// Sets a new password.
    Reset,
    /// Makes the address it was sent to that of the account.
    Change,
}

impl MailPurpose {
    /// The stored spelling.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verify => "verify",
            Self::Reset => "reset",
            Self::Change => "change",
        }
    }
}

impl Tokens<'_> {
    /// Stores a machine's token; `false` when the account has `most` live ones already.
    pub async fn insert_api_token(&self, t: &NewApiToken<'_>, most: i64) -> Result<bool> {
        let sql = "INSERT INTO api_tokens (id, user_id, name, scopes, hash, hint, created_us, expires_us) \
                   SELECT $1, $2, $3, $4, $5, $6, CAST($7 AS BIGINT), CAST($8 AS BIGINT) WHERE \
                   (SELECT COUNT(*) FROM api_tokens WHERE user_id = $2 AND revoked_us IS NULL \
                     AND (expires_us IS NULL OR expires_us > $7)) < $9";
        let stored =
            execute!(self.0, sql, t.id, t.user_id, t.name, t.scopes, t.hash, t.hint, t.now, t.expires_at, most)?;
        Ok(stored == 1)
    }

    /// The tokens of an account that are neither revoked nor expired, newest first.
    pub async fn api_tokens(&self, user: UserId, now: Timestamp) -> Result<Vec<ApiTokenRow>> {
        let sql = "SELECT id, name, scopes, hint, created_us, expires_us, last_used_us FROM api_tokens \
                   WHERE user_id = $1 AND revoked_us IS NULL AND (expires_us IS NULL OR expires_us > $2) ORDER BY id DESC";
        query!(self.0, fetch_all as ApiTokenRow, sql, user, now)
    }

    /// The account and the scopes behind a machine's token, noting its use to the minute.
    pub async fn user_of_api_token(&self, hash: &[u8], now: Timestamp) -> Result<Option<(UserRow, String)>> {
        let sql = "SELECT id, user_id, scopes, last_used_us FROM api_tokens WHERE hash = $1 AND revoked_us IS NULL \
                   AND (expires_us IS NULL OR expires_us > $2)";
        let found = query!(self.0, fetch_optional as (ApiTokenId, UserId, String, Option<Timestamp>), sql, hash, now)?;
        let Some((id, user, scopes, last)) = found else { return Ok(None) };
        // A note from the future was made by a clock that went wrong.
        if last.is_none_or(|last| last < now - NOTED || last > now + NOTED) {
            let note = async {
                let sql = "UPDATE api_tokens SET last_used_us = $1 WHERE id = $2";
                execute!(self.0, sql, now, id)
            };
            // Who only reads does not wait for who writes, and does not fail when nothing can be written.
            if !matches!(timeout(NOTE_PATIENCE, note).await, Ok(Ok(_))) {
                tracing::debug!(token = %id, "its use was not noted");
            }
        }
        Ok(self.0.users().find(user).await?.map(|u| (u, scopes)))
    }

    /// Revokes a token of an account. `false` when there was none.
    pub async fn revoke_api_token(&self, user: UserId, id: ApiTokenId, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE api_tokens SET revoked_us = $1 WHERE id = $2 AND user_id = $3 AND revoked_us IS NULL";
        Ok(execute!(self.0, sql, now, id, user)? == 1)
    }

    /// Removes codes and API tokens that have ended; the latter a month later, so that their owner sees which.
    pub async fn purge_expired(&self, now: Timestamp) -> Result<()> {
        execute!(self.0, "DELETE FROM mail_tokens WHERE expires_us < $1", now)?;
        let machines = "DELETE FROM api_tokens WHERE revoked_us < $1 OR expires_us < $1";
        execute!(self.0, machines, now - 30 * DAY)?;
        Ok(())
    }
}

impl TokensTx<'_> {
    /// Stores what is sent by e-mail; an earlier one for the same purpose ends. `address` is where it is sent, in lower case
    /// but for a change, which keeps it as it was typed.
    pub async fn insert_mail_token(
        &mut self,
        hash: &[u8],
        user: UserId,
        purpose: MailPurpose,
        address: &str,
        expires_at: Timestamp,
    ) -> Result<()> {
        execute_tx!(self.0, "DELETE FROM mail_tokens WHERE user_id = $1 AND purpose = $2", user, purpose.as_str())?;
        let sql = "INSERT INTO mail_tokens (hash, user_id, purpose, email_key, expires_us) VALUES ($1, $2, $3, $4, $5)";
        execute_tx!(self.0, sql, hash, user, purpose.as_str(), address, expires_at)?;
        Ok(())
    }

    /// Uses up what was sent by e-mail: the account and the address it was sent to. Of two
    /// simultaneous uses one gets it.
    pub async fn take_mail_token(
        &mut self,
        hash: &[u8],
        purpose: MailPurpose,
        now: Timestamp,
    ) -> Result<Option<(UserId, String)>> {
        let sql =
            "DELETE FROM mail_tokens WHERE hash = $1 AND purpose = $2 AND expires_us > $3 RETURNING user_id, email_key";
        query_tx!(self.0, fetch_optional as (UserId, String), sql, hash, purpose.as_str(), now)
    }

    /// Ends everything that was sent to an account by e-mail.
    pub async fn delete_mail_tokens(&mut self, user: UserId) -> Result<()> {
        execute_tx!(self.0, "DELETE FROM mail_tokens WHERE user_id = $1", user)?;
        Ok(())
    }

    /// Revokes all machines' tokens of an account.
    pub async fn revoke_api_tokens(&mut self, user: UserId, now: Timestamp) -> Result<u64> {
        execute_tx!(
            self.0,
            "UPDATE api_tokens SET revoked_us = $1 WHERE user_id = $2 AND revoked_us IS NULL",
            now,
            user
        )
    }
}
