//! Closed captions within pictures and pages of teletext: each that says anything becomes a track of subtitles, right to a
//! picture.

use harness::{
    Client, Pair, Stack,
    captioned::{self, assert_shown, cues, shown},
    client::PATIENCE,
    eventually, media, platform,
    process::bin_dir,
    teletext,
    tus::{begin_media, patch},
};
use serde_json::{Value, json};
use std::{
    path::{Path, PathBuf},
    process::{Command, Output},
    time::Duration,
};

harness::on_both!(captions_within_pictures_are_tracks_of_the_media, text_of_what_arrives_slowly_is_read);

fn transcode(file: &Path, output: &Path, options: &[&str]) -> Output {
    let quick = ["--preset", "ultrafast"];
    let worker = bin_dir().join("sluice-worker");
    Command::new(worker).arg("transcode").args(quick).args(options).arg(file).arg(output).output().unwrap()
}

fn text_of(file: PathBuf) -> String {
    std::fs::read_to_string(&file).unwrap_or_else(|e| panic!("{}: {e}", file.display()))
}

/// The cues of a track in a folder, by its segments.
fn track(out: &Path, name: &str) -> Vec<(u64, u64, String)> {
    let list = text_of(out.join(name).join("index.m3u8"));
    let segments: Vec<String> =
        list.lines().filter(|l| l.ends_with(".vtt")).map(|l| text_of(out.join(name).join(l))).collect();
    assert!(segments.len() > 2, "{list}");
    cues(segments.iter().map(String::as_str))
}

/// In every container, kept or encoded, though pictures come in another order than they are shown.
#[test]
fn every_channel_is_read_to_a_picture() {
    let dir = tempfile::tempdir().unwrap();
    let kept: &[&str] = &[];
    let encoded: &[&str] = &["--no-passthrough", "--ladder", "90:30:100"];
    let sample = [
        (captioned::film("mp4"), kept),
        (captioned::film("ts"), kept),
        (captioned::film("mkv"), encoded),
        (captioned::hevc(), kept),
        (captioned::broadcast(), kept),
    ];
    let others = [(captioned::film("mkv"), kept), (captioned::film("mp4"), encoded), (captioned::film("ts"), encoded)];
    let cases: Vec<_> = sample.into_iter().chain(harness::proof(Vec::new(), others.to_vec())).collect();
    for (n, (file, options)) in cases.iter().enumerate() {
        let what = format!("{} {options:?}", file.display());
        let out = dir.path().join(n.to_string());
        let done = transcode(file, &out, options);
        let said = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success() && !said.contains("warning"), "{what}: {said}");
        let is_kept = options.is_empty() && !file.ends_with("captioned-mpeg2.ts");
        assert_eq!(out.join("source").exists(), is_kept, "{what}");
        let top = text_of(out.join("index.m3u8"));
        let tracks = top.lines().filter(|l| l.starts_with("#EXT-X-MEDIA:TYPE=SUBTITLES")).count();
        let none =
            top.lines().filter(|l| l.starts_with("#EXT-X-STREAM-INF")).all(|l| l.contains("CLOSED-CAPTIONS=NONE"));
        assert!(tracks == 3 && none, "{what}: {top}");
        for (channel, name) in [(1, "text-sdh-und"), (2, "text-sdh-und-x-02"), (3, "text-sdh-und-x-03")] {
            assert_shown(&track(&out, name), &shown(channel), &format!("{what} {name}"));
        }
        let (compliant, report) = media::verify(out.to_str().unwrap());
        assert!(compliant && report.contains("no picture carries any"), "{what}: {report}");
    }
}

/// A track of captions in QuickTime has the language that the file says. What a sample holds is sent over line 21, pair by pair.
#[test]
fn a_track_of_captions_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let done = transcode(&captioned::track(), &out, &[]);
    assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
    assert!(text_of(out.join("index.m3u8")).contains("LANGUAGE=\"en\",NAME=\"English (SDH)\""));
    let expected = [(2_000 + 9 * 1001 / 30, 5_000, "Track".to_owned())];
    assert_shown(&track(&out, "text-sdh-en"), &expected, "track");
}

/// Each page of teletext that is subtitles, from the moment on at which it begins to be sent, though it is known only later.
#[test]
fn pages_of_teletext_are_read() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let done = transcode(&teletext::film(), &out, &[]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && !said.contains("warning"), "{said}");
    assert_shown(&track(&out, "text-full-de"), &teletext::german(), "page 888");
    assert_shown(&track(&out, "text-sdh-en"), &teletext::english(), "page 889");
    let (compliant, report) = media::verify(out.to_str().unwrap());
    assert!(compliant, "{report}");
}

/// Encoders send captions where nobody says anything, too: they are no track.
#[test]
fn captions_that_say_nothing_are_no_track() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let done = transcode(&captioned::wordless(), &out, &[]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && !said.contains("warning"), "{said}");
    let top = text_of(out.join("index.m3u8"));
    assert!(!top.contains("SUBTITLES") && top.contains("CLOSED-CAPTIONS=NONE"), "{top}");
    assert!(!out.join("text-sdh-und").exists());
}

/// Those of CTA-708 are not read; that they are left out is said.
#[test]
fn digital_captions_are_left_out_with_a_warning() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let done = transcode(&captioned::digital(), &out, &[]);
    let said = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success() && said.contains("warning: text_subtitles") && said.contains("cea_708"), "{said}");
    assert!(!text_of(out.join("index.m3u8")).contains("SUBTITLES"));
}

/// What says that no picture carries captions, and is wrong, is found.
#[test]
fn captions_that_are_denied_are_found() {
    let dir = tempfile::tempdir().unwrap();
    let list = dir.path().join("v.m3u8");
    let segments = ["-f", "hls", "-hls_segment_type", "fmp4", "-hls_playlist_type", "vod", "-hls_time", "6"];
    let made = Command::new("ffmpeg")
        .args(["-v", "error", "-nostdin", "-i"])
        .arg(captioned::film("mp4"))
        .args(["-map", "0:v", "-c", "copy"])
        .args(segments)
        .arg(&list)
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    for (said, is_found) in [(",CLOSED-CAPTIONS=NONE", true), ("", false)] {
        let text = format!("#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1{said}\nv.m3u8\n");
        std::fs::write(dir.path().join("index.m3u8"), text).unwrap();
        let (_, report) = media::verify(dir.path().join("index.m3u8").to_str().unwrap());
        let broken: Vec<&str> = report.lines().filter(|l| l.contains("no picture carries any")).collect();
        assert_eq!(broken.iter().any(|l| l.to_uppercase().contains("FAIL")), is_found, "{report}");
    }
}

async fn tracks(client: &Client, id: &str) -> Vec<(String, String)> {
    let list = platform::get(client, &format!("/media/{id}/captions")).await["items"].clone();
    let text = |t: &Value, name: &str| t[name].as_str().unwrap().to_owned();
    list.as_array().unwrap().iter().map(|t| (text(t, "language"), text(t, "role"))).collect()
}

/// Uploads a film so slowly that it is planned before all of it is there; its media.
async fn slowly(stack: &Stack, owner: &Client, file: &Path) -> String {
    let film = std::fs::read(file).unwrap();
    let (path, id) = begin_media(owner, film.len()).await;
    let pieces: Vec<&[u8]> = film.chunks(film.len().div_ceil(8)).collect();
    let mut at = 0;
    for piece in &pieces[..6] {
        assert_eq!(patch(owner, &path, at, piece).await.status(), 204);
        at += piece.len();
        // Waiting for the end is not worth it.
        stack.pass(Duration::from_secs(10));
    }
    eventually("it is planned", PATIENCE, || async {
        let status = platform::get(owner, &format!("/media/{id}/status")).await;
        (status["tasks"].as_array().unwrap().len() > 2).then_some(())
    })
    .await;
    assert_eq!(patch(owner, &path, at, &film[at..]).await.status(), 204);
    let ready = owner.wait_for(&id, &["ready"]).await;
    assert_eq!(ready["warnings"], json!([]));
    id
}

/// What is planned before all of it is there has the text of all of it.
async fn text_of_what_arrives_slowly_is_read(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let captions = [("und", "sdh", shown(1)), ("und-x-02", "sdh", shown(2)), ("und-x-03", "sdh", shown(3))];
    let pages = [("de", "full", teletext::german()), ("en", "sdh", teletext::english())];
    let broadcast = [&captions[..], &pages[..]].concat();
    for (file, expected) in [(teletext::film(), &broadcast[..]), (captioned::film("mp4"), &captions[..])] {
        let id = slowly(&stack, &owner, &file).await;
        assert_eq!(tracks(&owner, &id).await.len(), expected.len(), "{}", file.display());
        for (language, role, expected) in expected {
            let body = owner.text(&format!("/api/v1/media/{id}/captions/{language}?role={role}")).await;
            assert_shown(&cues([body.as_str()]), expected, language);
        }
    }
}

/// They are listed, served and searched as any text of the file, and hidden by deleting.
async fn captions_within_pictures_are_tracks_of_the_media(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let file = captioned::film("mp4");
    let answer = owner.upload_with(&file, &[("title", "Captioned"), ("visibility", "public")]).await;
    assert_eq!(answer.status(), 201);
    let id = answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    let ready = owner.wait_for(&id, &["ready"]).await;
    assert_eq!(ready["warnings"], json!([]));
    let sdh = |language: &str| (language.to_owned(), "sdh".to_owned());
    assert_eq!(tracks(&owner, &id).await, [sdh("und"), sdh("und-x-02"), sdh("und-x-03")]);
    let top = owner.text(&format!("/hls/{id}/index.m3u8")).await;
    let line = top.lines().find(|l| l.contains("TYPE=SUBTITLES") && l.contains("NAME=\"CC1 (SDH)\"")).unwrap();
    assert!(line.contains("CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog,"), "{top}");
    assert!(top.contains("CLOSED-CAPTIONS=NONE"), "{top}");
    let uri = line.split("URI=\"").nth(1).unwrap().split('"').next().unwrap();
    let list = owner.text(&format!("/hls/{id}/{uri}")).await;
    let folder = uri.rsplit_once('/').unwrap().0;
    let mut segments = Vec::new();
    for name in list.lines().filter(|l| l.ends_with(".vtt")) {
        segments.push(owner.text(&format!("/hls/{id}/{folder}/{name}")).await);
    }
    assert_shown(&cues(segments.iter().map(String::as_str)), &shown(1), "as served");
    let found = platform::get(&owner, "/search?q=onions").await;
    assert_eq!(platform::ids(&found), std::slice::from_ref(&id), "what is said is searched");
    let (whole, report) = media::verify(ready["playback"]["hls_url"].as_str().unwrap());
    assert!(whole, "{report}");
    let captions = format!("/media/{id}/captions/und?role=sdh");
    platform::act(&owner, reqwest::Method::DELETE, &captions, Value::Null, 204).await;
    assert_eq!(tracks(&owner, &id).await, [sdh("und-x-02"), sdh("und-x-03")]);
}
