//! The fork server: this program once more, which has loaded its libraries, reads nothing, and forks each child. A child
//! that is started the long way costs 50 ms of a core, nearly all of it for linking FFmpeg and what FFmpeg needs.
//!
//! Invariants: the server has one thread and the descriptors 0 to 2, and hears the worker alone; what it forks is a child
//! of the worker, not its own, and confines itself before it reads a byte of a file. Children of one server have one
//! layout of addresses, so what a file can learn of it is worth nothing a minute later: the server is renewed.

use super::{forked::Forked, log};
use crate::sandbox::{self, Bounds, Terms};
use rustix::{
    cmsg_space,
    io::retry_on_intr,
    net::{
        RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
        recvmsg, send, sendmsg,
    },
    stdio,
};
use serde::{Deserialize, Serialize};
use std::{
    ffi::CStr,
    io::{self, IoSlice, IoSliceMut},
    mem::MaybeUninit,
    os::{
        fd::{AsFd, OwnedFd},
        unix::net::UnixStream as StdUnixStream,
    },
    path::PathBuf,
    process::Stdio,
    sync::Arc,
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, Interest},
    net::UnixStream,
    process::{Child, Command},
    sync::Mutex,
    time::{sleep, timeout},
};

/// Names of processes, as `ps` and `top` show them.
const SERVER_NAME: &CStr = c"sluice-forks";
const CHILD_NAME: &CStr = c"sluice-encoder";
/// Largest message to the server, bytes.
const MOST_REQUEST: usize = 16 << 10;
/// How long a server forks children, from the first one on. In debug builds it is short, so that tests meet its end.
const LIFETIME: Duration = Duration::from_secs(if cfg!(debug_assertions) { 10 } else { 60 });
/// How long a server may take to fork a child, on a machine that is busy with much else.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a child is for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Role {
    /// One job that comes through its socket.
    Encode,
    /// Saying how it is confined.
    Report,
    /// Trying something forbidden.
    Attempt {
        /// What.
        name: String,
        /// What it may reach for.
        bait: String,
    },
}

/// A child that is wanted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What it may use.
    pub bounds: Bounds,
    /// What it is for.
    pub role: Role,
}

/// The worker's end.
#[derive(Debug)]
pub struct ForkServer {
    program: PathBuf,
    allow_unsandboxed: bool,
    running: Mutex<Option<Running>>,
}

/// A server that runs. It ends with its socket.
#[derive(Debug)]
struct Running {
    control: UnixStream,
    /// Kept for its end.
    _process: Child,
    is_used: bool,
}

impl ForkServer {
    /// A server that is started when the first child is wanted.
    pub fn new(program: PathBuf, allow_unsandboxed: bool) -> Arc<Self> {
        Arc::new(Self { program, allow_unsandboxed, running: Mutex::new(None) })
    }

    /// Forks a child with `stdio` as its descriptors 0 to 2.
    pub async fn fork(self: &Arc<Self>, request: Request, stdio: [OwnedFd; 3]) -> io::Result<Forked> {
        let server = self.clone();
        // Whoever gives up between question and answer must not leave the answer to the next.
        tokio::spawn(async move { server.forked(&request, &stdio).await }).await.map_err(io::Error::other)?
    }

    async fn forked(self: &Arc<Self>, request: &Request, stdio: &[OwnedFd; 3]) -> io::Result<Forked> {
        let mut running = self.running.lock().await;
        let request = serde_json::to_vec(request)?;
        let mut answer = Err(io::ErrorKind::BrokenPipe.into());
        // One that has ended meanwhile, by whatever hand, is no reason to fail the work.
        for _ in 0..2 {
            let mut server = match running.take() {
                Some(server) => server,
                None => self.start()?,
            };
            answer = timeout(PATIENCE, server.ask(&request, stdio)).await.unwrap_or_else(|late| Err(late.into()));
            if answer.is_ok() {
                let is_first = !server.is_used;
                *running = Some(Running { is_used: true, ..server });
                if is_first {
                    self.renew_later();
                }
                break;
            }
        }
        Forked::adopt(answer??)
    }

    /// Puts an unused server in the place of the one that runs, when that has forked long enough.
    fn renew_later(self: &Arc<Self>) {
        let server = Arc::downgrade(self);
        tokio::spawn(async move {
            sleep(LIFETIME).await;
            let Some(server) = server.upgrade() else { return };
            // What is wrong with a start is told to whoever wants a child next.
            *server.running.lock().await = server.start().ok();
        });
    }

    fn start(&self) -> io::Result<Running> {
        let (ours, theirs) = StdUnixStream::pair()?;
        ours.set_nonblocking(true)?;
        let mut command = Command::new(&self.program);
        command
            .args(["fork-server", "--parent", &std::process::id().to_string()])
            .env_clear()
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        if self.allow_unsandboxed {
            command.arg("--allow-unsandboxed");
        }
        let mut process = command.spawn()?;
        if let (Some(pid), Some(stderr)) = (process.id(), process.stderr.take()) {
            log::pass_on(pid.cast_signed(), stderr);
        }
        Ok(Running { control: UnixStream::from_std(ours)?, _process: process, is_used: false })
    }
}

impl Running {
    /// The number of the forked process, or why there is none; an error if the server does not answer.
    async fn ask(&mut self, request: &[u8], stdio: &[OwnedFd; 3]) -> io::Result<io::Result<i32>> {
        let descriptors = stdio.each_ref().map(AsFd::as_fd);
        // Sent at once, and only after the answer to the one before: it arrives in one piece.
        let sent = self.control.async_io(Interest::WRITABLE, || {
            let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(3))];
            let mut rights = SendAncillaryBuffer::new(&mut space);
            rights.push(SendAncillaryMessage::ScmRights(&descriptors));
            Ok(sendmsg(&self.control, &[IoSlice::new(request)], &mut rights, SendFlags::NOSIGNAL)?)
        });
        if sent.await? != request.len() {
            return Err(io::ErrorKind::WriteZero.into());
        }
        let number = self.control.read_i32().await?;
        Ok(if number > 0 { Ok(number) } else { Err(io::Error::from_raw_os_error(-number)) })
    }
}

/// The server's `main`: forks children until the worker has closed the socket. Returns in a child, with what that is for.
pub fn serve(terms: &Terms) -> io::Result<Request> {
    sandbox::prepare(terms)?;
    rustix::thread::set_name(SERVER_NAME)?;
    loop {
        let Some((request, [stdin, stdout, stderr])) = receive()? else { sandbox::exit(0) };
        let forked = match sandbox::fork_for_parent() {
            Ok(None) => {
                stdio::dup2_stdin(stdin)?;
                stdio::dup2_stdout(stdout)?;
                stdio::dup2_stderr(stderr)?;
                rustix::thread::set_name(CHILD_NAME)?;
                return Ok(serde_json::from_slice(&request)?);
            }
            Ok(Some(pid)) => pid,
            Err(error) => -error.raw_os_error().unwrap_or(libc::EIO),
        };
        retry_on_intr(|| send(stdio::stdin(), &forked.to_be_bytes(), SendFlags::NOSIGNAL))?;
    }
}

/// The next request and its descriptors; `None` when nobody is left who could ask.
fn receive() -> io::Result<Option<(Vec<u8>, [OwnedFd; 3])>> {
    let mut request = vec![0; MOST_REQUEST];
    let mut space = [MaybeUninit::uninit(); cmsg_space!(ScmRights(3))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = retry_on_intr(|| recvmsg(stdio::stdin(), &mut [IoSliceMut::new(&mut request)], &mut rights, flags))?;
    if received.bytes == 0 {
        return Ok(None);
    }
    request.truncate(received.bytes);
    let descriptors = rights.drain().flat_map(|message| match message {
        RecvAncillaryMessage::ScmRights(descriptors) => descriptors.collect(),
        _ => Vec::new(),
    });
    let descriptors = descriptors.collect::<Vec<_>>().try_into();
    descriptors.map(|d| Some((request, d))).map_err(|_| io::Error::other("a request without its descriptors"))
}
