//! Files that public bug reports are about (`reported/` of the shared media, its MANIFEST.md has the right values): each
//! kind has a test that asserts what a viewer sees and hears. Without the shared media they do not run, and say so.

mod formats;
mod kept;
mod picture;
mod sync;
mod timeline;

use super::run::transcode_with;
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const PATIENCE: Duration = Duration::from_secs(120);

/// A file of `reported/`, if the shared media are at hand.
fn reported(name: &str) -> Option<PathBuf> {
    let root = std::env::var("SLUICE_TEST_MEDIA").ok()?;
    let file = Path::new(&root).join("reported").join(name);
    if !file.exists() {
        eprintln!("not run: {} is not at hand", file.display());
        return None;
    }
    Some(file)
}

/// A finished package in a folder of its own.
struct Package {
    dir: tempfile::TempDir,
    /// What `transcode` said.
    said: String,
}

impl Package {
    /// Transcodes a file; it must become a package.
    fn of(file: &Path) -> Self {
        Self::with(file, &["--preset", "ultrafast"])
    }

    /// Transcodes a file with these options; it must become a package.
    fn with(file: &Path, options: &[&str]) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let run = transcode_with(file, &dir.path().join("out"), PATIENCE, options);
        assert_eq!(run.status, Some(0), "{}: {}", file.display(), run.said);
        Self { dir, said: run.said }
    }

    /// Path of the multivariant playlist.
    fn list(&self) -> String {
        self.folder().join("index.m3u8").display().to_string()
    }

    fn folder(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// Pictures whose mean luma is above 128, by presentation time as FFmpeg's HLS demuxer gives it, seconds from the
    /// first picture or sound; of pictures that follow one another the first.
    fn flashes(&self) -> Vec<f64> {
        let filter = "signalstats,metadata=print:file=-";
        let out = ffmpeg(&["-copyts", "-i", &self.list(), "-map", "0:v:0", "-an", "-vf", filter, "-f", "null", "-"]).0;
        let (mut list, mut at, mut bright) = (Vec::new(), 0.0, false);
        for line in out.lines() {
            if let Some(time) = line.split("pts_time:").nth(1) {
                at = time.split_whitespace().next().unwrap().parse().unwrap();
            }
            if let Some(luma) = line.strip_prefix("lavfi.signalstats.YAVG=") {
                let now = luma.parse::<f64>().unwrap() > 128.0;
                if now && !bright {
                    list.push(at - self.start_s());
                }
                bright = now;
            }
        }
        list
    }

    /// Beginnings of sound after silence, seconds from the first picture or sound.
    fn beeps(&self) -> Vec<f64> {
        let filter = "silencedetect=noise=-30dB:d=0.3";
        let (_, log) = ffmpeg(&[
            "-copyts",
            "-v",
            "info",
            "-i",
            &self.list(),
            "-map",
            "0:a:0",
            "-vn",
            "-af",
            filter,
            "-f",
            "null",
            "-",
        ]);
        let ends = log.split("silence_end: ").skip(1);
        let (start_s, end_s) = (self.start_s(), self.duration_s() - 0.06);
        let ends = ends.map(|t| t.split_whitespace().next().unwrap().parse::<f64>().unwrap() - start_s);
        // A silence that lasts to the end ends there, without a sound.
        ends.filter(|t| *t < end_s).collect()
    }

    /// Where the package's own time begins, seconds.
    fn start_s(&self) -> f64 {
        self.probed("format=start_time")
    }

    /// Sum of EXTINF of the first variant, seconds.
    fn duration_s(&self) -> f64 {
        let media = std::fs::read_to_string(self.list()).unwrap();
        let variant = media.lines().find(|l| !l.starts_with('#') && !l.is_empty()).unwrap();
        let list = std::fs::read_to_string(self.folder().join(variant)).unwrap();
        let lengths = list.lines().filter_map(|l| l.strip_prefix("#EXTINF:"));
        lengths.map(|l| l.trim_end_matches(',').parse::<f64>().unwrap()).sum()
    }

    /// A number that ffprobe tells of the multivariant playlist, such as `format=start_time`.
    fn probed(&self, entry: &str) -> f64 {
        let arguments = ["-v", "error", "-show_entries", entry, "-of", "csv=p=0", &self.list()];
        let output = Command::new("ffprobe").args(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        text.lines().next().unwrap().trim_end_matches(',').parse().unwrap_or_else(|e| panic!("{text}: {e}"))
    }
}

/// Standard output and error of the ffmpeg command, which must succeed.
fn ffmpeg(arguments: &[&str]) -> (String, String) {
    let mut all = vec!["-nostdin"];
    if !arguments.contains(&"-v") {
        all.extend(["-v", "error"]);
    }
    all.extend(arguments);
    let output = Command::new("ffmpeg").args(&all).output().unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    assert!(output.status.success(), "ffmpeg {arguments:?}: {}", text(&output.stderr));
    (text(&output.stdout), text(&output.stderr))
}

/// Asserts that instants are where they should be, each within `tolerance_s`.
fn assert_instants(what: &str, got: &[f64], want: &[f64], tolerance_s: f64) {
    let near = got.len() == want.len() && got.iter().zip(want).all(|(g, w)| (g - w).abs() <= tolerance_s);
    assert!(near, "{what}: {got:.3?}, not {want:.3?}");
}
