//! Heals what dying processes leave behind: dead leases, exhausted tasks, unreferenced bytes.

use crate::{
    lease::LeaseSweep,
    pipeline, publish,
    task::{Context, TaskError},
};
use sluice_db::TaskRow;
use sluice_model::{
    PackageStatus, Reason, SourceId,
    clock::{self, ClockWatch},
};
use sluice_storage::{Key, Prefix};
use std::{
    collections::HashSet,
    time::{Duration, Instant},
};
use tokio::{sync::watch, time::interval};

/// Doomed pictures are left for so long: whoever was about to show one has seen that it is.
const PICTURE_GRACE: Duration = Duration::from_secs(10);

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
        if collected.is_none_or(|at| at.elapsed() >= context.ingest.config.retention.sweep_interval.min(gc_window)) {
            collected = Some(Instant::now());
            if !clock.may_purge() {
                continue;
            }
            if let Err(error) = collect(&context, gc_window).await {
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

/// Removes unreferenced bytes that are older than the window, and delivered wake-ups.
async fn collect(context: &Context, window: Duration) -> Result<(), TaskError> {
    let now = clock::now();
    let before = now - window;
    for source in context.db.sources().mark_deleting(before, now).await? {
        for package in context.db.sources().packages_of(source).await? {
            delete_all(context, &Prefix::Package(package)).await?;
        }
        for home in context.db.sources().extent_homes(source).await? {
            delete_all(context, &Prefix::Source(home)).await?;
        }
        // Dying before this line repeats the deletions, which is harmless.
        context.db.sources().purge(source).await?;
        tracing::info!(%source, "deleted");
    }
    for project in context.db.projects().deleting_documents().await? {
        delete_all(context, &Prefix::Project(project)).await?;
        context.db.projects().purge_documents(project).await?;
    }
    for picture in context.db.pictures().deleting(now - PICTURE_GRACE).await? {
        context.store.delete(&Key::Picture(picture)).await?;
        context.db.pictures().purge(picture).await?;
    }
    for package in context.db.packages().to_sweep(before).await? {
        // A retry may have set it to work again since it was found; its objects are not orphans then.
        let row = context.db.packages().find(package).await?;
        if row.is_some_and(|p| matches!(p.status, PackageStatus::Ready | PackageStatus::Failed)) {
            publish::remove_orphans(context, package).await?;
            context.db.packages().mark_swept(package, now).await?;
        }
    }
    for source in context.db.sources().to_sweep(before).await? {
        for home in context.db.sources().extent_homes(source).await? {
            remove_unrecorded_extents(context, home).await?;
        }
        context.db.sources().mark_swept(source, now).await?;
    }
    context.db.operations().purge_workers().await?;
    context.wake.vacuum().await;
    Ok(())
}

/// Deletes extents that no row names: whoever stored them died before recording them, or lost the upload's lease.
async fn remove_unrecorded_extents(context: &Context, home: SourceId) -> Result<(), TaskError> {
    // Listed before the rows are read: what is recorded in between is named, what comes later is not listed.
    let listed = context.store.list(&Prefix::Source(home)).await?;
    let recorded: HashSet<u64> =
        context.db.sources().extent_numbers(home).await?.into_iter().map(i64::cast_unsigned).collect();
    for key in listed {
        if matches!(key, Key::Extent { number, .. } if !recorded.contains(&number)) {
            context.store.delete(&key).await?;
            tracing::info!(%key, "unrecorded extent deleted");
        }
    }
    Ok(())
}

async fn delete_all(context: &Context, prefix: &Prefix) -> Result<(), TaskError> {
    for key in context.store.list(prefix).await? {
        context.store.delete(&key).await?;
    }
    Ok(())
}
