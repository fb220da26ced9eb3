//! The border between the worker and its encoder child: what is asked, what comes back.
//!
//! Invariant: the child sees bytes and numbers only. It has no credentials, no paths, no network;
//! it reads the source through the socket and hands finished segments back through it.

mod death;
pub mod fork_server;
mod forked;
pub mod log;
mod process;
mod refusal;
mod serve;
mod watch;
pub mod wire;

pub use death::ChildError;
pub use process::{Children, confined};
pub use refusal::{Death, Refusal};

use crate::{
    loudness::SegmentLoudness,
    plan::{AudioPlan, Clock, ImageWork, Part, SourceFacts, VideoPlan},
};
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use sluice_ingest::sniff::Demuxer;

/// What one child does with one source.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Job {
    /// Size of the source, bytes.
    pub source_bytes: u64,
    /// The only demuxer that may read it.
    pub demuxer: Demuxer,
    /// Most pixels of a frame that a decoder may allocate.
    pub max_pixels: u64,
    /// Where known moments of the source begin, for demuxers that would have to search.
    pub index: Vec<Entry>,
    /// The clock that the plan is on.
    #[serde(default)]
    pub clock: Clock,
    /// The work.
    pub work: Work,
}

/// A moment of a source and where reading must begin for it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Entry {
    /// On the source's clock, in units of `unit`.
    pub time: i64,
    /// Seconds as a fraction.
    pub unit: (i32, i32),
    /// Byte in the file.
    pub position: u64,
}

/// The kinds of work.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub enum Work {
    /// Find out what the source is.
    Probe(Probe),
    /// Encode a run of segments of some rungs from one decode.
    Chunk(ChunkWork),
    /// Remux the picture.
    Passthrough(PassthroughWork),
    /// Make the sound.
    Audio(AudioWork),
    /// Read text tracks.
    Subtitles(SubtitlesWork),
    /// Make still pictures of key frames.
    Images(ImagesWork),
    /// Make a poster of the picture that is attached to a sound.
    Cover,
    /// Make a poster of one output frame.
    Still(StillWork),
}

/// How much of a source is probed.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub enum Probe {
    /// All of it, by its index where that can be trusted.
    Whole {
        /// Bytes from the start that can be read; the rest is still arriving.
        arrived_bytes: u64,
    },
    /// Its first bytes, packet by packet.
    Beginning,
    /// What comes after a moment that was known before.
    After {
        /// The picture stream.
        video: usize,
        /// The sound stream.
        audio: Option<usize>,
        /// Time stamp of the last known entry point, in the picture's time base.
        seek: i64,
    },
}

impl Probe {
    /// Whether only the first bytes are there.
    pub fn is_beginning(self) -> bool {
        matches!(self, Self::Beginning)
    }
}

/// A chunk.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ChunkWork {
    /// The plan, with the rungs that are wanted.
    pub video: VideoPlan,
    /// First segment to make.
    pub first: usize,
    /// One past the last.
    pub end: usize,
    /// Threads of the decoder and of each encoder.
    pub threads: usize,
    /// Still pictures to make of what is decoded.
    #[serde(default)]
    pub images: Option<ImageWork>,
}

/// Still pictures of a film that is passed through.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ImagesWork {
    /// The plan.
    pub video: VideoPlan,
    /// What to make.
    pub images: ImageWork,
}

/// One output frame of a film.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StillWork {
    /// The plan.
    pub video: VideoPlan,
    /// Its number.
    pub frame: u64,
}

/// A passthrough.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PassthroughWork {
    /// The plan.
    pub video: VideoPlan,
    /// First segment to make; what comes before is published.
    pub first: usize,
}

/// Sound.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct AudioWork {
    /// The plan.
    pub audio: AudioPlan,
    /// First segment to make; what comes before is published.
    pub first: usize,
}

/// Text tracks.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SubtitlesWork {
    /// Indices in the source, and what of each stream.
    pub tracks: Vec<(usize, Part)>,
    /// Time on the source's clock that is 0 of the programme, seconds.
    pub origin_s: f64,
    /// Length of the programme, seconds.
    pub duration_s: f64,
}

/// From the worker to the child.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToChild {
    /// The first message.
    Start(Box<Job>),
    /// The answer to [`FromChild::Read`]; the bytes are the payload, fewer only at the end.
    Bytes,
    /// The source cannot be read now.
    ReadFailed,
}

/// From the child to the worker.
#[derive(Debug, Serialize, Deserialize)]
pub enum FromChild {
    /// Source bytes are wanted.
    Read {
        /// Where.
        offset: u64,
        /// How many at most.
        length: u32,
    },
    /// The answer to [`Work::Probe`].
    Probed(Box<SourceFacts>),
    /// An init segment; the bytes are the payload.
    Init {
        /// Name of the rendition.
        rendition: String,
        /// RFC 6381.
        codecs: String,
    },
    /// A finished media segment; the bytes are the payload.
    Segment(SegmentMade),
    /// A text track.
    Cues(CuesRead),
    /// A finished still picture, JPEG; the bytes are the payload.
    Image(ImageMade),
    /// A sign of life on long work.
    Alive {
        /// Pictures decoded and encoded so far.
        pictures: u64,
    },
    /// All is made.
    Done,
    /// The work cannot be done.
    Failed(Failure),
}

/// A segment as the child describes it; the worker checks it against its boxes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentMade {
    /// Name of the rendition.
    pub rendition: String,
    /// Number from 0.
    pub sequence: u64,
    /// Decode time of its first sample, ticks.
    pub start_ticks: u64,
    /// Length, ticks.
    pub duration_ticks: u64,
    /// Of the first rendition of sound: peaks of stretches of equal length.
    #[serde(default)]
    pub peaks: Vec<u8>,
    /// Of sound that is measured: how loud it is.
    #[serde(default)]
    pub loudness: Option<SegmentLoudness>,
}

/// A still picture as the child describes it; the worker checks it against the plan and its bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum ImageMade {
    /// What stands for the film.
    Poster {
        /// What it is worth beside others, 0 to 1000.
        appeal: u32,
    },
    /// Tiles of the storyboard.
    Sheet {
        /// Number of its first tile.
        number: u64,
        /// When each of its tiles is shown, milliseconds from the begin of the film.
        times_ms: Vec<u64>,
    },
    /// One of the animated preview.
    Preview {
        /// Its place among them, from 0.
        number: u64,
    },
}

/// The cues of a text track, by their begin; what is not shown is not among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CuesRead {
    /// Index in the source.
    pub stream: usize,
    pub part: Part,
    pub cues: Vec<CueRead>,
}

/// A cue as the child describes it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CueRead {
    /// From the begin of the programme.
    pub start_ms: u64,
    /// Later than `start_ms`.
    pub end_ms: u64,
    /// Lines; italics, bold and underline as in WebVTT, nothing escaped.
    pub text: String,
}

/// A typed refusal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// What clients are told.
    pub refusal: Refusal,
    /// Detail for the log only.
    pub detail: String,
}

/// What a child hands over.
#[derive(Debug)]
pub enum Output {
    /// What the source is.
    Probed(Box<SourceFacts>),
    /// An init segment.
    Init { rendition: String, codecs: String, data: Bytes },
    /// A media segment.
    Segment { made: SegmentMade, data: Bytes },
    /// A text track.
    Cues(CuesRead),
    /// A still picture.
    Image { made: ImageMade, data: Bytes },
    /// A sign of life: pictures decoded and encoded so far.
    Worked { pictures: u64 },
}
