//! Parameter sets of H.264 sources (ISO/IEC 14496-15 section 5.3, ITU-T H.264 section 7.3.2).

use super::{
    header::Place,
    init::{avc_codecs, avc_init},
    nal::{annex_b_units, is_idr, length_prefixed_units, to_length_prefixed},
};

const HIGHEST_LEVEL: u8 = 52;

/// The parameter sets of a stream and how its units are delimited.
#[derive(Debug)]
pub struct AvcHeader {
    sps: Vec<u8>,
    pps: Vec<u8>,
    length_prefixed: bool,
}

impl AvcHeader {
    /// Reads avcC or Annex B. `None` when there is not exactly one of each set.
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

    /// The units of a packet; `None` when it cannot be split or brings another parameter set.
    fn units<'a>(&self, data: &'a [u8]) -> Option<Vec<&'a [u8]>> {
        let units = if self.length_prefixed { length_prefixed_units(data)? } else { annex_b_units(data) };
        let covered = units.iter().all(|u| match u[0] & 0x1f {
            7 => *u == self.sps.as_slice(),
            8 => *u == self.pps.as_slice(),
            _ => true,
        });
        covered.then_some(units)
    }

    pub fn place(&self, data: &[u8]) -> Option<Place> {
        Some(if is_idr(&self.units(data)?) { Place::Entry } else { Place::Other })
    }

    pub fn sample(&self, data: &[u8]) -> Option<Vec<u8>> {
        Some(to_length_prefixed(&self.units(data)?))
    }

    pub fn init(&self, width: u16, height: u16, timescale: u32) -> Result<Vec<u8>, super::BoxError> {
        avc_init(&self.sps, &self.pps, width, height, timescale)
    }

    pub fn codecs(&self) -> String {
        avc_codecs(&self.sps).unwrap_or_default()
    }

    /// level_idc.
    pub fn level(&self) -> u8 {
        self.sps.get(3).copied().unwrap_or(u8::MAX)
    }

    /// Baseline, Main or High, at most level 5.2 (HLS rule 1.3b).
    pub fn fits(&self) -> bool {
        self.level() <= HIGHEST_LEVEL && self.sps.get(1).is_some_and(|profile| matches!(profile, 66 | 77 | 100))
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
