//! The output timeline: constant frame rate at the source's natural rate.

use super::{facts::VideoFacts, telecine};
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
/// Rates of screens and of slow motion.
const FAST: [Rate; 10] = [
    rate(72, 1),
    rate(75, 1),
    rate(90, 1),
    rate(100, 1),
    rate(120_000, 1001),
    rate(120, 1),
    rate(144, 1),
    rate(165, 1),
    rate(240_000, 1001),
    rate(240, 1),
];
/// How far a median of uneven distances may be off.
const FAST_TOLERANCE: f64 = 0.02;
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

    /// The frame that is shown at the end of a millisecond of the film: who names a frame by when it begins cuts that off.
    pub fn frame_shown_at(self, ms: u64) -> u64 {
        ((ms + 1) * u64::from(self.num)).div_ceil(u64::from(self.den) * 1000).saturating_sub(1)
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
    let rate = shown_rate(video);
    if video.telecined { telecine::film_rate(rate) } else { rate }
}

fn shown_rate(video: &VideoFacts) -> Rate {
    if let Some(ticks) = video.frame_ticks {
        let seconds = ticks * f64::from(video.time_base.0) / f64::from(video.time_base.1);
        if let Some(exact) = named(1.0 / seconds, video.frames) {
            return slowed(exact);
        }
    }
    let fps = if video.median_frame_s > 0.0 {
        1.0 / video.median_frame_s
    } else {
        f64::from(video.guessed_rate.0) / f64::from(video.guessed_rate.1.max(1))
    };
    let fps = if fps.is_finite() && fps > 0.0 { fps } else { 25.0 };
    if fps > MOST_FPS * (1.0 + FAST_TOLERANCE) {
        let near = |r: &Rate| (r.fps() / fps - 1.0).abs();
        let fast = FAST.into_iter().min_by(|a, b| near(a).total_cmp(&near(b))).filter(|r| near(r) < FAST_TOLERANCE);
        return slowed(fast.unwrap_or_else(|| rate(fps.round() as u32, 1)));
    }
    STANDARD.into_iter().min_by(|a, b| (a.fps() - fps).abs().total_cmp(&(b.fps() - fps).abs())).unwrap_or(rate(25, 1))
}

/// The largest rate of at most 60 of which `fast` is a multiple: every second or third frame is shown, all for as long.
fn slowed(fast: Rate) -> Rate {
    let steps = (fast.fps() / MOST_FPS - 1e-9).ceil().max(1.0) as u32;
    let (num, den) = (fast.num, fast.den * steps);
    let divisor = (1..=steps).rev().find(|d| num.is_multiple_of(*d) && den.is_multiple_of(*d)).unwrap_or(1);
    rate(num / divisor, den / divisor)
}

/// A standard rate, or a fraction of small numbers, that does not drift by half a frame over the
/// whole film: millisecond stamps leave that much open and no more.
fn named(fps: f64, frames: u64) -> Option<Rate> {
    let tolerance = (0.4 / frames.max(1) as f64).min(0.003);
    let fits = |r: &Rate| (r.fps() - fps).abs() / fps < tolerance;
    let standard = STANDARD
        .into_iter()
        .chain(FAST)
        .filter(fits)
        .min_by(|a, b| (a.fps() - fps).abs().total_cmp(&(b.fps() - fps).abs()));
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
    fn a_millisecond_names_the_frame_that_begins_in_it() {
        let film = rate(30_000, 1001);
        for number in [0, 1, 2, 29, 30, 1000, 100_000] {
            let ms = number * 1001 / 30;
            assert_eq!(film.frame_shown_at(ms), number, "{ms}");
        }
        assert_eq!([39, 40, 79].map(|ms| rate(25, 1).frame_shown_at(ms)), [0, 1, 1]);
    }

    #[test]
    fn fast_films_show_every_second_or_third_frame() {
        let source = |fps: f64| VideoFacts {
            time_base: (1, 90_000),
            frame_ticks: Some(90_000.0 / fps),
            median_frame_s: 1.0 / fps,
            ..crate::plan::ladder::tests::source(640, 360)
        };
        for (fps, want) in [
            (60.0, rate(60, 1)),
            (72.0, rate(36, 1)),
            (75.0, rate(75, 2)),
            (90.0, rate(45, 1)),
            (100.0, rate(50, 1)),
            (120_000.0 / 1001.0, rate(60_000, 1001)),
            (120.0, rate(60, 1)),
            (144.0, rate(48, 1)),
            (165.0, rate(55, 1)),
            (240.0, rate(60, 1)),
            (1000.0, rate(1000, 17)),
        ] {
            assert_eq!(natural_rate(&source(fps)), want, "{fps}");
            let uneven = VideoFacts { frame_ticks: None, ..source(fps * 1.003) };
            assert!((natural_rate(&uneven).fps() / want.fps() - 1.0).abs() < 0.01, "about {fps}");
        }
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
