//! What media tools say of files and URLs.

use std::process::Command;

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

/// Time stamp of a file's first picture, seconds.
pub fn video_start(file: &str) -> f64 {
    let arguments =
        ["-v", "error", "-select_streams", "v:0", "-show_entries", "stream=start_time", "-of", "csv=p=0", file];
    run("ffprobe", &arguments).0.trim().parse().unwrap()
}

/// The number of the first bright picture, when it is shown, and when the sound begins, seconds from the start.
pub fn flash_and_beep(video: &str, audio: &str) -> (u64, f64, f64) {
    let filter = "signalstats,metadata=print:file=-";
    let (out, _) = run("ffmpeg", &["-nostdin", "-v", "error", "-i", video, "-an", "-vf", filter, "-f", "null", "-"]);
    let after =
        |text: &str, mark: &str| text.split(mark).nth(1).and_then(|v| v.split_whitespace().next()?.parse().ok());
    let mut shown = 0.0;
    let mut number = 0;
    for line in out.lines() {
        shown = after(line, "pts_time:").unwrap_or(shown);
        match after(line, "lavfi.signalstats.YAVG=") {
            Some(luma) if luma > 128.0 => return (number, shown, beep(audio)),
            Some(_) => number += 1,
            None => {}
        }
    }
    panic!("no flash in {video}")
}

/// When silence ends, seconds.
pub fn beep(audio: &str) -> f64 {
    let arguments = ["-nostdin", "-i", audio, "-vn", "-af", "silencedetect=noise=-30dB:d=0.5", "-f", "null", "-"];
    let (_, log) = run("ffmpeg", &arguments);
    let at = log.split("silence_end: ").nth(1).expect("no beep").split(' ').next().unwrap();
    at.parse().unwrap()
}

/// Which of some tones is the loudest in a channel of a sound, from 5 s to 8 s.
pub fn tone(audio: &str, channel: u32, tones: &[u32]) -> u32 {
    const RATE: f64 = 8000.0;
    let filter = format!("pan=mono|c0=c{channel},atrim=5:8,aresample=8000,aformat=sample_fmts=s16");
    let arguments = ["-nostdin", "-v", "error", "-i", audio, "-vn", "-af", &filter, "-f", "s16le", "-"];
    let output = Command::new("ffmpeg").args(arguments).output().unwrap();
    assert!(output.status.success(), "{audio}: {}", String::from_utf8_lossy(&output.stderr));
    let samples: Vec<f64> =
        output.stdout.chunks_exact(2).map(|b| f64::from(i16::from_le_bytes([b[0], b[1]]))).collect();
    assert!(samples.len() > 20_000, "{audio}: {} samples", samples.len());
    // Goertzel's algorithm.
    let power = |tone: u32| {
        let turn = 2.0 * (2.0 * std::f64::consts::PI * f64::from(tone) / RATE).cos();
        let (one, two) = samples.iter().fold((0.0, 0.0), |(one, two), s| (s + turn * one - two, one));
        one * one + two * two - turn * one * two
    };
    let loudest = tones.iter().copied().max_by(|a, b| power(*a).total_cmp(&power(*b))).unwrap();
    let all: f64 = samples.iter().map(|s| s * s).sum::<f64>() * samples.len() as f64 / 2.0;
    assert!(power(loudest) > 0.3 * all, "{audio}: no tone stands out");
    loudest
}

/// How loud a sound is, as FFmpeg measures it (EBU R 128): integrated LUFS, range LU, true peak dBTP.
pub fn loudness(audio: &str) -> [f64; 3] {
    let (_, log) =
        run("ffmpeg", &["-nostdin", "-i", audio, "-map", "0:a:0", "-af", "ebur128=peak=true", "-f", "null", "-"]);
    let summary = log.rsplit("Summary:").next().unwrap();
    ["I:", "LRA:", "Peak:"].map(|name| {
        let value = summary.split(name).nth(1).expect("not measured").split_whitespace().next().unwrap();
        value.parse().unwrap()
    })
}

/// How much the pictures of two films are alike, one by one, decibels: pictures that are not the same moment
/// stay below 25.
pub fn likeness(one: &str, other: &str) -> f64 {
    let graph = "[0:v]settb=1/25,setpts=N[a];[1:v]settb=1/25,setpts=N[b];[a][b]psnr";
    let (_, log) = run("ffmpeg", &["-nostdin", "-i", one, "-i", other, "-lavfi", graph, "-f", "null", "-"]);
    let average = log.split("average:").nth(1).expect("no comparison").split(' ').next().unwrap();
    average.parse().unwrap()
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

/// How much the only whole picture of a file is like that of a film at `seconds`, decibels.
pub fn likeness_at(picture: &str, film: &str, seconds: f64) -> f64 {
    // The film's own pictures are counted at its rate of 25 a second, as its clock need not begin at zero.
    let number = (seconds * 25.0).round() as u64;
    let graph = format!(
        "[0:v]select=eq(n\\,0),settb=1/25,setpts=0[a];[1:v]select=eq(n\\,{number}),settb=1/25,setpts=0[b];[a][b]psnr"
    );
    let output = Command::new("ffmpeg")
        .args([
            "-nostdin",
            "-v",
            "info",
            "-i",
            picture,
            "-i",
            film,
            "-lavfi",
            &graph,
            "-frames:v",
            "1",
            "-f",
            "null",
            "-",
        ])
        .output()
        .unwrap();
    // Other pictures of the fragment are not in the file, which is no fault.
    let log = String::from_utf8_lossy(&output.stderr);
    let average = log.split("average:").nth(1).unwrap_or_else(|| panic!("no comparison: {log}"));
    let average = average.split(' ').next().unwrap();
    if average == "inf" { f64::INFINITY } else { average.parse().unwrap() }
}

/// The numbers that the pictures of a rendition of [`super::fixtures::numbered`] show, in order.
pub fn numbers(input: &str) -> Vec<u64> {
    let columns = super::fixtures::NUMBER_BITS;
    // The middle of every column, where its neighbours do not show.
    let filter = format!("scale={}:8:flags=area,format=gray,crop={}:1:0:4", columns * 5, columns * 5);
    let arguments = ["-nostdin", "-v", "error", "-i", input, "-an", "-vf", &filter, "-fps_mode", "passthrough"];
    let output = Command::new("ffmpeg").args(arguments).args(["-f", "rawvideo", "-"]).output().unwrap();
    let complaints = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && complaints.is_empty(), "{input}: {complaints}");
    let number = |row: &[u8]| (0..columns).map(|bit| u64::from(row[bit * 5 + 2] > 127) << bit).sum();
    output.stdout.chunks_exact(columns * 5).map(number).collect()
}

/// When the first picture of a file is shown and when its sound begins after silence, seconds on the file's own clock.
pub fn picture_and_beep(file: &str) -> (f64, f64) {
    let arguments =
        ["-nostdin", "-copyts", "-i", file, "-vn", "-af", "silencedetect=noise=-30dB:d=0.3", "-f", "null", "-"];
    let (_, log) = run("ffmpeg", &arguments);
    let at = log.split("silence_end: ").nth(1).expect("no beep").split(' ').next().unwrap();
    (video_start(file), at.parse().unwrap())
}

/// A hash of each decoded picture, in the order they are shown.
pub fn decoded_hashes(input: &str) -> Vec<String> {
    let arguments = ["-v", "error", "-i", input, "-map", "v:0", "-fps_mode", "passthrough", "-f", "framemd5", "-"];
    let output = Command::new("ffmpeg").args(arguments).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    text.lines().filter(|l| !l.starts_with('#')).map(|l| l.rsplit(',').next().unwrap().trim().to_owned()).collect()
}

/// What the `mdat` boxes of a media segment hold: one for each fragment.
pub fn coded(segment: &[u8]) -> Vec<&[u8]> {
    let (mut found, mut rest) = (Vec::new(), segment);
    while rest.len() >= 8 {
        let size = u32::from_be_bytes(rest[..4].try_into().unwrap()) as usize;
        if &rest[4..8] == b"mdat" {
            found.push(&rest[8..size]);
        }
        rest = &rest[size..];
    }
    found
}
