//! Reading init and media segments back, for the checks. The bytes may be anything.

use super::{BoxError, av1, hevc};
use mp4_atom::{Atom, Codec, Decode, DecodeMaybe, Header, Moof, Moov, Styp};
use sluice_model::FragmentRange;

/// What an init segment says.
#[derive(Debug, Clone, PartialEq)]
pub struct InitInfo {
    /// Ticks a second.
    pub timescale: u32,
    /// RFC 6381 string of the sample entry.
    pub codecs: String,
    /// Four-character code of the sample entry.
    pub entry: String,
    /// Pixels, of video.
    pub size: Option<(u16, u16)>,
    /// The sample description as it is, to compare chunks by.
    pub description: String,
    /// Whether there is an edit list, which demuxed CMAF tracks must not need.
    pub edit_list: bool,
}

/// What a media segment holds.
#[derive(Debug, Clone, PartialEq)]
pub struct SegmentInfo {
    /// Decode time of the first sample, ticks.
    pub decode_time: u64,
    /// Sum of the sample durations, ticks.
    pub duration: u64,
    /// Samples.
    pub samples: u64,
    pub fragments: Vec<FragmentRange>,
    /// Whether every fragment begins with a sync sample.
    pub sync_starts: bool,
    /// Whether every fragment's decode time is where the one before ended.
    pub continuous: bool,
    /// Smallest presentation time, ticks.
    pub first_presentation: i64,
    /// Smallest composition offset, ticks.
    pub least_offset: i64,
    /// Bytes of each sample, one after the other in the data of its fragment.
    pub sizes: Vec<u32>,
    /// A time at which two samples are presented, ticks.
    pub shown_twice: Option<i64>,
    /// Bytes of the first sample.
    pub first_sample: Vec<u8>,
    /// Number of tracks seen.
    pub tracks: usize,
}

/// Reads an init segment.
pub fn read_init(data: &[u8]) -> Result<InitInfo, BoxError> {
    let mut rest = data;
    let mut moov = None;
    while let Some(header) = Header::decode_maybe(&mut rest)? {
        let size = header.size.unwrap_or(rest.len());
        let (mut body, after) = rest.split_at_checked(size).ok_or(BoxError::Broken("box longer than its segment"))?;
        if header.kind == Moov::KIND {
            moov = Some(Moov::decode_body(&mut body)?);
        }
        rest = after;
    }
    let moov = moov.ok_or(BoxError::Broken("no moov"))?;
    let [trak] = moov.trak.as_slice() else {
        return Err(BoxError::Foreign("segments of several tracks are not read"));
    };
    let [codec] = trak.mdia.minf.stbl.stsd.codecs.as_slice() else {
        return Err(BoxError::Broken("not one sample entry"));
    };
    let (entry, codecs, size) = match codec {
        Codec::Avc1(a) => {
            let c = &a.avcc;
            let text = format!(
                "avc1.{:02x}{:02x}{:02x}",
                c.avc_profile_indication, c.profile_compatibility, c.avc_level_indication
            );
            ("avc1", text, Some((a.visual.width, a.visual.height)))
        }
        Codec::Hvc1(h) => ("hvc1", hevc::codecs(&h.hvcc), Some((h.visual.width, h.visual.height))),
        Codec::Av01(a) => ("av01", av1::codecs(&a.av1c), Some((a.visual.width, a.visual.height))),
        Codec::Mp4a(m) => {
            let specific =
                m.esds.es_desc.dec_config.dec_specific.as_ref().ok_or(BoxError::Broken("no AudioSpecificConfig"))?;
            ("mp4a", format!("mp4a.40.{}", specific.profile), None)
        }
        _ => return Err(BoxError::Foreign("a sample entry that is not read")),
    };
    Ok(InitInfo {
        timescale: trak.mdia.mdhd.timescale,
        codecs,
        entry: entry.to_owned(),
        size,
        description: format!("{codec:?}"),
        edit_list: trak.edts.is_some(),
    })
}

/// Boxes of other packagers' segments that say nothing of the samples: indices, events, times of production, room.
const PASSED_OVER: [&[u8; 4]; 7] = [b"sidx", b"emsg", b"prft", b"ssix", b"free", b"skip", b"uuid"];

/// Reads a media segment.
pub fn read_segment(data: &[u8]) -> Result<SegmentInfo, BoxError> {
    let mut info = SegmentInfo {
        decode_time: 0,
        duration: 0,
        samples: 0,
        fragments: Vec::new(),
        sync_starts: true,
        continuous: true,
        first_presentation: i64::MAX,
        least_offset: i64::MAX,
        sizes: Vec::new(),
        shown_twice: None,
        first_sample: Vec::new(),
        tracks: 0,
    };
    let mut shown = Vec::new();
    let mut rest = data;
    let mut pending: Option<(u64, u64, usize)> = None;
    while !rest.is_empty() {
        let at = (data.len() - rest.len()) as u64;
        let header = Header::decode(&mut rest)?;
        let size = header.size.unwrap_or(rest.len());
        let (mut body, after) = rest.split_at_checked(size).ok_or(BoxError::Broken("box longer than its segment"))?;
        match header.kind {
            k if k == Moof::KIND => {
                let moof = Moof::decode_body(&mut body)?;
                let (ticks, first) = fragment(&moof, data.len() as u64, &mut info, &mut shown)?;
                pending = Some((at, ticks, first));
            }
            k if k == b"mdat".into() => {
                let (start, ticks, first) = pending.take().ok_or(BoxError::Broken("mdat without moof"))?;
                let sample = body.get(..first).ok_or(BoxError::Broken("mdat too short"))?;
                if info.fragments.is_empty() {
                    info.first_sample = sample.to_vec();
                }
                let end = (data.len() - after.len()) as u64;
                let payload = end - body.len() as u64;
                let key_bytes = payload + first as u64 - start;
                info.fragments.push(FragmentRange { offset: start, bytes: end - start, ticks, key_bytes });
            }
            k if k == Styp::KIND || PASSED_OVER.iter().any(|p| k == (*p).into()) => {}
            _ => return Err(BoxError::Broken("unexpected box")),
        }
        rest = after;
    }
    shown.sort_unstable();
    info.shown_twice = shown.windows(2).find(|w| w[0] == w[1]).map(|w| w[0]);
    if info.fragments.is_empty() || pending.is_some() { Err(BoxError::Broken("incomplete segment")) } else { Ok(info) }
}

/// Takes in one moof: its ticks and the size of its first sample. A run of samples that say nothing of themselves is
/// written as their number alone; more of them than the segment has bytes are none, and counting them would take long.
fn fragment(
    moof: &Moof,
    segment_bytes: u64,
    info: &mut SegmentInfo,
    shown: &mut Vec<i64>,
) -> Result<(u64, usize), BoxError> {
    info.tracks = info.tracks.max(moof.traf.len());
    let traf = moof.traf.first().ok_or(BoxError::Broken("no traf"))?;
    let start = traf.tfdt.as_ref().ok_or(BoxError::Broken("no tfdt"))?.base_media_decode_time;
    if info.samples == 0 {
        info.decode_time = start;
    } else if Some(start) != info.decode_time.checked_add(info.duration) {
        info.continuous = false;
    }
    let samples: u64 = traf.trun.iter().map(|t| t.samples.len() as u64).sum();
    if samples + info.samples > segment_bytes {
        return Err(BoxError::Broken("more samples than bytes"));
    }
    let (mut ticks, mut first) = (0_u64, None);
    for sample in traf.trun.iter().flat_map(|t| t.samples.iter()) {
        let flags = sample.flags.or(traf.tfhd.default_sample_flags).unwrap_or(0);
        let size = sample.size.or(traf.tfhd.default_sample_size).unwrap_or(0) as usize;
        if first.is_none() {
            first = Some(size);
            info.sync_starts &= flags & 0x0001_0000 == 0;
        }
        let decoded = i64::try_from(start.saturating_add(ticks)).unwrap_or(i64::MAX);
        let offset = sample.cts.unwrap_or(0);
        info.least_offset = info.least_offset.min(offset);
        info.first_presentation = info.first_presentation.min(decoded.saturating_add(offset));
        info.sizes.push(u32::try_from(size).unwrap_or(u32::MAX));
        shown.push(decoded.saturating_add(offset));
        ticks += u64::from(sample.duration.or(traf.tfhd.default_sample_duration).unwrap_or(0));
        info.samples += 1;
    }
    info.duration = info.duration.saturating_add(ticks);
    Ok((ticks, first.ok_or(BoxError::Broken("empty fragment"))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cmaf::{Fragment, Sample, aac_init, avc_init, write_fragment, write_styp};
    use mp4_atom::{Encode, Mfhd, Tfdt, Tfhd, Traf, Trun, TrunEntry, TrunSamples};

    const SPS: [u8; 10] = [0x67, 100, 0, 31, 0xac, 0xd9, 0x40, 0x50, 0x05, 0xbb];

    #[test]
    fn what_is_written_reads_back() {
        let init = read_init(&avc_init(&SPS, &[0x68, 0xee], 1280, 720, 25_000).unwrap()).unwrap();
        assert_eq!((init.codecs.as_str(), init.timescale, init.size), ("avc1.64001f", 25_000, Some((1280, 720))));
        let init = read_init(&aac_init(&[0x11, 0x90], 2, 48_000, 128_000).unwrap()).unwrap();
        assert_eq!((init.codecs.as_str(), init.timescale, init.edit_list), ("mp4a.40.2", 48_000, false));
    }

    fn segment(decode_time: u64, run: TrunSamples) -> Vec<u8> {
        let traf = Traf {
            tfhd: Tfhd { track_id: 1, ..Default::default() },
            tfdt: Some(Tfdt { base_media_decode_time: decode_time }),
            trun: vec![Trun { data_offset: None, samples: run }],
            ..Default::default()
        };
        let mut data = Vec::new();
        Moof { mfhd: Mfhd { sequence_number: 1 }, traf: vec![traf] }.encode(&mut data).unwrap();
        data.extend(b"\0\0\0\x0cmdatabcd");
        data
    }

    #[test]
    fn boxes_cost_no_more_than_their_bytes_and_no_time_overflows() {
        let counted = segment(0, TrunSamples::Inherited { count: u32::MAX, first_flags: None });
        let began = std::time::Instant::now();
        assert!(read_segment(&counted).is_err());
        assert!(began.elapsed() < std::time::Duration::from_secs(1), "nobody counted to four milliards");
        let entry =
            TrunEntry { duration: Some(u32::MAX), size: Some(1), flags: Some(0), cts: Some(i64::from(i32::MAX)) };
        for start in [u64::MAX, u64::MAX - 1, i64::MAX as u64] {
            let one = segment(start, vec![entry].into());
            let twice = [&one[..], &one].concat();
            assert!(read_segment(&twice).is_ok_and(|info| !info.continuous), "{start}");
        }
    }

    #[test]
    fn fragments_keep_their_times() {
        let sample =
            |n: u8, offset, sync| Sample { data: vec![n; 10], duration: 1000, composition_offset: offset, sync };
        let first = [sample(1, 0, true), sample(2, 1000, false), sample(3, -1000, false)];
        let second = [sample(4, 0, true)];
        let mut data = Vec::new();
        write_styp(&mut data).unwrap();
        write_fragment(&Fragment { sequence: 1, decode_time: 6000, samples: &first }, &mut data).unwrap();
        write_fragment(&Fragment { sequence: 2, decode_time: 9000, samples: &second }, &mut data).unwrap();
        let info = read_segment(&data).unwrap();
        assert_eq!((info.decode_time, info.duration, info.samples), (6000, 4000, 4));
        assert!(info.sync_starts && info.continuous);
        assert_eq!((info.first_presentation, info.least_offset), (6000, -1000));
        assert_eq!(info.first_sample, [1; 10]);
        assert_eq!(info.fragments.iter().map(|f| f.ticks).collect::<Vec<_>>(), [3000, 1000]);
        assert_eq!(info.fragments.iter().map(|f| f.bytes).sum::<u64>() + info.fragments[0].offset, data.len() as u64);
        let keys = info.fragments.iter().map(|f| {
            let end = (f.offset + f.key_bytes) as usize;
            (data[f.offset as usize + 4..][..4].to_vec(), data[end - 10..end].to_vec())
        });
        assert_eq!(keys.collect::<Vec<_>>(), [(b"moof".to_vec(), vec![1; 10]), (b"moof".to_vec(), vec![4; 10])]);
        assert!(read_segment(&data[..data.len() - 1]).is_err());
    }
}
