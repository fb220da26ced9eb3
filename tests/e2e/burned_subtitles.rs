//! Subtitles that are pictures become part of the picture, where an operator asks for it: when they are shown, where, and in
//! each rung.

use harness::{
    Pair, Stack,
    burned::{self, BESIDE, FRAMES, SHOWN, WITHIN},
    fixtures,
    process::bin_dir,
};
use std::process::Command;

harness::on_both!(a_forced_track_of_pictures_is_burned_in);

/// As the filter that makes gray of them has it, which stretches luma.
const GRAY: u8 = 128;
const WHITE: u8 = 255;

/// Luma of each picture around a place of a film that is 640 pixels wide.
fn lumas(list: &str, (x, y): (u32, u32), width: u32) -> Vec<u8> {
    let (x, y) = (x * width / 640, y * width / 640);
    let filter = format!("crop=8:8:{}:{},scale=1:1:flags=area,format=gray", x - 4, y - 4);
    let picture = ["-an", "-vf", &filter, "-pix_fmt", "gray", "-f", "rawvideo", "-"];
    let output = Command::new("ffmpeg").args(["-nostdin", "-v", "error", "-i", list]).args(picture).output().unwrap();
    assert!(output.status.success(), "{list}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

/// Boxes stand from their first frame to their last one, whatever segments and chunks these are in.
fn assert_drawn(list: &str, width: u32, spans: &[(u64, u64)]) {
    let within = lumas(list, WITHIN, width);
    assert_eq!(within.len() as u64, FRAMES, "{list}");
    let about = |luma: u8, wanted: u8| luma.abs_diff(wanted) < 16;
    let (gray, white) = (GRAY, WHITE);
    for (frame, luma) in within.iter().enumerate() {
        let shown = spans.iter().any(|(from, until)| (*from..*until).contains(&(frame as u64)));
        assert!(about(*luma, if shown { white } else { gray }), "{list}: frame {frame} is {luma}, shown: {shown}");
    }
    let beside = lumas(list, BESIDE, width);
    assert!(beside.iter().all(|luma| about(*luma, gray)), "{list}: {beside:?}");
}

async fn a_forced_track_of_pictures_is_burned_in(pair: Pair) {
    let settings = fixtures::settings("burned", "[encode]\npreset = \"superfast\"\nburn_subtitles = \"forced\"\n");
    // Chunks of a few segments each.
    let mut stack = Stack::start_with(pair, &[("SLUICE_CONFIG", &settings), ("SLUICE_FLEET_CORES", "8")]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let id = client.upload(&burned::film("copy", "mkv")).await["id"].as_str().unwrap().to_owned();
    let ready = client.wait_for(&id, &["ready"]).await;
    let codes: Vec<&str> = ready["warnings"].as_array().unwrap().iter().map(|w| w["code"].as_str().unwrap()).collect();
    assert_eq!(codes, ["image_subtitles", "burned_subtitles"], "one track is left out, one is drawn: {ready}");
    assert!(ready["warnings"][1]["message"].as_str().unwrap().contains("Deutsch"), "{ready}");
    let hls = ready["playback"]["hls_url"].as_str().unwrap();
    let (base, package) = (hls.rsplit_once('/').unwrap().0, client.text(hls.strip_prefix(&client.url).unwrap()).await);
    assert!(!package.contains("/source/"), "the picture cannot be kept: {package}");
    for (rung, width) in [("v360", 640), ("v144", 256)] {
        let list = package.lines().find(|l| l.contains(&format!("/{rung}/")) && !l.starts_with('#')).unwrap();
        assert_drawn(&format!("{base}/{list}"), width, &SHOWN);
    }
}

/// As DVDs and broadcasts write them; and not a pixel of them where nobody asks.
#[test]
fn every_kind_of_pictures_is_burned_in_if_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    // The ffmpeg command makes of boxes without an end one for DVDs or broadcasts that stands, and others far behind the film.
    let stands = [(SHOWN[0].0, FRAMES)];
    for codec in ["dvdsub", "dvbsub"] {
        for (which, is_drawn) in [("de", true), ("fr", false)] {
            let settings = format!("[encode]\npreset = \"ultrafast\"\nburn_subtitles = \"{which}\"\n");
            let out = dir.path().join(format!("{codec}-{which}"));
            let mut command = Command::new(bin_dir().join("sluice-worker"));
            command.env("SLUICE_CONFIG", fixtures::settings(&format!("burned-{which}"), &settings));
            command.args(["transcode", "--no-passthrough", "--ladder", "360:24:700"]);
            let made = command.arg(burned::film(codec, "mkv")).arg(&out).output().unwrap();
            let said = String::from_utf8_lossy(&made.stderr);
            assert!(made.status.success(), "{said}");
            assert_eq!(said.contains("part of the picture"), is_drawn, "{said}");
            let list = out.join("v360/index.m3u8").display().to_string();
            if is_drawn {
                assert_drawn(&list, 640, &stands);
            } else {
                let all = lumas(&list, WITHIN, 640);
                assert!(all.iter().all(|luma| luma.abs_diff(all[0]) < 4), "{codec}: {all:?}");
            }
        }
    }
}
