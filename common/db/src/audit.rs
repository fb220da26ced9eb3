//! The log of security events.

use super::{Db, Result, execute, query};
use sluice_model::{AuditEventId, Timestamp, UserId};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::audit`].
#[derive(Debug, Clone, Copy)]
pub struct Audit<'a>(pub(crate) &'a Db);

/// An event as stored.
#[derive(Debug, Clone, FromRow)]
pub struct AuditRow {
    pub id: AuditEventId,
    pub user_id: Option<UserId>,
    pub actor_id: Option<UserId>,
    pub kind: String,
    pub address: String,
    pub agent: String,
    pub detail: String,
    #[sqlx(rename = "at_us")]
    pub at: Timestamp,
}

/// What is asked of the log, newest first.
#[derive(Debug, Clone, Copy)]
pub struct AuditPage<'a> {
    /// Whose account; all when unset.
    pub user: Option<UserId>,
    /// Only this kind.
    pub kind: Option<&'a str>,
    pub before: Option<AuditEventId>,
    pub limit: i64,
}

const AUDIT_OF: &str = "SELECT id, user_id, actor_id, kind, address, agent, detail, at_us FROM audit_events \
                        WHERE user_id = $1 AND id < $2 AND ($3 = '' OR kind = $3) ORDER BY id DESC LIMIT $4";
const AUDIT_ALL: &str = "SELECT id, user_id, actor_id, kind, address, agent, detail, at_us FROM audit_events \
                         WHERE id < $1 AND ($2 = '' OR kind = $2) ORDER BY id DESC LIMIT $3";

impl Audit<'_> {
    /// Writes an event.
    pub async fn insert(&self, e: &AuditRow) -> Result<()> {
        let sql = "INSERT INTO audit_events (id, user_id, actor_id, kind, address, agent, detail, at_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        execute!(self.0, sql, e.id, e.user_id, e.actor_id, &e.kind, &e.address, &e.agent, &e.detail, e.at)?;
        Ok(())
    }

    /// One page of events.
    pub async fn page(&self, page: AuditPage<'_>) -> Result<Vec<AuditRow>> {
        let (before, kind) = (page.before.unwrap_or(AuditEventId::max()), page.kind.unwrap_or(""));
        match page.user {
            Some(user) => query!(self.0, fetch_all as AuditRow, AUDIT_OF, user, before, kind, page.limit),
            None => query!(self.0, fetch_all as AuditRow, AUDIT_ALL, before, kind, page.limit),
        }
    }

    /// Removes events from before an instant.
    pub async fn purge(&self, before: Timestamp) -> Result<()> {
        execute!(self.0, "DELETE FROM audit_events WHERE at_us < $1", before)?;
        Ok(())
    }
}
