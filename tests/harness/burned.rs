//! Films with subtitles that are pictures: boxes at known places and times, as Blu-ray writes them (Presentation Graphics).

use super::fixtures::{kept, made};
use std::path::PathBuf;

/// What the boxes lie on, and where: on a canvas twice as wide as the film.
const CANVAS: (u16, u16) = (1280, 720);
const BOX: (u16, u16, u16, u16) = (200, 600, 400, 80);
/// The middle of a box, and a place beside it, in the film.
pub const WITHIN: (u32, u32) = (200, 320);
pub const BESIDE: (u32, u32) = (400, 320);
/// Frames of 25 a second at which boxes come and go; the second stands while a segment ends, the last to the end.
pub const SHOWN: [(u64, u64); 4] = [(50, 100), (140, 210), (225, 238), (280, 300)];
/// Of all frames.
pub const FRAMES: u64 = 300;

/// A segment of a stream of Presentation Graphics, with its header.
fn segment(at: u32, kind: u8, body: &[u8]) -> Vec<u8> {
    let mut out = b"PG".to_vec();
    out.extend(at.to_be_bytes());
    out.extend(0_u32.to_be_bytes());
    out.push(kind);
    out.extend((body.len() as u16).to_be_bytes());
    out.extend_from_slice(body);
    out
}

/// What is shown from a time on: a white box, or nothing.
fn composition(number: u16, at: u32, shows: bool) -> Vec<u8> {
    let (x, y, width, height) = BOX;
    let numbers = |list: &[u16]| list.iter().flat_map(|n| n.to_be_bytes()).collect::<Vec<_>>();
    // Size, rate, number, begin of an epoch, palette 0, one object or none.
    let mut composed = numbers(&[CANVAS.0, CANVAS.1]);
    composed.push(0x10);
    composed.extend(number.to_be_bytes());
    composed.extend([0x80, 0, 0, u8::from(shows)]);
    let mut window = vec![1, 0];
    window.extend(numbers(&[x, y, width, height]));
    let mut out = Vec::new();
    if shows {
        composed.extend([0, 0, 0, 0]);
        composed.extend(numbers(&[x, y]));
        // Lines of one run of colour 1 each.
        let line = [0, 0xc0 | (width >> 8) as u8, width as u8, 1, 0, 0];
        let mut object = vec![0, 0, 0, 0xc0];
        object.extend(&(4 + line.len() as u32 * u32::from(height)).to_be_bytes()[1..]);
        object.extend(numbers(&[width, height]));
        object.extend(line.repeat(usize::from(height)));
        out.extend(segment(at, 0x16, &composed));
        out.extend(segment(at, 0x17, &window));
        // Colour 1 is white.
        out.extend(segment(at, 0x14, &[0, 0, 1, 235, 128, 128, 255]));
        out.extend(segment(at, 0x15, &object));
    } else {
        out.extend(segment(at, 0x16, &composed));
        out.extend(segment(at, 0x17, &window));
    }
    out.extend(segment(at, 0x80, &[]));
    out
}

/// The boxes, a few frames earlier or later.
fn boxes(name: &str, later: u64) -> PathBuf {
    let times = SHOWN.into_iter().flat_map(|(from, until)| [(from + later, true), (until + later, false)]);
    // Without a first one at 0 the ffmpeg command would move all of them there.
    let sent = [(0, false)].into_iter().chain(times).filter(|(frame, _)| *frame < FRAMES).enumerate();
    let bytes: Vec<u8> =
        sent.flat_map(|(n, (frame, shows))| composition(n as u16, frame as u32 * 3_600, shows)).collect();
    kept(name, &bytes)
}

/// A film of 640x360, gray where the boxes are, that could be kept as it is, with two tracks: English, half a second late, and German, forced.
/// `codec` is what FFmpeg calls that of the tracks.
pub fn film(codec: &str, ending: &str) -> PathBuf {
    let tracks = [boxes("boxes-late.sup", 12), boxes("boxes.sup", 0)].map(|p| p.display().to_string());
    let picture = "testsrc2=s=640x240:r=25:d=12,pad=640:360:0:0:gray";
    let mut arguments = vec!["-f", "lavfi", "-i", picture, "-i", &tracks[0], "-i", &tracks[1]];
    arguments.extend([
        "-map",
        "0",
        "-map",
        "1",
        "-map",
        "2",
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-pix_fmt",
        "yuv420p",
    ]);
    arguments.extend(["-x264-params", "keyint=50:min-keyint=50:scenecut=0", "-c:s", codec]);
    arguments.extend(["-metadata:s:s:0", "language=eng", "-metadata:s:s:1", "language=ger"]);
    arguments.extend(["-disposition:s:0", "default", "-disposition:s:1", "forced"]);
    made(&format!("burned-{codec}.{ending}"), &arguments)
}
