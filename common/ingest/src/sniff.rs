//! What a file is by its first bytes. The name and the declared type of an upload mean nothing.
//!
//! Invariant: text, playlists, programs and archives are never taken for media, whatever they hold further on: weak
//! signs are looked at only where no stronger one names something else.

use crate::{
    foreign,
    frames::{LONG_CHAIN, anywhere, at_start, row_at_start},
};

pub use crate::container::{Demuxer, sound_type};

/// How many bytes [`sniff`] wants to see.
pub const SNIFF_BYTES: usize = 4096;
/// Zeros before the first frame that are skipped, and the longest tag: more than any cover in it.
pub const MOST_LEADING_BYTES: u64 = 64 << 20;
/// Packets of a transport stream that are looked at, and how many a short file must have.
const MOST_PACKETS: usize = 8;
const LEAST_PACKETS: usize = 4;
/// Bytes of a transport packet: as it is, with a time stamp in front (M2TS), with parity behind (DVB).
const PACKET_BYTES: [usize; 3] = [188, 192, 204];

/// The demuxer for a file that begins with `head`, or `None` for what is not accepted.
pub fn sniff(head: &[u8]) -> Option<Demuxer> {
    // No later byte decides: the API sees these alone.
    let head = &head[..head.len().min(SNIFF_BYTES)];
    if foreign::is_text(head) {
        return None;
    }
    if let [b'I', b'D', b'3', ..] = head {
        return Some(after_tag(head));
    }
    // Frames that are as long as transport packets repeat their bytes as these do.
    let strong = by_magic(head).or_else(|| row_at_start(head, LONG_CHAIN));
    strong
        .or_else(|| is_transport_stream(head).then_some(Demuxer::MpegTs))
        .or_else(|| if foreign::name(head) == foreign::UNKNOWN { by_structure(head) } else { None })
}

/// Where a file says more, if its first bytes are a tag or zeros: whoever can read there sniffs again.
pub fn next_look(head: &[u8]) -> Option<u64> {
    let end = match head {
        [b'I', b'D', b'3', ..] => tag_bytes(head),
        _ if !head.is_empty() && head.iter().all(|b| *b == 0) => head.len() as u64,
        _ => return None,
    };
    (end >= head.len() as u64 && end <= MOST_LEADING_BYTES).then_some(end)
}

/// A sentence for bytes that are not accepted: what they are, and what is.
pub fn refusal(head: &[u8]) -> String {
    format!("The file is {}. {}", foreign::name(head), crate::container::accepted())
}

/// By a sign at the very beginning that is long enough to be no accident.
fn by_magic(head: &[u8]) -> Option<Demuxer> {
    let at = |offset: usize, magic: &[u8]| head.get(offset..offset + magic.len()) == Some(magic);
    let mov_box = [&b"ftyp"[..], b"moov", b"mdat", b"wide", b"free", b"skip", b"pnot", b"styp"];
    if mov_box.iter().any(|kind| at(4, kind)) {
        return Some(Demuxer::Mov);
    }
    if at(0, b"RIFF") || at(0, b"RF64") || at(0, b"RIFX") {
        let (avi, wave) = (at(8, b"AVI "), at(8, b"WAVE"));
        return avi.then_some(Demuxer::Avi).or(wave.then_some(Demuxer::Wav));
    }
    if at(0, b"FORM") {
        return (at(8, b"AIFF") || at(8, b"AIFC")).then_some(Demuxer::Aiff);
    }
    if at(0, b"\x89PNG\r\n\x1a\n") {
        return is_animated_png(head).then_some(Demuxer::Apng);
    }
    let magics: [(&[u8], Demuxer); 20] = [
        (&[0x1a, 0x45, 0xdf, 0xa3], Demuxer::Matroska),
        (b"fLaC", Demuxer::Flac),
        (b"OggS", Demuxer::Ogg),
        (b"FLV\x01", Demuxer::Flv),
        (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", Demuxer::Asf),
        (b"GIF87a", Demuxer::Gif),
        (b"GIF89a", Demuxer::Gif),
        (b"caff\x00\x01", Demuxer::Caf),
        (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00", Demuxer::W64),
        (b".snd\x00\x00", Demuxer::Au),
        (b"wvpk", Demuxer::WavPack),
        (b"MAC \x8f\x0f", Demuxer::Ape),
        (b"MAC ", Demuxer::Ape),
        (b"TTA1", Demuxer::Tta),
        (b"#!AMR\n", Demuxer::Amr),
        (b"#!AMR-WB\n", Demuxer::Amr),
        (b"\x7f\xfe\x80\x01", Demuxer::Dts),
        (b"\xfe\x7f\x01\x80", Demuxer::Dts),
        (b"\x1f\xff\xe8\x00", Demuxer::Dts),
        (b"\xff\x1f\x00\xe8", Demuxer::Dts),
    ];
    magics.iter().find(|(magic, _)| at(0, magic)).map(|m| m.1)
}

/// By what repeats, or by parts that only one kind of file has.
fn by_structure(head: &[u8]) -> Option<Demuxer> {
    let picture = start_codes(head).or_else(|| is_mxf(head).then_some(Demuxer::Mxf));
    if let Some(demuxer) = picture.or_else(|| is_dv(head).then_some(Demuxer::Dv)) {
        return Some(demuxer);
    }
    let zeros = head.iter().take_while(|b| **b == 0).count();
    if zeros == head.len() {
        // What comes after so many zeros is for whoever can read on ([`next_look`]).
        return (zeros >= SNIFF_BYTES).then_some(Demuxer::Mp3);
    }
    at_start(&head[zeros..]).or_else(|| anywhere(head))
}

/// Packets of one length with the sync byte at the same place, from anywhere in the first bytes to their end: a
/// recording may begin in the middle of a packet, or after something else.
fn is_transport_stream(head: &[u8]) -> bool {
    PACKET_BYTES.iter().any(|step| {
        (0..head.len()).any(|first| {
            let packets = head[first..].iter().step_by(*step).take(MOST_PACKETS);
            let least = if first < *step { LEAST_PACKETS } else { MOST_PACKETS };
            let whole = packets.len() >= least && packets.clone().all(|b| *b == 0x47);
            whole && counts_on(&head[first..], *step).unwrap_or(first == 0 && *step == 188)
        })
    })
}

/// Whether the counters of packets of one stream go on from packet to packet, if there are any: other files
/// repeat a byte, too, but not with a counter behind it. Half of the steps may be broken.
fn counts_on(packets: &[u8], step: usize) -> Option<bool> {
    let mut last: Vec<(u16, u8)> = Vec::new();
    let (mut steps, mut right) = (0, 0);
    for packet in packets.chunks(step).take(MOST_PACKETS) {
        let &[_, a, b, c, ..] = packet else { break };
        let (stream, counter) = (u16::from_be_bytes([a & 0x1f, b]), c & 0xf);
        // Packets without a payload do not count, and stuffing need not.
        if c & 0x10 == 0 || stream == 0x1fff {
            continue;
        }
        match last.iter_mut().find(|l| l.0 == stream) {
            Some(known) => {
                steps += 1;
                right += usize::from(counter == (known.1 + 1) & 0xf);
                known.1 = counter;
            }
            None => last.push((stream, counter)),
        }
    }
    (steps > 0).then_some(right * 2 >= steps)
}

/// Frame control comes before the first picture data of an animation only.
fn is_animated_png(head: &[u8]) -> bool {
    let mut at = 8;
    while let Some([a, b, c, d, kind @ ..]) = head.get(at..at + 8) {
        match kind {
            b"acTL" => return true,
            b"IDAT" => return false,
            _ => at = at.saturating_add(u32::from_be_bytes([*a, *b, *c, *d]) as usize).saturating_add(12),
        }
    }
    false
}

/// The header partition pack (SMPTE 377), which a run-in may come before.
fn is_mxf(head: &[u8]) -> bool {
    const PACK: &[u8] = b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02";
    head.windows(PACK.len()).any(|w| w == PACK)
}

/// A header section of DV (IEC 61834), with or without the flag of 50 Hz.
fn is_dv(head: &[u8]) -> bool {
    let section =
        |at: usize| head.get(at..at + 4).is_some_and(|s| s[0] == 0x1f && s[1] == 7 && s[2] == 0 && s[3] & 0x7f == 0x3f);
    // A sequence has 150 blocks of 80 bytes; the first is followed by subcode blocks.
    section(0) && head.get(80..82).is_some_and(|s| s[0] >> 5 == 1 && s[1] & 0xf0 == 0)
}

/// Streams of units that begin with 00 00 01: MPEG program streams and raw pictures.
fn start_codes(head: &[u8]) -> Option<Demuxer> {
    let lead = head.iter().take_while(|b| **b == 0).count();
    if lead < 2 || head.get(lead) != Some(&1) {
        return None;
    }
    match head.get(lead + 1)? {
        0xba => return Some(Demuxer::MpegPs),
        0xb3 => return Some(Demuxer::MpegVideo),
        _ => {}
    }
    let units = || head.windows(6).filter(|w| w[..3] == [0, 0, 1]).map(|w| &w[3..]);
    let h264 = |u: &[u8]| u[0] & 0x9f == 7 && [44, 66, 77, 83, 86, 88, 100, 110, 118, 122, 128, 244].contains(&u[1]);
    let hevc = |kind: u8| move |u: &[u8]| u[0] == kind << 1 && u[1] == 1;
    if units().any(hevc(32)) && units().any(hevc(33)) {
        return Some(Demuxer::Hevc);
    }
    let first = head[lead + 1] & 0x1f;
    // A delimiter, parameter sets or a message; what is no unit has the first bit set.
    (matches!(first, 6..=9) && head[lead + 1] & 0x80 == 0 && units().any(h264)).then_some(Demuxer::H264)
}

/// Bytes of an ID3v2 tag with its header.
fn tag_bytes(head: &[u8]) -> u64 {
    10 + head.get(6..10).map_or(0, |s| s.iter().fold(0_u64, |n, b| (n << 7) | u64::from(b & 0x7f)))
}

/// FLAC, ADTS and other files may carry an ID3 tag too, though it belongs to MP3.
fn after_tag(head: &[u8]) -> Demuxer {
    let rest = usize::try_from(tag_bytes(head)).ok().and_then(|end| head.get(end..)).unwrap_or_default();
    let rest = &rest[rest.iter().take_while(|b| **b == 0).count()..];
    let known = by_magic(rest).or_else(|| at_start(rest));
    known.filter(|d| matches!(d, Demuxer::Flac | Demuxer::Aac | Demuxer::Ac3 | Demuxer::Eac3)).unwrap_or(Demuxer::Mp3)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `count` transport packets with `extra` bytes more than 188, the sync byte first.
    fn packets(extra: usize, count: usize) -> Vec<u8> {
        let packet = |n: usize| {
            let mut one = vec![0x47, 0x41, 0x00, 0x10 | (n % 16) as u8];
            one.resize(188 + extra, 0xff);
            one
        };
        (0..count).flat_map(packet).collect()
    }

    #[test]
    fn containers_are_known_by_their_bytes() {
        let mxf = [&[0_u8; 40][..], b"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02\x01\x01\x02"].concat();
        let mut dv = vec![0x1f, 7, 0, 0xbf];
        dv.resize(80, 0xff);
        dv.extend([0x3f, 7, 0, 0]);
        let known: [(&[u8], Demuxer); 28] = [
            (b"\0\0\0\x18ftypisom", Demuxer::Mov),
            (b"\0\0\0\x14ftyp3gp4", Demuxer::Mov),
            (&[0x1a, 0x45, 0xdf, 0xa3, 0], Demuxer::Matroska),
            (b"RIFF\0\0\0\0WAVEfmt ", Demuxer::Wav),
            (b"RF64\xff\xff\xff\xffWAVEds64", Demuxer::Wav),
            (b"RIFF\0\0\0\0AVI LIST", Demuxer::Avi),
            (b"riff\x2e\x91\xcf\x11\xa5\xd6\x28\xdb\x04\xc1\x00\x00", Demuxer::W64),
            (b"FORM\0\0\0\0AIFCFVER", Demuxer::Aiff),
            (b"caff\0\x01\0\0desc", Demuxer::Caf),
            (b".snd\0\0\0\x18", Demuxer::Au),
            (b"FLV\x01\x05\0\0\0\x09", Demuxer::Flv),
            (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c", Demuxer::Asf),
            (b"\0\0\x01\xba\x44\0\x04", Demuxer::MpegPs),
            (b"\0\0\x01\xb3\x14\0\xf0", Demuxer::MpegVideo),
            (&mxf, Demuxer::Mxf),
            (b"GIF89a\x01\0\x01\0", Demuxer::Gif),
            (b"\x89PNG\r\n\x1a\n\0\0\0\x02IHDRxxCRC1\0\0\0\x08acTL", Demuxer::Apng),
            (&dv, Demuxer::Dv),
            (b"\0\0\0\x01\x67\x64\0\x1f\xac", Demuxer::H264),
            (b"\0\0\0\x01\x09\xf0\0\0\0\x01\x27\x42\0\x1f", Demuxer::H264),
            (b"\0\0\0\x01\x46\x01\x10\0\0\x01\x40\x01\x0c\0\0\x01\x42\x01\x01\x01", Demuxer::Hevc),
            (b"wvpk\0\x01\0\0", Demuxer::WavPack),
            (b"MAC \x96\x0f", Demuxer::Ape),
            (b"TTA1\x01\0", Demuxer::Tta),
            (b"#!AMR\n\x3c\x91\0", Demuxer::Amr),
            (b"#!AMR-WB\n\x04\x91\0", Demuxer::Amr),
            (b"\x7f\xfe\x80\x01\xfc", Demuxer::Dts),
            (b"ID3\x03\0\0\0\0\0\0\xff\xfb", Demuxer::Mp3),
        ];
        for (head, demuxer) in known {
            assert_eq!(sniff(head), Some(demuxer), "{head:x?}");
        }
    }

    #[test]
    fn text_playlists_programs_archives_and_pictures_are_refused() {
        let mut text = b"G,".repeat(2000);
        text.extend(b"\n#EXTM3U\n");
        let program =
            [&b"\x7fELF\x02\x01\x01\0"[..], &packets(0, 1)[4..], &[0xff, 0xfb, 0x90, 0x64].repeat(400)].concat();
        for head in [
            &b"#EXTM3U\n"[..],
            b"hello",
            b"GIF89a=1;/*",
            b"<html>",
            b"\x89PNG\r\n\x1a\n\0\0\0\x02IHDRxxCRC1\0\0\0\x08IDAT",
            b"RIFF\0\0\0\0WEBPVP8 ",
            b"%PDF-1.7\xff\xfb",
            b"PK\x03\x04\0\0",
            b"ffconcat version 1.0\nfile a",
            b"v=0\r\no=- 0 0 IN IP4 127.0.0.1",
            b"free free free of charge, and skip it",
            b"\xff\xfeh\0e\0l\0l\0o\0",
            b"\0\0\x01\x67 no parameter set",
            b"",
            b"\0",
            &[0; 4000],
            &text,
            &program,
        ] {
            assert_eq!(sniff(head), None, "{head:x?}");
        }
        assert!(refusal(b"%PDF-1.7").starts_with("The file is a PDF document. Accepted are MP4,"));
    }

    #[test]
    fn transport_streams_are_known_from_anywhere() {
        for extra in [0, 4, 16] {
            let stream = packets(extra, 22);
            for cut in [0, 1, 100, 187] {
                assert_eq!(sniff(&stream[cut..SNIFF_BYTES]), Some(Demuxer::MpegTs), "{extra} {cut}");
            }
            let led = [&[0x12; 1000][..], &stream].concat();
            assert_eq!(sniff(&led[..SNIFF_BYTES]), Some(Demuxer::MpegTs), "{extra}, after something else");
        }
        assert_eq!(sniff(&packets(0, 4)), Some(Demuxer::MpegTs));
        let mut broken = packets(0, 22);
        broken[188 * 3] = 0;
        assert_ne!(sniff(&broken[..188 * 7]), Some(Demuxer::MpegTs));
    }

    #[test]
    fn frames_as_long_as_packets_are_frames() {
        // 64 kbit/s at 48 kHz: 192 bytes, here with the sync byte of packets in each.
        let frame = [&[0xff, 0xfb, 0x54, 0xc4][..], &[0x55; 60], &[0x47; 4], &[0x55; 124]].concat();
        assert_eq!(sniff(&frame.repeat(21)), Some(Demuxer::Mp3));
        assert_eq!(sniff(&frame.repeat(22)[50..4146]), Some(Demuxer::Mp3));
        let tagged = [&b"ID3\x04\0\0\0\0\0\x04abcd"[..], &frame.repeat(20)].concat();
        assert_eq!(sniff(&tagged), Some(Demuxer::Mp3));
    }

    #[test]
    fn zeros_and_tags_ask_for_another_look() {
        let frame = [&[0xff, 0xfb, 0x90, 0x64][..], &[0; 413]].concat();
        let led = [&[0; 1000][..], &frame.repeat(4)].concat();
        assert_eq!((sniff(&led), next_look(&led)), (Some(Demuxer::Mp3), None));
        assert_eq!((sniff(&[0; SNIFF_BYTES]), next_look(&[0; SNIFF_BYTES])), (Some(Demuxer::Mp3), Some(4096)));
        // A tag of 16,394 bytes.
        let tagged = [&b"ID3\x04\0\0\0\x01\0\0"[..], &[1; 4086]].concat();
        assert_eq!((sniff(&tagged), next_look(&tagged)), (Some(Demuxer::Mp3), Some(16_394)));
        let flac = [&b"ID3\x04\0\0\0\0\0\x04abcd"[..], b"fLaC\0"].concat();
        assert_eq!((sniff(&flac), next_look(&flac)), (Some(Demuxer::Flac), None));
    }
}
