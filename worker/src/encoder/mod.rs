//! The encoder child: the only folder that names FFmpeg, and the only one with `unsafe`.
//!
//! Invariants: FFmpeg sees neither a path nor a URL, only bytes through the socket on descriptor 0;
//! it opens one demuxer, chosen by the file's first bytes, with white lists of formats, codecs and
//! protocols; everything that is untrusted is decoded here and nowhere else, in a process that `sandbox` has confined.

mod aac;
mod appearance;
mod audio;
mod burn;
mod captions;
mod chunk;
mod cover;
#[cfg(debug_assertions)]
mod evil;
mod ffi;
mod images;
mod jpeg;
mod kept;
mod key_images;
mod link;
mod metadata;
mod meter;
mod mixer;
mod open;
mod outline;
mod packets;
mod passthrough;
mod pcm;
mod peaks;
mod picture;
mod pictures;
mod probe;
mod segments;
mod sizes;
mod sound;
mod stamps;
mod streams;
mod subtitles;
mod tags;
mod telecine;
mod undated;
mod webp;
mod x264;

use crate::{
    child::{Failure, FromChild, Job, Refusal, Work},
    sandbox,
};
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
    #[error("{}: {detail}", .refusal.code())]
    Refused {
        /// Which.
        refusal: Refusal,
        /// For the log.
        detail: String,
    },
}

/// Calls that fail by what the encoder or this program did, not by what is in the file.
const ENCODING: &[&str] = &["libx264", "aac", "mjpeg", "encode"];

impl EncodeError {
    fn refused(refusal: Refusal, detail: impl Into<String>) -> Self {
        Self::Refused { refusal, detail: detail.into() }
    }

    fn failure(&self) -> Failure {
        let (refusal, detail) = match self {
            Self::Ffmpeg(call, _) if !ENCODING.contains(call) => (Refusal::Damaged, self.to_string()),
            Self::Ffmpeg(..) | Self::Box(_) | Self::Link(_) => (Refusal::EncodeFailed, self.to_string()),
            Self::Refused { refusal, detail } => (*refusal, detail.clone()),
        };
        Failure { refusal, detail }
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

/// The child's `main`, confined: one job, then the end. The exit status says nothing the socket does not.
pub fn main() -> std::io::Result<()> {
    let (link, job) = Link::receive()?;
    ffmpeg_next::log::set_level(ffmpeg_next::log::Level::Error);
    // Without it errors have no words.
    ffmpeg_next::error::register_all();
    match run(&link, job) {
        Ok(()) => link.send(&FromChild::Done, &[]),
        Err(error) => {
            // Libraries have many words for want of memory.
            sandbox::end_if_memory_is_used_up();
            link.send(&FromChild::Failed(error.failure()), &[])
        }
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
        Work::Subtitles(work) => subtitles::run(link, &job, work),
        Work::Images(work) => key_images::run(link, &job, work),
        Work::Cover => cover::run(link, &job),
        Work::Still(work) => chunk::still(link, &job, work),
    }
}
