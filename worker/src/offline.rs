//! `sluice-worker transcode`: one file into a folder, by the code that a claimed task runs, without a database or a
//! store.

use crate::{
    child::{Children, confined},
    pipeline::{self, Encoder},
    plan::{EncodeSettings, Left, Plan, Step},
    publish::FolderSink,
    room::threads_beside,
    source::Source,
    task::{TaskError, in_brackets},
    verify::Report,
};
use anyhow::Context;
use sluice_config::{ChildConfig, telemetry::complain};
use sluice_model::Reason;
use std::{collections::VecDeque, fs::File, path::PathBuf, sync::Arc};
use tokio::task::JoinSet;

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
    /// How children are held.
    pub child: ChildConfig,
}

/// Why a file was not transcoded.
#[derive(Debug, thiserror::Error)]
pub enum OfflineError {
    /// The file is refused, with a stable code.
    #[error("{}: {}", .0.code, .0.message)]
    Refused(Reason),
    /// Something else went wrong.
    #[error(transparent)]
    Other(#[from] anyhow::Error),
}

impl From<TaskError> for OfflineError {
    /// There is nobody who would try again, so what is worth a retry ends it as well.
    fn from(error: TaskError) -> Self {
        match error {
            TaskError::Retry { reason, detail } | TaskError::Fail { reason, detail } => {
                let message = format!("{}{}", reason.message, in_brackets(&detail));
                Self::Refused(Reason::new(reason.code, message))
            }
            other => Self::Other(other.into()),
        }
    }
}

#[derive(Clone)]
struct Run {
    source: Source,
    plan: Arc<Plan>,
    settings: Arc<EncodeSettings>,
    children: Children,
    sink: Arc<FolderSink>,
}

/// Transcodes one file into a static package and returns its report.
pub async fn transcode(request: Request) -> Result<Report, OfflineError> {
    let file = File::open(&request.input).with_context(|| request.input.display().to_string())?;
    let size = file.metadata().context("metadata")?.len();
    let source = Source::File(Arc::new(file), size);
    let (children, report) = confined(&request.child).await?;
    tracing::debug!(%report, "encoder children");
    let settings = Arc::new(request.settings);
    let encoder = Encoder { children: &children, settings: &settings };
    let demuxer = pipeline::identify(&source).await?;
    let plan = Arc::new(encoder.plan(source.clone(), demuxer, request.cores).await?.in_one_tier());
    for warning in &plan.warnings {
        complain(format!("warning: {}: {}", warning.code, warning.message));
    }
    let sink = Arc::new(FolderSink::new(request.output, plan.clone()));
    let run = Run { source, plan, settings, children, sink };
    run.all(request.cores).await?;
    run.subtitles().await?;
    Ok(pipeline::assemble_package(&*run.sink, run.plan.target_s).await?)
}

impl Run {
    /// Runs all steps, as many children at once as there are cores.
    async fn all(&self, cores: usize) -> Result<(), OfflineError> {
        let mut steps: VecDeque<Step> = self.plan.steps().into();
        let mut running: JoinSet<(Step, Result<(), TaskError>)> = JoinSet::new();
        let mut remuxing = 0;
        loop {
            while running.len() < cores + remuxing {
                let Some(step) = steps.pop_front() else { break };
                let threads = match step {
                    Step::Chunk { .. } => {
                        threads_beside((running.len() + 1 + steps.len()) as i64, cores as i64) as usize
                    }
                    _ => 1,
                };
                // It moves bytes and needs no core.
                remuxing += usize::from(step == Step::Passthrough);
                let run = self.clone();
                running.spawn(async move { (step, run.step(&step, threads).await) });
            }
            let Some(ended) = running.join_next().await else { return Ok(()) };
            let ended = ended.map_err(anyhow::Error::from)?;
            remuxing -= usize::from(ended.0 == Step::Passthrough);
            match ended {
                (_, Ok(())) => {}
                (Step::Passthrough, Err(error @ (TaskError::Retry { .. } | TaskError::Fail { .. }))) => {
                    tracing::info!(?error, "the source's own picture does not fit");
                    steps.extend(self.fall_back());
                }
                (step, Err(error @ (TaskError::Retry { .. } | TaskError::Fail { .. }))) if step.is_optional() => {
                    tracing::info!(?error, "a sound cannot be made");
                    self.leave_out(&step);
                }
                (Step::Images, Err(error @ (TaskError::Retry { .. } | TaskError::Fail { .. }))) => {
                    tracing::info!(?error, "a film without pictures of it");
                }
                (_, Err(error)) => return Err(error.into()),
            }
        }
    }

    async fn step(&self, step: &Step, threads: usize) -> Result<(), TaskError> {
        let encoder = Encoder { children: &self.children, settings: &self.settings };
        encoder.run(self.source.clone(), &self.plan, step, threads, &*self.sink).await.map(drop)
    }

    /// Text tracks; those that cannot be read are left out.
    async fn subtitles(&self) -> Result<(), OfflineError> {
        if self.plan.subtitles.is_empty() {
            return Ok(());
        }
        let encoder = Encoder { children: &self.children, settings: &self.settings };
        match encoder.subtitles(self.source.clone(), &self.plan).await {
            Ok(tracks) => {
                for (track, cues) in tracks {
                    self.sink.put_subtitles(&track, &cues)?;
                }
            }
            Err(TaskError::Retry { reason, .. } | TaskError::Fail { reason, .. }) => {
                complain(format!("warning: text_subtitles: Left out are the text tracks: {}", reason.message));
            }
            Err(other) => return Err(other.into()),
        }
        Ok(())
    }

    /// The package is one without a sound that is not the default one.
    fn leave_out(&self, step: &Step) {
        let Step::Audio(payload) = step else { return };
        let warning = Left::broken_sound(self.plan.sound(payload.sound).map_or("", |a| &a.track.label));
        complain(format!("warning: {}: {}", warning.code, warning.message));
        step.renditions(&self.plan).iter().for_each(|name| self.sink.drop_rendition(name));
    }

    /// The passthrough does not fit: its rung is encoded like the others.
    fn fall_back(&self) -> Vec<Step> {
        let Some(video) = &self.plan.video else { return Vec::new() };
        if let Some(rung) = &video.passthrough {
            self.sink.drop_rendition(&rung.name);
        }
        if video.keeps_beside() { Vec::new() } else { video.fallback_steps().collect() }
    }
}
