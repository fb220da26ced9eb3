//! Units and parameter sets of HEVC sources (ITU-T H.265 sections 7.3 and 7.4.2; ISO/IEC 14496-15 section 8.3).

use super::{
    BoxError,
    bits::{Bits, without_prevention},
    header::Place,
    init::{Entry, video_init},
    nal::{annex_b_units, length_prefixed_units},
    user_data::without_captions,
};
use mp4_atom::{Atom, Codec, Hvc1, HvcCArray, Hvcc, Visual};
use std::borrow::Cow;

const VPS: u8 = 32;
const SPS: u8 = 33;
const PPS: u8 = 34;
/// Level 5.1 (HLS rule 1.6b), thirty times.
const HIGHEST_LEVEL: u8 = 153;
/// Main and Main 10.
const PROFILES: std::ops::RangeInclusive<u8> = 1..=2;

/// The parameter sets of a stream and how its units are delimited.
#[derive(Debug)]
pub struct HevcHeader {
    /// With one array for each kind of parameter set.
    hvcc: Hvcc,
    length_prefixed: bool,
}

fn kind(unit: &[u8]) -> u8 {
    unit[0] >> 1 & 0x3f
}

/// Whether the first picture of these units lets decoding begin, and whether it leads one that does: it is shown before
/// that and may refer to what was before.
pub fn place(units: &[&[u8]]) -> Place {
    match units.iter().map(|u| kind(u)).find(|k| *k < VPS) {
        // IDR_W_RADL and IDR_N_LP.
        Some(19 | 20) => Place::Entry,
        // CRA_NUT.
        Some(21) => Place::Open,
        // RADL and RASL.
        Some(6..=9) => Place::Leading,
        _ => Place::Other,
    }
}

impl HevcHeader {
    /// Reads hvcC or Annex B. `None` without exactly one VPS and SPS.
    pub fn read(extradata: &[u8]) -> Option<Self> {
        let (sets, length_prefixed): (Vec<Vec<u8>>, bool) = match extradata {
            [1, ..] => {
                let hvcc = Hvcc::decode_body(&mut &*extradata).ok().filter(|h| h.length_size_minus_one == 3)?;
                (hvcc.arrays.into_iter().flat_map(|a| a.nalus).collect(), true)
            }
            [0, 0, ..] => (annex_b_units(extradata).into_iter().map(<[u8]>::to_vec).collect(), false),
            _ => return None,
        };
        let of = |wanted: u8| {
            let mut list: Vec<_> = sets.iter().filter(|u| u.len() > 2 && kind(u) == wanted).cloned().collect();
            list.dedup();
            HvcCArray { completeness: true, nal_unit_type: wanted, nalus: list }
        };
        let arrays = [VPS, SPS, PPS].map(of);
        let [vps, sps, pps] = &arrays;
        if vps.nalus.len() != 1 || sps.nalus.len() != 1 || pps.nalus.is_empty() {
            return None;
        }
        let mut hvcc = described(&sps.nalus[0])?;
        hvcc.arrays = arrays.to_vec();
        Some(Self { hvcc, length_prefixed })
    }

    fn units<'a>(&self, data: &'a [u8]) -> Option<Vec<&'a [u8]>> {
        let units = if self.length_prefixed { length_prefixed_units(data)? } else { annex_b_units(data) };
        let known = |u: &[u8]| self.hvcc.arrays.iter().any(|a| a.nalus.iter().any(|n| n == u));
        let covered = units.iter().all(|u| u.len() > 2 && (!matches!(kind(u), VPS..=PPS) || known(u)));
        covered.then_some(units)
    }

    pub fn place(&self, data: &[u8]) -> Option<Place> {
        Some(place(&self.units(data)?))
    }

    /// Pictures and what belongs to them: SEI (HDR metadata) and the units of Dolby Vision. Parameter sets are in the
    /// sample entry, delimiters and fillers are for byte streams, and captions are renditions of their own.
    pub fn sample(&self, data: &[u8]) -> Option<Vec<u8>> {
        let mut out = Vec::with_capacity(data.len() + 16);
        for unit in self.units(data)?.iter().filter(|u| matches!(kind(u), 0..=31 | 39 | 40 | 62)) {
            let kept =
                if matches!(kind(unit), 39 | 40) { without_captions(unit, 2) } else { Some(Cow::Borrowed(*unit)) };
            let Some(unit) = kept else { continue };
            out.extend_from_slice(&u32::try_from(unit.len()).ok()?.to_be_bytes());
            out.extend_from_slice(&unit);
        }
        Some(out)
    }

    pub fn init(&self, width: u16, height: u16, timescale: u32) -> Result<Vec<u8>, BoxError> {
        let visual = Visual { data_reference_index: 1, width, height, ..Default::default() };
        let entry = Hvc1 { visual, hvcc: self.hvcc.clone(), ..Default::default() };
        video_init(Entry { codec: Codec::Hvc1(entry), timescale, size: (width, height) })
    }

    pub fn codecs(&self) -> String {
        codecs(&self.hvcc)
    }

    /// Ten times the level.
    pub fn level(&self) -> u8 {
        self.hvcc.general_level_idc / 3
    }

    /// Main or Main 10, 4:2:0, at most level 5.1 (HLS rule 1.6b).
    pub fn fits(&self) -> bool {
        let h = &self.hvcc;
        PROFILES.contains(&h.general_profile_idc)
            && h.general_profile_space == 0
            && h.general_level_idc <= HIGHEST_LEVEL
            && h.chroma_format_idc == 1
            && h.bit_depth_luma_minus8 <= 2
    }
}

/// RFC 6381 string (ISO/IEC 14496-15 annex E).
pub fn codecs(h: &Hvcc) -> String {
    let space = ["", "A", "B", "C"][usize::from(h.general_profile_space & 3)];
    let compatible = u32::from_be_bytes(h.general_profile_compatibility_flags).reverse_bits();
    let tier = if h.general_tier_flag { 'H' } else { 'L' };
    let mut text = format!("hvc1.{space}{}.{compatible:X}.{tier}{}", h.general_profile_idc, h.general_level_idc);
    let flags = &h.general_constraint_indicator_flags;
    let used = flags.iter().rposition(|b| *b != 0).map_or(0, |i| i + 1);
    for byte in &flags[..used] {
        text.push_str(&format!(".{byte:X}"));
    }
    text
}

/// The configuration record that a sequence parameter set asks for.
fn described(sps: &[u8]) -> Option<Hvcc> {
    let payload = without_prevention(sps.get(2..)?);
    let mut bits = Bits::new(&payload);
    bits.skip(4)?;
    let sub_layers = bits.take(3)? as usize;
    let mut h = Hvcc { temporal_id_nested: bits.take(1)? == 1, ..Hvcc::new() };
    h.general_profile_space = bits.take(2)? as u8;
    h.general_tier_flag = bits.take(1)? == 1;
    h.general_profile_idc = bits.take(5)? as u8;
    h.general_profile_compatibility_flags = bits.take(32)?.to_be_bytes();
    for byte in &mut h.general_constraint_indicator_flags {
        *byte = bits.take(8)? as u8;
    }
    h.general_level_idc = bits.take(8)? as u8;
    let mut present = Vec::new();
    for _ in 0..sub_layers {
        present.push((bits.take(1)? == 1, bits.take(1)? == 1));
    }
    if sub_layers > 0 {
        bits.skip(2 * (8 - sub_layers))?;
    }
    for (profile, level) in present {
        bits.skip(if profile { 88 } else { 0 } + if level { 8 } else { 0 })?;
    }
    bits.golomb()?;
    h.chroma_format_idc = bits.golomb()? as u8;
    if h.chroma_format_idc == 3 {
        bits.skip(1)?;
    }
    for _ in 0..2 {
        bits.golomb()?;
    }
    if bits.take(1)? == 1 {
        for _ in 0..4 {
            bits.golomb()?;
        }
    }
    h.bit_depth_luma_minus8 = u8::try_from(bits.golomb()?).ok()?;
    h.bit_depth_chroma_minus8 = u8::try_from(bits.golomb()?).ok()?;
    h.num_temporal_layers = sub_layers as u8 + 1;
    h.length_size_minus_one = 3;
    Some(h)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_those_of_the_standard() {
        let main10 = Hvcc {
            general_profile_idc: 2,
            general_profile_compatibility_flags: [0x20, 0, 0, 0],
            general_constraint_indicator_flags: [0x90, 0, 0, 0, 0, 0],
            general_level_idc: 120,
            ..Hvcc::new()
        };
        assert_eq!(codecs(&main10), "hvc1.2.4.L120.90");
        let main = Hvcc {
            general_profile_idc: 1,
            general_tier_flag: true,
            general_profile_compatibility_flags: [0x60, 0, 0, 0],
            general_constraint_indicator_flags: [0xb0, 0, 0, 0, 0, 0],
            general_level_idc: 93,
            ..Hvcc::new()
        };
        assert_eq!(codecs(&main), "hvc1.1.6.H93.B0");
    }

    #[test]
    fn pictures_that_lead_are_told_from_those_that_let_decoding_begin() {
        let unit = |kind: u8| vec![kind << 1, 1, 0x80];
        let of = |kinds: &[u8]| {
            let units: Vec<_> = kinds.iter().map(|k| unit(*k)).collect();
            place(&units.iter().map(Vec::as_slice).collect::<Vec<_>>())
        };
        let want = [Place::Entry, Place::Open, Place::Leading, Place::Other];
        assert_eq!([of(&[35, 32, 39, 19]), of(&[21]), of(&[8]), of(&[1])], want);
    }
}
