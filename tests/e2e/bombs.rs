//! What a file costs is in proportion to what it holds: gaps and standing pictures cost neither memory nor hours.

use harness::{
    Pair, Stack,
    bombs::{self, Outcome},
    fixtures,
    media::{self, decoded_frames},
    platform::get,
};
use std::{path::Path, time::Duration};

harness::on_both!(encoding_is_counted_and_limited);

/// The most that a child may hold for a file that holds next to nothing.
const MEMORY: u64 = 256 << 20;
/// The most processor time that the refusal of one may take.
const WORK: Duration = Duration::from_secs(5);

fn run(file: &Path) -> (tempfile::TempDir, Outcome) {
    let folder = tempfile::tempdir().unwrap();
    let outcome = bombs::transcode(file, &folder.path().join("out"));
    eprintln!("{}: {:?} of a core, {} MiB", file.display(), outcome.worked, outcome.peak_bytes >> 20);
    assert!(outcome.peak_bytes <= MEMORY, "{}: {outcome:?}", file.display());
    (folder, outcome)
}

#[test]
fn bombs_are_refused_by_name() {
    for (file, said) in [
        (bombs::sound_with_gap(1, 43_000), ["limit_exceeded", "are gaps"]),
        (bombs::late_picture(43_000, "mkv"), ["limit_exceeded", "stands still"]),
        (bombs::late_picture(900_001, "mp4"), ["limit_exceeded", "The file claims"]),
        (bombs::many_streams(900), ["limit_exceeded", "more than 256 tracks"]),
        (bombs::huge_picture(), ["limit_exceeded", "more pixels"]),
        (bombs::repeated_second(20_000), ["limit_exceeded", "over and over"]),
    ] {
        let (_folder, outcome) = run(&file);
        assert!(!outcome.succeeded, "{}: {outcome:?}", file.display());
        assert!(said.iter().all(|words| outcome.said.contains(words)), "{}: {outcome:?}", file.display());
        assert!(outcome.worked <= WORK, "{}: {outcome:?}", file.display());
    }
}

/// A hundred tracks are no fault of a file: what is not made of them is said.
#[test]
fn surplus_tracks_are_left_out_and_counted() {
    let (folder, outcome) = run(&bombs::many_streams(100));
    assert!(outcome.succeeded, "{outcome:?}");
    let said = "warning: extra_audio: Left out are 68 further sound tracks: pcm_s16le.";
    assert!(outcome.said.contains(said), "{outcome:?}");
    assert_eq!(media::play(&folder.path().join("out/index.m3u8").display().to_string()), "");
}

#[test]
fn long_silence_is_repeated_and_sound_comes_at_its_time() {
    let (folder, outcome) = run(&bombs::sound_with_gap(5, 600));
    assert!(outcome.succeeded, "{outcome:?}");
    let list = folder.path().join("out/index.m3u8").display().to_string();
    let (compliant, report) = media::verify(&folder.path().join("out").display().to_string());
    assert!(compliant, "{report}");
    assert_eq!(media::play(&list), "", "the repeated frames decode");
    let beep = media::beep(&list);
    assert!((beep - 605.0).abs() <= 0.03, "the sound goes on at {beep}");
    let frames = decoded_frames(&list, "a:0");
    assert!(frames.abs_diff(610 * 48_000 / 1024) <= 2, "{frames}");
}

/// Some showings are somebody's wish.
#[test]
fn a_second_that_is_shown_thrice_is_three_seconds() {
    let (folder, outcome) = run(&bombs::repeated_second(3));
    assert!(outcome.succeeded, "{outcome:?}");
    let top = std::fs::read_to_string(folder.path().join("out/index.m3u8")).unwrap();
    let list = folder.path().join("out").join(top.lines().rfind(|l| !l.starts_with('#')).unwrap());
    assert_eq!(decoded_frames(&list.display().to_string(), "v:0"), 75);
}

/// A picture that stands for longer than the storyboard's interval is on it once.
#[test]
fn pictures_of_minutes_have_a_storyboard() {
    let (folder, outcome) = run(&bombs::minutes_a_picture());
    assert!(outcome.succeeded, "{outcome:?}");
    let board = std::fs::read_to_string(folder.path().join("out/storyboard.vtt")).unwrap();
    assert!((1..=3).contains(&board.matches(" --> ").count()), "{board}");
}

#[test]
fn slideshow_lasts_as_long_as_its_pictures() {
    let (folder, outcome) = run(&bombs::slideshow(30));
    assert!(outcome.succeeded, "{outcome:?}");
    let out = folder.path().join("out");
    let (compliant, report) = media::verify(&out.display().to_string());
    assert!(compliant, "{report}");
    let top = std::fs::read_to_string(out.join("index.m3u8")).unwrap();
    let list = out.join(top.lines().rfind(|l| !l.starts_with('#')).unwrap());
    let text = std::fs::read_to_string(&list).unwrap();
    let lengths = text.lines().filter_map(|l| l.strip_prefix("#EXTINF:")?.split(',').next()?.parse::<f64>().ok());
    let seconds: f64 = lengths.sum();
    assert!((seconds - 300.0).abs() < 0.01, "{seconds} s");
    assert_eq!(decoded_frames(&list.display().to_string(), "v:0"), 30, "each of them once");
}

async fn encoding_is_counted_and_limited(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_QUOTAS", "creator.encode=0")]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let id = client.upload(&fixtures::foreign(14)).await["id"].as_str().unwrap().to_owned();
    let failed = client.wait_for(&id, &["failed"]).await;
    assert_eq!(failed["error"]["code"], "quota_exceeded", "{failed}");
    let usage = get(&client, "/me/usage").await;
    assert_eq!((&usage["encode_minutes"], &usage["encode_minutes_limit"]), (&0.into(), &0.into()), "{usage}");
    assert_eq!(usage["uploads_limit"], 20, "the others keep their defaults");
    let root = stack.admin().await;
    let id = root.upload(&fixtures::foreign(14)).await["id"].as_str().unwrap().to_owned();
    root.wait_for(&id, &["ready"]).await;
    let usage = get(&root, "/me/usage").await;
    assert_eq!((&usage["encode_minutes"], &usage["encode_minutes_limit"]), (&1.into(), &serde_json::Value::Null));
}
