//! Claims tasks as cores and memory allow, keeps their leases, and settles how they end.

use crate::{
    claims::Claims,
    pipeline,
    room::Room,
    schedule, sweep,
    task::{Context, Running, TaskError},
};
use sluice_db::{ClaimedTask, DbError, MAX_ATTEMPTS};
use sluice_model::{ClaimToken, Reason, TaskKind, Timestamp, clock};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::{Notify, watch},
    task::{JoinError, JoinSet},
    time::{interval, timeout},
};
use uuid::Uuid;

/// How often a worker with room looks for work that no wake-up announced.
const LOOK: Duration = Duration::from_secs(1);
/// Pause before listening for wake-ups again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// How long running tasks may finish after a stop was asked for.
const GRACE: Duration = Duration::from_secs(20);
/// Backoff after an infrastructure error.
const INFRASTRUCTURE_BACKOFF: Duration = Duration::from_secs(2);

/// What this worker may use.
#[derive(Debug, Clone)]
pub struct Capacity {
    /// Unique to this process.
    pub name: String,
    pub cores: i64,
    pub memory_bytes: i64,
    pub lease: Duration,
    pub gc_window: Duration,
}

/// Works until `stop` turns true, then finishes or releases what runs.
pub async fn work(context: Context, capacity: Capacity, mut stop: watch::Receiver<bool>) {
    let bell = Arc::new(Notify::new());
    let listener = tokio::spawn(listen(context.clone(), bell.clone(), stop.clone()));
    let sweeper = tokio::spawn(sweep::run(context.clone(), capacity.lease, capacity.gc_window, stop.clone()));
    let claims = Claims::default();
    let watcher = tokio::spawn(claims.clone().watch(context.db.clone(), capacity.name.clone()));
    let mut pool = Pool { context, capacity, claims, running: JoinSet::new(), room: Room::default() };
    let mut look = interval(LOOK);
    while !*stop.borrow() {
        pool.fill().await;
        tokio::select! {
            _ = stop.changed() => {}
            () = bell.notified() => {}
            _ = look.tick() => {}
            Some(ended) = pool.running.join_next(), if !pool.running.is_empty() => pool.free(ended),
        }
    }
    pool.drain().await;
    sweeper.abort();
    watcher.abort();
    // apalis ends by itself once it sees the stop; waiting longer than this would hold the process.
    drop(timeout(Duration::from_secs(2), listener).await);
}

/// Listens for wake-ups, again after the database was away.
async fn listen(context: Context, bell: Arc<Notify>, stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let mut stopped = stop.clone();
        let until = async move { drop(stopped.wait_for(|s| *s).await) };
        // A name is never used twice: apalis would take a new listener for the old one, come back.
        context.wake.listen(format!("wake-{}", Uuid::now_v7()), bell.clone(), Box::pin(until)).await;
        tokio::time::sleep(LISTEN_AGAIN).await;
    }
}

struct Pool {
    context: Context,
    capacity: Capacity,
    claims: Claims,
    running: JoinSet<ClaimedTask>,
    room: Room,
}

impl Pool {
    /// Claims until nothing fits or nothing is due.
    async fn fill(&mut self) {
        loop {
            let limits = self.room.limits(self.capacity.cores, self.capacity.memory_bytes);
            match self.context.db.tasks().claim(&self.capacity.name, ClaimToken::random(), limits).await {
                Ok(Some(task)) => self.start(task),
                Ok(None) => return,
                Err(error) => {
                    tracing::warn!(%error, "cannot claim tasks");
                    return;
                }
            }
        }
    }

    fn start(&mut self, task: ClaimedTask) {
        tracing::info!(task = %task.id, name = task.name, package = %task.package_id, attempt = task.attempts, "task begins");
        self.room.take(&task);
        let running = Running { context: self.context.clone(), task };
        let (lease, claims) = (self.capacity.lease, self.claims.clone());
        self.running.spawn(async move {
            let lost = claims.add(running.task.id, running.task.token);
            run(&running, lease, &lost).await;
            claims.remove(running.task.token);
            running.task
        });
    }

    fn free(&mut self, ended: Result<ClaimedTask, JoinError>) {
        match ended {
            Ok(task) => self.room.give_back(task.id),
            // A panic is a bug; its lease runs out and its room is found again when the pool is empty.
            Err(error) => tracing::error!(%error, "task panicked"),
        }
        if self.running.is_empty() {
            self.room.clear();
        }
    }

    /// Lets tasks finish for a while; what is left is dropped, which ends its child and gives it back.
    async fn drain(&mut self) {
        let finish = async { while self.running.join_next().await.is_some() {} };
        if timeout(GRACE, finish).await.is_err() {
            tracing::info!(left = self.running.len(), "releasing unfinished tasks");
        }
        self.running.shutdown().await;
        if let Ok(left) = self.context.db.tasks().running().await {
            for task in left.iter().filter(|t| t.worker.as_deref() == Some(&self.capacity.name)) {
                if let Some(token) = task.token {
                    drop(self.context.db.tasks().release(task.id, token, Timestamp::EPOCH).await);
                }
            }
        }
        self.context.wake.push(1).await;
    }
}

/// Runs a task under its lease and settles its end. Whatever it runs ends with it, its child too.
async fn run(running: &Running, lease: Duration, lost: &Notify) {
    let outcome = tokio::select! {
        outcome = pipeline::run(running) => outcome,
        () = beat_until_fenced(running, lease) => Err(TaskError::Fenced),
        () = lost.notified() => Err(TaskError::Fenced),
    };
    let Err(error) = outcome else { return };
    let task = &running.task;
    if let TaskError::NotArrived(needed) = error {
        tracing::info!(task = %task.id, name = task.name, needed, "waits for the upload");
    } else {
        tracing::warn!(task = %task.id, name = task.name, package = %task.package_id, attempt = task.attempts, %error, "task ended badly");
    }
    if let Err(error) = settle(running, error).await {
        // The lease runs out and the task is found again.
        tracing::warn!(task = %task.id, %error, "outcome not recorded");
    }
}

/// Extends the lease; returns when it is lost. A database that does not answer is no loss: the fence decides.
async fn beat_until_fenced(running: &Running, lease: Duration) {
    let mut ticks = interval(lease / 5);
    loop {
        ticks.tick().await;
        if let Err(DbError::Fenced) = running.context.db.tasks().heartbeat(running.task.id, running.task.token).await {
            return;
        }
    }
}

async fn settle(running: &Running, error: TaskError) -> Result<(), TaskError> {
    let (db, task) = (&running.context.db, &running.task);
    let now = db.now().await?;
    match error {
        TaskError::Fenced => Ok(()),
        TaskError::NotArrived(needed) => {
            let needed = pipeline::bytes_to_wait_for(running, needed).await?;
            Ok(db.tasks().postpone(task.id, task.token, needed).await?)
        }
        TaskError::Infrastructure(_) => {
            Ok(db.tasks().release(task.id, task.token, now + INFRASTRUCTURE_BACKOFF).await?)
        }
        TaskError::Retry { reason, .. } if task.attempts < MAX_ATTEMPTS => {
            Ok(db.tasks().requeue(task.id, task.token, &reason, now + schedule::backoff(task.attempts)).await?)
        }
        TaskError::Retry { .. } | TaskError::Fail { .. } if task.kind == TaskKind::Passthrough => {
            pipeline::fall_back(running).await
        }
        TaskError::Retry { reason, .. } | TaskError::Fail { reason, .. } => park(running, &reason).await,
    }
}

/// Parks a task and fails its package; a hash that cannot be had costs a duplicate, nothing else.
async fn park(running: &Running, reason: &Reason) -> Result<(), TaskError> {
    let task = &running.task;
    let now = clock::now();
    let mut tx = running.context.db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 0.0).await?;
    tx.tasks().park(task.id, reason, now).await?;
    // With an announced checksum the plan is queued only after the hash, so that without one the package fails; any
    // other hash only costs deduplication.
    if task.kind != TaskKind::Hash || !tx.tasks().has_planning_task(task.package_id).await? {
        tx.packages().fail(task.package_id, reason, now).await?;
    }
    Ok(tx.commit().await?)
}
