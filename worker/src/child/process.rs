//! Starting a child, serving its reads, watching over it, and naming its death.

use super::{Failure, FromChild, Job, SegmentMade, ToChild, wire};
use crate::{
    plan::SourceFacts,
    source::{SourceError, SourceReader},
};
use bytes::Bytes;
use std::{
    io,
    os::{
        fd::OwnedFd,
        unix::{net::UnixStream as StdUnixStream, process::ExitStatusExt},
    },
    path::PathBuf,
    process::{ExitStatus, Stdio},
    time::Duration,
};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    net::UnixStream,
    process::{Child, Command},
    sync::mpsc,
    time::{Instant, timeout, timeout_at},
};

/// What a child hands over.
#[derive(Debug)]
pub enum Output {
    /// What the source is.
    Probed(Box<SourceFacts>),
    /// An init segment.
    Init { rendition: String, codecs: String, data: Bytes },
    /// A media segment.
    Segment { made: SegmentMade, data: Bytes },
}

/// How a child may end badly.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The child said why it cannot go on, with a stable code.
    #[error("{} ({})", .0.code, .0.detail)]
    Refused(Failure),
    /// The child ended without having said so.
    #[error("{code}: {detail}")]
    Died {
        /// Stable code of the kind of death.
        code: &'static str,
        /// Signal or exit status.
        detail: String,
    },
    /// The source could not be read: not the task's fault.
    #[error("source: {0}")]
    Source(SourceError),
    /// The child could not be started, or its socket failed.
    #[error("child: {0}")]
    Io(#[from] io::Error),
    /// Whoever takes the outputs has gone.
    #[error("given up")]
    GivenUp,
}

/// Bounds of one run.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// From start to end.
    pub wall: Duration,
    /// Between two signs of life.
    pub quiet: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self { wall: Duration::from_secs(6 * 3600), quiet: Duration::from_secs(120) }
    }
}

/// How children are started: this very program, by a path that stays valid when it is replaced.
#[derive(Debug, Clone)]
pub struct Children {
    program: PathBuf,
}

impl Children {
    /// Children of this program.
    pub fn of_this_program() -> Self {
        Self { program: PathBuf::from("/proc/self/exe") }
    }

    /// Runs a probe: what the source is.
    pub async fn probe(&self, job: Job, source: SourceReader) -> Result<SourceFacts, ChildError> {
        let (tx, mut rx) = mpsc::channel(1);
        let take = async move {
            let mut facts = None;
            while let Some(output) = rx.recv().await {
                if let Output::Probed(f) = output {
                    facts = Some(*f);
                }
            }
            facts
        };
        let (ended, facts) = tokio::join!(self.run(job, source, Limits::default(), tx), take);
        ended?;
        facts.ok_or_else(|| ChildError::Died { code: "encoder_broken", detail: "the probe said nothing".to_owned() })
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
        let mut child = Command::new(&self.program)
            .arg("encoder")
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        log_lines(&mut child);
        let socket = UnixStream::from_std(ours)?;
        let served = timeout(limits.wall, serve(socket, job, &mut source, limits.quiet, outputs)).await;
        match served {
            Ok(Ok(true)) => {
                // Done was said: how it exits no longer matters.
                let _ = timeout(Duration::from_secs(5), child.wait()).await;
                Ok(())
            }
            Ok(Ok(false)) => match timeout(Duration::from_secs(5), child.wait()).await {
                Ok(status) => Err(death(status?)),
                Err(_) => {
                    Err(ChildError::Died { code: "encoder_silent", detail: "closed its socket and stayed".to_owned() })
                }
            },
            Ok(Err(e)) => {
                child.kill().await?;
                Err(e)
            }
            Err(_) => {
                child.kill().await?;
                Err(ChildError::Died { code: "encoder_timeout", detail: format!("{:?} are over", limits.wall) })
            }
        }
    }
}

/// Serves one child until it says that it is done (`true`) or closes its socket (`false`).
async fn serve(
    mut socket: UnixStream,
    job: Job,
    source: &mut SourceReader,
    quiet: Duration,
    outputs: mpsc::Sender<Output>,
) -> Result<bool, ChildError> {
    if let Err(e) = wire::send_async(&mut socket, &ToChild::Start(Box::new(job)), &[]).await {
        return if e.kind() == io::ErrorKind::BrokenPipe { Ok(false) } else { Err(e.into()) };
    }
    loop {
        let message = match timeout_at(Instant::now() + quiet, wire::receive_async::<FromChild>(&mut socket)).await {
            Err(_) => {
                return Err(ChildError::Died { code: "encoder_stalled", detail: format!("nothing for {quiet:?}") });
            }
            // A child that dies in the middle of a frame closes its socket, like one that dies between two.
            Ok(Err(e)) if matches!(e.kind(), io::ErrorKind::UnexpectedEof | io::ErrorKind::ConnectionReset) => {
                return Ok(false);
            }
            // Nothing else arrives from a child in its right mind: a frame too large, a header that is no message.
            Ok(received) => received.map_err(|e| ChildError::Died { code: "encoder_broken", detail: e.to_string() })?,
        };
        let Some((message, payload)) = message else { return Ok(false) };
        let output = match message {
            FromChild::Read { offset, length } => {
                let read = source.read(offset, length as usize).await;
                let sent = match &read {
                    Ok(data) => wire::send_async(&mut socket, &ToChild::Bytes, data).await,
                    Err(_) => wire::send_async(&mut socket, &ToChild::ReadFailed, &[]).await,
                };
                read.map_err(ChildError::Source)?;
                if sent.is_err() {
                    return Ok(false);
                }
                continue;
            }
            // Arriving was all it had to do: the quiet limit starts anew.
            FromChild::Alive => continue,
            FromChild::Done => return Ok(true),
            FromChild::Failed(failure) => return Err(ChildError::Refused(failure)),
            FromChild::Probed(facts) => Output::Probed(facts),
            FromChild::Init { rendition, codecs } => Output::Init { rendition, codecs, data: payload.into() },
            FromChild::Segment(made) => Output::Segment { made, data: payload.into() },
        };
        outputs.send(output).await.map_err(|_| ChildError::GivenUp)?;
    }
}

/// The kinds of death, by the signal or status they leave.
fn death(status: ExitStatus) -> ChildError {
    let (code, detail) = match (status.signal(), status.code()) {
        (Some(9), _) => ("encoder_killed", "SIGKILL: out of memory, or ended by hand".to_owned()),
        (Some(24), _) => ("encoder_cpu_limit", "SIGXCPU".to_owned()),
        (Some(31), _) => ("encoder_forbidden_call", "SIGSYS: a system call that is not allowed".to_owned()),
        (Some(signal), _) => ("encoder_crashed", format!("signal {signal}")),
        (None, code) => ("encoder_crashed", format!("exit status {code:?}")),
    };
    ChildError::Died { code, detail }
}

/// Passes the child's own words to the log, a bounded number of bounded lines: they may quote the file.
fn log_lines(child: &mut Child) {
    let Some(stderr) = child.stderr.take() else { return };
    let pid = child.id();
    tokio::spawn(async move {
        let mut lines = BufReader::new(stderr).lines();
        let mut count = 0;
        while let Ok(Some(line)) = lines.next_line().await {
            count += 1;
            if count <= 50 {
                let text: String = line.chars().filter(|c| !c.is_control()).take(300).collect();
                tracing::debug!(pid, text, "encoder");
            }
        }
    });
}
