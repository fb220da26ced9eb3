//! How a run of a child may end badly, and what its exit status tells.

use super::{Death, Failure};
use crate::{
    sandbox::{OUT_OF_MEMORY_STATUS, UNCONFINED_STATUS},
    source::SourceError,
};
use std::{io, os::unix::process::ExitStatusExt, process::ExitStatus};

/// How a child may end badly.
#[derive(Debug, thiserror::Error)]
pub enum ChildError {
    /// The child said why it cannot go on.
    #[error("{}", .0.refusal.code())]
    Refused(Failure),
    /// The child ended without having said so, or was ended.
    #[error("{}: {detail}", .death.code())]
    Died {
        /// The kind.
        death: Death,
        /// Signal, exit status or limit, for the log.
        detail: String,
        /// Whether another run may go better.
        retry: bool,
    },
    /// The source could not be read: not the task's fault.
    #[error("source: {0}")]
    Source(SourceError),
    /// The child could not be started or confined, or its socket failed.
    #[error("child: {0}")]
    Io(#[from] io::Error),
    /// Whoever takes the outputs has gone.
    #[error("given up")]
    GivenUp,
}

impl ChildError {
    /// A death after which another run may go better.
    pub fn died(death: Death, detail: impl Into<String>) -> Self {
        Self::Died { death, detail: detail.into(), retry: true }
    }

    /// A death that any other run would die too.
    pub fn died_for_good(death: Death, detail: impl Into<String>) -> Self {
        Self::Died { death, detail: detail.into(), retry: false }
    }
}

/// The kind of death, by the signal or status it leaves.
pub fn death_of(status: ExitStatus) -> ChildError {
    match (status.signal(), status.code()) {
        (Some(libc::SIGKILL), _) => {
            ChildError::died(Death::OutOfMemory, "SIGKILL: by the kernel for want of memory, or by hand")
        }
        (Some(libc::SIGXCPU), _) => ChildError::died(Death::TimedOut, "SIGXCPU: its processor time is used up"),
        (Some(libc::SIGSYS), _) => {
            ChildError::died_for_good(Death::ForbiddenSyscall, "SIGSYS: a system call that is forbidden")
        }
        (Some(signal), _) => ChildError::died(Death::Crashed, format!("signal {signal}")),
        (None, Some(OUT_OF_MEMORY_STATUS)) => {
            ChildError::died_for_good(Death::OutOfMemory, "an allocation failed at its memory limit")
        }
        (None, Some(UNCONFINED_STATUS)) => io::Error::other("it could not be confined").into(),
        (None, code) => ChildError::died(Death::Crashed, format!("exit status {}", code.unwrap_or(-1))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(raw: i32) -> &'static str {
        match death_of(ExitStatus::from_raw(raw)) {
            ChildError::Died { death, .. } => death.code(),
            _ => "infrastructure",
        }
    }

    #[test]
    fn each_death_has_its_code() {
        let signals = [libc::SIGSEGV, libc::SIGABRT, libc::SIGBUS, libc::SIGFPE, libc::SIGILL, libc::SIGTRAP];
        assert!(signals.into_iter().all(|s| code(s) == "decoder_crashed"));
        assert_eq!(code(libc::SIGXCPU), "timed_out");
        assert_eq!(code(libc::SIGKILL), "out_of_memory");
        assert_eq!(code(libc::SIGSYS), "forbidden_syscall");
        assert_eq!(code(OUT_OF_MEMORY_STATUS << 8), "out_of_memory");
        assert_eq!(code(1 << 8), "decoder_crashed");
        assert_eq!(code(UNCONFINED_STATUS << 8), "infrastructure");
    }
}
