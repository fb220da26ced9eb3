//! Time stamps of all packets of a source: from its index, or by one scan without decoding.

use super::{
    EncodeError, ffi,
    open::counted_ticks,
    outline::Outline,
    packets::{Packets, sought_by_bytes},
    sizes::Sizes,
    undated::{UNDATED, date},
};
use crate::{
    child::{Job, Refusal},
    plan::{
        Clock,
        clock::{self, Ahead, Carry, Tick},
        telecine::soft_step,
    },
};
use ffmpeg_next::{Packet, Rational, format, media};
use sluice_ingest::container::{Demuxer, Entries};
use std::collections::BTreeMap;

/// One packet or index entry.
#[derive(Debug, Clone, Copy)]
pub struct Stamp {
    /// Decode time, or presentation time where the container has no other.
    pub time: i64,
    /// What to seek to.
    pub seek: i64,
    /// Where in the file it ends, if an index names it, or begins, if it was read.
    pub place: u64,
    pub size: u32,
    /// 0 where nothing says it.
    pub duration: u32,
    pub key: bool,
    /// Not shown: before or after what an edit list selects.
    pub hidden: bool,
    /// Whether the container says when it is shown, not only when it is decoded.
    pub placed: bool,
}

/// Most packets of a stream that are taken in: 13 hours at 60 frames a second.
const MOST_PACKETS: usize = 3_000_000;
/// How often an edit list may show the bytes of a file, all in all.
const MOST_SHOWINGS: u64 = 10;
/// Time stamps beyond this are none: 31 years, in microseconds.
const MOST_US: f64 = 1e15;

/// The index names every sample: MP4 that is not fragmented.
pub fn index_is_whole(stream: &format::stream::Stream<'_>) -> bool {
    let count = stream.frames();
    let entries = ffi::index_length(stream);
    count > 0 && entries as i64 == count && entries <= MOST_PACKETS
}

/// All samples that the index names.
pub fn from_index(stream: &format::stream::Stream<'_>) -> Vec<Stamp> {
    let stamp = |e: ffi::IndexEntry| Stamp {
        time: e.timestamp,
        seek: e.timestamp,
        place: e.position + u64::from(e.size),
        size: e.size,
        duration: 0,
        key: e.key,
        hidden: e.hidden,
        placed: true,
    };
    ffi::index_entries(stream).into_iter().map(stamp).collect()
}

/// Refuses what shows the bytes of its file more than some times over: an edit list says so in a few bytes, and each showing is
/// read, decoded and encoded.
pub fn check_repetition(shown_bytes: u64, job: &Job) -> Result<(), EncodeError> {
    if shown_bytes <= job.source_bytes.saturating_mul(MOST_SHOWINGS) {
        return Ok(());
    }
    Err(EncodeError::refused(Refusal::RepeatsItself, format!("more than {MOST_SHOWINGS} times")))
}

/// What a scan has found.
pub struct Scan {
    /// Of each stream that was wanted.
    pub stamps: Vec<Vec<Stamp>>,
    pub clock: Clock,
    /// Whether pictures were dated by those around them.
    pub dated: bool,
}

/// Reads every packet of some streams once, and finds the clock that they have in common. Of the `further` ones, which have
/// no say in it, outlines are made.
pub fn scan(
    packets: &mut Packets,
    wanted: &[usize],
    further: &mut Vec<(usize, Outline)>,
    job: &Job,
    mut sizes: Option<&mut Sizes<'_>>,
) -> Result<Scan, EncodeError> {
    let demuxer = job.demuxer;
    // Any other stream of a transport stream may turn out to carry on one of them.
    let carries = sought_by_bytes(demuxer);
    if !carries {
        packets.keep(&wanted.iter().copied().chain(further.iter().map(|f| f.0)).collect::<Vec<_>>());
    }
    let mut found = vec![Vec::new(); wanted.len()];
    let mut others: BTreeMap<usize, Vec<Stamp>> = BTreeMap::new();
    let (mut beside, mut shown_bytes) = (0, 0);
    while let Some(packet) = packets.next() {
        let is_picture =
            || packets.input.stream(packet.stream()).is_some_and(|s| s.parameters().medium() == media::Type::Video);
        let undated = (demuxer == Demuxer::MpegPs && is_picture()).then_some(UNDATED);
        let Some(mut stamp) = stamp(&packet, demuxer, undated) else { continue };
        // The picture is the first that is wanted, where there is one.
        let of_picture = packet.is_key() && wanted.first() == Some(&packet.stream()) && stamp.time != UNDATED;
        if let Some(sizes) = sizes.as_deref_mut().filter(|_| of_picture) {
            sizes.look(&packet, stamp.time);
        }
        if let Some((_, outline)) = further.iter_mut().find(|f| f.0 == packet.stream()) {
            outline.add(&stamp);
        }
        match wanted.iter().position(|w| *w == packet.stream()) {
            Some(n) if found[n].len() < MOST_PACKETS => {
                // Marks of what is entered at its start only mean nothing.
                if demuxer.entries() != Entries::Marked {
                    stamp.key = found[n].is_empty();
                }
                found[n].push(stamp);
                // Looked at while it is read: the end of what repeats itself is far away.
                shown_bytes += u64::from(stamp.size);
                check_repetition(shown_bytes, job)?;
            }
            Some(_) => return Err(EncodeError::refused(Refusal::TooManyPictures, "packets")),
            None if carries && beside < MOST_PACKETS => {
                beside += 1;
                others.entry(packet.stream()).or_default().push(stamp);
            }
            None => {}
        }
    }
    let mut dated = false;
    for (list, stream) in found.iter_mut().zip(wanted) {
        if list.iter().any(|s| s.time == UNDATED) {
            let usual = packets.input.stream(*stream).map_or(1, |s| counted_ticks(&s));
            date(list, usual);
            dated = true;
        }
    }
    let carries = carry_on(packets, wanted, &mut found, others);
    let scanned = Scanned::new(packets, wanted, &found, demuxer);
    let mut clock = clock::find(&scanned, ahead(demuxer));
    let bases = scanned.bases;
    if !clock.is_plain() {
        for (list, base) in found.iter_mut().zip(bases) {
            for stamp in list {
                let shift = shift(&clock, stamp.place, stamp.time, base);
                (stamp.time, stamp.seek) = (stamp.time + shift, stamp.seek + shift);
            }
        }
    }
    let carried: Vec<usize> =
        packets.input.streams().filter(|s| carries.iter().any(|c| c.id == s.id())).map(|s| s.index()).collect();
    further.retain(|f| !carried.contains(&f.0));
    for (_, outline) in further {
        *outline = outline.clone().on(&clock);
    }
    clock.carries = carries;
    Ok(Scan { stamps: found, clock, dated })
}

fn stamp(packet: &Packet, demuxer: Demuxer, undated: Option<i64>) -> Option<Stamp> {
    let (pts, dts) = (packet.pts(), packet.dts());
    let time = pts.or(dts).or(undated)?;
    Some(Stamp {
        time,
        // Matroska's cues hold presentation times, the others' decode times.
        seek: if demuxer == Demuxer::Matroska { time } else { dts.unwrap_or(time) },
        place: packet.position().max(0) as u64,
        size: packet.size() as u32,
        duration: u32::try_from(packet.duration()).unwrap_or(0),
        key: packet.is_key(),
        hidden: ffi::is_hidden(packet),
        placed: pts.is_some(),
    })
}

/// Continues streams that end by others of the same codec that begin there.
fn carry_on(
    packets: &Packets,
    wanted: &[usize],
    found: &mut [Vec<Stamp>],
    mut others: BTreeMap<usize, Vec<Stamp>>,
) -> Vec<Carry> {
    let of = |i: usize| packets.input.stream(i).map(|s| (s.parameters().id(), s.id()));
    let mut carries = Vec::new();
    for (stream, list) in wanted.iter().zip(found) {
        while let Some(end) = list.last().map(|s| s.place) {
            let like = |i: &usize| of(*i).map(|s| s.0) == of(*stream).map(|s| s.0);
            let known: Vec<usize> = others.keys().copied().filter(like).collect();
            let places = |i: &usize| others.get(i).map_or_else(Vec::new, |l| l.iter().map(|s| s.place).collect());
            let candidates: Vec<Vec<u64>> = known.iter().map(places).collect();
            let Some(next) = clock::successor(end, &candidates).map(|n| known[n]) else { break };
            let (Some((_, id)), Some(stamps)) = (of(next), others.remove(&next)) else { break };
            carries.push(Carry { id, stream: *stream });
            list.extend(stamps);
        }
    }
    carries
}

fn ahead(demuxer: Demuxer) -> Ahead {
    match demuxer {
        Demuxer::Mov => Ahead::Never,
        Demuxer::MpegTs | Demuxer::Ogg => Ahead::Always,
        _ => Ahead::Together,
    }
}

fn microseconds(time: i64, base: Rational) -> i64 {
    (time as f64 * f64::from(base) * 1e6).round().clamp(-MOST_US, MOST_US) as i64
}

/// What is added to a time stamp of a packet at `place`, in its time base.
pub fn shift(clock: &Clock, place: u64, time: i64, base: Rational) -> i64 {
    let shift_us = clock.shift_us(place, microseconds(time, base));
    (shift_us as f64 / 1e6 / f64::from(base)).round() as i64
}

/// Scanned packets as the clock is found from them.
struct Scanned<'a> {
    lists: &'a [Vec<Stamp>],
    bases: Vec<Rational>,
    reorders: Vec<bool>,
}

impl<'a> Scanned<'a> {
    fn new(packets: &Packets, wanted: &[usize], lists: &'a [Vec<Stamp>], demuxer: Demuxer) -> Self {
        let stream = |i: &usize| packets.input.stream(*i);
        let bases = wanted.iter().map(|i| stream(i).map_or(Rational(1, 1), |s| s.time_base())).collect();
        let picture = |i: &usize| stream(i).is_some_and(|s| s.parameters().medium() == media::Type::Video);
        let reorders = wanted.iter().map(|i| picture(i) && demuxer == Demuxer::Matroska).collect();
        Self { lists, bases, reorders }
    }
}

impl clock::Packets for Scanned<'_> {
    fn streams(&self) -> usize {
        self.lists.len()
    }

    fn reorders(&self, stream: usize) -> bool {
        self.reorders[stream]
    }

    fn tick(&self, stream: usize, n: usize) -> Option<Tick> {
        let (stamp, base) = (self.lists[stream].get(n)?, self.bases[stream]);
        let begin_us = microseconds(stamp.time, base);
        Some(Tick {
            position: stamp.place,
            order_us: microseconds(stamp.seek, base),
            begin_us,
            end_us: begin_us + microseconds(i64::from(stamp.duration), base),
        })
    }
}

/// What the time stamps of a picture stream say.
pub struct Timing {
    pub duration_s: f64,
    pub frame_ticks: Option<f64>,
    pub median_frame_s: f64,
    pub bit_rate: u64,
    pub peak_bit_rate: u64,
}

const PEAK_WINDOW_S: f64 = 10.0;

impl Timing {
    /// `claimed_s` is the length that an index claims for the whole, 0 where there is none.
    pub fn of(stamps: &[Stamp], unit: f64, claimed_s: f64) -> Option<Self> {
        let mut times: Vec<(i64, u32)> = stamps.iter().map(|s| (s.time, s.duration)).collect();
        times.sort_unstable();
        let ((first, _), (last, own)) = (*times.first()?, *times.last()?);
        let mut steps: Vec<i64> = times.windows(2).map(|w| w[1].0 - w[0].0).collect();
        let mean = if steps.is_empty() { 0.0 } else { (last - first) as f64 / steps.len() as f64 };
        // One unit of rounding, or a fiftieth of a frame where the unit is finer. Where a frame is hardly longer than the
        // unit, time stamps count frames and nothing is rounded.
        let tolerance = (mean / 50.0).max(1.01_f64.min(mean / 3.0));
        let even = |(i, t): (usize, &(i64, u32))| ((t.0 - first) as f64 - mean * i as f64).abs() <= tolerance;
        let steady = mean > 0.0 && times.iter().enumerate().all(even);
        steps.sort_unstable();
        // Film whose frames are shown for two fields and three in turn is as even as film can be.
        let steady = steady || soft_step(&steps).is_some();
        let median = steps.get(steps.len() / 2).copied().unwrap_or(0);
        let usual = if steady { mean } else { median as f64 };
        // What a container says of a packet's length is often a guess, but not that the last one stays for long.
        let last_step = if f64::from(own) > 1.5 * usual { f64::from(own) } else { usual };
        let span_s = (last - first) as f64 * unit;
        let found_s = span_s + if last_step > 0.0 { last_step * unit } else { 1.0 / 25.0 };
        let duration_s = if claimed_s > span_s + 1.5 * usual * unit { claimed_s } else { found_s };
        let bytes: u64 = stamps.iter().map(|s| u64::from(s.size)).sum();
        Some(Self {
            duration_s,
            frame_ticks: steady.then_some(mean),
            median_frame_s: median as f64 * unit,
            bit_rate: (bytes as f64 * 8.0 / duration_s) as u64,
            peak_bit_rate: peak(stamps, unit),
        })
    }
}

/// The largest rate over any window of ten seconds.
fn peak(stamps: &[Stamp], unit: f64) -> u64 {
    let (mut first, mut bytes, mut most) = (0, 0_u64, 0_u64);
    for s in stamps {
        bytes += u64::from(s.size);
        while (s.time - stamps[first].time) as f64 * unit > PEAK_WINDOW_S {
            bytes -= u64::from(stamps[first].size);
            first += 1;
        }
        most = most.max(bytes);
    }
    (most as f64 * 8.0 / PEAK_WINDOW_S) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stamps(times: &[i64], last: u32) -> Vec<Stamp> {
        let stamp = |t: &i64| Stamp {
            time: *t,
            seek: *t,
            place: 0,
            size: 1,
            duration: 0,
            key: false,
            hidden: false,
            placed: true,
        };
        let mut list: Vec<Stamp> = times.iter().map(stamp).collect();
        list.iter_mut().last().unwrap().duration = last;
        list
    }

    #[test]
    fn even_times_are_told_from_counted_frames_with_a_hole() {
        let steady = |times: &[i64], unit: f64| Timing::of(&stamps(times, 0), unit, 0.0).unwrap().frame_ticks;
        let counted: Vec<i64> = (0..200).collect();
        assert_eq!(steady(&counted, 0.04), Some(1.0));
        let held: Vec<i64> = std::iter::once(0).chain(2..201).collect();
        assert_eq!(steady(&held, 0.04), None, "the first picture lasts two slots");
        let rounded: Vec<i64> = (0..200).map(|i| (f64::from(i) * 1000.0 / 59.94).round() as i64).collect();
        assert!(steady(&rounded, 0.001).is_some(), "milliseconds");
        let fast: Vec<i64> = (0..200).map(|i| (f64::from(i) * 1000.0 / 240.0).round() as i64).collect();
        assert!(steady(&fast, 0.001).is_some(), "240 a second in milliseconds");
    }

    #[test]
    fn the_last_picture_lasts_as_long_as_it_says() {
        let film = [0, 40, 80, 120];
        let length = |last, claimed_s| Timing::of(&stamps(&film, last), 0.001, claimed_s).unwrap().duration_s;
        let near = |got: f64, want: f64| (got - want).abs() < 1e-6;
        assert!(near(length(0, 0.0), 0.16) && near(length(33, 0.0), 0.16), "a guess");
        assert!(near(length(7000, 0.0), 7.12), "its own");
        assert!(near(length(0, 7.12), 7.12), "the index's");
        assert!(near(length(0, 0.1), 0.16), "an index that says less than is there");
        let one = Timing::of(&stamps(&[5], 15_000), 0.001, 0.0).unwrap();
        assert!(near(one.duration_s, 15.0));
    }
}
