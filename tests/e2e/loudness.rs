//! How loud sounds are, by EBU R 128: what is said of tones of known loudness, what FFmpeg hears of what is played, and what
//! comes of a loudness that is asked for.

use harness::{Pair, Stack, fixtures, media, process::bin_dir};
use serde_json::Value;
use std::{path::Path, process::Command};

harness::on_both!(a_profile_brings_sounds_to_its_loudness);

/// A tone of 1 kHz in so many channels, of stretches of seconds at a level, dBFS.
fn tone(name: &str, channels: usize, stretches: &[(f64, f64)], codec: &[&str]) -> std::path::PathBuf {
    let mut begin = 0.0;
    let mut level = String::new();
    for (seconds, decibels) in stretches {
        let amplitude = 10_f64.powf(decibels / 20.0);
        level += &format!("+{amplitude}*gte(t,{begin})*lt(t,{})", begin + seconds);
        begin += seconds;
    }
    let wave = vec![format!("(0{level})*sin(2*PI*1000*t)"); channels].join("|");
    let source = format!("aevalsrc='{wave}':s=48000:d={begin}");
    fixtures::made(name, &[&["-f", "lavfi", "-i", source.as_str()][..], codec].concat())
}

/// The report of a package of `file`, and what `transcode` said.
fn report(file: &Path, out: &Path, options: &[&str]) -> (Value, String) {
    // Of sound alone one variant is enough here.
    let settings = fixtures::settings("one-rate", "[encode]\npreset = \"ultrafast\"\naudio_kbps = [256]\n");
    let run = Command::new(bin_dir().join("sluice-worker"))
        .env("SLUICE_CONFIG", settings)
        .arg("transcode")
        .args(options)
        .arg(file)
        .arg(out)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&run.stderr).into_owned();
    assert!(run.status.success(), "{said}");
    (serde_json::from_slice(&std::fs::read(out.join("report.json")).unwrap()).unwrap(), said)
}

fn near(found: &Value, expected: f64, most: f64) -> bool {
    (found.as_f64().unwrap() - expected).abs() <= most
}

/// Cases 1, 2, 3 and 5 of EBU Tech 3341, and mono, which is heard from both sides.
#[test]
fn tones_of_known_loudness_measure_it() {
    let dir = tempfile::tempdir().unwrap();
    let flac = &["-c:a", "flac"][..];
    for (name, channels, stretches, integrated, range) in [
        ("tone-23.flac", 2, &[(10.0, -23.0)][..], -23.0, 0.0),
        ("tone-33.flac", 2, &[(10.0, -33.0)], -33.0, 0.0),
        ("tone-gated.flac", 2, &[(10.0, -36.0), (40.0, -23.0), (10.0, -36.0)], -23.0, 13.0),
        ("tone-mean.flac", 2, &[(10.0, -26.0), (10.0, -20.0), (10.0, -26.0)], -23.0, 6.0),
        ("tone-mono.flac", 1, &[(10.0, -23.0)], -23.0, 0.0),
    ] {
        let out = dir.path().join(name);
        let (report, said) = report(&tone(name, channels, stretches, flac), &out, &[]);
        let found = &report["loudness"][0];
        let loudest = stretches.iter().map(|s| s.1).fold(f64::MIN, f64::max);
        assert!(near(&found["integrated_lufs"], integrated, 0.1), "{name}: {found}");
        assert!(near(&found["range_lu"], range, 1.0), "{name}: {found}");
        assert!(near(&found["true_peak_dbtp"], loudest, 0.3), "{name}: {found}");
        let line = format!("loud a256      {integrated:.1} LUFS, range ");
        assert!(said.contains(&line), "{name}: {said}");
    }
}

/// Sound that is kept as it is is measured like sound that is encoded; a film without sound and silence have no loudness.
#[test]
fn kept_sound_is_measured_and_silence_has_none() {
    let dir = tempfile::tempdir().unwrap();
    let film = &["-f", "lavfi", "-i", "testsrc2=s=160x90:r=25:d=10", "-c:v", "libx264", "-preset", "ultrafast"][..];
    let coded = &["-pix_fmt", "yuv420p", "-g", "50", "-c:a", "aac", "-b:a", "128k", "-movflags", "+faststart"][..];
    let kept = tone("tone-23.mp4", 2, &[(10.0, -23.0)], &[film, coded].concat());
    let (of_kept, said) = report(&kept, &dir.path().join("kept"), &[]);
    let found = &of_kept["loudness"][0];
    assert!(near(&found["integrated_lufs"], -23.0, 0.1) && near(&found["true_peak_dbtp"], -23.0, 1.0), "{found}");
    assert_eq!((&found["rendition"], said.matches("\nloud ").count()), (&Value::from("audio"), 1), "{said}");
    let silent = tone("tone-none.flac", 2, &[(8.0, f64::NEG_INFINITY)], &["-c:a", "flac"]);
    assert_eq!(report(&silent, &dir.path().join("silent"), &[]).0["loudness"], Value::Null);
    assert_eq!(report(&fixtures::silent(), &dir.path().join("none"), &[]).0["loudness"], Value::Null);
}

/// What is soft becomes louder, as far as its peaks allow; what is loud becomes softer. Surround sound and its downmix alike.
#[test]
fn sounds_are_brought_to_a_loudness_and_never_clip() {
    let dir = tempfile::tempdir().unwrap();
    let flac = &["-c:a", "flac"][..];
    let surround =
        &["-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=12", "-ac", "6", "-c:v", "mpeg4", "-c:a", "flac"][..];
    for (name, channels, stretches, options, expected, renditions) in [
        ("soft.flac", 2, &[(10.0, -33.0)][..], flac, -16.0, &["a256"][..]),
        ("loud.flac", 2, &[(10.0, -3.0)], flac, -16.0, &["a256"]),
        // A click that is loud already: its peak may reach -1 dBTP, which is two decibels more.
        ("peak.flac", 2, &[(10.0, -40.0), (0.02, -3.0), (10.0, -40.0)], flac, f64::NAN, &["a256"]),
        ("surround.mkv", 6, &[(12.0, -30.0)], surround, -16.0, &["audio", "surround"]),
    ] {
        let (file, out) = (tone(&format!("target-{name}"), channels, stretches, options), dir.path().join(name));
        let (report, _) = report(&file, &out, &["--loudness", "-16"]);
        for rendition in renditions {
            let heard = media::loudness(out.join(rendition).join("index.m3u8").to_str().unwrap());
            assert!(expected.is_nan() || (heard[0] - expected).abs() < 0.3, "{name} {rendition}: {heard:?}");
            assert!(heard[2] < 0.0, "{name} {rendition}: {heard:?}");
            let told = report["loudness"].as_array().unwrap().iter().find(|l| l["rendition"] == *rendition).unwrap();
            assert!(near(&told["integrated_lufs"], heard[0], 0.2), "{name} {rendition}: {told}, {heard:?}");
            let peak = told["true_peak_dbtp"].as_f64().unwrap();
            let reached = if expected.is_nan() { (peak + 1.0).abs() < 0.1 } else { peak <= -0.9 };
            assert!(reached, "{name} {rendition}: {told}");
        }
    }
}

/// Channels that are loud together add up to more than full scale; what is played of it is below, between samples too.
#[test]
fn what_is_mixed_down_does_not_clip() {
    let dir = tempfile::tempdir().unwrap();
    let together = |wave: &str, layout: &str, channels: usize| {
        format!("aevalsrc='{}':c={layout}:s=48000:d=6", vec![wave; channels].join("|"))
    };
    let film = ["-f", "lavfi", "-i", "testsrc2=s=160x90:r=10:d=6", "-c:v", "mpeg4", "-c:a", "flac"];
    let chord = "0.33*(sin(2*PI*220*t)+sin(2*PI*1661*t)+sin(2*PI*6271*t))";
    // What AAC makes of noise, and of full scale at such a frequency, has peaks of its own.
    for (name, source, keeps_peaks) in [
        ("noise", together("1.99*random(0)-0.99", "5.1", 6), false),
        ("chord", together(chord, "5.1", 6), true),
        ("high", together("0.99*sin(2*PI*11999*t+PI/4)", "7.1", 8), false),
    ] {
        let input = ["-f", "lavfi", "-i", &source];
        let file = fixtures::made(&format!("loud-{name}.mkv"), &[&input[..], &film].concat());
        let out = dir.path().join(name);
        let (report, _) = report(&file, &out, &[]);
        let told = report["loudness"].as_array().unwrap().iter().find(|l| l["rendition"] == "audio").unwrap();
        let heard = media::loudness(out.join("audio/index.m3u8").to_str().unwrap());
        assert!(told["true_peak_dbtp"].as_f64().unwrap() <= -1.0, "{name}: {told}");
        assert!(heard[2] <= 0.0 || !keeps_peaks, "{name}: {heard:?}");
    }
}

/// In the service: a worker with a target in its settings, and one that asks for nothing.
async fn a_profile_brings_sounds_to_its_loudness(pair: Pair) {
    let settings =
        fixtures::settings("loudness", "[encode]\npreset = \"ultrafast\"\nloudness = { target_lufs = -16 }\n");
    let mut stack = Stack::start_with(pair, &[("SLUICE_CONFIG", &settings)]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = fixtures::compliant(10);
    let id = client.upload(&film).await["id"].as_str().unwrap().to_owned();
    let media = client.wait_for(&id, &["ready"]).await;
    let track = &media["tracks"][0];
    assert!(near(&track["loudness"]["integrated_lufs"], -16.0, 0.1), "{media}");
    let heard = media::loudness(&format!("{}/hls/{id}/index.m3u8", client.url));
    assert!((heard[0] + 16.0).abs() < 0.3, "{heard:?}, of {:?}", media::loudness(film.to_str().unwrap()));
}
