//! `sluice-worker transcode`: the same plan, the same children and the same checks on one file,
//! without a database or a store.

use crate::{
    child::{AudioWork, ChildError, Children, ChunkWork, Job, Limits, Output, PassthroughWork, Probe, Work},
    cmaf::{InitInfo, read_init},
    package::{Assembled, FinishedRendition, FinishedSegment, assemble},
    plan::{Chunk, EncodeSettings, Plan, Rung, SourceFacts, plan},
    source::{Source, SourceReader},
    verify::{Report, check_segment},
};
use anyhow::{Context, anyhow};
use indicatif::{ProgressBar, ProgressStyle};
use sluice_hls as hls;
use sluice_ingest::{sniff::SNIFF_BYTES, sniff::sniff};
use sluice_model::Reason;
use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tokio::{sync::mpsc, task::JoinSet};

/// What the command was asked.
#[derive(Debug)]
pub struct Request {
    /// The file.
    pub input: PathBuf,
    /// Where the package goes.
    pub output: PathBuf,
    /// How to encode.
    pub settings: EncodeSettings,
    /// Cores to use.
    pub cores: usize,
}

/// Why a file was not transcoded.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// It is refused, with a stable code.
    #[error("{}: {}", .0.code, .0.message)]
    Refused(Reason),
    /// Something else went wrong.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

/// Everything made so far.
#[derive(Debug, Default)]
struct Made {
    inits: BTreeMap<String, (InitInfo, Vec<u8>)>,
    segments: BTreeMap<String, BTreeMap<u64, FinishedSegment>>,
}

#[derive(Clone)]
struct Run {
    source: Source,
    output: PathBuf,
    plan: Arc<Plan>,
    settings: Arc<EncodeSettings>,
    made: Arc<Mutex<Made>>,
    bar: ProgressBar,
    children: Children,
}

/// Transcodes one file into a static package and returns its report.
pub async fn transcode(request: Request) -> Result<Report, OfflineError> {
    let file = File::open(&request.input).with_context(|| request.input.display().to_string())?;
    let size = file.metadata().context("metadata")?.len();
    let source = Source::File(Arc::new(file), size);
    let children = Children::of_this_program();
    let facts = probe(&children, &source, &request.settings).await?;
    let plan = plan(&facts, &request.settings, request.cores).map_err(OfflineError::Refused)?;
    let run = Run {
        source,
        output: request.output.clone(),
        bar: bar(&plan),
        plan: Arc::new(plan),
        settings: Arc::new(request.settings),
        made: Arc::default(),
        children,
    };
    run.all(request.cores).await?;
    run.bar.finish_and_clear();
    Ok(run.finish()?.report)
}

/// Sniffs and probes.
async fn probe(children: &Children, source: &Source, settings: &EncodeSettings) -> Result<SourceFacts, OfflineError> {
    let head = source.read_at(0, SNIFF_BYTES as u64).await.context("read")?;
    let refused =
        || OfflineError::Refused(Reason::new("unsupported_type", "The file is no video or audio that is supported."));
    let demuxer = sniff(&head).ok_or_else(refused)?;
    let work = Work::Probe(Probe::Whole { arrived_bytes: source.size() });
    let job = Job { source_bytes: source.size(), demuxer, max_pixels: settings.max_pixels, index: Vec::new(), work };
    children.probe(job, SourceReader::new(source.clone())).await.map_err(refusal)
}

fn refusal(e: ChildError) -> OfflineError {
    match e {
        ChildError::Refused(f) => OfflineError::Refused(Reason::new(f.code, format!("{} ({})", f.message, f.detail))),
        other => OfflineError::Other(other.into()),
    }
}

fn bar(plan: &Plan) -> ProgressBar {
    let segments: i64 = plan.renditions().iter().map(|r| r.planned).sum();
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} segments, {elapsed} elapsed, {eta} left");
    let bar = ProgressBar::new(segments as u64);
    if let Ok(style) = style {
        bar.set_style(style);
    }
    bar
}

/// One child to be run.
enum Step {
    Passthrough,
    Audio,
    Chunk(Chunk, Vec<Rung>),
}

impl Run {
    /// Runs all steps, as many children at once as there are cores.
    async fn all(&self, cores: usize) -> Result<(), OfflineError> {
        let mut steps: std::collections::VecDeque<Step> = self.steps().into();
        let mut running: JoinSet<(bool, Result<(), ChildError>)> = JoinSet::new();
        loop {
            while running.len() < cores {
                let Some(step) = steps.pop_front() else { break };
                // The last steps of a film share what cores are left.
                let threads = if steps.is_empty() && running.is_empty() { cores } else { 1 };
                let (run, is_passthrough) = (self.clone(), matches!(step, Step::Passthrough));
                running.spawn(async move { (is_passthrough, run.step(step, threads).await) });
            }
            let Some(ended) = running.join_next().await else { return Ok(()) };
            match ended.map_err(anyhow::Error::from)? {
                (_, Ok(())) => {}
                (true, Err(ChildError::Refused(f))) if f.code == "passthrough_unfit" => steps.extend(self.fall_back()),
                (_, Err(e)) => return Err(refusal(e)),
            }
        }
    }

    fn steps(&self) -> Vec<Step> {
        let mut steps = Vec::new();
        if let Some(v) = &self.plan.video {
            if v.passthrough.is_some() {
                steps.push(Step::Passthrough);
            }
            if !v.rungs.is_empty() {
                steps.extend(v.chunks.iter().map(|c| Step::Chunk(*c, v.rungs.clone())));
            }
        }
        if self.plan.audio.is_some() {
            steps.insert(steps.len().min(1), Step::Audio);
        }
        steps
    }

    /// The passthrough does not fit: its rung is encoded like the others.
    fn fall_back(&self) -> Vec<Step> {
        let Some(v) = &self.plan.video else { return Vec::new() };
        let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(p) = &v.passthrough {
            made.inits.remove(&p.name);
            made.segments.remove(&p.name);
            // What it wrote is no part of the package; a leftover does no harm.
            drop(std::fs::remove_dir_all(self.output.join(&p.name)));
        }
        let rungs: Vec<Rung> = v.fallback.iter().cloned().collect();
        v.chunks.iter().map(|c| Step::Chunk(*c, rungs.clone())).collect()
    }

    async fn step(&self, step: Step, threads: usize) -> Result<(), ChildError> {
        let work = match (step, &self.plan.video, &self.plan.audio) {
            (Step::Passthrough, Some(v), _) => Work::Passthrough(PassthroughWork { video: v.clone(), first: 0 }),
            (Step::Chunk(c, rungs), Some(v), _) => {
                let video = crate::plan::VideoPlan { rungs, ..v.clone() };
                Work::Chunk(ChunkWork { video, first: c.first, end: c.end, threads })
            }
            (Step::Audio, _, Some(a)) => Work::Audio(AudioWork { audio: a.clone(), first: 0 }),
            _ => return Ok(()),
        };
        let job = Job {
            source_bytes: self.source.size(),
            demuxer: self.plan.demuxer,
            max_pixels: self.settings.max_pixels,
            index: Vec::new(),
            work,
        };
        let (tx, mut rx) = mpsc::channel(4);
        let child = self.children.run(job, SourceReader::new(self.source.clone()), Limits::default(), tx);
        // Dropping the receiver ends the child when its output cannot be taken.
        let take = async move {
            while let Some(output) = rx.recv().await {
                self.take(output).map_err(|e| ChildError::Io(std::io::Error::other(e)))?;
            }
            Ok::<(), ChildError>(())
        };
        let (ended, taken) = tokio::join!(child, take);
        taken.and(ended)
    }

    /// Checks and writes one output.
    fn take(&self, output: Output) -> anyhow::Result<()> {
        match output {
            Output::Init { rendition, data, .. } => {
                let info = read_init(&data)?;
                let mut made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
                match made.inits.get(&rendition) {
                    Some((_, before)) if *before != data => return Err(anyhow!("init segments of {rendition} differ")),
                    Some(_) => {}
                    None => {
                        self.write(&rendition, "init.mp4", &data)?;
                        made.inits.insert(rendition, (info, data.to_vec()));
                    }
                }
            }
            Output::Segment { made, data } => {
                let schedule = self.plan.schedule(&made.rendition).context("unknown rendition")?;
                let info = check_segment(&data, made.sequence, &schedule)?;
                let name = format!("{:06}.m4s", made.sequence);
                self.write(&made.rendition, &name, &data)?;
                let finished = FinishedSegment {
                    name,
                    bytes: data.len() as u64,
                    start: info.decode_time,
                    duration: info.duration,
                    fragments: info.fragments.iter().map(|f| f.2).collect(),
                    key: None,
                };
                let mut all = self.made.lock().unwrap_or_else(PoisonError::into_inner);
                all.segments.entry(made.rendition).or_default().insert(made.sequence, finished);
                self.bar.inc(1);
            }
            Output::Probed(_) => {}
        }
        Ok(())
    }

    fn write(&self, rendition: &str, name: &str, data: &[u8]) -> anyhow::Result<()> {
        let folder = self.output.join(rendition);
        std::fs::create_dir_all(&folder)?;
        write_whole(&folder.join(name), data)
    }

    /// Renders and writes the playlists, the multivariant one last: it makes the package one.
    fn finish(&self) -> anyhow::Result<Assembled> {
        let made = self.made.lock().unwrap_or_else(PoisonError::into_inner);
        let mut planned = self.plan.renditions();
        planned.extend(self.plan.fallback_rendition());
        let mut finished = Vec::new();
        for r in planned.iter().filter(|r| made.segments.contains_key(&r.name)) {
            let (init, _) = made.inits.get(&r.name).with_context(|| format!("{} has no init segment", r.name))?;
            let unsigned = |n: Option<i64>| n.and_then(|n| u64::try_from(n).ok());
            finished.push(FinishedRendition {
                rendition: hls::Rendition {
                    name: r.name.clone(),
                    kind: r.kind,
                    size: unsigned(r.width).zip(unsigned(r.height)),
                    rate: r.rate.map(|(n, d)| (n as u64, d as u64)),
                    channels: unsigned(r.channels),
                    codecs: init.codecs.clone(),
                    cap_bps: r.cap_bps as u64,
                    peak_bps: None,
                    average_bps: None,
                },
                listed: true,
                init_name: "init.mp4".to_owned(),
                init: init.clone(),
                segments: made.segments[&r.name].values().cloned().collect(),
            });
        }
        let assembled = assemble(self.plan.target_s, finished).map_err(|e| anyhow!(e))?;
        for (name, text) in assembled.playlists.iter().rev() {
            write_whole(&self.output.join(name), text.as_bytes())?;
        }
        write_whole(&self.output.join("report.json"), &serde_json::to_vec_pretty(&assembled.report)?)?;
        Ok(assembled)
    }
}

/// Never leaves half a file under its final name.
fn write_whole(path: &Path, data: &[u8]) -> anyhow::Result<()> {
    let draft = path.with_extension("part");
    std::fs::write(&draft, data).with_context(|| draft.display().to_string())?;
    Ok(std::fs::rename(&draft, path)?)
}
