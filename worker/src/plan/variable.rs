//! The time line of pictures that are kept and not evenly spaced, as phones make them.
//!
//! Kept pictures have their own time stamps, so ticks are those of the source, or a whole fraction of them. Encoded rungs
//! have a constant rate, but begin each segment with the kept picture, exactly: all renditions are cut at the same ticks.

use super::{facts::VideoFacts, passthrough::Kept, timeline::Rate};
use serde::{Deserialize, Serialize};

/// Ticks a second at least, so that a frame of a constant rate is a whole number of them, nearly.
const FINE: u64 = 30_000;

/// Where kept pictures are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VariableRate {
    /// Ticks a second of all video renditions.
    pub timescale: u64,
    /// Ticks of one unit of the source's time base.
    pub unit: u64,
    /// First tick of every segment, then the end.
    pub cuts: Vec<u64>,
    /// Pictures of the source.
    pub pictures: u64,
}

impl VariableRate {
    /// `None` where the pictures are evenly spaced, or their clock cannot be kept.
    pub fn of(video: &VideoFacts, kept: &Kept, rate: Rate, boundaries: &[u64]) -> Option<Self> {
        let (timescale, unit) = clock(video).filter(|_| video.frame_ticks.is_none())?;
        let mut list = Self { timescale, unit, cuts: Vec::new(), pictures: video.frames };
        let (last, inner) = boundaries.split_last()?;
        for boundary in inner {
            let entry = kept.entries.iter().find(|e| e.frame == *boundary)?;
            list.cuts.push(u64::try_from(entry.units?).ok()? * unit);
        }
        list.cuts.push(list.ticks(*last, rate));
        list.cuts.is_sorted_by(|a, b| a < b).then_some(list)
    }

    /// When a frame of a constant rate begins.
    pub fn ticks(&self, frame: u64, rate: Rate) -> u64 {
        let (n, d) = (u128::from(frame) * u128::from(rate.den) * u128::from(self.timescale), u128::from(rate.num));
        ((n + d / 2) / d) as u64
    }

    /// The cuts in seconds.
    pub fn cuts_s(&self) -> Vec<f64> {
        self.cuts.iter().map(|c| *c as f64 / self.timescale as f64).collect()
    }
}

/// Ticks a second that hold the source's time stamps exactly, and those of one unit.
pub fn clock(video: &VideoFacts) -> Option<(u64, u64)> {
    let (num, den) = (u64::try_from(video.time_base.0).ok()?, u64::try_from(video.time_base.1).ok()?);
    let times = FINE.div_ceil(den.max(1)).max(1);
    let timescale = den.checked_mul(times).filter(|t| (1..=u64::from(u32::MAX)).contains(t))?;
    (num > 0).then_some((timescale, num * times))
}
