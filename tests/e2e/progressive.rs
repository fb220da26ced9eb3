//! Work begins before the last byte has come: what arrives is planned, encoded and played as far as it goes.

use futures::SinkExt;
use harness::{
    Client, Pair, Stack,
    client::PATIENCE,
    eventually, fixtures, media,
    tus::{begin_media, patch, stored},
};
use reqwest::Method;
use serde_json::{Value, json};
use sluice_db::PlannedPackage;
use sluice_model::{MediaKind, TaskKind, TaskStatus, Timestamp};
use sluice_storage::Prefix;
use std::{
    path::Path,
    time::{Duration, Instant},
};

harness::on_both!(
    moov_first_is_encoded_before_last_byte,
    moov_first_passes_through_before_last_byte,
    matroska_plays_before_last_byte,
    transport_stream_plays_before_last_byte,
    fragmented_mp4_plays_before_last_byte,
    one_slow_patch_plays_before_its_end,
    contradicting_bytes_are_planned_anew,
    unfinished_upload_is_listed_for_its_owner
);

async fn moov_first_is_encoded_before_last_byte(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    slow_journey(pair, &fixtures::fast_start(30)).await;
}

async fn moov_first_passes_through_before_last_byte(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    slow_journey(pair, &fixtures::compliant(30)).await;
}

async fn matroska_plays_before_last_byte(pair: Pair) {
    if harness::in_sample(pair, 0) {
        growing_journey(pair, "grown.mkv", 22_050).await;
    }
}

async fn transport_stream_plays_before_last_byte(pair: Pair) {
    if harness::in_sample(pair, 1) {
        growing_journey(pair, "grown.ts", 32_000).await;
    }
}

async fn fragmented_mp4_plays_before_last_byte(pair: Pair) {
    if harness::in_sample(pair, 0) {
        growing_journey(pair, "grown.mp4", 48_000).await;
    }
}

/// A film that is uploaded more slowly than it is encoded is played before its last byte is sent, and comes
/// out as one that was there from the start.
async fn slow_journey(pair: Pair, file: &Path) -> (Stack, Client, String) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let media = slow_upload(&stack, &client, file).await;
    (stack, client, media)
}

/// Containers without an index in front: the plan grows with what arrives.
async fn growing_journey(pair: Pair, name: &str, rate: u32) {
    let (_stack, client, media) = slow_journey(pair, &fixtures::contained(30, name, rate)).await;
    let public = json!({ "visibility": "public" });
    client.json(Method::PATCH, &format!("/api/v1/media/{media}"), &public, 200).await;
    let url = format!("{}/hls/{media}/index.m3u8", client.url);
    let (sound, report) = media::verify(&url);
    assert!(sound, "{name}: {report}");
    let list = client.text(&format!("/hls/{media}/index.m3u8")).await;
    let variant = list.lines().find(|l| !l.starts_with('#')).unwrap();
    assert!(!variant.contains("source"), "its end was not known: {list}");
    let variant = format!("{}/hls/{media}/{variant}", client.url);
    assert_eq!(media::decoded_frames(&variant, "v:0"), 750, "{name}: every picture is there once");
    let film = fixtures::compliant(30);
    let likeness = media::likeness(film.to_str().unwrap(), &variant);
    assert!(likeness > 30.0, "{name}: {likeness} dB");
    let sound = list.split("URI=\"").nth(1).unwrap().split('"').next().unwrap();
    let beep = media::beep(&format!("{}/hls/{media}/{sound}", client.url));
    assert!((beep - 21.0).abs() < 0.05, "{name}: the beep is at {beep} s");
}

/// As `curl --limit-rate` sends it: all in one request, whose bytes are worked with while it goes on.
async fn one_slow_patch_plays_before_its_end(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::contained(30, "grown.mkv", 22_050)).unwrap();
    let (path, media) = begin_media(&client, film.len()).await;
    let (mut send, body) = futures::channel::mpsc::channel::<std::io::Result<Vec<u8>>>(0);
    let request = client.request(Method::PATCH, &path).header("tus-resumable", "1.0.0").header("upload-offset", 0);
    let request =
        request.header("content-type", "application/offset+octet-stream").header("content-length", film.len());
    let answer = tokio::spawn(request.body(reqwest::Body::wrap_stream(body)).send());
    let pieces: Vec<&[u8]> = film.chunks(film.len().div_ceil(30)).collect();
    let (last, pieces) = pieces.split_last().unwrap();
    for (i, piece) in pieces.iter().enumerate() {
        send.send(Ok(piece.to_vec())).await.unwrap();
        tokio::time::sleep(Duration::from_millis(250)).await;
        if i == 10 {
            stack.pass(Duration::from_secs(10));
        }
    }
    eventually("it can be played", Duration::from_secs(60), || async {
        (client.media(&media).await["status"] == "playable").then_some(())
    })
    .await;
    assert_eq!(client.media(&media).await["duration_ms"], Value::Null, "its end is not known");
    send.send(Ok(last.to_vec())).await.unwrap();
    drop(send);
    assert_eq!(answer.await.unwrap().unwrap().status(), 204);
    client.wait_for(&media, &["ready"]).await;
    assert!(stored(&client, &media).await == film);
}

/// What was made of its first bytes is given up, and nothing of it stays.
async fn contradicting_bytes_are_planned_anew(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = fixtures::contained(30, "grown.mkv", 22_050);
    let film = std::fs::read(film).unwrap();
    let (path, media, at) = all_but_the_last_piece(&stack, &client, &film).await;
    // As if the first bytes had shown a picture of another size.
    let (db, store) = (stack.database().await, stack.store().await);
    let package = db.media().find(media.parse().unwrap()).await.unwrap().unwrap().package_id;
    let row = db.packages().find(package).await.unwrap().unwrap();
    let true_plan = row.plan.unwrap();
    let plan = true_plan.replace(r#""coded_size":[640,360]"#, r#""coded_size":[642,360]"#);
    assert_ne!(plan, true_plan);
    let misled = PlannedPackage {
        kind: MediaKind::Video,
        plan: &plan,
        duration_ms: None,
        width: Some(640),
        height: Some(360),
        target_s: row.target_s.unwrap(),
        renditions: Vec::new(),
    };
    // A run that is planning the last piece that came may store its own plan after this one.
    eventually("it is misled, and nobody is planning", Duration::from_secs(30), || async {
        let mut tx = db.begin().await.unwrap();
        assert!(
            tx.packages().store_plan(package, &misled, Timestamp::EPOCH).await.unwrap(),
            "its end is not known yet"
        );
        tx.commit().await.unwrap();
        let tasks = db.tasks().of_package(package).await.unwrap();
        let planning = tasks.iter().any(|t| t.kind == TaskKind::Plan && t.status == TaskStatus::Running);
        let stored = db.packages().find(package).await.unwrap().unwrap().plan.unwrap();
        (!planning && stored == plan).then_some(())
    })
    .await;
    assert_eq!(patch(&client, &path, at, &film[at..]).await.status(), 204);
    client.wait_for(&media, &["ready"]).await;
    assert!(stack.logs().contains("planned anew"));
    let public = json!({ "visibility": "public" });
    client.json(Method::PATCH, &format!("/api/v1/media/{media}"), &public, 200).await;
    let list = client.text(&format!("/hls/{media}/index.m3u8")).await;
    assert!(list.contains("/source/") && list.contains("TYPE=AUDIO"), "as if it had come at once: {list}");
    let (sound, report) = media::verify(&format!("{}/hls/{media}/index.m3u8", client.url));
    assert!(sound, "{report}");
    stack.pass(Duration::from_secs(2 * 86_400));
    stack.sweep().await;
    let named = db.snapshot().await.unwrap().objects().of_package(package).await.unwrap().len();
    let kept = store.list(&Prefix::Package(package)).await.unwrap();
    let is_media = |name: String| ["m4s", "jpg", "webp"].iter().any(|e| name.ends_with(e)) || name.contains("init-");
    let media_files = kept.iter().filter(|k| is_media(k.to_string()));
    assert_eq!(media_files.count(), named, "what was made before is gone");
}

/// Uploads a film slowly, up to the piece that a player need not wait for: where the upload goes on, its media
/// and how many bytes are there.
pub async fn all_but_the_last_piece(stack: &Stack, client: &Client, film: &[u8]) -> (String, String, usize) {
    let (path, media) = begin_media(client, film.len()).await;
    let part = film.len().div_ceil(15);
    let step = Duration::from_millis(300);
    let mut at = 0;
    while at + part < film.len() {
        let began = Instant::now();
        assert_eq!(patch(client, &path, at, &film[at..at + part]).await.status(), 204);
        at += part;
        tokio::time::sleep(step.saturating_sub(began.elapsed())).await;
        // As on a line that is many times as slow: where the last byte comes soon it is waited for.
        stack.pass(step * 15);
        if at / part == 8 {
            // On a machine with much else to do the plan has time to begin, so that it can grow.
            let planned = eventually("a plan", PATIENCE, || async {
                let status =
                    client.json(Method::GET, &format!("/api/v1/media/{media}/status"), &Value::Null, 200).await;
                (status["tasks"].as_array().unwrap().len() > 2).then_some(())
            });
            drop(tokio::time::timeout(Duration::from_secs(4), planned).await);
        }
    }
    eventually("it can be played", PATIENCE, || async {
        let now = client.media(&media).await;
        assert_ne!(now["status"], "failed", "{now}\n{}", stack.logs());
        (now["status"] == "playable").then_some(())
    })
    .await;
    (path, media, at)
}

async fn slow_upload(stack: &Stack, client: &Client, file: &Path) -> String {
    let film = std::fs::read(file).unwrap();
    let (path, media, at) = all_but_the_last_piece(stack, client, &film).await;
    let list = client.text(&format!("/hls/{media}/index.m3u8")).await;
    let variant = list.lines().find(|l| !l.starts_with('#')).unwrap().to_owned();
    let list = client.text(&format!("/hls/{media}/{variant}")).await;
    assert!(!list.contains("#EXT-X-ENDLIST") && list.contains("#EXTINF"), "{list}");
    assert_eq!(client.get(&format!("/raw/{media}")).await.status(), 404, "the original is not whole");
    let progress = client.json(Method::GET, &format!("/api/v1/media/{media}/status"), &Value::Null, 200).await;
    assert_eq!(
        (progress["received_bytes"].as_u64(), progress["total_bytes"].as_u64()),
        (Some(at as u64), Some(film.len() as u64))
    );
    assert_eq!(patch(client, &path, at, &film[at..]).await.status(), 204);
    let ready = client.wait_for(&media, &["ready"]).await;
    assert!((ready["duration_ms"].as_i64().unwrap() - 30_000).abs() < 100, "{ready}");
    let whole = client.upload(file).await;
    let whole = client.wait_for(whole["id"].as_str().unwrap(), &["ready"]).await;
    for field in ["duration_ms", "width", "height"] {
        assert_eq!(ready[field], whole[field]);
    }
    assert!(stored(client, &media).await == film);
    let report = client.json(Method::GET, &format!("/api/v1/media/{media}/report"), &Value::Null, 200).await;
    assert!(!report.to_string().contains("\"broken\""), "{report}");
    media
}

/// What has begun to arrive is listed for its owner, can be named and taken back, and is nobody else's business.
async fn unfinished_upload_is_listed_for_its_owner(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let (path, media) = begin_media(&client, film.len()).await;
    assert_eq!(patch(&client, &path, 0, &film[..film.len() / 2]).await.status(), 204);
    let seen = client.media(&media).await;
    assert_eq!((&seen["status"], &seen["size_bytes"]), (&json!("uploading"), &json!(film.len())));
    let mut events = client.get(&format!("/api/v1/media/{media}/events")).await;
    let first = String::from_utf8(events.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.contains(&format!("\"received_bytes\":{}", film.len() / 2)), "{first}");
    assert!(first.contains("\"uploading\""), "{first}");
    let of_media = format!("/api/v1/media/{media}");
    client.json(Method::PATCH, &of_media, &json!({ "title": "Named early" }), 200).await;
    let twice = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!((&twice["media"], &twice["uploads"]), (&json!(1), &json!(1)), "counted once");
    client.json(Method::DELETE, &of_media, &Value::Null, 204).await;
    assert_eq!(patch(&client, &path, film.len() / 2, &film[film.len() / 2..]).await.status(), 404);
    let none = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!((&none["media"], &none["uploads"]), (&json!(0), &json!(0)));
    let (_, media) = begin_media(&client, film.len()).await;
    let (path, _) = begin_media(&client, film.len()).await;
    assert_eq!(client.media(&media).await["status"], "uploading");
    let request = client.request(Method::DELETE, &path).header("tus-resumable", "1.0.0");
    assert_eq!(request.send().await.unwrap().status(), 204);
    let list = client.json(Method::GET, "/api/v1/media", &Value::Null, 200).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "the one given up is gone");
}
