//! A child of this process that another one forked: what the standard library does for those that it starts.
//!
//! Invariant: it is killed with its handle, and nobody else waits for it, so its number is its own until it was waited for.

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};
use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus};
use tokio::signal::unix::{self, SignalKind, signal};

/// A child process.
#[derive(Debug)]
pub struct Forked {
    pid: Pid,
    /// Ends of children, of any.
    ends: unix::Signal,
    ended: Option<ExitStatus>,
}

impl Forked {
    /// Takes over the child with the number `pid`.
    pub fn adopt(pid: i32) -> io::Result<Self> {
        let pid = Pid::from_raw(pid).ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Self { pid, ends: signal(SignalKind::child())?, ended: None })
    }

    /// Its number.
    pub fn pid(&self) -> i32 {
        self.pid.as_raw_nonzero().get()
    }

    /// Waits for its end.
    pub async fn wait(&mut self) -> io::Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            self.ends.recv().await;
        }
    }

    /// Kills it, and waits for its end.
    pub async fn kill(&mut self) -> io::Result<()> {
        if self.ended()?.is_none() {
            kill_process(self.pid, Signal::KILL)?;
        }
        self.wait().await.map(drop)
    }

    fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        if self.ended.is_none() {
            let found = waitpid(Some(self.pid), WaitOptions::NOHANG)?;
            self.ended = found.map(|(_, status)| ExitStatus::from_raw(status.as_raw()));
        }
        Ok(self.ended)
    }
}

impl Drop for Forked {
    fn drop(&mut self) {
        if !matches!(self.ended(), Ok(None)) || kill_process(self.pid, Signal::KILL).is_err() {
            return;
        }
        // Its memory is given back before it can be waited for, which takes its time.
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let pid = self.pid;
        runtime.spawn_blocking(move || {
            let _ = waitpid(Some(pid), WaitOptions::empty());
        });
    }
}
