//! Why a child did not do its work, in the words that clients read.
//!
//! Invariant: a child names a case of these lists and nothing else of it is shown, so that no word of a file, of a
//! library or of an attacker reaches a client.

use serde::{Deserialize, Serialize};

/// What a child says by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Refusal {
    /// The container cannot be opened.
    Unreadable,
    /// No decoder is allowed for it.
    UnsupportedCodec,
    /// Dolby Vision of a kind that only its own decoders show.
    DolbyVision,
    /// No picture came out.
    UndecodableVideo,
    /// No sound came out.
    UndecodableAudio,
    /// Pictures without a place in time.
    NoTimeStamps,
    /// A call that reads or decodes failed in the middle.
    Damaged,
    /// Remuxed sound that is shorter than its index says.
    SoundEndsEarly,
    /// More packets than are taken in.
    TooManyPictures,
    /// A picture with more pixels than are decoded.
    TooManyPixels,
    /// More streams than are looked at.
    TooManyStreams,
    /// An edit list that shows the same bytes again and again.
    RepeatsItself,
    /// The source's own picture does not fit; it is encoded instead.
    PassthroughUnfit,
    /// Fewer pictures than planned.
    EncodeIncomplete,
    /// A call that encodes or packages failed.
    EncodeFailed,
}

impl Refusal {
    /// Stable, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::UnsupportedCodec | Self::DolbyVision => "unsupported_format",
            Self::TooManyPictures | Self::TooManyPixels | Self::TooManyStreams | Self::RepeatsItself => {
                "limit_exceeded"
            }
            Self::PassthroughUnfit => "passthrough_unfit",
            Self::EncodeIncomplete => "encode_incomplete",
            Self::EncodeFailed => "encode_failed",
            Self::Unreadable
            | Self::UndecodableVideo
            | Self::UndecodableAudio
            | Self::NoTimeStamps
            | Self::Damaged
            | Self::SoundEndsEarly => "corrupt_input",
        }
    }

    /// A sentence for people.
    pub fn message(self) -> &'static str {
        match self {
            Self::Unreadable => "The file is damaged or not what it claims to be.",
            Self::UnsupportedCodec => "The file uses a codec that is not supported.",
            Self::DolbyVision => {
                "The picture is in Dolby Vision without a base layer (profile 5), which other decoders cannot show; \
                 profiles 8.1 and 8.4 are accepted."
            }
            Self::UndecodableVideo => "No picture of the file could be decoded.",
            Self::UndecodableAudio => "No sound of the file could be decoded.",
            Self::NoTimeStamps => "The picture has no time stamps.",
            Self::Damaged => "The file is so damaged that it could not be decoded.",
            Self::SoundEndsEarly => "The sound ends before the file says it does.",
            Self::TooManyPictures => "The file has more pictures than is accepted.",
            Self::TooManyPixels => "The picture has more pixels than are accepted.",
            Self::TooManyStreams => "The file has more than 256 tracks.",
            Self::RepeatsItself => "The file shows the same bytes over and over, for longer than is accepted.",
            Self::PassthroughUnfit => "The source's own picture cannot be served as it is.",
            Self::EncodeIncomplete => "The encoder made fewer pictures than planned.",
            Self::EncodeFailed => "The film could not be encoded.",
        }
    }

    /// Whether another run may go better.
    pub fn retry(self) -> bool {
        matches!(self, Self::EncodeFailed)
    }
}

/// How a child ends that says nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Death {
    /// A signal for broken code, or words that no child in its right mind says.
    Crashed,
    /// Too long in all, or too long without progress.
    TimedOut,
    /// More memory than it may have.
    OutOfMemory,
    /// A system call that only an attacker makes.
    ForbiddenSyscall,
}

impl Death {
    /// Stable, for programs.
    pub fn code(self) -> &'static str {
        match self {
            Self::Crashed => "decoder_crashed",
            Self::TimedOut => "timed_out",
            Self::OutOfMemory => "out_of_memory",
            Self::ForbiddenSyscall => "forbidden_syscall",
        }
    }

    /// A sentence for people.
    pub fn message(self) -> &'static str {
        match self {
            Self::Crashed => "The decoder crashed while it worked on this file.",
            Self::TimedOut => "Work on this file took longer than it may.",
            Self::OutOfMemory => "Work on this file needed more memory than it may use.",
            Self::ForbiddenSyscall => "The decoder tried what it must not do while it worked on this file.",
        }
    }
}
