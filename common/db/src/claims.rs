//! Which task is claimed next.
//!
//! Invariants: an account takes turns with every other: of what is due, each account's most urgent task goes round, however many
//! it has queued; what is not due yet goes by deadline. What an administrator brings forward comes before all of it, what is held
//! back after it, and takes none of the places that are kept beside full cores. What is claimed is committed, and claimed once.

use super::{Db, Result, Tasks, returning};
use sluice_model::{ClaimToken, PackageId, Priority, SourceId, TaskId, TaskKind, TaskKinds, Timestamp, TurnId};
use sqlx::FromRow;

/// No pause of a task is as long, microseconds; but that of a hash, which waits until its source's signed URLs have ended.
/// What would begin later was put off by a clock that was set back since, and begins now.
const LONGEST_PAUSE_US: i64 = 600_000_000;

/// Runs a task is given before it is parked.
pub const MAX_ATTEMPTS: i64 = 3;

/// Name of the task that makes a film's first segment; the statements below and an index of the table spell it out.
pub const OPENING_CHUNK: &str = "chunk-000000";

/// A task that this process may run, as long as nobody takes the claim away.
#[derive(Debug, Clone, FromRow)]
pub struct ClaimedTask {
    pub id: TaskId,
    pub package_id: PackageId,
    pub source_id: SourceId,
    #[sqlx(try_from = "String")]
    pub kind: TaskKind,
    pub name: String,
    pub payload: String,
    pub attempts: i64,
    pub token: ClaimToken,
    pub cores: i64,
    pub memory_bytes: i64,
    #[sqlx(rename = "due_us")]
    pub due_at: Timestamp,
    /// Whose turn it was.
    pub turn: TurnId,
    /// When it is done, beside the work on others.
    #[sqlx(try_from = "i64")]
    pub priority: Priority,
}

/// What a worker has free.
#[derive(Debug, Clone, Copy)]
pub struct ClaimLimits {
    pub cores: i64,
    pub memory_bytes: i64,
    /// Whether there is room for another task that needs no core.
    pub light: bool,
    /// The same of what is held back.
    pub light_last: bool,
    /// Whether there is room for another import, which needs neither.
    pub imports: bool,
    /// Whether the place that is kept for a plan is free: it needs none of what is above.
    pub plan: bool,
    /// Whether the place that is kept for a film's first chunk is free: it needs memory, but no free core.
    pub opening: bool,
    /// Kinds that it takes.
    pub kinds: TaskKinds,
    /// Whose turn it was last: the next one after it comes first, and after the last one the first.
    pub after: TurnId,
}

/// The first task, in an order, of those that may be claimed and fit.
macro_rules! first {
    ($lock:literal, $order:literal, $($which:expr),+) => {
        concat!(
            "(SELECT id FROM tasks WHERE status = 'queued' AND ",
            $($which,)+
            " AND attempts < $7 AND ($13 = '' OR $13 LIKE '%,' || kind || ',%') AND (not_before_us <= $3 OR (kind <> 'hash' AND not_before_us > $3 + $11)) ",
            "AND (cores <= $4 AND memory_bytes <= $5 AND (cores > 0 OR $8 OR kind = 'import') ",
            "OR kind = 'plan' AND $9 OR name = 'chunk-000000' AND memory_bytes <= $5 AND $10) ",
            "AND (needs_bytes = 0 OR EXISTS (SELECT 1 FROM sources s WHERE s.id = tasks.source_id ",
            "AND (s.status <> 'receiving' OR needs_bytes <= s.size_bytes))) AND ($6 OR kind <> 'import') ",
            "ORDER BY ", $order, " LIMIT 1 ", $lock, ")"
        )
    };
}

/// What is claimed of the tasks of `$among`, which is the condition of an index.
macro_rules! claim {
    ($lock:literal, $among:expr) => {
        concat!(
            "UPDATE tasks SET status = 'running', token = $1, attempts = attempts + 1, beat = 0, worker = $2, claimed_us = $3 ",
            "WHERE id = COALESCE(",
            first!($lock, "due_us, id", "priority = 1"),
            ", ",
            first!(
                $lock,
                "COALESCE(owner_id, package_id), due_us, id",
                $among,
                " AND due_us <= $3 AND COALESCE(owner_id, package_id) > $12"
            ),
            ", ",
            first!(
                $lock,
                "COALESCE(owner_id, package_id), due_us, id",
                $among,
                " AND due_us <= $3 AND COALESCE(owner_id, package_id) <= $12"
            ),
            ", ",
            first!($lock, "due_us, id", $among),
            ", ",
            first!(
                $lock,
                "due_us, id",
                "priority = -1 AND cores <= $4 AND memory_bytes <= $5 AND (cores > 0 OR $14 OR kind = 'import')"
            ),
            ") RETURNING id, package_id, source_id, kind, name, payload, attempts, token, cores, memory_bytes, due_us, ",
            "COALESCE(owner_id, package_id) AS turn, priority"
        )
    };
}

/// The condition of the indexes `tasks_places` and `tasks_beside`: what may run while all cores are busy.
macro_rules! beside_cores {
    () => {
        "priority = 0 AND (kind = 'plan' OR cores = 0 OR name = 'chunk-000000')"
    };
}

impl Tasks<'_> {
    /// Claims the next task that fits, counting the attempt before it runs. What it returns is committed.
    pub async fn claim(&self, worker: &str, token: ClaimToken, limits: ClaimLimits) -> Result<Option<ClaimedTask>> {
        let now = self.0.now().await?;
        let ClaimLimits { cores, memory_bytes, imports, light, light_last, plan, opening, kinds, after } = limits;
        let kinds = if kinds == TaskKinds::ALL { String::new() } else { format!(",{kinds},") };
        // SQLite has a single writer: nothing to skip.
        let sql = match (self.0, cores > 0) {
            (Db::Sqlite(_), true) => claim!("", "priority = 0"),
            (Db::Sqlite(_), false) => claim!("", beside_cores!()),
            (Db::Postgres(_), true) => claim!("FOR UPDATE SKIP LOCKED", "priority = 0"),
            (Db::Postgres(_), false) => claim!("FOR UPDATE SKIP LOCKED", beside_cores!()),
        };
        let rows = returning!(
            self.0,
            ClaimedTask,
            sql,
            token,
            worker,
            now,
            cores,
            memory_bytes,
            imports,
            MAX_ATTEMPTS,
            light,
            plan,
            opening,
            LONGEST_PAUSE_US,
            after,
            &kinds,
            light_last
        )?;
        Ok(rows.into_iter().next())
    }
}
