//! From a source to a plan, or to what its planning waits for.

use super::{
    clip, finalize_task, identify, incremental, plan_of, step_of,
    storing::{store, tasks_of, tasks_of_steps},
};
use crate::{
    child::Probe,
    plan::{Left, Step, beside, cost},
    source::Source,
    task::{Running, TaskError},
};
use sluice_db::AddedTrackRow;
use sluice_ingest::{quota, sniff::Demuxer};
use sluice_model::{TaskKind, clock};

/// A task that reads the whole source while it arrives is begun anew at most so often ...
const STEPS: i64 = 16;
/// ... and not for less than this.
const LEAST_STEP_BYTES: i64 = 1 << 20;

/// Plans a package and queues its tasks.
pub async fn make_plan(running: &Running) -> Result<(), TaskError> {
    let (context, task) = (&running.context, &running.task);
    let package = context.db.packages().find(task.package_id).await?.ok_or(TaskError::Fenced)?;
    if let Some(film) = package.clip_package_id {
        return clip::make_plan(running, film).await;
    }
    let source = running.source().await?;
    let (demuxer, source_bytes) = (identify(&source).await?, source.size());
    if let Some(track) = context.db.added_tracks().of_package(task.package_id).await? {
        return plan_track(running, source, demuxer, &track).await;
    }
    if incremental::plan_delivered(running, &source, demuxer).await? {
        return Ok(());
    }
    let plan = running.encoder().plan(source, demuxer, context.fleet_cores).await.map_err(|e| match e {
        // Its index did not suffice after all.
        TaskError::NotArrived(_) => TaskError::NotArrived(source_bytes),
        other => other,
    })?;
    let follow = tasks_of(&plan, task, source_bytes);
    store(running, &plan, &follow, true).await
}

/// Plans a track that was added to a film, as that was planned.
async fn plan_track(
    running: &Running,
    source: Source,
    demuxer: Demuxer,
    added: &AddedTrackRow,
) -> Result<(), TaskError> {
    let (context, task) = (&running.context, &running.task);
    let media = context.db.media().find(added.media_id).await?.ok_or(TaskError::Fenced)?;
    let film = plan_of(context, media.package_id).await?;
    let (scope, source_bytes) = (Probe::Whole { arrived_bytes: source.delivered_up_to() }, source.size());
    let facts = running.encoder().probe(source, demuxer, scope, Vec::new()).await?;
    let plan = beside(&film, &facts, &context.settings, &added.name, &added.track(0)).map_err(TaskError::fail)?;
    let follow = tasks_of_steps(&plan, task, source_bytes, plan.sound_steps(0));
    store(running, &plan, &follow, true).await
}

/// What a task that ran out of arrived bytes waits for: enough that its next run gets somewhere.
pub async fn bytes_to_wait_for(running: &Running, needed: u64) -> Result<i64, TaskError> {
    let row = running.context.db.sources().find(running.task.source_id).await?.ok_or(TaskError::Fenced)?;
    let total = row.total_bytes.unwrap_or(i64::MAX);
    let step = (total / STEPS).max(LEAST_STEP_BYTES);
    // The plan alone knows exactly what it needs.
    let wanted = if running.task.kind == TaskKind::Plan { needed as i64 } else { (needed as i64).saturating_add(step) };
    Ok(wanted.min(total))
}

/// What happens instead of failing when a passthrough does not fit: its rung is encoded.
pub async fn fall_back(running: &Running) -> Result<(), TaskError> {
    let (db, task) = (&running.context.db, &running.task);
    let plan = running.plan().await?;
    let video = plan.video.as_ref().ok_or_else(|| TaskError::corrupt("a passthrough without a picture"))?;
    let source_bytes = running.source().await?.size();
    // One more rung beside a whole ladder is left out.
    let beside = video.keeps_beside();
    let follow = if beside { Vec::new() } else { tasks_of_steps(&plan, task, source_bytes, video.fallback_steps()) };
    let growing = if beside { Vec::new() } else { plan.growing_without_passthrough() };
    let rendition: Vec<_> = plan.fallback_rendition().into_iter().collect();
    let now = clock::now();
    let mut tx = db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 1.0).await?;
    tx.packages().drop_passthrough(task.package_id, &growing).await?;
    tx.packages().insert_renditions(task.package_id, &rendition).await?;
    quota::charge_more(&mut tx, task.package_id, cost::millis(cost::fallback_cost_s(&plan)), now).await?;
    tx.tasks().enqueue(&follow, now).await?;
    tx.tasks().complete(task.id, now).await?;
    let last = tx.tasks().unfinished(task.package_id).await? == 0;
    if last {
        tx.tasks().enqueue(&[finalize_task(task)], now).await?;
    }
    tx.commit().await?;
    running.context.wake.push(follow.len() + usize::from(last)).await;
    Ok(())
}

/// What happens instead of failing when a sound that is not the default one cannot be made: the package is one without it.
pub async fn leave_out(running: &Running) -> Result<(), TaskError> {
    let (db, task) = (&running.context.db, &running.task);
    let (plan, step) = (running.plan().await?, step_of(task)?);
    let Step::Audio(payload) = step else { return Err(TaskError::corrupt("only sounds are left out")) };
    let label = plan.sound(payload.sound).map_or("", |a| &a.track.label);
    let warning = Left::broken_sound(label);
    let now = clock::now();
    let mut tx = db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 1.0).await?;
    tx.packages().leave_out(task.package_id, &step.renditions(&plan), &warning).await?;
    running.complete_in(tx, &[], now).await
}
