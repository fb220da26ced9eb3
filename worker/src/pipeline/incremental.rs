//! Incremental planning: a film is planned while it is delivered, each time as far as its bytes allow.
//!
//! Invariant: a plan only ever continues the one before it, so what is published stays true. Bytes that tell
//! of another film than the first ones did have it planned anew, when all are there.

use super::{
    index_of,
    storing::{store, subtitles_task, tasks_of_steps},
};
use crate::{
    child::Probe,
    plan::{
        self, Plan, SourceFacts, cost,
        incremental::{Delivered, Halt},
    },
    schedule,
    source::{
        Source,
        moov::{MoovPosition, moov_position},
    },
    task::{Running, TaskError},
};
use sluice_db::{MAX_ATTEMPTS, NewTask};
use sluice_ingest::{completion, sniff::Demuxer};
use sluice_model::{AudioPayload, TaskKind, clock};

/// Largest index in front of an MP4 that is read while the rest is arriving: more than ten hours' worth.
const MOST_INDEX_BYTES: u64 = 64 << 20;
/// Wait for the last byte from which an early start is worth it, seconds. Who waits less gets the better package:
/// one that keeps the pictures and the sound of the source where it can.
const EARLY_START_GAIN_S: f64 = 5.0;
/// Bytes from which a beginning is sought at all.
const LEAST_BYTES: u64 = 128 << 10;
/// A film is planned on when so much more of it is there, seconds ...
const STEP_S: f64 = 12.0;
/// ... but not more often than this in all.
const MOST_STEPS: u64 = 64;

/// Plans a film as far as it has delivered. `true` when that is all there is to plan; `false` when the film is to
/// be planned as a whole, and can be.
pub async fn plan_delivered(running: &Running, source: &Source, demuxer: Demuxer) -> Result<bool, TaskError> {
    let (db, task) = (&running.context.db, &running.task);
    let delivered = Delivered { bytes: source.delivered_up_to(), total: source.size() };
    let begun = match db.packages().find(task.package_id).await?.ok_or(TaskError::Fenced)?.plan {
        Some(text) => Some(serde_json::from_str::<Plan>(&text).map_err(TaskError::corrupt)?),
        None => None,
    };
    match begun.filter(|p| p.incremental.is_some()) {
        Some(plan) => extend(running, source, plan, delivered).await,
        None if delivered.bytes < delivered.total => begin(running, source, demuxer, delivered).await,
        None => Ok(false),
    }
}

async fn begin(running: &Running, source: &Source, demuxer: Demuxer, delivered: Delivered) -> Result<bool, TaskError> {
    let wait_for = |bytes: u64| TaskError::NotArrived(bytes.min(delivered.total));
    match demuxer {
        Demuxer::Mov => match moov_position(&source.read_at(0, MOST_INDEX_BYTES).await?) {
            MoovPosition::Delivered => return Ok(false),
            MoovPosition::NeedsBytes(bytes) if bytes < MOST_INDEX_BYTES => return Err(wait_for(bytes)),
            MoovPosition::NeedsBytes(_) | MoovPosition::AfterMdat => return Err(wait_for(delivered.total)),
            MoovPosition::Fragmented => {}
        },
        Demuxer::Matroska | Demuxer::MpegTs => {}
        _ => return Err(wait_for(delivered.total)),
    }
    // Nobody knows how loud a sound is before its end.
    if running.context.settings.loudness.is_some() {
        return Err(wait_for(delivered.total));
    }
    check_gain(running, source, delivered).await?;
    let facts = running.encoder().probe(source.clone().so_far(), demuxer, Probe::Beginning, Vec::new()).await;
    let plan = match facts {
        Ok(facts) => {
            let context = &running.context;
            plan::incremental::begin(&facts, &context.settings, context.fleet_cores, delivered)
                .map_err(TaskError::fail)?
        }
        // What cannot be read yet may be when there is more of it.
        Err(error) if is_final(&error, running) => None,
        Err(other) => return Err(other),
    };
    let Some(plan) = plan else { return Err(wait_for(delivered.bytes.saturating_mul(2))) };
    publish(running, &plan, None, delivered).await
}

/// Whether the last byte is so far away that it is worth beginning without it.
async fn check_gain(running: &Running, source: &Source, delivered: Delivered) -> Result<(), TaskError> {
    let row = running.context.db.sources().find(running.task.source_id).await?.ok_or(TaskError::Fenced)?;
    if row.total_bytes.is_none() {
        return Err(TaskError::NotArrived(delivered.total));
    }
    // The task was queued with the first extent: what came before says nothing of the line.
    let spent_s = clock::now().duration_since(running.task.due_at).as_secs_f64();
    let left = delivered.total - delivered.bytes;
    let since = delivered.bytes - source.first_bytes().min(delivered.bytes);
    let left_s = if since == 0 { 0.0 } else { spent_s * left as f64 / since as f64 };
    if delivered.bytes >= LEAST_BYTES && left_s >= EARLY_START_GAIN_S {
        return Ok(());
    }
    Err(TaskError::NotArrived((delivered.bytes + (left / 8).max(LEAST_BYTES)).min(delivered.total)))
}

async fn extend(running: &Running, source: &Source, plan: Plan, delivered: Delivered) -> Result<bool, TaskError> {
    let context = &running.context;
    let Some(video) = &plan.video else { return Err(TaskError::corrupt("an incremental plan without a picture")) };
    let seek = video.keys.last().copied().unwrap_or(video.first_pts);
    let scope = Probe::After { video: video.stream, audio: plan.audio.as_ref().map(|a| a.stream), seek };
    let facts = running.encoder().probe(source.clone().so_far(), plan.demuxer, scope, index_of(&plan)).await;
    let next = match facts {
        Ok(facts) => {
            check_length(running, &plan, &facts)?;
            plan::incremental::extend(&plan, &facts, context.fleet_cores, delivered)
        }
        Err(error) if is_final(&error, running) => Err(Halt::Changed),
        Err(other) => return Err(other),
    };
    match next {
        Ok(next) => publish(running, &next, Some(&plan), delivered).await,
        Err(Halt::Early) if delivered.bytes < delivered.total => {
            Err(TaskError::NotArrived(next_bytes(&plan, delivered)))
        }
        Err(_) if delivered.bytes < delivered.total => Err(TaskError::NotArrived(delivered.total)),
        Err(_) => {
            tracing::warn!(package = %running.task.package_id, "the film changed while it arrived and is planned anew");
            start_over(running).await?;
            Ok(false)
        }
    }
}

/// Whether another run on these bytes is of no use; one on all of them may be.
fn is_final(error: &TaskError, running: &Running) -> bool {
    match error {
        TaskError::Fail { .. } => true,
        TaskError::Retry { .. } => running.task.attempts >= MAX_ATTEMPTS,
        _ => false,
    }
}

fn check_length(running: &Running, plan: &Plan, facts: &SourceFacts) -> Result<(), TaskError> {
    let (Some(v), Some(found)) = (&plan.video, &facts.video) else { return Ok(()) };
    plan::check_duration(found.start_s() - v.start_s() + found.duration_s, &running.context.settings)
        .map_err(TaskError::fail)
}

/// Stores a plan with the tasks for what it has more than the one before.
async fn publish(
    running: &Running,
    plan: &Plan,
    before: Option<&Plan>,
    delivered: Delivered,
) -> Result<bool, TaskError> {
    let task = &running.task;
    let Some(video) = &plan.video else { return Err(TaskError::corrupt("an incremental plan without a picture")) };
    let known = before.and_then(|p| p.video.as_ref());
    let mut follow = tasks_of_steps(plan, task, 0, video.chunk_steps(known.map_or(0, |v| v.chunks.len())));
    if let Some(sound) = &plan.audio {
        let first = before.and_then(|p| p.audio.as_ref()).map_or(0, |a| a.segment_count());
        let cost_ms = (cost::sound_of_s(sound, first..sound.segment_count()) * 1000.0) as u64;
        let payload = AudioPayload { first, end: Some(sound.segment_count()), cost_ms, sound: 0 };
        let first_s = video.rate.seconds(video.boundaries.get(first).copied().unwrap_or(0));
        let due_at = schedule::due_at(task.due_at, first_s);
        follow.push(NewTask {
            name: format!("audio-{first:06}"),
            payload: serde_json::to_string(&payload).map_err(TaskError::corrupt)?,
            cores: 1,
            ..completion::source_task(task.package_id, task.source_id, TaskKind::Audio, due_at)
        });
    }
    let whole = plan.incremental.is_none();
    follow.extend(subtitles_task(plan, task, delivered.total).filter(|_| whole));
    if whole {
        // What is not in the growing presentation is made when all of it is there.
        follow.extend(tasks_of_steps(plan, task, 0, plan.sound_steps(1)));
    }
    store(running, plan, &follow, whole).await?;
    if whole { Ok(true) } else { Err(TaskError::NotArrived(next_bytes(plan, delivered))) }
}

/// What the next planning waits for.
fn next_bytes(plan: &Plan, delivered: Delivered) -> u64 {
    // The plan covers less than what has delivered, so its own length would say too much of a second.
    let known = plan.incremental.map(|g| delivered.total as f64 / g.expected_s.max(1.0));
    let dense = known.unwrap_or(delivered.bytes as f64 / plan.duration_s.max(1.0));
    let step = ((dense * STEP_S) as u64).max(delivered.total / MOST_STEPS).max(LEAST_BYTES);
    (delivered.bytes + step).min(delivered.total)
}

/// Forgets all that was made of a film whose beginning misled; its objects are orphans and are swept.
async fn start_over(running: &Running) -> Result<(), TaskError> {
    let task = &running.task;
    let now = clock::now();
    let mut tx = running.context.db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 0.0).await?;
    tx.packages().delete_plans(task.source_id, task.id).await?;
    Ok(tx.commit().await?)
}
