//! Pictures that are kept as they are: of phones, whose pictures are not evenly spaced, and of codecs that not every player
//! knows.

use super::{Package, ffmpeg};
use harness::{fixtures, media};
use std::path::{Path, PathBuf};

/// A shared film without its rotation and edit list, as it is otherwise.
fn upright(name: &str, folder: &Path) -> Option<PathBuf> {
    let film = fixtures::real(name)?;
    let file = folder.join("upright.mp4");
    ffmpeg(&[
        "-ignore_editlist",
        "1",
        "-i",
        film.to_str().unwrap(),
        "-map",
        "0:v",
        "-map",
        "0:a",
        "-c",
        "copy",
        "-strict",
        "unofficial",
        "-metadata:s:v",
        "rotate=0",
        file.to_str().unwrap(),
    ]);
    Some(file)
}

impl Package {
    fn multivariant(&self) -> String {
        std::fs::read_to_string(self.list()).unwrap()
    }

    fn variant(&self, name: &str) -> String {
        self.folder().join(name).join("index.m3u8").display().to_string()
    }

    fn segments_s(&self, name: &str) -> Vec<f64> {
        let list = std::fs::read_to_string(self.variant(name)).unwrap();
        list.lines().filter_map(|l| l.strip_prefix("#EXTINF:")?.trim_end_matches(',').parse().ok()).collect()
    }

    /// Asserts that the film is a rung as it is, with each of its pictures, in a package that keeps the rules; of the
    /// others the last names one.
    fn assert_kept(&self, film: &Path, codecs: &str, other: &str) {
        let list = self.multivariant();
        let line = list.lines().zip(list.lines().skip(1)).find(|(_, uri)| *uri == "source/index.m3u8");
        let line = line.unwrap_or_else(|| panic!("not kept: {list}\n{}", self.said)).0;
        assert!(line.contains(codecs), "{codecs}: {line}");
        let pictures = media::decoded_frames(film.to_str().unwrap(), "v:0");
        assert_eq!(media::decoded_frames(&self.variant("source"), "v:0"), pictures, "pictures of {}", film.display());
        let (compliant, report) = media::verify(&self.folder().display().to_string());
        assert!(compliant, "{report}");
        assert_eq!(self.segments_s("source"), self.segments_s(other), "one list of cuts");
        let avc = list.lines().filter(|l| l.contains("avc1.")).count();
        assert!(avc > 0, "H.264 beside it: {list}");
    }
}

/// Presentation times of a stream's pictures, from the first on, seconds.
fn shown(input: &str) -> Vec<f64> {
    let filter = "showinfo";
    let (_, log) = ffmpeg(&[
        "-v",
        "info",
        "-copyts",
        "-i",
        input,
        "-an",
        "-vsync",
        "passthrough",
        "-vf",
        filter,
        "-f",
        "null",
        "-",
    ]);
    let times = log.split("pts_time:").skip(1).map(|t| t.split_whitespace().next().unwrap().parse::<f64>().unwrap());
    let times: Vec<f64> = times.collect();
    times.iter().map(|t| t - times[0]).collect()
}

#[test]
fn uneven_pictures_of_a_phone_keep_their_times() {
    let dir = tempfile::tempdir().unwrap();
    let Some(film) = upright("phone_portrait_rot90_29fps.mov", dir.path()) else { return };
    let package = Package::of(&film);
    package.assert_kept(&film, "avc1.42", "v240");
    let (want, got) = (shown(film.to_str().unwrap()), shown(&package.variant("source")));
    let near = want.len() == got.len() && want.iter().zip(&got).all(|(w, g)| (w - g).abs() < 0.001);
    assert!(near, "{want:.3?}\n{got:.3?}");
}

#[test]
fn hevc_and_av1_are_rungs_beside_h264() {
    for (name, codecs, other, range) in [
        ("hevc_51_1080p24.ts", "hvc1.1.", "v1080", None),
        ("bbb_hevc10_hlg_720p24.mkv", "hvc1.2.", "v720", Some("HLG")),
        ("hevc10_hdr10_pq_sdr_container.mp4", "hvc1.2.", "v1080", Some("PQ")),
        ("av1_720p_short.mp4", "av01.0.05M.08", "v720", None),
        ("bbb_av1_opus_640x360.webm", "av01.0.01M.08", "v360", None),
    ] {
        let Some(film) = fixtures::real(name) else { return };
        let package = Package::of(&film);
        package.assert_kept(&film, codecs, other);
        let list = package.multivariant();
        let variants = list.lines().filter(|l| l.starts_with("#EXT-X-STREAM-INF")).count();
        let ranged = list.matches("VIDEO-RANGE=").count();
        assert_eq!(ranged, if range.is_some() { variants } else { 0 }, "{list}");
        assert!(range.is_none_or(|r| list.contains(&format!("VIDEO-RANGE={r}"))), "{list}");
    }
}

#[test]
fn dolby_vision_is_supplemental() {
    let dir = tempfile::tempdir().unwrap();
    let Some(film) = upright("phone_hevc10_hlg_rot_editlist.mp4", dir.path()) else { return };
    let package = Package::of(&film);
    package.assert_kept(&film, "SUPPLEMENTAL-CODECS=\"dvh1.08.04/db4h\"", "v1080");
    assert!(package.multivariant().contains("VIDEO-RANGE=HLG"), "{}", package.multivariant());
}

/// Cut without being encoded, as phones and editors do it: pictures that would have been shown before the last ones are gone.
#[test]
fn a_film_that_was_cut_off_is_kept() {
    let dir = tempfile::tempdir().unwrap();
    let (whole, film) = (dir.path().join("whole.mp4"), dir.path().join("film.mp4"));
    let source = "testsrc2=s=640x360:r=24:d=8";
    let h264 = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-x264-params", "keyint=48:scenecut=0"];
    let file = whole.to_str().unwrap();
    ffmpeg(&[&["-f", "lavfi", "-i", source, "-pix_fmt", "yuv420p"][..], &h264, &[file]].concat());
    // 7.05 s are in the middle of a P picture and its two B pictures, for one of these lengths at least.
    let mut holes = 0;
    for frames in ["169", "170", "171"] {
        ffmpeg(&["-y", "-i", file, "-c", "copy", "-frames:v", frames, film.to_str().unwrap()]);
        let times = shown(film.to_str().unwrap());
        holes += usize::from(times.windows(2).any(|w| w[1] - w[0] > 0.05));
        let package = Package::of(&film);
        package.assert_kept(&film, "avc1.", "v240");
        let got = shown(&package.variant("source"));
        let near = times.len() == got.len() && times.iter().zip(&got).all(|(w, g)| (w - g).abs() < 0.001);
        assert!(near, "{frames}: {times:.3?}\n{got:.3?}");
    }
    assert!(holes > 0, "nothing was cut in the middle");
}

/// An edit list that begins in mid-GOP hides pictures that others need: players would show them.
#[test]
fn what_an_edit_list_hides_is_not_shown() {
    let Some(film) = fixtures::real("edit_list_480p25.mp4") else { return };
    let package = Package::of(&film);
    let want = media::decoded_frames(film.to_str().unwrap(), "v:0");
    let first = package.multivariant().lines().find(|l| l.ends_with(".m3u8")).unwrap().to_owned();
    let got = media::decoded_frames(package.folder().join(first).to_str().unwrap(), "v:0");
    assert_eq!(got, want);
}
