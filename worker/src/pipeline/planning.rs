//! From a source to tasks: the probe, the plan, and what each task waits for while the source is arriving.

use crate::{
    child::{Entry, Job, Probe, Work},
    pipeline::growing,
    plan::{self, Plan, SourceFacts, VideoPlan, memory},
    source::{Source, SourceReader},
    task::{ChunkPayload, Running, TaskError},
};
use sluice_common::{
    clock,
    db::{ClaimedTask, NewTask, PlannedPackage},
    model::{Reason, TaskKind},
    sniff::{Demuxer, SNIFF_BYTES, sniff},
};

/// A task that reads the whole source while it arrives is begun anew at most so often ...
const STEPS: i64 = 16;
/// ... and not for less than this.
const LEAST_STEP_BYTES: i64 = 1 << 20;
/// Beyond the guess of where the bytes of a chunk end.
const MARGIN_BYTES: u64 = 1 << 20;
/// Seconds of film that are there before sound and passthrough begin.
const OPENING_S: f64 = 6.0;

/// Plans a package and queues its tasks.
pub async fn make_plan(running: &Running) -> Result<(), TaskError> {
    let (context, task) = (&running.context, &running.task);
    let source = running.source().await?;
    let head = source.read_at(0, SNIFF_BYTES as u64).await?;
    let unsupported =
        || TaskError::fail(Reason::new("unsupported_type", "The file is no video or audio that is supported."));
    let demuxer = sniff(&head).ok_or_else(unsupported)?;
    let (source_bytes, arrived_bytes) = (source.size(), source.arrived());
    if growing::go_on(running, &source, demuxer).await? {
        return Ok(());
    }
    let facts =
        running.probe(source, demuxer, Probe::Whole { arrived_bytes }, Vec::new()).await.map_err(|e| match e {
            // Its index did not suffice after all.
            TaskError::NotArrived(_) => TaskError::NotArrived(source_bytes),
            other => other,
        })?;
    let plan = plan::plan(&facts, &context.settings, context.fleet_cores).map_err(TaskError::fail)?;
    let follow = tasks_of(&plan, task, source_bytes);
    store(running, &plan, &follow, true).await
}

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

impl Running {
    /// Asks a child what a source is.
    pub async fn probe(
        &self,
        source: Source,
        demuxer: Demuxer,
        scope: Probe,
        index: Vec<Entry>,
    ) -> Result<SourceFacts, TaskError> {
        let (source_bytes, max_pixels) = (source.size(), self.context.settings.max_pixels);
        let job = Job { source_bytes, demuxer, max_pixels, index, work: Work::Probe(scope) };
        Ok(self.context.children.probe(job, SourceReader::new(source)).await?)
    }
}

/// What a task that ran out of arrived bytes waits for: enough that its next run gets somewhere.
pub async fn worth_waiting_for(running: &Running, needed: u64) -> Result<i64, TaskError> {
    let row = running.context.db.source(running.task.source_id).await?.ok_or(TaskError::Fenced)?;
    let total = row.total_bytes.unwrap_or(i64::MAX);
    let step = (total / STEPS).max(LEAST_STEP_BYTES);
    // The plan alone knows exactly what it needs.
    let wanted = if running.task.kind == TaskKind::Plan { needed as i64 } else { (needed as i64).saturating_add(step) };
    Ok(wanted.min(total))
}

/// Where the bytes of a moment of the film end, at a guess: films are not evenly dense, and a task that
/// guessed wrong waits once more.
fn needed_by(plan: &Plan, source_bytes: u64, end_s: f64) -> i64 {
    let share = (end_s / plan.duration_s.max(0.1)).clamp(0.0, 1.0);
    ((source_bytes as f64 * share) as u64).saturating_add(MARGIN_BYTES).min(source_bytes) as i64
}

/// The tasks of a plan. Due when a player that starts now would need their first segment.
fn tasks_of(plan: &Plan, task: &ClaimedTask, source_bytes: u64) -> Vec<NewTask> {
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
            due_us: sluice_common::queue::due_us(task.due_us, offset_us),
            cores: 1,
            memory_bytes,
            needs_bytes: needed_by(plan, source_bytes, video.rate.seconds(video.boundaries[c.end])),
            not_before_us: 0,
        }
    };
    video.chunks.iter().enumerate().skip(first).map(one).collect()
}

/// What happens instead of failing when a passthrough does not fit: its rung is encoded.
pub async fn fall_back(running: &Running) -> Result<(), TaskError> {
    let (db, task) = (&running.context.db, &running.task);
    let plan = running.plan().await?;
    let video = plan.video.as_ref().ok_or_else(|| TaskError::corrupt("a passthrough without a picture"))?;
    let source_bytes = running.source().await?.size();
    let follow = chunk_tasks(&plan, video, task, source_bytes, true, 0);
    let rendition: Vec<_> = plan.fallback_rendition().into_iter().collect();
    let now = clock::now_us();
    let mut tx = db.begin().await?;
    tx.lock_package(task.package_id, now).await?;
    tx.hold_claim(task.id, task.token, 1.0).await?;
    tx.drop_passthrough(task.package_id).await?;
    tx.insert_renditions(task.package_id, &rendition).await?;
    tx.enqueue(&follow, now).await?;
    tx.complete_task(task.id, now).await?;
    tx.commit().await?;
    running.context.wake.push(follow.len()).await;
    Ok(())
}
