//! What is known of a track of sound once its packets have gone by.
//!
//! Invariant: it stays small however long the track is. A film may have many, and the probe's memory is bounded.

use super::stamps::{Stamp, shift};
use crate::plan::{Clock, audio::FRAME_SAMPLES};
use ffmpeg_next::Rational;
use std::collections::VecDeque;

/// Packets at either end that are kept: where the clock steps, begin and end are found among them.
const ENDS: usize = 64;
/// Packets of sound are no longer than this, seconds; between two that are further apart is a gap.
const LONGEST_PACKET_S: f64 = 1.0;
/// How far frames that are kept may be from where they would be if none was missing, seconds: small errors of one sign
/// would carry the sound away from the picture.
const MOST_DRIFT_S: f64 = 0.02;
/// By how many samples two frames may be nearer or further than they are long.
const MOST_JITTER: f64 = 64.0;

/// A track of sound.
#[derive(Debug, Clone)]
pub struct Outline {
    base: Rational,
    sample_rate: f64,
    /// Length of a packet that says nothing of it, ticks.
    usual_ticks: f64,
    first: Vec<Stamp>,
    last: VecDeque<Stamp>,
    count: u64,
    bytes: u64,
    gap_s: f64,
    steady: bool,
    /// Earliest begin and latest end, ticks.
    span: Option<(i64, f64)>,
    /// How far packets are at least and at most from where frames of AAC would be, seconds.
    drift_s: (f64, f64),
}

impl Outline {
    /// Of a track without packets. `frame_size` is the number of samples of a packet, where that is known.
    pub fn new(base: Rational, sample_rate: u32, frame_size: i32) -> Self {
        let sample_rate = f64::from(sample_rate.max(1));
        let frame_s = f64::from(frame_size.max(1024)) / sample_rate;
        Self {
            base,
            sample_rate,
            usual_ticks: frame_s / f64::from(base),
            first: Vec::new(),
            last: VecDeque::new(),
            count: 0,
            bytes: 0,
            gap_s: 0.0,
            steady: true,
            span: None,
            drift_s: (f64::MAX, f64::MIN),
        }
    }

    /// Takes in a packet; one that an edit list hides is none.
    pub fn add(&mut self, stamp: &Stamp) {
        if stamp.hidden {
            return;
        }
        let unit = f64::from(self.base);
        if let Some(before) = self.last.back() {
            let step_s = (stamp.time - before.time) as f64 * unit;
            self.gap_s += (step_s - LONGEST_PACKET_S).max(0.0);
            self.steady &= (step_s * self.sample_rate - FRAME_SAMPLES as f64).abs() <= MOST_JITTER;
        }
        let apart_s = stamp.time as f64 * unit - self.count as f64 * FRAME_SAMPLES as f64 / self.sample_rate;
        self.drift_s = (self.drift_s.0.min(apart_s), self.drift_s.1.max(apart_s));
        self.widen(stamp);
        self.count += 1;
        self.bytes += u64::from(stamp.size);
        if self.first.len() < ENDS {
            self.first.push(*stamp);
        }
        if self.last.len() == ENDS {
            self.last.pop_front();
        }
        self.last.push_back(*stamp);
    }

    fn widen(&mut self, stamp: &Stamp) {
        let ticks = if stamp.duration > 0 { f64::from(stamp.duration) } else { self.usual_ticks };
        let end = stamp.time as f64 + ticks;
        let (first, last) = self.span.unwrap_or((stamp.time, end));
        self.span = Some((first.min(stamp.time), last.max(end)));
    }

    /// The same on a clock that steps.
    #[must_use]
    pub fn on(mut self, clock: &Clock) -> Self {
        if clock.is_plain() {
            return self;
        }
        let base = self.base;
        self.span = None;
        for mut stamp in std::mem::take(&mut self.first).into_iter().chain(std::mem::take(&mut self.last)) {
            stamp.time += shift(clock, stamp.place, stamp.time, base);
            self.widen(&stamp);
            self.first.push(stamp);
        }
        // What was measured from one packet to the next was on the other clock.
        (self.steady, self.gap_s) = (false, 0.0);
        self
    }

    /// Whether it has no packets.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Bytes of all packets.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// What lies in distances of packets beyond a second, seconds.
    pub fn gap_s(&self) -> f64 {
        self.gap_s
    }

    /// When it begins, ticks.
    pub fn begin(&self) -> Option<i64> {
        self.span.map(|s| s.0)
    }

    /// When AAC begins, ticks. Muxers that write no edit lists stretch the packet of priming over the delay of the picture: a
    /// first packet that is followed by a hole belongs to what comes behind the hole.
    pub fn aac_begin(&self) -> Option<i64> {
        let start = self.begin()?;
        let [first, second, third, ..] = &self.first[..] else { return Some(start) };
        let frame = third.time - second.time;
        let moved = second.time - frame;
        let stretched = first.time == start && frame > 0 && (frame / 2..frame * 20).contains(&(moved - start));
        Some(if stretched { moved } else { start })
    }

    /// From a moment to the end of the last packet, seconds.
    pub fn length_s(&self, begin: i64) -> Option<f64> {
        self.span.map(|(_, end)| (end - begin as f64) * f64::from(self.base))
    }

    /// Whether frames of 1024 samples follow one another from a moment on without a hole.
    pub fn is_even(&self, begin: i64) -> bool {
        let begin_s = begin as f64 * f64::from(self.base);
        let drifts = begin_s - self.drift_s.0 > MOST_DRIFT_S || self.drift_s.1 - begin_s > MOST_DRIFT_S;
        self.count > 0 && self.steady && !drifts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::clock::Stretch;

    fn outline(times: impl IntoIterator<Item = i64>) -> Outline {
        let mut outline = Outline::new(Rational(1, 48_000), 48_000, 1024);
        for (place, time) in times.into_iter().enumerate() {
            let place = place as u64;
            outline.add(&Stamp {
                time,
                seek: time,
                place,
                size: 10,
                duration: 0,
                key: true,
                hidden: false,
                placed: true,
            });
        }
        outline
    }

    #[test]
    fn priming_that_is_stretched_begins_where_the_sound_does() {
        let first = |times: &[i64]| outline(times.iter().copied()).aac_begin();
        assert_eq!(first(&[0, 1024, 2048]), Some(0));
        assert_eq!(first(&[0, 3840, 4864, 5888]), Some(2816), "stretched over 80 ms");
        assert_eq!(first(&[0, 480_000, 481_024]), Some(0), "a hole of ten seconds");
        assert_eq!(first(&[]), None);
    }

    #[test]
    fn a_track_is_measured_as_it_goes_by() {
        let even = outline((0..1000).map(|i| 4800 + i * 1024));
        assert_eq!((even.begin(), even.bytes(), even.is_even(4800)), (Some(4800), 10_000, true));
        assert!((even.length_s(4800).unwrap() - 1_024_000.0 / 48_000.0).abs() < 1e-9 && even.gap_s() == 0.0);
        let rested = outline((0..100).chain(300..400).map(|i| i * 1024));
        assert!(!rested.is_even(0) && (rested.gap_s() - (201.0 * 1024.0 / 48_000.0 - 1.0)).abs() < 1e-9);
        // Each step is within the jitter, all together are not.
        assert!(!outline((0..1000).map(|i| i * 1026)).is_even(0));
        assert!(outline([]).is_empty());
    }

    #[test]
    fn a_clock_that_steps_back_does_not_shorten_a_track() {
        let track = outline((0..100).map(|i| i * 48_000).chain((0..100).map(|i| i * 48_000)));
        let stretch = |position, shift_us| Stretch { position, first_us: 0, last_us: 99_000_000, shift_us };
        let clock = Clock { stretches: vec![stretch(0, 0), stretch(100, 100_000_000)], carries: Vec::new() };
        let track = track.on(&clock);
        assert_eq!(track.begin(), Some(0));
        assert!((track.length_s(0).unwrap() - 199.02).abs() < 0.01);
    }
}
