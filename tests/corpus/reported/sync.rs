//! Picture and sound together, as FFmpeg's own HLS demuxer presents them.

use super::{Package, assert_instants, reported};
use harness::fixtures;

/// A picture is late or early for people from about here on.
const TOLERANCE_S: f64 = 0.022;
/// What is worth testing is reordered: x264 makes no B-pictures with its fastest settings.
const REORDERED: [&str; 2] = ["--preset", "veryfast"];

/// Asserts that every flash comes with a beep, both at `want`, seconds from the beginning.
fn assert_in_sync(what: &str, package: &Package, want: &[f64], tolerance_s: f64) {
    let (flashes, beeps) = (package.flashes(), package.beeps());
    let together =
        flashes.len() == beeps.len() && flashes.iter().zip(&beeps).all(|(f, b)| (f - b).abs() <= tolerance_s);
    assert!(together, "{what}: flashes {flashes:.3?}, beeps {beeps:.3?}\n{}", package.said);
    assert_instants(&format!("{what}: flashes"), &flashes, want, tolerance_s);
    let offsets: Vec<f64> = flashes.iter().zip(&beeps).map(|(f, b)| (f - b) * 1000.0).collect();
    eprintln!("{what}: flash after beep by {offsets:.1?} ms");
}

#[test]
fn reordered_pictures_are_not_late() {
    let Some(file) = reported("H0_flash_beep_24fps_2bframes.mp4") else { return };
    for options in [&REORDERED[..], &["--no-passthrough", "--preset", "veryfast"]] {
        let package = Package::with(&file, options);
        let flashes = package.flashes();
        // What begins with a beep has no end of silence there.
        let want: Vec<f64> = (1..10).map(|n| f64::from(n) * 2.0).collect();
        assert_instants("beeps", &package.beeps(), &want, TOLERANCE_S);
        assert_instants("flashes", &flashes[1..], &want, TOLERANCE_S);
    }
}

/// Every rate and container, kept and encoded: all pairs as a proof, else each rate and each container once.
#[test]
fn every_rate_and_container_is_in_sync() {
    const RATES: [(u32, u32); 3] = [(24, 1), (30_000, 1001), (60, 1)];
    const X264: [&str; 6] = ["-c:v", "libx264", "-preset", "veryfast", "-pix_fmt", "yuv420p"];
    let all = harness::proof(false, true);
    for (i, rate) in RATES.into_iter().enumerate() {
        let second = rate.0 / rate.1 + 1;
        let pictures = [second, second * 5 / 2, second * 9 / 2];
        let want: Vec<f64> = pictures.iter().map(|n| f64::from(*n) * f64::from(rate.1) / f64::from(rate.0)).collect();
        for (j, container) in ["mp4", "mkv", "ts", "avi"].into_iter().enumerate() {
            if !all && j % RATES.len() != i {
                continue;
            }
            let sound: &[&str] = if container == "avi" { &["-c:a", "pcm_s16le"] } else { &["-c:a", "aac"] };
            let group = second.to_string();
            let codecs = [&X264[..], &["-g", &group], sound].concat();
            let name = format!("flashes-{}.{container}", rate.0);
            let film = fixtures::flashes(&name, rate, 6, &pictures, &codecs);
            let kept = Package::with(&film, &REORDERED);
            assert_in_sync(&format!("{name} kept"), &kept, &want, TOLERANCE_S);
            let made = Package::with(&film, &["--no-passthrough", "--preset", "veryfast"]);
            assert_in_sync(&format!("{name} encoded"), &made, &want, TOLERANCE_S);
        }
    }
}

/// AVI says when pictures are decoded, not when they are shown.
#[test]
fn reordered_pictures_in_avi_are_in_sync() {
    let Some(file) = reported("H6b_h264_bframes.avi") else { return };
    let package = Package::of(&file);
    assert_in_sync("avi", &package, &[1.0, 3.5, 7.0, 11.5, 14.0], 0.045);
}
