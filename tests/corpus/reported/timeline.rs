//! Length, late and early streams, clocks that step.

use super::{Package, assert_instants, ffmpeg, reported};
use crate::run::transcode;
use harness::{fixtures::made, media};
use std::{
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

/// Flashes and beeps of most of the files, seconds.
const MARKS: [f64; 5] = [1.0, 3.5, 7.0, 11.5, 14.0];

fn assert_length(package: &Package, want_s: f64, tolerance_s: f64) {
    let got = package.duration_s();
    assert!((got - want_s).abs() <= tolerance_s, "{got:.3} s, not {want_s} s: {}", package.said);
}

/// A file's length, flashes and beeps; those that it cannot show are left out.
fn assert_film(name: &str, length_s: f64, flashes: &[f64], beeps: &[f64]) {
    let Some(file) = reported(name) else { return };
    assert_shows(&file, length_s, flashes, beeps);
}

fn assert_shows(file: &Path, length_s: f64, flashes: &[f64], beeps: &[f64]) {
    let package = Package::of(file);
    assert_length(&package, length_s, 0.1);
    let what = file.display();
    assert_instants(&format!("{what}: flashes"), &package.flashes(), flashes, 0.05);
    assert_instants(&format!("{what}: beeps"), &package.beeps(), beeps, 0.05);
}

#[test]
fn late_sound_stays_where_it_was() {
    assert_film("A1_audio_starts_6.9s.mp4", 15.0, &MARKS, &[7.0, 11.5, 14.0]);
}

#[test]
fn a_hole_in_the_sound_is_silent() {
    assert_film("A2_audio_gap_3_13s.mp4", 15.0, &MARKS, &[1.0, 14.0]);
}

#[test]
fn sound_that_ends_early_is_followed_by_silence() {
    assert_film("A3_audio_ends_4s.mp4", 15.0, &MARKS, &[1.0, 3.5]);
}

#[test]
fn the_last_picture_stands_until_the_sound_ends() {
    assert_film("A4_video_5s_audio_15s.mp4", 15.0, &MARKS[..2], &MARKS);
    assert_film("A5_one_frame_audio_15s.mp4", 15.0, &[], &MARKS);
    assert_film("A7_last_frame_lasts_7s.mp4", 15.0, &MARKS[..3], &MARKS);
}

#[test]
fn the_first_picture_stands_while_there_is_sound_alone() {
    // The picture's own marks, 5 s after those of the sound.
    let Some(file) = reported("A6_video_starts_5s_late.mkv") else { return };
    let package = Package::of(&file);
    assert_length(&package, 15.0, 0.1);
    assert_instants("beeps", &package.beeps(), &MARKS, 0.05);
    assert_instants("flashes", &package.flashes(), &MARKS[2..], 0.05);
}

#[test]
fn clocks_that_step_become_one() {
    let marks = [1.0, 3.5, 7.0, 7.64, 12.16, 14.64];
    assert_film("G1_ts_concat_reset.ts", 15.7, &marks, &[1.0, 3.5, 7.0, 12.14, 14.64]);
    assert_film("G1b_ts_jump_forward_300s.ts", 15.7, &marks, &[1.0, 3.5, 7.0, 12.14, 14.64]);
}

#[test]
fn wrapping_time_stamps_are_no_step() {
    assert_film("G2_ts_wrap.ts", 15.0, &MARKS, &MARKS);
}

#[test]
fn sound_that_moves_to_another_pid_goes_on() {
    assert_film("G3_ts_audio_pid_changes.ts", 15.0, &MARKS, &MARKS);
}

#[test]
fn browser_recordings_without_a_length_are_whole() {
    assert_film("H1_mediarecorder.webm", 5.0, &MARKS[..2], &MARKS[..2]);
    assert_film("H1b_mediarecorder_h264.webm", 5.0, &MARKS[..2], &MARKS[..2]);
}

#[test]
fn a_sound_track_without_samples_is_none() {
    let Some(file) = reported("H2_empty_audio_track.mp4") else { return };
    let package = Package::of(&file);
    assert_length(&package, 3.08, 0.05);
    assert!(!package.folder().join("audio").exists());
}

#[test]
fn large_frames_of_sound_are_counted_whole() {
    let Some(file) = reported("H12_alac8k.m4a") else { return };
    assert_length(&Package::of(&file), 10.0, 0.05);
}

/// Flash and beep together at these seconds of ten.
const BASE: [f64; 3] = [1.0, 4.0, 8.0];

/// The made film in a container that the ending of `name` chooses, its pictures and its sound as `arguments` say.
fn film(name: &str, arguments: &[&str]) -> PathBuf {
    let shown = BASE.map(|s| format!("between(t,{s},{})", s + 0.19)).join("+");
    let heard = BASE.map(|s| format!("between(t,{s},{})", s + 0.2)).join("+");
    let video = format!("color=black:s=320x180:r=25:d=10,drawbox=color=white:t=fill:enable='{shown}'");
    let audio = format!("sine=1000:r=48000:d=10,volume='if({heard},1,0)':eval=frame");
    let x264 = ["-c:v", "libx264", "-preset", "ultrafast", "-bf", "2", "-g", "50", "-pix_fmt", "yuv420p"];
    let input = ["-f", "lavfi", "-i", &video, "-f", "lavfi", "-i", &audio];
    let base = made("marks.mp4", &[&input[..], &x264, &["-c:a", "aac", "-ac", "2"]].concat());
    let base = base.to_str().unwrap();
    let arguments: Vec<&str> = arguments.iter().map(|a| if *a == "FILM" { base } else { a }).collect();
    made(&format!("marks-{name}"), &arguments)
}

/// Files one after the other, as `cat` joins them.
fn joined(dir: &tempfile::TempDir, name: &str, parts: &[PathBuf]) -> PathBuf {
    let file = dir.path().join(name);
    let bytes: Vec<u8> = parts.iter().flat_map(|p| std::fs::read(p).unwrap()).collect();
    std::fs::write(&file, bytes).unwrap();
    file
}

/// The marks of so many parts of `part_s` seconds.
fn repeated(parts: usize, part_s: f64) -> Vec<f64> {
    (0..parts).flat_map(|i| BASE.map(|s| s + part_s * i as f64)).collect()
}

#[test]
fn recordings_joined_by_cat_play_one_after_the_other() {
    let dir = tempfile::tempdir().unwrap();
    let at = |s: &str| film(&format!("{s}.ts"), &["-i", "FILM", "-c", "copy", "-output_ts_offset", s]);
    // Starts again, jumps by an hour, back to a minute, and a little back.
    let several = joined(&dir, "several.ts", &[at("0"), at("0"), at("3600"), at("60"), at("65")]);
    assert_shows(&several, 50.13, &repeated(5, 10.027), &repeated(5, 10.027));
    let mkv = film("0.mkv", &["-i", "FILM", "-c", "copy"]);
    assert_shows(&joined(&dir, "twice.mkv", &[mkv.clone(), mkv]), 20.03, &repeated(2, 10.027), &repeated(2, 10.027));
    let sound = film("sound.ts", &["-i", "FILM", "-map", "0:a", "-c", "copy"]);
    assert_length(&Package::of(&joined(&dir, "sound.ts", &[sound.clone(), sound])), 20.05, 0.1);
    let ogg = film("sound.ogg", &["-i", "FILM", "-map", "0:a", "-c:a", "libvorbis"]);
    assert_length(&Package::of(&joined(&dir, "chained.ogg", &[ogg.clone(), ogg])), 20.0, 0.1);
}

#[test]
fn sound_whose_rate_and_channels_change_stays_in_sync() {
    let dir = tempfile::tempdir().unwrap();
    let first = film("0.ts", &["-i", "FILM", "-c", "copy", "-output_ts_offset", "0"]);
    let mono = film("mono.ts", &["-i", "FILM", "-c:v", "copy", "-c:a", "aac", "-ac", "1", "-ar", "44100"]);
    let both = joined(&dir, "forms.ts", &[first.clone(), mono, first]);
    assert_shows(&both, 30.05, &repeated(3, 10.027), &repeated(3, 10.027));
}

/// Beginnings of sound after silence in a file, and how long its frames of so many samples last in all, seconds.
fn beeps_and_length(file: &Path, samples: f64, rate: f64) -> (Vec<f64>, f64) {
    let file = file.to_str().unwrap();
    let (_, log) = ffmpeg(&["-v", "info", "-i", file, "-af", "silencedetect=noise=-30dB:d=0.3", "-f", "null", "-"]);
    let count = ["-v", "error", "-count_packets", "-show_entries", "stream=nb_read_packets", "-of", "csv=p=0", file];
    let count = String::from_utf8(Command::new("ffprobe").args(count).output().unwrap().stdout).unwrap();
    let length_s = count.trim().parse::<f64>().unwrap() * samples / rate;
    let ends = log.split("silence_end: ").skip(1).map(|t| t.split_whitespace().next().unwrap().parse::<f64>().unwrap());
    (ends.filter(|t| *t < length_s - 0.1).collect(), length_s)
}

/// Highest level of the left channel between two instants of a file or a playlist, decibels.
fn level_db(input: &str, from_s: f64, to_s: f64) -> f64 {
    let filter = format!("pan=mono|c0=c0,atrim={from_s}:{to_s},volumedetect");
    let (_, log) = ffmpeg(&["-v", "info", "-i", input, "-map", "0:a:0", "-af", &filter, "-f", "null", "-"]);
    log.split("max_volume: ").nth(1).unwrap().split(' ').next().unwrap().parse().unwrap()
}

/// Raw sound has no time stamps: each part lasts as long as its own frames do, and is as loud as it was.
#[test]
fn raw_sound_that_was_joined_keeps_time_and_level() {
    let dir = tempfile::tempdir().unwrap();
    for (ending, codec, options) in
        [("aac", "aac", &[][..]), ("mp3", "libmp3lame", &["-write_xing", "0", "-id3v2_version", "0"])]
    {
        let (mut parts, mut beeps, mut begin_s) = (Vec::new(), Vec::new(), 0.0);
        for (rate, channels) in [(44_100.0, "2"), (48_000.0, "1"), (24_000.0, "2")] {
            let (hz, name) = (rate.to_string(), format!("{rate}-{channels}.{ending}"));
            let coded = ["-i", "FILM", "-map", "0:a", "-c:a", codec, "-b:a", "96k", "-ar", &hz, "-ac", channels];
            let part = film(&name, &[&coded[..], options].concat());
            let samples = if ending == "aac" {
                1024.0
            } else if rate < 32_000.0 {
                576.0
            } else {
                1152.0
            };
            let (own, length_s) = beeps_and_length(&part, samples, rate);
            assert_eq!(own.len(), BASE.len(), "{name}");
            beeps.push((part.clone(), begin_s, own));
            begin_s += length_s;
            parts.push(part);
        }
        let package = Package::of(&joined(&dir, &format!("joined.{ending}"), &parts));
        assert_length(&package, begin_s, 0.1);
        let expected: Vec<f64> = beeps.iter().flat_map(|(_, begin, own)| own.iter().map(move |b| begin + b)).collect();
        assert_instants(ending, &package.beeps(), &expected, 0.06);
        for (part, begin_s, own) in &beeps {
            let source = level_db(part.to_str().unwrap(), own[1] + 0.05, own[1] + 0.15);
            let (from_s, to_s) = (begin_s + own[1] + 0.05, begin_s + own[1] + 0.15);
            let made = level_db(&package.list(), from_s, to_s);
            assert!((made - source).abs() < 1.0, "{}: {made} dB, not {source}", part.display());
        }
    }
}

/// A broadcast of which one picture was received, or of sound with a slide.
#[test]
fn a_single_picture_of_a_transport_stream_stands_while_the_sound_lasts() {
    for codec in ["libx264", "mpeg2video"] {
        let name = format!("slide-{codec}.ts");
        let input =
            ["-f", "lavfi", "-i", "color=white:s=320x180:r=25:d=0.04", "-f", "lavfi", "-i", "sine=1000:r=48000:d=3"];
        let coded = ["-c:v", codec, "-c:a", "mp2"];
        let package = Package::of(&made(&name, &[&input[..], &coded].concat()));
        assert_length(&package, 3.0, 0.1);
        assert!(level_db(&package.list(), 2.0, 2.9) > -25.0, "{name}: the tone lasts");
        assert_eq!(package.flashes().len(), 1, "{name}: white from the begin to the end");
    }
    let input = ["-f", "lavfi", "-i", "color=white:s=320x180:r=25:d=0.04"];
    let alone = Package::of(&made("slide-alone.ts", &[&input[..], &["-c:v", "libx264"]].concat()));
    assert!(media::decoded_frames(&alone.list(), "v:0") >= 1);
}

#[test]
fn streams_that_begin_late_keep_their_distance() {
    let late = ["-itsoffset", "30", "-i", "FILM", "-i", "FILM", "-map", "0:v", "-map", "1:a", "-c", "copy"];
    assert_shows(&film("picture-30s-late.mkv", &late), 40.0, &BASE.map(|s| s + 30.0), &BASE);
    let half = ["-i", "FILM", "-itsoffset", "0.5", "-i", "FILM", "-map", "0:v", "-map", "1:a", "-c", "copy"];
    // An edit list says it; the source's own pictures are kept, and the last one stands.
    let file = film("sound-half-late.mp4", &half);
    assert_shows(&file, 10.5, &BASE, &BASE.map(|s| s + 0.5));
    assert!(Package::of(&file).folder().join("source").exists());
}

#[test]
fn a_picture_that_comes_in_whole_slots_has_its_own_rate() {
    let held = "setpts='if(eq(N,0),0,(N+1)/25/TB)'";
    let file = film("held.avi", &["-i", "FILM", "-vf", held, "-vsync", "passthrough", "-c:v", "mpeg4", "-an"]);
    let package = Package::of(&file);
    let list = std::fs::read_to_string(package.list()).unwrap();
    assert!(list.split([',', '\n']).any(|a| a == "FRAME-RATE=25"), "{list}");
}

#[test]
fn a_recording_on_other_pids_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let copy = ["-i", "FILM", "-c", "copy"];
    let first = film("0.ts", &[&copy[..], &["-output_ts_offset", "0"]].concat());
    let other = ["-mpegts_start_pid", "500", "-mpegts_pmt_start_pid", "4100"];
    let second = film("pids.ts", &[&copy[..], &other].concat());
    let both = joined(&dir, "pids.ts", &[first, second]);
    assert_shows(&both, 20.05, &repeated(2, 10.027), &repeated(2, 10.027));
}

/// A film of PCM whose sample entry says 16 bits and whose `pcmC` says something else.
fn mislabelled_pcm(dir: &tempfile::TempDir, bits: u8) -> PathBuf {
    let tone =
        ["-f", "lavfi", "-i", "sine=1000:r=48000:d=2", "-c:a", if bits == 24 { "pcm_s24be" } else { "pcm_s16be" }];
    let mut bytes = std::fs::read(made(&format!("tone-{bits}.mov"), &tone)).unwrap();
    let at = |bytes: &[u8], name: &[u8]| bytes.windows(4).position(|w| w == name).unwrap();
    let entry = at(&bytes, if bits == 24 { b"in24" } else { b"twos" });
    bytes[entry..entry + 4].copy_from_slice(b"ipcm");
    // The name of a box of eight bytes and more becomes `pcmC`: version and flags, byte order, size.
    let inner = bytes[entry..].windows(4).position(|w| w == b"wave" || w == b"chan").unwrap() + entry;
    bytes[inner..inner + 4].copy_from_slice(b"pcmC");
    bytes[inner + 4..inner + 10].copy_from_slice(&[0, 0, 0, 0, 0, bits]);
    let file = dir.path().join(format!("pcm-{bits}.mov"));
    std::fs::write(&file, bytes).unwrap();
    file
}

#[test]
fn samples_that_are_not_what_the_entry_says_are_refused() {
    let dir = tempfile::tempdir().unwrap();
    let run = transcode(&mislabelled_pcm(&dir, 24), &dir.path().join("out"), Duration::from_secs(60));
    assert_eq!(run.status, Some(1), "{}", run.said);
    assert!(run.last_line().starts_with("unsupported_format"), "{}", run.said);
    assert_length(&Package::of(&mislabelled_pcm(&dir, 16)), 2.0, 0.05);
}
