//! What media tools say of files and URLs.

use std::{path::Path, process::Command};

fn run(program: &str, arguments: &[&str]) -> (String, String) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// Decoded frames of a stream (`v:0`, `a:0`) of a file or a playlist.
pub fn decoded_frames(input: &str, stream: &str) -> u64 {
    let (out, err) = run(
        "ffprobe",
        &[
            "-v",
            "error",
            "-count_frames",
            "-select_streams",
            stream,
            "-show_entries",
            "stream=nb_read_frames",
            "-of",
            "csv=p=0",
            input,
        ],
    );
    assert_eq!(err, "", "{input} does not decode cleanly");
    let first = out.lines().find(|l| !l.trim().is_empty()).unwrap_or_default();
    first.trim_matches([',', ' ']).parse().unwrap_or_else(|_| panic!("{input} {stream}: {out:?}"))
}

/// When the picture turns white and the sound begins, seconds.
pub fn flash_and_beep(video: &str, audio: &str) -> (f64, f64) {
    let after = |text: &str, key: &str| -> f64 {
        let at = text.find(key).unwrap_or_else(|| panic!("{key} not in {text}")) + key.len();
        text[at..].trim_start().split(|c: char| !c.is_ascii_digit() && c != '.').next().unwrap().parse().unwrap()
    };
    let (_, log) =
        run("ffmpeg", &["-nostdin", "-i", video, "-an", "-vf", "blackdetect=d=0.5:pix_th=0.2", "-f", "null", "-"]);
    let white = after(&log, "black_end:");
    let (_, log) =
        run("ffmpeg", &["-nostdin", "-i", audio, "-vn", "-af", "silencedetect=noise=-30dB:d=0.5", "-f", "null", "-"]);
    (white, after(&log, "silence_end:"))
}

/// The checker's report of a directory or URL, and whether it found no broken MUST.
pub fn verify(target: &str) -> (bool, String) {
    let output =
        Command::new(super::process::bin_dir().join("sluice-worker")).args(["verify", target]).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    (output.status.success(), text)
}

/// Plays a URL or file to its end with the ffmpeg command; its complaints.
pub fn play(input: &str) -> String {
    run("ffmpeg", &["-nostdin", "-v", "error", "-i", input, "-map", "0:v:0?", "-map", "0:a:0?", "-f", "null", "-"]).1
}

/// Whether a program answers; tests that need one say so plainly when it does not.
pub fn has(program: &Path) -> bool {
    program.exists()
}
