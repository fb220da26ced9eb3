//! Whether the source itself can be a rung, and where it can be cut.

use super::{
    colour,
    extent::Frames,
    facts::{FieldOrder, VideoFacts},
    ladder::Rung,
    timeline::Rate,
};
use sluice_config::EncodeSettings;

/// Longest distance of entry points, seconds: the commonest encoder default, 250 frames, is 10.4 s at 24 fps.
const LONGEST_GOP_S: f64 = 10.5;
const HIGHEST_LEVEL: u8 = 52;

/// The frame numbers at which the source can be cut, or `None` when it must be encoded.
///
/// Entry points that are not among those the probe looked into are checked while muxing;
/// a source that fails there is encoded after all.
pub fn admit(video: &VideoFacts, rate: Rate, shown: Frames, settings: &EncodeSettings) -> Option<Vec<u64>> {
    let h264 = video.h264.as_ref()?;
    let plain = h264.plain && h264.clean_entries && h264.level <= HIGHEST_LEVEL;
    let square = video.pixel_aspect.0 == video.pixel_aspect.1 && video.sizes.len() <= 1;
    let upright = video.quarter_turns == 0 && !video.mirrored && !video.telecined;
    let scanned =
        video.field_order == FieldOrder::Progressive && video.pixel_format == "yuv420p" && !video.colour.is_hdr();
    let said = colour::means_something(&video.colour);
    let even = video.width.is_multiple_of(2) && video.height.is_multiple_of(2);
    let steady = video.frame_ticks.is_some() && video.frames == shown.picture && rate.fps() <= 60.0;
    let affordable = video.bit_rate > 0
        && video.bit_rate <= settings.passthrough_max_bps
        && video.peak_bit_rate <= settings.passthrough_max_bps * 2;
    let most = settings.ladder.iter().map(|r| r.short_side).max()?;
    let small_enough = video.width.min(video.height) <= most;
    if !(plain && square && upright && scanned && said && even && steady && affordable && small_enough) {
        return None;
    }
    let keys: Vec<u64> = video.keys.iter().map(|k| k.frame).collect();
    let mut ends = keys.clone();
    ends.push(shown.total());
    let gaps_fit = ends.windows(2).all(|w| rate.seconds(w[1].saturating_sub(w[0])) <= LONGEST_GOP_S);
    (keys.first() == Some(&0) && gaps_fit && keys.is_sorted()).then_some(keys)
}

/// The rung that the source is.
pub fn rung(video: &VideoFacts) -> Option<Rung> {
    let h264 = video.h264.as_ref()?;
    Some(Rung {
        name: "source".to_owned(),
        width: video.width,
        height: video.height,
        crf: 0.0,
        max_bps: video.peak_bit_rate.max(video.bit_rate),
        level: h264.level,
        codecs: h264.codecs.clone(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{
        facts::{Colour, H264Facts, KeyFrame, SizeSpan},
        ladder::tests::source,
    };

    fn compliant() -> VideoFacts {
        let keys = (0..5).map(|i| KeyFrame { seek: i * 100, frame: i as u64 * 100, position: None }).collect();
        let h264 = H264Facts { codecs: "avc1.640028".into(), clean_entries: true, plain: true, level: 40 };
        VideoFacts { keys, h264: Some(h264), ..source(1920, 1080) }
    }

    fn admitted(video: &VideoFacts) -> bool {
        admit(video, Rate { num: 25, den: 1 }, Frames { lead: 0, picture: 500, tail: 0 }, &EncodeSettings::default())
            .is_some()
    }

    #[test]
    fn a_compliant_source_is_admitted_and_each_fault_alone_refuses_it() {
        let good = compliant();
        assert!(admitted(&good));
        let h264 = |change: fn(&mut H264Facts)| {
            let mut v = compliant();
            v.h264.iter_mut().for_each(change);
            v
        };
        let size = SizeSpan { width: 1920, height: 1080, pixel_aspect: (1, 1), seconds: 10.0 };
        let faulty = [
            ("not H.264", VideoFacts { h264: None, ..good.clone() }),
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
            ("variable rate", VideoFacts { frame_ticks: None, ..good.clone() }),
            ("a hole", VideoFacts { frames: 499, ..good.clone() }),
            ("too many bits", VideoFacts { bit_rate: 30_000_000, ..good.clone() }),
            ("does not begin with a key frame", VideoFacts { keys: good.keys[1..].to_vec(), ..good.clone() }),
            ("key frames too far apart", VideoFacts { keys: good.keys[..2].to_vec(), ..good.clone() }),
            ("not plain", h264(|h| h.plain = false)),
            ("open GOPs", h264(|h| h.clean_entries = false)),
        ];
        for (fault, video) in faulty {
            assert!(!admitted(&video), "{fault}");
        }
    }
}
