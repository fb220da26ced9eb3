//! The words that every crate shares: the states of the domain, reasons of failures, and the clock.
//!
//! Invariant: nothing here does I/O but reading the clock, and nothing knows HTTP, SQL text or FFmpeg.

mod cached;
mod chapter;
pub mod clock;
mod file_tags;
mod fragment;
mod ids;
mod language;
mod loudness;
mod payload;
mod playable;
mod rendition;
mod states;
mod task_kinds;
mod timestamp;
mod title;

pub use cached::cached_paths;
pub use chapter::ChapterMark;
pub use file_tags::FileTags;
pub use fragment::FragmentRange;
pub use ids::*;
pub use language::{language_name, language_tag, subtag};
pub use loudness::Loudness;
pub use payload::{AudioPayload, ChunkPayload, ClipPayload, HashPayload, ImportPayload, PosterPayload, Tier};
pub use playable::{TRUST, is_playable};
pub use rendition::{Measured, Rendition, SEGMENT_PEAKS, SoundTrack};
pub use states::*;
pub use task_kinds::TaskKinds;
pub use timestamp::Timestamp;
pub use title::default_title;
