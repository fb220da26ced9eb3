//! What players are told of one encoded track.

use crate::{Loudness, MediaKind, TrackRole, VideoRange};
use serde::{Deserialize, Serialize};

/// Peaks that are kept of a segment of sound at most.
pub const SEGMENT_PEAKS: usize = 48;

/// What a multivariant playlist needs to know of a rendition.
#[derive(Debug, Clone, PartialEq)]
pub struct Rendition {
    /// Its name within the package; also its folder.
    pub name: String,
    /// Video or audio.
    pub kind: MediaKind,
    /// Pixels, of video.
    pub size: Option<(u64, u64)>,
    /// Frames a second as a fraction, of video.
    pub rate: Option<(u64, u64)>,
    /// Channels, of audio.
    pub channels: Option<u64>,
    /// RFC 6381.
    pub codecs: String,
    /// VIDEO-RANGE, of video.
    pub video_range: VideoRange,
    /// SUPPLEMENTAL-CODECS.
    pub supplemental_codecs: Option<String>,
    /// What rate control may reach, used until the rendition is measured.
    pub cap_bps: u64,
    /// Measured peak, at the end.
    pub peak_bps: Option<u64>,
    /// Measured average, at the end.
    pub average_bps: Option<u64>,
    /// Measured peak of its I-frames alone, at the end; only where there is an I-frame playlist.
    pub iframe_bps: Option<u64>,
    /// Which track of a media it is, of audio.
    pub track: SoundTrack,
}

/// What is said of a track of sound, whatever it is coded in.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct SoundTrack {
    /// Its place among the tracks of its media, from 0. The first one is the default. Renditions of one track share it.
    pub position: u64,
    /// BCP 47; none where nobody knows.
    pub language: Option<String>,
    /// For menus; empty where there is nothing to say.
    pub label: String,
    /// What it is for.
    pub role: TrackRole,
}

/// What the segments of a rendition measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Measured {
    /// Highest bit rate, bits a second.
    pub peak_bps: u64,
    /// Bits a second.
    pub average_bps: u64,
    /// Peak of its I-frames alone, bits a second; none where it has no I-frame playlist.
    pub iframe_bps: Option<u64>,
    /// Of sound that is measured: how loud it is.
    pub loudness: Option<Loudness>,
}

impl Rendition {
    /// BANDWIDTH of this rendition alone, bits a second: measured, or until then the cap with a tenth for what
    /// rate control overshoots.
    pub fn peak_or_cap_bps(&self) -> u64 {
        self.peak_bps.unwrap_or(self.cap_bps + self.cap_bps / 10)
    }

    /// AVERAGE-BANDWIDTH of this rendition alone, bits a second: measured, or until then the cap.
    pub fn average_or_cap_bps(&self) -> u64 {
        self.average_bps.unwrap_or(self.cap_bps)
    }
}
