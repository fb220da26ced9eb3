//! Plans for tests.

use super::{EncodeSettings, KeyFrame, Plan, SourceFacts, VideoFacts, ladder::tests::source, plan};
use sluice_ingest::sniff::Demuxer;

/// A silent minute on two cores, all of it to be encoded.
pub fn planned(width: u32, height: u32) -> Plan {
    let keys = (0..1500).step_by(50).map(|f| KeyFrame { seek: f as i64, frame: f, position: None }).collect();
    let video = VideoFacts { time_base: (1, 25), frames: 1500, duration_s: 60.0, keys, ..source(width, height) };
    let facts = SourceFacts { demuxer: Demuxer::Mov, video: Some(video), audio: Vec::new() };
    let settings = EncodeSettings { passthrough: false, ..EncodeSettings::default() };
    plan(&facts, &settings, 2).unwrap()
}

/// One whose ladder is made slower than it plays.
pub fn slow_film() -> Plan {
    planned(3840, 2160)
}
