//! What each kind of task does, in order: the only module that calls the stages.
//!
//! Invariant: a task's effects and its completion are one transaction, so a run that dies anywhere
//! is repeated from where its publications ended.

mod growing;
mod hashing;
mod import;
mod planning;
mod storing;

pub use planning::{fall_back, worth_waiting_for};

use crate::{
    child::{AudioWork, ChunkWork, Entry, Job, Limits, Output, PassthroughWork, Work},
    cmaf::read_init,
    package::{FinishedRendition, FinishedSegment, assemble},
    plan::{Plan, memory},
    publish::Publisher,
    source::{Source, SourceReader},
    task::{Context, Running, TaskError},
};
use bytes::Bytes;
use sluice_db::{ClaimedTask, NewTask, RenditionRow};
use sluice_hls::SegmentKey;
use sluice_model::{AudioPayload, ChunkPayload, Encryption, Reason, RenditionRole, TaskKind, clock};
use sluice_storage::{Key, Prefix};
use std::collections::HashSet;
use tokio::sync::mpsc;

/// Segments on their way from the child to the store.
const OUTPUTS_UNDER_WAY: usize = 4;

/// Runs one claimed task to its end.
pub async fn run(running: &Running) -> Result<(), TaskError> {
    match running.task.kind {
        TaskKind::Import => import::run(running).await,
        TaskKind::Plan => planning::make_plan(running).await,
        TaskKind::Hash => hashing::hash(running).await,
        TaskKind::Passthrough => passthrough(running).await,
        TaskKind::Audio => audio(running).await,
        TaskKind::Chunk => chunk(running).await,
        TaskKind::Finalize => finalize(running).await,
    }
}

impl Running {
    async fn source(&self) -> Result<Source, TaskError> {
        Ok(Source::open(&self.context.db, &self.context.store, self.task.source_id).await?)
    }

    async fn plan(&self) -> Result<Plan, TaskError> {
        let package = self.context.db.package(self.task.package_id).await?.ok_or(TaskError::Fenced)?;
        let text = package.plan.ok_or_else(|| TaskError::corrupt("no plan"))?;
        serde_json::from_str(&text).map_err(TaskError::corrupt)
    }

    /// Completes the task, queues what follows, and the finalization after the last.
    async fn complete(&self, follow: &[NewTask]) -> Result<(), TaskError> {
        let (db, task) = (&self.context.db, &self.task);
        let now = clock::now_us();
        let mut tx = db.begin().await?;
        tx.lock_package(task.package_id, now).await?;
        tx.hold_claim(task.id, task.token, 1.0).await?;
        tx.complete_task(task.id, now).await?;
        tx.enqueue(follow, now).await?;
        let last = tx.unfinished_tasks(task.package_id).await? == 0;
        if last {
            tx.enqueue(&[finalize_task(task)], now).await?;
        }
        tx.commit().await?;
        self.context.wake.push(follow.len() + usize::from(last)).await;
        Ok(())
    }

    /// Runs a child and publishes what it makes.
    async fn encode(&self, plan: &Plan, work: Work, expected: u64) -> Result<(), TaskError> {
        let source = self.source().await?;
        // What such a plan names has arrived, and its demuxer takes what has for a whole file.
        let source = if plan.growing.is_some() { source.so_far() } else { source };
        let job = Job {
            source_bytes: source.size(),
            demuxer: plan.demuxer,
            max_pixels: self.context.settings.max_pixels,
            index: index_of(plan),
            work,
        };
        let publisher = Publisher::new(self, plan, expected);
        let (tx, mut rx) = mpsc::channel(OUTPUTS_UNDER_WAY);
        let child = self.context.children.run(job, SourceReader::new(source), Limits::default(), tx);
        let publish = async move {
            while let Some(output) = rx.recv().await {
                match output {
                    Output::Init { rendition, codecs, data } => publisher.init(&rendition, &codecs, data).await?,
                    Output::Segment { made, data } => publisher.segment(&made.rendition, made.sequence, data).await?,
                    Output::Probed(_) => {}
                }
            }
            Ok::<(), TaskError>(())
        };
        let (ended, published) = tokio::join!(child, publish);
        published?;
        Ok(ended?)
    }

    /// How many segments of each named rendition are published from `first` on without a hole:
    /// the first that is missing in any of them.
    async fn resume_at(&self, names: &[String], first: usize, end: usize) -> Result<usize, TaskError> {
        let mut at = end;
        for name in names {
            let rows = self.context.db.segments(self.task.package_id, name, end as i64).await?;
            let have: HashSet<i64> = rows.iter().map(|r| r.sequence).collect();
            let missing = (first..end).find(|n| !have.contains(&(*n as i64))).unwrap_or(end);
            at = at.min(missing);
        }
        Ok(at)
    }
}

/// What the plan knows of where the source's entry points are.
fn index_of(plan: &Plan) -> Vec<Entry> {
    let Some(v) = &plan.video else { return Vec::new() };
    let entries = v.keys.iter().zip(&v.key_positions);
    entries.map(|(time, position)| Entry { time: *time, unit: v.time_base, position: *position }).collect()
}

fn finalize_task(task: &ClaimedTask) -> NewTask {
    NewTask {
        package_id: task.package_id,
        source_id: task.source_id,
        kind: TaskKind::Finalize,
        name: "finalize".to_owned(),
        payload: "{}".to_owned(),
        due_us: task.due_us,
        cores: 0,
        memory_bytes: memory::light_bytes(),
        needs_bytes: 0,
        not_before_us: 0,
    }
}

async fn chunk(running: &Running) -> Result<(), TaskError> {
    let payload: ChunkPayload = serde_json::from_str(&running.task.payload).map_err(TaskError::corrupt)?;
    let plan = running.plan().await?;
    let mut video = plan.video.clone().ok_or_else(|| TaskError::corrupt("a chunk without a picture"))?;
    if payload.fallback {
        video.rungs = video.fallback.iter().cloned().collect();
    }
    let names: Vec<String> = video.rungs.iter().map(|r| r.name.clone()).collect();
    let first = running.resume_at(&names, payload.first, payload.end).await?;
    if first < payload.end {
        let expected = ((payload.end - first) * names.len()) as u64;
        let work = ChunkWork { video, first, end: payload.end, threads: running.task.cores.max(1) as usize };
        running.encode(&plan, Work::Chunk(work), expected).await?;
    }
    running.complete(&[]).await
}

async fn audio(running: &Running) -> Result<(), TaskError> {
    let plan = running.plan().await?;
    let payload: AudioPayload = serde_json::from_str(&running.task.payload).map_err(TaskError::corrupt)?;
    let mut audio = plan.audio.clone().ok_or_else(|| TaskError::corrupt("a sound task without sound"))?;
    let names: Vec<String> = audio.variants.iter().map(|v| v.name.clone()).collect();
    let end = payload.end.unwrap_or(audio.segment_count());
    let first = running.resume_at(&names, payload.first, end).await?;
    if first < end {
        audio.boundaries.truncate(end + 1);
        let expected = ((end - first) * names.len()) as u64;
        running.encode(&plan, Work::Audio(AudioWork { audio, first }), expected).await?;
    }
    running.complete(&[]).await
}

async fn passthrough(running: &Running) -> Result<(), TaskError> {
    let plan = running.plan().await?;
    let video = plan.video.clone().ok_or_else(|| TaskError::corrupt("a passthrough without a picture"))?;
    let name: Vec<String> = video.passthrough.iter().map(|r| r.name.clone()).collect();
    let count = video.segment_count();
    let first = running.resume_at(&name, 0, count).await?;
    if first < count {
        let work = Work::Passthrough(PassthroughWork { video, first });
        running.encode(&plan, work, (count - first) as u64).await?;
    }
    running.complete(&[]).await
}

async fn finalize(running: &Running) -> Result<(), TaskError> {
    let (context, task) = (&running.context, &running.task);
    let package = task.package_id;
    let row = context.db.package(package).await?.ok_or(TaskError::Fenced)?;
    let mut finished = Vec::new();
    for r in context.db.renditions(package).await? {
        finished.push(finished_rendition(context, task, r).await?);
    }
    let broken = |detail: String| TaskError::Fail {
        reason: Reason::new("package_rules_broken", "The finished package broke a rule of HLS."),
        detail,
    };
    let assembled = assemble(row.target_s.unwrap_or(6) as u64, finished).map_err(broken)?;
    if !assembled.report.compliant() {
        return Err(broken(assembled.report.to_string()));
    }
    // The static copy for a CDN; the multivariant playlist last. What is encrypted has none: its keys
    // are served by the API alone.
    if row.encryption == Encryption::None {
        for (name, text) in assembled.playlists.iter().rev() {
            context.store.put(&playlist_key(task, name), Bytes::from(text.clone())).await?;
        }
    }
    for (name, m) in &assembled.measured {
        context.db.set_measured(package, name, m.peak_bps as i64, m.average_bps as i64).await?;
    }
    remove_orphans(context, package).await?;
    let report = serde_json::to_string(&assembled.report).map_err(TaskError::corrupt)?;
    let now = clock::now_us();
    let mut tx = context.db.begin().await?;
    tx.lock_package(package, now).await?;
    tx.hold_claim(task.id, task.token, 1.0).await?;
    tx.finish_package(package, &report, now).await?;
    tx.complete_task(task.id, now).await?;
    tx.commit().await?;
    tracing::info!(%package, "ready");
    Ok(())
}

fn playlist_key(task: &ClaimedTask, name: &str) -> Key {
    match name.split_once('/') {
        Some((rendition, file)) => {
            Key::RenditionFile { package: task.package_id, rendition: rendition.to_owned(), file: file.to_owned() }
        }
        None => Key::PackageFile { package: task.package_id, file: name.to_owned() },
    }
}

async fn finished_rendition(
    context: &Context,
    task: &ClaimedTask,
    r: RenditionRow,
) -> Result<FinishedRendition, TaskError> {
    let incomplete = |what: &str| TaskError::corrupt(format!("{} {what}", r.name));
    if r.contiguous != r.planned {
        return Err(incomplete("has holes"));
    }
    let init_name = r.init_object.clone().ok_or_else(|| incomplete("has no init segment"))?;
    let key = Key::RenditionFile { package: task.package_id, rendition: r.name.clone(), file: init_name.clone() };
    let data = context.store.read(&key, 0..r.init_bytes.unwrap_or(0) as u64).await?;
    let init = read_init(&data).map_err(TaskError::corrupt)?;
    let rows = context.db.segments(task.package_id, &r.name, i64::MAX).await?;
    let segment = |s: sluice_db::SegmentRow| {
        let fragments: Vec<(u64, u64, u64)> = serde_json::from_str(&s.fragments).map_err(TaskError::corrupt)?;
        Ok(FinishedSegment {
            name: s.object,
            bytes: s.size_bytes as u64,
            start: s.start_ticks as u64,
            duration: s.duration_ticks as u64,
            fragments: fragments.iter().map(|f| f.2).collect(),
            key: s.key_number.zip(s.iv).map(|(number, iv)| SegmentKey::of_package(number, &iv)),
        })
    };
    Ok(FinishedRendition {
        rendition: (&r).into(),
        listed: r.role != RenditionRole::First,
        init_name,
        init,
        segments: rows.into_iter().map(segment).collect::<Result<_, TaskError>>()?,
    })
}

/// Deletes the objects of a package that no row names: segments of lost or killed attempts.
pub async fn remove_orphans(context: &Context, package: uuid::Uuid) -> Result<(), TaskError> {
    // Listed before the names are read: what is published in between is named, what comes later is not listed.
    let listed = context.store.list(&Prefix::Package(package)).await?;
    let named: HashSet<(String, String)> = context.db.object_names(package).await?.into_iter().collect();
    for key in listed {
        let orphan = match &key {
            Key::RenditionFile { rendition, file, .. } => {
                !file.ends_with(".m3u8") && !named.contains(&(rendition.clone(), file.clone()))
            }
            _ => false,
        };
        if orphan {
            context.store.delete(&key).await?;
        }
    }
    Ok(())
}
