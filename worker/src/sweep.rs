//! Heals what dying processes leave behind: dead leases, exhausted tasks, unreferenced bytes; and begins what is to be made when
//! there is nothing else to do.

use crate::{
    lease::LeaseSweep,
    pipeline, reencode,
    task::{Context, TaskError},
};
use sluice_db::TaskRow;
use sluice_model::{
    Reason,
    clock::{self, ClockWatch},
};
use sluice_upkeep::Sweep;
use std::time::{Duration, Instant};
use tokio::{sync::watch, time::interval};

/// The round of [`collect`], for all workers.
const GARBAGE: &str = "garbage";
/// Sources that are looked at in one round: some milliseconds of the database, however many there are.
const SOURCES_A_ROUND: i64 = 20_000;

/// Sweeps until `stop` turns true.
pub async fn run(context: Context, lease: Duration, gc_window: Duration, mut stop: watch::Receiver<bool>) {
    let mut leases = LeaseSweep::new(lease);
    let mut ticks = interval(lease / 4);
    let mut collected: Option<Instant> = None;
    let mut clock = ClockWatch::default();
    while !*stop.borrow() {
        tokio::select! {
            _ = stop.changed() => return,
            _ = ticks.tick() => {}
        }
        if let Err(error) = free_leases(&context, &mut leases).await {
            tracing::warn!(%error, "lease sweep");
        }
        if let Err(error) = reencode::tend(&context).await {
            tracing::warn!(%error, "films that are to be encoded again");
        }
        let every = context.ingest.config.retention.sweep_interval.min(gc_window);
        if collected.is_none_or(|at| at.elapsed() >= every) {
            collected = Some(Instant::now());
            if !clock.may_purge() {
                continue;
            }
            if let Err(error) = collect(&context, every, gc_window, &stop).await {
                tracing::warn!(%error, "garbage sweep");
            }
        }
    }
}

async fn free_leases(context: &Context, leases: &mut LeaseSweep) -> Result<(), TaskError> {
    // While the database is away nobody can beat: what was seen before says nothing.
    let running = context.db.tasks().running().await.inspect_err(|_| leases.forget())?;
    for task in leases.observe(running, Instant::now()) {
        if context.db.tasks().free_lease(&task).await? {
            tracing::warn!(task = %task.id, name = task.name, worker = task.worker, "lease is over");
            context.wake.push(1).await;
        }
    }
    for task in context.db.tasks().exhausted().await? {
        park_exhausted(context, &task).await?;
    }
    Ok(())
}

/// A task whose every worker died is not given a fourth.
async fn park_exhausted(context: &Context, task: &TaskRow) -> Result<(), TaskError> {
    let code = task.error_code.clone().unwrap_or_else(|| "worker_lost".to_owned());
    let reason = Reason::new(code, "Processing stopped three times at the same place.");
    let now = clock::now();
    let mut tx = context.db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    if !tx.tasks().park_if_exhausted(task.id, &reason, now).await? {
        return Ok(());
    }
    let is_planned = tx.tasks().has_planning_task(task.package_id).await?;
    if !pipeline::is_beside_the_package(task.kind, is_planned) {
        tx.packages().fail(task.package_id, &reason, now).await?;
    }
    tracing::error!(task = %task.id, name = task.name, "parked");
    Ok(tx.commit().await?)
}

/// Removes unreferenced bytes that are older than the window, and delivered wake-ups: once in `every`, whichever worker is the
/// first. As it does so for all, it goes on while there is something to remove, until the next one is due.
async fn collect(
    context: &Context,
    every: Duration,
    window: Duration,
    stop: &watch::Receiver<bool>,
) -> Result<(), TaskError> {
    let began = Instant::now();
    let rounds = context.db.rounds();
    if !rounds.begin(GARBAGE, every, clock::now()).await? {
        return Ok(());
    }
    let span = rounds.next_sources(GARBAGE, SOURCES_A_ROUND).await?;
    let sweep = Sweep { db: &context.db, store: &context.store, window };
    while sweep.round(span).await?.groups > 0 && began.elapsed() < every && !*stop.borrow() {}
    reencode::place(context).await?;
    context.db.operations().purge_workers().await?;
    context.wake.vacuum().await;
    Ok(())
}
