//! Accounts and their sessions.

use super::{Db, Result, execute, query};
use crate::model::Role;
use sqlx::FromRow;
use uuid::Uuid;

/// An account as stored.
#[derive(Debug, Clone, FromRow)]
pub struct UserRow {
    pub id: Uuid,
    pub username: String,
    pub email: String,
    pub password_hash: String,
    #[sqlx(try_from = "String")]
    pub role: Role,
    pub created_us: i64,
}

/// What registration stores.
#[derive(Debug)]
pub struct NewUser<'a> {
    pub id: Uuid,
    pub username: &'a str,
    pub email: &'a str,
    pub password_hash: &'a str,
    pub role: Role,
    pub now_us: i64,
}

/// A login that can be refreshed.
#[derive(Debug, Clone, FromRow)]
pub struct SessionRow {
    pub id: Uuid,
    pub user_id: Uuid,
}

const USER: &str =
    "SELECT id, username, email, password_hash, role, created_us FROM users WHERE username_key = $1 OR email_key = $1";

impl Db {
    /// Stores an account; [`super::DbError::Duplicate`] when the name or the address is taken.
    pub async fn insert_user(&self, user: &NewUser<'_>) -> Result<()> {
        let sql = "INSERT INTO users (id, username, username_key, email, email_key, password_hash, role, created_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        execute!(
            self,
            sql,
            user.id,
            user.username,
            user.username.to_lowercase(),
            user.email,
            user.email.to_lowercase(),
            user.password_hash,
            user.role.as_str(),
            user.now_us
        )?;
        Ok(())
    }

    /// An account by user name or e-mail address, whatever its case.
    pub async fn user_by_login(&self, login: &str) -> Result<Option<UserRow>> {
        query!(self, fetch_optional as UserRow, USER, login.to_lowercase())
    }

    /// An account by id.
    pub async fn user(&self, id: Uuid) -> Result<Option<UserRow>> {
        let sql = "SELECT id, username, email, password_hash, role, created_us FROM users WHERE id = $1";
        query!(self, fetch_optional as UserRow, sql, id)
    }

    /// Starts a session that `refresh_hash` can continue until `expires_us`.
    pub async fn insert_session(
        &self,
        id: Uuid,
        user: Uuid,
        refresh_hash: &[u8],
        now_us: i64,
        expires_us: i64,
    ) -> Result<()> {
        let sql =
            "INSERT INTO sessions (id, user_id, refresh_hash, created_us, expires_us) VALUES ($1, $2, $3, $4, $5)";
        execute!(self, sql, id, user, refresh_hash, now_us, expires_us)?;
        Ok(())
    }

    /// Exchanges one refresh token for the next in one statement, so that of two simultaneous
    /// exchanges exactly one succeeds. `None` when the token is unknown, spent, expired or revoked.
    pub async fn rotate_session(
        &self,
        old: &[u8],
        new: &[u8],
        now_us: i64,
        expires_us: i64,
    ) -> Result<Option<SessionRow>> {
        let sql = "UPDATE sessions SET refresh_hash = $1, expires_us = $2 \
                   WHERE refresh_hash = $3 AND revoked_us IS NULL AND expires_us > $4 RETURNING id, user_id";
        query!(self, fetch_optional as SessionRow, sql, new, expires_us, old, now_us)
    }

    /// Whether a session is neither revoked nor expired.
    pub async fn session_is_live(&self, id: Uuid, now_us: i64) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM sessions WHERE id = $1 AND revoked_us IS NULL AND expires_us > $2";
        Ok(query!(self, fetch_one as (i64,), sql, id, now_us)?.0 == 1)
    }

    /// Ends a session; ending it twice is fine.
    pub async fn revoke_session(&self, id: Uuid, now_us: i64) -> Result<()> {
        execute!(self, "UPDATE sessions SET revoked_us = $1 WHERE id = $2 AND revoked_us IS NULL", now_us, id)?;
        Ok(())
    }
}
