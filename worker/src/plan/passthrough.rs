//! Whether the source itself can be a rung, and where it can be cut.

use super::{
    colour,
    extent::Frames,
    facts::{FieldOrder, VideoFacts},
    ladder::Rung,
    timeline::Rate,
    variable,
};
use crate::cmaf::Coding;
use sluice_config::EncodeSettings;
use sluice_model::VideoRange;

/// Longest distance of entry points, seconds: the commonest encoder default, 250 frames, is 10.4 s at 24 fps.
const LONGEST_GOP_S: f64 = 10.5;
/// Apple 1.19, and what rounding leaves.
const MOST_FPS: f64 = 60.5;
/// Phones film 4K in HEVC at up to three times what a passthrough may have; who takes that rung has others beside it.
const BESIDE_CAP: u64 = 3;

/// A source that can be a rung.
#[derive(Debug)]
pub struct Kept {
    pub coding: Coding,
    /// Where it can be cut, the first at frame 0.
    pub entries: Vec<Entry>,
}

/// A picture at which a segment can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// Its frame on the output time line.
    pub frame: u64,
    /// When it is shown after the first picture, in units of the source's time base, where that is known.
    pub units: Option<i64>,
}

impl Kept {
    /// Frame numbers of the entries.
    pub fn frames(&self) -> Vec<u64> {
        self.entries.iter().map(|e| e.frame).collect()
    }
}

/// Whether the source can be kept, and where it can be cut. `None` when it must be encoded.
///
/// Entry points that are not among those the probe looked into are checked while muxing; a source that fails there is
/// encoded after all, or left out where it is but one more rung.
pub fn admit(video: &VideoFacts, rate: Rate, shown: Frames, settings: &EncodeSettings) -> Option<Kept> {
    let facts = video.kept.as_ref().filter(|k| k.plain)?;
    let avc = facts.coding == Coding::Avc;
    let usual = !avc || is_usual(&facts.codecs);
    let square = video.pixel_aspect.0 == video.pixel_aspect.1 && video.sizes.len() <= 1;
    let upright = video.quarter_turns == 0 && !video.mirrored && !video.telecined;
    let format = match facts.coding {
        Coding::Avc => video.pixel_format == "yuv420p" && !video.colour.is_hdr(),
        Coding::Hevc | Coding::Av1 => matches!(video.pixel_format.as_str(), "yuv420p" | "yuvj420p" | "yuv420p10le"),
    };
    let scanned = video.field_order == FieldOrder::Progressive && format;
    let said = colour::means_something(&video.colour);
    let even = video.width.is_multiple_of(2) && video.height.is_multiple_of(2);
    let steady =
        if video.frame_ticks.is_some() { video.frames == shown.picture } else { variable::clock(video).is_some() };
    let timed = steady && rate.fps() <= 60.0 && densest_fps(video) <= MOST_FPS;
    let cap = settings.passthrough_max_bps * if avc { 1 } else { BESIDE_CAP };
    let affordable = video.bit_rate > 0 && video.bit_rate <= cap && video.peak_bit_rate <= cap * 2;
    let most = settings.ladder.iter().map(|r| r.short_side).max()?;
    let small_enough = video.width.min(video.height) <= most;
    if !(usual && square && upright && scanned && said && even && timed && affordable && small_enough) {
        return None;
    }
    let entries = entries(video, &facts.entries, rate, shown.total())?;
    let mut ends: Vec<u64> = entries.iter().map(|e| e.frame).collect();
    ends.push(shown.total());
    let gaps_fit = ends.windows(2).all(|w| w[0] < w[1] && rate.seconds(w[1] - w[0]) <= LONGEST_GOP_S);
    (ends.first() == Some(&0) && gaps_fit).then_some(Kept { coding: facts.coding, entries })
}

/// Baseline, Main and High. High 4:4:4 Predictive may hold plain pixels too, lossless ones, that browsers cannot decode.
fn is_usual(codecs: &str) -> bool {
    ["avc1.42", "avc1.4d", "avc1.64"].iter().any(|profile| codecs.to_ascii_lowercase().starts_with(profile))
}

/// Frames a second of the source, over all of it: a variable rate may be above that of the output for a while.
fn densest_fps(video: &VideoFacts) -> f64 {
    if video.duration_s > 0.0 { video.frames as f64 / video.duration_s } else { 0.0 }
}

/// The entries on the output time line; of those that fall on one frame the first.
fn entries(video: &VideoFacts, numbers: &[u64], rate: Rate, frames: u64) -> Option<Vec<Entry>> {
    let unit_s = f64::from(video.time_base.0) / f64::from(video.time_base.1);
    let mut list = Vec::new();
    for key in video.keys.iter().filter(|k| numbers.binary_search(&k.frame).is_ok()) {
        let units = key.shown.map(|t| t - video.first_pts);
        let frame = match (video.frame_ticks, units) {
            // In closed GOPs a key frame is shown in the place in which it is decoded.
            (Some(_), _) => key.frame,
            (None, Some(units)) => rate.frame_at(units as f64 * unit_s),
            (None, None) => return None,
        };
        list.push(Entry { frame, units });
    }
    list.dedup_by_key(|e| e.frame);
    list.retain(|e| e.frame < frames);
    Some(list)
}

/// The rung that the source is.
pub fn rung(video: &VideoFacts) -> Option<Rung> {
    let facts = video.kept.as_ref()?;
    Some(Rung {
        name: "source".to_owned(),
        width: video.width,
        height: video.height,
        crf: 0.0,
        max_bps: video.peak_bit_rate.max(video.bit_rate),
        level: facts.level,
        codecs: facts.codecs.clone(),
        video_range: match video.colour.transfer.as_str() {
            "smpte2084" => VideoRange::Pq,
            "arib-std-b67" => VideoRange::Hlg,
            _ => VideoRange::Sdr,
        },
        supplemental: facts.supplemental.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        facts::{Colour, KeptFacts, KeyFrame, SizeSpan},
        ladder::tests::source,
    };

    const WHOLE: Frames = Frames { lead: 0, picture: 500, tail: 0 };

    fn compliant() -> VideoFacts {
        let key = |i: i64| KeyFrame { seek: i * 100, frame: i as u64 * 100, shown: Some(i * 100), position: None };
        let kept = KeptFacts {
            coding: Coding::Avc,
            codecs: "avc1.640028".into(),
            entries: (0..5).map(|i| i * 100).collect(),
            plain: true,
            level: 40,
            supplemental: None,
        };
        VideoFacts { keys: (0..5).map(key).collect(), kept: Some(kept), ..source(1920, 1080) }
    }

    fn changed(change: fn(&mut KeptFacts)) -> VideoFacts {
        let mut video = compliant();
        video.kept.iter_mut().for_each(change);
        video
    }

    fn admitted(video: &VideoFacts) -> bool {
        admit(video, Rate { num: 25, den: 1 }, WHOLE, &EncodeSettings::default()).is_some()
    }

    #[test]
    fn a_compliant_source_is_admitted_and_each_fault_alone_refuses_it() {
        let good = compliant();
        assert!(admitted(&good));
        let size = SizeSpan { width: 1920, height: 1080, pixel_aspect: (1, 1), seconds: 10.0 };
        let faulty = [
            ("of no codec that is kept", VideoFacts { kept: None, ..good.clone() }),
            ("turned", VideoFacts { quarter_turns: 1, ..good.clone() }),
            ("telecined", VideoFacts { telecined: true, ..good.clone() }),
            ("mirrored", VideoFacts { mirrored: true, ..good.clone() }),
            ("several sizes", VideoFacts { sizes: vec![size, SizeSpan { width: 640, ..size }], ..good.clone() }),
            ("pixels not square", VideoFacts { pixel_aspect: (64, 45), ..good.clone() }),
            ("interlaced", VideoFacts { field_order: FieldOrder::Interlaced, ..good.clone() }),
            ("full range", VideoFacts { pixel_format: "yuvj420p".into(), ..good.clone() }),
            (
                "a matrix that lies",
                VideoFacts { colour: Colour { matrix: "gbr".into(), ..good.colour.clone() }, ..good.clone() },
            ),
            ("10 bits", VideoFacts { pixel_format: "yuv420p10le".into(), ..good.clone() }),
            ("too fast", VideoFacts { frame_ticks: None, frames: 1300, ..good.clone() }),
            ("a hole", VideoFacts { frames: 499, ..good.clone() }),
            ("too many bits", VideoFacts { bit_rate: 30_000_000, ..good.clone() }),
            ("does not begin with a key frame", changed(|k| k.entries.retain(|e| *e > 0))),
            ("key frames too far apart", changed(|k| k.entries.truncate(2))),
            ("not plain", changed(|k| k.plain = false)),
            ("open GOPs", changed(|k| k.entries.clear())),
        ];
        for (fault, video) in faulty {
            assert!(!admitted(&video), "{fault}");
        }
    }

    #[test]
    fn uneven_pictures_are_kept_and_cut_where_they_are() {
        let mut video = VideoFacts { frame_ticks: None, time_base: (1, 600), frames: 480, ..compliant() };
        // 4.01 s and so on, at 600 units a second.
        video.keys.iter_mut().for_each(|k| k.shown = Some(k.frame as i64 * 24 + i64::from(k.frame > 0) * 6));
        let rate = Rate { num: 25, den: 1 };
        let kept = admit(&video, rate, WHOLE, &EncodeSettings::default()).unwrap();
        assert_eq!(kept.frames(), [0, 100, 200, 300, 400]);
        let plan = variable::VariableRate::of(&video, &kept, rate, &[0, 100, 300, 500]).unwrap();
        assert_eq!((plan.timescale, plan.unit, plan.pictures), (30_000, 50, 480));
        assert_eq!(plan.cuts, [0, 2406 * 50, 7206 * 50, 600_000]);
        video.keys[1].shown = None;
        assert!(admit(&video, rate, WHOLE, &EncodeSettings::default()).is_none(), "nobody knows when it is shown");
    }

    #[test]
    fn other_codecs_may_have_ten_bits_and_more_of_them() {
        let phone = |coding, transfer: &str| {
            let mut video = VideoFacts { pixel_format: "yuv420p10le".into(), bit_rate: 50_000_000, ..compliant() };
            video.colour = Colour { transfer: transfer.to_owned(), ..video.colour };
            video.kept.iter_mut().for_each(|k| k.coding = coding);
            video
        };
        let hlg = phone(Coding::Hevc, "arib-std-b67");
        assert!(
            admitted(&hlg) && admitted(&phone(Coding::Av1, "smpte2084")) && !admitted(&phone(Coding::Avc, "bt709"))
        );
        assert_eq!(rung(&hlg).unwrap().video_range, VideoRange::Hlg);
    }
}
