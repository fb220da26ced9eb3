//! What encoding a film costs, and whether that is in proportion to what its file holds.
//!
//! A source frame costs its file some bytes, so work on source frames is bounded by the file's size. Frames that repeat a
//! standing picture, and silence, cost a file nothing: they are bounded here.

use super::{
    AudioPlan, EncodeSettings, Plan, Rung, Step, VideoPlan,
    extent::Extent,
    facts::{AudioFacts, FieldOrder, SourceFacts, VideoFacts},
    ladder::ladder,
    timeline::{self, Rate},
};
use sluice_model::{ChunkPayload, Reason};
use std::ops::Range;

/// Pixels that one core encodes in a second with the preset `veryfast` (ADR 40).
const PIXELS_PER_S: f64 = 60e6;
/// Pixels that one core decodes in a second, by the codec of the source ...
const DECODED_PIXELS_PER_S: [(&str, f64); 3] = [("h264", 550e6), ("hevc", 330e6), ("prores", 200e6)];
/// ... and of all other codecs.
const OTHER_PIXELS_PER_S: f64 = 500e6;
/// More than eight bits a sample are decoded so much more slowly.
const DEEP_FACTOR: f64 = 1.25;
/// What each bit of the source costs its decoder beside, seconds of one core.
const BIT_COST_S: f64 = 30e-9;
/// Pixels whose fields one core weaves in a second.
const WOVEN_PIXELS_PER_S: f64 = 120e6;
/// Pixels that one core maps from HDR to SDR in a second, after they were made as small as the largest rung.
const MAPPED_PIXELS_PER_S: f64 = 120e6;
/// Sound that one core encodes in a second for two channels of one variant, seconds.
const SOUND_PER_S: f64 = 60.0;
/// Sound of two channels that one core decodes and measures in a second, before it is brought to a loudness, seconds.
const MEASURED_PER_S: f64 = 150.0;
/// Storing and publishing a segment, seconds of one core.
const SEGMENT_COST_S: f64 = 0.01;
/// Seconds of one core that standing pictures of any film may cost ...
const STILL_S: f64 = 120.0;
/// ... and one more for so many bytes of its picture and its sound.
const STILL_BYTES_PER_S: f64 = 1000.0;
/// Silence that a file of sound may have in gaps, seconds ...
const SILENCE_S: f64 = 3600.0;
/// ... and so many times what is heard.
const SILENCE_FACTOR: f64 = 10.0;
/// Renditions of a track: for everybody, and for narrow lines.
const TRACK_RENDITIONS: f64 = 2.0;
/// Tracks of sound of one film.
pub const MOST_TRACKS: usize = 32;
/// Frames a second that long stillness is encoded at, where no more of them are in proportion.
const SLOW_RATES: [Rate; 6] =
    [per_second(30), per_second(15), per_second(10), per_second(5), per_second(2), per_second(1)];

const fn per_second(num: u32) -> Rate {
    Rate { num, den: 1 }
}

/// How much slower than `veryfast` a preset of x264 is, roughly.
fn preset_factor(preset: &str) -> f64 {
    match preset {
        "ultrafast" => 0.4,
        "superfast" => 0.7,
        "veryfast" => 1.0,
        "faster" => 1.6,
        "fast" => 2.2,
        "medium" => 2.8,
        "slow" => 4.5,
        "slower" => 9.0,
        "veryslow" => 18.0,
        _ => 40.0,
    }
}

fn pixels(rungs: &[Rung]) -> f64 {
    rungs.iter().map(|r| f64::from(r.width) * f64::from(r.height)).sum()
}

/// What a second of a film costs, seconds of one core.
#[derive(Debug, Clone, Copy)]
pub struct PerSecond {
    /// Decoding it once, with what is done to its pictures whatever rungs are made.
    pub decode_s: f64,
    /// A pixel of every rung, all the second.
    pixel_s: f64,
    /// A pixel of the largest rung of a pass, all the second: of HDR pictures that is what is mapped, once for all rungs.
    mapped_pixel_s: f64,
}

impl PerSecond {
    /// Of a source that will be encoded at a rate.
    pub fn of(video: &VideoFacts, rate: Rate, settings: &EncodeSettings) -> Self {
        let source_fps = video.frames as f64 / video.duration_s.max(0.1);
        let coded = f64::from(video.width) * f64::from(video.height) * source_fps;
        let known = DECODED_PIXELS_PER_S.iter().find(|(codec, _)| *codec == video.codec);
        let is_deep = ["10", "12", "14", "16"].iter().any(|bits| video.pixel_format.contains(&format!("p{bits}")));
        let decoded_s = coded / known.map_or(OTHER_PIXELS_PER_S, |k| k.1) * if is_deep { DEEP_FACTOR } else { 1.0 };
        let woven_s = if video.field_order == FieldOrder::Interlaced { coded / WOVEN_PIXELS_PER_S } else { 0.0 };
        let decode_s = decoded_s + video.bit_rate as f64 * BIT_COST_S + woven_s;
        let mapped_pixel_s = mapped_pixel_s(rate, video.colour.is_hdr());
        Self { decode_s, pixel_s: pixel_s(rate, &settings.preset), mapped_pixel_s }
    }

    fn of_plan(v: &VideoPlan) -> Self {
        // Plans of an older version do not say it.
        let guessed = || v.picture.coded_pixels as f64 * v.rate.fps() / OTHER_PIXELS_PER_S;
        let decode_s = if v.decode_cost > 0.0 { v.decode_cost } else { guessed() };
        let mapped_pixel_s = mapped_pixel_s(v.rate, v.picture.colour.is_hdr());
        Self { decode_s, pixel_s: pixel_s(v.rate, &v.preset), mapped_pixel_s }
    }

    /// One pass that makes these rungs.
    pub fn of_rungs(&self, rungs: &[Rung]) -> f64 {
        let largest = rungs.iter().map(|r| pixels(std::slice::from_ref(r))).fold(0.0, f64::max);
        if rungs.is_empty() {
            0.0
        } else {
            self.decode_s + pixels(rungs) * self.pixel_s + largest * self.mapped_pixel_s
        }
    }
}

fn pixel_s(rate: Rate, preset: &str) -> f64 {
    rate.fps() * preset_factor(preset) / PIXELS_PER_S
}

fn mapped_pixel_s(rate: Rate, is_hdr: bool) -> f64 {
    if is_hdr { rate.fps() / MAPPED_PIXELS_PER_S } else { 0.0 }
}

/// Seconds of one core that the work on a plan takes, by estimate.
pub fn cost_s(plan: &Plan) -> f64 {
    if plan.clip.is_some() {
        return clip_s(plan);
    }
    let picture = plan.video.as_ref().map_or(0.0, |v| {
        let per_second = PerSecond::of_plan(v);
        let passes: f64 = v.tiers().iter().map(|tier| per_second.of_rungs(v.rungs_of(*tier))).sum();
        let renditions = v.rungs.len() + usize::from(v.passthrough.is_some());
        passes * v.rate.seconds(v.frames) + (renditions * v.segment_count()) as f64 * SEGMENT_COST_S
    });
    picture + plan.sounds().map(|a| sound_of_s(a, 0..a.segment_count())).sum::<f64>()
}

/// The same of a clip: its edges are encoded, and segments stored.
fn clip_s(plan: &Plan) -> f64 {
    let payload = |step| if let Step::Chunk { payload, .. } = step { Some(payload) } else { None };
    let edges = plan.video.iter().flat_map(|v| v.edge_steps().filter_map(payload).map(|chunk| chunk_s(v, &chunk)));
    let segments: usize = plan.video.iter().map(|v| v.rungs.len() * v.segment_count()).sum();
    let sounds: usize = plan.sounds().map(|a| a.variants.len() * a.segment_count()).sum();
    edges.sum::<f64>() + (segments + sounds) as f64 * SEGMENT_COST_S
}

/// The same of a chunk.
pub fn chunk_s(v: &VideoPlan, chunk: &ChunkPayload) -> f64 {
    let frame = |segment: usize| v.boundaries.get(segment).copied().unwrap_or(v.frames);
    let film_s = v.rate.seconds(frame(chunk.end).saturating_sub(frame(chunk.first)));
    let rungs = v.chunk_rungs(chunk);
    PerSecond::of_plan(v).of_rungs(rungs) * film_s
        + (rungs.len() * chunk.end.saturating_sub(chunk.first)) as f64 * SEGMENT_COST_S
}

/// The same of some segments of a sound.
pub fn sound_of_s(a: &AudioPlan, segments: Range<usize>) -> f64 {
    let share = segments.len() as f64 / a.segment_count().max(1) as f64;
    let pairs = f64::from(a.channels.max(2)) / 2.0;
    let coded = if a.remux.is_some() { 0.0 } else { a.duration_s() * share * pairs / SOUND_PER_S };
    let measured = a.target_lufs.map_or(0.0, |_| a.duration_s() * share * pairs / MEASURED_PER_S);
    measured + a.variants.len() as f64 * (coded + segments.len() as f64 * SEGMENT_COST_S)
}

/// Seconds as whole milliseconds, as they are counted.
pub fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).ceil() as i64
}

/// Seconds of one core that it takes to encode what a passthrough was to be.
pub fn fallback_cost_s(plan: &Plan) -> f64 {
    let rungs = |v: &VideoPlan| v.fallback.iter().cloned().collect();
    let video = plan.video.as_ref().map(|v| VideoPlan { rungs: rungs(v), passthrough: None, ..v.clone() });
    cost_s(&Plan { video, audio: None, further_audio: Vec::new(), ..plan.clone() })
}

/// Seconds of one core for `frames` more frames of these rungs than the source has.
fn still_cost_s(rungs: &[Rung], rate: Rate, frames: u64, preset: &str) -> f64 {
    let segments = rate.seconds(frames) / super::boundaries::SEGMENT_S as f64;
    pixels(rungs) * frames as f64 * preset_factor(preset) / PIXELS_PER_S
        + segments * rungs.len() as f64 * SEGMENT_COST_S
}

/// Output frames that only repeat others: a source of uneven times is shown at a constant rate, for which each of its
/// frames stands for two.
fn repeated(output: u64, source: u64) -> u64 {
    output.saturating_sub(source.saturating_mul(2))
}

fn allowed_s(bytes: f64) -> f64 {
    STILL_S + bytes / STILL_BYTES_PER_S
}

fn bytes(video: &VideoFacts, sound: Option<&AudioFacts>) -> f64 {
    let sound_bits = sound.map_or(0.0, |a| a.bit_rate as f64 * a.duration_s);
    (video.bit_rate as f64 * video.duration_s + sound_bits) / 8.0
}

/// The natural rate of a film, or a lower one at which its standing pictures are in proportion to its bytes.
///
/// # Errors
/// `limit_exceeded` where there is none.
pub fn affordable_rate(
    video: &VideoFacts,
    sound: Option<&AudioFacts>,
    settings: &EncodeSettings,
) -> Result<Rate, Reason> {
    let natural = timeline::natural_rate(video);
    let lower = SLOW_RATES.into_iter().filter(|r| r.fps() < natural.fps());
    let extent = Extent::of(video, sound);
    let fits = |rate: &Rate| {
        let frames = repeated(extent.frames(video, *rate).total(), video.frames);
        let rungs = ladder(video, *rate, settings);
        frames == 0 || still_cost_s(&rungs, *rate, frames, &settings.preset) <= allowed_s(bytes(video, sound))
    };
    std::iter::once(natural).chain(lower).find(fits).ok_or_else(|| {
        let text = format!(
            "The picture has {} frames in {:.0} s: it stands still for longer than is accepted.",
            video.frames,
            extent.lead_s + extent.picture_s + extent.tail_s
        );
        Reason::new("limit_exceeded", text)
    })
}

/// Whether the later frames of a film that is arriving keep to the same proportion.
pub fn is_affordable(v: &VideoPlan, output_frames: u64, found: &VideoFacts, sound: Option<&AudioFacts>) -> bool {
    let frames = repeated(output_frames, found.frames);
    frames == 0 || still_cost_s(&v.rungs, v.rate, frames, &v.preset) <= allowed_s(bytes(found, sound))
}

/// How many of the sounds of a film are made, from the first on. Silence where a track has nothing costs a file nothing: the
/// further ones may be silent for as long as is in proportion to the bytes of all.
pub fn affordable_tracks(facts: &SourceFacts, film_s: f64) -> usize {
    let heard_s = |a: &AudioFacts| (a.duration_s - a.gap_s).clamp(0.0, film_s);
    let silence_s = |a: &AudioFacts| {
        (film_s - heard_s(a)) / super::boundaries::SEGMENT_S as f64 * SEGMENT_COST_S * TRACK_RENDITIONS
    };
    let sounds_bits: f64 = facts.audio.iter().map(|a| a.bit_rate as f64 * a.duration_s).sum();
    let allowed_s = allowed_s(facts.video.as_ref().map_or(0.0, |v| bytes(v, None)) + sounds_bits / 8.0);
    let mut spent_s = 0.0;
    let fits = |a: &&AudioFacts| {
        spent_s += silence_s(a);
        spent_s <= allowed_s
    };
    let first = facts.audio.len().min(1);
    first + facts.audio.iter().take(MOST_TRACKS).skip(first).take_while(fits).count()
}

/// Refuses sound that is nearly all gaps.
///
/// # Errors
/// `limit_exceeded`.
pub fn check_silence(sound: &AudioFacts) -> Result<(), Reason> {
    let heard_s = (sound.duration_s - sound.gap_s).max(0.0);
    if sound.gap_s <= SILENCE_S + SILENCE_FACTOR * heard_s {
        return Ok(());
    }
    let text = format!("Of {:.0} s of sound {:.0} s are gaps: more than is accepted.", sound.duration_s, sound.gap_s);
    Err(Reason::new("limit_exceeded", text))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        cmaf::Coding,
        plan::{Clock, KeptFacts, KeyFrame, TrackTags, ladder::tests::source, plan},
    };
    use sluice_ingest::sniff::Demuxer;

    /// Frames at uneven times, `frames` in so many seconds, `bytes` in all.
    fn uneven(frames: u64, median_frame_s: f64, duration_s: f64, bytes: f64) -> VideoFacts {
        let bit_rate = (bytes * 8.0 / duration_s) as u64;
        VideoFacts { frames, median_frame_s, duration_s, bit_rate, frame_ticks: None, ..source(1280, 720) }
    }

    #[test]
    fn standing_pictures_are_slowed_down_and_then_refused() {
        let rate = |v: &VideoFacts| affordable_rate(v, None, &EncodeSettings::default()).map(|r| r.fps());
        for (what, film, expected) in [
            ("a film", source(1280, 720), Some(25.0)),
            ("a slide every ten seconds", uneven(30, 10.0, 300.0, 1e6), Some(10.0)),
            ("a talk of an hour, recorded when something moves", uneven(7200, 1.0 / 30.0, 3600.0, 3e7), Some(30.0)),
            ("a slide every half minute for an hour", uneven(120, 30.0, 3600.0, 6e6), Some(10.0)),
            ("a second of film and a still half hour", uneven(60, 1.0 / 60.0, 1800.0, 1e5), Some(2.0)),
            ("a few frames, the last after twelve hours", uneven(10, 1.0 / 60.0, 43_200.0, 16e3), None),
        ] {
            assert_eq!(rate(&film).ok(), expected, "{what}");
        }
        let refused = rate(&uneven(10, 1.0 / 60.0, 43_200.0, 16e3)).unwrap_err();
        assert_eq!(refused.code, "limit_exceeded");
    }

    #[test]
    fn a_film_of_many_frames_is_never_refused_for_few_bytes() {
        let black = VideoFacts { frames: 180_000, duration_s: 7200.0, bit_rate: 100, ..source(1920, 1080) };
        assert_eq!(affordable_rate(&black, None, &EncodeSettings::default()).unwrap().fps(), 25.0);
    }

    #[test]
    fn a_rung_costs_more_encoded_than_passed_through() {
        let key = |i: i64| KeyFrame { seek: i * 100, frame: i as u64 * 100, shown: Some(i * 100), position: None };
        let kept = KeptFacts {
            coding: Coding::Avc,
            codecs: "avc1.64001f".into(),
            entries: (0..5).map(|i| i * 100).collect(),
            plain: true,
            level: 31,
            supplemental: None,
        };
        let video = VideoFacts { keys: (0..5).map(key).collect(), kept: Some(kept), ..source(1280, 720) };
        let facts = SourceFacts {
            demuxer: Demuxer::Mov,
            video: Some(video),
            audio: Vec::new(),
            clock: Clock::default(),
            left_behind: Vec::new(),
            metadata: crate::plan::Metadata::default(),
        };
        let of = |passthrough| plan(&facts, &EncodeSettings { passthrough, ..EncodeSettings::default() }, 2).unwrap();
        let (kept, encoded) = (of(true), of(false));
        assert_eq!(fallback_cost_s(&encoded), 0.0, "there is none");
        let all = cost_s(&kept) + fallback_cost_s(&kept);
        assert!(cost_s(&kept) < cost_s(&encoded) && all >= cost_s(&encoded), "{all} of {}", cost_s(&encoded));
    }

    #[test]
    fn tracks_that_are_silent_must_be_in_proportion() {
        let kept = |film_s: f64, heard_s: f64, tracks: usize| {
            let track = |_| AudioFacts { duration_s: heard_s, ..crate::plan::fixture::sound() };
            let facts = SourceFacts {
                demuxer: Demuxer::Matroska,
                video: Some(VideoFacts { duration_s: film_s, bit_rate: 8, ..source(640, 360) }),
                audio: (0..tracks).map(track).collect(),
                clock: Clock::default(),
                left_behind: Vec::new(),
                metadata: crate::plan::Metadata::default(),
            };
            affordable_tracks(&facts, film_s)
        };
        assert_eq!(kept(7200.0, 7200.0, 12), 12, "a film in many languages");
        assert_eq!(kept(7200.0, 60.0, 3), 3, "remarks on two scenes");
        assert_eq!(kept(43_200.0, 0.0, 32), 2, "tracks of nothing");
        assert_eq!(kept(60.0, 60.0, 60), MOST_TRACKS);
        assert_eq!(kept(60.0, 0.0, 0), 0);
    }

    #[test]
    fn sound_may_rest_but_not_only() {
        let sound = |duration_s: f64, gap_s: f64| AudioFacts {
            stream: 0,
            codec: "opus".into(),
            sample_rate: 48_000,
            channels: 2,
            start_s: 0.0,
            duration_s,
            gap_s,
            bit_rate: 0,
            aac_lc_config: None,
            lossless: false,
            tags: TrackTags::default(),
        };
        assert!(check_silence(&sound(1200.0, 600.0)).is_ok(), "a talk with a break");
        assert!(check_silence(&sound(40_000.0, 30_000.0)).is_ok(), "a night with noises");
        assert_eq!(check_silence(&sound(43_000.0, 42_990.0)).unwrap_err().code, "limit_exceeded");
    }
}
