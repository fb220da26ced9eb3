//! Decisions: pure functions from what the probe found to what will be encoded.
//!
//! Invariant: nothing here does I/O, reads a clock or knows FFmpeg; the same facts and settings
//! give the same plan on every worker.

mod allowance;
pub mod audio;
pub mod boundaries;
pub mod canvas;
mod chunks;
pub mod clock;
pub mod colour;
pub mod cost;
mod extent;
mod facts;
mod filters;
pub mod incremental;
mod ladder;
mod level;
pub mod memory;
mod passthrough;
mod playable;
mod renditions;
mod steps;
pub mod telecine;
mod timeline;
mod tone;

pub use allowance::Allowance;
pub use audio::AudioPlan;
pub use chunks::Chunk;
pub use clock::Clock;
pub use facts::{AudioFacts, Colour, FieldOrder, H264Facts, KeyFrame, SizeSpan, SourceFacts, VideoFacts};
pub use filters::{Shape, filter_graph};
pub use incremental::Incremental;
pub use ladder::Rung;
pub use playable::is_playable;
pub use renditions::Schedule;
pub use sluice_config::{EncodeSettings, RungSetting};
pub use steps::Step;
pub use timeline::Rate;

use extent::Extent;
use serde::{Deserialize, Serialize};
use sluice_ingest::sniff::Demuxer;
use sluice_model::{MediaKind, Reason};

/// All that is decided about one source. Stored with the package; every task works from it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Plan {
    /// Demuxer that reads the source.
    pub demuxer: Demuxer,
    /// Length of the output timeline, seconds.
    pub duration_s: f64,
    /// EXT-X-TARGETDURATION of every playlist, seconds.
    pub target_s: u64,
    /// The picture, if there is one.
    pub video: Option<VideoPlan>,
    /// The sound, if there is one.
    pub audio: Option<AudioPlan>,
    /// Set while the source is being delivered and more will be planned.
    #[serde(default, rename = "growing")]
    pub incremental: Option<Incremental>,
    /// How the source's time stamps become the clock that all of the plan is on.
    #[serde(default)]
    pub clock: Clock,
}

/// How the picture is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoPlan {
    /// Stream index in the source.
    pub stream: usize,
    /// Where output frame 0 lies in the source, in its time base.
    pub first_pts: i64,
    /// The source's time base, seconds as a fraction.
    pub time_base: (i32, i32),
    /// Output frames a second.
    pub rate: Rate,
    /// Output frames in all.
    pub frames: u64,
    /// Of them, those after the last picture of the source, which stands until the sound ends.
    #[serde(default)]
    pub tail: u64,
    /// First frame of every segment, then the number of frames: one list for the whole package.
    pub boundaries: Vec<u64>,
    /// Entry points of the source, by seek time stamp.
    pub keys: Vec<i64>,
    /// Where in the file to read from for each of `keys`; empty where the demuxer finds its way.
    #[serde(default)]
    pub key_positions: Vec<u64>,
    /// Encoded rungs, highest first.
    pub rungs: Vec<Rung>,
    /// The source itself as the top rung.
    pub passthrough: Option<Rung>,
    /// What the top rung would be if the passthrough turned out not to fit.
    pub fallback: Option<Rung>,
    /// Pixels of the source as shown, and what has to be done to them.
    pub picture: Picture,
    /// Units of work.
    pub chunks: Vec<Chunk>,
    /// x264 preset.
    pub preset: String,
}

/// What lies between the decoder and the scalers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    /// Clockwise quarter turns to apply.
    pub quarter_turns: u8,
    /// Whether left and right are exchanged before they are.
    #[serde(default)]
    pub mirrored: bool,
    /// Whether fields must be woven into frames.
    pub interlaced: bool,
    /// Whether woven fields must be taken apart into the film that they were (3:2 pulldown).
    #[serde(default)]
    pub telecined: bool,
    /// Whether the transfer is PQ or HLG and must be mapped to SDR.
    pub hdr: bool,
    /// Colour of the source.
    pub colour: Colour,
    /// Pixels of the largest decoded picture.
    pub coded_pixels: u64,
    /// Size of the first decoded picture; none in plans that were made before pictures were fitted.
    #[serde(default)]
    pub coded_size: Option<(u32, u32)>,
    /// Shape of a pixel where a picture says nothing.
    #[serde(default)]
    pub pixel_aspect: (u32, u32),
    /// Shape of a pixel in pictures of the first size, whatever they say.
    #[serde(default)]
    pub container_aspect: Option<(u32, u32)>,
    /// FFmpeg's name of the pixel format.
    #[serde(default)]
    pub pixel_format: String,
}

/// Decides everything, or refuses with a reason that a person understands.
pub fn plan(facts: &SourceFacts, settings: &EncodeSettings, fleet_cores: usize) -> Result<Plan, Reason> {
    check_limits(facts, settings)?;
    match &facts.video {
        Some(video) => plan_video(facts, video, settings, fleet_cores),
        None => plan_sound(facts, settings),
    }
}

fn check_limits(facts: &SourceFacts, settings: &EncodeSettings) -> Result<(), Reason> {
    if facts.video.is_none() && facts.audio.is_empty() {
        return Err(Reason::new("unsupported_format", "The file holds neither picture nor sound that can be decoded."));
    }
    let duration_s = facts.duration_s();
    if duration_s <= 0.0 {
        return Err(Reason::new("corrupt_input", "The file holds no picture and no sound of any length."));
    }
    check_duration(duration_s, settings)?;
    if let Some(v) = &facts.video {
        if v.coded_pixels() > settings.max_pixels {
            let text = format!("{}x{} pixels are more than is accepted.", v.width, v.height);
            return Err(Reason::new("limit_exceeded", text));
        }
        if v.width < 16 || v.height < 16 {
            return Err(Reason::new("limit_exceeded", "The picture is smaller than 16x16 pixels."));
        }
    }
    Ok(())
}

/// Refuses films that are longer than is accepted.
pub fn check_duration(duration_s: f64, settings: &EncodeSettings) -> Result<(), Reason> {
    if duration_s <= settings.max_duration_s {
        return Ok(());
    }
    let text = format!("The file claims {duration_s:.0} s; at most {:.0} s are accepted.", settings.max_duration_s);
    Err(Reason::new("limit_exceeded", text))
}

fn plan_video(
    facts: &SourceFacts,
    video: &VideoFacts,
    settings: &EncodeSettings,
    fleet_cores: usize,
) -> Result<Plan, Reason> {
    let extent = Extent::of(video, facts.sound());
    let rate = cost::affordable_rate(video, facts.sound(), settings)?;
    let shown = extent.frames(video, rate);
    let frames = shown.total();
    if shown.picture == 0 {
        return Err(Reason::new("corrupt_input", "The picture has no frames."));
    }
    let passes = settings.passthrough && extent.can_pass() && facts.clock.is_plain();
    let passthrough_keys = if passes { passthrough::admit(video, rate, shown, settings) } else { None };
    let boundaries = match &passthrough_keys {
        Some(keys) => boundaries::on_keys(keys, frames, rate),
        None => boundaries::on_grid(frames, rate),
    };
    let longest = boundaries.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(frames);
    let duration_s = rate.seconds(frames);
    let mut ladder = ladder::ladder(video, rate, settings);
    let below = usize::from(passthrough_keys.is_some()).min(ladder.len());
    ladder::cap(&mut ladder[..below], video, false);
    ladder::cap(&mut ladder[below..], video, below > 0);
    let (passthrough, fallback, rungs) = match passthrough_keys {
        Some(_) => {
            let top = ladder.first().cloned();
            let rest = ladder.into_iter().skip(1).collect();
            (passthrough::rung(video), top, rest)
        }
        None => (None, None, ladder),
    };
    let first_pts = video.first_pts - video.ticks(rate.seconds(shown.lead));
    let origin_s = video.seconds(first_pts);
    let audio = audio::beside_video(facts, origin_s, &seconds(&boundaries, rate));
    // Sound is cut at its own frames and may be a little longer than the picture.
    let longest_s = rate.seconds(longest).max(audio.as_ref().map_or(0.0, AudioPlan::longest_segment_s));
    let target_s = (longest_s.round() as u64).max(boundaries::SEGMENT_S);
    let chunks = chunks::chunks(&boundaries, rate, video, fleet_cores);
    Ok(Plan {
        demuxer: facts.demuxer,
        duration_s,
        target_s,
        audio,
        incremental: None,
        clock: facts.clock.clone(),
        video: Some(VideoPlan {
            stream: video.stream,
            first_pts,
            time_base: video.time_base,
            rate,
            frames,
            tail: shown.tail,
            boundaries,
            keys: video.keys.iter().map(|k| k.seek).collect(),
            key_positions: incremental::positions(&video.keys).unwrap_or_default(),
            rungs,
            passthrough,
            fallback,
            picture: picture(video),
            chunks,
            preset: settings.preset.clone(),
        }),
    })
}

fn picture(video: &VideoFacts) -> Picture {
    Picture {
        quarter_turns: video.quarter_turns,
        mirrored: video.mirrored,
        interlaced: video.field_order == FieldOrder::Interlaced,
        telecined: video.telecined,
        hdr: video.colour.is_hdr(),
        colour: video.colour.clone(),
        coded_pixels: video.coded_pixels(),
        coded_size: Some((video.width, video.height)),
        pixel_aspect: video.pixel_aspect,
        container_aspect: video.container_aspect,
        pixel_format: video.pixel_format.clone(),
    }
}

fn plan_sound(facts: &SourceFacts, settings: &EncodeSettings) -> Result<Plan, Reason> {
    facts.audio.first().map_or(Ok(()), cost::check_silence)?;
    let audio = audio::alone(facts, &settings.audio_kbps)
        .ok_or_else(|| Reason::new("unsupported_format", "The file holds no sound that can be decoded."))?;
    Ok(Plan {
        demuxer: facts.demuxer,
        duration_s: audio.duration_s(),
        target_s: boundaries::SEGMENT_S,
        video: None,
        audio: Some(audio),
        incremental: None,
        clock: facts.clock.clone(),
    })
}

fn seconds(boundaries: &[u64], rate: Rate) -> Vec<f64> {
    boundaries.iter().map(|b| rate.seconds(*b)).collect()
}

impl Plan {
    /// What a person would call it.
    pub fn kind(&self) -> MediaKind {
        if self.video.is_some() { MediaKind::Video } else { MediaKind::Audio }
    }
}

impl VideoPlan {
    /// Begin on the source's clock, seconds.
    pub fn start_s(&self) -> f64 {
        self.first_pts as f64 * f64::from(self.time_base.0) / f64::from(self.time_base.1)
    }

    /// Number of segments of every video rendition.
    pub fn segment_count(&self) -> usize {
        self.boundaries.len().saturating_sub(1)
    }
}

impl Plan {
    /// Segment boundaries of the package, seconds.
    pub fn cuts_s(&self) -> Vec<f64> {
        match (&self.video, &self.audio) {
            (Some(v), _) => seconds(&v.boundaries, v.rate),
            (None, Some(a)) => {
                let frame_s = audio::FRAME_SAMPLES as f64 / f64::from(a.sample_rate);
                a.boundaries.iter().map(|b| *b as f64 * frame_s).collect()
            }
            (None, None) => Vec::new(),
        }
    }
}
