//! What each kind of task does, in order: the only module that calls the stages.
//!
//! Invariant: a task's effects and its completion are one transaction, so a run that dies anywhere
//! is repeated from where its publications ended.

mod clip;
mod encoding;
mod hashing;
mod import;
mod incremental;
mod planning;
mod poster;
mod storing;
mod subtitles;

pub use encoding::{Encoder, finalize as assemble_package, identify};
pub use planning::{bytes_to_wait_for, fall_back, leave_out};
pub use subtitles::leave_out as leave_out_subtitles;

use crate::{
    child::Entry,
    plan::{Plan, Step, memory},
    publish::ClaimedSink,
    source::{Source, SourceError},
    task::{Context, Running, TaskError},
};
use sluice_db::{ClaimedTask, DbError, NewTask, Tx};
use sluice_model::{PackageId, TaskKind, Timestamp, clock};
use std::{
    ops::Range,
    time::{Duration, Instant},
};

/// Runs one claimed task to its end.
pub async fn run(running: &Running) -> Result<(), TaskError> {
    match running.task.kind {
        TaskKind::Import => import::run(running).await,
        TaskKind::Plan => planning::make_plan(running).await,
        TaskKind::Hash => hashing::hash(running).await,
        TaskKind::Passthrough | TaskKind::Images | TaskKind::Audio | TaskKind::Chunk => encode(running).await,
        TaskKind::Poster => poster::choose(running).await,
        TaskKind::Subtitles => subtitles::extract(running).await,
        TaskKind::Copy => clip::copy(running).await,
        TaskKind::Finalize => finalize(running).await,
    }
}

impl Running {
    /// The bytes that the task works on: of a clip those of its film.
    async fn source(&self) -> Result<Source, TaskError> {
        let (db, store) = (&self.context.db, &self.context.store);
        let package = db.packages().find(self.task.package_id).await?.ok_or(TaskError::Fenced)?;
        match package.clip_source_id {
            None => Ok(Source::open(db, store, self.task.source_id).await?),
            Some(film) => Source::open(db, store, film).await.map_err(|e| match e {
                SourceError::Database(DbError::Fenced) => clip::film_gone(),
                other => other.into(),
            }),
        }
    }

    async fn plan(&self) -> Result<Plan, TaskError> {
        plan_of(&self.context, self.task.package_id).await
    }

    /// Completes the task, queues what follows, and the finalization after the last.
    async fn complete(&self, follow: &[NewTask]) -> Result<(), TaskError> {
        let (db, task) = (&self.context.db, &self.task);
        let now = clock::now();
        let mut tx = db.begin().await?;
        tx.packages().lock(task.package_id, now).await?;
        tx.tasks().hold_claim(task.id, task.token, 1.0).await?;
        self.complete_in(tx, follow, now).await
    }

    /// The same in a transaction that has locked the package, holds the claim, and has what the task did.
    async fn complete_in(&self, mut tx: Tx, follow: &[NewTask], now: Timestamp) -> Result<(), TaskError> {
        let task = &self.task;
        tx.tasks().complete(task.id, now).await?;
        tx.tasks().enqueue(follow, now).await?;
        let last = tx.tasks().unfinished(task.package_id).await? == 0;
        if last {
            tx.tasks().enqueue(&[finalize_task(task)], now).await?;
        }
        tx.commit().await?;
        self.context.wake.push(follow.len() + usize::from(last)).await;
        Ok(())
    }

    fn encoder(&self) -> Encoder<'_> {
        Encoder { children: &self.context.children, settings: &self.context.settings }
    }
}

/// The plan of a package that was planned.
async fn plan_of(context: &Context, package: PackageId) -> Result<Plan, TaskError> {
    let package = context.db.packages().find(package).await?.ok_or(TaskError::Fenced)?;
    let text = package.plan.ok_or_else(|| TaskError::corrupt("no plan"))?;
    serde_json::from_str(&text).map_err(TaskError::corrupt)
}

/// What the plan knows of where the source's entry points are.
fn index_of(plan: &Plan) -> Vec<Entry> {
    let Some(v) = &plan.video else { return Vec::new() };
    let entries = v.keys.iter().zip(&v.key_positions);
    entries.map(|(time, position)| Entry { time: *time, unit: v.time_base, position: *position }).collect()
}

/// Ends a task whose work a film can do without.
pub async fn go_without(running: &Running) -> Result<(), TaskError> {
    running.complete(&[]).await
}

fn finalize_task(task: &ClaimedTask) -> NewTask {
    NewTask {
        package_id: task.package_id,
        source_id: task.source_id,
        kind: TaskKind::Finalize,
        name: "finalize".to_owned(),
        payload: "{}".to_owned(),
        due_at: task.due_at,
        cores: 0,
        memory_bytes: memory::light_bytes(),
        needs_bytes: 0,
        not_before: Timestamp::EPOCH,
    }
}

/// Whether a package is as good without a task that cannot be done. A hash that cannot be had costs a duplicate; but with an
/// announced checksum the plan is queued only after it, and until then the package is not planned.
pub fn is_beside_the_package(kind: TaskKind, is_planned: bool) -> bool {
    match kind {
        TaskKind::Hash => is_planned,
        TaskKind::Poster => true,
        _ => false,
    }
}

/// Whether a package is one without what a task makes.
pub fn is_optional(task: &ClaimedTask) -> bool {
    task.kind == TaskKind::Audio && step_of(task).is_ok_and(|step| step.is_optional())
}

/// The step that a task is.
fn step_of(task: &ClaimedTask) -> Result<Step, TaskError> {
    Ok(match task.kind {
        TaskKind::Audio => Step::Audio(serde_json::from_str(&task.payload).map_err(TaskError::corrupt)?),
        TaskKind::Chunk => {
            Step::Chunk { number: 0, payload: serde_json::from_str(&task.payload).map_err(TaskError::corrupt)? }
        }
        TaskKind::Passthrough => Step::Passthrough,
        TaskKind::Images => Step::Images,
        other => return Err(TaskError::corrupt(format!("a task of the kind {other} encodes nothing"))),
    })
}

async fn encode(running: &Running) -> Result<(), TaskError> {
    let (plan, step) = (running.plan().await?, step_of(&running.task)?);
    let source = running.source().await?;
    let began = Instant::now();
    let under_way = matches!(step, Step::Chunk { .. }).then(|| running.context.throughput.begin());
    let made = running.encoder().run(source, &plan, &step, running.threads, &ClaimedSink::new(running)).await?;
    if let (Some(under_way), Step::Chunk { payload, .. }) = (under_way, &step)
        && !made.is_empty()
    {
        // What an earlier run had published cost this one nothing.
        let share = made.len() as f64 / payload.end.saturating_sub(payload.first).max(1) as f64;
        under_way.done(share * payload.cost_ms as f64 / 1000.0);
        sluice_metrics::encoded(length_of(&plan, made), began.elapsed());
    }
    running.complete(&[]).await
}

/// How much of the film these segments are.
fn length_of(plan: &Plan, segments: Range<usize>) -> Duration {
    let cuts = plan.cuts_s();
    let at = |number: usize| cuts.get(number).copied();
    let length_s = at(segments.end).zip(at(segments.start)).map_or(0.0, |(end, start)| end - start);
    Duration::try_from_secs_f64(length_s).unwrap_or_default()
}

async fn finalize(running: &Running) -> Result<(), TaskError> {
    let package = running.context.db.packages().find(running.task.package_id).await?.ok_or(TaskError::Fenced)?;
    encoding::finalize(&ClaimedSink::new(running), package.target_s.unwrap_or(6) as u64).await?;
    sluice_trace::film(package.id, package.created_at, clock::now(), None);
    Ok(())
}
