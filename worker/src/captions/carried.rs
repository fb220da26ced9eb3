//! Pairs of bytes of CTA-608 within packets of pictures (ATSC A/53 part 4, section 6.2; CTA-708 section 4.4).

use crate::cmaf::{Coding, av1_registered, caption_data, sei_messages, without_prevention};

/// cc_valid.
const VALID: u8 = 4;
/// user_data_start_code of MPEG-2.
const USER_DATA: u8 = 0xb2;
/// Bytes that packets of a track have for a pair.
const TRIPLET: usize = 3;

/// How units of H.264 and HEVC are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delimited {
    StartCodes,
    /// By lengths of so many bytes.
    Lengths(usize),
}

/// How pictures are coded that may carry captions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Carrier {
    Avc(Delimited),
    Hevc(Delimited),
    Mpeg2,
    Av1,
}

/// Two bytes of a field of line 21, with their parity.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pair {
    /// 0 or 1.
    pub field: usize,
    pub bytes: [u8; 2],
}

/// What a packet carries.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Carried {
    pub pairs: Vec<Pair>,
    /// Whether there is CTA-708, too.
    pub digital: bool,
}

impl Carrier {
    /// By FFmpeg's name of the codec and the stream's out-of-band data; `None` where pictures carry none that are read.
    pub fn of(codec: &str, extradata: &[u8]) -> Option<Self> {
        // avcC and hvcC begin with their version.
        let delimited = |at: usize| match (extradata.first(), extradata.get(at)) {
            (Some(1), Some(lengths)) => Delimited::Lengths(usize::from(lengths & 3) + 1),
            _ => Delimited::StartCodes,
        };
        Some(match codec {
            "h264" => Self::Avc(delimited(4)),
            "hevc" => Self::Hevc(delimited(21)),
            "mpeg2video" => Self::Mpeg2,
            "av1" => Self::Av1,
            _ => return None,
        })
    }

    /// Of samples as they are in segments here: with lengths of four bytes.
    pub fn of_samples(coding: Coding) -> Self {
        match coding {
            Coding::Avc => Self::Avc(Delimited::Lengths(4)),
            Coding::Hevc => Self::Hevc(Delimited::Lengths(4)),
            Coding::Av1 => Self::Av1,
        }
    }

    /// What is carried beside the pictures of a packet, or only before the first one's own bytes.
    pub fn carried(self, data: &[u8], whole: bool) -> Carried {
        let mut found = Carried::default();
        let delimited = match self {
            Self::Avc(delimited) | Self::Hevc(delimited) => delimited,
            Self::Mpeg2 => Delimited::StartCodes,
            Self::Av1 => {
                av1_registered(data).into_iter().filter_map(caption_data).for_each(|d| found.read(d));
                return found;
            }
        };
        for unit in (Units { rest: data, delimited }) {
            match self.kind(unit) {
                Kind::Picture if !whole => break,
                Kind::Picture | Kind::Other => {}
                Kind::Messages(header) => {
                    let payload = without_prevention(delimited.whole(unit).get(header..).unwrap_or_default());
                    sei_messages(&payload).iter().filter_map(|m| m.captions()).for_each(|d| found.read(d));
                }
                Kind::UserData => {
                    let data = delimited.whole(unit).get(1..).and_then(|d| d.strip_prefix(b"GA94\x03"));
                    data.into_iter().for_each(|d| found.read(d));
                }
            }
        }
        found
    }

    fn kind(self, unit: &[u8]) -> Kind {
        let Some(first) = unit.first() else { return Kind::Other };
        match self {
            Self::Avc(_) => match first & 0x1f {
                1..=5 => Kind::Picture,
                6 => Kind::Messages(1),
                _ => Kind::Other,
            },
            Self::Hevc(_) => match first >> 1 & 0x3f {
                0..=31 => Kind::Picture,
                39 => Kind::Messages(2),
                _ => Kind::Other,
            },
            Self::Mpeg2 | Self::Av1 => match *first {
                USER_DATA => Kind::UserData,
                1..=0xaf => Kind::Picture,
                _ => Kind::Other,
            },
        }
    }
}

/// What a unit is.
enum Kind {
    /// A part of a picture.
    Picture,
    /// SEI behind a header of so many bytes.
    Messages(usize),
    /// That of MPEG-2.
    UserData,
    Other,
}

impl Carried {
    /// Takes in `cc_data`, from `process_cc_data_flag` on.
    fn read(&mut self, data: &[u8]) {
        let [flags, _, rest @ ..] = data else { return };
        let count = usize::from(flags & 0x1f);
        let list = rest.get(..(count * TRIPLET).min(rest.len())).unwrap_or_default();
        let read = triplets(list);
        self.pairs.extend(read.pairs);
        self.digital |= read.digital;
    }
}

/// What a list of `cc_valid`, `cc_type` and two bytes holds.
pub fn triplets(data: &[u8]) -> Carried {
    let mut found = Carried::default();
    for triplet in data.chunks_exact(TRIPLET).filter(|t| t[0] & VALID != 0) {
        match triplet[0] & 3 {
            field @ 0..=1 => found.pairs.push(Pair { field: usize::from(field), bytes: [triplet[1], triplet[2]] }),
            _ => found.digital = true,
        }
    }
    found
}

/// Units of a packet, each from its first byte on: by start codes to the end of the packet, as looking for the next one is
/// left to whoever wants it.
struct Units<'a> {
    rest: &'a [u8],
    delimited: Delimited,
}

impl<'a> Iterator for Units<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        match self.delimited {
            Delimited::StartCodes => {
                self.rest = &self.rest[start_code(self.rest)? + 3..];
                Some(self.rest)
            }
            Delimited::Lengths(bytes) => {
                let (length, rest) = self.rest.split_at_checked(bytes)?;
                let length = length.iter().fold(0_usize, |n, b| n << 8 | usize::from(*b));
                let (unit, rest) = rest.split_at_checked(length)?;
                self.rest = rest;
                Some(unit)
            }
        }
    }
}

impl Delimited {
    /// A unit as [`Units`] gives it, to its end.
    fn whole(self, unit: &[u8]) -> &[u8] {
        let end = if self == Self::StartCodes { start_code(unit) } else { None };
        &unit[..end.unwrap_or(unit.len())]
    }
}

fn start_code(data: &[u8]) -> Option<usize> {
    data.windows(3).position(|w| w == [0, 0, 1])
}

#[cfg(test)]
mod tests {
    use super::*;

    const CC: &[u8] = &[0xc3, 0xff, 0xfc, 0x94, 0x2c, 0xfd, 0x80, 0x80, 0xff, 1, 2, 0xff];
    const PAIRS: [Pair; 2] = [Pair { field: 0, bytes: [0x94, 0x2c] }, Pair { field: 1, bytes: [0x80, 0x80] }];

    fn sei() -> Vec<u8> {
        let payload = [b"\xb5\x00\x31GA94\x03", CC].concat();
        [&[4, payload.len() as u8][..], &payload, &[0x80]].concat()
    }

    #[test]
    fn captions_are_found_in_every_kind_of_packet() {
        let lengths =
            |units: &[&[u8]]| units.iter().flat_map(|u| [&[0, u.len() as u8][..], u].concat()).collect::<Vec<_>>();
        let codes = |units: &[&[u8]]| units.iter().flat_map(|u| [&[0, 0, 1][..], u].concat()).collect::<Vec<_>>();
        let (avc, hevc) = ([&[6][..], &sei()].concat(), [&[39 << 1, 1][..], &sei()].concat());
        let mpeg2 = [&[USER_DATA][..], b"GA94\x03", CC].concat();
        let av1 = [&[5 << 3 | 2, CC.len() as u8 + 9, 4][..], b"\xb5\x00\x31GA94\x03", CC].concat();
        let (slice, avcc) = (&[0x41, 9, 9][..], &[1, 100, 0, 30, 0xfd][..]);
        let mut hvcc = [0; 23];
        (hvcc[0], hvcc[21]) = (1, 1);
        for (codec, extradata, data) in [
            ("h264", avcc, lengths(&[&[9, 16], &avc, slice])),
            ("h264", &[], codes(&[&[9, 16], &avc, slice])),
            ("hevc", &[], codes(&[&[35 << 1, 1, 0x50], &hevc, &[2, 1, 5]])),
            ("hevc", &hvcc, lengths(&[&hevc, &[2, 1, 5]])),
            ("mpeg2video", &[], codes(&[&[0, 1, 2], &mpeg2, &[1, 2, 3]])),
            ("av1", &[], av1),
        ] {
            let carrier = Carrier::of(codec, extradata).unwrap();
            let found = carrier.carried(&data, false);
            assert_eq!((found.pairs, found.digital), (PAIRS.to_vec(), true), "{codec}");
            (0..data.len()).for_each(|n| drop(carrier.carried(&data[..n], true)));
        }
        assert_eq!(Carrier::of("vp9", &[]), None);
    }

    #[test]
    fn a_look_ends_where_the_picture_begins() {
        let late = [&[0, 0, 1, 0x41, 5, 0, 0, 1, 6][..], &sei()].concat();
        let carrier = Carrier::of("h264", &[]).unwrap();
        assert_eq!(carrier.carried(&late, false), Carried::default());
        assert_eq!(carrier.carried(&late, true).pairs, PAIRS, "beside the second of two fields");
    }
}
