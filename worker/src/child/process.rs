//! Starting a child and seeing its end.

use super::{
    ChildError, CuesRead, Death, ImageMade, Job, Output,
    death::death_of,
    fork_server::{ForkServer, Request, Role},
    forked::Forked,
    log, serve,
    watch::{TimeLimits, Watch},
};
use crate::{
    plan::{Allowance, SourceFacts},
    sandbox::{Bounds, Report},
    source::SourceReader,
};
use anyhow::Context;
use bytes::Bytes;
use sluice_config::ChildConfig;
use std::{
    fs::File,
    io,
    os::{fd::OwnedFd, unix::net::UnixStream as StdUnixStream},
    path::PathBuf,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::AsyncReadExt,
    net::{UnixStream, unix::pipe::Receiver},
    sync::mpsc,
    time::timeout,
};

/// How long a child may take to end that has nothing more to do.
const LAST_WORDS: Duration = Duration::from_secs(5);
/// How long a child may take to say how it is confined.
const REPORT_PATIENCE: Duration = Duration::from_secs(20);
/// What a child that only reports may use.
const REPORT_BOUNDS: Bounds = Bounds { memory_bytes: 512 << 20, cpu_seconds: 60 };

/// Bounds of one run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Time that the worker waits for it.
    pub time: TimeLimits,
    /// What the kernel holds it to.
    pub bounds: Bounds,
    /// Pictures that are decoded and encoded at most.
    pub most_pictures: u64,
}

/// How children are started: this very program, by a path that stays valid when it is replaced.
#[derive(Debug, Clone)]
pub struct Children {
    server: Arc<ForkServer>,
    config: ChildConfig,
}

impl Children {
    /// Children of this program.
    pub fn of_this_program(config: &ChildConfig) -> Self {
        let program = PathBuf::from("/proc/self/exe");
        Self { server: ForkServer::new(program, config.allow_unsandboxed), config: config.clone() }
    }

    /// What a child is held to: what its work may take, or less where the settings say so.
    pub fn limits(&self, allowance: &Allowance) -> Limits {
        let by_work = Duration::from_secs(allowance.wall_s);
        let wall = self.config.wall.map_or(by_work, |most| most.min(by_work));
        // Beside those of the encoders, one thread runs the child.
        let cpu_seconds = wall.as_secs().max(1).saturating_mul(allowance.threads + 1);
        Limits {
            time: TimeLimits { wall, stall: self.config.stall },
            bounds: Bounds { memory_bytes: allowance.memory_bytes, cpu_seconds },
            most_pictures: allowance.pictures,
        }
    }

    /// Starts a child that does nothing but say how it is confined.
    pub async fn report(&self) -> io::Result<Report> {
        let output = timeout(REPORT_PATIENCE, self.output(Role::Report, REPORT_BOUNDS)).await??;
        serde_json::from_slice(&output.stdout).map_err(|_| {
            let said = log::clean(&output.stderr);
            io::Error::other(format!("a child that should say how it is confined ended with {}: {said}", output.status))
        })
    }

    /// What a child says that is given no job, and how it ends.
    pub async fn output(&self, role: Role, bounds: Bounds) -> io::Result<std::process::Output> {
        let (_ours, theirs) = StdUnixStream::pair()?;
        let ((mut out, to_out), (mut err, to_err)) = (pipe()?, pipe()?);
        let mut child = self.server.fork(Request { bounds, role }, [theirs.into(), to_out, to_err]).await?;
        let (mut stdout, mut stderr) = (Vec::new(), Vec::new());
        let read = (out.read_to_end(&mut stdout), err.read_to_end(&mut stderr));
        let (status, ..) = tokio::try_join!(child.wait(), read.0, read.1)?;
        Ok(std::process::Output { status, stdout, stderr })
    }

    /// Runs a probe: what the source is.
    pub async fn probe(&self, job: Job, source: SourceReader, limits: Limits) -> Result<SourceFacts, ChildError> {
        let facts = |output| if let Output::Probed(facts) = output { Some(*facts) } else { None };
        let found = self.gather(job, source, limits, facts).await?.pop();
        found.ok_or_else(|| ChildError::died(Death::Crashed, "the probe said nothing"))
    }

    /// Reads text tracks.
    pub async fn cues(&self, job: Job, source: SourceReader, limits: Limits) -> Result<Vec<CuesRead>, ChildError> {
        self.gather(job, source, limits, |o| if let Output::Cues(read) = o { Some(read) } else { None }).await
    }

    /// Makes one still picture: what the child says of it, and its bytes. None where it could not be made.
    pub async fn still(
        &self,
        job: Job,
        source: SourceReader,
        limits: Limits,
    ) -> Result<Option<(ImageMade, Bytes)>, ChildError> {
        let picture = |o| if let Output::Image { made, data } = o { Some((made, data)) } else { None };
        Ok(self.gather(job, source, limits, picture).await?.pop())
    }

    /// Runs a job to its end; what `pick` takes of all that it hands over.
    async fn gather<T>(
        &self,
        job: Job,
        source: SourceReader,
        limits: Limits,
        pick: impl Fn(Output) -> Option<T>,
    ) -> Result<Vec<T>, ChildError> {
        let (tx, mut rx) = mpsc::channel(1);
        let take = async move {
            let mut picked = Vec::new();
            while let Some(output) = rx.recv().await {
                picked.extend(pick(output));
            }
            picked
        };
        let (ended, picked) = tokio::join!(self.run(job, source, limits, tx), take);
        ended.map(|()| picked)
    }

    /// Runs `job` over `source`, handing what is made to `outputs` in order.
    pub async fn run(
        &self,
        job: Job,
        mut source: SourceReader,
        limits: Limits,
        outputs: mpsc::Sender<Output>,
    ) -> Result<(), ChildError> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let (stderr, to_stderr) = pipe()?;
        let nowhere = File::options().write(true).open("/dev/null")?;
        let request = Request { bounds: limits.bounds, role: Role::Encode };
        let mut child = self.server.fork(request, [theirs.into(), nowhere.into(), to_stderr]).await?;
        log::pass_on(child.pid(), stderr);
        let socket = UnixStream::from_std(ours)?;
        let mut watch = Watch::new(limits.time, limits.most_pictures);
        match serve::serve(socket, job, &mut source, &mut watch, outputs).await {
            Ok(true) => {
                // Done was said: how it exits no longer matters. One that stays is killed when it is dropped.
                let _ = timeout(LAST_WORDS, child.wait()).await;
                Ok(())
            }
            Ok(false) => Err(end_of(&mut child).await?),
            Err(error) => {
                child.kill().await?;
                Err(error)
            }
        }
    }
}

/// Children that are confined, and how; without what is mandatory there are none, unless the settings allow it.
pub async fn confined(config: &ChildConfig) -> anyhow::Result<(Children, Report)> {
    let children = Children::of_this_program(config);
    let report = children.report().await.context("no encoder child can be started")?;
    let missing: Vec<String> = report.missing().map(|m| format!("no {} ({})", m.name, m.detail)).collect();
    let missing = missing.join(", ");
    if config.allow_unsandboxed {
        tracing::warn!(
            missing,
            "SLUICE_ALLOW_UNSANDBOXED is set: encoder children work also where they are not confined"
        );
    } else if !report.is_confined() {
        anyhow::bail!(
            "encoder children cannot be confined here: {missing}. Whoever uploads a file that breaks a decoder could take \
             over this machine. SLUICE_ALLOW_UNSANDBOXED=1 has the worker start all the same."
        );
    }
    Ok((children, report))
}

/// A pipe from a child.
fn pipe() -> io::Result<(Receiver, OwnedFd)> {
    let (reader, writer) = io::pipe()?;
    Ok((Receiver::from_owned_fd(reader.into())?, writer.into()))
}

/// How a child ends that has closed its socket.
async fn end_of(child: &mut Forked) -> io::Result<ChildError> {
    let pid = child.pid();
    let Ok(status) = timeout(LAST_WORDS, child.wait()).await else {
        child.kill().await?;
        return Ok(ChildError::died(Death::TimedOut, "closed its socket and stayed"));
    };
    let ended = death_of(status?);
    if let ChildError::Died { death: Death::ForbiddenSyscall, detail, .. } = &ended {
        tracing::error!(pid, detail, "an encoder child made a forbidden system call: a file may be an attack");
    }
    Ok(ended)
}
