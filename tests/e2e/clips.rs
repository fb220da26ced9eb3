//! Clips: exactly the pictures that were asked for, in every rendition, whatever becomes of the film.

use harness::{
    Client, Pair, Stack,
    client::{PATIENCE, problem},
    eventually, fixtures, media, proof,
};
use rand::Rng;
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    ops::Range,
    time::{Duration, Instant},
};

harness::on_both!(
    clips_of_a_kept_picture_are_exact,
    clips_of_an_encoded_picture_are_exact,
    a_clip_has_what_belongs_to_it_and_outlives_its_film,
    clips_of_what_is_encrypted_or_heard_alone,
    clips_that_cannot_be_are_refused
);

const FILM_S: u32 = 24;
const FPS: u64 = 25;

async fn ready(client: &Client, file: &std::path::Path, fields: &[(&'static str, &'static str)]) -> String {
    let made: Value = client.upload_with(file, fields).await.json().await.unwrap();
    let id = made["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    id
}

/// Asks for a clip of some frames; its id.
async fn begin(client: &Client, film: &str, frames: &Range<u64>) -> String {
    let ms = |frame: u64| frame * 1000 / FPS;
    let asked = json!({ "start_ms": ms(frames.start), "end_ms": ms(frames.end), "visibility": "unlisted" });
    let made = client.json(Method::POST, &format!("/api/v1/media/{film}/clips"), &asked, 201).await;
    made["id"].as_str().unwrap().to_owned()
}

/// Makes a clip of some frames; its media when it is ready, and how long it took until it could be played.
async fn clip(client: &Client, film: &str, frames: &Range<u64>) -> (Value, Duration) {
    let began = Instant::now();
    let id = begin(client, film, frames).await;
    client.wait_for(&id, &["playable", "ready"]).await;
    let playable = began.elapsed();
    (client.wait_for(&id, &["ready"]).await, playable)
}

/// A worker that dies while it makes a clip leaves it to the next one.
async fn assert_goes_on_after_a_death(stack: &mut Stack, client: &Client, film: &str) {
    let frames = 7..590;
    let published = || stack.run_sql("SELECT COUNT(*) FROM segments").trim().parse::<u64>().unwrap();
    let before = published();
    let id = begin(client, film, &frames).await;
    eventually("something of the clip is there", PATIENCE, || async { (published() > before).then_some(()) }).await;
    stack.workers[0].kill();
    stack.add_worker();
    let made = client.wait_for(&id, &["ready"]).await;
    assert_shows(client, &made, &frames).await;
}

/// The media playlists of the pictures of a media, as they are listed.
async fn pictures(client: &Client, id: &str) -> Vec<String> {
    let top = client.text(&format!("/hls/{id}/index.m3u8")).await;
    let lines = top.lines().filter(|l| l.ends_with(".m3u8") && !l.starts_with('#'));
    lines.map(|l| format!("{}/hls/{id}/{l}", client.url)).collect()
}

/// Asserts that every rendition of a clip shows these frames of the film and no others.
async fn assert_shows(client: &Client, clip: &Value, frames: &Range<u64>) {
    let id = clip["id"].as_str().unwrap();
    let all = pictures(client, id).await;
    assert!(!all.is_empty());
    for uri in all {
        let shown = media::numbers(&uri);
        assert_eq!(shown, frames.clone().collect::<Vec<u64>>(), "{uri} of {frames:?}");
    }
    let length_ms = (frames.end - frames.start) * 1000 / FPS;
    assert_eq!(clip["duration_ms"], length_ms, "{clip}");
}

/// Asserts that a clip that begins with frame `start` has its sound at the right picture.
async fn assert_in_sync(client: &Client, clip: &Value, start: u64) {
    let id = clip["id"].as_str().unwrap();
    let list: Value = client.get(&format!("/api/v1/media/{id}/downloads")).await.json().await.unwrap();
    let film = list["items"].as_array().unwrap().iter().find(|i| i["kind"] == "video").unwrap();
    let whole = harness::client::http().get(film["url"].as_str().unwrap()).send().await.unwrap().bytes().await.unwrap();
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &whole).unwrap();
    let (shown, beep) = media::picture_and_beep(file.path().to_str().unwrap());
    let expected = (start.next_multiple_of(FPS) - start) as f64 / FPS as f64;
    let off = beep - shown - expected;
    assert!(off.abs() < 0.03, "the sound is {off} s late");
}

async fn exact(pair: Pair, passed: bool) {
    let mut stack = Stack::start_with(pair, &[harness::NO_QUOTAS, ("SLUICE_LIMITS", "upload_account=0/1")]).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let film = ready(&owner, &fixtures::numbered(FILM_S, passed), &[("visibility", "unlisted")]).await;
    let all = u64::from(FILM_S) * FPS;
    // Within one GOP; over several segments, off the entry points at both ends; from the begin; to the end; at entry points;
    // where two segments of sound give a block of loudness more to a segment of the clip than fits into it.
    let mut cuts = vec![60..75, 33..417, 0..113, 289..all, 100..300, 198..416];
    let mut random = rand::rng();
    cuts.extend((0..proof(1, 100)).map(|_| {
        let start = random.random_range(0..all - 3);
        start..random.random_range(start + 3..=all)
    }));
    let mut waits = Vec::new();
    for frames in cuts {
        let (made, playable) = clip(&owner, &film, &frames).await;
        assert_shows(&owner, &made, &frames).await;
        let until_beep = frames.start.next_multiple_of(FPS) - frames.start;
        if until_beep > FPS / 2 && until_beep < FPS * 4 / 5 && frames.end > frames.start + FPS {
            assert_in_sync(&owner, &made, frames.start).await;
        }
        let (compliant, report) = media::verify(made["playback"]["hls_url"].as_str().unwrap());
        assert!(compliant, "{frames:?}: {report}");
        waits.push(playable);
    }
    if !passed {
        assert_goes_on_after_a_death(&mut stack, &owner, &film).await;
    }
    waits.sort_unstable();
    println!("playable after {:?} (median), {:?} (longest)", waits[waits.len() / 2], waits[waits.len() - 1]);
}

async fn clips_of_a_kept_picture_are_exact(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    exact(pair, true).await;
}

async fn clips_of_an_encoded_picture_are_exact(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    exact(pair, false).await;
}

async fn a_clip_has_what_belongs_to_it_and_outlives_its_film(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let film = ready(&owner, &fixtures::numbered(FILM_S, false), &[("visibility", "private")]).await;
    let path = |id: &str, what: &str| format!("/api/v1/media/{id}/{what}");
    let cues = "WEBVTT\n\n00:01.000 --> 00:03.000\nBefore and in\n\n00:08.000 --> 00:09.000\nIn\n\n00:20.000 --> 00:21.000\nAfter\n";
    let put = owner.request(Method::PUT, &path(&film, "captions/de")).body(cues);
    assert_eq!(put.send().await.unwrap().status(), 200);
    let marks = json!({ "items": [
        { "start_ms": 0, "title": "One" }, { "start_ms": 5000, "title": "Two" }, { "start_ms": 15000, "title": "Three" }
    ] });
    owner.json(Method::PUT, &path(&film, "chapters"), &marks, 200).await;
    let label = json!({ "label": "Original", "language": "de" });
    owner.json(Method::PUT, &path(&film, "tracks/audio"), &label, 200).await;
    let before = harness::tus::usage(&owner).await;
    let (made, _) = clip(&owner, &film, &(50..300)).await;
    let id = made["id"].as_str().unwrap();
    assert_eq!((&made["title"], &made["playback"]["raw_url"]), (&json!("A film (clip)"), &Value::Null));
    let after = harness::tus::usage(&owner).await;
    let counted = after["stored_bytes"].as_i64().unwrap() - before["stored_bytes"].as_i64().unwrap();
    assert_eq!(made["size_bytes"], counted, "{after}");
    let share = counted as f64 / before["stored_bytes"].as_f64().unwrap();
    assert!((share - 10.0 / f64::from(FILM_S)).abs() < 0.01, "{share}");
    assert_eq!(problem(owner.get(&format!("/raw/{id}")).await).await, (404, "no_original".into()));
    // What is shown in it of the film's text, on its own clock.
    let text = owner.text(&path(id, "captions/de")).await;
    assert!(text.contains("00:00:00.000 --> 00:00:01.000\nBefore and in\n"), "{text}");
    assert!(text.contains("00:00:06.000 --> 00:00:07.000\nIn\n") && !text.contains("After"), "{text}");
    let chapters: Value = owner.get(&path(id, "chapters")).await.json().await.unwrap();
    let starts: Vec<&Value> = chapters["items"].as_array().unwrap().iter().map(|c| &c["start_ms"]).collect();
    assert_eq!(starts, [0, 3000], "{chapters}");
    assert_eq!(owner.media(id).await["tracks"][0]["label"], "Original");
    for picture in ["poster_url", "waveform_url", "storyboard_url", "preview_url"] {
        let url = made["playback"][picture].as_str().unwrap_or_else(|| panic!("{picture}: {made}"));
        assert_eq!(harness::client::http().get(url).send().await.unwrap().status(), 200, "{picture}");
    }
    let report: Value = owner.get(&path(id, "report")).await.json().await.unwrap();
    let renditions = report["renditions"].as_array().unwrap();
    assert!(renditions.iter().any(|r| r["loudness"]["integrated_lufs"].is_f64()), "{renditions:?}");
    // A clip of a clip is of the film's pictures too.
    let (second, _) = clip(&owner, id, &(33..77)).await;
    assert_shows(&owner, &second, &(83..127)).await;
    // The film goes with all that is its own; its clips stay.
    assert_eq!(owner.request(Method::DELETE, &format!("/api/v1/media/{film}")).send().await.unwrap().status(), 204);
    stack.pass(Duration::from_secs(2 * 86_400));
    stack.sweep().await;
    let sources = stack.run_sql("SELECT COUNT(*) FROM sources");
    assert_eq!(sources.trim(), "2", "the film's bytes are gone");
    assert_shows(&owner, &owner.media(id).await, &(50..300)).await;
    assert_shows(&owner, &owner.media(second["id"].as_str().unwrap()).await, &(83..127)).await;
    let gone = json!({ "start_ms": 0, "end_ms": 1000 });
    let answer = owner.send(Method::POST, &path(id, "clips"), &gone).await;
    assert_eq!(problem(answer).await, (404, "no_original".into()));
    // A clip goes as any media does.
    for clip in [id, second["id"].as_str().unwrap()] {
        let deleted = owner.request(Method::DELETE, &format!("/api/v1/media/{clip}")).send().await.unwrap();
        assert_eq!(deleted.status(), 204);
    }
    stack.pass(Duration::from_secs(2 * 86_400));
    stack.sweep().await;
    assert_eq!(stack.run_sql("SELECT COUNT(*) FROM segments").trim(), "0");
}

async fn clips_of_what_is_encrypted_or_heard_alone(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let fields = [("visibility", "unlisted"), ("encryption", "aes-128")];
    let secret = ready(&owner, &fixtures::numbered(FILM_S, true), &fields).await;
    let (made, _) = clip(&owner, &secret, &(130..333)).await;
    assert_eq!(made["encryption"], "aes-128");
    assert_shows(&owner, &made, &(130..333)).await;
    let sound = ready(&owner, &fixtures::sound(), &[("visibility", "unlisted")]).await;
    let asked = json!({ "start_ms": 3100, "end_ms": 14_700, "visibility": "unlisted" });
    let made = owner.json(Method::POST, &format!("/api/v1/media/{sound}/clips"), &asked, 201).await;
    let made = owner.wait_for(made["id"].as_str().unwrap(), &["ready"]).await;
    let url = made["playback"]["hls_url"].as_str().unwrap();
    let heard_s = media::decoded_frames(url, "a:0") as f64 * 1024.0 / 44_100.0;
    assert!((heard_s - 11.6).abs() < 0.05, "{heard_s}");
    let (compliant, report) = media::verify(url);
    assert!(compliant && media::play(url).is_empty(), "{report}");
}

async fn clips_that_cannot_be_are_refused(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let (owner, other) = (stack.creator().await, stack.creator().await);
    let film = owner.upload(&fixtures::numbered(FILM_S, true)).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/media/{film}/clips");
    let early = owner.send(Method::POST, &path, &json!({ "start_ms": 0, "end_ms": 1000 })).await;
    assert_eq!(problem(early).await, (409, "not_ready".into()));
    stack.add_worker();
    owner.wait_for(&film, &["ready"]).await;
    for (start_ms, end_ms, field) in
        [(-1, 1000, "start_ms"), (0, 24_001, "end_ms"), (1000, 1099, "end_ms"), (5000, 1000, "end_ms")]
    {
        let asked = json!({ "start_ms": start_ms, "end_ms": end_ms });
        let refused = owner.json(Method::POST, &path, &asked, 422).await;
        assert_eq!(refused["code"], "invalid");
        assert_eq!(refused["errors"][0]["field"], field, "{refused}");
    }
    let whole = json!({ "start_ms": 0, "end_ms": 24_000, "title": "All of it" });
    assert_eq!(problem(other.send(Method::POST, &path, &whole).await).await, (403, "forbidden".into()));
    let stranger = stack.viewer().await;
    assert_eq!(problem(stranger.send(Method::POST, &path, &whole).await).await, (403, "forbidden".into()));
    let made = owner.json(Method::POST, &path, &whole, 201).await;
    assert_eq!((&made["title"], &made["visibility"]), (&json!("All of it"), &json!("private")));
    owner.wait_for(made["id"].as_str().unwrap(), &["ready"]).await;
}
