//! Sound without a container: frames that follow one another, each with a header that says how long it is. One header is
//! two bytes of luck; a chain of them is a recording.

use crate::container::Demuxer;

/// Frames in a row that are believed anywhere in the first bytes ...
const CHAIN: usize = 3;
/// ... and fewer where they are so long that no more fit.
pub const LONG_CHAIN: usize = 2;
/// Bytes that every header can be read from.
const LONGEST_HEADER: usize = 8;

/// What a header says: bytes of its frame, and what all frames of a recording have in common.
struct Header {
    bytes: usize,
    common: u32,
    /// Where it is read: samples of the frame, and how many a second has.
    length: Option<(u32, u32)>,
}

type Read = fn(&[u8]) -> Option<Header>;

/// Kinds of frames.
const KINDS: [(Demuxer, Read); 5] = [
    (Demuxer::Mp3, mpeg_audio),
    (Demuxer::Aac, adts),
    (Demuxer::Ac3, ac3),
    (Demuxer::Eac3, eac3),
    (Demuxer::Loas, loas),
];

/// Frames that begin at the first byte: one that is followed by another, or is all there is.
pub fn at_start(data: &[u8]) -> Option<Demuxer> {
    row_at_start(data, 1)
}

/// At least so many frames in a row that begin at the first byte.
pub fn row_at_start(data: &[u8], least: usize) -> Option<Demuxer> {
    // Headers of LOAS are eleven bits and a length: they need company.
    let known = |(kind, read): &&(Demuxer, Read)| {
        chain(data, *read).is_some_and(|(frames, _)| frames >= if *kind == Demuxer::Loas { CHAIN } else { least })
    };
    KINDS.iter().find(known).map(|k| k.0)
}

/// Frames that begin somewhere: after what is left of one that was cut, or after a tag that is not known.
pub fn anywhere(data: &[u8]) -> Option<Demuxer> {
    let known = |at: usize, (kind, read): &(Demuxer, Read)| {
        chain(&data[at..], *read).is_some_and(|(frames, end)| {
            let full = at + end + LONGEST_HEADER > data.len() && *kind != Demuxer::Loas;
            frames >= CHAIN || frames >= LONG_CHAIN && full
        })
    };
    (0..data.len()).find_map(|at| KINDS.iter().find(|kind| known(at, kind)).map(|k| k.0))
}

/// Samples of the frame that these bytes begin with, and how many of them a second has; of AAC before a decoder doubles them.
/// Recordings that were joined change from one frame to the next, so what holds for the first need not for others.
pub fn length(demuxer: Demuxer, data: &[u8]) -> Option<(u32, u32)> {
    KINDS.iter().find(|k| k.0 == demuxer)?.1(data)?.length
}

/// How many frames of one recording follow one another until the data ends, and where the last of them ends. `None`
/// where the second is missing though it should be there.
fn chain(data: &[u8], read: Read) -> Option<(usize, usize)> {
    let first = read(data)?;
    let (mut frames, mut at) = (1, first.bytes);
    while at + LONGEST_HEADER <= data.len() && frames < CHAIN {
        let next = read(&data[at..]).filter(|h| h.common == first.common)?;
        frames += 1;
        at += next.bytes;
    }
    Some((frames, at))
}

/// ISO/IEC 11172-3 and 13818-3, with the half rates that MP3 has beside them.
fn mpeg_audio(data: &[u8]) -> Option<Header> {
    let [0xff, b1, b2, _, ..] = *data else { return None };
    let (version, layer) = ((b1 >> 3) & 3, 4 - ((b1 >> 1) & 3));
    let (rate, bits) = (usize::from((b2 >> 2) & 3), usize::from(b2 >> 4));
    if b1 & 0xe0 != 0xe0 || version == 1 || layer == 4 || rate == 3 || !(1..15).contains(&bits) {
        return None;
    }
    let full = version == 3;
    let kbps = match (full, layer) {
        (true, 1) => bits * 32,
        (true, 2) => [0, 32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384][bits],
        (true, _) => [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320][bits],
        (false, 1) => [0, 32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256][bits],
        (false, _) => [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160][bits],
    };
    let hz = [44_100, 48_000, 32_000][rate] >> [2, 0, 1, 0][usize::from(version)];
    let padding = usize::from((b2 >> 1) & 1);
    let bytes = match layer {
        1 => (12_000 * kbps / hz + padding) * 4,
        3 if !full => 72_000 * kbps / hz + padding,
        _ => 144_000 * kbps / hz + padding,
    };
    let samples = match layer {
        1 => 384,
        3 if !full => 576,
        _ => 1152,
    };
    let common = (u32::from(b1 & 0xfe) << 8) | u32::from(b2 & 0x0c);
    Some(Header { bytes, common, length: u32::try_from(hz).ok().map(|hz| (samples, hz)) })
}

/// ISO/IEC 13818-7.
fn adts(data: &[u8]) -> Option<Header> {
    const HZ: [u32; 13] =
        [96_000, 88_200, 64_000, 48_000, 44_100, 32_000, 24_000, 22_050, 16_000, 12_000, 11_025, 8_000, 7_350];
    let [0xff, b1, b2, b3, b4, b5, b6, ..] = *data else { return None };
    let bytes = (usize::from(b3 & 3) << 11) | (usize::from(b4) << 3) | (usize::from(b5) >> 5);
    let hz = HZ.get(usize::from((b2 >> 2) & 0xf))?;
    if b1 & 0xf6 != 0xf0 || bytes < 8 {
        return None;
    }
    let length = Some((1024 * (u32::from(b6 & 3) + 1), *hz));
    Some(Header { bytes, common: (u32::from(b1) << 8) | u32::from(b2 & 0xfc), length })
}

/// ISO/IEC 14496-3, AudioSyncStream.
fn loas(data: &[u8]) -> Option<Header> {
    let [0x56, b1, b2, ..] = *data else { return None };
    let bytes = ((usize::from(b1 & 0x1f) << 8) | usize::from(b2)) + 3;
    (b1 & 0xe0 == 0xe0 && bytes > 8).then_some(Header { bytes, common: 0, length: None })
}

/// ETSI TS 102 366, AC-3.
fn ac3(data: &[u8]) -> Option<Header> {
    const KBPS: [usize; 19] = [32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640];
    let [0x0b, 0x77, _, _, b4, b5, ..] = *data else { return None };
    let kbps = KBPS.get(usize::from(b4 & 0x3f) / 2)?;
    let words = match b4 >> 6 {
        0 => kbps * 2,
        1 => kbps * 96_000 / 44_100 + usize::from(b4 & 1),
        2 => kbps * 3,
        _ => return None,
    };
    (b5 >> 3 <= 10).then_some(Header { bytes: words * 2, common: u32::from(b4 >> 6), length: None })
}

/// ETSI TS 102 366, annex E.
fn eac3(data: &[u8]) -> Option<Header> {
    let [0x0b, 0x77, b2, b3, b4, b5, ..] = *data else { return None };
    let words = ((usize::from(b2 & 7) << 8) | usize::from(b3)) + 1;
    ((11..=16).contains(&(b5 >> 3)) && words > 4).then_some(Header {
        bytes: words * 2,
        common: u32::from(b4 >> 6),
        length: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Frames of `bytes` bytes that begin with `header`.
    fn frames(header: &[u8], bytes: usize, count: usize) -> Vec<u8> {
        let mut one = header.to_vec();
        one.resize(bytes, 0x55);
        one.repeat(count)
    }

    /// A header of each kind and how long its frame is.
    fn kinds() -> Vec<(Demuxer, Vec<u8>, usize)> {
        vec![
            // 128 kbit/s at 44.1 kHz; layer II, 384 kbit/s at 48 kHz; 8 kbit/s at 8 kHz.
            (Demuxer::Mp3, vec![0xff, 0xfb, 0x90, 0x64], 417),
            (Demuxer::Mp3, vec![0xff, 0xfd, 0xe4, 0x04], 1152),
            (Demuxer::Mp3, vec![0xff, 0xe3, 0x18, 0xc4], 72),
            (Demuxer::Aac, vec![0xff, 0xf1, 0x50, 0x80, 0x40, 0x1f, 0xfc], 512),
            (Demuxer::Loas, vec![0x56, 0xe1, 0x00], 259),
            (Demuxer::Ac3, vec![0x0b, 0x77, 0, 0, 0x1e, 0x40], 896),
            (Demuxer::Eac3, vec![0x0b, 0x77, 0x01, 0x7f, 0x3f, 0x80], 768),
        ]
    }

    #[test]
    fn frames_are_known_at_the_start_in_the_middle_and_after_something_else() {
        for (kind, header, bytes) in kinds() {
            let data = frames(&header, bytes, 4);
            assert_eq!(at_start(&data), Some(kind), "{header:x?}");
            assert_eq!(anywhere(&data[bytes / 3..]), Some(kind), "{header:x?} in mid-frame");
            let behind = [&b"APETAGEX and more of it"[..], &data].concat();
            assert_eq!((at_start(&behind), anywhere(&behind)), (None, Some(kind)), "{header:x?}");
        }
    }

    #[test]
    fn frames_of_joined_recordings_last_as_long_as_each_says() {
        let lengths: Vec<_> =
            kinds().iter().map(|(kind, header, _)| length(*kind, &[header, &[0; 8][..]].concat())).collect();
        let expected =
            [Some((1152, 44_100)), Some((1152, 48_000)), Some((576, 8_000)), Some((1024, 44_100)), None, None, None];
        assert_eq!(lengths, expected);
        assert_eq!((length(Demuxer::Mp3, b"ID3"), length(Demuxer::Wav, &[0xff; 8])), (None, None));
    }

    #[test]
    fn one_header_is_an_accident() {
        for (_, header, bytes) in kinds() {
            let mut data = vec![0xaa; 100];
            data.extend(frames(&header, bytes, 1));
            data.extend([0xaa; 3000]);
            assert_eq!((at_start(&data[100..]), anywhere(&data)), (None, None), "{header:x?}");
        }
    }

    #[test]
    fn few_of_many_random_bytes_are_frames() {
        // A generator of numbers that is good enough to have headers by accident.
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut next = || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 24) as u8
        };
        let taken = (0..200).filter(|_| anywhere(&(0..4096).map(|_| next()).collect::<Vec<_>>()).is_some()).count();
        assert_eq!(taken, 0);
    }
}
