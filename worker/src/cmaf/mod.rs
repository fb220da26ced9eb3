//! CMAF boxes: init segments, fragments, and reading them back for the checks.
//!
//! Own muxing rather than FFmpeg's: decode times come from the plan's frame numbers, so they are
//! exact over chunk seams; there is no edit list and no priming to undo; and the encoder child
//! needs no unsafe flush. mp4-atom writes and reads the boxes.

mod av1;
mod avc;
mod bits;
mod fragment;
mod header;
mod hevc;
mod init;
mod nal;
mod read;
mod slice;
mod user_data;

pub use av1::registered as av1_registered;
pub use bits::without_prevention;
pub use fragment::{Fragment, Sample, write_fragment, write_styp};
pub use header::{Coding, Header, Place};
pub use init::{aac_init, avc_codecs, avc_init, extend_sample_entry};
#[cfg(any(test, fuzzing))]
pub use nal::length_prefixed_units;
pub use nal::{annex_b_units, is_idr, is_whole, to_length_prefixed};
pub use read::{InitInfo, SegmentInfo, read_init, read_segment};
pub use slice::{of_fragments, of_samples, rebase, samples, with_parameter_sets};
#[cfg(any(test, fuzzing))]
pub use user_data::without_captions;
pub use user_data::{captions as caption_data, messages as sei_messages};

/// A box that could not be written or read.
#[derive(Debug, thiserror::Error)]
pub enum BoxError {
    /// mp4-atom's complaint.
    #[error("box: {0}")]
    Atom(#[from] mp4_atom::Error),
    /// What is missing or wrong.
    #[error("{0}")]
    Broken(&'static str),
    /// What may be right, but is never made here.
    #[error("{0}")]
    Foreign(&'static str),
}
