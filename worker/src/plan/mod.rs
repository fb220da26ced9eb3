//! Decisions: pure functions from what the probe found to what will be encoded.
//!
//! Invariant: nothing here does I/O, reads a clock or knows FFmpeg; the same facts and settings
//! give the same plan on every worker.

mod allowance;
pub mod audio;
mod beside;
pub mod boundaries;
mod burn;
pub mod canvas;
mod chunks;
pub mod clip;
pub mod clock;
pub mod colour;
pub mod cost;
mod delay;
mod extent;
mod facts;
mod filters;
mod images;
pub mod incremental;
mod ladder;
mod level;
pub mod memory;
mod passthrough;
mod programme;
mod renditions;
mod steps;
pub mod subtitles;
pub mod telecine;
mod tiers;
mod timeline;
mod tone;
mod tracks;
mod variable;
mod warnings;

pub use allowance::Allowance;
pub use audio::AudioPlan;
pub use beside::beside;
pub use burn::BurnedSubtitles;
pub use chunks::Chunk;
pub use clip::Clip;
pub use clock::Clock;
pub use facts::{
    AudioFacts, CaptionFacts, ChapterFacts, Colour, FieldOrder, ImageSubtitleFacts, KeptFacts, KeyFrame, Metadata,
    SizeSpan, SourceFacts, TextFacts, TrackTags, VideoFacts,
};
pub use filters::{Shape, filter_graph};
#[cfg(test)]
pub use fixture::{slow_film, sound};
pub use images::{ImageWork, POSTER_WIDTH, PREVIEW_FRAMES, PublishedImages, SHEET_TILES, Storyboard, appeal};
pub use incremental::Incremental;
pub use ladder::Rung;
pub use renditions::Schedule;
pub use sluice_config::{EncodeSettings, LoudnessSetting, RungSetting};
pub use steps::Step;
pub use subtitles::{Part, SubtitlePlan};
pub use timeline::Rate;
pub use variable::VariableRate;
pub use warnings::{Left, LeftBehind};

use crate::cmaf::Coding;
use extent::Extent;
use serde::{Deserialize, Serialize};
use sluice_ingest::sniff::Demuxer;
use sluice_model::{ChapterMark, FileTags, MediaKind, Reason};

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
    /// The sound that is heard unless another is chosen, if there is one.
    pub audio: Option<AudioPlan>,
    /// The other sounds: further tracks, and tracks in more channels.
    #[serde(default)]
    pub further_audio: Vec<AudioPlan>,
    /// What of the source is not part of the package, for people.
    #[serde(default)]
    pub warnings: Vec<Reason>,
    /// Set while the source is being delivered and more will be planned.
    #[serde(default, rename = "growing")]
    pub incremental: Option<Incremental>,
    /// How the source's time stamps become the clock that all of the plan is on.
    #[serde(default)]
    pub clock: Clock,
    /// Text tracks of the file.
    #[serde(default)]
    pub subtitles: Vec<SubtitlePlan>,
    /// Chapters of the file.
    #[serde(default)]
    pub chapters: Vec<ChapterMark>,
    /// What the file says of itself.
    #[serde(default)]
    pub tags: FileTags,
    /// Set where it is a clip of another package.
    #[serde(default)]
    pub clip: Option<Clip>,
}

/// How the picture is made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct VideoPlan {
    /// Stream index in the source.
    pub stream: usize,
    /// Where output frame 0 lies in the source, in its time base.
    pub first_pts: i64,
    /// By how much decoders date pictures later than that clock says, in the source's time base.
    #[serde(default)]
    pub dated_late: i64,
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
    /// How many of the ladder, from the top, are made after the others for the whole film, and are missing in the
    /// growing presentation. `fallback` is the top of the ladder where there is one.
    #[serde(default)]
    pub upper_rungs: usize,
    /// What decoding a second of film costs by estimate, seconds of one core.
    #[serde(default)]
    pub decode_cost: f64,
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
    /// How much later than its place on the timeline every picture is shown, in ticks: as deep as any rung reorders,
    /// so that none is shown before it is decoded and no composition offset is negative. Plans of older versions have
    /// none, and negative offsets.
    #[serde(default)]
    pub delay_ticks: u64,
    /// Set where the pictures of the source are kept and not evenly spaced.
    #[serde(default)]
    pub variable: Option<VariableRate>,
    /// The pictures on the seek bar; none in plans of older versions.
    #[serde(default)]
    pub storyboard: Option<Storyboard>,
    /// Whether it is the picture of a clip, whose frames have the numbers of its film.
    #[serde(default)]
    pub is_clip: bool,
    /// Of a clip with a kept picture: that picture's init segment, beside whose parameter sets those of its encoded edges stand.
    #[serde(default)]
    pub kept_init: Option<Vec<u8>>,
    /// Subtitles that are drawn into every output frame.
    #[serde(default)]
    pub burned: Option<BurnedSubtitles>,
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
    if let Some(reason) = warnings::refusal(facts) {
        return Err(reason);
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
    let burned = burn::chosen(facts, settings.burn_subtitles.as_ref());
    let passes = settings.passthrough && extent.can_pass() && facts.clock.is_plain() && burned.is_none();
    let kept = if passes { passthrough::admit(video, rate, shown, settings) } else { None };
    let boundaries = match &kept {
        Some(kept) => boundaries::on_keys(&kept.frames(), frames, rate),
        None => boundaries::on_grid(frames, rate),
    };
    let variable = kept.as_ref().and_then(|kept| VariableRate::of(video, kept, rate, &boundaries));
    let longest = boundaries.windows(2).map(|w| w[1] - w[0]).max().unwrap_or(frames);
    let duration_s = rate.seconds(frames);
    let mut ladder = ladder::ladder(video, rate, settings);
    let replaced = kept.as_ref().is_some_and(|k| k.coding == Coding::Avc);
    let lean = ladder.first().filter(|_| replaced).and_then(|top| ladder::beside_heavy(video, top));
    if let Some(lean) = lean {
        ladder.insert(1, lean);
    }
    let below = usize::from(replaced).min(ladder.len());
    ladder::cap(&mut ladder[..below], video, false);
    ladder::cap(&mut ladder[below..], video, below > 0);
    let per_second = cost::PerSecond::of(video, rate, settings);
    let whole_s = |rungs: &[Rung]| per_second.of_rungs(rungs) * duration_s;
    let upper_rungs = tiers::upper_rungs(&ladder, duration_s, fleet_cores, whole_s);
    let (passthrough, fallback, rungs) = match kept.map(|k| k.coding) {
        // It takes the place of the top rung, which stands by.
        Some(Coding::Avc) => {
            let top = ladder.first().cloned();
            let rest = ladder.into_iter().skip(1).collect();
            (passthrough::rung(video), top, rest)
        }
        // Not every player knows the codec: it is one more rung, never the only one.
        Some(Coding::Hevc | Coding::Av1) => (passthrough::rung(video), None, ladder),
        None => (None, None, ladder),
    };
    let first_pts = video.first_pts - video.ticks(rate.seconds(shown.lead));
    let origin_s = video.seconds(first_pts);
    let delay_frames = delay::delay_frames(video, passthrough.is_some(), variable.is_some());
    let cuts_s = variable.as_ref().map_or_else(|| seconds(&boundaries, rate), VariableRate::cuts_s);
    let kept = cost::affordable_tracks(facts, duration_s);
    let target_lufs = settings.loudness.map(|l| l.target_lufs);
    let may_keep = facts.clock.is_plain() && target_lufs.is_none();
    let narrow = rungs.iter().chain(&passthrough).any(ladder::is_narrow);
    let mut sounds = audio::beside_video(&facts.audio[..kept], origin_s, &cuts_s, may_keep, narrow);
    for sound in &mut sounds {
        sound.delay_by(rate.seconds(delay_frames));
        sound.target_lufs = target_lufs;
    }
    // Sound is cut at its own frames and may be a little longer than the picture.
    let longest_s = sounds.iter().map(AudioPlan::longest_segment_s).fold(rate.seconds(longest), f64::max);
    let mut sounds = sounds.into_iter();
    let target_s = (longest_s.round() as u64).max(boundaries::SEGMENT_S);
    let chunks = chunks::chunks(&boundaries, rate, video, fleet_cores);
    Ok(Plan {
        demuxer: facts.demuxer,
        duration_s,
        target_s,
        audio: sounds.next(),
        further_audio: sounds.collect(),
        warnings: warnings::warnings(facts, kept, burned),
        incremental: None,
        clock: facts.clock.clone(),
        subtitles: subtitles::tracks(facts),
        chapters: subtitles::chapters(facts, origin_s, duration_s),
        tags: facts.metadata.tags.clone(),
        clip: None,
        video: Some(VideoPlan {
            stream: video.stream,
            first_pts,
            dated_late: video.dated_late,
            time_base: video.time_base,
            rate,
            frames,
            tail: shown.tail,
            boundaries,
            keys: video.keys.iter().map(|k| k.seek).collect(),
            key_positions: incremental::positions(&video.keys).unwrap_or_default(),
            rungs,
            upper_rungs,
            decode_cost: per_second.decode_s,
            passthrough,
            fallback,
            picture: video.picture(),
            chunks,
            preset: settings.preset.clone(),
            delay_ticks: variable.as_ref().map_or(delay_frames * rate.frame_ticks(), |v| v.ticks(delay_frames, rate)),
            variable,
            storyboard: Some(Storyboard::of(duration_s, canvas::canvas(video))),
            is_clip: false,
            kept_init: None,
            burned: burned.map(|track| BurnedSubtitles { stream: track.stream }),
        }),
    })
}

fn plan_sound(facts: &SourceFacts, settings: &EncodeSettings) -> Result<Plan, Reason> {
    facts.audio.first().map_or(Ok(()), cost::check_silence)?;
    let kept = cost::affordable_tracks(facts, facts.duration_s());
    let mut sounds = audio::alone(facts, kept, &settings.audio_kbps);
    sounds.iter_mut().for_each(|a| a.target_lufs = settings.loudness.map(|l| l.target_lufs));
    let mut sounds = sounds.into_iter();
    let audio = sounds
        .next()
        .ok_or_else(|| Reason::new("unsupported_format", "The file holds no sound that can be decoded."))?;
    Ok(Plan {
        demuxer: facts.demuxer,
        duration_s: audio.duration_s(),
        target_s: boundaries::SEGMENT_S,
        video: None,
        warnings: warnings::warnings(facts, kept, None),
        incremental: None,
        clock: facts.clock.clone(),
        subtitles: subtitles::tracks(facts),
        chapters: subtitles::chapters(facts, audio.origin_s, audio.duration_s()),
        tags: facts.metadata.tags.clone(),
        audio: Some(audio),
        further_audio: sounds.collect(),
        clip: None,
    })
}

fn seconds(boundaries: &[u64], rate: Rate) -> Vec<f64> {
    boundaries.iter().map(|b| rate.seconds(*b)).collect()
}

impl Plan {
    /// The same plan for a film that nobody watches before it is made: the second decode is spared.
    #[must_use]
    pub fn in_one_tier(mut self) -> Self {
        self.video.iter_mut().for_each(|v| v.upper_rungs = 0);
        self
    }

    /// Length of the film as far as it is known, or else guessed; seconds.
    pub fn expected_s(&self) -> f64 {
        self.incremental.map_or(self.duration_s, |i| i.expected_s)
    }

    /// All sounds, the default first.
    pub fn sounds(&self) -> impl Iterator<Item = &AudioPlan> {
        self.audio.iter().chain(&self.further_audio)
    }

    /// A sound by its number among them.
    pub fn sound(&self, number: usize) -> Option<&AudioPlan> {
        self.sounds().nth(number)
    }

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

    /// Ticks a second of every video rendition.
    pub fn timescale(&self) -> u64 {
        self.variable.as_ref().map_or(self.rate.timescale(), |v| v.timescale)
    }

    /// When output frame `number` begins, ticks: on the grid of the rate, but for the first of a segment where a kept
    /// picture is off it.
    pub fn tick(&self, number: u64) -> u64 {
        let Some(v) = &self.variable else { return number * self.rate.frame_ticks() };
        let cut = self.boundaries.binary_search(&number).ok().and_then(|i| v.cuts.get(i).copied());
        cut.unwrap_or_else(|| v.ticks(number, self.rate))
    }

    /// First tick of every segment, then the end.
    pub fn cut_ticks(&self) -> Vec<u64> {
        self.boundaries.iter().map(|b| self.tick(*b)).collect()
    }

    /// Whether the source's own picture is a rung beside a whole ladder.
    pub fn keeps_beside(&self) -> bool {
        self.passthrough.is_some() && self.fallback.is_none()
    }

    /// Number of segments of every video rendition.
    pub fn segment_count(&self) -> usize {
        self.boundaries.len().saturating_sub(1)
    }
}

#[cfg(test)]
mod fixture {
    use super::{ladder::tests::source, *};

    /// Twenty seconds of stereo that can be kept.
    pub fn sound() -> AudioFacts {
        AudioFacts {
            stream: 1,
            codec: "aac".into(),
            sample_rate: 48_000,
            channels: 2,
            start_s: 0.0,
            duration_s: 20.0,
            gap_s: 0.0,
            bit_rate: 128_000,
            aac_lc_config: Some(vec![0x11, 0x90]),
            lossless: false,
            tags: TrackTags::default(),
        }
    }

    /// A silent minute on two cores, all of it to be encoded.
    pub fn planned(width: u32, height: u32) -> Plan {
        let keys =
            (0..1500).step_by(50).map(|f| KeyFrame { seek: f as i64, frame: f, shown: None, position: None }).collect();
        let video = VideoFacts { time_base: (1, 25), frames: 1500, duration_s: 60.0, keys, ..source(width, height) };
        let facts = SourceFacts {
            demuxer: Demuxer::Mov,
            video: Some(video),
            audio: Vec::new(),
            clock: Clock::default(),
            left_behind: Vec::new(),
            metadata: crate::plan::Metadata::default(),
        };
        let settings = EncodeSettings { passthrough: false, ..EncodeSettings::default() };
        plan(&facts, &settings, 2).unwrap()
    }

    /// One whose ladder is made slower than it plays.
    pub fn slow_film() -> Plan {
        planned(3840, 2160)
    }
}

#[cfg(test)]
mod tests {
    use super::{fixture::sound, ladder::tests::source, *};

    /// Nobody knows of a sound that is kept how loud it will be.
    #[test]
    fn every_sound_is_encoded_where_a_loudness_is_asked_for() {
        let facts = |video| SourceFacts {
            demuxer: Demuxer::Mov,
            video,
            audio: vec![sound(), AudioFacts { stream: 2, channels: 6, ..sound() }],
            clock: Clock::default(),
            left_behind: Vec::new(),
            metadata: Metadata::default(),
        };
        let asked =
            EncodeSettings { loudness: Some(LoudnessSetting { target_lufs: -16.0 }), ..EncodeSettings::default() };
        let film = facts(Some(source(640, 360)));
        let (kept, loud) = (plan(&film, &EncodeSettings::default(), 2).unwrap(), plan(&film, &asked, 2).unwrap());
        assert!(kept.audio.as_ref().unwrap().remux.is_some() && kept.sounds().all(|a| a.target_lufs.is_none()));
        assert_eq!(loud.sounds().filter(|a| a.remux.is_none() && a.target_lufs == Some(-16.0)).count(), 5);
        assert!(cost::cost_s(&loud) > cost::cost_s(&kept));
        assert_eq!(plan(&facts(None), &asked, 2).unwrap().audio.unwrap().target_lufs, Some(-16.0));
    }
}
