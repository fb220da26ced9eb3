//! The encoder child: the only folder that names FFmpeg, and the only one with `unsafe`.
//!
//! Invariants: FFmpeg sees neither a path nor a URL, only bytes through the socket on descriptor 0;
//! it opens one demuxer, chosen by the file's first bytes, with white lists of formats, codecs and
//! protocols; everything that is untrusted is decoded here and nowhere else.

mod aac;
mod audio;
mod chunk;
mod ffi;
mod link;
mod mixer;
mod open;
mod passthrough;
mod picture;
mod probe;
mod segments;
mod sound;
mod x264;

use crate::child::{Failure, FromChild, Job, Work};
use link::Link;

/// Why the work cannot be done.
#[derive(Debug, thiserror::Error)]
enum EncodeError {
    /// A call into FFmpeg failed.
    #[error("{0}: {1}")]
    Ffmpeg(&'static str, ffmpeg_next::Error),
    /// Boxes could not be written.
    #[error(transparent)]
    Box(#[from] crate::cmaf::BoxError),
    /// The socket to the worker broke: nobody is left to tell.
    #[error("socket: {0}")]
    Link(#[from] std::io::Error),
    /// A reason that a person understands.
    #[error("{code}: {detail}")]
    Refused {
        /// Stable code.
        code: &'static str,
        /// A sentence.
        message: &'static str,
        /// For the log.
        detail: String,
    },
}

impl EncodeError {
    fn refused(code: &'static str, message: &'static str, detail: impl Into<String>) -> Self {
        Self::Refused { code, message, detail: detail.into() }
    }

    /// Retry or fail is decided here, where the error is born.
    fn failure(&self) -> Failure {
        let (code, message, retry) = match self {
            Self::Ffmpeg(..) => ("encode_failed", "The file could not be decoded or encoded.", true),
            Self::Box(_) => ("encode_failed", "The encoded stream could not be packaged.", true),
            Self::Link(_) => ("encode_failed", "The source could not be read.", true),
            Self::Refused { code, message, .. } => (*code, *message, false),
        };
        Failure { code: code.to_owned(), message: message.to_owned(), detail: self.to_string(), retry }
    }
}

/// Names the call that failed.
trait Named<T> {
    fn named(self, what: &'static str) -> Result<T, EncodeError>;
}

impl<T> Named<T> for Result<T, ffmpeg_next::Error> {
    fn named(self, what: &'static str) -> Result<T, EncodeError> {
        self.map_err(|e| EncodeError::Ffmpeg(what, e))
    }
}

/// The child's `main`: one job, then the end. The exit status says nothing the socket does not.
pub fn main() -> std::io::Result<()> {
    let (link, job) = Link::from_stdin()?;
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Error);
    match run(&link, job) {
        Ok(()) => link.send(&FromChild::Done, &[]),
        Err(error) => link.send(&FromChild::Failed(error.failure()), &[]),
    }
}

fn run(link: &Link, job: Job) -> Result<(), EncodeError> {
    match &job.work {
        Work::Probe(scope) => {
            let facts = probe::probe(link, &job, *scope)?;
            link.send(&FromChild::Probed(Box::new(facts)), &[])?;
            Ok(())
        }
        Work::Chunk(work) => chunk::run(link, &job, work),
        Work::Passthrough(work) => passthrough::run(link, &job, work),
        Work::Audio(work) => audio::run(link, &job, work),
    }
}
