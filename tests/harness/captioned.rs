//! Films with closed captions: codes of CTA-608 beside every picture, as broadcasters send them, or in a track.

use super::fixtures::{kept, made};
use std::{
    iter,
    path::{Path, PathBuf},
};

/// Pictures of these films, of which there are 25 a second, and of one that is planned before all of it is there.
const FRAMES: usize = 300;
const LONG_FRAMES: usize = 600;

/// What is shown: by which channel, from which picture on and until which, and the text as WebVTT has it.
pub const SHOWN: [(u8, u64, u64, &str); 5] = [
    (1, 40, 90, "[door]\nHello, ♪"),
    (1, 200, 230, "Onions"),
    (1, 230, 260, "more"),
    (2, 120, 150, "deux"),
    (3, 60, 160, "Hola"),
];

type Code = [u8; 2];

/// Codes that pop a caption on, the last of them with the picture that shows it first; the second time it is sent is left out.
fn pop_on(channel: u8, text: &[Code]) -> Vec<Code> {
    let control = control(channel);
    let begin = [[control, 0x20], [control, 0x2e]].iter().flat_map(|c| [*c, *c]).collect::<Vec<_>>();
    [&begin[..], text, &[[control, 0x2f]]].concat()
}

/// The first byte of commands of a channel: its second bit from the left of five is that of the field's second channel, its last
/// that of the second field.
fn control(channel: u8) -> u8 {
    [0x14, 0x1c, 0x15, 0x1d][usize::from(channel - 1)]
}

/// A line in a row, whose address depends on the channel.
fn line(channel: u8, row: u8, text: &str) -> Vec<Code> {
    // 0x14 has the addresses of rows 14 and 15, whatever the field.
    let first = if channel.is_multiple_of(2) { 0x1c } else { 0x14 };
    let address = [first, if row == 14 { 0x40 } else { 0x60 }];
    let letters = text.as_bytes().chunks(2).map(|c| [c[0], c.get(1).copied().unwrap_or(0)]);
    [address, address].into_iter().chain(letters).collect()
}

/// The pairs of a field beside each picture.
fn field(number: u8, frames: usize) -> Vec<Code> {
    let mut pairs = vec![[0, 0]; frames];
    for (channel, from, until, text) in SHOWN.iter().filter(|s| (s.0 - 1) / 2 == number) {
        let mut rows = Vec::new();
        let lines: Vec<&str> = text.lines().collect();
        for (n, text) in lines.iter().enumerate() {
            let row = if n + 1 == lines.len() { 15 } else { 14 };
            rows.extend(line(*channel, row, text.trim_end_matches('♪')));
            if text.ends_with('♪') {
                rows.extend([[0x11, 0x37]; 2]);
            }
        }
        let codes = pop_on(*channel, &rows);
        let begin = *from as usize + 1 - codes.len();
        pairs[begin..=*from as usize].copy_from_slice(&codes);
        pairs[*from as usize + 1] = [control(*channel), 0x2f];
        let is_followed = SHOWN.iter().any(|s| s.0 == *channel && s.1 == *until);
        if !is_followed {
            pairs[*until as usize..][..2].fill([control(*channel), 0x2c]);
        }
    }
    pairs
}

/// With odd parity.
fn odd(byte: u8) -> u8 {
    if byte.count_ones().is_multiple_of(2) { byte | 0x80 } else { byte }
}

/// What a film's pictures carry.
struct Carried {
    /// With each picture a pair of bytes of either kind.
    pairs: [Vec<Code>; 2],
    /// Of the two: one is valid, and then of the first field, the second, or CTA-708 (its type).
    kinds: [u8; 2],
}

/// CTA-608 in both fields.
fn fields(frames: usize) -> Carried {
    Carried { pairs: [0, 1].map(|n| field(n, frames).into_iter().map(|c| c.map(odd)).collect()), kinds: [0xfc, 0xfd] }
}

/// Messages of SEI that carry a pair of each kind (ATSC A/53 part 4).
fn messages(kinds: [u8; 2], [first, second]: [Code; 2]) -> Vec<u8> {
    let pairs = [kinds[0], first[0], first[1], kinds[1], second[0], second[1]];
    let payload = [&b"\xb5\x00\x31GA94\x03\xc2\xff"[..], &pairs, &[0xff]].concat();
    [&[4, payload.len() as u8][..], &payload, &[0x80]].concat()
}

/// A stream of pictures that are not reordered, with messages before every unit that begins one. `header` is that of SEI.
fn carrier(name: &str, codec: &[&str], carried: &Carried, header: &[u8], begins: impl Fn(&[u8]) -> bool) -> PathBuf {
    let frames = carried.pairs[0].len();
    let source = format!("testsrc2=s=320x180:r=25:d={}", frames / 25);
    let input = ["-f", "lavfi", "-i", &source, "-pix_fmt", "yuv420p", "-preset", "ultrafast"];
    let plain = std::fs::read(made(&format!("plain-{name}"), &[&input, codec].concat())).unwrap();
    let starts: Vec<usize> = plain.windows(3).enumerate().filter(|(_, w)| *w == [0, 0, 1]).map(|(at, _)| at).collect();
    let ends = starts.iter().skip(1).copied().chain(iter::once(plain.len()));
    let (mut out, mut frame) = (plain[..starts[0]].to_vec(), 0);
    for (start, end) in starts.iter().copied().zip(ends) {
        if begins(&plain[start + 3..end]) {
            let pairs = [0, 1].map(|n: usize| carried.pairs[n][frame]);
            out.extend([&[0, 0, 1], header, &messages(carried.kinds, pairs)].concat());
            frame += 1;
        }
        out.extend_from_slice(&plain[start..end]);
    }
    assert_eq!(frame, frames, "captions beside each picture");
    kept(name, &out)
}

fn carrier_of_avc(name: &str, carried: &Carried) -> PathBuf {
    let parameters = "bframes=0:keyint=50:min-keyint=50:scenecut=0:slices=1";
    let codec = ["-c:v", "libx264", "-x264-params", parameters];
    carrier(name, &codec, carried, &[6], |unit| matches!(unit[0] & 0x1f, 1 | 5))
}

/// The carrier's pictures and a tone, encoded once more with what the pictures carry.
fn encoded(name: &str, frames: usize, codecs: &[&str]) -> PathBuf {
    muxed(name, frames, &carrier_of_avc(&format!("captioned-{frames}.h264"), &fields(frames)), codecs)
}

fn muxed(name: &str, frames: usize, carrier: &Path, codecs: &[&str]) -> PathBuf {
    let (carrier, tone) = (carrier.display().to_string(), format!("sine=440:r=48000:d={}", frames / 25));
    let input = ["-r", "25", "-i", &carrier, "-f", "lavfi", "-i", &tone, "-ac", "2"];
    made(name, &[&input, codecs].concat())
}

/// A film of twelve seconds in H.264 whose pictures are reordered and carry captions; by its ending MP4, Matroska or a
/// transport stream.
pub fn film(ending: &str) -> PathBuf {
    reordered(&format!("captioned.{ending}"), FRAMES)
}

/// A transport stream that is twice as long.
pub fn long() -> PathBuf {
    reordered("captioned-long.ts", LONG_FRAMES)
}

fn reordered(name: &str, frames: usize) -> PathBuf {
    let parameters = "keyint=50:min-keyint=50:scenecut=0:bframes=2";
    let codecs = ["-c:v", "libx264", "-preset", "ultrafast", "-x264-params", parameters, "-c:a", "aac"];
    encoded(name, frames, &[&codecs[..], &["-movflags", "+faststart"]].concat())
}

/// Such a film in HEVC, in MP4, whose pictures are not reordered.
pub fn hevc() -> PathBuf {
    let parameters = "log-level=none:bframes=0:keyint=50:min-keyint=50:scenecut=0:slices=1";
    let is_first = |unit: &[u8]| unit[0] >> 1 & 0x3f < 32 && unit[2] & 0x80 != 0;
    let codec = ["-c:v", "libx265", "-x265-params", parameters];
    let carrier = carrier("captioned.hevc", &codec, &fields(FRAMES), &[39 << 1, 1], is_first);
    let codecs = ["-c:v", "copy", "-tag:v", "hvc1", "-c:a", "aac", "-movflags", "+faststart"];
    muxed("captioned-hevc.mp4", FRAMES, &carrier, &codecs)
}

/// A film whose pictures carry what encoders send where nobody says anything: pairs of nothing.
pub fn wordless() -> PathBuf {
    let pairs = [0, 1].map(|_| vec![[0x80, 0x80]; FRAMES]);
    kept_pictures("wordless", &Carried { pairs, kinds: [0xfc, 0xfd] })
}

/// A film whose pictures carry CTA-708 alone: in the first of its packets the letter A for service 1.
pub fn digital() -> PathBuf {
    let pairs = [vec![[0x02, 0x21]; FRAMES], vec![[0x41, 0]; FRAMES]];
    kept_pictures("digital", &Carried { pairs, kinds: [0xff, 0xfe] })
}

fn kept_pictures(name: &str, carried: &Carried) -> PathBuf {
    let carrier = carrier_of_avc(&format!("{name}.h264"), carried);
    muxed(&format!("{name}.mp4"), FRAMES, &carrier, &["-c:v", "copy", "-c:a", "aac", "-movflags", "+faststart"])
}

/// Such a film in MPEG-2, as it is broadcast.
pub fn broadcast() -> PathBuf {
    let codecs = ["-c:v", "mpeg2video", "-g", "15", "-bf", "2", "-b:v", "2M", "-c:a", "mp2"];
    encoded("captioned-mpeg2.ts", FRAMES, &codecs)
}

/// A film whose pictures carry none, with a track of captions that says its language. Its text is shown by the tenth code of a
/// sample that begins at two seconds, until five.
pub fn track() -> PathBuf {
    let codes = |codes: &[Code]| {
        codes.iter().map(|c| format!("{:02x}{:02x}", odd(c[0]), odd(c[1]))).collect::<Vec<_>>().join(" ")
    };
    let shown = codes(&pop_on(1, &line(1, 15, "Track")));
    // FFmpeg's muxer leaves the last line out, whose length nothing says.
    let erased = codes(&[[0x14, 0x2c]; 2]);
    let text =
        format!("Scenarist_SCC V1.0\n\n00:00:02:00\t{shown}\n\n00:00:05:00\t{erased}\n\n00:00:08:00\t{erased}\n\n");
    let captions = kept("captioned.scc", text.as_bytes()).display().to_string();
    let film = super::fixtures::compliant(10).display().to_string();
    let maps = ["-map", "0", "-map", "1", "-c", "copy", "-metadata:s:s:0", "language=eng"];
    made("captioned-track.mov", &[&["-i", &film, "-i", &captions][..], &maps, &["-movflags", "+faststart"]].concat())
}

/// What a channel shows, milliseconds and text.
pub fn shown(channel: u8) -> Vec<(u64, u64, String)> {
    let of = SHOWN.iter().filter(|s| s.0 == channel);
    of.map(|(_, from, until, text)| (from * 40, until * 40, (*text).to_owned())).collect()
}

/// The cues of WebVTT, of which segments repeat those that span them: milliseconds and text, in order.
pub fn cues<'a>(segments: impl IntoIterator<Item = &'a str>) -> Vec<(u64, u64, String)> {
    let instant = |text: &str| {
        let digits = text.split([':', '.']).map(|n| n.parse::<u64>().unwrap()).collect::<Vec<_>>();
        ((digits[0] * 60 + digits[1]) * 60 + digits[2]) * 1000 + digits[3]
    };
    let mut list: Vec<(u64, u64, String)> = Vec::new();
    for block in segments.into_iter().flat_map(|s| s.split("\n\n")) {
        let Some((times, text)) = block.trim_matches('\n').split_once('\n') else { continue };
        let Some((start, end)) = times.split_once(" --> ") else { continue };
        let cue = (instant(start), instant(end.split(' ').next().unwrap()), text.to_owned());
        if list.last() != Some(&cue) {
            list.push(cue);
        }
    }
    list
}

/// Whether cues are these, each to within a picture.
///
/// # Panics
/// Where they are not.
pub fn assert_shown(found: &[(u64, u64, String)], expected: &[(u64, u64, String)], what: &str) {
    let texts = |list: &[(u64, u64, String)]| list.iter().map(|c| c.2.clone()).collect::<Vec<_>>();
    assert_eq!(texts(found), texts(expected), "{what}");
    let near = |(one, other): (&(u64, u64, String), &(u64, u64, String))| {
        one.0.abs_diff(other.0) < 40 && one.1.abs_diff(other.1) < 40
    };
    assert!(found.iter().zip(expected).all(near), "{what}: {found:?} instead of {expected:?}");
}
