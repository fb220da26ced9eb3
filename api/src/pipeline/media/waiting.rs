//! Why work waits: every wait has one cause, named for people and for programs.

use super::error::MediaError;
use crate::state::AppState;
use serde::Serialize;
use sluice_db::{QueuePage, QueuedTaskRow, WorkerRow};
use sluice_model::{PackageId, TaskKinds, TaskStatus, Timestamp, WorkerTrouble};
use utoipa::ToSchema;

/// What a wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitCause {
    /// Bytes of the file that are still to come.
    Upload,
    /// The disk is nearly full.
    DiskFull,
    /// No worker runs, or none that takes work of this kind.
    NoWorker,
    /// The workers do not reach the store.
    StoreUnreachable,
    /// A run failed, and the next one comes after a pause.
    Pause,
    /// No worker has as much memory as the work is admitted with: it begins where one is idle.
    Memory,
    /// Others come first.
    Turn,
}

/// A wait.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Wait {
    pub code: WaitCause,
    /// A sentence for people.
    pub message: String,
    /// Films that come before it, for `turn`.
    pub films_ahead: Option<i64>,
    /// Since when, milliseconds since the Unix epoch, where that is known.
    pub since: Option<i64>,
    /// Until when at most, for `pause`.
    pub until: Option<i64>,
}

impl Wait {
    fn new(code: WaitCause, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), films_ahead: None, since: None, until: None }
    }
}

/// A worker that is alive, as far as others wait for it.
#[derive(Debug, Clone, Copy)]
struct Present {
    kinds: TaskKinds,
    memory_bytes: i64,
    trouble: Option<WorkerTrouble>,
    trouble_at: Option<Timestamp>,
}

/// What is known of the service while somebody waits.
#[derive(Debug)]
pub struct Surroundings {
    workers: Vec<Present>,
    now: Timestamp,
    is_disk_full: bool,
}

impl Surroundings {
    /// As they are now.
    pub async fn of(state: &AppState) -> Result<Self, MediaError> {
        let (workers, now) = state.db.operations().workers().await?;
        let present = |w: &WorkerRow| Present {
            kinds: w.kinds(),
            memory_bytes: w.memory_bytes,
            trouble: w.trouble(),
            trouble_at: w.trouble_at,
        };
        let workers = workers.iter().filter(|w| w.is_alive(now)).map(present).collect();
        Ok(Self { workers, now, is_disk_full: state.ingest.space.shortage().is_some() })
    }

    /// Why a queued task waits. `films_ahead` where they were counted; `others_run` whether any worker works on anything.
    pub fn cause(&self, task: &QueuedTaskRow, films_ahead: Option<i64>, others_run: bool) -> Wait {
        if task.arriving {
            return Wait::new(WaitCause::Upload, "It goes on when more of the file has arrived.");
        }
        let troubled = |t: WorkerTrouble| {
            let all = !self.workers.is_empty() && self.workers.iter().all(|w| w.trouble == Some(t));
            all.then(|| self.workers.iter().filter_map(|w| w.trouble_at).min().map(Timestamp::as_millis))
        };
        let full = troubled(WorkerTrouble::DiskFull);
        if self.is_disk_full || full.is_some() {
            let message = "The disk is nearly full. Nothing new begins until there is room; nothing is lost.";
            return Wait { since: full.flatten(), ..Wait::new(WaitCause::DiskFull, message) };
        }
        // A worker of the version before gives no signs, but shows by what it does that it is there.
        if self.workers.is_empty() && !others_run {
            return Wait::new(WaitCause::NoWorker, "No worker is running. It goes on when one is started.");
        }
        if !self.workers.is_empty() && !self.workers.iter().any(|w| w.kinds.has(task.kind)) {
            let message = format!("No running worker takes work of this kind ({}).", task.kind);
            return Wait::new(WaitCause::NoWorker, message);
        }
        if let Some(since) = troubled(WorkerTrouble::StoreUnreachable) {
            let message = "The store does not answer. It goes on by itself when it does; nothing is lost.";
            return Wait { since, ..Wait::new(WaitCause::StoreUnreachable, message) };
        }
        if task.not_before_at > self.now {
            let message = match task.reason() {
                Some(reason) => format!("A run failed ({}); the next one comes after a pause.", reason.code),
                None => "It was given back and goes on after a pause.".to_owned(),
            };
            return Wait { until: Some(task.not_before_at.as_millis()), ..Wait::new(WaitCause::Pause, message) };
        }
        let largest = self.workers.iter().filter(|w| w.kinds.has(task.kind)).map(|w| w.memory_bytes).max();
        if largest.is_some_and(|l| l < task.memory_bytes) {
            let (mib, most) = (task.memory_bytes >> 20, largest.unwrap_or(0) >> 20);
            let message =
                format!("It needs {mib} MiB of memory and no worker has more than {most}: it begins when one is idle.");
            return Wait::new(WaitCause::Memory, message);
        }
        let message = match films_ahead {
            None => "It waits for its turn.".to_owned(),
            Some(0) => "It is next.".to_owned(),
            Some(1) => "One film comes before it.".to_owned(),
            Some(n) => format!("{n} films come before it."),
        };
        Wait { films_ahead, ..Wait::new(WaitCause::Turn, message) }
    }
}

/// What the next work of a package waits for; nothing where none is queued.
pub async fn wait_of(state: &AppState, package: PackageId) -> Result<Option<Wait>, MediaError> {
    let Some(task) = state.db.operations().next_of(package).await? else { return Ok(None) };
    let operations = state.db.operations();
    let ahead = operations.films_ahead(package).await?;
    let others_run = !operations.queue(QueuePage::any(TaskStatus::Running)).await?.is_empty();
    Ok(Some(Surroundings::of(state).await?.cause(&task, Some(ahead), others_run)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_model::{Priority, TaskId, TaskKind, TaskStatus};

    const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

    fn task() -> QueuedTaskRow {
        QueuedTaskRow {
            id: TaskId::new(),
            package_id: PackageId::new(),
            kind: TaskKind::Chunk,
            name: "chunk-000000".to_owned(),
            status: TaskStatus::Queued,
            attempts: 0,
            progress: 0.0,
            worker: None,
            error_code: None,
            error_message: None,
            created_at: NOW,
            claimed_at: None,
            not_before_at: Timestamp::EPOCH,
            memory_bytes: 512 << 20,
            priority: Priority::Normal,
            arriving: false,
            media_id: None,
            title: None,
            owner_name: None,
        }
    }

    fn worker(memory_bytes: i64, trouble: Option<WorkerTrouble>) -> Present {
        let trouble_at = trouble.map(|_| Timestamp::from_micros(5000));
        Present { kinds: TaskKinds::ALL, memory_bytes, trouble, trouble_at }
    }

    fn cause(workers: Vec<Present>, is_disk_full: bool, task: &QueuedTaskRow, ahead: i64) -> Wait {
        Surroundings { workers, now: NOW, is_disk_full }.cause(task, Some(ahead), ahead > 0)
    }

    #[test]
    fn every_wait_has_one_cause() {
        let (fine, small) = (worker(4 << 30, None), worker(256 << 20, None));
        let [away, full] = [WorkerTrouble::StoreUnreachable, WorkerTrouble::DiskFull].map(|t| worker(4 << 30, Some(t)));
        let planner = Present { kinds: [TaskKind::Plan].into_iter().collect(), ..fine };
        let paused = QueuedTaskRow { not_before_at: Timestamp::from_micros(2_000_000_000), ..task() };
        let arriving = QueuedTaskRow { arriving: true, ..task() };
        for (workers, is_disk_full, task, ahead, expected) in [
            (vec![], false, task(), 0, WaitCause::NoWorker),
            (vec![], false, task(), 2, WaitCause::Turn),
            (vec![], true, task(), 0, WaitCause::DiskFull),
            (vec![full], false, task(), 0, WaitCause::DiskFull),
            (vec![away, away], false, task(), 3, WaitCause::StoreUnreachable),
            (vec![away, fine], false, task(), 3, WaitCause::Turn),
            (vec![small, fine], false, task(), 0, WaitCause::Turn),
            (vec![small], false, task(), 0, WaitCause::Memory),
            (vec![planner], false, task(), 2, WaitCause::NoWorker),
            (vec![planner, small], false, task(), 0, WaitCause::Memory),
            (vec![fine], false, paused, 0, WaitCause::Pause),
            (vec![fine], false, arriving, 0, WaitCause::Upload),
        ] {
            let wait = cause(workers.clone(), is_disk_full, &task, ahead);
            assert_eq!(wait.code, expected, "{workers:?} {ahead}");
        }
    }

    #[test]
    fn a_wait_says_what_is_known_of_it() {
        let fine = worker(4 << 30, None);
        let said = |ahead| cause(vec![fine], false, &task(), ahead);
        assert_eq!((said(0).message, said(1).message), ("It is next.".into(), "One film comes before it.".into()));
        assert_eq!((said(2).message, said(2).films_ahead), ("2 films come before it.".into(), Some(2)));
        let away = worker(1 << 30, Some(WorkerTrouble::StoreUnreachable));
        assert_eq!(cause(vec![away], false, &task(), 0).since, Some(5));
        let failed = QueuedTaskRow {
            not_before_at: Timestamp::from_micros(2_000_000_000),
            error_code: Some("timed_out".to_owned()),
            ..task()
        };
        let wait = cause(vec![fine], false, &failed, 0);
        assert_eq!(wait.until, Some(2_000_000));
        assert!(wait.message.contains("timed_out"), "{}", wait.message);
    }
}
