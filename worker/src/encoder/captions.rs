//! Closed captions of a source: a look at some of its pictures tells whether there are any, and one pass over its packets
//! reads them. No picture is decoded for them: what is passed through is not decoded at all, and what is encoded is decoded
//! chunk by chunk, each by another process.

use super::{
    EncodeError, ffi, open,
    packets::Packets,
    streams,
    subtitles::{Cues, milliseconds},
};
use crate::{
    captions::{CHANNELS, Carrier, Channels, Pair, Shown, triplets},
    child::{CuesRead, Refusal, SubtitlesWork},
    plan::{CaptionFacts, Left, LeftBehind, Part, VideoFacts},
};
use ffmpeg_next::{Packet, format::context::Input};
use sluice_ingest::container::Entries;
use std::collections::BTreeMap;

/// Moments of a film that are looked at, how many packets of each, and how many bytes at most: who has captions sends some
/// with every picture, whether anything is said or not.
const MOMENTS: usize = 8;
const PACKETS: u64 = 48;
const MOST_BYTES: usize = 1 << 20;
/// Pictures that are held back to bring them into the order in which they are shown: more than any may be reordered.
const HELD_BACK: usize = 20;
/// What a pair takes on line 21, seconds.
const PAIR_S: f64 = 1001.0 / 30_000.0;

/// What a look at a picture stream has found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found {
    /// Captions that are read.
    Captions,
    /// CTA-708 alone.
    Digital,
}

/// Looks at some pictures of a film, of which the first `arrived` in decoding order can be read.
pub fn look(packets: &mut Packets, facts: &VideoFacts, arrived: u64) -> Option<Found> {
    let stream = open::stream_of(&packets.input, facts.stream).ok()?;
    let carrier = Carrier::of(&facts.codec, &ffi::parameter_extradata(&stream.parameters()))?;
    packets.keep(&[facts.stream]);
    let is_marked = packets.demuxer().entries() == Entries::Marked;
    let keys: Vec<_> = facts.keys.iter().filter(|k| k.frame < arrived).collect();
    let step = keys.len().div_ceil(MOMENTS).max(1);
    // What is entered at its start only has one moment.
    let moments = keys.iter().step_by(step).take(if is_marked { MOMENTS } else { 1 });
    let mut digital = false;
    for key in moments {
        let entered = if is_marked { packets.enter(facts.stream, key) } else { packets.seek(facts.stream, None) };
        if entered.is_err() {
            break;
        }
        let mut bytes = 0;
        for _ in 0..PACKETS.min(arrived - key.frame) {
            let Some(packet) = packets.next_of(facts.stream) else { break };
            bytes += packet.size();
            let carried = carrier.carried(packet.data().unwrap_or_default(), false);
            if !carried.pairs.is_empty() {
                return Some(Found::Captions);
            }
            digital |= carried.digital;
            if bytes > MOST_BYTES {
                break;
            }
        }
    }
    digital.then_some(Found::Digital)
}

/// What is said of the captions of a picture.
pub fn of_picture(stream: usize) -> CaptionFacts {
    CaptionFacts { stream, language: None }
}

/// The same of captions that are not read.
pub fn left_behind(stream: usize) -> LeftBehind {
    LeftBehind { stream, left: Left::TextSubtitles, codec: "cea_708".to_owned() }
}

/// Where pairs come from.
enum Source {
    /// Packets of pictures.
    Pictures(Carrier),
    /// Those of a track.
    Track,
}

/// The captions of a stream as far as it has been read.
pub struct Captions {
    pub stream: usize,
    source: Source,
    /// Of a unit of its time base.
    seconds: f64,
    origin_s: f64,
    end_s: f64,
    /// By the time stamps of their pictures and the order in which those came.
    held_back: BTreeMap<(i64, u64), Vec<Pair>>,
    count: u64,
    last: i64,
    channels: Channels,
    cues: Vec<Cues>,
}

impl Captions {
    /// Of a picture stream or a track.
    pub fn new(input: &Input, stream: usize, work: &SubtitlesWork) -> Result<Self, EncodeError> {
        let of = open::stream_of(input, stream)?;
        let parameters = of.parameters();
        let carrier = Carrier::of(parameters.id().name(), &ffi::parameter_extradata(&parameters));
        let source = match carrier {
            _ if streams::is_captions(&of) => Source::Track,
            Some(carrier) => Source::Pictures(carrier),
            None => return Err(EncodeError::refused(Refusal::Unreadable, "no captions in such pictures")),
        };
        Ok(Self {
            stream,
            source,
            seconds: f64::from(of.time_base()),
            origin_s: work.origin_s,
            end_s: work.duration_s,
            held_back: BTreeMap::new(),
            count: 0,
            last: 0,
            channels: Channels::default(),
            cues: (0..CHANNELS).map(|_| Cues::until(milliseconds(work.duration_s))).collect(),
        })
    }

    /// Takes in a packet; packets come in decoding order.
    pub fn take(&mut self, packet: &Packet) {
        // The second of two fields may have no time stamp: it is that of the first.
        let time = packet.pts().or(packet.dts()).unwrap_or(self.last);
        let data = packet.data().unwrap_or_default();
        self.last = time;
        match &self.source {
            Source::Pictures(carrier) => {
                let pairs = carrier.carried(data, true).pairs;
                self.held_back.insert((time, self.count), pairs);
                self.count += 1;
                if self.held_back.len() > HELD_BACK {
                    self.release();
                }
            }
            Source::Track => {
                let at_s = self.at_s(time);
                let pairs = triplets(data).pairs;
                // Where a sample holds more than one pair of a field, they are one after the other on line 21.
                let most = (0..2).map(|f| pairs.iter().filter(|p| p.field == f).count()).max().unwrap_or(0);
                let step_s = (packet.duration() as f64 * self.seconds / most.max(1) as f64).clamp(0.0, PAIR_S);
                let mut counts = [0_usize; 2];
                for pair in pairs {
                    let count = counts.get_mut(pair.field).map_or(0, |c| std::mem::replace(c, *c + 1));
                    self.show(&[pair], at_s + count as f64 * step_s);
                }
            }
        }
    }

    /// Shows what comes next in the order of presentation.
    fn release(&mut self) {
        if let Some(((time, _), pairs)) = self.held_back.pop_first() {
            self.show(&pairs, self.at_s(time));
        }
    }

    fn at_s(&self, time: i64) -> f64 {
        time as f64 * self.seconds - self.origin_s
    }

    fn show(&mut self, pairs: &[Pair], at_s: f64) {
        let mut gone = Vec::new();
        pairs.iter().for_each(|p| self.channels.take(*p, at_s, &mut gone));
        self.keep(gone);
    }

    fn keep(&mut self, gone: Vec<Shown>) {
        for shown in gone {
            if let Some(cues) = self.cues.get_mut(usize::from(shown.channel).wrapping_sub(1)) {
                cues.push(shown.start_s, Some(shown.end_s - shown.start_s), shown.text);
            }
        }
    }

    /// The cues of every channel.
    pub fn finish(mut self) -> Vec<CuesRead> {
        while !self.held_back.is_empty() {
            self.release();
        }
        let mut gone = Vec::new();
        self.channels.finish(self.end_s, &mut gone);
        self.keep(gone);
        let stream = self.stream;
        let read =
            |(n, cues): (usize, Cues)| CuesRead { stream, part: Part::Channel(n as u8 + 1), cues: cues.finish() };
        self.cues.into_iter().enumerate().map(read).collect()
    }
}
