//! What operators see: workers by their own word, the queue as it stands, what is stored.
//!
//! Invariant: nothing decides by it. Claims look at tasks alone, leases at heartbeats.

use super::{Db, Result, execute, query};
use sluice_model::{
    MediaId, PackageId, Priority, Reason, TaskId, TaskKind, TaskKinds, TaskStatus, Timestamp, WorkerTrouble,
    clock::HOUR,
};
use sqlx::FromRow;
use std::time::Duration;

/// Reads and single statements of this domain, from [`Db::operations`].
#[derive(Debug, Clone, Copy)]
pub struct Operations<'a>(pub(crate) &'a Db);

/// A worker process as it describes itself.
#[derive(Debug, Clone)]
pub struct NewWorker<'a> {
    pub name: &'a str,
    pub host: &'a str,
    pub version: &'a str,
    pub cores: i64,
    pub memory_bytes: i64,
    /// Of tasks that it takes.
    pub kinds: TaskKinds,
    pub lease: Duration,
}

/// A worker process that has given a sign of life within the hour.
#[derive(Debug, Clone, FromRow)]
pub struct WorkerRow {
    pub name: String,
    pub host: String,
    pub version: String,
    pub cores: i64,
    pub memory_bytes: i64,
    kinds: Option<String>,
    lease_us: i64,
    #[sqlx(rename = "started_us")]
    pub started_at: Timestamp,
    #[sqlx(rename = "seen_us")]
    pub seen_at: Timestamp,
    trouble: Option<String>,
    #[sqlx(rename = "trouble_us")]
    pub trouble_at: Option<Timestamp>,
    /// Seconds of one core, as they are estimated, that it does in a second; unknown before it has done any.
    pub speed: Option<f64>,
}

impl WorkerRow {
    /// Whether it is taken for alive: it may have missed some signs, but not those of two leases.
    pub fn is_alive(&self, now: Timestamp) -> bool {
        now.duration_since(self.seen_at) < 2 * Duration::from_micros(self.lease_us.unsigned_abs())
    }

    /// Of tasks that it takes; a kind of a newer version is none that is known.
    pub fn kinds(&self) -> TaskKinds {
        let words = self.kinds.as_deref().unwrap_or_default();
        words.parse().unwrap_or_else(|_| words.split(',').filter_map(|w| w.parse().ok()).collect())
    }

    /// Why it does not get on; a word of a newer version is none.
    pub fn trouble(&self) -> Option<WorkerTrouble> {
        self.trouble.as_deref().and_then(|t| t.parse().ok())
    }
}

/// How many tasks stand so.
#[derive(Debug, Clone, FromRow)]
pub struct QueueCountRow {
    #[sqlx(try_from = "String")]
    pub kind: TaskKind,
    #[sqlx(try_from = "String")]
    pub status: TaskStatus,
    pub tasks: i64,
    /// When the oldest of them was queued.
    #[sqlx(rename = "oldest_us")]
    pub oldest_at: Timestamp,
}

/// A task with whose film it is.
#[derive(Debug, Clone, FromRow)]
pub struct QueuedTaskRow {
    pub id: TaskId,
    pub package_id: PackageId,
    #[sqlx(try_from = "String")]
    pub kind: TaskKind,
    pub name: String,
    #[sqlx(try_from = "String")]
    pub status: TaskStatus,
    pub attempts: i64,
    /// 0 to 1.
    pub progress: f64,
    pub worker: Option<String>,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    /// When its last run began.
    #[sqlx(rename = "claimed_us")]
    pub claimed_at: Option<Timestamp>,
    #[sqlx(rename = "not_before_us")]
    pub not_before_at: Timestamp,
    pub memory_bytes: i64,
    /// When it is done, beside the work on others.
    #[sqlx(try_from = "i64")]
    pub priority: Priority,
    /// Whether bytes of its source must arrive first.
    pub arriving: bool,
    /// One of the media that it is for; none where nobody wants it any more.
    pub media_id: Option<MediaId>,
    pub title: Option<String>,
    pub owner_name: Option<String>,
}

impl QueuedTaskRow {
    /// Why its last run ended badly.
    pub fn reason(&self) -> Option<Reason> {
        let message = self.error_message.clone().unwrap_or_default();
        self.error_code.clone().map(|code| Reason { code, message })
    }
}

/// Which tasks.
#[derive(Debug, Clone, Copy)]
pub struct QueuePage {
    pub status: TaskStatus,
    pub kind: Option<TaskKind>,
    pub after: Option<TaskId>,
    pub limit: i64,
}

impl QueuePage {
    /// One of them, to see whether there are any.
    pub const fn any(status: TaskStatus) -> Self {
        Self { status, kind: None, after: None, limit: 1 }
    }
}

/// What is stored of a kind.
#[derive(Debug, Clone, FromRow)]
pub struct StoredRow {
    pub kind: String,
    pub objects: i64,
    pub bytes: i64,
}

/// Whether bytes that a task needs are still to come.
macro_rules! arriving {
    () => {
        "(t.needs_bytes > 0 AND s.status = 'receiving' AND t.needs_bytes > s.size_bytes)"
    };
}

macro_rules! queued_tasks {
    ($tail:literal) => {
        concat!(
            "SELECT t.id, t.package_id, t.kind, t.name, t.status, t.attempts, t.progress, t.worker, t.error_code, t.error_message, \
             t.created_us, t.claimed_us, t.not_before_us, t.memory_bytes, t.priority, COALESCE(",
            arriving!(),
            ", FALSE) AS arriving, m.id AS media_id, m.title, u.username AS owner_name \
             FROM tasks t LEFT JOIN sources s ON s.id = t.source_id LEFT JOIN packages p ON p.id = t.package_id \
             LEFT JOIN media m ON m.id = (SELECT x.id FROM media x WHERE x.package_id = COALESCE(p.replaces_package_id, t.package_id) \
             ORDER BY x.id LIMIT 1) \
             LEFT JOIN users u ON u.id = m.owner_id ",
            $tail
        )
    };
}

const STORED: &str = "SELECT 'originals' AS kind, COUNT(*) AS objects, CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) AS bytes FROM extents \
    UNION ALL SELECT r.kind, COUNT(*), CAST(COALESCE(SUM(g.size_bytes), 0) AS BIGINT) FROM segments g \
      JOIN renditions r ON r.package_id = g.package_id AND r.name = g.rendition GROUP BY r.kind \
    UNION ALL SELECT 'init', COUNT(*), CAST(COALESCE(SUM(init_bytes), 0) AS BIGINT) FROM renditions WHERE init_object IS NOT NULL \
    UNION ALL SELECT 'images', COUNT(*), CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM images \
    UNION ALL SELECT 'pictures', COUNT(*), CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM pictures \
    UNION ALL SELECT 'documents', COUNT(*), CAST(COALESCE(SUM(size_bytes), 0) AS BIGINT) FROM projects WHERE object IS NOT NULL";

impl Operations<'_> {
    /// A sign of life. How long a trouble lasts is kept while it stays the same.
    pub async fn sign(&self, worker: &NewWorker<'_>, trouble: Option<WorkerTrouble>, speed: Option<f64>) -> Result<()> {
        let now = self.0.now().await?;
        let sql = "INSERT INTO workers (name, host, version, cores, memory_bytes, lease_us, started_us, seen_us, trouble, trouble_us, kinds, speed) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $7, $8, CASE WHEN $8 IS NULL THEN NULL ELSE CAST($7 AS BIGINT) END, $9, $10) \
                   ON CONFLICT (name) DO UPDATE SET seen_us = excluded.seen_us, trouble = excluded.trouble, speed = excluded.speed, \
                   trouble_us = CASE WHEN workers.trouble = excluded.trouble THEN workers.trouble_us ELSE excluded.trouble_us END";
        let lease_us = i64::try_from(worker.lease.as_micros()).unwrap_or(i64::MAX);
        execute!(
            self.0,
            sql,
            worker.name,
            worker.host,
            worker.version,
            worker.cores,
            worker.memory_bytes,
            lease_us,
            now,
            trouble.map(WorkerTrouble::as_str),
            Some(worker.kinds.to_string()).filter(|k| !k.is_empty()),
            speed
        )?;
        Ok(())
    }

    /// A worker ends.
    pub async fn sign_off(&self, name: &str) -> Result<()> {
        execute!(self.0, "DELETE FROM workers WHERE name = $1", name)?;
        Ok(())
    }

    /// Workers that gave a sign of life within the hour, in the order in which they started, and the instant at which they
    /// were asked for.
    pub async fn workers(&self) -> Result<(Vec<WorkerRow>, Timestamp)> {
        let now = self.0.now().await?;
        let sql = "SELECT name, host, version, cores, memory_bytes, kinds, lease_us, started_us, seen_us, trouble, trouble_us, speed FROM workers \
                   WHERE seen_us > $1 ORDER BY started_us, name";
        Ok((query!(self.0, fetch_all as WorkerRow, sql, now - HOUR)?, now))
    }

    /// Removes workers that ended without a word an hour ago.
    pub async fn purge_workers(&self) -> Result<()> {
        let now = self.0.now().await?;
        execute!(self.0, "DELETE FROM workers WHERE seen_us <= $1", now - HOUR)?;
        Ok(())
    }

    /// How many tasks wait, run and are parked, by kind.
    pub async fn queue_counts(&self) -> Result<Vec<QueueCountRow>> {
        let sql = "SELECT kind, status, COUNT(*) AS tasks, MIN(created_us) AS oldest_us FROM tasks \
                   WHERE status IN ('queued', 'running', 'parked') GROUP BY kind, status ORDER BY kind, status";
        query!(self.0, fetch_all as QueueCountRow, sql)
    }

    /// One page of tasks that stand so, the oldest first.
    pub async fn queue(&self, page: QueuePage) -> Result<Vec<QueuedTaskRow>> {
        let sql =
            queued_tasks!("WHERE t.status = $1 AND ($2 = '' OR t.kind = $2) AND t.id > $3 ORDER BY t.id LIMIT $4");
        let kind = page.kind.map_or("", TaskKind::as_str);
        let after = page.after.unwrap_or(TaskId::nil());
        query!(self.0, fetch_all as QueuedTaskRow, sql, page.status.as_str(), kind, after, page.limit)
    }

    /// A task by id.
    pub async fn task(&self, id: TaskId) -> Result<Option<QueuedTaskRow>> {
        query!(self.0, fetch_optional as QueuedTaskRow, queued_tasks!("WHERE t.id = $1"), id)
    }

    /// The task of a package that will be claimed next: of those whose bytes are there the most urgent.
    pub async fn next_of(&self, package: PackageId) -> Result<Option<QueuedTaskRow>> {
        let sql = queued_tasks!(
            "WHERE t.package_id = $1 AND t.status = 'queued' ORDER BY CASE WHEN t.needs_bytes > 0 AND s.status = 'receiving' \
             AND t.needs_bytes > s.size_bytes THEN 1 ELSE 0 END, t.due_us, t.id LIMIT 1"
        );
        query!(self.0, fetch_optional as QueuedTaskRow, sql, package)
    }

    /// What comes before this package's next work: the other films of its account whose next work is more urgent, the
    /// films of others that are worked on, and one film of each account whose next work is. Accounts take turns.
    pub async fn films_ahead(&self, package: PackageId) -> Result<i64> {
        let now = self.0.now().await?;
        let sql = "WITH own AS (SELECT MIN(q.due_us) AS due_us, MAX(q.priority) AS priority, \
                   (SELECT COALESCE(x.owner_id, x.package_id) FROM tasks x WHERE x.package_id = $1 LIMIT 1) AS turn \
                   FROM tasks q WHERE q.package_id = $1 AND q.status = 'queued') \
                   SELECT COUNT(DISTINCT CASE WHEN t.status = 'running' OR COALESCE(t.owner_id, t.package_id) = own.turn \
                   OR t.priority > own.priority OR t.owner_id IS NULL THEN t.package_id ELSE t.owner_id END) \
                   FROM tasks t, own WHERE t.package_id <> $1 AND (t.status = 'running' OR \
                   (t.status = 'queued' AND t.not_before_us <= $2 AND (t.needs_bytes = 0 OR EXISTS (SELECT 1 FROM sources s \
                   WHERE s.id = t.source_id AND (s.status <> 'receiving' OR t.needs_bytes <= s.size_bytes))) \
                   AND (t.priority > own.priority OR (t.priority = own.priority AND t.due_us < own.due_us))))";
        Ok(query!(self.0, fetch_one as (i64,), sql, package, now)?.0)
    }

    /// Objects and bytes by kind, as the rows name them.
    pub async fn stored(&self) -> Result<Vec<StoredRow>> {
        query!(self.0, fetch_all as StoredRow, STORED)
    }
}
