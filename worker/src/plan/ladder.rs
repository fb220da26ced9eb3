//! Which rungs a source gets: never more pixels than it has, by the short side, portrait-aware.

use super::{canvas::canvas, facts::VideoFacts, level, timeline::Rate};
use serde::{Deserialize, Serialize};
use sluice_config::{EncodeSettings, RungSetting};
use sluice_model::VideoRange;

/// One encoded video rendition.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Rung {
    /// Name within the package.
    pub name: String,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// Constant rate factor.
    pub crf: f32,
    /// Cap of the rate control, bits a second.
    pub max_bps: u64,
    /// level_idc, ten times the level.
    pub level: u8,
    /// RFC 6381.
    pub codecs: String,
    /// VIDEO-RANGE.
    #[serde(default = "sdr")]
    pub video_range: VideoRange,
    /// SUPPLEMENTAL-CODECS.
    #[serde(default)]
    pub supplemental: Option<String>,
}

/// What plans of older versions do not say.
fn sdr() -> VideoRange {
    VideoRange::Sdr
}

/// A rung this close below another one would cost an encode and give nothing.
const CLOSEST: f64 = 0.85;
/// The cap of a rung for narrow lines: with its rate control's buffer, and with the low sound, at most 192 kb/s over any
/// stretch (Apple 9.21).
const NARROW_BPS: u64 = 100_000;

/// The share of the rung above that a rung may cost.
const WORTH: f64 = 0.75;
/// Less makes no picture, bits a second.
const LEAST_BPS: u64 = 50_000;

/// The encoded rungs of a source, highest first; at least one.
pub fn ladder(video: &VideoFacts, rate: Rate, settings: &EncodeSettings) -> Vec<Rung> {
    let (width, height) = canvas(video);
    let (width, height) = level::fitted(width, height, rate);
    let short = width.min(height);
    let mut settings_down = settings.ladder.clone();
    settings_down.sort_by_key(|r| std::cmp::Reverse(r.short_side));
    let most = settings_down.first().map_or(short, |r| r.short_side);
    // The top rung has the source's own size, unless that exceeds the whole ladder.
    let top = even(short.min(most)).max(2);
    let mut chosen = vec![RungSetting { short_side: top, ..like(&settings_down, top) }];
    for r in settings_down.iter().filter(|r| f64::from(r.short_side) <= f64::from(top) * CLOSEST) {
        let last = chosen.last().map_or(top, |c| c.short_side);
        if f64::from(r.short_side) <= f64::from(last) * CLOSEST {
            chosen.push(*r);
        }
    }
    chosen.iter().map(|r| rung(r, width, height, rate)).collect()
}

/// Settings for a short side between two rungs: those of the nearest, its cap scaled by pixels.
fn like(settings_down: &[RungSetting], short: u32) -> RungSetting {
    let fallback = RungSetting { short_side: short, crf: 23.0, max_kbps: 2_000 };
    let near = settings_down.iter().min_by_key(|r| r.short_side.abs_diff(short)).copied().unwrap_or(fallback);
    let pixels = f64::from(short) / f64::from(near.short_side.max(1));
    let kbps = f64::from(near.max_kbps) * pixels.powf(1.5);
    RungSetting { max_kbps: (kbps.round() as u32).max(100), ..near }
}

fn rung(setting: &RungSetting, width: u32, height: u32, rate: Rate) -> Rung {
    let short = width.min(height);
    let scale = f64::from(setting.short_side) / f64::from(short);
    let long = even((f64::from(width.max(height)) * scale).round() as u32).max(2);
    let (w, h) = if width >= height { (long, setting.short_side) } else { (setting.short_side, long) };
    // Twice the frames need half as much again, not twice.
    let fast = if rate.fps() > 31.0 { 1.5 } else { 1.0 };
    // Caps are for pictures of 16:9: a panorama of the same short side has more to show.
    let area = f64::from(w) * f64::from(h) / (f64::from(setting.short_side).powi(2) * 16.0 / 9.0);
    let wide = if area > 1.35 { area.powf(0.75) } else { 1.0 };
    let cap_bps = u64::from(setting.max_kbps) * 1000;
    // What is for narrow lines stays that.
    let max_bps = if cap_bps <= NARROW_BPS { cap_bps } else { (cap_bps as f64 * fast * wide) as u64 };
    let level = level::h264(w, h, rate, max_bps);
    Rung {
        name: format!("v{}", setting.short_side),
        width: w,
        height: h,
        crf: setting.crf,
        max_bps,
        level,
        // High profile as x264 writes it: profile_idc 100, no constraint flags.
        codecs: format!("avc1.6400{level:02x}"),
        video_range: VideoRange::Sdr,
        supplemental: None,
    }
}

/// Of a kept picture that costs more than so many times what the rung of its size may, most people who have the screen for it do
/// not have the line.
const HEAVY: u64 = 2;
/// Short side of pictures from which on the step down to the next rung is seen.
const LARGE: u32 = 720;

/// The rung that stands beside a kept picture of its own size, where that is a heavy one. `top` is the highest of the ladder.
pub fn beside_heavy(video: &VideoFacts, top: &Rung) -> Option<Rung> {
    let large = top.width.min(top.height) >= LARGE;
    let heavy = video.bit_rate > HEAVY * top.max_bps;
    (large && heavy).then(|| Rung { name: format!("{}-lean", top.name), ..top.clone() })
}

/// Whether a rung is for narrow lines.
pub fn is_narrow(rung: &Rung) -> bool {
    rung.max_bps <= NARROW_BPS
}

/// Caps the rungs by what the source costs, and each by the one above it: bits that the source has not are of no use, and a
/// smaller picture never costs more than a larger one. With the source itself as the top rung its rate is `above`.
pub fn cap(rungs: &mut [Rung], video: &VideoFacts, above: bool) {
    let source_bps = video.peak_bit_rate.max(video.bit_rate);
    if video.peak_bit_rate == 0 {
        return;
    }
    // What x264 needs for what the codec of the source does with its bits, a little more for a second generation.
    let factor = match video.codec.as_str() {
        "hevc" | "vp9" => 2.5,
        "av1" => 3.0,
        _ => 1.5,
    };
    let mut most = if above { video.bit_rate as f64 * WORTH } else { source_bps as f64 * factor };
    for rung in rungs {
        rung.max_bps = rung.max_bps.min(most as u64).max(LEAST_BPS);
        most = rung.max_bps as f64 * WORTH;
    }
}

/// 4:2:0 needs even sizes.
fn even(pixels: u32) -> u32 {
    pixels & !1
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use crate::plan::facts::{Colour, FieldOrder};

    /// A plain 25 fps source of the given size.
    pub fn source(width: u32, height: u32) -> VideoFacts {
        let unknown = || "unknown".to_owned();
        VideoFacts {
            stream: 0,
            codec: "h264".into(),
            width,
            height,
            pixel_aspect: (1, 1),
            container_aspect: None,
            quarter_turns: 0,
            mirrored: false,
            sizes: Vec::new(),
            pixel_format: "yuv420p".into(),
            field_order: FieldOrder::Progressive,
            telecined: false,
            colour: Colour { primaries: unknown(), transfer: unknown(), matrix: unknown(), full_range: false },
            time_base: (1, 25),
            first_pts: 0,
            dated_late: 0,
            frames: 500,
            duration_s: 20.0,
            guessed_rate: (25, 1),
            frame_ticks: Some(1.0),
            median_frame_s: 0.04,
            bit_rate: 3_000_000,
            peak_bit_rate: 4_000_000,
            keys: Vec::new(),
            reorder_depth: 0,
            kept: None,
        }
    }

    fn sizes(video: &VideoFacts) -> Vec<(u32, u32)> {
        let rungs = ladder(video, Rate { num: 25, den: 1 }, &EncodeSettings::default());
        rungs.iter().map(|r| (r.width, r.height)).collect()
    }

    #[test]
    fn never_more_pixels_than_the_source() {
        assert_eq!(
            sizes(&source(1920, 1080)),
            [(1920, 1080), (1280, 720), (852, 480), (640, 360), (426, 240), (256, 144)]
        );
        assert_eq!(sizes(&source(480, 270)), [(480, 270), (256, 144)]);
        assert_eq!(sizes(&source(64, 64)), [(64, 64)]);
        assert_eq!(sizes(&source(7680, 4320))[0], (3840, 2160));
    }

    #[test]
    fn a_rung_is_capped_by_what_is_above_it() {
        let caps = |bit_rate: u64, codec: &str, above: bool| {
            let video = VideoFacts { bit_rate, peak_bit_rate: bit_rate, codec: codec.into(), ..source(1280, 720) };
            let mut rungs = ladder(&video, Rate { num: 25, den: 1 }, &EncodeSettings::default());
            cap(&mut rungs, &video, above);
            rungs.iter().map(|r| r.max_bps / 1000).collect::<Vec<_>>()
        };
        assert_eq!(caps(8_000_000, "h264", false), [3_000, 1_400, 730, 300, 100]);
        assert_eq!(caps(800_000, "h264", false), [1_200, 900, 675, 300, 100]);
        assert_eq!(caps(800_000, "hevc", false), [2_000, 1_400, 730, 300, 100]);
        // Below an original of 400 kb/s.
        assert_eq!(caps(400_000, "h264", true), [300, 225, 168, 126, 94]);
        assert_eq!(caps(20_000, "h264", false), [50, 50, 50, 50, 50]);
        assert_eq!(caps(0, "h264", false), [3_000, 1_400, 730, 300, 100]);
    }

    #[test]
    fn a_heavy_picture_that_is_kept_has_a_lean_one_of_its_size_beside_it() {
        let beside = |height: u32, bit_rate: u64| {
            let video = VideoFacts { bit_rate, ..source(height * 16 / 9, height) };
            let top = ladder(&video, Rate { num: 25, den: 1 }, &EncodeSettings::default()).remove(0);
            beside_heavy(&video, &top).map(|r| (r.name, r.height, r.max_bps))
        };
        assert_eq!(beside(1080, 17_000_000), Some(("v1080-lean".to_owned(), 1080, 6_000_000)));
        assert_eq!(beside(720, 8_000_000), Some(("v720-lean".to_owned(), 720, 3_000_000)));
        assert_eq!(beside(1080, 12_000_000), None, "twice is not more than twice");
        assert_eq!(beside(480, 8_000_000), None, "the next rung is hardly smaller");
    }

    #[test]
    fn the_smallest_rung_fits_narrow_lines_whatever_is_shown() {
        for (size, rate) in
            [((1920, 1080), 25), ((1920, 1080), 60), ((3440, 1440), 50), ((1080, 1920), 30), ((64, 64), 25)]
        {
            let rungs = ladder(&source(size.0, size.1), Rate { num: rate, den: 1 }, &EncodeSettings::default());
            assert!(rungs.last().is_some_and(is_narrow), "{size:?} {rate}");
            assert!(size.0 == 64 || !is_narrow(&rungs[0]), "{size:?} {rate}");
        }
    }

    #[test]
    fn portrait_turned_and_stretched_sources_keep_their_shape() {
        assert_eq!(sizes(&source(720, 1280))[..2], [(720, 1280), (480, 852)]);
        assert_eq!(sizes(&VideoFacts { quarter_turns: 1, ..source(1280, 720) })[0], (720, 1280));
        assert_eq!(sizes(&VideoFacts { pixel_aspect: (2, 1), ..source(640, 360) })[0], (1280, 360));
    }
}
