//! The rules of operations.

use super::views::{Disk, QueueCount, QueueQuery, QueuedTask, Stored, Worker};
use crate::{
    client::Client,
    identity::{
        Viewer,
        audit::{Event, note},
    },
    paging::{Cut, PageQuery},
    pipeline::media::{service::MediaError, waiting::Surroundings},
    state::AppState,
};
use sluice_db::{QueuePage, QueuedTaskRow};
use sluice_model::{Priority, Reason, TaskId, TaskStatus, clock};
use std::collections::HashMap;

/// Running tasks that are shown beside their workers at most: more than a fleet of a hundred has.
const MOST_RUNNING: i64 = 5000;

/// How much there is of each kind.
pub async fn counts(state: &AppState) -> Result<Vec<QueueCount>, MediaError> {
    let now = clock::now();
    Ok(state.db.operations().queue_counts().await?.iter().map(|c| QueueCount::new(c, now)).collect())
}

/// Tasks that stand so, the oldest first, each with why it waits.
pub async fn queue(state: &AppState, query: &QueueQuery, page: &PageQuery) -> Result<Cut<QueuedTask>, MediaError> {
    let status = query.status.unwrap_or(TaskStatus::Queued);
    let asked = QueuePage { status, kind: query.kind, after: page.cursor(), limit: page.rows() };
    let (rows, next) = page.cut(state.db.operations().queue(asked).await?, |t| t.id);
    let surroundings = Surroundings::of(state).await?;
    let any_runs = !state.db.operations().queue(QueuePage::any(TaskStatus::Running)).await?.is_empty();
    let waiting = |row: QueuedTaskRow| {
        let wait = (row.status == TaskStatus::Queued).then(|| surroundings.cause(&row, None, any_runs));
        QueuedTask::new(row, wait)
    };
    Ok((rows.into_iter().map(waiting).collect(), next))
}

/// Queues a parked task again; with it everything of a film that failed by it.
pub async fn retry(state: &AppState, client: &Client, admin: &Viewer, id: TaskId) -> Result<(), MediaError> {
    let task = state.db.operations().task(id).await?.ok_or(MediaError::NotFound)?;
    let now = clock::now();
    let mut tx = state.db.begin().await?;
    let again = tx.packages().retry(task.package_id, now).await?;
    if !again && !tx.tasks().requeue_parked(id, now).await? {
        return Err(MediaError::NotFailed);
    }
    tx.commit().await?;
    state.wake.push(4).await;
    note(state, client, Event::WorkRetried, None, Some(admin.id), &format!("task {id}")).await;
    Ok(())
}

/// Stops the work on the film of a task, whoever wants it: it has failed then, and can be retried.
pub async fn cancel(state: &AppState, client: &Client, admin: &Viewer, id: TaskId) -> Result<(), MediaError> {
    let task = state.db.operations().task(id).await?.ok_or(MediaError::NotFound)?;
    let reason = Reason::new("cancelled", "The work on it was stopped by an administrator.");
    let mut tx = state.db.begin().await?;
    if !tx.work().cancel_package(task.package_id, &reason, clock::now()).await? {
        return Err(MediaError::NotStoppable);
    }
    tx.commit().await?;
    note(state, client, Event::WorkStopped, None, Some(admin.id), &format!("task {id}")).await;
    Ok(())
}

/// Brings the work on the film of a task forward, or back. The same again changes nothing.
pub async fn prefer(
    state: &AppState,
    client: &Client,
    admin: &Viewer,
    id: TaskId,
    priority: Priority,
) -> Result<(), MediaError> {
    let task = state.db.operations().task(id).await?.ok_or(MediaError::NotFound)?;
    let mut tx = state.db.begin().await?;
    if !tx.tasks().prefer(task.package_id, priority).await? {
        return Err(MediaError::NotFound);
    }
    tx.commit().await?;
    state.wake.push(1).await;
    note(state, client, Event::WorkPreferred, None, Some(admin.id), &format!("task {id}: {priority}")).await;
    Ok(())
}

/// Workers, those that started first first, with what each does.
pub async fn workers(state: &AppState) -> Result<Vec<Worker>, MediaError> {
    let running = QueuePage { status: TaskStatus::Running, kind: None, after: None, limit: MOST_RUNNING };
    let mut tasks: HashMap<String, Vec<QueuedTask>> = HashMap::new();
    for row in state.db.operations().queue(running).await? {
        if let Some(worker) = row.worker.clone() {
            tasks.entry(worker).or_default().push(QueuedTask::new(row, None));
        }
    }
    let (rows, now) = state.db.operations().workers().await?;
    let view = |row: sluice_db::WorkerRow| {
        let own = tasks.remove(&row.name).unwrap_or_default();
        Worker::new(row, now, own)
    };
    Ok(rows.into_iter().map(view).collect())
}

/// Objects and bytes by kind, and the space that is left.
pub async fn storage(state: &AppState) -> Result<Stored, MediaError> {
    let items = state.db.operations().stored().await?.into_iter().map(Into::into).collect();
    Ok(Stored { items, disks: state.ingest.space.disks().into_iter().map(Disk::from).collect() })
}
