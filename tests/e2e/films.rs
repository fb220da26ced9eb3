//! A film becomes HLS that plays: all its frames, all its time, by the rules.

use harness::{Pair, Stack, fixtures, media};
use serde_json::Value;
use std::path::Path;

crate::on_both!(a_compliant_film, a_foreign_film, a_picture_without_sound, sound_without_a_picture, a_real_film);

/// Uploads, waits, and checks what every package must be. Returns the media and its base URL.
async fn journey(pair: Pair, file: &Path) -> (Stack, Value, String) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let id = client.upload(file).await["id"].as_str().unwrap().to_owned();
    let ready = client.wait_for(&id, &["ready"]).await;
    assert_eq!(ready["progress"], 1.0);
    assert_eq!(ready["error"], Value::Null);
    let url = ready["playback"]["hls_url"].as_str().unwrap().to_owned();
    let (compliant, report) = media::verify(&url);
    assert!(compliant, "{report}");
    assert!(!report.contains("warn 8.22"), "boundaries differ between rungs: {report}");
    assert_eq!(media::play(&url), "", "ffmpeg complains");
    let stored = client.text(&format!("/api/v1/media/{id}/report")).await;
    assert!(stored.contains("\"rule\":\"7.3\""));
    (stack, ready, url)
}

/// URLs of the media playlists that a multivariant playlist names, video first.
async fn media_playlists(url: &str) -> (Vec<String>, Option<String>) {
    let text = reqwest::get(url).await.unwrap().text().await.unwrap();
    let base = url.rsplit_once('/').unwrap().0;
    let variants =
        text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(|l| format!("{base}/{l}")).collect();
    let audio = text.split("URI=\"").nth(1).map(|rest| format!("{base}/{}", rest.split('"').next().unwrap()));
    (variants, audio)
}

/// Every video rendition has exactly the source's frames.
async fn assert_frames(file: &Path, url: &str, renditions: usize) {
    let expected = media::decoded_frames(file.to_str().unwrap(), "v:0");
    let (variants, _) = media_playlists(url).await;
    assert_eq!(variants.len(), renditions, "{variants:?}");
    for variant in variants {
        assert_eq!(media::decoded_frames(&variant, "v:0"), expected, "{variant}");
    }
}

async fn a_compliant_film(pair: Pair) {
    let file = fixtures::compliant(10);
    let (stack, ready, url) = journey(pair, &file).await;
    assert_eq!((&ready["duration_ms"], &ready["width"], &ready["height"]), (&10_000.into(), &640.into(), &360.into()));
    assert_frames(&file, &url, 2).await;
    let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
    assert!(text.contains("/source/"), "its own picture is a rung: {text}");
    drop(stack);
}

async fn a_foreign_film(pair: Pair) {
    let file = fixtures::foreign(14);
    let (_stack, ready, url) = journey(pair, &file).await;
    assert_eq!(ready["kind"], "video");
    assert_frames(&file, &url, 2).await;
    let text = reqwest::get(&url).await.unwrap().text().await.unwrap();
    assert!(text.contains("FRAME-RATE=29.97") && !text.contains("/source/"), "{text}");
}

async fn a_picture_without_sound(pair: Pair) {
    let file = fixtures::silent();
    let (_stack, _, url) = journey(pair, &file).await;
    let (variants, audio) = media_playlists(&url).await;
    assert_eq!(audio, None);
    assert_eq!(media::decoded_frames(&variants[0], "v:0"), 120);
}

async fn sound_without_a_picture(pair: Pair) {
    let (_stack, ready, url) = journey(pair, &fixtures::sound()).await;
    assert_eq!(ready["kind"], "audio");
    let (variants, _) = media_playlists(&url).await;
    assert_eq!(variants.len(), 3, "64, 128 and 256 kb/s");
    // 20 s at 44.1 kHz in frames of 1024 samples.
    assert_eq!(media::decoded_frames(&variants[0], "a:0"), 861);
}

async fn a_real_film(pair: Pair) {
    let Some(file) = fixtures::real("bbb_480x270_25fps_33s.mp4") else {
        eprintln!("not run: the shared media are not at hand");
        return;
    };
    let (_stack, _, url) = journey(pair, &file).await;
    assert_frames(&file, &url, 2).await;
}
