//! The source's own pictures as a rung: remuxed, cut at entry points, on the output timeline.

use super::{EncodeError, ffi, kept, link::Link, open, picture::slot, segments::SegmentBuilder};
use crate::{
    child::{FromChild, Job, PassthroughWork, Refusal},
    cmaf::{Coding, Header, Place, Sample, extend_sample_entry},
    plan::VideoPlan,
};

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
    let mut header = Header::read(Coding::of(&rung.codecs), &ffi::parameter_extradata(&parameters))
        .ok_or_else(|| unfit("parameter sets"))?;
    ffi::discard_others(&mut input, &[video.stream]);
    if matches!(header, Header::Av1(_)) {
        kept::adopt_first(&mut input, video.stream, &mut header);
        let first = video.keys.first().copied().unwrap_or(video.first_pts);
        ffi::seek_backward(&mut input, video.stream, first).map_err(|e| EncodeError::Ffmpeg("seek", e))?;
    }
    let mut init = header.init(rung.width, rung.height, video.timescale())?;
    if rung.supplemental.is_some() {
        let dolby_vision = kept::dolby_vision(&open::stream_of(&input, video.stream)?);
        let configuration = dolby_vision.ok_or_else(|| unfit("Dolby Vision"))?.configuration_box();
        extend_sample_entry(&mut init, &configuration)?;
    }
    link.send(&FromChild::Init { rendition: rung.name.clone(), codecs: rung.codecs.clone() }, &init)?;
    let cuts: Vec<i64> = video.cut_ticks().into_iter().map(|c| c as i64).collect();
    let mut muxer = Muxer {
        link,
        video,
        header,
        segment: work.first,
        pictures: 0,
        gop: Vec::new(),
        builder: SegmentBuilder::new(&rung.name),
        cuts,
    };
    if work.first > 0 {
        let at = source_time(video, muxer.cuts[work.first]);
        let key = video.keys.iter().rev().find(|k| **k <= at).copied().unwrap_or(at);
        ffi::seek_backward(&mut input, video.stream, key).map_err(|e| EncodeError::Ffmpeg("seek", e))?;
    }
    let mut begun = work.first == 0;
    while let Some(packet) = open::next_packet(&mut input, video.stream) {
        // What an edit list hides is no part of the film. Nothing that is shown needs it: the plan saw to that.
        if ffi::is_hidden(&packet) {
            continue;
        }
        let shown = packet.pts().or(packet.dts()).map(|t| tick(video, t)).ok_or_else(|| unfit("no time stamp"))?;
        // After a seek: up to the entry point that was asked for.
        begun = begun || (packet.is_key() && shown == muxer.cuts[work.first]);
        if begun {
            muxer.take(packet.data().unwrap_or_default(), shown)?;
        }
    }
    muxer.finish(work.first == 0)
}

/// When a picture with this time stamp is shown, ticks of the output timeline, the delay not counted.
fn tick(video: &VideoPlan, timestamp: i64) -> i64 {
    match &video.variable {
        Some(v) => (timestamp - video.first_pts).saturating_mul(v.unit as i64),
        None => slot(video, timestamp) * video.rate.frame_ticks() as i64,
    }
}

/// The source time stamp of a tick, rounded down.
fn source_time(video: &VideoPlan, tick: i64) -> i64 {
    let unit_s = i128::from(video.time_base.0) * i128::from(video.timescale());
    video.first_pts + (i128::from(tick) * i128::from(video.time_base.1) / unit_s.max(1)) as i64
}

/// A picture of the GOP that is being read.
struct Picture {
    data: Vec<u8>,
    /// Ticks.
    shown: i64,
}

struct Muxer<'a> {
    link: &'a Link,
    video: &'a VideoPlan,
    header: Header,
    segment: usize,
    /// Pictures so far.
    pictures: u64,
    /// In decoding order, the first an entry point.
    gop: Vec<Picture>,
    builder: SegmentBuilder,
    /// First tick of every segment, then the end.
    cuts: Vec<i64>,
}

impl Muxer<'_> {
    fn take(&mut self, data: &[u8], shown: i64) -> Result<(), EncodeError> {
        let changed = || unfit("parameter sets change");
        let place = self.header.place(data).ok_or_else(changed)?;
        let cut = shown == self.cuts[self.segment + 1] && self.segment + 2 < self.cuts.len();
        if place == Place::Entry || (place == Place::Open && (cut || self.gop.is_empty())) {
            self.flush(shown, shown)?;
            if cut {
                self.builder.send(self.link, self.segment)?;
                self.segment += 1;
            }
            if shown >= self.cuts[self.segment + 1] {
                return Err(unfit(format!("no entry point at tick {}", self.cuts[self.segment + 1])));
            }
        } else if self.gop.is_empty() {
            return Err(unfit(format!("no entry point at tick {shown}")));
        }
        self.gop.push(Picture { data: self.header.sample(data).ok_or_else(changed)?, shown });
        self.pictures += 1;
        Ok(())
    }

    /// Writes the collected GOP, which ends at tick `end`, as a fragment. Its last picture may stand longer than its own
    /// time, which ends at `own_end`.
    fn flush(&mut self, end: i64, own_end: i64) -> Result<(), EncodeError> {
        let Some(start) = self.gop.first().map(|p| p.shown) else { return Ok(()) };
        let shown: Vec<i64> = self.gop.iter().map(|p| p.shown).collect();
        let delay = self.video.delay_ticks as i64;
        if self.video.variable.is_none() {
            let frame = self.video.rate.frame_ticks() as i64;
            let cut_off = Some(&end) == self.cuts.last() && is_cut_off(&shown, own_end, frame, delay);
            if !cut_off && !is_even(&shown, own_end, frame) {
                return Err(unfit(format!("pictures from tick {start} are not evenly spaced")));
            }
        }
        // An index has decode times: where pictures are reordered, the last may be shown a little after the end it tells.
        let latest = if Some(&end) == self.cuts.last() { end + delay } else { end };
        if shown.iter().any(|t| *t >= latest) {
            return Err(unfit(format!("pictures of the GOP at tick {start} are shown after it")));
        }
        let decoded =
            decode_ticks(&shown, end, delay).ok_or_else(|| unfit(format!("time stamps from tick {start}")))?;
        let mut samples = Vec::with_capacity(shown.len());
        for (i, picture) in self.gop.drain(..).enumerate() {
            let next = decoded.get(i + 1).copied().unwrap_or(end);
            samples.push(Sample {
                data: picture.data,
                duration: u32::try_from(next - decoded[i]).map_err(|_| unfit("durations"))?,
                composition_offset: i32::try_from(picture.shown + delay - decoded[i]).map_err(|_| unfit("offsets"))?,
                sync: i == 0,
            });
        }
        let sequence = u64::try_from(start).map_err(|_| unfit("time before the film"))?;
        self.builder.add(sequence, sequence, &samples)
    }

    fn finish(mut self, whole: bool) -> Result<(), EncodeError> {
        let end = self.cuts.last().copied().unwrap_or(0);
        let expected = self.video.variable.as_ref().map_or(self.video.frames - self.video.tail, |v| v.pictures);
        if self.segment + 2 != self.cuts.len() || (whole && self.pictures != expected) {
            return Err(unfit(format!("{} of {expected} pictures", self.pictures)));
        }
        // The last picture stands until the sound ends.
        let tail = self.video.tick(self.video.frames) - self.video.tick(self.video.frames - self.video.tail);
        self.flush(end, end - tail as i64)?;
        self.builder.send(self.link, self.segment)
    }
}

/// Pictures of a constant rate are one frame apart, without holes.
fn is_even(shown: &[i64], end: i64, frame: i64) -> bool {
    let mut order = shown.to_vec();
    order.push(end);
    order.sort_unstable();
    order.windows(2).all(|w| w[1] - w[0] == frame)
}

/// The last GOP of a film that was cut without being encoded: of what was cut off some pictures would have been shown before
/// the last ones. They leave holes, as many as pictures can be out of order, through which the picture before stands.
fn is_cut_off(shown: &[i64], end: i64, frame: i64, delay: i64) -> bool {
    let mut order = shown.to_vec();
    order.sort_unstable();
    let whole = order.windows(2).all(|w| w[1] > w[0] && (w[1] - w[0]) % frame == 0);
    let (Some(first), Some(last)) = (order.first(), order.last()) else { return false };
    let slots = (last - first) / frame + 1;
    let missing = slots - order.len() as i64;
    whole && missing * frame <= delay && last + frame >= end && *last < end + delay
}

/// Decode times of a closed GOP that is shown at the ticks `shown`, given in decoding order, and ends at `end`: rising,
/// the first at its start, all before its end, none later than its picture is shown after the delay. Where there is room,
/// pictures are decoded as far apart as they are shown. `None` when the delay is too short or the time stamps are no GOP's.
/// Without a delay, as in plans of older versions, offsets may be negative.
fn decode_ticks(shown: &[i64], end: i64, delay: i64) -> Option<Vec<i64>> {
    let mut order = shown.to_vec();
    order.sort_unstable();
    if !order.windows(2).all(|w| w[0] < w[1]) || order.first() != shown.first() {
        return None;
    }
    if delay == 0 {
        return Some(order);
    }
    let (mut soonest, mut next) = (i64::MAX, end);
    for (place, at) in shown.iter().enumerate().rev() {
        soonest = soonest.min(at + delay);
        next = order[place].min(soonest).min(next - 1);
        order[place] = next;
    }
    (order.first() == shown.first()).then_some(order)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn even_pictures_are_decoded_one_frame_apart() {
        // I P B B: the first B is decoded third and shown second.
        assert_eq!(decode_ticks(&[0, 30, 10, 20], 40, 20), Some(vec![0, 10, 20, 30]));
        assert_eq!(decode_ticks(&[0, 10, 20], 30, 20), Some(vec![0, 10, 20]));
        assert_eq!(decode_ticks(&[0, 30, 10, 20], 40, 0), Some(vec![0, 10, 20, 30]), "an older plan");
    }

    #[test]
    fn uneven_pictures_are_decoded_in_time() {
        // A hole of a second before the last two, which are decoded before the second.
        let shown = [0, 1033, 33, 1000];
        let decoded = decode_ticks(&shown, 1066, 66).unwrap();
        assert_eq!(decoded, [0, 33, 99, 1033]);
        assert!(decoded.iter().zip(&shown).all(|(d, s)| *d <= s + 66));
    }

    #[test]
    fn only_holes_of_a_cut_are_kept() {
        // Of I P B B P B B the last two are cut off; the index says that five pictures are five frames long.
        assert!(is_cut_off(&[0, 30, 10, 20, 60], 50, 10, 20));
        assert!(!is_cut_off(&[0, 30, 10, 20, 70], 50, 10, 20), "a hole deeper than pictures are out of order");
        assert!(!is_cut_off(&[0, 30, 10, 25, 50], 50, 10, 20), "uneven");
        assert!(!is_cut_off(&[0, 30, 10, 20], 60, 10, 20), "it ends too soon");
        assert!(is_even(&[0, 30, 10, 20], 40, 10) && !is_even(&[0, 30, 10, 20, 60], 50, 10));
    }

    #[test]
    fn what_is_no_closed_gop_is_refused() {
        assert_eq!(decode_ticks(&[10, 0, 20], 30, 20), None, "the first is not shown first");
        assert_eq!(decode_ticks(&[0, 10, 10], 30, 20), None, "two at one moment");
        assert_eq!(decode_ticks(&[0, 50, 40, 30, 20, 1], 60, 2), None, "deeper than the delay");
    }
}
