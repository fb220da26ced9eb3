//! The rule checker: hls-rules as code, over real output.
//!
//! Three users, one code: publication checks every segment, `finalize` checks the package and stores
//! the report, `sluice-worker verify` checks any package behind a directory or a URL.

mod captions;
mod fetch;
mod observe;
pub mod playlist;
mod report;
mod rules;
mod segment;
mod sounds;
mod subtitles;
mod top_rates;
mod trick_play;

pub use fetch::Fetch;
pub use observe::observe;
pub use playlist::{ListError, parse_media, parse_multivariant};
pub use report::{Report, SoundLoudness};
pub use rules::{ObservedPackage, ObservedRendition, ObservedSegment, check};
pub use segment::{SegmentFault, check_segment};
pub use trick_play::ObservedIFrames;
