//! What the probe reports of a source. Plain data: no FFmpeg type crosses the process border.

use super::{Picture, clock::Clock, warnings::LeftBehind};
use crate::cmaf::Coding;
use serde::{Deserialize, Serialize};
use sluice_ingest::sniff::Demuxer;
use sluice_model::FileTags;

/// A source as probed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SourceFacts {
    /// The demuxer that read it.
    pub demuxer: Demuxer,
    /// The best picture stream that can be decoded; cover art is none.
    pub video: Option<VideoFacts>,
    /// Sound streams that can be decoded, the default one first.
    pub audio: Vec<AudioFacts>,
    /// How the source's time stamps became the clock that all times here are on.
    #[serde(default)]
    pub clock: Clock,
    /// Streams that are not part of the package.
    #[serde(default)]
    pub left_behind: Vec<LeftBehind>,
    /// What the file has beside picture and sound.
    #[serde(default)]
    pub metadata: Metadata,
}

/// What a file has beside picture and sound.
#[derive(Debug, Default, Clone, PartialEq, Serialize, Deserialize)]
pub struct Metadata {
    /// Text tracks that can be decoded.
    pub texts: Vec<TextFacts>,
    /// Streams that carry closed captions.
    #[serde(default)]
    pub captions: Vec<CaptionFacts>,
    /// Subtitle tracks of pictures.
    #[serde(default)]
    pub image_subtitles: Vec<ImageSubtitleFacts>,
    pub chapters: Vec<ChapterFacts>,
    pub tags: FileTags,
}

/// A text track.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TextFacts {
    /// Index in the source.
    pub stream: usize,
    /// As the container has it.
    pub language: Option<String>,
    pub title: Option<String>,
    pub forced: bool,
    pub hearing_impaired: bool,
    /// Of teletext its page.
    #[serde(default)]
    pub page: Option<u16>,
}

/// A stream that carries closed captions (CTA-608): the picture, or a track of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaptionFacts {
    /// Index in the source.
    pub stream: usize,
    /// As the container has it; of a picture nobody has said.
    pub language: Option<String>,
}

/// A subtitle track of pictures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ImageSubtitleFacts {
    /// Index in the source.
    pub stream: usize,
    /// FFmpeg's name of the codec.
    pub codec: String,
    /// As the container has it.
    pub language: Option<String>,
    pub forced: bool,
    /// Whether the file wants it shown where nobody chooses.
    pub default: bool,
}

/// Where a chapter begins.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChapterFacts {
    /// On the source's clock.
    pub start_s: f64,
    pub title: String,
}

/// A picture stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoFacts {
    /// Index in the source.
    pub stream: usize,
    /// FFmpeg's codec name.
    pub codec: String,
    /// Coded pixels.
    pub width: u32,
    /// Coded pixels.
    pub height: u32,
    /// Shape of one pixel; (1, 1) is square.
    pub pixel_aspect: (u32, u32),
    /// Shape of one pixel as the container has it, which is what counts where it says anything.
    #[serde(default)]
    pub container_aspect: Option<(u32, u32)>,
    /// Clockwise quarter turns that show it upright.
    pub quarter_turns: u8,
    /// Whether left and right are exchanged before it is turned.
    #[serde(default)]
    pub mirrored: bool,
    /// The sizes that its pictures have, in the order they come; empty where there is one.
    #[serde(default)]
    pub sizes: Vec<SizeSpan>,
    /// FFmpeg's pixel format name.
    pub pixel_format: String,
    /// How frames are scanned.
    pub field_order: FieldOrder,
    /// Whether it is film that was woven into thirty frames a second, for certain.
    #[serde(default)]
    pub telecined: bool,
    /// Colour.
    pub colour: Colour,
    /// Unit of `first_pts` and `KeyFrame::seek`, seconds as a fraction.
    pub time_base: (i32, i32),
    /// Presentation time of the first frame.
    pub first_pts: i64,
    /// By how much decoders date pictures later than they are shown, where the container dates packets only.
    pub dated_late: i64,
    /// Frames found.
    pub frames: u64,
    /// From the first frame's begin to the last frame's end, seconds.
    pub duration_s: f64,
    /// Frames a second as the container and the decoder guess.
    pub guessed_rate: (u32, u32),
    /// Constant distance of all frames in `time_base` units, when it is constant.
    pub frame_ticks: Option<f64>,
    /// Median distance of frames, seconds.
    pub median_frame_s: f64,
    /// Bits a second of this stream.
    pub bit_rate: u64,
    /// Largest rate over any ten seconds, bits a second.
    pub peak_bit_rate: u64,
    /// Entry points in order.
    pub keys: Vec<KeyFrame>,
    /// By how many places a picture comes later in decoding order than in the order of presentation, at the most.
    pub reorder_depth: u64,
    /// What can be kept as it is, where anybody asked.
    pub kept: Option<KeptFacts>,
}

/// A size that pictures have, and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct SizeSpan {
    /// Coded pixels.
    pub width: u32,
    /// Coded pixels.
    pub height: u32,
    /// Shape of one pixel.
    pub pixel_aspect: (u32, u32),
    /// Of the film, seconds.
    pub seconds: f64,
}

/// An entry point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyFrame {
    /// Time stamp to seek to, in the stream's time base.
    pub seek: i64,
    /// How many frames come before it in decoding order.
    pub frame: u64,
    /// When it is shown, where that is known without reading it.
    #[serde(default)]
    pub shown: Option<i64>,
    /// Where in the file reading must begin for it, where the demuxer cannot find that by itself.
    #[serde(default)]
    pub position: Option<u64>,
}

/// What passthrough must know of a stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct KeptFacts {
    /// How it is coded.
    pub coding: Coding,
    /// RFC 6381 string of the parameter sets.
    pub codecs: String,
    /// Pictures at which a segment can begin, by how many come before each in decoding order: true IDRs (or what
    /// promises as much) whose parameter sets are those of the header.
    pub entries: Vec<u64>,
    /// Whether the parameter sets say: progressive, 4:2:0, a profile, depth and level that HLS allows.
    pub plain: bool,
    /// Ten times the level.
    pub level: u8,
    /// SUPPLEMENTAL-CODECS.
    #[serde(default)]
    pub supplemental: Option<String>,
}

/// How frames are scanned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum FieldOrder {
    /// Whole frames, or nothing said.
    Progressive,
    /// Two fields.
    Interlaced,
}

/// Colour description by FFmpeg's names; `unknown` where nothing is said.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Colour {
    pub primaries: String,
    pub transfer: String,
    pub matrix: String,
    /// Whether luma spans 0 to 255 rather than 16 to 235.
    pub full_range: bool,
}

impl Colour {
    /// PQ or HLG.
    pub fn is_hdr(&self) -> bool {
        matches!(self.transfer.as_str(), "smpte2084" | "arib-std-b67")
    }
}

/// A sound stream.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AudioFacts {
    /// Index in the source.
    pub stream: usize,
    /// FFmpeg's codec name.
    pub codec: String,
    /// Samples a second.
    pub sample_rate: u32,
    /// Channels.
    pub channels: u32,
    /// Begin on the source's clock, seconds.
    pub start_s: f64,
    /// Length, seconds.
    pub duration_s: f64,
    /// Of it, what no packet covers: the parts of distances between packets beyond a second, seconds.
    #[serde(default)]
    pub gap_s: f64,
    /// Bits a second; 0 when nothing is said.
    pub bit_rate: u64,
    /// AudioSpecificConfig of AAC-LC with 1024-sample frames, when it is that.
    pub aac_lc_config: Option<Vec<u8>>,
    /// Whether coding lost nothing.
    pub lossless: bool,
    /// What the container says of it.
    #[serde(default)]
    pub tags: TrackTags,
}

/// What a container says of a track of sound, as it says it: whoever shows it makes sure of it first.
#[derive(Debug, Default, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct TrackTags {
    /// ISO 639-2 in most containers; empty where nothing is said, here and below.
    pub language: String,
    /// For people.
    pub title: String,
    /// For people too, or the name of the muxer.
    pub handler: String,
    pub is_commentary: bool,
    pub is_dub: bool,
    pub for_hearing_impaired: bool,
    pub for_visually_impaired: bool,
}

impl VideoFacts {
    /// Begin on the source's clock, seconds.
    pub fn start_s(&self) -> f64 {
        self.seconds(self.first_pts)
    }

    /// Seconds of a time stamp.
    pub fn seconds(&self, time: i64) -> f64 {
        time as f64 * f64::from(self.time_base.0) / f64::from(self.time_base.1)
    }

    /// Seconds as units of the time base, rounded.
    pub fn ticks(&self, seconds: f64) -> i64 {
        (seconds * f64::from(self.time_base.1) / f64::from(self.time_base.0.max(1))).round() as i64
    }

    /// Most pixels that a decoded picture has.
    pub fn coded_pixels(&self) -> u64 {
        let sizes = self.sizes.iter().map(|s| (s.width, s.height)).chain([(self.width, self.height)]);
        sizes.map(|(w, h)| u64::from(w) * u64::from(h)).max().unwrap_or(0)
    }

    /// What its pictures are, for whoever decodes them.
    pub fn picture(&self) -> Picture {
        Picture {
            quarter_turns: self.quarter_turns,
            mirrored: self.mirrored,
            interlaced: self.field_order == FieldOrder::Interlaced,
            telecined: self.telecined,
            hdr: self.colour.is_hdr(),
            colour: self.colour.clone(),
            coded_pixels: self.coded_pixels(),
            coded_size: Some((self.width, self.height)),
            pixel_aspect: self.pixel_aspect,
            container_aspect: self.container_aspect,
            pixel_format: self.pixel_format.clone(),
        }
    }
}
