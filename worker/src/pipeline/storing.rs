//! From a plan to rows: the package, its renditions, and its tasks with what each waits for while the source is
//! arriving.

use crate::{
    plan::{self, Plan, VideoPlan, memory},
    task::{Running, TaskError},
};
use sluice_db::{ClaimedTask, NewTask, PlannedPackage};
use sluice_model::{ChunkPayload, TaskKind, clock};

/// Beyond the guess of where the bytes of a chunk end.
const MARGIN_BYTES: u64 = 1 << 20;
/// Seconds of film that are there before sound and passthrough begin.
const OPENING_S: f64 = 6.0;

/// Stores a plan and queues its tasks; the planning is done if it is `whole`.
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
    let now = clock::now_us();
    let mut tx = context.db.begin().await?;
    tx.lock_package(task.package_id, now).await?;
    tx.hold_claim(task.id, task.token, 1.0).await?;
    tx.store_plan(task.package_id, &planned, now).await?;
    tx.enqueue(follow, now).await?;
    if whole {
        tx.complete_task(task.id, now).await?;
    }
    tx.commit().await?;
    context.wake.push(follow.len()).await;
    Ok(())
}

/// Where the bytes of a moment of the film end, at a guess: films are not evenly dense, and a task that
/// guessed wrong waits once more.
fn needed_by(plan: &Plan, source_bytes: u64, end_s: f64) -> i64 {
    let share = (end_s / plan.duration_s.max(0.1)).clamp(0.0, 1.0);
    ((source_bytes as f64 * share) as u64).saturating_add(MARGIN_BYTES).min(source_bytes) as i64
}

/// The tasks of a plan. Due when a player that starts now would need their first segment.
pub fn tasks_of(plan: &Plan, task: &ClaimedTask, source_bytes: u64) -> Vec<NewTask> {
    // What reads from the start to the end begins once there is an opening.
    let opening = needed_by(plan, source_bytes, OPENING_S);
    let new = |kind, name: String, payload, due_us, cores, memory_bytes| NewTask {
        package_id: task.package_id,
        source_id: task.source_id,
        kind,
        name,
        payload,
        due_us,
        cores,
        memory_bytes,
        needs_bytes: opening,
        not_before_us: 0,
    };
    let mut list = Vec::new();
    if let Some(v) = &plan.video {
        if v.passthrough.is_some() {
            list.push(new(
                TaskKind::Passthrough,
                "passthrough".into(),
                "{}".into(),
                task.due_us,
                0,
                memory::light_bytes(),
            ));
        }
        if !v.rungs.is_empty() {
            list.extend(chunk_tasks(plan, v, task, source_bytes, false, 0));
        }
    }
    if plan.audio.is_some() {
        list.push(new(TaskKind::Audio, "audio".into(), "{}".into(), task.due_us, 1, memory::light_bytes()));
    }
    list
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
    let rungs: Vec<_> = if fallback { video.fallback.iter().cloned().collect() } else { video.rungs.clone() };
    let memory_bytes = memory::chunk_bytes(plan, &rungs);
    let one = |(i, c): (usize, &plan::Chunk)| {
        let payload = ChunkPayload { first: c.first, end: c.end, fallback };
        let offset_us = (video.rate.seconds(video.boundaries[c.first]) * 1e6) as i64;
        NewTask {
            package_id: task.package_id,
            source_id: task.source_id,
            kind: TaskKind::Chunk,
            name: format!("{}-{i:06}", if fallback { "fallback" } else { "chunk" }),
            payload: serde_json::to_string(&payload).unwrap_or_default(),
            due_us: crate::schedule::due_us(task.due_us, offset_us),
            cores: 1,
            memory_bytes,
            needs_bytes: needed_by(plan, source_bytes, video.rate.seconds(video.boundaries[c.end])),
            not_before_us: 0,
        }
    };
    video.chunks.iter().enumerate().skip(first).map(one).collect()
}
