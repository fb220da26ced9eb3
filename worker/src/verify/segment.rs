//! The rules of one media segment, checked before it is published.

use crate::{
    cmaf::{SegmentInfo, read_segment},
    plan::Schedule,
};
use sluice_model::MediaKind;

/// A segment that must not be published.
#[derive(Debug, thiserror::Error)]
#[error("segment {sequence} breaks rule {rule}: {detail}")]
pub struct SegmentFault {
    /// Number of the segment.
    pub sequence: u64,
    /// Rule number of the authoring specification, or R for the RFC.
    pub rule: &'static str,
    /// What was found.
    pub detail: String,
}

/// Reads a segment and holds it against its schedule: decode time and duration exact over seams (7.3,
/// 8.1), one track (2.17), an IDR first (7.4), fragments that begin with sync samples and join.
pub fn check_segment(data: &[u8], sequence: u64, schedule: &Schedule) -> Result<SegmentInfo, SegmentFault> {
    let fault = |rule, detail: String| SegmentFault { sequence, rule, detail };
    let info = read_segment(data).map_err(|e| fault("R", e.to_string()))?;
    let index = sequence as usize;
    let (Some(start), Some(end)) = (schedule.ticks.get(index), schedule.ticks.get(index + 1)) else {
        return Err(fault("R", "a number that was not planned".to_owned()));
    };
    if info.tracks != 1 {
        return Err(fault("2.17", format!("{} tracks", info.tracks)));
    }
    if info.decode_time != *start {
        return Err(fault("7.3", format!("tfdt {} instead of {start}", info.decode_time)));
    }
    let last = index + 2 == schedule.ticks.len();
    let short = last && schedule.open_end && info.duration < end - start;
    if info.duration != end - start && !short {
        return Err(fault("8.1", format!("{} ticks instead of {}", info.duration, end - start)));
    }
    if !info.sync_starts || !info.continuous {
        return Err(fault("7.3", "fragments do not join".to_owned()));
    }
    if schedule.kind == MediaKind::Video {
        if !schedule.coding.begins_segment(&info.first_sample) {
            return Err(fault("7.4", "does not begin with an IDR".to_owned()));
        }
        let shown = start + schedule.delay;
        if info.first_presentation != shown as i64 {
            return Err(fault("8.22", format!("first shown at {} instead of {shown}", info.first_presentation)));
        }
        if schedule.delay > 0 && info.least_offset < 0 {
            return Err(fault("R", "a picture is shown before it is decoded".to_owned()));
        }
    }
    Ok(info)
}
