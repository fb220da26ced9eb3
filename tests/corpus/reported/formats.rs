//! Containers and codecs: played, or refused by name; nothing vanishes in silence.

use super::{Package, assert_instants, ffmpeg, reported};
use crate::run::transcode;
use harness::{fixtures::made, media};
use std::time::Duration;

/// Pictures of the first variant.
fn pictures(package: &Package) -> u64 {
    media::decoded_frames(&package.list(), "v:0")
}

/// Mean level of the sound, decibels.
fn tone_db(package: &Package) -> f64 {
    let (_, log) =
        ffmpeg(&["-v", "info", "-i", &package.list(), "-map", "0:a:0", "-af", "volumedetect", "-f", "null", "-"]);
    log.split("mean_volume: ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

/// Each film is whole: so many pictures, sound that is heard, nothing left out.
#[test]
fn films_of_rare_codecs_and_containers_have_picture_and_sound() {
    for (name, frames) in [
        ("E1_dts.mkv", 127),
        ("E2_latm.ts", 127),
        ("E3_h263_amr.3gp", 125),
        ("E5b_ffv1_pcm.mkv", 20),
        ("E6_dv.avi", 5),
        ("E6b_qtrle.mov", 20),
        ("F1.flv", 127),
        ("F1.mpg", 125),
    ] {
        let Some(file) = reported(name) else { return };
        let package = Package::of(&file);
        // Where the sound is longer, the last picture may be repeated.
        let shown = pictures(&package);
        assert!((frames..=frames + 4).contains(&shown), "{name}: {shown} pictures, not {frames}");
        assert!(tone_db(&package) > -45.0, "{name}: {} dB", tone_db(&package));
        assert!(!package.said.contains("warning:"), "{name}: {}", package.said);
    }
}

#[test]
fn an_animation_is_a_film() {
    let Some(file) = reported("F1.gif") else { return };
    let package = Package::of(&file);
    assert_eq!(pictures(&package), 21);
    assert!((package.duration_s() - 2.1).abs() < 0.05, "{}", package.duration_s());
}

#[test]
fn sound_that_is_known_takes_the_place_of_sound_that_is_not() {
    let Some(file) = reported("E4_apac_first.mov") else { return };
    let package = Package::of(&file);
    assert!(tone_db(&package) > -45.0);
    assert!(package.said.contains("warning: undecodable_audio: Left out is 1 sound track"), "{}", package.said);
    assert!(package.said.contains("apac"), "{}", package.said);
}

/// A transport stream announces its sound; one of which nothing came is none, and nothing is said of it.
#[test]
fn sound_that_is_announced_and_never_comes_is_none() {
    let input = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=2", "-f", "lavfi", "-i", "sine=1000:r=48000:d=2"];
    // The film ends with its first picture, before there is enough sound for a packet.
    let coded = ["-frames:v", "1", "-c:v", "libx264", "-c:a", "aac"];
    let package = Package::of(&made("announced.ts", &[&input[..], &coded].concat()));
    assert!(!package.said.contains("warning:"), "{}", package.said);
    assert!(!std::fs::read_to_string(package.list()).unwrap().contains("AUDIO"));
}

/// Marks of the recordings whose beginning is missing: those of the film, less what was cut.
#[test]
fn recordings_that_begin_anywhere_play() {
    for name in ["F2_ts_starts_mid_packet.ts", "F4_ts_starts_mid_gop.ts"] {
        let Some(file) = reported(name) else { return };
        let package = Package::of(&file);
        let (flashes, beeps) = (package.flashes(), package.beeps());
        assert!(!flashes.is_empty(), "{name}");
        // What is heard and seen together is, of marks that both have.
        for flash in &flashes {
            let near = beeps.iter().any(|b| (b - flash).abs() < 0.15);
            assert!(near || *flash < 0.3, "{name}: flashes {flashes:.3?}, beeps {beeps:.3?}");
        }
    }
    for name in ["F3_mp3_leading_zeros.mp3", "F3b_mp3_starts_midframe.mp3"] {
        let Some(file) = reported(name) else { return };
        let package = Package::of(&file);
        assert!((package.duration_s() - 15.0).abs() < 0.1, "{name}: {}", package.duration_s());
        assert_instants(name, &package.beeps(), &[1.0, 3.5, 7.0, 11.5, 14.0], 0.1);
    }
}

#[test]
fn a_refusal_says_what_was_found_and_what_is_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let picture = "testsrc2=s=160x90:r=10:d=1";
    let make = |name: &str, arguments: &[&str]| {
        let file = dir.path().join(name);
        let mut all = vec!["-y", "-f", "lavfi", "-i", picture];
        all.extend(arguments);
        let path = file.display().to_string();
        all.push(&path);
        ffmpeg(&all);
        file
    };
    let sine = ["-f", "lavfi", "-i", "sine=f=1000:d=1"];
    let snow = [&sine[..], &["-c:v", "snow", "-strict", "-2", "-c:a", "pcm_s16le"]].concat();
    let text = dir.path().join("list.mp4");
    std::fs::write(&text, "#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n").unwrap();
    for (file, found) in [
        (make("snow.avi", &snow), "The file's picture is snow, which is not decoded. Decoded are H.264, "),
        (make("still.png", &["-frames:v", "1"]), "The file is a PNG picture. Accepted are MP4, "),
        (make("anim.webp", &["-c:v", "libwebp_anim"]), "The file is an animated WebP picture. Accepted are MP4, "),
        (text, "The file is a playlist. Accepted are MP4, "),
    ] {
        let run = transcode(&file, &dir.path().join("out"), Duration::from_secs(60));
        assert_eq!(run.status, Some(1), "{}", run.said);
        let line = run.last_line();
        assert!(line.starts_with(&format!("unsupported_format: {found}")), "{line}");
        assert!(line.ends_with("GET /api/v1/formats lists."), "{line}");
    }
}

#[test]
fn a_track_without_samples_is_not_left_out() {
    let Some(file) = reported("H2_empty_audio_track.mp4") else { return };
    let package = Package::of(&file);
    assert!(!package.said.contains("warning:"), "{}", package.said);
}

#[test]
fn what_is_left_out_is_said() {
    let dir = tempfile::tempdir().unwrap();
    let text = dir.path().join("a.srt");
    std::fs::write(&text, "1\n00:00:00,000 --> 00:00:01,000\nHello.\n").unwrap();
    let file = dir.path().join("many.mkv");
    let (picture, sine) = ("testsrc2=s=160x90:r=10:d=1", "sine=f=1000:d=1");
    let (text, path) = (text.display().to_string(), file.display().to_string());
    ffmpeg(&[
        "-y", "-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sine, "-i", &text, "-map", "0", "-map", "0", "-map",
        "1", "-map", "1", "-map", "2", "-c:v", "mpeg4", "-c:a", "aac", "-c:s", "subrip", &path,
    ]);
    let package = Package::of(&file);
    let line = "warning: extra_video: Left out is 1 further picture track: mpeg4.";
    assert!(package.said.contains(line), "{}", package.said);
    assert_eq!(package.said.matches("warning:").count(), 1, "{}", package.said);
}
