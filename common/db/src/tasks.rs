//! The queue's truth: fences, attempts, what becomes of a task.

use super::{Db, DbError, MAX_ATTEMPTS, Result, Tx, execute, execute_tx, query, query_tx};
use sluice_model::{ClaimToken, PackageId, Priority, Reason, SourceId, TaskId, TaskKind, TaskStatus, Timestamp};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::tasks`].
#[derive(Debug, Clone, Copy)]
pub struct Tasks<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::tasks`].
#[derive(Debug)]
pub struct TasksTx<'a>(pub(crate) &'a mut Tx);

/// A task to be queued.
#[derive(Debug, Clone)]
pub struct NewTask {
    pub package_id: PackageId,
    pub source_id: SourceId,
    pub kind: TaskKind,
    /// Unique within the package; queueing the same name again changes nothing.
    pub name: String,
    pub payload: String,
    /// Earliest deadline first, over all films of an account.
    pub due_at: Timestamp,
    pub cores: i64,
    pub memory_bytes: i64,
    /// Bytes of its source that must be there before it is claimed.
    pub needs_bytes: i64,
    /// Not claimed before this instant.
    pub not_before: Timestamp,
}

/// A task for operators and sweeps.
#[derive(Debug, Clone, FromRow)]
pub struct TaskRow {
    pub id: TaskId,
    pub package_id: PackageId,
    #[sqlx(try_from = "String")]
    pub kind: TaskKind,
    pub name: String,
    pub payload: String,
    #[sqlx(try_from = "String")]
    pub status: TaskStatus,
    pub attempts: i64,
    pub token: Option<ClaimToken>,
    pub beat: i64,
    pub worker: Option<String>,
    pub error_code: Option<String>,
    /// 0 to 1.
    pub progress: f64,
}

/// Tasks of one kind and status.
#[derive(Debug, Clone, FromRow)]
pub struct TaskCount {
    #[sqlx(try_from = "String")]
    pub kind: TaskKind,
    #[sqlx(try_from = "String")]
    pub status: TaskStatus,
    /// How many there are.
    pub tasks: i64,
    /// When the first of them is, or was, due that is not held back behind all others and waits for no byte of an upload.
    #[sqlx(rename = "due_us")]
    pub due: Option<Timestamp>,
}

impl Tasks<'_> {
    /// Extends the lease of a claim; [`DbError::Fenced`] when it is no longer ours.
    pub async fn heartbeat(&self, id: TaskId, token: ClaimToken) -> Result<()> {
        let sql = "UPDATE tasks SET beat = beat + 1 WHERE id = $1 AND token = $2 AND status = 'running'";
        if execute!(self.0, sql, id, token)? == 1 { Ok(()) } else { Err(DbError::Fenced) }
    }

    /// Says how far a claimed task is; [`DbError::Fenced`] when the claim is lost.
    pub async fn report_progress(&self, id: TaskId, token: ClaimToken, progress: f64) -> Result<()> {
        let sql = "UPDATE tasks SET progress = $1 WHERE id = $2 AND token = $3 AND status = 'running'";
        if execute!(self.0, sql, progress, id, token)? == 1 { Ok(()) } else { Err(DbError::Fenced) }
    }

    /// Tasks that a worker with free cores could claim now, counted up to `most`.
    pub async fn waiting_for_cores(&self, most: i64) -> Result<i64> {
        let now = self.0.now().await?;
        let sql = "SELECT COUNT(*) FROM (SELECT 1 FROM tasks WHERE status = 'queued' AND cores > 0 AND attempts < $1 \
                   AND not_before_us <= $2 AND (needs_bytes = 0 OR EXISTS (SELECT 1 FROM sources s WHERE s.id = tasks.source_id \
                   AND (s.status <> 'receiving' OR needs_bytes <= s.size_bytes))) LIMIT $3) AS waiting";
        Ok(query!(self.0, fetch_one as (i64,), sql, MAX_ATTEMPTS, now, most)?.0)
    }

    /// How many tasks of each kind and status there are, and since when the first of them is due. Those that are done,
    /// or that nobody wants, are not counted.
    pub async fn counts(&self) -> Result<Vec<TaskCount>> {
        let sql = "SELECT t.kind, t.status, COUNT(*) AS tasks, MIN(CASE WHEN t.priority < 0 \
                   OR (t.needs_bytes > 0 AND s.status = 'receiving' AND t.needs_bytes > s.size_bytes) THEN NULL \
                   WHEN t.due_us > t.not_before_us THEN t.due_us ELSE t.not_before_us END) AS due_us \
                   FROM tasks t JOIN sources s ON s.id = t.source_id \
                   WHERE t.status IN ('queued', 'running', 'parked') GROUP BY t.kind, t.status";
        query!(self.0, fetch_all as TaskCount, sql)
    }

    /// The claims that a worker still has. What it runs beside them is no longer wanted.
    pub async fn claims_of(&self, worker: &str) -> Result<Vec<ClaimToken>> {
        let sql = "SELECT token FROM tasks WHERE status = 'running' AND worker = $1 AND token IS NOT NULL";
        Ok(query!(self.0, fetch_all as (ClaimToken,), sql, worker)?.into_iter().map(|r| r.0).collect())
    }

    /// Whether a task has ended well.
    pub async fn is_done(&self, id: TaskId) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM tasks WHERE id = $1 AND status = 'done'";
        Ok(query!(self.0, fetch_one as (i64,), sql, id)?.0 == 1)
    }

    /// Gives a task back without counting the attempt: the task is not to blame.
    pub async fn release(&self, id: TaskId, token: ClaimToken, not_before: Timestamp) -> Result<()> {
        let sql = "UPDATE tasks SET status = 'queued', token = NULL, attempts = attempts - 1, not_before_us = $1 \
                   WHERE id = $2 AND token = $3 AND status = 'running'";
        execute!(self.0, sql, not_before, id, token)?;
        Ok(())
    }

    /// Gives a task back until so many bytes of its source have arrived. It did what could be done, so what went
    /// wrong before counts no more: an upload may take days.
    pub async fn postpone(&self, id: TaskId, token: ClaimToken, needs_bytes: i64) -> Result<()> {
        let sql = "UPDATE tasks SET status = 'queued', token = NULL, attempts = 0, needs_bytes = $1 \
                   WHERE id = $2 AND token = $3 AND status = 'running'";
        execute!(self.0, sql, needs_bytes, id, token)?;
        Ok(())
    }

    /// Queues a task again whose attempt failed.
    pub async fn requeue(&self, id: TaskId, token: ClaimToken, reason: &Reason, not_before: Timestamp) -> Result<()> {
        let sql = "UPDATE tasks SET status = 'queued', token = NULL, not_before_us = $1, error_code = $2, error_message = $3 \
                   WHERE id = $4 AND token = $5 AND status = 'running'";
        execute!(self.0, sql, not_before, &reason.code, &reason.message, id, token)?;
        Ok(())
    }

    /// All running claims, for the sweep.
    pub async fn running(&self) -> Result<Vec<TaskRow>> {
        let sql = "SELECT id, package_id, kind, name, payload, status, attempts, token, beat, worker, error_code, progress FROM tasks WHERE status = 'running'";
        query!(self.0, fetch_all as TaskRow, sql)
    }

    /// Takes a claim away whose heartbeat stands still, if it still stands at `beat`.
    pub async fn free_lease(&self, task: &TaskRow) -> Result<bool> {
        let sql = "UPDATE tasks SET status = 'queued', token = NULL, error_code = 'worker_lost', \
                   error_message = 'The worker that ran this stopped answering.' \
                   WHERE id = $1 AND token = $2 AND beat = $3 AND status = 'running'";
        Ok(execute!(self.0, sql, task.id, task.token, task.beat)? == 1)
    }

    /// Tasks of others that are more urgent than the next of this package; 0 when none of it waits.
    pub async fn queue_ahead(&self, package: PackageId, now: Timestamp) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM tasks WHERE status = 'queued' AND package_id <> $1 AND not_before_us <= $2 AND \
                   (needs_bytes = 0 OR needs_bytes <= (SELECT s.size_bytes FROM sources s WHERE s.id = tasks.source_id)) AND due_us < \
                   (SELECT MIN(due_us) FROM tasks WHERE package_id = $1 AND status = 'queued')";
        Ok(query!(self.0, fetch_one as (i64,), sql, package, now)?.0)
    }

    /// The tasks of a package, in the order they were made.
    pub async fn of_package(&self, package: PackageId) -> Result<Vec<TaskRow>> {
        let sql = "SELECT id, package_id, kind, name, payload, status, attempts, token, beat, worker, error_code, progress FROM tasks WHERE package_id = $1 ORDER BY id";
        query!(self.0, fetch_all as TaskRow, sql, package)
    }

    /// Queued tasks that have used up their attempts: claims lost to dying workers.
    pub async fn exhausted(&self) -> Result<Vec<TaskRow>> {
        let sql = "SELECT id, package_id, kind, name, payload, status, attempts, token, beat, worker, error_code, progress FROM tasks \
                   WHERE status = 'queued' AND attempts >= $1";
        query!(self.0, fetch_all as TaskRow, sql, MAX_ATTEMPTS)
    }
}

impl TasksTx<'_> {
    /// Queues tasks; a name that its package already has is left alone.
    pub async fn enqueue(&mut self, tasks: &[NewTask], now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO tasks (id, package_id, source_id, kind, name, payload, status, attempts, beat, due_us, not_before_us, \
                   cores, memory_bytes, progress, created_us, needs_bytes, priority, owner_id) \
                   SELECT $1, p.id, $3, $4, $5, $6, 'queued', 0, 0, $7, $12, $8, $9, 0, $10, $11, p.priority, COALESCE(\
                   (SELECT m.owner_id FROM media m WHERE m.package_id = p.id ORDER BY m.id LIMIT 1), \
                   (SELECT m.owner_id FROM added_tracks a JOIN media m ON m.id = a.media_id WHERE a.package_id = p.id)) \
                   FROM packages p WHERE p.id = $2 ON CONFLICT DO NOTHING";
        for t in tasks {
            execute_tx!(
                self.0,
                sql,
                TaskId::new(),
                t.package_id,
                t.source_id,
                t.kind.as_str(),
                &t.name,
                &t.payload,
                t.due_at,
                t.cores,
                t.memory_bytes,
                now,
                t.needs_bytes,
                t.not_before
            )?;
        }
        Ok(())
    }

    /// The fence: holds the task's row until the transaction ends, or fails when the claim is lost.
    pub async fn hold_claim(&mut self, id: TaskId, token: ClaimToken, progress: f64) -> Result<()> {
        let sql = "UPDATE tasks SET progress = $1 WHERE id = $2 AND token = $3 AND status = 'running'";
        if execute_tx!(self.0, sql, progress, id, token)? == 1 { Ok(()) } else { Err(DbError::Fenced) }
    }

    /// Ends a task well. The caller holds its claim.
    pub async fn complete(&mut self, id: TaskId, now: Timestamp) -> Result<()> {
        let sql = "UPDATE tasks SET status = 'done', token = NULL, progress = 1, finished_us = $1, error_code = NULL, \
                   error_message = NULL WHERE id = $2";
        execute_tx!(self.0, sql, now, id)?;
        Ok(())
    }

    /// Parks a task for an operator. The caller holds its claim, or its package's lock.
    pub async fn park(&mut self, id: TaskId, reason: &Reason, now: Timestamp) -> Result<()> {
        let sql = "UPDATE tasks SET status = 'parked', token = NULL, finished_us = $1, error_code = $2, error_message = $3 WHERE id = $4";
        execute_tx!(self.0, sql, now, &reason.code, &reason.message, id)?;
        Ok(())
    }

    /// Queues a parked task again with fresh attempts. `false` when it is not parked.
    pub async fn requeue_parked(&mut self, id: TaskId, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE tasks SET status = 'queued', attempts = 0, not_before_us = $1, error_code = NULL, error_message = NULL \
                   WHERE id = $2 AND status = 'parked'";
        Ok(execute_tx!(self.0, sql, now, id)? == 1)
    }

    /// Parks a queued task that has used up its attempts; `false` when it is no longer that.
    pub async fn park_if_exhausted(&mut self, id: TaskId, reason: &Reason, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE tasks SET status = 'parked', finished_us = $1, error_code = $2, error_message = $3 \
                   WHERE id = $4 AND status = 'queued' AND attempts >= $5";
        Ok(execute_tx!(self.0, sql, now, &reason.code, &reason.message, id, MAX_ATTEMPTS)? == 1)
    }

    /// Brings the work on a package forward or back: what is queued of it, and what will be. `false` when the package is gone.
    pub async fn prefer(&mut self, package: PackageId, priority: Priority) -> Result<bool> {
        let rank = priority.rank();
        if execute_tx!(self.0, "UPDATE packages SET priority = $1 WHERE id = $2", rank, package)? == 0 {
            return Ok(false);
        }
        execute_tx!(self.0, "UPDATE tasks SET priority = $1 WHERE package_id = $2", rank, package)?;
        Ok(true)
    }

    /// Whether a package's planning was ever queued.
    pub async fn has_planning_task(&mut self, package: PackageId) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM tasks WHERE package_id = $1 AND kind = 'plan'";
        Ok(query_tx!(self.0, fetch_one as (i64,), sql, package)?.0 > 0)
    }

    /// Tasks that still stand between a package and its finalization.
    pub async fn unfinished(&mut self, package: PackageId) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM tasks WHERE package_id = $1 AND kind NOT IN ('hash', 'finalize', 'import', 'poster') \
                   AND status NOT IN ('done', 'cancelled')";
        Ok(query_tx!(self.0, fetch_one as (i64,), sql, package)?.0)
    }

    /// Cancels what is queued of a package whose work was stopped while its bytes were arriving: a retry queues it again.
    pub async fn cancel_if_failed(&mut self, package: PackageId) -> Result<()> {
        let sql = "UPDATE tasks SET status = 'cancelled', token = NULL WHERE package_id = $1 AND status = 'queued' \
                   AND EXISTS (SELECT 1 FROM packages p WHERE p.id = $1 AND p.status = 'failed')";
        execute_tx!(self.0, sql, package)?;
        Ok(())
    }

    /// Removes all tasks of a source that is gone.
    pub(crate) async fn purge_of(&mut self, source: SourceId) -> Result<()> {
        execute_tx!(self.0, "DELETE FROM tasks WHERE source_id = $1", source)?;
        Ok(())
    }
}
