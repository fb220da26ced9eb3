//! One clock for a source whose own clock steps: recordings that were joined end to end, receivers that lost the signal.
//!
//! Invariant: a step is closed so that no stream overlaps itself, and by the same amount for all streams, so that
//! picture and sound stay together. A stream that pauses while another goes on has a gap, which is no step.

use serde::{Deserialize, Serialize};
use std::iter::Peekable;

/// Microseconds on a source's clock, which are no instant of this world.
pub type Micros = i64;

/// How the time stamps of a source become one continuous clock.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// In the order of the file; none where the source's clock is continuous.
    pub stretches: Vec<Stretch>,
    /// Streams that carry on others.
    #[serde(default)]
    pub carries: Vec<Carry>,
}

/// A stream of the container that carries on another one, which has ended: receivers change PIDs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carry {
    /// The container's own number of it: its index depends on where reading began.
    pub id: i32,
    /// Index of the stream that it carries on.
    pub stream: usize,
}

/// A part of the file within which its clock is continuous.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stretch {
    /// Byte from which on packets belong to it.
    pub position: u64,
    /// Earliest time stamp in it, microseconds.
    pub first_us: Micros,
    /// Latest time stamp in it, microseconds.
    pub last_us: Micros,
    /// What is added to its time stamps, microseconds.
    pub shift_us: Micros,
}

/// What is known of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tick {
    /// Byte at which it begins.
    pub position: u64,
    /// Time that rises from packet to packet of a stream, but for reordering: decode time where there is one.
    pub order_us: Micros,
    /// When it is shown or heard.
    pub begin_us: Micros,
    /// When that ends.
    pub end_us: Micros,
}

/// When a jump ahead is a step of the clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ahead {
    /// Whenever no stream goes on beside it: containers whose time stamps come from a broadcast clock.
    Always,
    /// When picture and sound jump together: one of them alone may rest.
    Together,
    /// Never: an index says when everything is shown.
    Never,
}

/// Decode times may step back by so much without being another clock: rounding, not reordering.
const BACK_US: Micros = 100_000;
/// Distances ahead up to this are gaps, as the ffmpeg command takes them.
const AHEAD_US: Micros = 10_000_000;
/// Packets by which a picture may be reordered where only presentation times are known.
const REORDERED: usize = 17;
/// Packets of another stream that are looked at to see whether it steps as well ...
const WITNESSES: usize = 400;
/// ... unless it goes on for so long.
const GOES_ON_US: Micros = 3_000_000;
/// Packets of a stream that tell when a stretch of it begins.
const BEGINNING: usize = 32;
/// Time stamps may lie so far outside what was found of a stretch.
const SLACK_US: Micros = 1_000_000;
/// More steps than this, or more doubts, are no recording.
const MOST_STEPS: usize = 1000;

impl Clock {
    /// Whether time stamps are taken as they are.
    pub fn is_plain(&self) -> bool {
        self.stretches.is_empty() && self.carries.is_empty()
    }

    /// What is added to the time stamp of a packet at `position`. Around a step, where streams change over one after
    /// the other, the time stamp decides.
    pub fn shift_us(&self, position: u64, time_us: Micros) -> Micros {
        let list = &self.stretches;
        let at = list.partition_point(|s| s.position <= position).saturating_sub(1);
        let fits = |s: &&Stretch| time_us >= s.first_us - SLACK_US && time_us <= s.last_us + SLACK_US;
        let near = [Some(at), at.checked_sub(1), Some(at + 1)];
        let found = near.into_iter().flatten().filter_map(|n| list.get(n)).find(fits);
        found.or(list.get(at)).map_or(0, |s| s.shift_us)
    }
}

/// Packets of a stream that may lie before the end of the one that it carries on: they are interleaved.
const OVERLAP: usize = 60;

/// Of streams that could carry on one whose last packet begins at `end`, the one that does: it begins there. Each is
/// given by where its packets begin.
pub fn successor(end: u64, candidates: &[Vec<u64>]) -> Option<usize> {
    let begins = |(_, places): &(usize, &Vec<u64>)| {
        let early = places.iter().filter(|p| **p < end).count();
        // Streams beside it have some packets behind it as well.
        early <= OVERLAP && early * 2 < places.len()
    };
    let known = candidates.iter().enumerate().filter(|(_, places)| !places.is_empty());
    known.filter(begins).min_by_key(|(_, places)| places[0]).map(|(n, _)| n)
}

/// Where a stream is within a stretch.
#[derive(Debug, Clone, Default)]
struct Track {
    /// Packets seen.
    count: usize,
    /// Latest order times of the last packets, a ring.
    recent: Vec<i64>,
    /// Highest order time among packets that can no longer be reordered with the next one.
    settled_us: Option<Micros>,
    begin_us: Micros,
    end_us: Micros,
    reorders: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Jump {
    None,
    Back,
    Ahead,
}

impl Track {
    fn jump(&self, tick: &Tick) -> Jump {
        let back = match (self.count, self.reorders) {
            (0, _) => false,
            (_, false) => self.recent.last().is_some_and(|last| tick.order_us < last - BACK_US),
            (_, true) => self.settled_us.is_some_and(|settled| tick.order_us < settled),
        };
        let ahead = self.count > 0 && tick.begin_us.min(tick.order_us) > self.end_us + AHEAD_US;
        match (back, ahead) {
            (true, _) => Jump::Back,
            (_, true) => Jump::Ahead,
            _ => Jump::None,
        }
    }

    fn take(&mut self, tick: &Tick) {
        if self.count == 0 {
            (self.begin_us, self.end_us) = (tick.begin_us, tick.end_us);
        }
        if self.count < BEGINNING {
            self.begin_us = self.begin_us.min(tick.begin_us);
        }
        self.end_us = self.end_us.max(tick.end_us);
        self.count += 1;
        if self.recent.len() == REORDERED {
            let out = self.recent.remove(0);
            self.settled_us = Some(self.settled_us.map_or(out, |s| s.max(out)));
        }
        self.recent.push(tick.order_us);
    }
}

/// The packets of some streams, each in the order of the file.
pub trait Packets {
    /// Streams.
    fn streams(&self) -> usize;
    /// Whether the order times of a stream are presentation times of pictures.
    fn reorders(&self, stream: usize) -> bool;
    /// Packet `n` of a stream.
    fn tick(&self, stream: usize, n: usize) -> Option<Tick>;
}

/// The clock of a source by its packets.
pub fn find(packets: &impl Packets, ahead: Ahead) -> Clock {
    let suspicious = (0..packets.streams()).any(|s| {
        let mut track = Track { reorders: packets.reorders(s), ..Track::default() };
        ticks(packets, s, 0).any(|t| {
            let jump = track.jump(&t);
            track.take(&t);
            jump == Jump::Back || (jump == Jump::Ahead && ahead != Ahead::Never)
        })
    });
    if !suspicious {
        return Clock::default();
    }
    Search::new(packets, ahead).run().unwrap_or_default()
}

fn ticks(packets: &impl Packets, stream: usize, from: usize) -> impl Iterator<Item = Tick> + '_ {
    (from..).map_while(move |n| packets.tick(stream, n))
}

/// A stretch while it is gone through.
#[derive(Debug, Clone)]
struct Found {
    stretch: Stretch,
    tracks: Vec<Track>,
}

impl Found {
    fn at(packets: &impl Packets, position: u64) -> Self {
        let track = |s| Track { reorders: packets.reorders(s), ..Track::default() };
        let stretch = Stretch { position, first_us: Micros::MAX, last_us: Micros::MIN, shift_us: 0 };
        Self { stretch, tracks: (0..packets.streams()).map(track).collect() }
    }

    fn take(&mut self, stream: usize, tick: &Tick) {
        self.stretch.first_us = self.stretch.first_us.min(tick.begin_us).min(tick.order_us);
        self.stretch.last_us = self.stretch.last_us.max(tick.begin_us).max(tick.order_us);
        self.tracks[stream].take(tick);
    }

    fn end_us(&self) -> Micros {
        self.tracks.iter().filter(|t| t.count > 0).map(|t| t.end_us).max().unwrap_or(0)
    }
}

struct Search<'a, P> {
    packets: &'a P,
    ahead: Ahead,
    list: Vec<Found>,
    doubts: usize,
}

impl<'a, P: Packets> Search<'a, P> {
    fn new(packets: &'a P, ahead: Ahead) -> Self {
        Self { packets, ahead, list: vec![Found::at(packets, 0)], doubts: 0 }
    }

    /// `None` where so much steps that it is no recording.
    fn run(mut self) -> Option<Clock> {
        let packets = self.packets;
        let mut next = vec![0; packets.streams()];
        let mut heads: Vec<Peekable<_>> = (0..packets.streams()).map(|s| ticks(packets, s, 0).peekable()).collect();
        loop {
            let first = |(s, head): (usize, &mut Peekable<_>)| head.peek().map(|t: &Tick| (t.position, s));
            let Some((_, stream)) = heads.iter_mut().enumerate().filter_map(first).min() else { break };
            let Some(tick) = heads[stream].next() else { break };
            next[stream] += 1;
            self.take(stream, &tick, &next)?;
        }
        Some(self.clock())
    }

    fn take(&mut self, stream: usize, tick: &Tick, next: &[usize]) -> Option<()> {
        if self.is_straggler(stream, tick) {
            let before = self.list.len() - 2;
            self.list[before].take(stream, tick);
            return Some(());
        }
        let now = self.list.len() - 1;
        let jump = self.list[now].tracks[stream].jump(tick);
        if jump != Jump::None {
            self.doubts += 1;
            if self.doubts > MOST_STEPS * 10 || self.list.len() > MOST_STEPS {
                return None;
            }
            if self.is_step(stream, jump, next) {
                self.list.push(Found::at(self.packets, tick.position));
            } else if jump == Jump::Back {
                // A stream that goes back alone: what follows is judged by this packet.
                let track = &mut self.list[now].tracks[stream];
                (track.settled_us, track.recent) = (None, Vec::new());
            }
        }
        self.list.last_mut()?.take(stream, tick);
        Some(())
    }

    /// Whether a packet after a step is still on the clock before it: streams do not change over at one byte.
    fn is_straggler(&self, stream: usize, tick: &Tick) -> bool {
        let [.., before, now] = self.list.as_slice() else { return false };
        let track = &before.tracks[stream];
        now.tracks[stream].count == 0
            && track.count > 0
            && track.jump(tick) == Jump::None
            && (now.stretch.first_us - tick.begin_us).abs() > (track.end_us - tick.begin_us).abs()
    }

    /// Whether a jump of one stream is a step of the clock, by what the others do next.
    fn is_step(&self, stream: usize, jump: Jump, next: &[usize]) -> bool {
        if jump == Jump::Ahead && self.ahead == Ahead::Never {
            return false;
        }
        let Some(now) = self.list.last() else { return false };
        let alive = |s: &usize| {
            let track = &now.tracks[*s];
            *s != stream && track.count > 0 && now.end_us() - track.end_us < AHEAD_US
        };
        let witnesses: Vec<Option<bool>> = (0..next.len())
            .filter(alive)
            .map(|s| steps_too(ticks(self.packets, s, next[s]), &now.tracks[s], jump))
            .collect();
        if witnesses.contains(&Some(true)) {
            return true;
        }
        let alone = !witnesses.contains(&Some(false));
        alone && (jump == Jump::Back || self.ahead == Ahead::Always)
    }

    fn clock(self) -> Clock {
        if self.list.len() < 2 {
            return Clock::default();
        }
        let mut stretches: Vec<Stretch> = Vec::new();
        let mut before: Option<&Found> = None;
        for found in &self.list {
            let mut stretch = found.stretch;
            if let (Some(before), Some(last)) = (before, stretches.last()) {
                stretch.shift_us = last.shift_us + distance_us(before, found);
            }
            stretches.push(stretch);
            before = Some(found);
        }
        Clock { stretches, carries: Vec::new() }
    }
}

/// The distance that brings a stretch behind the one before it, so that one stream goes on and none overlaps itself.
fn distance_us(before: &Found, found: &Found) -> Micros {
    let both = before.tracks.iter().zip(&found.tracks).filter(|(b, f)| b.count > 0 && f.count > 0);
    let closest = both.map(|(b, f)| b.end_us - f.begin_us).max();
    closest.unwrap_or_else(|| before.end_us() - found.stretch.first_us)
}

/// Whether a stream makes the same jump soon; `None` where it ends before that can be told.
fn steps_too(ticks: impl Iterator<Item = Tick>, track: &Track, jump: Jump) -> Option<bool> {
    let mut track = track.clone();
    let until_us = track.end_us + GOES_ON_US;
    for tick in ticks.take(WITNESSES) {
        let found = track.jump(&tick);
        if found != Jump::None {
            return Some(found == jump);
        }
        track.take(&tick);
        if track.end_us > until_us {
            return Some(false);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Streams of packets: position, begin and length, seconds.
    struct Streams(Vec<Vec<(u64, f64, f64)>>);

    fn us(seconds: f64) -> i64 {
        (seconds * 1e6).round() as i64
    }

    impl Packets for Streams {
        fn streams(&self) -> usize {
            self.0.len()
        }

        fn reorders(&self, _: usize) -> bool {
            false
        }

        fn tick(&self, stream: usize, n: usize) -> Option<Tick> {
            let (position, begin, length) = *self.0[stream].get(n)?;
            Some(Tick { position, order_us: us(begin), begin_us: us(begin), end_us: us(begin + length) })
        }
    }

    /// Packets of `step` seconds from `from` to `to`, a kilobyte for each second after `position`.
    fn run(position: u64, from: f64, to: f64, step: f64) -> Vec<(u64, f64, f64)> {
        let count = ((to - from) / step).round() as usize;
        let begin = |i: usize| i as f64 * step;
        (0..count).map(|i| (position + (begin(i) * 1000.0) as u64, from + begin(i), step)).collect()
    }

    /// Recordings one after the other, each a picture from and to, and a sound from and to.
    fn joined(parts: &[(f64, f64, f64, f64)]) -> Streams {
        let (mut picture, mut sound) = (Vec::new(), Vec::new());
        for (i, (v0, v1, a0, a1)) in parts.iter().enumerate() {
            let position = i as u64 * 1_000_000;
            picture.extend(run(position, *v0, *v1, 0.04));
            sound.extend(run(position + 100, *a0, *a1, 0.02));
        }
        Streams(vec![picture, sound])
    }

    fn shifts(clock: &Clock) -> Vec<f64> {
        clock.stretches.iter().map(|s| s.shift_us as f64 / 1e6).collect()
    }

    fn near(got: &[f64], want: &[f64]) -> bool {
        got.len() == want.len() && got.iter().zip(want).all(|(g, w)| (g - w).abs() < 1e-3)
    }

    #[test]
    fn steps_are_closed_and_gaps_stay() {
        let whole = |ahead, s: &Streams| shifts(&find(s, ahead));
        for (what, ahead, streams, want) in [
            ("a continuous clock", Ahead::Always, joined(&[(0.0, 9.0, 0.0, 9.0)]), vec![]),
            ("starts again", Ahead::Always, joined(&[(1.4, 9.0, 1.4, 8.9), (1.4, 5.0, 1.4, 5.0)]), vec![0.0, 7.6]),
            (
                "sound comes late again",
                Ahead::Always,
                joined(&[(1.0, 9.0, 1.0, 9.0), (1.0, 5.0, 2.0, 5.0)]),
                vec![0.0, 8.0],
            ),
            (
                "starts again in Matroska",
                Ahead::Together,
                joined(&[(0.0, 9.0, 0.0, 9.0), (0.0, 5.0, 0.0, 5.0)]),
                vec![0.0, 9.0],
            ),
            (
                "jumps by five minutes",
                Ahead::Always,
                joined(&[(0.0, 9.0, 0.0, 9.0), (309.0, 320.0, 309.0, 320.0)]),
                vec![0.0, -300.0],
            ),
            (
                "jumps in Matroska",
                Ahead::Together,
                joined(&[(0.0, 9.0, 0.0, 9.0), (309.0, 320.0, 309.0, 320.0)]),
                vec![0.0, -300.0],
            ),
            ("pauses in MP4", Ahead::Never, joined(&[(0.0, 9.0, 0.0, 9.0), (309.0, 320.0, 309.0, 320.0)]), vec![]),
            (
                "jumps by an hour and starts again",
                Ahead::Always,
                joined(&[(0.0, 9.0, 0.0, 9.0), (3600.0, 3610.0, 3600.0, 3610.0), (5.0, 9.0, 5.0, 9.0)]),
                vec![0.0, -3591.0, 14.0],
            ),
            ("a short hole", Ahead::Always, joined(&[(0.0, 9.0, 0.0, 9.0), (15.0, 20.0, 15.0, 20.0)]), vec![]),
        ] {
            let got = whole(ahead, &streams);
            assert!(near(&got, &want), "{what}: {got:?}, not {want:?}");
        }
    }

    #[test]
    fn a_stream_that_pauses_alone_has_a_gap() {
        let rests = [run(0, 0.0, 5.0, 0.04), run(65_000, 65.0, 100.0, 0.04)].concat();
        let goes_on = run(10, 0.0, 100.0, 0.02);
        assert!(find(&Streams(vec![rests.clone(), goes_on.clone()]), Ahead::Always).is_plain(), "the picture rests");
        assert!(find(&Streams(vec![goes_on, rests.clone()]), Ahead::Always).is_plain(), "the sound rests");
        // Nothing tells that it is a gap.
        assert!(near(&shifts(&find(&Streams(vec![rests.clone()]), Ahead::Always)), &[0.0, -60.0]));
        assert!(find(&Streams(vec![rests]), Ahead::Together).is_plain());
    }

    #[test]
    fn sound_alone_starts_again_several_times() {
        let part = |n: u64| run(n * 10_000, 0.0, 4.0, 0.02);
        let clock = find(&Streams(vec![[part(0), part(1), part(2)].concat()]), Ahead::Together);
        assert!(near(&shifts(&clock), &[0.0, 4.0, 8.0]));
    }

    /// The file has the sound of the first part behind the first picture of the second.
    #[test]
    fn streams_that_change_over_one_after_the_other_stay_together() {
        let picture = [run(0, 0.0, 9.0, 0.04), run(9_000, 309.0, 320.0, 0.04)].concat();
        let sound = [run(500, 0.0, 9.0, 0.02), run(9_500, 309.0, 320.0, 0.02)].concat();
        let streams = Streams(vec![picture, sound]);
        let clock = find(&streams, Ahead::Always);
        assert!(near(&shifts(&clock), &[0.0, -300.0]), "{clock:?}");
        assert_eq!(clock.shift_us(9_400, us(8.9)), 0, "sound of the first part");
        assert_eq!(clock.shift_us(9_040, us(309.04)), us(-300.0), "picture of the second");
    }

    #[test]
    fn a_stream_is_carried_on_by_one_that_begins_where_it_ends() {
        let places = |from: u64, count: u64| (0..count).map(|n| from + n * 1000).collect::<Vec<_>>();
        let beside = places(500, 1000);
        assert_eq!(successor(400_000, std::slice::from_ref(&beside)), None, "another language");
        assert_eq!(successor(30_000, &[places(500, 31)]), None, "of which little has come yet");
        assert_eq!(successor(400_000, &[beside, Vec::new(), places(700_000, 50), places(395_000, 300)]), Some(3));
    }

    #[test]
    fn pictures_out_of_order_are_no_step() {
        struct Reordered(Vec<f64>);
        impl Packets for Reordered {
            fn streams(&self) -> usize {
                1
            }
            fn reorders(&self, _: usize) -> bool {
                true
            }
            fn tick(&self, _: usize, n: usize) -> Option<Tick> {
                let begin = *self.0.get(n)?;
                Some(Tick { position: n as u64, order_us: us(begin), begin_us: us(begin), end_us: us(begin + 1.0) })
            }
        }
        // One picture a second, in groups of four.
        let groups = |from: usize, to: usize| (from..to).flat_map(|g| [3, 1, 0, 2].map(|n| (g * 4 + n) as f64));
        assert!(find(&Reordered(groups(0, 40).collect()), Ahead::Together).is_plain());
        let twice = groups(0, 40).chain(groups(0, 40)).collect();
        assert!(near(&shifts(&find(&Reordered(twice), Ahead::Together)), &[0.0, 160.0]));
    }
}
