//! Files that ask for far more than they hold, made with the ffmpeg command, and what working on one takes.

use super::{
    fixtures::{kept, made},
    process::bin_dir,
};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Packets `from` and later of a stream come so many seconds later.
fn delayed(from: &Path, name: &str, stream: &str, packet: u32, seconds: u32) -> PathBuf {
    let shift = format!("setts=ts='if(lt(N,{packet}),TS,TS+{seconds}/TB)'");
    made(name, &["-i", from.to_str().unwrap(), "-map", "0", "-c", "copy", &format!("-bsf:{stream}"), &shift])
}

/// A tone in Opus; after `at_s` seconds of it there is a gap of `gap_s`, then the rest of ten seconds.
pub fn sound_with_gap(at_s: u32, gap_s: u32) -> PathBuf {
    let tone = made("tone.webm", &["-f", "lavfi", "-i", "sine=1000:r=48000:d=10", "-c:a", "libopus", "-b:a", "32k"]);
    // Packets of 20 ms.
    delayed(&tone, &format!("gap-{at_s}-{gap_s}.webm"), "a", at_s * 50, gap_s)
}

/// Twenty pictures a sixtieth of a second apart, of which the last one comes `gap_s` seconds late.
pub fn late_picture(gap_s: u32, container: &str) -> PathBuf {
    let input = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=60", "-frames:v", "20"];
    let film = made("sixtieth.mkv", &[&input[..], &["-c:v", "mpeg4", "-g", "5", "-b:v", "100k"]].concat());
    delayed(&film, &format!("late-{gap_s}.{container}"), "v", 19, gap_s)
}

/// A film of sound with so many streams.
pub fn many_streams(count: usize) -> PathBuf {
    let tone = made("short.mka", &["-f", "lavfi", "-i", "sine=1000:r=8000:d=0.1", "-c:a", "pcm_s16le"]);
    let mut arguments = vec!["-i", tone.to_str().unwrap(), "-c", "copy"];
    arguments.extend(["-map", "0:a"].repeat(count));
    made(&format!("streams-{count}.mkv"), &arguments)
}

/// One picture with more pixels than are accepted.
pub fn huge_picture() -> PathBuf {
    let input = ["-f", "lavfi", "-i", "color=black:s=8192x8192:r=1:d=1", "-frames:v", "1"];
    made("huge.mov", &[&input[..], &["-c:v", "mjpeg", "-q:v", "31", "-pix_fmt", "yuvj420p"]].concat())
}

/// A picture every ten seconds, so many of them.
pub fn slideshow(count: u32) -> PathBuf {
    let input = ["-f", "lavfi", "-i", "testsrc2=s=640x360:r=1/10", "-frames:v", &count.to_string()];
    made("slideshow.mkv", &[&input[..], &["-c:v", "mpeg4", "-g", "1"]].concat())
}

/// A second of film of which an edit list (ISO/IEC 14496-12 8.6.6) shows the whole so many times.
pub fn repeated_second(times: u32) -> PathBuf {
    let input = ["-f", "lavfi", "-i", "testsrc2=s=64x64:r=25:d=1", "-c:v", "mjpeg", "-use_editlist", "0"];
    let mut film = std::fs::read(made("second.mov", &input)).unwrap();
    let mut list = [&(24 + times * 12).to_be_bytes()[..], b"edts"].concat();
    list.extend((16 + times * 12).to_be_bytes());
    list.extend(b"elst\0\0\0\0");
    list.extend(times.to_be_bytes());
    for _ in 0..times {
        // A second of the movie's clock (1000), from its beginning, at its own pace.
        list.extend([&1000_u32.to_be_bytes()[..], &[0; 4], &0x1_0000_u32.to_be_bytes()].concat());
    }
    // The index is behind the pictures, so that nothing but the boxes around it has another size.
    let place = |film: &[u8], name: &[u8]| film.windows(4).rposition(|w| w == name).unwrap() - 4;
    let track = place(&film, b"trak");
    let header = place(&film, b"tkhd");
    for around in [place(&film, b"moov"), track] {
        let size = u32::from_be_bytes(film[around..around + 4].try_into().unwrap()) + list.len() as u32;
        film[around..around + 4].copy_from_slice(&size.to_be_bytes());
    }
    let after = header + u32::from_be_bytes(film[header..header + 4].try_into().unwrap()) as usize;
    film.splice(after..after, list);
    kept(&format!("repeated-{times}.mov"), &film)
}

/// Three pictures, each of which stands for ten minutes.
pub fn minutes_a_picture() -> PathBuf {
    let input = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=1/600", "-frames:v", "3"];
    made("minutes.mkv", &[&input[..], &["-c:v", "mpeg4", "-g", "1"]].concat())
}

/// What `sluice-worker transcode` did with a file.
#[derive(Debug)]
pub struct Outcome {
    pub succeeded: bool,
    pub said: String,
    /// The most that it, or one of its children, held at once.
    pub peak_bytes: u64,
    /// Processor time of it and its children, which other work beside it does not lengthen.
    pub worked: Duration,
}

/// Transcodes a file into a folder and measures what that takes.
pub fn transcode(file: &Path, to: &Path) -> Outcome {
    let script = "import resource, subprocess, sys\nend = subprocess.run(sys.argv[1:]).returncode\n\
                  used = resource.getrusage(resource.RUSAGE_CHILDREN)\n\
                  print('USED', used.ru_maxrss, used.ru_utime + used.ru_stime)\nsys.exit(end)";
    let worker = bin_dir().join("sluice-worker");
    let output = Command::new("python3")
        .args(["-c", script, worker.to_str().unwrap(), "transcode", "--preset", "ultrafast", "--"])
        .args([file, to])
        .output()
        .unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    let said = text(&output.stdout) + &text(&output.stderr);
    let used = said.lines().find_map(|l| l.strip_prefix("USED ")).unwrap();
    let (kib, seconds) = used.split_once(' ').unwrap();
    let (kib, seconds): (u64, f64) = (kib.parse().unwrap(), seconds.parse().unwrap());
    let worked = Duration::from_secs_f64(seconds);
    Outcome { succeeded: output.status.success(), said, peak_bytes: kib * 1024, worked }
}
