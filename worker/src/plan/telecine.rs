//! Film that was made into 30 frames a second for television (3:2 pulldown): whether it is that, and where its frames lie.
//!
//! Four frames of film become ten fields, which are woven into five frames; two of the five mix two frames of film. Undone
//! they are four again, in the film's own time.

use super::{facts::VideoFacts, timeline::Rate};
use serde::{Deserialize, Serialize};

/// Frames of television for four of film.
pub const WOVEN: u64 = 5;
/// Frames of film for five of television.
pub const FILM: u64 = 4;

/// Which field of a frame is that of the frame before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Repeated {
    Neither,
    Top,
    Bottom,
}

/// Cycles that a sample must have: less could be chance.
const LEAST_CYCLES: usize = 5;
/// Share of the expected repetitions that must be there: where nothing moves there are none.
const FOUND: f64 = 0.8;
/// Share of all frames that may say something else, such as at a cut.
const ODD: f64 = 0.04;

/// Whether runs of consecutive frames are telecined for certain, all of them.
pub fn is_certain(runs: &[Vec<Repeated>]) -> bool {
    !runs.is_empty() && runs.iter().all(|run| is_regular(run))
}

/// One field is repeated, two or three frames later the other one, every five frames.
fn is_regular(run: &[Repeated]) -> bool {
    let cycles = run.len() / WOVEN as usize;
    let counts = |at: usize, kind: Repeated| {
        run.iter().skip(at).step_by(WOVEN as usize).take(cycles).filter(|r| **r == kind).count()
    };
    let all = run.iter().filter(|r| **r != Repeated::Neither).count();
    let cycle = WOVEN as usize;
    cycles >= LEAST_CYCLES
        && (0..cycle).any(|top| {
            [2, 3].iter().any(|distance| {
                let bottom = (top + distance) % cycle;
                let (top, bottom) = (counts(top, Repeated::Top), counts(bottom, Repeated::Bottom));
                let odd = all.saturating_sub(top + bottom + 2);
                top.min(bottom) as f64 >= FOUND * cycles as f64 && odd as f64 <= ODD * run.len() as f64
            })
        })
}

/// Whether a source has the rate of telecined film and a shape that it comes in. Looking closer costs decoding.
pub fn is_possible(video: &VideoFacts) -> bool {
    let fps = f64::from(video.guessed_rate.0) / f64::from(video.guessed_rate.1.max(1));
    let of_television = (29.9..30.1).contains(&fps);
    let interlaced = video.field_order == super::FieldOrder::Interlaced;
    let small = video.width <= 720 && video.height <= 576;
    // What players see as whole frames is looked at where it is cheap: telephones make thirty frames too.
    of_television && video.sizes.len() <= 1 && (interlaced || small)
}

/// The rate of the film in what is telecined.
pub fn film_rate(woven: Rate) -> Rate {
    // Millisecond stamps may have hidden that it is 30000/1001.
    let thousandths = woven.den.is_multiple_of(1001) || (woven.fps() - 29.97).abs() < 0.005;
    if thousandths { Rate { num: 24_000, den: 1001 } } else { Rate { num: 24, den: 1 } }
}

/// The rate at which frames go into the filters that undo it.
pub fn woven_rate(film: Rate) -> Rate {
    Rate { num: film.num * WOVEN as u32 / FILM as u32, den: film.den }
}

/// The mean distance of frames that are shown for two fields and for three in turn, as flags in the stream ask it
/// ("soft" telecine); `None` where distances are others. `steps` in ascending order.
pub fn soft_step(steps: &[i64]) -> Option<f64> {
    let short = *steps.get(steps.len() / 4)? as f64;
    let long = *steps.get(steps.len() * 3 / 4)? as f64;
    let near = |step: i64, wanted: f64| (step as f64 - wanted).abs() <= (wanted * 0.05).max(1.01);
    let turns = steps.len() >= 20 && short > 0.0 && (long / short - 1.5).abs() < 0.06;
    let shorts = steps.iter().filter(|s| near(**s, short)).count();
    let longs = steps.iter().filter(|s| near(**s, long)).count();
    let even = shorts.abs_diff(longs) <= steps.len() / 10;
    (turns && even && (shorts + longs) * 100 >= steps.len() * 97).then_some((short + long) / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// n, t and b: neither, top, bottom.
    fn run(text: &str, times: usize) -> Vec<Repeated> {
        let of = |c| match c {
            't' => Repeated::Top,
            'b' => Repeated::Bottom,
            _ => Repeated::Neither,
        };
        text.repeat(times).chars().map(of).collect()
    }

    #[test]
    fn only_the_pattern_of_film_is_certain() {
        assert!(is_certain(&[run("nntnb", 10)]));
        assert!(is_certain(&[run("nbntn", 10), run("tnnbn", 8)]));
        // A cut in the middle, and a moment in which nothing moves.
        assert!(is_certain(&[[run("nntnb", 9), run("nnnnn", 1)].concat()]));
        for other in ["nnnnn", "tnbnt", "ttttt", "nntnn", "nnnnb", "tbnnn"] {
            assert!(!is_certain(&[run(other, 10)]), "{other}");
        }
        assert!(!is_certain(&[]) && !is_certain(&[run("nntnb", 3)]));
        assert!(!is_certain(&[run("nntnb", 10), run("nnnnn", 10)]), "half of it is television");
    }

    #[test]
    fn rates_of_film_and_television_belong_together() {
        let film = film_rate(Rate { num: 30_000, den: 1001 });
        assert_eq!((film, woven_rate(film)), (Rate { num: 24_000, den: 1001 }, Rate { num: 30_000, den: 1001 }));
        assert_eq!(film_rate(Rate { num: 30, den: 1 }), Rate { num: 24, den: 1 });
    }

    #[test]
    fn frames_for_two_fields_and_three_are_film() {
        let steps = |list: &[i64], times: usize| {
            let mut steps = list.repeat(times);
            steps.sort_unstable();
            soft_step(&steps)
        };
        assert!(steps(&[3003, 4505, 3003, 4504], 30).is_some_and(|s| (s - 3753.75).abs() < 1.0));
        assert_eq!(steps(&[33, 50], 30), Some(41.5));
        for other in [&[3003_i64][..], &[3003, 3003, 4504], &[3003, 6006], &[33, 34, 33, 42]] {
            assert_eq!(steps(other, 30), None, "{other:?}");
        }
    }
}
