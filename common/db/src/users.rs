//! Accounts.
//!
//! An e-mail address is a claim until it is verified; only a verified one is unique. So neither
//! registration nor anything else tells whether an address has an account.

use super::{Db, DbError, Result, Tx, execute, execute_tx, query, query_tx};
use sluice_model::{MediaId, Role, Timestamp, UserId};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::users`].
#[derive(Debug, Clone, Copy)]
pub struct Users<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::users`].
#[derive(Debug)]
pub struct UsersTx<'a>(pub(crate) &'a mut Tx);

/// An account as stored.
#[derive(Debug, Clone, FromRow)]
pub struct UserRow {
    pub id: UserId,
    pub username: String,
    pub email: String,
    #[sqlx(rename = "email_verified_us")]
    pub email_verified_at: Option<Timestamp>,
    pub password_hash: String,
    #[sqlx(try_from = "String")]
    pub role: Role,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    /// Whether moderation has banned it.
    pub banned: bool,
}

/// What registration stores.
#[derive(Debug)]
pub struct NewUser<'a> {
    pub id: UserId,
    pub username: &'a str,
    pub email: &'a str,
    pub password_hash: &'a str,
    pub role: Role,
    pub now: Timestamp,
}

/// Accounts that are looked for; what is left out does not matter.
#[derive(Debug, Clone, Copy, Default)]
pub struct UserFilter<'a> {
    /// A part of the user name or of the e-mail address.
    pub text: Option<&'a str>,
    pub role: Option<Role>,
    pub banned: Option<bool>,
}

macro_rules! user_columns {
    ($tail:literal) => {
        concat!(
            "SELECT u.id, u.username, u.email, u.email_verified_us, u.password_hash, u.role, u.created_us, ",
            "u.banned_us IS NOT NULL AS banned FROM users u ",
            $tail
        )
    };
}
pub(super) use user_columns;

impl Users<'_> {
    /// Stores an account whose address is only claimed; [`super::DbError::Duplicate`] when the name is taken.
    pub async fn insert(&self, user: &NewUser<'_>) -> Result<()> {
        let sql = "INSERT INTO users (id, username, username_key, email, email_key, email_claim, password_hash, role, created_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        let name_key = user.username.to_lowercase();
        execute!(
            self.0,
            sql,
            user.id,
            user.username,
            &name_key,
            user.email,
            format!("unverified:{name_key}"),
            user.email.to_lowercase(),
            user.password_hash,
            user.role.as_str(),
            user.now
        )?;
        Ok(())
    }

    /// An account by user name or proved e-mail address, whatever its case. A mere claim logs nobody in:
    /// whether it did would tell if somebody else has the address.
    pub async fn by_login(&self, login: &str) -> Result<Option<UserRow>> {
        let sql = user_columns!("WHERE u.username_key = $1 OR u.email_key = $1");
        query!(self.0, fetch_optional as UserRow, sql, login.to_lowercase())
    }

    /// The account that an address may recover: the one that has proved it, else the oldest that claims it.
    pub async fn by_email(&self, email: &str) -> Result<Option<UserRow>> {
        let sql = user_columns!(
            "WHERE u.email_claim = $1 ORDER BY CASE WHEN u.email_verified_us IS NOT NULL THEN 0 ELSE 1 END, u.id LIMIT 1"
        );
        query!(self.0, fetch_optional as UserRow, sql, email.to_lowercase())
    }

    /// An account by user name.
    pub async fn by_name(&self, username: &str) -> Result<Option<UserRow>> {
        query!(self.0, fetch_optional as UserRow, user_columns!("WHERE u.username_key = $1"), username.to_lowercase())
    }

    /// An account by id.
    pub async fn find(&self, id: UserId) -> Result<Option<UserRow>> {
        query!(self.0, fetch_optional as UserRow, user_columns!("WHERE u.id = $1"), id)
    }

    /// One page of the accounts that fit, newest first.
    pub async fn page(&self, filter: UserFilter<'_>, before: Option<UserId>, limit: i64) -> Result<Vec<UserRow>> {
        let sql = user_columns!(
            "WHERE u.id < $1 AND (u.username_key LIKE $2 ESCAPE '!' OR LOWER(u.email) LIKE $2 ESCAPE '!') \
             AND ($3 = '' OR u.role = $3) AND ($4 < 0 OR (u.banned_us IS NOT NULL) = ($4 = 1)) ORDER BY u.id DESC LIMIT $5"
        );
        let literal = filter.text.unwrap_or_default().to_lowercase();
        let literal: String =
            literal.chars().flat_map(|c| matches!(c, '%' | '_' | '!').then_some('!').into_iter().chain([c])).collect();
        let role = filter.role.map_or("", Role::as_str);
        let banned = filter.banned.map_or(-1, i64::from);
        let before = before.unwrap_or(UserId::max());
        query!(self.0, fetch_all as UserRow, sql, before, format!("%{literal}%"), role, banned, limit)
    }

    /// Whether anybody is an administrator.
    pub async fn has_admin(&self) -> Result<bool> {
        Ok(query!(self.0, fetch_one as (i64,), "SELECT COUNT(*) FROM users WHERE role = 'admin'")?.0 > 0)
    }
}

impl UsersTx<'_> {
    /// Takes an account's row lock and returns it. Everything that changes what an account may do begins with it.
    pub async fn lock(&mut self, id: UserId) -> Result<Option<UserRow>> {
        execute_tx!(self.0, "UPDATE users SET role = role WHERE id = $1", id)?;
        query_tx!(self.0, fetch_optional as UserRow, user_columns!("WHERE u.id = $1"), id)
    }

    /// Sets a password.
    pub async fn set_password(&mut self, user: UserId, password_hash: &str) -> Result<()> {
        execute_tx!(self.0, "UPDATE users SET password_hash = $1 WHERE id = $2", password_hash, user)?;
        Ok(())
    }

    /// Sets a role, unless that would leave no administrator: then `false`.
    pub async fn set_role(&mut self, user: UserId, role: Role) -> Result<bool> {
        // One change of administrators at a time: two that do not see each other would both find one left.
        if let Tx::Postgres(t) = self.0 {
            sqlx::query("SELECT pg_advisory_xact_lock(7103402)").execute(&mut **t).await?;
        }
        let sql = "UPDATE users SET role = $1 WHERE id = $2 AND (role <> 'admin' OR $1 = 'admin' OR \
                   EXISTS (SELECT 1 FROM users o WHERE o.role = 'admin' AND o.id <> $2))";
        Ok(execute_tx!(self.0, sql, role.as_str(), user)? == 1)
    }

    /// Makes a claimed address this account's own. Other claims to it end: whoever made them did not
    /// have it. `false` when the account claims another address by now, or somebody has proved this one.
    pub async fn verify_email(&mut self, user: UserId, email_key: &str, now: Timestamp) -> Result<bool> {
        // All claimants in one order, so that two proofs never wait for each other.
        if let Tx::Postgres(t) = self.0 {
            let lock = "SELECT id FROM users WHERE email_claim = $1 ORDER BY id FOR UPDATE";
            sqlx::query(lock).bind(email_key).execute(&mut **t).await?;
        }
        let proved = "SELECT COUNT(*) FROM users WHERE email_key = $1 AND id <> $2";
        if query_tx!(self.0, fetch_one as (i64,), proved, email_key, user)?.0 > 0 {
            return Ok(false);
        }
        let free = "UPDATE users SET email_claim = '' WHERE email_claim = $1 AND id <> $2 AND EXISTS \
                    (SELECT 1 FROM users o WHERE o.id = $2 AND o.email_claim = $1)";
        execute_tx!(self.0, free, email_key, user)?;
        let sql = "UPDATE users SET email_key = $1, email_verified_us = COALESCE(email_verified_us, $2) \
                   WHERE id = $3 AND email_claim = $1";
        Ok(execute_tx!(self.0, sql, email_key, now, user)? == 1)
    }

    /// Gives an account another address, which it has proved. Other claims to it end. `false` when somebody else has proved
    /// it, or the account is gone.
    pub async fn change_email(&mut self, user: UserId, email: &str, now: Timestamp) -> Result<bool> {
        let key = email.to_lowercase();
        // All whom it concerns in one order, so that two proofs never wait for each other.
        if let Tx::Postgres(t) = self.0 {
            let lock = "SELECT id FROM users WHERE email_claim = $1 OR id = $2 ORDER BY id FOR UPDATE";
            sqlx::query(lock).bind(&key).bind(user).execute(&mut **t).await?;
        }
        let proved = "SELECT COUNT(*) FROM users WHERE email_key = $1 AND id <> $2";
        if query_tx!(self.0, fetch_one as (i64,), proved, &key, user)?.0 > 0 {
            return Ok(false);
        }
        execute_tx!(self.0, "UPDATE users SET email_claim = '' WHERE email_claim = $1 AND id <> $2", &key, user)?;
        let sql = "UPDATE users SET email = $1, email_key = $2, email_claim = $2, email_verified_us = $3 WHERE id = $4";
        match execute_tx!(self.0, sql, email, &key, now, user) {
            // Proved by somebody at this moment, who claimed another address before.
            Err(DbError::Duplicate) => Ok(false),
            changed => Ok(changed? == 1),
        }
    }

    /// Hands all media of one account to another, with the tokens and grants that were made for them.
    pub async fn hand_over_media(&mut self, from: UserId, to: UserId) -> Result<u64> {
        let moved = execute_tx!(self.0, "UPDATE media SET owner_id = $1 WHERE owner_id = $2", to, from)?;
        // What was hidden can be shown again, and the heir has a say in it.
        let actions = "UPDATE moderation_actions SET affected_id = $1 WHERE affected_id = $2 AND kind = 'hide_media'";
        execute_tx!(self.0, actions, to, from)?;
        execute_tx!(self.0, "UPDATE tasks SET owner_id = $1 WHERE owner_id = $2", to, from)?;
        self.0.search().index_media_of(to).await?;
        Ok(moved)
    }

    /// Deletes all media of an account. Work that nobody else wants ends; their bytes go with a later sweep.
    pub async fn delete_media_of(&mut self, owner: UserId, now: Timestamp) -> Result<u64> {
        let packages = self.0.work().lock_owner(owner, now).await?;
        let touch = "UPDATE sources SET touched_us = $1 WHERE id IN (SELECT source_id FROM media WHERE owner_id = $2)";
        execute_tx!(self.0, touch, now, owner)?;
        self.0.webhooks().purge_caches_of(owner, now).await?;
        let gone = "DELETE FROM media WHERE owner_id = $1 RETURNING id";
        let media = query_tx!(self.0, fetch_all as (MediaId,), gone, owner)?;
        self.0.pictures().mark_posters_deleting(&media, now).await?;
        self.0.work().release(&packages, now).await?;
        Ok(media.len() as u64)
    }

    /// Deletes an account without media, its uploads under way and everything personal about it. What the audit log keeps
    /// are kinds and instants.
    pub async fn delete(&mut self, id: UserId, now: Timestamp) -> Result<()> {
        self.0.uploads().end_all_of(id, now).await?;
        self.0.projects().mark_documents_deleting_of(id, now).await?;
        self.0.pictures().mark_deleting_of(id, now).await?;
        let forget =
            "UPDATE audit_events SET address = '', agent = '', detail = '' WHERE user_id = $1 OR actor_id = $1";
        execute_tx!(self.0, forget, id)?;
        // Work on what others have too goes on, in turns of its own.
        execute_tx!(self.0, "UPDATE tasks SET owner_id = NULL WHERE owner_id = $1", id)?;
        self.0.people().uncount(id).await?;
        execute_tx!(self.0, "DELETE FROM users WHERE id = $1", id)?;
        Ok(())
    }
}
