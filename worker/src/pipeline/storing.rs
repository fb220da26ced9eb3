//! From a plan to rows: the package, its renditions, and its tasks with what each waits for while the source is
//! arriving.

use crate::{
    plan::{Plan, Rung, Step, VideoPlan, cost, memory},
    schedule,
    task::{Running, TaskError},
};
use sluice_db::{ClaimedTask, NewTask, PlannedPackage};
use sluice_ingest::{IngestError, completion, quota};
use sluice_model::{Reason, TaskKind, clock};

/// Beyond the guess of where the bytes of a chunk end.
const MARGIN_BYTES: u64 = 1 << 20;
/// Seconds of film that are there before sound and passthrough begin.
const OPENING_S: f64 = 6.0;

/// Stores a plan, counts what it costs and queues its tasks; the planning is done if it is `whole`.
pub async fn store(running: &Running, plan: &Plan, follow: &[NewTask], whole: bool) -> Result<(), TaskError> {
    let (context, task) = (&running.context, &running.task);
    let text = serde_json::to_string(plan).map_err(TaskError::corrupt)?;
    let size =
        plan.video.as_ref().and_then(|v| v.passthrough.as_ref().or(v.rungs.first())).map(|r| (r.width, r.height));
    let planned = PlannedPackage {
        kind: plan.kind(),
        plan: &text,
        duration_ms: whole.then_some((plan.duration_s * 1000.0).round() as i64),
        width: size.map(|s| s.0.into()),
        height: size.map(|s| s.1.into()),
        target_s: plan.target_s as i64,
        renditions: plan.renditions(),
    };
    let now = clock::now();
    let mut tx = context.db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 1.0).await?;
    tx.packages().store_plan(task.package_id, &planned, now).await?;
    let warnings = serde_json::to_string(&plan.warnings).map_err(TaskError::corrupt)?;
    tx.packages().set_warnings(task.package_id, &warnings).await?;
    let cost_ms = cost::millis(cost::cost_s(plan));
    quota::charge_encode(&mut tx, &context.ingest.config, task.package_id, cost_ms, now).await.map_err(uncharged)?;
    tx.tasks().enqueue(follow, now).await?;
    if whole {
        tx.tasks().complete(task.id, now).await?;
    }
    tx.commit().await?;
    context.wake.push(follow.len()).await;
    Ok(())
}

/// A film for which its owner has no more encoding today fails; it can be retried tomorrow.
fn uncharged(error: IngestError) -> TaskError {
    match error {
        IngestError::QuotaExceeded(what) => {
            TaskError::fail(Reason::new("quota_exceeded", format!("Your account may not have more {what}.")))
        }
        IngestError::Database(error) => error.into(),
        other => TaskError::Infrastructure(other.to_string()),
    }
}

/// Where the bytes of a moment of the film end, at a guess: films are not evenly dense, and a task that
/// guessed wrong waits once more.
fn needed_by(plan: &Plan, source_bytes: u64, end_s: f64) -> i64 {
    let share = (end_s / plan.duration_s.max(0.1)).clamp(0.0, 1.0);
    ((source_bytes as f64 * share) as u64).saturating_add(MARGIN_BYTES).min(source_bytes) as i64
}

/// The tasks of a plan. Due when a player that starts now would need their first segment.
pub fn tasks_of(plan: &Plan, task: &ClaimedTask, source_bytes: u64) -> Vec<NewTask> {
    plan.steps().into_iter().map(|step| step_task(plan, task, source_bytes, step)).collect()
}

/// The tasks of the chunks from the number `first` on.
pub fn chunk_tasks(
    plan: &Plan,
    video: &VideoPlan,
    task: &ClaimedTask,
    source_bytes: u64,
    fallback: bool,
    first: usize,
) -> Vec<NewTask> {
    video.chunk_steps(fallback).skip(first).map(|step| step_task(plan, task, source_bytes, step)).collect()
}

/// The task of a step.
fn step_task(plan: &Plan, task: &ClaimedTask, source_bytes: u64, step: Step) -> NewTask {
    // What reads from the start to the end begins once there is an opening.
    let opening = needed_by(plan, source_bytes, OPENING_S);
    let whole = |kind: TaskKind, cores| NewTask {
        cores,
        needs_bytes: opening,
        ..completion::source_task(task.package_id, task.source_id, kind, task.due_at)
    };
    match (step, &plan.video) {
        (Step::Chunk { number, payload }, Some(video)) => {
            let second = |segment: usize| video.rate.seconds(video.boundaries.get(segment).copied().unwrap_or(0));
            let rungs: &[Rung] = if payload.fallback { video.fallback.as_slice() } else { &video.rungs };
            let due_at = schedule::due_at(task.due_at, second(payload.first));
            NewTask {
                name: format!("{}-{number:06}", if payload.fallback { "fallback" } else { "chunk" }),
                payload: serde_json::to_string(&payload).unwrap_or_default(),
                cores: 1,
                memory_bytes: memory::chunk_bytes(plan, rungs),
                needs_bytes: needed_by(plan, source_bytes, second(payload.end)),
                ..completion::source_task(task.package_id, task.source_id, TaskKind::Chunk, due_at)
            }
        }
        (Step::Audio(_), _) => whole(TaskKind::Audio, 1),
        // It moves bytes and needs no core.
        _ => whole(TaskKind::Passthrough, 0),
    }
}
