//! Open bitstream units of AV1 sources (AV1 specification section 5.3; AV1 in ISOBMFF section 2).

use super::{
    BoxError,
    header::Place,
    init::{Entry, video_init},
    user_data::captions,
};
use mp4_atom::{Atom, Av01, Av1c, Codec, Visual};

const SEQUENCE_HEADER: u8 = 1;
const FRAME_HEADER: u8 = 3;
const METADATA: u8 = 5;
const FRAME: u8 = 6;
/// metadata_type of what ITU-T T.35 registers.
const REGISTERED: usize = 4;
/// seq_level_idx of level 5.3 (HLS rule 1.39 names no other bound than what devices decode).
const HIGHEST_LEVEL: u8 = 15;

/// The configuration of a stream.
#[derive(Debug)]
pub struct Av1Header {
    av1c: Av1c,
}

/// One unit: its kind, the whole of it, and its payload.
struct Unit<'a> {
    kind: u8,
    whole: &'a [u8],
    payload: &'a [u8],
}

/// The units of a temporal unit; `None` when their sizes do not add up.
fn units(mut data: &[u8]) -> Option<Vec<Unit<'_>>> {
    let mut list = Vec::new();
    while let Some(head) = data.first() {
        let (kind, extended, sized) = (head >> 3 & 15, head & 4 != 0, head & 2 != 0);
        let mut at = 1 + usize::from(extended);
        let size = if sized { leb128(data, &mut at)? } else { data.len().checked_sub(at)? };
        let end = at.checked_add(size)?;
        let whole = data.get(..end)?;
        list.push(Unit { kind, whole, payload: &whole[at..] });
        data = &data[end..];
    }
    Some(list)
}

fn leb128(data: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0;
    for i in 0..5 {
        let byte = *data.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7f) << (7 * i);
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

/// What ITU-T T.35 registers of the metadata of a temporal unit.
pub fn registered(data: &[u8]) -> Vec<&[u8]> {
    units(data).unwrap_or_default().iter().filter_map(Unit::registered).collect()
}

impl<'a> Unit<'a> {
    fn registered(&self) -> Option<&'a [u8]> {
        let mut at = 0;
        let is_registered = self.kind == METADATA && leb128(self.payload, &mut at)? == REGISTERED;
        is_registered.then(|| self.payload.get(at..)).flatten()
    }
}

/// Whether a temporal unit lets decoding begin: a sequence header, then a key frame that is shown.
pub fn place(data: &[u8]) -> Option<Place> {
    let units = units(data)?;
    let described = units.iter().any(|u| u.kind == SEQUENCE_HEADER);
    let frame = units.iter().find(|u| matches!(u.kind, FRAME_HEADER | FRAME))?;
    // show_existing_frame, frame_type, show_frame.
    let key = frame.payload.first()? & 0b1111_0000 == 0b0001_0000;
    Some(if described && key { Place::Entry } else { Place::Other })
}

impl Av1Header {
    /// Reads av1C.
    pub fn read(extradata: &[u8]) -> Option<Self> {
        let av1c = Av1c::decode_body(&mut &*extradata).ok()?;
        Some(Self { av1c })
    }

    /// The sequence header of this temporal unit becomes that of the configuration.
    pub fn adopt(&mut self, first: &[u8]) {
        let found = units(first).and_then(|list| list.into_iter().find(|u| u.kind == SEQUENCE_HEADER));
        if let Some(unit) = found {
            self.av1c.config_obus = unit.whole.to_vec();
        }
    }

    fn units<'a>(&self, data: &'a [u8]) -> Option<Vec<Unit<'a>>> {
        let configured = units(&self.av1c.config_obus)?;
        let known = configured.iter().find(|u| u.kind == SEQUENCE_HEADER);
        let units = units(data)?;
        let same = |u: &Unit<'_>| u.kind != SEQUENCE_HEADER || known.is_some_and(|k| k.payload == u.payload);
        units.iter().all(same).then_some(units)
    }

    pub fn place(&self, data: &[u8]) -> Option<Place> {
        self.units(data)?;
        place(data)
    }

    /// Without temporal delimiters and padding, which files must not have, and without captions, which are renditions of their
    /// own. Unsized units stay as they are: only the last one can be such.
    pub fn sample(&self, data: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(data.len());
        let kept = |u: &&Unit<'_>| {
            matches!(u.kind, SEQUENCE_HEADER | FRAME_HEADER..=METADATA | FRAME | 7)
                && u.registered().and_then(captions).is_none()
        };
        for unit in self.units(data)?.iter().filter(kept) {
            out.extend_from_slice(unit.whole);
        }
        Some(out)
    }

    pub fn init(&self, width: u16, height: u16, timescale: u32) -> Result<Vec<u8>, BoxError> {
        let visual = Visual { data_reference_index: 1, width, height, ..Default::default() };
        let entry = Av01 { visual, av1c: self.av1c.clone(), ..Default::default() };
        video_init(Entry { codec: Codec::Av01(entry), timescale, size: (width, height) })
    }

    pub fn codecs(&self) -> String {
        codecs(&self.av1c)
    }

    /// Ten times the level.
    pub fn level(&self) -> u8 {
        let index = self.av1c.seq_level_idx_0;
        20 + index / 4 * 10 + index % 4
    }

    /// Main profile, 4:2:0.
    pub fn fits(&self) -> bool {
        let a = &self.av1c;
        a.seq_profile == 0 && !a.monochrome && a.seq_level_idx_0 <= HIGHEST_LEVEL && a.chroma_subsampling_y
    }
}

/// RFC 6381 string (AV1 in ISOBMFF section 5), without the fields whose values are the usual ones.
pub fn codecs(a: &Av1c) -> String {
    let tier = if a.seq_tier_0 { 'H' } else { 'M' };
    let depth = match (a.high_bitdepth, a.twelve_bit) {
        (false, _) => 8,
        (true, false) => 10,
        (true, true) => 12,
    };
    format!("av01.{}.{:02}{tier}.{depth:02}", a.seq_profile, a.seq_level_idx_0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_frames_with_a_sequence_header_let_decoding_begin() {
        let sequence = [SEQUENCE_HEADER << 3 | 2, 2, 0xaa, 0xbb];
        let frame = |first: u8| [FRAME << 3 | 2, 2, first, 0];
        let unit = |parts: &[&[u8]]| place(&parts.concat());
        assert_eq!(unit(&[&[2 << 3 | 2, 0], &sequence, &frame(0b0001_0000)]), Some(Place::Entry));
        assert_eq!(unit(&[&frame(0b0001_0000)]), Some(Place::Other), "no sequence header");
        assert_eq!(unit(&[&sequence, &frame(0b0011_0000)]), Some(Place::Other), "an inter frame");
        assert_eq!(unit(&[&sequence[..3]]), None, "cut off");
        let config = Av1c { chroma_subsampling_y: true, seq_level_idx_0: 4, high_bitdepth: true, ..Default::default() };
        assert_eq!(codecs(&config), "av01.0.04M.10");
        let header = Av1Header { av1c: Av1c { config_obus: sequence.to_vec(), ..config } };
        let data = [&[2 << 3 | 2, 0][..], &sequence, &frame(0b0001_0000)].concat();
        assert_eq!(header.sample(&data), Some(data[2..].to_vec()), "delimiters are for byte streams");
        let captioned = [&[METADATA << 3 | 2, 10, 4][..], b"\xb5\x00\x31GA94\x03\xc0", &data[2..]].concat();
        assert_eq!(registered(&captioned), [b"\xb5\x00\x31GA94\x03\xc0"]);
        assert_eq!(header.sample(&captioned), Some(data[2..].to_vec()), "captions");
        let other = [SEQUENCE_HEADER << 3 | 2, 2, 0xaa, 0xbc];
        assert_eq!(header.sample(&other), None, "another sequence");
    }
}
