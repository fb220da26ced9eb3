//! What the pictures on a seek bar show.

use std::{
    io::Write,
    process::{Command, Stdio},
};

/// A cue of a storyboard: a part of a picture for a time of the film.
#[derive(Debug, Clone, PartialEq)]
pub struct Cue {
    /// Seconds.
    pub start: f64,
    pub end: f64,
    /// Relative to the storyboard.
    pub picture: String,
    /// Left, top, width, height.
    pub part: [u32; 4],
}

fn seconds(text: &str) -> f64 {
    text.split(':').fold(0.0, |sum, part| sum * 60.0 + part.parse::<f64>().unwrap())
}

/// The cues of a WebVTT file.
pub fn cues(text: &str) -> Vec<Cue> {
    let cue = |block: &str| {
        let (times, target) = block.split_once('\n').unwrap();
        let (start, end) = times.split_once(" --> ").unwrap();
        let (picture, part) = target.trim_end().split_once("#xywh=").unwrap();
        let part: Vec<u32> = part.split(',').map(|n| n.parse().unwrap()).collect();
        Cue { start: seconds(start), end: seconds(end), picture: picture.to_owned(), part: part.try_into().unwrap() }
    };
    let text = text.strip_prefix("WEBVTT\n\n").unwrap_or_else(|| panic!("{text}"));
    text.split("\n\n").map(cue).collect()
}

/// Mean lightness (0 to 255) of part of a JPEG, by the ffmpeg command.
pub fn lightness(jpeg: &[u8], part: [u32; 4]) -> f64 {
    lightness_of("mjpeg", jpeg, part)
}

fn lightness_of(format: &str, picture: &[u8], [x, y, width, height]: [u32; 4]) -> f64 {
    let filter = format!("crop={width}:{height}:{x}:{y},{MEAN}");
    let arguments = ["-v", "error", "-f", format, "-i", "-", "-vf", &filter, "-f", "rawvideo", "-"];
    let mut child =
        Command::new("ffmpeg").args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(picture).unwrap();
    let out = child.wait_with_output().unwrap().stdout;
    mean(&out).into_iter().next().expect("no picture")
}

/// Mean of the lower half of the first picture of every second of a film of 25 pictures a second.
pub fn by_seconds(film: &std::path::Path) -> Vec<f64> {
    let filter = format!("select=not(mod(n\\,25)),crop=iw:ih/4:0:ih*5/8,{MEAN}");
    let output = Command::new("ffmpeg")
        .args(["-nostdin", "-v", "error", "-i"])
        .arg(film)
        .args(["-an", "-vf", &filter, "-fps_mode", "passthrough", "-f", "rawvideo", "-"])
        .output()
        .unwrap();
    mean(&output.stdout)
}

const MEAN: &str = "scale=2:2:flags=area:out_range=pc,format=yuvj420p,extractplanes=y";

fn mean(bytes: &[u8]) -> Vec<f64> {
    bytes.chunks_exact(4).map(|p| p.iter().map(|b| f64::from(*b)).sum::<f64>() / 4.0).collect()
}

/// Asserts that every cue shows the second of the film at which it begins, and that they are the whole film. `picture` is
/// what a cue names.
pub fn assert_matches(cues: &[Cue], film: &std::path::Path, picture: impl Fn(&str) -> Vec<u8>) {
    let shades = by_seconds(film);
    assert_eq!(cues[0].start, 0.0);
    assert!(cues.windows(2).all(|w| w[0].end == w[1].start), "{cues:?}");
    let end = cues.last().unwrap().end;
    assert!((end - shades.len() as f64).abs() < 0.2, "{end} of {} s", shades.len());
    for cue in cues {
        let [x, y, width, height] = cue.part;
        let shade = lightness(&picture(&cue.picture), [x, y + height * 5 / 8, width, height / 4]);
        let shown = (0..shades.len()).min_by(|a, b| (shades[*a] - shade).abs().total_cmp(&(shades[*b] - shade).abs()));
        let off = shown.unwrap() as f64 - cue.start;
        assert!(off.abs() <= 1.0, "{cue:?} shows second {shown:?}: {shade} of {shades:?}");
    }
}

/// The pictures of an animated WebP (RFC 9649), each as a file of its own, and how long it is shown, ms.
fn frames(animation: &[u8]) -> Vec<(Vec<u8>, u32)> {
    assert_eq!((&animation[..4], &animation[8..16]), (&b"RIFF"[..], &b"WEBPVP8X"[..]));
    let number = |bytes: &[u8]| bytes.iter().rev().fold(0, |n, b| n << 8 | u32::from(*b));
    assert_eq!(number(&animation[4..8]) as usize, animation.len() - 8);
    let (mut at, mut list) = (12, Vec::new());
    while at < animation.len() {
        let length = number(&animation[at + 4..at + 8]) as usize;
        let chunk = &animation[at + 8..at + 8 + length];
        if &animation[at..at + 4] == b"ANMF" {
            let picture = &chunk[16..];
            let size = (picture.len() as u32 + 4).to_le_bytes();
            list.push(([b"RIFF", &size[..], b"WEBP", picture].concat(), number(&chunk[12..15])));
        }
        at += 8 + length.next_multiple_of(2);
    }
    list
}

/// Asserts that a preview shows, in some three seconds, the middle of each twelfth of a film of [`super::fixtures::by_second`],
/// to within `off` seconds.
pub fn assert_preview(animation: &[u8], film: &std::path::Path, off: f64) {
    let shades = by_seconds(film);
    let frames = frames(animation);
    assert_eq!((frames.len(), frames.iter().map(|f| f.1).sum::<u32>()), (12, 3000));
    for (n, (picture, _)) in (0_u32..).zip(&frames) {
        let shade = lightness_of("webp_pipe", picture, [0, 112, 320, 45]);
        let shown = (0..shades.len()).min_by(|a, b| (shades[*a] - shade).abs().total_cmp(&(shades[*b] - shade).abs()));
        let wanted = (f64::from(n) + 0.5) * shades.len() as f64 / 12.0;
        let shown = shown.unwrap() as f64 + 0.5;
        assert!(
            (shown - wanted).abs() <= off + 0.5,
            "picture {n} shows {shown} s instead of {wanted}: {shade} of {shades:?}"
        );
    }
}
