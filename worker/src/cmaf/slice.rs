//! Parts of segments that are published already, as segments of another package: whole fragments, or samples of sound.
//!
//! They are this service's own: mfhd first in a moof, then one traf, and in that tfhd, then tfdt.

use super::{BoxError, Fragment, Sample, write_fragment, write_styp};
use mp4_atom::{Atom, Avcc, Codec, Decode, DecodeMaybe, Encode, Header, Moof, Moov};
use sluice_model::FragmentRange;

/// Where tfhd begins in a moof: behind the headers of moof and traf, and mfhd.
const TFHD: usize = 32;
/// Header, version and flags of a tfdt.
const TFDT_HEADER: usize = 12;

/// Moves all fragments of a segment by so many ticks: its decode times are written over.
pub fn rebase(data: &mut [u8], fragments: &[FragmentRange], by: i64) -> Result<(), BoxError> {
    let broken = || BoxError::Broken("no tfdt where it is written");
    for f in fragments {
        let tfhd = usize::try_from(f.offset).map_err(|_| broken())?.saturating_add(TFHD);
        let size: [u8; 4] = data.get(tfhd..tfhd + 4).and_then(|b| b.try_into().ok()).ok_or_else(broken)?;
        let tfdt = tfhd + u32::from_be_bytes(size) as usize;
        let head = data.get(tfdt..tfdt + TFDT_HEADER).ok_or_else(broken)?;
        if &head[4..8] != b"tfdt" {
            return Err(broken());
        }
        // Version 1 has 64 bits, version 0 has 32 (ISO/IEC 14496-12 section 8.8.12).
        let width = if head[8] == 1 { 8 } else { 4 };
        let time = data.get_mut(tfdt + TFDT_HEADER..tfdt + TFDT_HEADER + width).ok_or_else(broken)?;
        let old = time.iter().fold(0_u64, |n, b| n << 8 | u64::from(*b));
        let new = old.checked_add_signed(by).ok_or(BoxError::Broken("a decode time before zero"))?;
        if width == 4 && u32::try_from(new).is_err() {
            return Err(BoxError::Broken("a decode time beyond its field"));
        }
        time.copy_from_slice(&new.to_be_bytes()[8 - width..]);
    }
    Ok(())
}

/// A segment of some fragments of another one, as they are.
pub fn of_fragments(segment: &[u8], fragments: &[FragmentRange]) -> Result<Vec<u8>, BoxError> {
    let mut out = Vec::new();
    write_styp(&mut out)?;
    for f in fragments {
        let (from, to) = (f.offset as usize, f.offset.saturating_add(f.bytes) as usize);
        out.extend_from_slice(segment.get(from..to).ok_or(BoxError::Broken("a fragment beyond its segment"))?);
    }
    Ok(out)
}

/// A segment of samples of sound, of which the first one has the number `sequence` and decodes at `decode_time`.
pub fn of_samples(sequence: u64, decode_time: u64, samples: &[Sample]) -> Result<Vec<u8>, BoxError> {
    let mut out = Vec::new();
    write_styp(&mut out)?;
    let sequence = (sequence % u64::from(u32::MAX)) as u32 + 1;
    write_fragment(&Fragment { sequence, decode_time, samples }, &mut out)?;
    Ok(out)
}

/// The samples of a segment of sound, each with its decode time.
pub fn samples(segment: &[u8], fragments: &[FragmentRange]) -> Result<Vec<(u64, Sample)>, BoxError> {
    let mut list = Vec::new();
    for f in fragments {
        let (from, to) = (f.offset as usize, f.offset.saturating_add(f.bytes) as usize);
        let mut rest = segment.get(from..to).ok_or(BoxError::Broken("a fragment beyond its segment"))?;
        let moof = Moof::decode(&mut rest)?;
        // What is left is the mdat, whose header has eight bytes.
        let mut data = rest.get(8..).ok_or(BoxError::Broken("mdat too short"))?;
        let traf = moof.traf.first().ok_or(BoxError::Broken("no traf"))?;
        let mut at = traf.tfdt.as_ref().ok_or(BoxError::Broken("no tfdt"))?.base_media_decode_time;
        for entry in traf.trun.iter().flat_map(|t| t.samples.iter()) {
            let size = entry.size.ok_or(BoxError::Broken("a sample without a size"))? as usize;
            let duration = entry.duration.ok_or(BoxError::Broken("a sample without a duration"))?;
            let (sample, after) = data.split_at_checked(size).ok_or(BoxError::Broken("mdat too short"))?;
            list.push((at, Sample { data: sample.to_vec(), duration, composition_offset: 0, sync: true }));
            data = after;
            at = at.saturating_add(duration.into());
        }
    }
    Ok(list)
}

/// An H.264 init segment with one more of each parameter set, for pictures that refer to these.
pub fn with_parameter_sets(init: &[u8], sps: &[u8], pps: &[u8]) -> Result<Vec<u8>, BoxError> {
    let (mut out, mut rest) = (Vec::new(), init);
    while !rest.is_empty() {
        let at = init.len() - rest.len();
        let header = Header::decode_maybe(&mut rest)?.ok_or(BoxError::Broken("a box without a header"))?;
        let size = header.size.unwrap_or(rest.len());
        let (mut body, after) = rest.split_at_checked(size).ok_or(BoxError::Broken("box longer than its segment"))?;
        if header.kind == Moov::KIND {
            let mut moov = Moov::decode_body(&mut body)?;
            let entries = moov.trak.iter_mut().flat_map(|t| &mut t.mdia.minf.stbl.stsd.codecs);
            entries.for_each(|codec| {
                if let Codec::Avc1(entry) = codec {
                    add(&mut entry.avcc, sps, pps);
                }
            });
            moov.encode(&mut out)?;
        } else {
            out.extend_from_slice(&init[at..init.len() - after.len()]);
        }
        rest = after;
    }
    Ok(out)
}

/// A set that is there already, of a clip that is cut again, stays the only one.
fn add(avcc: &mut Avcc, sps: &[u8], pps: &[u8]) {
    for (list, set) in [(&mut avcc.sequence_parameter_sets, sps), (&mut avcc.picture_parameter_sets, pps)] {
        if !list.iter().any(|s| s == set) {
            list.push(set.to_vec());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmaf::{avc_init, read_init, read_segment};

    const SPS: [u8; 10] = [0x67, 100, 0, 31, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb];

    fn sample(n: u8) -> Sample {
        Sample { data: vec![n; 10], duration: 1024, composition_offset: 0, sync: true }
    }

    fn segment() -> Vec<u8> {
        let mut data = Vec::new();
        write_styp(&mut data).unwrap();
        let (first, second) = ([sample(1), sample(2)], [sample(3)]);
        write_fragment(&Fragment { sequence: 1, decode_time: 10_240, samples: &first }, &mut data).unwrap();
        write_fragment(&Fragment { sequence: 3, decode_time: 12_288, samples: &second }, &mut data).unwrap();
        data
    }

    #[test]
    fn fragments_are_moved_and_picked() {
        let mut data = segment();
        let info = read_segment(&data).unwrap();
        rebase(&mut data, &info.fragments, -10_240).unwrap();
        let moved = read_segment(&data).unwrap();
        assert_eq!((moved.decode_time, moved.duration, moved.continuous), (0, 3072, true));
        assert!(rebase(&mut data, &info.fragments, -1).is_err(), "nothing is before zero");
        let second = of_fragments(&segment(), &info.fragments[1..]).unwrap();
        let second = read_segment(&second).unwrap();
        assert_eq!((second.decode_time, second.duration, second.first_sample), (12_288, 1024, vec![3; 10]));
    }

    #[test]
    fn samples_are_read_and_put_together_again() {
        let data = segment();
        let info = read_segment(&data).unwrap();
        let list = samples(&data, &info.fragments).unwrap();
        let found: Vec<(u64, u8)> = list.iter().map(|(at, s)| (*at, s.data[0])).collect();
        assert_eq!(found, [(10_240, 1), (11_264, 2), (12_288, 3)]);
        let kept: Vec<Sample> = list[1..].iter().map(|s| s.1.clone()).collect();
        let cut = read_segment(&of_samples(11, 11_264, &kept).unwrap()).unwrap();
        assert_eq!((cut.decode_time, cut.samples, cut.first_sample), (11_264, 2, vec![2; 10]));
    }

    #[test]
    fn parameter_sets_stand_beside_those_that_are_there() {
        let init = avc_init(&SPS, &[0x68, 0xee], 1280, 720, 25_000).unwrap();
        let other = [&SPS[..9], &[0xbc]].concat();
        let both = with_parameter_sets(&init, &other, &[0x68, 0xef]).unwrap();
        let (one, two) = (read_init(&init).unwrap(), read_init(&both).unwrap());
        assert_eq!((two.codecs, two.size, two.timescale), (one.codecs, one.size, one.timescale));
        assert_eq!(both.len(), init.len() + 2 + other.len() + 2 + 2);
        assert_eq!(with_parameter_sets(&both, &other, &[0x68, 0xef]).unwrap(), both, "once is enough");
    }
}
