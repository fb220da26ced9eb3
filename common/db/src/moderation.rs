//! Reports and what administrators do about them.

use super::{Db, Result, Tx, execute, execute_tx, query, query_tx};
use sluice_model::{
    ActionId, ActionKind, ReportId, ReportReason, ReportStatus, ReportTarget, TargetId, Timestamp, UserId,
};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::moderation`].
#[derive(Debug, Clone, Copy)]
pub struct Moderation<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::moderation`].
#[derive(Debug)]
pub struct ModerationTx<'a>(pub(crate) &'a mut Tx);

/// A report as stored.
#[derive(Debug, Clone, FromRow)]
pub struct ReportRow {
    pub id: ReportId,
    pub reporter_id: UserId,
    #[sqlx(try_from = "String")]
    pub target_kind: ReportTarget,
    pub target_id: TargetId,
    #[sqlx(try_from = "String")]
    pub reason: ReportReason,
    pub note: String,
    #[sqlx(try_from = "String")]
    pub status: ReportStatus,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
}

/// Something that was done, and may have been undone.
#[derive(Debug, Clone, FromRow)]
pub struct ActionRow {
    pub id: ActionId,
    #[sqlx(try_from = "String")]
    pub kind: ActionKind,
    pub target_id: TargetId,
    /// Whose it was, or who it was.
    pub affected_id: UserId,
    pub reason: String,
    pub appeal: Option<String>,
    #[sqlx(rename = "appealed_us")]
    pub appealed_at: Option<Timestamp>,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    #[sqlx(rename = "lifted_us")]
    pub lifted_at: Option<Timestamp>,
}

macro_rules! actions {
    ($tail:literal) => {
        concat!(
            "SELECT id, kind, target_id, affected_id, reason, appeal, appealed_us, created_us, lifted_us FROM moderation_actions ",
            $tail
        )
    };
}

macro_rules! reports {
    ($tail:literal) => {
        concat!("SELECT id, reporter_id, target_kind, target_id, reason, note, status, created_us FROM reports ", $tail)
    };
}

impl Moderation<'_> {
    /// Stores a report; `false` when this person has reported it before.
    pub async fn insert_report(&self, r: &ReportRow) -> Result<bool> {
        let sql = "INSERT INTO reports (id, reporter_id, target_kind, target_id, reason, note, status, created_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, 'open', $7) ON CONFLICT DO NOTHING";
        let (kind, reason) = (r.target_kind.as_str(), r.reason.as_str());
        Ok(execute!(self.0, sql, r.id, r.reporter_id, kind, r.target_id, reason, &r.note, r.created_at)? == 1)
    }

    /// Reports of a state, oldest first: the queue.
    pub async fn reports(&self, status: ReportStatus, after: Option<ReportId>, limit: i64) -> Result<Vec<ReportRow>> {
        let sql = reports!("WHERE status = $1 AND id > $2 ORDER BY id LIMIT $3");
        query!(self.0, fetch_all as ReportRow, sql, status.as_str(), after.unwrap_or(ReportId::nil()), limit)
    }

    /// A report by id.
    pub async fn report(&self, id: ReportId) -> Result<Option<ReportRow>> {
        query!(self.0, fetch_optional as ReportRow, reports!("WHERE id = $1"), id)
    }

    /// What was done, latest first; to everybody, or to one person.
    pub async fn actions(
        &self,
        affected: Option<UserId>,
        before: Option<ActionId>,
        limit: i64,
    ) -> Result<Vec<ActionRow>> {
        let before = before.unwrap_or(ActionId::max());
        match affected {
            None => {
                let sql = actions!("WHERE id < $1 ORDER BY id DESC LIMIT $2");
                query!(self.0, fetch_all as ActionRow, sql, before, limit)
            }
            Some(user) => {
                let sql = actions!("WHERE affected_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
                query!(self.0, fetch_all as ActionRow, sql, user, before, limit)
            }
        }
    }

    /// Notes what somebody says to what was done to them, once. `false` when it is not theirs, or was lifted, or
    /// they have said something.
    pub async fn appeal(&self, id: ActionId, affected: UserId, text: &str, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE moderation_actions SET appeal = $1, appealed_us = $2 WHERE id = $3 AND affected_id = $4 \
                   AND appeal IS NULL AND lifted_us IS NULL";
        Ok(execute!(self.0, sql, text, now, id, affected)? == 1)
    }
}

impl Moderation<'_> {
    /// Removes reports of, and actions on, what is no more.
    pub async fn purge_reports(&self) -> Result<()> {
        for sql in [
            "DELETE FROM reports WHERE target_kind = 'media' AND NOT EXISTS (SELECT 1 FROM media m WHERE m.id = target_id)",
            "DELETE FROM reports WHERE target_kind = 'comment' AND NOT EXISTS (SELECT 1 FROM comments c WHERE c.id = target_id)",
            "DELETE FROM reports WHERE target_kind = 'user' AND NOT EXISTS (SELECT 1 FROM users u WHERE u.id = target_id)",
            "DELETE FROM moderation_actions WHERE kind = 'hide_media' AND NOT EXISTS (SELECT 1 FROM media m WHERE m.id = target_id)",
            "DELETE FROM moderation_actions WHERE kind = 'hide_comment' AND NOT EXISTS (SELECT 1 FROM comments c WHERE c.id = target_id)",
        ] {
            execute!(self.0, sql)?;
        }
        Ok(())
    }
}

impl ModerationTx<'_> {
    /// Ends all open reports of a target. `false` when none is open.
    pub async fn close_reports(&mut self, kind: ReportTarget, target: TargetId, status: ReportStatus) -> Result<bool> {
        let sql = "UPDATE reports SET status = $1 WHERE target_kind = $2 AND target_id = $3 AND status = 'open'";
        Ok(execute_tx!(self.0, sql, status.as_str(), kind.as_str(), target)? > 0)
    }

    /// Does something, and notes it; work that nobody sees any more ends. Safe to repeat: what is hidden or banned is so once.
    pub async fn act(&mut self, a: &ActionRow) -> Result<bool> {
        let packages = match a.kind {
            ActionKind::HideMedia => self.0.work().lock_media(a.target_id.into(), a.created_at).await?,
            ActionKind::Ban => self.0.work().lock_owner(a.target_id.into(), a.created_at).await?,
            ActionKind::HideComment => Vec::new(),
        };
        let sql = match a.kind {
            ActionKind::HideMedia => "UPDATE media SET hidden_us = $1 WHERE id = $2 AND hidden_us IS NULL",
            ActionKind::HideComment => "UPDATE comments SET hidden_us = $1 WHERE id = $2 AND hidden_us IS NULL",
            ActionKind::Ban => "UPDATE users SET banned_us = $1 WHERE id = $2 AND banned_us IS NULL",
        };
        if execute_tx!(self.0, sql, a.created_at, a.target_id)? == 0 {
            return Ok(false);
        }
        match a.kind {
            ActionKind::HideMedia => self.0.webhooks().purge_caches(a.target_id.into(), a.created_at).await?,
            ActionKind::Ban => self.0.webhooks().purge_caches_of(a.target_id.into(), a.created_at).await?,
            ActionKind::HideComment => {}
        }
        let sql = "INSERT INTO moderation_actions (id, kind, target_id, affected_id, reason, created_us) VALUES ($1, $2, $3, $4, $5, $6)";
        execute_tx!(self.0, sql, a.id, a.kind.as_str(), a.target_id, a.affected_id, &a.reason, a.created_at)?;
        self.0.work().release(&packages, a.created_at).await?;
        Ok(true)
    }

    /// Undoes what was done, and work that ended with it goes on. `None` when there is nothing to undo.
    pub async fn lift(&mut self, id: ActionId, now: Timestamp) -> Result<Option<ActionRow>> {
        let sql = "UPDATE moderation_actions SET lifted_us = $1 WHERE id = $2 AND lifted_us IS NULL \
                   RETURNING id, kind, target_id, affected_id, reason, appeal, appealed_us, created_us, lifted_us";
        let Some(action) = query_tx!(self.0, fetch_optional as ActionRow, sql, now, id)? else { return Ok(None) };
        let sql = match action.kind {
            ActionKind::HideMedia => "UPDATE media SET hidden_us = NULL WHERE id = $1",
            ActionKind::HideComment => "UPDATE comments SET hidden_us = NULL WHERE id = $1",
            ActionKind::Ban => "UPDATE users SET banned_us = NULL WHERE id = $1",
        };
        execute_tx!(self.0, sql, action.target_id)?;
        match action.kind {
            ActionKind::HideMedia => self.0.work().resume(Some(action.target_id.into()), None, now).await?,
            ActionKind::Ban => self.0.work().resume(None, Some(action.target_id.into()), now).await?,
            ActionKind::HideComment => {}
        }
        Ok(Some(action))
    }
}
