//! What a task's row says of its work, beside its kind: one type for each kind that has such a thing.
//!
//! Stored as JSON. The API queues what the worker runs, perhaps a version apart, so fields are only ever added.

use crate::MediaId;
use serde::{Deserialize, Serialize};

/// Payload of an `import` task.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImportPayload {
    /// Where the bytes are fetched.
    pub url: String,
}

/// Payload of a `hash` task.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HashPayload {
    /// What the bytes must hash to before anything is made of them, in hexadecimal.
    pub sha256: Option<String>,
}

/// Payload of the `plan` task of a clip.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClipPayload {
    /// The media that it is cut from, for its captions and chapters; it may be gone by then.
    pub media: MediaId,
    /// Begin in that media, milliseconds.
    pub start_ms: u64,
    /// End in that media, milliseconds.
    pub end_ms: u64,
}

/// Payload of a `poster` task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PosterPayload {
    /// Whose poster it becomes; others may have the same package.
    pub media: MediaId,
    /// The moment of the film, milliseconds from its begin.
    pub at_ms: u64,
}

/// Payload of a `chunk` task.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkPayload {
    /// First segment.
    pub first: usize,
    /// One past the last.
    pub end: usize,
    /// Whether it makes the rung that stands in for a passthrough, rather than the ladder.
    pub fallback: bool,
    /// Which rungs of the ladder it makes.
    #[serde(default)]
    pub tier: Tier,
    /// What it costs by estimate, milliseconds of one core; 0 where nobody has said.
    #[serde(default)]
    pub cost_ms: u64,
}

/// A pass over a film: its ladder is made in one, or in two of which the first makes the growing presentation.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    /// All rungs.
    #[default]
    All,
    /// The lower rungs, first.
    Lower,
    /// What the first pass left.
    Upper,
}

/// Payload of an `audio` task: all of the default sound where nothing else is said.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct AudioPayload {
    /// First segment.
    pub first: usize,
    /// One past the last.
    pub end: Option<usize>,
    /// What it costs by estimate, milliseconds of one core; 0 where nobody has said.
    pub cost_ms: u64,
    /// Which of the sounds of the plan; 0 is the one that is heard unless another is chosen.
    pub sound: usize,
}
