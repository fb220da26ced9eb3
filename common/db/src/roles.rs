//! Requests to become a creator.

use super::{Db, DbError, Result, Tx, execute, query, query_tx};
use sluice_model::{CreatorRequestId, CreatorRequestStatus, Timestamp, UserId};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::creator_requests`].
#[derive(Debug, Clone, Copy)]
pub struct CreatorRequests<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::creator_requests`].
#[derive(Debug)]
pub struct CreatorRequestsTx<'a>(pub(crate) &'a mut Tx);

/// A request with the name of who asks.
#[derive(Debug, Clone, FromRow)]
pub struct CreatorRequestRow {
    pub id: CreatorRequestId,
    pub user_id: UserId,
    pub username: String,
    pub message: String,
    #[sqlx(try_from = "String")]
    pub status: CreatorRequestStatus,
    pub answer: Option<String>,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    #[sqlx(rename = "decided_us")]
    pub decided_at: Option<Timestamp>,
}

macro_rules! request_columns {
    ($tail:literal) => {
        concat!(
            "SELECT r.id, r.user_id, u.username, r.message, r.status, r.answer, r.created_us, r.decided_us ",
            "FROM creator_requests r JOIN users u ON u.id = r.user_id ",
            $tail
        )
    };
}

impl CreatorRequests<'_> {
    /// Stores a request; `false` when one is pending already.
    pub async fn insert(&self, id: CreatorRequestId, user: UserId, message: &str, now: Timestamp) -> Result<bool> {
        let sql = "INSERT INTO creator_requests (id, user_id, message, status, created_us) VALUES ($1, $2, $3, 'pending', $4)";
        match execute!(self.0, sql, id, user, message, now) {
            Err(DbError::Duplicate) => Ok(false),
            other => other.map(|_| true),
        }
    }

    /// The last request of an account.
    pub async fn of_user(&self, user: UserId) -> Result<Option<CreatorRequestRow>> {
        let sql = request_columns!("WHERE r.user_id = $1 ORDER BY r.id DESC LIMIT 1");
        query!(self.0, fetch_optional as CreatorRequestRow, sql, user)
    }

    /// A request by id.
    pub async fn find(&self, id: CreatorRequestId) -> Result<Option<CreatorRequestRow>> {
        query!(self.0, fetch_optional as CreatorRequestRow, request_columns!("WHERE r.id = $1"), id)
    }

    /// One page of requests in one state, newest first.
    pub async fn page(
        &self,
        status: CreatorRequestStatus,
        before: Option<CreatorRequestId>,
        limit: i64,
    ) -> Result<Vec<CreatorRequestRow>> {
        let sql = request_columns!("WHERE r.status = $1 AND r.id < $2 ORDER BY r.id DESC LIMIT $3");
        query!(
            self.0,
            fetch_all as CreatorRequestRow,
            sql,
            status.as_str(),
            before.unwrap_or(CreatorRequestId::max()),
            limit
        )
    }
}

impl CreatorRequestsTx<'_> {
    /// Decides a pending request; the account that asked. `None` when it is not pending any more.
    pub async fn decide(
        &mut self,
        id: CreatorRequestId,
        status: CreatorRequestStatus,
        answer: Option<&str>,
        now: Timestamp,
    ) -> Result<Option<UserId>> {
        let sql = "UPDATE creator_requests SET status = $1, answer = $2, decided_us = $3 \
                   WHERE id = $4 AND status = 'pending' RETURNING user_id";
        Ok(query_tx!(self.0, fetch_optional as (UserId,), sql, status.as_str(), answer, now, id)?.map(|r| r.0))
    }
}
