//! Claims tasks as cores and memory allow, keeps their leases, and settles how they end.

use crate::{
    claims::Claims,
    pipeline, presence,
    room::Room,
    schedule::{self, Outage},
    sweep,
    task::{Context, Running, TaskError},
};
use sluice_db::{ClaimLimits, ClaimedTask, DbError, MAX_ATTEMPTS};
use sluice_model::{ClaimToken, Reason, TaskKind, TaskKinds, Timestamp, clock};
use std::{
    future::pending,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{Notify, watch},
    task::{JoinError, JoinSet},
    time::{interval, interval_at, sleep, timeout},
};
use tracing::Instrument;
use uuid::Uuid;

/// How often a worker with room looks for work that no wake-up announced.
const LOOK: Duration = Duration::from_secs(1);
/// Who listened for wake-ups so long listened well; what ended it was another outage.
const LISTENED: Duration = Duration::from_secs(10);
/// How long a claim that is under way may take when a stop is asked for.
const LAST_CLAIM: Duration = Duration::from_secs(1);
/// How long running tasks may finish after a stop was asked for.
const GRACE: Duration = Duration::from_secs(20);
/// How long giving back what is left may take: a stop ends in time whatever the database does.
const RELEASE: Duration = Duration::from_secs(5);

/// What this worker may use.
#[derive(Debug, Clone)]
pub struct Capacity {
    /// Unique to this process.
    pub name: String,
    pub cores: i64,
    pub memory_bytes: i64,
    /// Kinds of task that it takes.
    pub kinds: TaskKinds,
    pub lease: Duration,
    pub gc_window: Duration,
}

/// Works until `stop` turns true, then finishes or releases what runs.
pub async fn work(context: Context, capacity: Capacity, mut stop: watch::Receiver<bool>) {
    let bell = Arc::new(Notify::new());
    let listener = tokio::spawn(listen(context.clone(), bell.clone(), stop.clone()));
    let sweeper = tokio::spawn(sweep::run(context.clone(), capacity.lease, capacity.gc_window, stop.clone()));
    let claims = Claims::default();
    let signs = tokio::spawn(presence::sign(context.clone(), capacity.clone()));
    let watcher = tokio::spawn(claims.clone().watch(context.db.clone(), capacity.name.clone()));
    let mut pool = Pool {
        context,
        capacity,
        claims,
        running: JoinSet::new(),
        room: Room::new(),
        outage: Outage::default(),
        claim_after: None,
    };
    let mut look = interval(LOOK);
    while !*stop.borrow() {
        tokio::select! {
            () = pool.fill() => {}
            // A claim that the database holds back keeps nobody from ending; if it is had after all, its lease runs out.
            () = stopped(stop.clone()) => break,
        }
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
    signs.abort();
    presence::sign_off(&pool.context, &pool.capacity.name).await;
    // apalis ends by itself once it sees the stop; waiting longer than this would hold the process.
    drop(timeout(Duration::from_secs(2), listener).await);
}

/// Listens for wake-ups, again after the database was away.
async fn listen(context: Context, bell: Arc<Notify>, stop: watch::Receiver<bool>) {
    let outage = Outage::default();
    while !*stop.borrow() {
        let mut stopped = stop.clone();
        let began = Instant::now();
        let until = async move { drop(stopped.wait_for(|s| *s).await) };
        // A name is never used twice: apalis would take a new listener for the old one, come back.
        context.wake.listen(format!("wake-{}", Uuid::now_v7()), bell.clone(), Box::pin(until)).await;
        if began.elapsed() > LISTENED {
            outage.over();
        }
        sleep(outage.failed()).await;
    }
}

struct Pool {
    context: Context,
    capacity: Capacity,
    claims: Claims,
    running: JoinSet<ClaimedTask>,
    room: Room,
    /// Of claims that failed.
    outage: Outage,
    /// No claims before this, because the last one failed.
    claim_after: Option<Instant>,
}

impl Pool {
    /// Claims until nothing fits or nothing is due; not while the disk is nearly full, and after a failure of the
    /// database only when its pause is over.
    async fn fill(&mut self) {
        if self.context.ingest.space.shortage().is_some() || self.claim_after.is_some_and(|at| Instant::now() < at) {
            return;
        }
        loop {
            let Capacity { cores, memory_bytes, kinds, .. } = self.capacity;
            let limits = ClaimLimits { kinds, ..self.room.limits(cores, memory_bytes) };
            match self.context.db.tasks().claim(&self.capacity.name, ClaimToken::random(), limits).await {
                Ok(Some(task)) => {
                    self.outage.over();
                    let threads = self.threads(&task).await;
                    self.start(task, threads);
                }
                Ok(None) => return self.outage.over(),
                Err(error) => {
                    let pause = self.outage.failed();
                    self.claim_after = Some(Instant::now() + pause);
                    tracing::warn!(%error, ?pause, "cannot claim tasks");
                    return;
                }
            }
        }
    }

    /// Threads for a task that was claimed. Cores that nothing waits for help it.
    async fn threads(&self, task: &ClaimedTask) -> i64 {
        let Capacity { cores, memory_bytes, .. } = self.capacity;
        if task.kind != TaskKind::Chunk || cores == 1 {
            return 1;
        }
        // A database that does not answer says that work is waiting: one thread is never wrong.
        let waiting = self.context.db.tasks().waiting_for_cores(cores * 2).await.unwrap_or(i64::MAX);
        self.room.threads(task, waiting, cores, memory_bytes)
    }

    fn start(&mut self, task: ClaimedTask, threads: i64) {
        tracing::info!(task = %task.id, name = task.name, package = %task.package_id, attempt = task.attempts, "task begins");
        self.room.take(&task, threads);
        let running = Running { context: self.context.clone(), task, threads: threads.max(1) as usize };
        let (lease, claims) = (self.capacity.lease, self.claims.clone());
        let span = tracing::info_span!("task", trace_id = sluice_trace::trace_id(running.task.package_id));
        let work = async move {
            let lost = claims.add(running.task.id, running.task.token);
            run(&running, lease, &lost).await;
            claims.remove(running.task.token);
            running.task
        };
        self.running.spawn(work.instrument(span));
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
        if timeout(RELEASE, self.release()).await.is_err() {
            tracing::warn!("the database does not answer: what is left is found when its lease is over");
        }
    }

    /// Gives back what this worker has, and says that there is work.
    async fn release(&self) {
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
    let began = Instant::now();
    let outcome = tokio::select! {
        outcome = pipeline::run(running) => outcome,
        () = beat_until_fenced(running, lease) => Err(TaskError::Fenced),
        () = lost.notified() => Err(TaskError::Fenced),
    };
    let (task, took) = (&running.task, began.elapsed());
    sluice_metrics::task(task.kind.as_str(), outcome_name(&outcome), took);
    trace(task, outcome_name(&outcome), took);
    let ms = took.as_millis() as u64;
    let Err(error) = outcome else {
        tracing::info!(task = %task.id, name = task.name, package = %task.package_id, ms, "task ends");
        return running.context.outage.over();
    };
    match error {
        TaskError::NotArrived(needed) => {
            tracing::info!(task = %task.id, name = task.name, needed, ms, "waits for the upload");
        }
        // Others have it now, or nobody wants it: what was given up while it ran, or found to be here already.
        TaskError::Fenced => {
            tracing::info!(task = %task.id, name = task.name, package = %task.package_id, ms, "task was taken away");
        }
        _ => {
            tracing::warn!(task = %task.id, name = task.name, package = %task.package_id, attempt = task.attempts, ms, %error, "task ended badly");
        }
    }
    tokio::select! {
        () = settle_at_last(running, &error) => {}
        () = beat_until_fenced(running, lease) => {}
    }
}

/// The run as a part of its film's trace.
fn trace(task: &ClaimedTask, outcome: &'static str, took: Duration) {
    let end = clock::now();
    let begin = end - took;
    let waited_ms = begin.duration_since(task.due_at).as_millis() as i64;
    let said = [
        ("sluice.task", task.name.clone().into()),
        ("sluice.attempt", task.attempts.into()),
        ("sluice.outcome", outcome.into()),
        ("sluice.waited_ms", waited_ms.into()),
    ];
    sluice_trace::part(task.package_id, task.kind.as_str(), (begin, end), said);
}

/// How a run ended, in one word.
fn outcome_name(outcome: &Result<(), TaskError>) -> &'static str {
    match outcome {
        Ok(()) => "done",
        Err(TaskError::Retry { .. }) => "retry",
        Err(TaskError::Fail { .. }) => "failed",
        Err(TaskError::Infrastructure(_)) => "released",
        Err(TaskError::NotArrived(_)) => "waits",
        Err(TaskError::Fenced) => "lost",
    }
}

/// Settles an end, however long the database is away: a claim that nobody settles counts as a worker lost.
async fn settle_at_last(running: &Running, error: &TaskError) {
    let outage = Outage::default();
    while let Err(failed) = settle(running, error).await {
        let pause = outage.failed();
        tracing::warn!(task = %running.task.id, error = %failed, ?pause, "outcome not recorded yet");
        if !matches!(failed, TaskError::Infrastructure(_)) {
            // The lease runs out and the task is found again.
            return;
        }
        sleep(pause).await;
    }
}

/// Extends the lease; returns when it is lost. A database that does not answer is no loss: the fence decides.
async fn beat_until_fenced(running: &Running, lease: Duration) {
    // The claim itself was the first sign of life. A beat beside the end of a short task would find it ended.
    let mut ticks = interval_at(tokio::time::Instant::now() + lease / 5, lease / 5);
    loop {
        ticks.tick().await;
        let tasks = running.context.db.tasks();
        if let Err(DbError::Fenced) = tasks.heartbeat(running.task.id, running.task.token).await {
            // What has just completed has no claim either, and has something left to do: it wakes others.
            match tasks.is_done(running.task.id).await {
                Ok(true) => pending().await,
                _ => return,
            }
        }
    }
}

/// Returns when `stop` has been true for as long as a claim takes that nothing holds back.
async fn stopped(mut stop: watch::Receiver<bool>) {
    drop(stop.wait_for(|s| *s).await);
    sleep(LAST_CLAIM).await;
}

async fn settle(running: &Running, error: &TaskError) -> Result<(), TaskError> {
    let (db, task) = (&running.context.db, &running.task);
    let now = db.now().await?;
    match error {
        TaskError::Fenced => Ok(()),
        TaskError::NotArrived(needed) => {
            let needed = pipeline::bytes_to_wait_for(running, *needed).await?;
            Ok(db.tasks().postpone(task.id, task.token, needed).await?)
        }
        TaskError::Infrastructure(_) => {
            let pause = running.context.outage.failed();
            Ok(db.tasks().release(task.id, task.token, now + pause).await?)
        }
        TaskError::Retry { reason, .. } if task.attempts < MAX_ATTEMPTS => {
            Ok(db.tasks().requeue(task.id, task.token, reason, now + schedule::backoff(task.attempts)).await?)
        }
        TaskError::Retry { .. } | TaskError::Fail { .. } if task.kind == TaskKind::Passthrough => {
            pipeline::fall_back(running).await
        }
        TaskError::Retry { reason, .. } | TaskError::Fail { reason, .. } if task.kind == TaskKind::Subtitles => {
            pipeline::leave_out_subtitles(running, reason).await
        }
        TaskError::Retry { .. } | TaskError::Fail { .. } if pipeline::is_optional(task) => {
            pipeline::leave_out(running).await
        }
        TaskError::Retry { .. } | TaskError::Fail { .. } if task.kind == TaskKind::Images => {
            pipeline::go_without(running).await
        }
        TaskError::Retry { reason, .. } | TaskError::Fail { reason, .. } => park(running, reason).await,
    }
}

/// Parks a task and fails its package, unless that is as good without it.
async fn park(running: &Running, reason: &Reason) -> Result<(), TaskError> {
    let task = &running.task;
    let now = clock::now();
    let mut tx = running.context.db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 0.0).await?;
    tx.tasks().park(task.id, reason, now).await?;
    let is_planned = tx.tasks().has_planning_task(task.package_id).await?;
    if pipeline::is_beside_the_package(task.kind, is_planned) {
        return Ok(tx.commit().await?);
    }
    tx.packages().fail(task.package_id, reason, now).await?;
    tx.commit().await?;
    if let Some(package) = running.context.db.packages().find(task.package_id).await? {
        sluice_trace::film(package.id, package.created_at, now, Some(&reason.code));
    }
    Ok(())
}
