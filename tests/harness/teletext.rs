//! A film with teletext: pages of subtitles as broadcasters send them, put into a transport stream with closed captions.

use super::{captioned, fixtures::kept};
use std::path::PathBuf;

const PACKET: usize = 188;
const VIDEO: u16 = 0x100;
const TELETEXT: u16 = 0x120;
/// Code words of four bits (ETSI EN 300 706 section 8.2).
const HAMMING: [u8; 16] =
    [0x15, 0x02, 0x49, 0x5e, 0x64, 0x73, 0x38, 0x2f, 0xd0, 0xc7, 0x8c, 0x9b, 0xa1, 0xb6, 0xfd, 0xea];

/// How long before it is shown a page is sent, of a clock of 90 kHz: a decoder holds 40 ms of teletext (EN 300 472 section 5).
const EARLY: u64 = 3_600;

type Sent = (u64, u8, &'static [&'static str], bool);

/// What is sent: with which picture of 25 a second, on which page, which lines (none clear the page), and whether a header that
/// ends the page follows at once.
const SENT: [Sent; 7] = [
    (25, 0x88, &["Guten Tag"], true),
    (60, 0x88, &["K{se", "und Brot"], false),
    (90, 0x89, &["(door)"], true),
    (110, 0x88, &["K{se", "und Brot"], false),
    (150, 0x88, &[], true),
    (160, 0x89, &[], false),
    (200, 0x88, &["Zwiebelfisch"], false),
];

/// What the page of German subtitles shows, milliseconds and text: the last text stands to the end.
pub fn german() -> Vec<(u64, u64, String)> {
    let texts = [(25, 60, "Guten Tag"), (60, 150, "Käse\nund Brot"), (200, 600, "Zwiebelfisch")];
    texts.map(|(from, until, text)| (from * 40, until * 40, text.to_owned())).to_vec()
}

/// What the page for those who hear badly shows.
pub fn english() -> Vec<(u64, u64, String)> {
    vec![(3_600, 6_400, "(door)".to_owned())]
}

fn coded(four: u8) -> u8 {
    HAMMING[usize::from(four & 15)]
}

fn odd(byte: u8) -> u8 {
    if byte.count_ones().is_multiple_of(2) { byte | 0x80 } else { byte }
}

/// A data unit of a row of magazine 8.
fn unit(row: u8, text: &[u8]) -> Vec<u8> {
    let mut line = vec![coded((row & 1) << 3), coded(row >> 1)];
    line.extend_from_slice(text);
    line.resize(42, odd(b' '));
    // Bits go the other way round.
    let line = line.iter().map(|b| b.reverse_bits());
    [3, 0x2c, 0xe0, 0xe4].into_iter().chain(line).collect()
}

/// A header: the page is erased, subtitles, with German letters.
fn header(page: u8) -> Vec<u8> {
    let four = [page & 15, page >> 4, 0, 8, 0, 8, 0, 8];
    unit(0, &four.map(coded))
}

/// A packetised elementary stream packet of 45 bytes of header and so many units that it fills transport packets.
fn pes(pts: u64, units: &[Vec<u8>]) -> Vec<u8> {
    let mut units = units.to_vec();
    while units.len() % 4 != 3 {
        units.push([&[0xff, 0x2c][..], &[0xff; 44]].concat());
    }
    let payload = [&[0x10][..], &units.concat()].concat();
    let length = (payload.len() + 39) as u16;
    let stamp = |shift: u32| ((pts >> shift) & 0xff) as u8;
    let time = [0x21 | (stamp(29) & 0x0e), stamp(22), stamp(14) | 1, stamp(7), (stamp(0) << 1) | 1];
    let head = [&[0, 0, 1, 0xbd][..], &length.to_be_bytes(), &[0x84, 0x80, 0x24], &time, &[0xff; 31]].concat();
    [head, payload].concat()
}

fn pid(packet: &[u8]) -> u16 {
    u16::from_be_bytes([packet[1], packet[2]]) & 0x1fff
}

fn begins(packet: &[u8]) -> bool {
    packet[1] & 0x40 != 0
}

fn crc(data: &[u8]) -> u32 {
    data.iter().fold(u32::MAX, |crc, byte| {
        let crc = crc ^ (u32::from(*byte) << 24);
        (0..8).fold(crc, |c, _| if c & 0x8000_0000 == 0 { c << 1 } else { (c << 1) ^ 0x04c1_1db7 })
    })
}

/// A programme map with one more stream: page 888 in German, 889 in English for those who hear badly.
fn mapped(packet: &[u8]) -> Vec<u8> {
    let length = usize::from(u16::from_be_bytes([packet[6], packet[7]]) & 0x0fff);
    let mut section = packet[5..8 + length - 4].to_vec();
    let descriptor = [&[0x56, 10][..], b"deu", &[2 << 3, 0x88], b"eng", &[5 << 3, 0x89]].concat();
    section.extend([6, 0xe0 | (TELETEXT >> 8) as u8, TELETEXT as u8, 0xf0, descriptor.len() as u8]);
    section.extend(descriptor);
    let length = (section.len() + 4 - 3) as u16 | 0xb000;
    section[1..3].copy_from_slice(&length.to_be_bytes());
    section.extend(crc(&section).to_be_bytes());
    let mut out = packet[..5].to_vec();
    out.extend(section);
    out.resize(PACKET, 0xff);
    out
}

/// The time stamp of the picture that begins with a packet.
fn pts(packet: &[u8]) -> Option<u64> {
    let extra = if packet[3] & 0x20 != 0 { usize::from(packet[4]) + 1 } else { 0 };
    let head = packet.get(4 + extra..)?;
    let is_dated = head.starts_with(&[0, 0, 1]) && head.get(7)? & 0x80 != 0;
    let t = head.get(9..14)?.iter().map(|b| u64::from(*b)).collect::<Vec<_>>();
    is_dated.then(|| (t[0] >> 1 & 7) << 30 | t[1] << 22 | (t[2] >> 1) << 15 | t[3] << 7 | t[4] >> 1)
}

/// What the clock of the programme says where a packet stands.
fn pcr(packet: &[u8]) -> Option<u64> {
    let is_said = packet[3] & 0x20 != 0 && packet[4] > 0 && packet[5] & 0x10 != 0;
    let high = u32::from_be_bytes([packet[6], packet[7], packet[8], packet[9]]);
    is_said.then(|| u64::from(high) << 1 | u64::from(packet[10] >> 7))
}

/// A film with both pages, in H.264 whose pictures are reordered and carry closed captions, too.
pub fn film() -> PathBuf {
    let plain = std::fs::read(captioned::long()).unwrap();
    let packets: Vec<&[u8]> = plain.chunks_exact(PACKET).collect();
    let map = packets.iter().find(|p| pid(p) == 0).map(|p| u16::from_be_bytes([p[15], p[16]]) & 0x1fff).unwrap();
    let pictures = || packets.iter().filter(|p| pid(p) == VIDEO && begins(p)).filter_map(|p| pts(p));
    let first = pictures().min().unwrap();
    let (mut out, mut next, mut count) = (Vec::new(), 0, 0_u8);
    for packet in packets {
        let clock = pcr(packet);
        let is_due = |s: &&Sent| clock.is_some_and(|now| now + EARLY >= first + s.0 * 3600);
        while let Some((frame, page, lines, is_ended)) = SENT.get(next).filter(is_due) {
            let row = |(n, text): (usize, &&str)| {
                let boxed = [&[0x0d, 0x0b, 0x0b][..], text.as_bytes(), &[0x0a, 0x0a]].concat();
                unit(20 + 2 * n as u8, &boxed.iter().map(|b| odd(*b)).collect::<Vec<_>>())
            };
            let mut units = vec![header(*page)];
            units.extend(lines.iter().enumerate().map(row));
            units.extend(is_ended.then(|| header(0xff)));
            for (n, payload) in pes(first + frame * 3600, &units).chunks(PACKET - 4).enumerate() {
                let begin = if n == 0 { 0x40 } else { 0 };
                out.extend([0x47, begin | (TELETEXT >> 8) as u8, TELETEXT as u8, 0x10 | count]);
                out.extend_from_slice(payload);
                count = (count + 1) & 15;
            }
            next += 1;
        }
        match pid(packet) == map && begins(packet) {
            true => out.extend(mapped(packet)),
            false => out.extend_from_slice(packet),
        }
    }
    assert_eq!(next, SENT.len(), "all is sent");
    kept("teletext.ts", &out)
}
