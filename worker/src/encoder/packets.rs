//! Packets of a source on the plan's clock, from the start or from a known moment.
//!
//! Invariant: a packet has the same time stamp wherever reading began.

use super::{EncodeError, Named, ffi, link::Link, open, stamps::shift};
use crate::{
    child::{Entry, Job, Probe, Work},
    plan::{Clock, KeyFrame},
};
use ffmpeg_next::{self as ffmpeg, Packet, format::context::Input, media};
use sluice_ingest::{
    container::{Demuxer, Entries},
    frames,
};

/// Known moments that are tried, one before the other, until one lies before what is wanted.
const MOST_TRIES: usize = 4;

/// An open source.
pub struct Packets {
    /// The demuxer.
    pub input: Input,
    clock: Clock,
    /// Known moments, where the demuxer is told the byte to go to.
    entries: Vec<Entry>,
    by_bytes: bool,
    /// Whether nothing has been read yet.
    untouched: bool,
    /// For every stream, where its last packet with a known place began: packets that share a unit of the container have
    /// one place.
    places: Vec<u64>,
    /// Read already, to see where a seek led.
    ahead: Option<Packet>,
    /// What the source is opened again with, where a demuxer cannot go back.
    link: Link,
    job: Job,
    kept: Option<Vec<usize>>,
    /// Where no packet has a time stamp: that of the next one. None before the first.
    counted: Option<i64>,
}

/// Whether frames of sound follow one another without a word of when: FFmpeg takes all of them for as long as the first,
/// which those of recordings that were joined need not be.
fn counts_frames(demuxer: Demuxer) -> bool {
    matches!(demuxer, Demuxer::Mp3 | Demuxer::Aac)
}

/// Whether a demuxer finds a byte more surely than a time: transport streams have no index, and a search for a time is
/// lost where their clock steps.
pub fn sought_by_bytes(demuxer: Demuxer) -> bool {
    demuxer == Demuxer::MpegTs
}

impl Packets {
    /// Opens the source of a job.
    pub fn open(link: &Link, job: &Job) -> Result<Self, EncodeError> {
        let input = open::source(link, job)?;
        let bytes = sought_by_bytes(job.demuxer);
        let entries = if bytes { job.index.clone() } else { Vec::new() };
        let by_bytes = bytes && !(entries.is_empty() && job.clock.is_plain());
        let clock = job.clock.clone();
        // Opening needs the source and nothing of the work on it.
        let job = Job { work: Work::Probe(Probe::Beginning), ..job.clone() };
        Ok(Self {
            input,
            clock,
            entries,
            by_bytes,
            untouched: true,
            places: Vec::new(),
            ahead: None,
            link: link.clone(),
            job,
            kept: None,
            counted: None,
        })
    }

    /// What reads the source.
    pub fn demuxer(&self) -> Demuxer {
        self.job.demuxer
    }

    /// Has the demuxer drop all other streams but those that carry one of them on.
    pub fn keep(&mut self, streams: &[usize]) {
        let carried = self.input.streams().filter(|s| self.clock.carries.iter().any(|c| c.id == s.id()));
        let all: Vec<usize> = carried.map(|s| s.index()).chain(streams.iter().copied()).collect();
        ffi::discard_others(&mut self.input, &all);
        self.kept = Some(all);
    }

    /// Begins anew with the first byte.
    fn reopen(&mut self) -> Result<(), EncodeError> {
        self.input = open::source(&self.link, &self.job)?;
        if let Some(kept) = &self.kept {
            ffi::discard_others(&mut self.input, kept);
        }
        (self.counted, self.untouched) = (None, true);
        Ok(())
    }

    /// The next packet of any stream, or `None` at the end. Damage in the middle is skipped as players skip it.
    pub fn next(&mut self) -> Option<Packet> {
        if let Some(packet) = self.ahead.take() {
            return Some(packet);
        }
        self.untouched = false;
        let mut failures = 0;
        loop {
            let mut packet = Packet::empty();
            match packet.read(&mut self.input) {
                Ok(()) => {
                    self.put_on_the_clock(&mut packet);
                    return Some(packet);
                }
                Err(ffmpeg::Error::Eof | ffmpeg::Error::Exit) => return None,
                Err(error) => {
                    open::check_memory(error);
                    failures += 1;
                    if failures > 100 {
                        return None;
                    }
                }
            }
        }
    }

    /// The next packet of `stream`.
    pub fn next_of(&mut self, stream: usize) -> Option<Packet> {
        loop {
            let packet = self.next()?;
            if packet.stream() == stream {
                return Some(packet);
            }
        }
    }

    fn put_on_the_clock(&mut self, packet: &mut Packet) {
        if !self.clock.carries.is_empty() {
            let id = self.input.stream(packet.stream()).map(|s| s.id());
            if let Some(carry) = self.clock.carries.iter().find(|c| Some(c.id) == id) {
                packet.set_stream(carry.stream);
            }
        }
        if let Some(ticks) = self.counted_ticks(packet) {
            let sound = counts_frames(self.job.demuxer);
            // Sound may begin later than at 0.
            let at = self.counted.or(packet.pts().filter(|_| sound)).unwrap_or(0);
            packet.set_pts(Some(at));
            packet.set_dts(Some(at));
            if sound {
                packet.set_duration(ticks);
            }
            self.counted = Some(at.saturating_add(ticks));
        }
        let stream = packet.stream();
        if self.places.len() <= stream {
            self.places.resize(stream + 1, 0);
        }
        match u64::try_from(packet.position()) {
            Ok(place) => self.places[stream] = place,
            Err(_) => packet.set_position(self.places[stream] as isize),
        }
        let Some(time) = packet.pts().or(packet.dts()).filter(|_| !self.clock.is_plain()) else { return };
        let Some(base) = self.input.stream(stream).map(|s| s.time_base()) else { return };
        let shift = shift(&self.clock, self.places[stream], time, base);
        packet.set_pts(packet.pts().map(|t| t + shift));
        packet.set_dts(packet.dts().map(|t| t + shift));
    }

    /// How long a packet lasts, in its stream's time base, where packets are counted.
    fn counted_ticks(&self, packet: &Packet) -> Option<i64> {
        let demuxer = self.job.demuxer;
        let stream = self.input.stream(packet.stream())?;
        let said = || Some(packet.duration()).filter(|d| *d > 0);
        if demuxer.entries() == Entries::StartCounted {
            return Some(said().unwrap_or_else(|| open::counted_ticks(&stream)));
        }
        if !counts_frames(demuxer) || stream.parameters().medium() != media::Type::Audio {
            return None;
        }
        let base = stream.time_base();
        let length = frames::length(demuxer, packet.data().unwrap_or_default());
        let ticks = length.map(|(samples, rate)| {
            let (num, den) = (i64::from(base.numerator()).max(1), i64::from(base.denominator()));
            i64::from(samples) * den / (i64::from(rate) * num)
        });
        Some(ticks.or_else(said).unwrap_or(0))
    }

    /// Goes to the last entry point of `stream` at or before `timestamp`, or to the very beginning.
    pub fn seek(&mut self, stream: usize, timestamp: Option<i64>) -> Result<(), EncodeError> {
        self.ahead = None;
        if self.by_bytes {
            let at = timestamp.and_then(|t| self.entry_before(stream, t));
            return self.go_to(at.map_or(0, |n| self.entries[n].position));
        }
        // Times of one clock are on several in the file: it is read from the start.
        let demuxer = self.job.demuxer;
        let anywhere = demuxer.entries() == Entries::Marked && !counts_frames(demuxer);
        let timestamp = timestamp.filter(|_| anywhere && self.clock.is_plain());
        if timestamp.is_none() && self.untouched {
            return Ok(());
        }
        if !anywhere || ffi::seek_backward(&mut self.input, stream, timestamp.unwrap_or(i64::MIN / 2)).is_err() {
            self.reopen()?;
        }
        Ok(())
    }

    /// Goes to an entry point of `stream` that a probe has found, where this source has been read before.
    pub fn enter(&mut self, stream: usize, key: &KeyFrame) -> Result<(), EncodeError> {
        match key.position {
            Some(position) if sought_by_bytes(self.job.demuxer) => {
                self.ahead = None;
                self.go_to(position)
            }
            _ => self.seek(stream, Some(key.seek)),
        }
    }

    /// Goes so far back that the packets of `stream` from `timestamp` on are all to come.
    pub fn seek_before(&mut self, stream: usize, timestamp: i64) -> Result<(), EncodeError> {
        if !self.by_bytes {
            return self.seek(stream, Some(timestamp));
        }
        let mut entry = self.entry_before(stream, timestamp);
        for _ in 0..MOST_TRIES {
            self.ahead = None;
            self.go_to(entry.map_or(0, |n| self.entries[n].position))?;
            let first = self.next_of(stream);
            let early = first.as_ref().and_then(|p| p.pts().or(p.dts())).is_some_and(|t| t <= timestamp);
            self.ahead = first;
            if early || entry.is_none() {
                break;
            }
            entry = entry.and_then(|n| n.checked_sub(1));
        }
        Ok(())
    }

    fn go_to(&mut self, position: u64) -> Result<(), EncodeError> {
        self.untouched = false;
        self.places.fill(position);
        ffi::seek_byte(&mut self.input, position).named("seek")
    }

    /// The last known moment at or before a time of `stream`.
    fn entry_before(&self, stream: usize, timestamp: i64) -> Option<usize> {
        let base = self.input.stream(stream)?.time_base();
        let (num, den) = (i128::from(base.numerator()), i128::from(base.denominator()));
        let reached = |e: &Entry| {
            let entry = i128::from(e.time) * i128::from(e.unit.0) * den;
            entry <= i128::from(timestamp) * num * i128::from(e.unit.1)
        };
        self.entries.iter().rposition(reached)
    }
}
