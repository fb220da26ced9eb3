//! What encoding a film costs, and whether that is in proportion to what its file holds.
//!
//! A source frame costs its file some bytes, so work on source frames is bounded by the file's size. Frames that repeat a
//! standing picture, and silence, cost a file nothing: they are bounded here.

use super::{
    EncodeSettings, Plan, Rung, VideoPlan,
    extent::Extent,
    facts::{AudioFacts, VideoFacts},
    ladder::ladder,
    timeline::{self, Rate},
};
use sluice_model::Reason;

/// Pixels that one core encodes in a second with the preset `veryfast` (ADR 40).
const PIXELS_PER_S: f64 = 60e6;
/// Pixels that one core decodes in a second.
const DECODED_PIXELS_PER_S: f64 = 400e6;
/// Sound that one core encodes in a second for one variant, seconds.
const SOUND_PER_S: f64 = 60.0;
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

/// Seconds of one core that the work on a plan takes, by estimate.
pub fn cost_s(plan: &Plan) -> f64 {
    let picture = plan.video.as_ref().map_or(0.0, |v| {
        let frames = v.frames as f64;
        let decoded = if v.rungs.is_empty() { 0.0 } else { v.picture.coded_pixels as f64 * frames };
        let encoded = pixels(&v.rungs) * frames * preset_factor(&v.preset);
        let renditions = v.rungs.len() + usize::from(v.passthrough.is_some());
        encoded / PIXELS_PER_S
            + decoded / DECODED_PIXELS_PER_S
            + (renditions * v.segment_count()) as f64 * SEGMENT_COST_S
    });
    let sound = plan.audio.as_ref().map_or(0.0, |a| {
        let coded = if a.remux.is_some() { 0.0 } else { a.duration_s() / SOUND_PER_S };
        a.variants.len() as f64 * (coded + a.segment_count() as f64 * SEGMENT_COST_S)
    });
    picture + sound
}

/// Seconds as whole milliseconds, as they are counted.
pub fn millis(seconds: f64) -> i64 {
    (seconds * 1000.0).ceil() as i64
}

/// Seconds of one core that it takes to encode what a passthrough was to be.
pub fn fallback_cost_s(plan: &Plan) -> f64 {
    let rungs = |v: &VideoPlan| v.fallback.iter().cloned().collect();
    let video = plan.video.as_ref().map(|v| VideoPlan { rungs: rungs(v), passthrough: None, ..v.clone() });
    cost_s(&Plan { video, audio: None, ..plan.clone() })
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
    use crate::plan::{Clock, H264Facts, KeyFrame, SourceFacts, ladder::tests::source, plan};
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
        let keys = (0..5).map(|i| KeyFrame { seek: i * 100, frame: i as u64 * 100, position: None }).collect();
        let h264 = H264Facts { codecs: "avc1.64001f".into(), clean_entries: true, plain: true, level: 31 };
        let video = VideoFacts { keys, h264: Some(h264), ..source(1280, 720) };
        let facts = SourceFacts {
            demuxer: Demuxer::Mov,
            video: Some(video),
            audio: Vec::new(),
            left_behind: Vec::new(),
            clock: Clock::default(),
        };
        let of = |passthrough| plan(&facts, &EncodeSettings { passthrough, ..EncodeSettings::default() }, 2).unwrap();
        let (kept, encoded) = (of(true), of(false));
        assert_eq!(fallback_cost_s(&encoded), 0.0, "there is none");
        let all = cost_s(&kept) + fallback_cost_s(&kept);
        assert!(cost_s(&kept) < cost_s(&encoded) && all >= cost_s(&encoded), "{all} of {}", cost_s(&encoded));
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
        };
        assert!(check_silence(&sound(1200.0, 600.0)).is_ok(), "a talk with a break");
        assert!(check_silence(&sound(40_000.0, 30_000.0)).is_ok(), "a night with noises");
        assert_eq!(check_silence(&sound(43_000.0, 42_990.0)).unwrap_err().code, "limit_exceeded");
    }
}
