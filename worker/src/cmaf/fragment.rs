//! Movie fragments: one moof and one mdat for every IDR.

use super::BoxError;
use mp4_atom::{Encode, Mfhd, Moof, Styp, Tfdt, Tfhd, Traf, Trun, TrunEntry, TrunSamples};

/// One coded picture or audio frame.
#[derive(Debug, Clone)]
pub struct Sample {
    /// Bytes as the sample entry says: NAL units with 4-byte lengths, or a raw AAC frame.
    pub data: Vec<u8>,
    /// Ticks.
    pub duration: u32,
    /// Presentation time less decode time, ticks; negative only in packages that were planned without a delay.
    pub composition_offset: i32,
    /// Whether decoding can begin here.
    pub sync: bool,
}

/// A fragment to be written.
#[derive(Debug)]
pub struct Fragment<'a> {
    /// moof sequence number, from 1.
    pub sequence: u32,
    /// Decode time of the first sample, ticks (`tfdt`).
    pub decode_time: u64,
    /// Samples in decoding order.
    pub samples: &'a [Sample],
}

/// sample_depends_on = 2: an intra picture.
const SYNC: u32 = 0x0200_0000;
/// sample_depends_on = 1, sample_is_non_sync_sample = 1.
const NON_SYNC: u32 = 0x0101_0000;
const MDAT_HEADER: usize = 8;

/// Appends the segment type box that opens a media segment.
pub fn write_styp(out: &mut Vec<u8>) -> Result<(), BoxError> {
    let styp = Styp {
        major_brand: b"msdh".into(),
        minor_version: 0,
        compatible_brands: vec![b"msdh".into(), b"cmfs".into(), b"cmfc".into()],
    };
    Ok(styp.encode(out)?)
}

/// Appends moof and mdat.
pub fn write_fragment(fragment: &Fragment<'_>, out: &mut Vec<u8>) -> Result<(), BoxError> {
    let entry = |s: &Sample| TrunEntry {
        duration: Some(s.duration),
        size: Some(s.data.len() as u32),
        flags: Some(if s.sync { SYNC } else { NON_SYNC }),
        cts: Some(s.composition_offset.into()),
    };
    let mut moof = Moof {
        mfhd: Mfhd { sequence_number: fragment.sequence },
        traf: vec![Traf {
            tfhd: Tfhd { track_id: 1, default_base_is_moof: true, ..Default::default() },
            tfdt: Some(Tfdt { base_media_decode_time: fragment.decode_time }),
            trun: vec![Trun {
                data_offset: Some(0),
                samples: TrunSamples::Explicit(fragment.samples.iter().map(entry).collect()),
            }],
            ..Default::default()
        }],
    };
    // The offset of the data is known once the moof's own size is.
    let mut measured = Vec::new();
    moof.encode(&mut measured)?;
    let offset = i32::try_from(measured.len() + MDAT_HEADER).map_err(|_| BoxError::Broken("moof too large"))?;
    for run in moof.traf.iter_mut().flat_map(|t| &mut t.trun) {
        run.data_offset = Some(offset);
    }
    moof.encode(out)?;
    let payload: usize = fragment.samples.iter().map(|s| s.data.len()).sum();
    let size = u32::try_from(payload + MDAT_HEADER).map_err(|_| BoxError::Broken("mdat too large"))?;
    out.extend_from_slice(&size.to_be_bytes());
    out.extend_from_slice(b"mdat");
    for s in fragment.samples {
        out.extend_from_slice(&s.data);
    }
    Ok(())
}
