//! From a plan to rows: the package, its renditions, and its tasks with what each waits for while the source is
//! arriving.

use crate::{
    plan::{Plan, Step, cost, memory},
    reencode, schedule,
    task::{Running, TaskError},
};
use sluice_db::{ClaimedTask, MediaChange, NewTask, PlannedPackage, Tx};
use sluice_ingest::{IngestError, completion, quota};
use sluice_model::{PackageId, Reason, TaskKind, Tier, clock, default_title};

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
    tx.packages().set_profile(task.package_id, &reencode::profile(&context.settings)).await?;
    store_metadata(&mut tx, task.package_id, plan).await?;
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

/// Stores what the file says of itself; its title becomes that of media which nobody has given one.
async fn store_metadata(tx: &mut Tx, package: PackageId, plan: &Plan) -> Result<(), TaskError> {
    let tags = serde_json::to_string(&plan.tags).map_err(TaskError::corrupt)?;
    let tags = Some(tags.as_str()).filter(|_| !plan.tags.is_empty());
    tx.packages().set_programme(package, tags, (plan.programme_start_s() * 1e6).round() as i64).await?;
    tx.chapters().replace_of_file(package, &plan.chapters).await?;
    let Some(title) = &plan.tags.title else { return Ok(()) };
    for named in tx.media().names_of(package).await? {
        if named.title == default_title(&named.filename) && named.title != *title {
            tx.media().change(named.id, &MediaChange { title: Some(title), ..MediaChange::default() }).await?;
        }
    }
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
    let mut tasks = tasks_of_steps(plan, task, source_bytes, plan.steps().into_iter());
    tasks.extend(subtitles_task(plan, task, source_bytes));
    tasks
}

/// The task that reads the text tracks of a whole source, if it has any.
pub fn subtitles_task(plan: &Plan, task: &ClaimedTask, source_bytes: u64) -> Option<NewTask> {
    let named = completion::source_task(task.package_id, task.source_id, TaskKind::Subtitles, task.due_at);
    // It moves bytes and needs no core.
    let whole = NewTask { cores: 0, needs_bytes: source_bytes as i64, ..named };
    (!plan.subtitles.is_empty()).then_some(whole)
}

/// The tasks of some steps of a plan.
pub fn tasks_of_steps(
    plan: &Plan,
    task: &ClaimedTask,
    source_bytes: u64,
    steps: impl Iterator<Item = Step>,
) -> Vec<NewTask> {
    steps.map(|step| step_task(plan, task, source_bytes, step)).collect()
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
            let (prefix, offset_s) = match payload.tier {
                _ if payload.fallback => ("fallback", second(payload.first)),
                Tier::All | Tier::Lower => ("chunk", second(payload.first)),
                // As if the film were played a second time.
                Tier::Upper => ("upper", plan.expected_s() + second(payload.first)),
            };
            let due_at = schedule::due_at(task.due_at, offset_s);
            NewTask {
                name: format!("{prefix}-{number:06}"),
                payload: serde_json::to_string(&payload).unwrap_or_default(),
                cores: 1,
                memory_bytes: memory::chunk_bytes(plan, video.chunk_rungs(&payload)),
                needs_bytes: needed_by(plan, source_bytes, second(payload.end)),
                ..completion::source_task(task.package_id, task.source_id, TaskKind::Chunk, due_at)
            }
        }
        (Step::Audio(payload), _) => {
            let mut whole =
                NewTask { payload: serde_json::to_string(&payload).unwrap_or_default(), ..whole(TaskKind::Audio, 1) };
            // Nobody knows how loud a sound is before its end.
            if plan.sound(payload.sound).is_some_and(|a| a.target_lufs.is_some()) {
                whole.needs_bytes = source_bytes as i64;
            }
            if !step.is_optional() {
                return whole;
            }
            // Nobody hears it before the whole film is there: it waits for all bytes, and for what is watched.
            let name = step.renditions(plan).into_iter().next().unwrap_or_default();
            let due_at = schedule::due_at(task.due_at, plan.expected_s());
            NewTask { name, due_at, needs_bytes: source_bytes as i64, ..whole }
        }
        // A cover, or a few key frames on which the poster waits.
        (Step::Images, _) => NewTask { memory_bytes: memory::images_bytes(plan), ..whole(TaskKind::Images, 0) },
        // It moves bytes and needs no core.
        _ => whole(TaskKind::Passthrough, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{AudioPlan, audio::beside_video, slow_film, sound};
    use sluice_db::OPENING_CHUNK;
    use sluice_model::{ClaimToken, PackageId, Priority, SourceId, TaskId, Timestamp, TurnId};
    use std::time::Duration;

    fn plan_task() -> ClaimedTask {
        ClaimedTask {
            id: TaskId::new(),
            package_id: PackageId::new(),
            source_id: SourceId::new(),
            kind: TaskKind::Plan,
            name: "plan".to_owned(),
            payload: String::new(),
            attempts: 1,
            token: ClaimToken::random(),
            cores: 1,
            memory_bytes: 0,
            due_at: Timestamp::EPOCH,
            turn: TurnId::nil(),
            priority: Priority::Normal,
        }
    }

    #[test]
    fn the_second_tier_is_due_after_the_film() {
        let plan = slow_film();
        let task = plan_task();
        let tasks = tasks_of(&plan, &task, 1 << 30);
        let (lower, upper): (Vec<_>, Vec<_>) = tasks.iter().partition(|t| t.name.starts_with("chunk-"));
        assert_eq!((lower[0].name.as_str(), upper[0].name.as_str()), (OPENING_CHUNK, "upper-000000"));
        assert!(lower.is_sorted_by_key(|t| t.due_at) && upper.is_sorted_by_key(|t| t.due_at));
        assert_eq!(upper[0].due_at.duration_since(task.due_at), Duration::from_secs(60), "as if it were played again");
        assert!(lower[0].memory_bytes < upper[0].memory_bytes);
    }

    #[test]
    fn further_sounds_have_tasks_of_their_own_after_the_film() {
        let sounds = beside_video(&[sound(), sound()], 0.0, &[0.0, 2.0, 60.0], true, false);
        let [first, second] = <[AudioPlan; 2]>::try_from(sounds).unwrap();
        let plan = Plan { audio: Some(first), further_audio: vec![second], ..slow_film() };
        let tasks = tasks_of(&plan, &plan_task(), 1 << 30);
        let named = |name: &str| tasks.iter().find(|t| t.name == name).unwrap();
        let (first, second) = (named("audio"), named("audio-2"));
        assert!(first.due_at == Timestamp::EPOCH && first.needs_bytes < 1 << 30);
        assert!(second.due_at.duration_since(first.due_at) >= Duration::from_secs(60));
        assert_eq!((second.kind, second.needs_bytes), (TaskKind::Audio, 1 << 30));
        // How loud a sound is nobody knows before its end.
        let mut loud = plan.clone();
        loud.audio.iter_mut().for_each(|a| a.target_lufs = Some(-16.0));
        let loud = tasks_of(&loud, &plan_task(), 1 << 30);
        assert!(loud.iter().any(|t| t.name == "audio" && t.needs_bytes == 1 << 30 && t.due_at == first.due_at));
        // What an older version stored has one sound.
        let mut text = serde_json::to_value(&plan).unwrap();
        text.as_object_mut().unwrap().remove("further_audio");
        text["audio"].as_object_mut().unwrap().remove("track");
        let older: Plan = serde_json::from_value(text).unwrap();
        assert_eq!(older.sounds().count(), 1);
    }
}
