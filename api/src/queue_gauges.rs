//! How long the queue is, for Prometheus. Every instance says the same, as the database has it: of several the largest is
//! to be taken, never the sum.

use sluice_db::{Db, TaskCount};
use sluice_model::{TaskKind, TaskStatus, Timestamp};
use std::time::Duration;
use tokio::{sync::watch, time::interval};

/// How often the database is asked: more often than Prometheus usually asks.
const EVERY: Duration = Duration::from_secs(5);
/// What of a queue is shown.
const SHOWN: [TaskStatus; 3] = [TaskStatus::Queued, TaskStatus::Running, TaskStatus::Parked];

/// Asks until `stop` turns true.
pub async fn run(db: Db, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(EVERY);
    while !*stop.borrow() {
        tokio::select! {
            _ = stop.changed() => return,
            _ = ticks.tick() => {}
        }
        match async { Ok::<_, sluice_db::DbError>((db.tasks().counts().await?, db.now().await?)) }.await {
            Ok((counts, now)) => show(&counts, now),
            Err(error) => tracing::warn!(%error, "the queue was not counted"),
        }
    }
}

/// What is not in the database any more is none, rather than as many as the last time.
fn show(counts: &[TaskCount], now: Timestamp) {
    for kind in TaskKind::ALL {
        let of = |status: TaskStatus| counts.iter().find(|c| c.kind == *kind && c.status == status);
        for status in SHOWN {
            let tasks = of(status).map_or(0, |c| c.tasks.unsigned_abs());
            sluice_metrics::queue(kind.as_str(), status.as_str(), tasks);
        }
        let waits = of(TaskStatus::Queued).and_then(|c| c.due).map_or(Duration::ZERO, |due| now.duration_since(due));
        sluice_metrics::oldest(kind.as_str(), waits);
    }
}
