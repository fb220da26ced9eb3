//! The output timeline: constant frame rate at the source's natural rate.

use super::facts::VideoFacts;
use serde::{Deserialize, Serialize};

/// Frames a second as a fraction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rate {
    /// Numerator.
    pub num: u32,
    /// Denominator.
    pub den: u32,
}

/// Rates that displays and editors use.
const STANDARD: [Rate; 12] = [
    rate(10, 1),
    rate(12, 1),
    rate(15, 1),
    rate(20, 1),
    rate(24_000, 1001),
    rate(24, 1),
    rate(25, 1),
    rate(30_000, 1001),
    rate(30, 1),
    rate(50, 1),
    rate(60_000, 1001),
    rate(60, 1),
];
/// Apple 1.19.
const MOST_FPS: f64 = 60.0;

const fn rate(num: u32, den: u32) -> Rate {
    Rate { num, den }
}

impl Rate {
    /// Frames a second.
    pub fn fps(self) -> f64 {
        f64::from(self.num) / f64::from(self.den)
    }

    /// How long `frames` last.
    pub fn seconds(self, frames: u64) -> f64 {
        frames as f64 * f64::from(self.den) / f64::from(self.num)
    }

    /// The frame that is shown at `seconds`, rounded.
    pub fn frame_at(self, seconds: f64) -> u64 {
        (seconds * self.fps()).round().max(0.0) as u64
    }

    /// Ticks of one frame in units of [`Rate::timescale`].
    pub fn frame_ticks(self) -> u64 {
        u64::from(self.den) * self.factor()
    }

    /// Ticks a second: the rate's numerator, times a power of ten where that would be coarse.
    pub fn timescale(self) -> u64 {
        u64::from(self.num) * self.factor()
    }

    fn factor(self) -> u64 {
        if self.num < 1000 { 1000 } else { 1 }
    }
}

/// The rate of the encoded rungs: the source's own when its frames are evenly spaced, else the
/// standard rate closest to the median spacing, at most 60.
pub fn natural_rate(video: &VideoFacts) -> Rate {
    if let Some(ticks) = video.frame_ticks {
        let seconds = ticks * f64::from(video.time_base.0) / f64::from(video.time_base.1);
        if let Some(exact) = named(1.0 / seconds, video.frames).filter(|r| r.fps() <= MOST_FPS) {
            return exact;
        }
    }
    let fps = if video.median_frame_s > 0.0 {
        1.0 / video.median_frame_s
    } else {
        f64::from(video.guessed_rate.0) / f64::from(video.guessed_rate.1.max(1))
    };
    // A multiple of the display's rate shows even steps: 120 becomes 60, 90 becomes 45's neighbour 50.
    let mut fps = if fps.is_finite() && fps > 0.0 { fps } else { 25.0 };
    while fps > MOST_FPS + 0.5 {
        fps /= 2.0;
    }
    STANDARD.into_iter().min_by(|a, b| (a.fps() - fps).abs().total_cmp(&(b.fps() - fps).abs())).unwrap_or(rate(25, 1))
}

/// A standard rate, or a fraction of small numbers, that does not drift by half a frame over the
/// whole film: millisecond stamps leave that much open and no more.
fn named(fps: f64, frames: u64) -> Option<Rate> {
    let tolerance = (0.4 / frames.max(1) as f64).min(0.003);
    let fits = |r: &Rate| (r.fps() - fps).abs() / fps < tolerance;
    let standard =
        STANDARD.into_iter().filter(fits).min_by(|a, b| (a.fps() - fps).abs().total_cmp(&(b.fps() - fps).abs()));
    standard.or_else(|| {
        (1..=1001_u32).find_map(|den| {
            let num = (fps * f64::from(den)).round();
            (1.0..=120_000.0).contains(&num).then(|| rate(num as u32, den)).filter(fits)
        })
    })
}

/// Output frames: every source frame where spacing is even, else what the duration needs.
pub fn frame_count(video: &VideoFacts, rate: Rate) -> u64 {
    let by_duration = rate.frame_at(video.duration_s);
    match video.frame_ticks {
        Some(_) if by_duration.abs_diff(video.frames) <= 1 => video.frames,
        _ => by_duration.max(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_exact_for_the_usual_rates() {
        assert_eq!((rate(25, 1).timescale(), rate(25, 1).frame_ticks()), (25_000, 1_000));
        assert_eq!((rate(30_000, 1001).timescale(), rate(30_000, 1001).frame_ticks()), (30_000, 1_001));
    }

    #[test]
    fn a_rate_that_would_drift_is_not_taken() {
        assert_ne!(named(29.98, 100_000), Some(rate(30_000, 1001)));
    }

    #[test]
    fn millisecond_stamps_are_snapped() {
        for (seen, want) in
            [(24.0, rate(24, 1)), (23.976, rate(24_000, 1001)), (29.970_03, rate(30_000, 1001)), (12.5, rate(25, 2))]
        {
            assert_eq!(named(seen, 1_000), Some(want), "{seen}");
        }
    }
}
