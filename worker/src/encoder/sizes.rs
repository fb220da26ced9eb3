//! Sizes that change in the middle of a film: headers that come with entry points are compared, and where one differs its
//! picture is decoded. Telephones and calls change the picture like that, containers do not say it.

use super::{EncodeError, appearance::aspect, ffi, open, stamps::Stamp};
use crate::{
    child::Job,
    plan::{SizeSpan, VideoFacts},
};
use ffmpeg_next::{
    Packet,
    codec::{self, packet::side_data},
    format::context::Input,
    frame,
};

/// Pictures that are decoded for their size: who changes it more often is shown in what is known by then.
const MOST_DECODED: usize = 40;
/// Bytes of a packet in which headers are looked for: they come first.
const HEADER_BYTES: usize = 4096;
/// Entry points that are looked at where an index makes reading everything needless.
const SAMPLED: usize = 8;

/// The sizes that were found so far.
pub struct Sizes<'a> {
    job: &'a Job,
    parameters: codec::Parameters,
    header: Option<Vec<u8>>,
    decoded: usize,
    /// From when on which size.
    found: Vec<(i64, SizeSpan)>,
}

impl<'a> Sizes<'a> {
    /// Of a picture stream.
    pub fn new(job: &'a Job, input: &Input, stream: usize) -> Result<Self, EncodeError> {
        let parameters = open::stream_of(input, stream)?.parameters();
        Ok(Self { job, parameters, header: None, decoded: 0, found: Vec::new() })
    }

    /// Looks at an entry point.
    pub fn look(&mut self, packet: &Packet, time: i64) {
        let new = packet.side_data().find(|d| d.kind() == side_data::Type::NewExtraData).map(|d| d.data().to_vec());
        let Some(header) = new.or_else(|| header(self.parameters.id(), packet.data().unwrap_or_default())) else {
            return;
        };
        match &self.header {
            None => self.found.push((i64::MIN, of_parameters(&self.parameters))),
            Some(before) if *before == header => return,
            Some(_) if self.decoded >= MOST_DECODED => return,
            Some(_) => {
                self.decoded += 1;
                self.found.extend(self.decode(packet).map(|span| (time, span)));
            }
        }
        self.header = Some(header);
    }

    /// Tells the facts of a picture what was found while its packets were read; or is found at some entry points, where an
    /// index made that needless, of which `arrived_bytes` are there.
    pub fn complete(
        &mut self,
        facts: &mut VideoFacts,
        input: &mut Input,
        stamps: &[Stamp],
        arrived_bytes: Option<u64>,
    ) {
        if let Some(arrived) = arrived_bytes {
            let here: Vec<i64> = stamps.iter().filter(|s| s.key && s.place <= arrived).map(|s| s.seek).collect();
            self.sample(input, facts.stream, &here);
        }
        let times = stamps.iter().map(|s| s.time);
        let (first, last) = (times.clone().min().unwrap_or(0), times.max().unwrap_or(0));
        let unit = f64::from(facts.time_base.0) / f64::from(facts.time_base.1);
        facts.sizes = self.spans(facts.container_aspect, first, last, unit);
    }

    /// Looks at some entry points of a stream whose index names all: those before `keys` ends.
    fn sample(&mut self, input: &mut Input, stream: usize, keys: &[i64]) {
        let step = keys.len().div_ceil(SAMPLED).max(1);
        for key in keys.iter().step_by(step) {
            if ffi::seek_backward(input, stream, *key).is_ok()
                && let Some(packet) = open::next_packet(input, stream)
            {
                self.look(&packet, *key);
            }
        }
    }

    fn decode(&self, packet: &Packet) -> Option<SizeSpan> {
        let mut decoder = open::picture_decoder(self.job, self.parameters.clone()).ok()?;
        decoder.send_packet(packet).ok()?;
        decoder.send_eof().ok()?;
        let mut picture = frame::Video::empty();
        decoder.receive_frame(&mut picture).ok()?;
        let shape = picture.aspect_ratio();
        Some(SizeSpan {
            width: picture.width(),
            height: picture.height(),
            pixel_aspect: aspect((shape.numerator(), shape.denominator())).unwrap_or((1, 1)),
            seconds: 0.0,
        })
    }

    /// How long which size was there until `end`, both on the stream's clock of `unit` seconds; nothing where there was one.
    fn spans(&self, container_aspect: Option<(u32, u32)>, first: i64, end: i64, unit: f64) -> Vec<SizeSpan> {
        let mut spans: Vec<SizeSpan> = Vec::new();
        let own = of_parameters(&self.parameters);
        for (i, (begin, span)) in self.found.iter().enumerate() {
            let until = self.found.get(i + 1).map_or(end, |next| next.0);
            let seconds = (until.min(end) - (*begin).max(first)).max(0) as f64 * unit;
            let mut span = SizeSpan { seconds, ..*span };
            if let Some(aspect) = container_aspect.filter(|_| (span.width, span.height) == (own.width, own.height)) {
                span.pixel_aspect = aspect;
            }
            match spans.iter_mut().find(|s| SizeSpan { seconds, ..**s } == span) {
                Some(same) => same.seconds += seconds,
                None => spans.push(span),
            }
        }
        if spans.len() > 1 { spans } else { Vec::new() }
    }
}

fn of_parameters(parameters: &codec::Parameters) -> SizeSpan {
    let fields = ffi::parameter_fields(parameters);
    SizeSpan {
        width: fields.width.max(0) as u32,
        height: fields.height.max(0) as u32,
        pixel_aspect: aspect(fields.pixel_aspect).unwrap_or((1, 1)),
        seconds: 0.0,
    }
}

/// The bytes of an entry point that tell the size, among others; `None` where it brings none.
fn header(codec: codec::Id, data: &[u8]) -> Option<Vec<u8>> {
    let head = &data[..data.len().min(HEADER_BYTES)];
    match codec {
        // A key frame's start code and two times 14 bits of size.
        codec::Id::VP8 => (head.first()? & 1 == 0).then(|| head.get(3..10).map(<[u8]>::to_vec)).flatten(),
        codec::Id::VP9 => vp9_size(head),
        codec::Id::H264 => parameter_sets(head, |first| first & 0x1f == 7),
        codec::Id::HEVC => parameter_sets(head, |first| (first >> 1) & 0x3f == 33),
        // Width, height and aspect of a sequence header.
        codec::Id::MPEG1VIDEO | codec::Id::MPEG2VIDEO => after(head, &[0, 0, 1, 0xb3], 4),
        codec::Id::AV1 => sequence_header(head),
        // IHDR.
        codec::Id::PNG => head.get(16..24).map(<[u8]>::to_vec),
        codec::Id::MJPEG => [0xc0, 0xc1, 0xc2].iter().find_map(|kind| after(head, &[0xff, *kind], 7)),
        _ => None,
    }
}

fn after(data: &[u8], mark: &[u8], length: usize) -> Option<Vec<u8>> {
    let at = data.windows(mark.len()).position(|w| w == mark)? + mark.len();
    data.get(at..at + length).map(<[u8]>::to_vec)
}

/// All sequence parameter sets, by Annex B or behind lengths of four bytes.
fn parameter_sets(data: &[u8], is_set: impl Fn(u8) -> bool) -> Option<Vec<u8>> {
    let mut sets = Vec::new();
    if data.starts_with(&[0, 0, 1]) || data.starts_with(&[0, 0, 0, 1]) {
        let units = crate::cmaf::annex_b_units(data);
        sets.extend(units.iter().filter(|u| is_set(u[0])).flat_map(|u| u.iter().copied()));
    } else {
        let mut rest = data;
        while let Some((length, tail)) = rest.split_first_chunk::<4>() {
            let Some((unit, tail)) = tail.split_at_checked(u32::from_be_bytes(*length) as usize) else { break };
            if unit.first().is_some_and(|b| is_set(*b)) {
                sets.extend_from_slice(unit);
            }
            rest = tail;
        }
    }
    (!sets.is_empty()).then_some(sets)
}

/// The size in the uncompressed header of a VP9 key frame (section 6.2 of its specification), as 32 bits.
fn vp9_size(data: &[u8]) -> Option<Vec<u8>> {
    let mut at = 0;
    let mut bits = |count: usize| -> Option<u32> {
        let mut value = 0;
        for _ in 0..count {
            value = value << 1 | u32::from(data.get(at / 8)? >> (7 - at % 8) & 1);
            at += 1;
        }
        Some(value)
    };
    if bits(2)? != 2 {
        return None;
    }
    let (low, high) = (bits(1)?, bits(1)?);
    let profile = high << 1 | low;
    if profile == 3 {
        bits(1)?;
    }
    let (shown_again, inter) = (bits(1)?, bits(1)?);
    if shown_again == 1 || inter == 1 {
        return None;
    }
    bits(2)?;
    if bits(24)? != 0x49_83_42 {
        return None;
    }
    if profile >= 2 {
        bits(1)?;
    }
    let rgb = bits(3)? == 7;
    let odd_profile = profile == 1 || profile == 3;
    bits(match (rgb, odd_profile) {
        (true, true) => 1,
        (true, false) => 0,
        (false, true) => 4,
        (false, false) => 1,
    })?;
    Some(bits(32)?.to_be_bytes().to_vec())
}

/// The sequence header of an AV1 temporal unit (section 5.3 of its specification).
fn sequence_header(mut data: &[u8]) -> Option<Vec<u8>> {
    loop {
        let (head, mut rest) = data.split_first()?;
        let (kind, extended, sized) = (head >> 3 & 15, head >> 2 & 1, head >> 1 & 1);
        rest = rest.get(usize::from(extended)..)?;
        let mut size = rest.len();
        if sized == 1 {
            size = 0;
            for i in 0..4 {
                let (byte, tail) = rest.split_first()?;
                size |= usize::from(byte & 0x7f) << (7 * i);
                rest = tail;
                if byte & 0x80 == 0 {
                    break;
                }
            }
        }
        let (payload, tail) = rest.split_at_checked(size)?;
        if kind == 1 {
            return Some(payload.to_vec());
        }
        data = tail;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headers_tell_sizes_apart() {
        let vp8 = [0x10, 0, 0, 0x9d, 1, 0x2a, 160, 0, 90, 0, 7, 7];
        assert_eq!(header(codec::Id::VP8, &vp8), Some(vec![0x9d, 1, 0x2a, 160, 0, 90, 0]));
        assert_eq!(header(codec::Id::VP8, &[0x11, 0, 0]), None);
        // Profile 0, key frame, shown; BT.601, 640x360.
        let vp9 = [0x82, 0x49, 0x83, 0x42, 0x20, 0x27, 0xf0, 0x16, 0x70, 0];
        assert_eq!(header(codec::Id::VP9, &vp9), Some(vec![0x02, 0x7f, 0x01, 0x67]));
        let annex_b = [0, 0, 0, 1, 0x67, 1, 2, 3, 0, 0, 1, 0x68, 9, 0, 0, 1, 0x65, 5];
        assert_eq!(header(codec::Id::H264, &annex_b), Some(vec![0x67, 1, 2, 3]));
        let prefixed = [0, 0, 0, 3, 0x67, 1, 2, 0, 0, 0, 200, 0x65];
        assert_eq!(header(codec::Id::H264, &prefixed), Some(vec![0x67, 1, 2]));
        let mpeg2 = [0, 0, 1, 0xb3, 0x2d, 0x02, 0x40, 0x33, 9, 9];
        assert_eq!(header(codec::Id::MPEG2VIDEO, &mpeg2), Some(vec![0x2d, 0x02, 0x40, 0x33]));
        // A temporal delimiter, then a sequence header of three bytes.
        assert_eq!(header(codec::Id::AV1, &[0x12, 0, 0x0a, 3, 1, 2, 3, 0x32, 1]), Some(vec![1, 2, 3]));
    }

    #[test]
    fn nothing_is_found_in_damage() {
        for codec in
            [codec::Id::VP8, codec::Id::VP9, codec::Id::H264, codec::Id::HEVC, codec::Id::AV1, codec::Id::MJPEG]
        {
            for length in 0..40 {
                for byte in [0, 1, 0x0a, 0x82, 0xff] {
                    drop(header(codec, &vec![byte; length]));
                }
            }
        }
    }
}
