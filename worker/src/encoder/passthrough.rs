//! The source's own pictures as a rung: remuxed, cut at its IDRs, on the output timeline.

use super::{
    EncodeError, ffi,
    link::Link,
    open,
    picture::{slot, timestamp},
    segments::SegmentBuilder,
};
use crate::{
    child::{FromChild, Job, PassthroughWork, Refusal},
    cmaf::{Sample, annex_b_units, avc_codecs, avc_init, is_idr, length_prefixed_units, to_length_prefixed},
};

/// The parameter sets of a stream and how its units are delimited.
pub struct H264Header {
    /// Sequence parameter set.
    pub sps: Vec<u8>,
    /// Picture parameter set.
    pub pps: Vec<u8>,
    length_prefixed: bool,
}

impl H264Header {
    /// Reads avcC (ISO/IEC 14496-15) or Annex B. `None` when there is not exactly one of each set.
    pub fn read(extradata: &[u8]) -> Option<Self> {
        let (sets, length_prefixed): (Vec<Vec<u8>>, bool) = match extradata {
            [1, _, _, _, lengths, rest @ ..] if lengths & 3 == 3 => (avcc_sets(rest)?, true),
            [0, 0, ..] => (annex_b_units(extradata).into_iter().map(<[u8]>::to_vec).collect(), false),
            _ => return None,
        };
        let of =
            |kind: u8| sets.iter().filter(|u| u.first().is_some_and(|b| b & 0x1f == kind)).cloned().collect::<Vec<_>>();
        let (mut sps, mut pps) = (of(7), of(8));
        (sps.len() == 1 && pps.len() == 1).then(|| Self { sps: sps.remove(0), pps: pps.remove(0), length_prefixed })
    }

    /// The units of a packet; `None` when it cannot be split.
    pub fn units<'a>(&self, data: &'a [u8]) -> Option<Vec<&'a [u8]>> {
        if self.length_prefixed { length_prefixed_units(data) } else { Some(annex_b_units(data)) }
    }

    /// Whether no unit brings a parameter set that differs from the header's.
    pub fn covers(&self, units: &[&[u8]]) -> bool {
        units.iter().all(|u| match u[0] & 0x1f {
            7 => *u == self.sps.as_slice(),
            8 => *u == self.pps.as_slice(),
            _ => true,
        })
    }

    /// Whether a packet is a true IDR under this header's parameter sets.
    pub fn clean_entry(&self, data: &[u8]) -> bool {
        self.units(data).is_some_and(|u| is_idr(&u) && self.covers(&u))
    }
}

fn avcc_sets(mut rest: &[u8]) -> Option<Vec<Vec<u8>>> {
    let mut sets = Vec::new();
    for mask in [0x1f_u8, 0xff] {
        let (count, tail) = rest.split_first()?;
        rest = tail;
        for _ in 0..count & mask {
            let (length, tail) = rest.split_at_checked(2)?;
            let (set, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([length[0], length[1]])))?;
            sets.push(set.to_vec());
            rest = tail;
        }
    }
    Some(sets)
}

/// The sentence that makes the worker encode the rung instead.
fn unfit(detail: impl Into<String>) -> EncodeError {
    EncodeError::refused(Refusal::PassthroughUnfit, detail)
}

/// Remuxes from segment `first` to the end.
pub fn run(link: &Link, job: &Job, work: &PassthroughWork) -> Result<(), EncodeError> {
    let video = &work.video;
    let rung = video.passthrough.as_ref().ok_or_else(|| unfit("not planned"))?;
    let mut input = open::source(link, job)?;
    let parameters = open::stream_of(&input, video.stream)?.parameters();
    let header = H264Header::read(&ffi::parameter_extradata(&parameters)).ok_or_else(|| unfit("parameter sets"))?;
    let init =
        avc_init(&header.sps, &header.pps, rung.width as u16, rung.height as u16, video.rate.timescale() as u32)?;
    let codecs = avc_codecs(&header.sps).unwrap_or_default();
    link.send(&FromChild::Init { rendition: rung.name.clone(), codecs }, &init)?;
    ffi::discard_others(&mut input, &[video.stream]);
    let mut muxer = Muxer {
        link,
        work,
        header,
        next: video.boundaries[work.first],
        segment: work.first,
        samples: Vec::new(),
        builder: SegmentBuilder::new(&rung.name),
    };
    if work.first > 0 {
        let at = timestamp(video, video.boundaries[work.first]);
        let key = video.keys.iter().rev().find(|k| **k <= at).copied().unwrap_or(at);
        ffi::seek_backward(&mut input, video.stream, key).map_err(|e| EncodeError::Ffmpeg("seek", e))?;
    }
    let mut begun = work.first == 0;
    while let Some(packet) = open::next_packet(&mut input, video.stream) {
        let shown = packet.pts().or(packet.dts()).map(|t| slot(video, t)).ok_or_else(|| unfit("no time stamp"))?;
        // After a seek: up to the entry point that was asked for.
        begun = begun || (packet.is_key() && shown == muxer.next as i64);
        if begun {
            muxer.take(packet.data().unwrap_or_default(), shown)?;
        }
    }
    muxer.finish()
}

struct Muxer<'a> {
    link: &'a Link,
    work: &'a PassthroughWork,
    header: H264Header,
    /// Decode number of the next picture on the output timeline.
    next: u64,
    segment: usize,
    samples: Vec<Sample>,
    builder: SegmentBuilder,
}

impl Muxer<'_> {
    fn take(&mut self, data: &[u8], shown: i64) -> Result<(), EncodeError> {
        let video = &self.work.video;
        let units = self.header.units(data).ok_or_else(|| unfit("packet structure"))?;
        if !self.header.covers(&units) {
            return Err(unfit("parameter sets change"));
        }
        let idr = is_idr(&units);
        let boundary = video.boundaries[self.segment + 1];
        if self.next == boundary && self.segment + 1 < video.segment_count() {
            if !idr {
                return Err(unfit(format!("no IDR at frame {boundary}")));
            }
            self.flush()?;
            self.builder.send(self.link, self.segment)?;
            self.segment += 1;
        } else if idr && !self.samples.is_empty() {
            self.flush()?;
        }
        if idr && shown != self.next as i64 {
            return Err(unfit(format!("the IDR of frame {} is shown at {shown}", self.next)));
        }
        if self.samples.is_empty() && !idr {
            return Err(unfit(format!("no IDR at frame {}", self.next)));
        }
        if self.next >= video.frames {
            return Err(unfit("more pictures than planned"));
        }
        let ticks = video.rate.frame_ticks() as i64;
        let later = (shown - self.next as i64) * ticks + video.delay_ticks as i64;
        if video.delay_ticks > 0 && later < 0 {
            return Err(unfit(format!("frame {shown} is decoded as the {}th", self.next)));
        }
        self.samples.push(Sample {
            data: to_length_prefixed(&units),
            duration: ticks as u32,
            composition_offset: i32::try_from(later).map_err(|_| unfit("time stamps"))?,
            sync: idr,
        });
        self.next += 1;
        Ok(())
    }

    /// Writes the collected GOP as a fragment.
    fn flush(&mut self) -> Result<(), EncodeError> {
        let start = self.next - self.samples.len() as u64;
        self.builder.add(start, start * self.work.video.rate.frame_ticks(), &self.samples)?;
        self.samples.clear();
        Ok(())
    }

    fn finish(mut self) -> Result<(), EncodeError> {
        if self.next != self.work.video.frames || self.segment + 1 != self.work.video.segment_count() {
            return Err(unfit(format!("{} of {} pictures", self.next, self.work.video.frames)));
        }
        self.flush()?;
        self.builder.send(self.link, self.segment)
    }
}
