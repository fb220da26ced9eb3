//! Bytes on other ways than through the API, and work that begins before they are all there.

use futures::SinkExt;
use harness::{Client, Pair, Stack, client::problem, eventually, fixtures, media};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_db::PlannedPackage;
use sluice_model::MediaKind;
use sluice_storage::Prefix;
use std::{
    path::Path,
    sync::LazyLock,
    time::{Duration, Instant},
};

crate::on_both!(
    parts_go_straight_to_the_store,
    what_a_signed_url_refuses,
    announced_hashes_are_held_to,
    given_up_parts_leave_nothing,
    work_begins_before_the_end,
    films_are_planned_as_they_grow,
    one_request_on_a_slow_line,
    a_film_that_misled_is_planned_anew,
    an_unfinished_upload_is_seen,
    deleted_while_it_comes_again,
);

const BEGIN: &str = "/api/v1/uploads/presigned";

async fn begin(client: &Client, size: usize, more: Value) -> Value {
    let mut body = json!({ "size": size, "filename": "film.mp4", "content_type": "video/mp4", "part_size": 65536 });
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    client.json(Method::POST, BEGIN, &body, 201).await
}

/// Puts bytes to a signed URL with its headers, as a browser would: without credentials.
async fn put(part: &Value, data: &[u8]) -> Response {
    put_as(part, part["headers"]["content-type"].as_str().unwrap(), data).await
}

async fn put_as(part: &Value, content_type: &str, data: &[u8]) -> Response {
    // One for all: each would read the system's certificates anew.
    static STRANGER: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);
    let request = STRANGER.put(part["url"].as_str().unwrap()).header("if-none-match", "*");
    request.header("content-type", content_type).body(data.to_vec()).send().await.unwrap()
}

fn slice<'a>(film: &'a [u8], begun: &Value, part: &Value) -> &'a [u8] {
    let (size, number) = (begun["part_size"].as_u64().unwrap() as usize, part["number"].as_u64().unwrap() as usize);
    &film[(number - 1) * size..(number * size).min(film.len())]
}

async fn put_all(film: &[u8], begun: &Value) {
    for part in begun["parts"].as_array().unwrap() {
        let answer = put(part, slice(film, begun, part)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
        assert!(answer.headers().contains_key("etag"));
    }
}

fn path(begun: &Value, rest: &str) -> String {
    format!("{BEGIN}/{}{rest}", begun["upload_id"].as_str().unwrap())
}

async fn stored(client: &Client, media: &Value) -> Vec<u8> {
    client.get(&format!("/raw/{}", media.as_str().unwrap())).await.bytes().await.unwrap().to_vec()
}

async fn parts_go_straight_to_the_store(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_PRESIGNED_SECONDS", "15")]).await;
    stack.add_worker();
    let (client, stranger) = (stack.creator().await, stack.creator().await);
    let film = std::fs::read(fixtures::compliant(10)).unwrap();
    let begun = begin(&client, film.len(), json!({ "title": "Parts" })).await;
    let parts = begun["parts"].as_array().unwrap();
    assert_eq!(parts.len(), film.len().div_ceil(65536));
    let through_api = parts[0]["url"].as_str().unwrap().starts_with(&stack.url);
    assert_eq!(through_api, pair == Pair::Embedded, "{}", parts[0]);
    let media = &begun["media_id"];
    assert_eq!(client.media(media.as_str().unwrap()).await["status"], "uploading");
    let early = client.send(Method::POST, &path(&begun, "/complete"), &Value::Null).await;
    assert_eq!(problem(early).await, (409, "parts_missing".into()));
    // The last part first, by a URL that was asked for later.
    let again = client.json(Method::POST, &path(&begun, "/parts"), &json!({ "numbers": [parts.len()] }), 200).await;
    let last = &again["parts"][0];
    assert_eq!(put(last, slice(&film, &begun, last)).await.status(), StatusCode::OK);
    let listed = client.json(Method::GET, &path(&begun, "/parts"), &Value::Null, 200).await;
    assert_eq!(listed["parts"].as_array().unwrap().len(), 1);
    assert_eq!(listed["parts"][0]["number"], parts.len());
    for method in ["/complete", "/parts"] {
        let body = json!({ "numbers": [1] });
        assert_eq!(problem(stranger.send(Method::POST, &path(&begun, method), &body).await).await.0, 404, "{method}");
    }
    put_all(&film, &begun).await;
    // Completed twice at once, on two instances.
    let (_other, url) = stack.another_api();
    let elsewhere = Client { url, ..client.clone() };
    let complete = path(&begun, "/complete");
    let (a, b) = tokio::join!(
        client.send(Method::POST, &complete, &Value::Null),
        elsewhere.send(Method::POST, &complete, &Value::Null)
    );
    assert_eq!((a.status(), b.status()), (StatusCode::OK, StatusCode::OK));
    assert_eq!(a.json::<Value>().await.unwrap()["id"], *media);
    assert!(stored(&client, media).await == film);
    assert_eq!(client.wait_for(media.as_str().unwrap(), &["ready"]).await["title"], "Parts");
    let late = client.send(Method::POST, &path(&begun, "/parts"), &json!({ "numbers": [1] })).await;
    assert_eq!(problem(late).await, (409, "upload_complete".into()));
    // Once the URLs have ended, twins find each other; the second copy of the last part is gone.
    let twin = stranger.upload(fixtures::compliant(10).as_path()).await;
    let etag = |c: Client, id: Value| async move {
        let head = c.request(Method::HEAD, &format!("/raw/{}", id.as_str().unwrap())).send().await.unwrap();
        head.headers()["etag"].to_str().unwrap().to_owned()
    };
    eventually("the twins share one source", Duration::from_secs(60), || async {
        (etag(client.clone(), media.clone()).await == etag(stranger.clone(), twin["id"].clone()).await).then_some(())
    })
    .await;
    assert!(stored(&client, media).await == film);
}

async fn what_a_signed_url_refuses(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_PRESIGNED_SECONDS", "6")]).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let begun = begin(&client, film.len(), json!({})).await;
    let parts = begun["parts"].as_array().unwrap();
    let first = &parts[0];
    let data = slice(&film, &begun, first);
    let refused = |answer: Response, what: &'static str| {
        assert!(answer.status().is_client_error(), "{what}: {}", answer.status());
    };
    refused(put(first, &data[1..]).await, "fewer bytes");
    refused(put(first, &[data, b"x"].concat()).await, "more bytes");
    refused(put_as(first, "text/html", data).await, "another type");
    let tampered = |from: &str, to: &str| {
        let mut part = first.clone();
        let url = part["url"].as_str().unwrap();
        let changed = url.replacen(from, to, 1);
        assert_ne!(url, changed);
        part["url"] = json!(changed);
        part
    };
    let signature = if pair == Pair::Embedded { "signature=" } else { "X-Amz-Signature=" };
    refused(put(&tampered(signature, &format!("{signature}0")), data).await, "another signature");
    // The path of another object under the same signature.
    let (from, to) = match pair {
        Pair::Embedded => ("object=", "object=1".to_owned()),
        Pair::Servers => ("/sources/", format!("/sources/{}", &uuid::Uuid::new_v4().to_string()[..1])),
    };
    refused(put(&tampered(from, &to), data).await, "another object");
    assert_eq!(put(first, data).await.status(), StatusCode::OK);
    let other: Vec<u8> = data.iter().map(|b| b ^ 1).collect();
    assert_eq!(put(first, &other).await.status(), StatusCode::PRECONDITION_FAILED, "used twice");
    let expired = &parts[1];
    tokio::time::sleep(Duration::from_millis(7200)).await;
    refused(put(expired, slice(&film, &begun, expired)).await, "expired");
    let listed = client.json(Method::GET, &path(&begun, "/parts"), &Value::Null, 200).await;
    assert_eq!(listed["parts"].as_array().unwrap().len(), 1, "nothing of all this counted: {listed}");

    // A page as a film: declared as one, or as what it is.
    let page = vec![b'<'; 70_000];
    let begun = begin(&client, page.len(), json!({})).await;
    put_all(&page, &begun).await;
    let html = client.send(Method::POST, &path(&begun, "/complete"), &Value::Null).await;
    assert_eq!(problem(html).await, (415, "unsupported_type".into()));
    let body = json!({ "size": 9, "filename": "a.html", "content_type": "text/html" });
    assert_eq!(problem(client.send(Method::POST, BEGIN, &body).await).await, (415, "unsupported_type".into()));
    let begun = begin(&client, film.len(), json!({ "content_type": "video/webm" })).await;
    put_all(&film, &begun).await;
    let webm = client.send(Method::POST, &path(&begun, "/complete"), &Value::Null).await;
    assert_eq!(problem(webm).await, (415, "type_mismatch".into()));
    // URLs are not for filling a store with.
    let begun = begin(&client, 9, json!({})).await;
    let many = json!({ "numbers": vec![1; 3] });
    let again = client.send(Method::POST, &path(&begun, "/parts"), &many).await;
    assert_eq!(problem(again).await, (409, "too_many".into()));
    let mut granted = 0;
    while client.send(Method::POST, &path(&begun, "/parts"), &json!({ "numbers": [1] })).await.status() == 200 {
        granted += 1;
        assert!(granted < 100);
    }
    for (size, part) in [(0_i64, 65536), (10, 1), (1_i64 << 40, 65536), (700_000_000, 65536)] {
        let body = json!({ "size": size, "content_type": "video/mp4", "part_size": part });
        assert!(client.send(Method::POST, BEGIN, &body).await.status().is_client_error(), "{size} {part}");
    }
}

async fn announced_hashes_are_held_to(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    for (hash, status) in [(hex::encode(Sha256::digest(&film)), "ready"), ("00".repeat(32), "failed")] {
        let begun = begin(&client, film.len(), json!({ "sha256": hash })).await;
        put_all(&film, &begun).await;
        client.json(Method::POST, &path(&begun, "/complete"), &Value::Null, 200).await;
        let media = client.wait_for(begun["media_id"].as_str().unwrap(), &["ready", "failed"]).await;
        assert_eq!(media["status"], status);
        if status == "failed" {
            assert_eq!(media["error"]["code"], "checksum_mismatch");
        }
    }
}

/// Aborted and forgotten uploads, and a URL that is used after that.
async fn given_up_parts_leave_nothing(pair: Pair) {
    let settings = [("SLUICE_PRESIGNED_SECONDS", "8"), ("SLUICE_GC_SECONDS", "4")];
    let mut stack = Stack::start_with(pair, &settings).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let aborted = begin(&client, film.len(), json!({})).await;
    let forgotten = begin(&client, film.len(), json!({})).await;
    assert_eq!(put(&forgotten["parts"][0], slice(&film, &forgotten, &forgotten["parts"][0])).await.status(), 200);
    let (db, store) = (stack.database().await, stack.store().await);
    let mut sources = Vec::new();
    for begun in [&aborted, &forgotten] {
        let id = begun["media_id"].as_str().unwrap().parse().unwrap();
        sources.push(db.media(id).await.unwrap().unwrap().source_id);
    }
    client.json(Method::DELETE, &path(&aborted, ""), &Value::Null, 204).await;
    assert_eq!(
        problem(client.get(&format!("/api/v1/media/{}", aborted["media_id"].as_str().unwrap())).await).await.0,
        404
    );
    let late = put(&aborted["parts"][0], slice(&film, &aborted, &aborted["parts"][0])).await.status();
    // The server does not know that it was given up; the API does.
    assert_eq!(late, if pair == Pair::Servers { 200 } else { 404 });
    let usage = || client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200);
    eventually("the quota is free", Duration::from_secs(20), || async {
        let usage = usage().await;
        (usage["uploads"] == 0 && usage["media"] == 0).then_some(())
    })
    .await;
    for source in sources {
        eventually("all objects are gone", Duration::from_secs(60), || async {
            store.list(&Prefix::Source(source)).await.unwrap().is_empty().then_some(())
        })
        .await;
    }
    assert!(client.json(Method::GET, "/api/v1/media", &Value::Null, 200).await["items"].as_array().unwrap().is_empty());
}

/// Begins a tus upload; its path and its media.
async fn tus(client: &Client, length: usize) -> (String, String) {
    let request = client.request(Method::POST, "/api/v1/uploads").header("tus-resumable", "1.0.0");
    let answer = request.header("upload-length", length).send().await.unwrap();
    assert_eq!(answer.status(), 201);
    let text = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    (text("location").strip_prefix(&client.url).unwrap().to_owned(), text("sluice-media-id"))
}

async fn patch(client: &Client, path: &str, offset: usize, data: &[u8]) -> u16 {
    let request = client.request(Method::PATCH, path).header("tus-resumable", "1.0.0").header("upload-offset", offset);
    let request = request.header("content-type", "application/offset+octet-stream");
    request.body(data.to_vec()).send().await.unwrap().status().as_u16()
}

/// A film that is uploaded more slowly than it is encoded is played before its last byte is sent, and comes
/// out as one that was there from the start.
async fn work_begins_before_the_end(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    for file in [fixtures::fast_start(30), fixtures::compliant(30)] {
        slow_upload(&stack, &client, &file).await;
    }
}

/// Containers without an index in front: the plan grows with what arrives.
async fn films_are_planned_as_they_grow(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = fixtures::compliant(30);
    for (name, rate) in [("grown.mkv", 22_050), ("grown.ts", 32_000), ("grown.mp4", 48_000)] {
        let media = slow_upload(&stack, &client, &fixtures::contained(30, name, rate)).await;
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
        let likeness = media::likeness(film.to_str().unwrap(), &variant);
        assert!(likeness > 30.0, "{name}: {likeness} dB");
        let sound = list.split("URI=\"").nth(1).unwrap().split('"').next().unwrap();
        let beep = media::beep(&format!("{}/hls/{media}/{sound}", client.url));
        assert!((beep - 21.0).abs() < 0.05, "{name}: the beep is at {beep} s");
    }
}

/// As `curl --limit-rate` sends it: all in one request, whose bytes are worked with while it goes on.
async fn one_request_on_a_slow_line(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::contained(30, "grown.mkv", 22_050)).unwrap();
    let (path, media) = tus(&client, film.len()).await;
    let (mut send, body) = futures::channel::mpsc::channel::<std::io::Result<Vec<u8>>>(0);
    let request = client.request(Method::PATCH, &path).header("tus-resumable", "1.0.0").header("upload-offset", 0);
    let request =
        request.header("content-type", "application/offset+octet-stream").header("content-length", film.len());
    let answer = tokio::spawn(request.body(reqwest::Body::wrap_stream(body)).send());
    let pieces: Vec<&[u8]> = film.chunks(film.len().div_ceil(60)).collect();
    let (last, pieces) = pieces.split_last().unwrap();
    for piece in pieces {
        send.send(Ok(piece.to_vec())).await.unwrap();
        tokio::time::sleep(Duration::from_millis(250)).await;
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
    assert!(stored(&client, &json!(media)).await == film);
}

/// What was made of its first bytes is given up, and nothing of it stays.
async fn a_film_that_misled_is_planned_anew(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_GC_SECONDS", "8")]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = fixtures::contained(30, "grown.mkv", 22_050);
    let film = std::fs::read(film).unwrap();
    let (path, media, at) = all_but_the_last_piece(&stack, &client, &film).await;
    // As if the first bytes had shown a picture of another size.
    let (db, store) = (stack.database().await, stack.store().await);
    let package = db.media(media.parse().unwrap()).await.unwrap().unwrap().package_id;
    let row = db.package(package).await.unwrap().unwrap();
    let plan = row.plan.unwrap().replace(r#""coded_pixels":230400"#, r#""coded_pixels":230401"#);
    let misled = PlannedPackage {
        kind: MediaKind::Video,
        plan: &plan,
        duration_ms: None,
        width: Some(640),
        height: Some(360),
        target_s: row.target_s.unwrap(),
        renditions: Vec::new(),
    };
    let mut tx = db.begin().await.unwrap();
    assert!(tx.store_plan(package, &misled, 0).await.unwrap(), "its end is not known yet");
    tx.commit().await.unwrap();
    assert_eq!(patch(&client, &path, at, &film[at..]).await, 204);
    client.wait_for(&media, &["ready"]).await;
    assert!(stack.logs().contains("planned anew"));
    let public = json!({ "visibility": "public" });
    client.json(Method::PATCH, &format!("/api/v1/media/{media}"), &public, 200).await;
    let list = client.text(&format!("/hls/{media}/index.m3u8")).await;
    assert!(list.contains("/source/") && list.contains("TYPE=AUDIO"), "as if it had come at once: {list}");
    let (sound, report) = media::verify(&format!("{}/hls/{media}/index.m3u8", client.url));
    assert!(sound, "{report}");
    eventually("what was made before is gone", Duration::from_secs(60), || async {
        let named = db.object_names(package).await.unwrap().len();
        let kept = store.list(&Prefix::Package(package)).await.unwrap();
        let media_files = kept.iter().filter(|k| k.to_string().ends_with("m4s") || k.to_string().contains("init-"));
        (media_files.count() == named).then_some(())
    })
    .await;
}

/// Uploads a film slowly, up to the piece that a player need not wait for: where the upload goes on, its media
/// and how many bytes are there.
async fn all_but_the_last_piece(stack: &Stack, client: &Client, film: &[u8]) -> (String, String, usize) {
    let (path, media) = tus(client, film.len()).await;
    let part = film.len().div_ceil(15);
    let step = Duration::from_millis(900);
    let mut at = 0;
    while at + part < film.len() {
        let began = Instant::now();
        assert_eq!(patch(client, &path, at, &film[at..at + part]).await, 204);
        at += part;
        tokio::time::sleep(step.saturating_sub(began.elapsed())).await;
    }
    eventually("it can be played", Duration::from_secs(90), || async {
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
    assert_eq!(patch(client, &path, at, &film[at..]).await, 204);
    let ready = client.wait_for(&media, &["ready"]).await;
    assert!((ready["duration_ms"].as_i64().unwrap() - 30_000).abs() < 100, "{ready}");
    let whole = client.upload(file).await;
    let whole = client.wait_for(whole["id"].as_str().unwrap(), &["ready"]).await;
    for field in ["duration_ms", "width", "height"] {
        assert_eq!(ready[field], whole[field]);
    }
    assert!(stored(client, &json!(media)).await == film);
    let report = client.json(Method::GET, &format!("/api/v1/media/{media}/report"), &Value::Null, 200).await;
    assert!(!report.to_string().contains("\"broken\""), "{report}");
    media
}

/// What has begun to arrive is listed for its owner, can be named and taken back, and is nobody else's business.
async fn an_unfinished_upload_is_seen(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let (path, media) = tus(&client, film.len()).await;
    assert_eq!(patch(&client, &path, 0, &film[..film.len() / 2]).await, 204);
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
    assert_eq!(patch(&client, &path, film.len() / 2, &film[film.len() / 2..]).await, 404);
    let none = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!((&none["media"], &none["uploads"]), (&json!(0), &json!(0)));
    let (_, media) = tus(&client, film.len()).await;
    let (path, _) = tus(&client, film.len()).await;
    assert_eq!(client.media(&media).await["status"], "uploading");
    let request = client.request(Method::DELETE, &path).header("tus-resumable", "1.0.0");
    assert_eq!(request.send().await.unwrap().status(), 204);
    let list = client.json(Method::GET, "/api/v1/media", &Value::Null, 200).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1, "the one given up is gone");
}

/// The last media of some bytes is deleted while the same bytes are uploaded again: whatever the order, what
/// is uploaded plays, and stays when the window is over.
async fn deleted_while_it_comes_again(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_GC_SECONDS", "4")]).await;
    stack.add_worker();
    let (first, second) = (stack.creator().await, stack.creator().await);
    let film = std::fs::read(fixtures::silent()).unwrap();
    let before = first.upload(fixtures::silent().as_path()).await["id"].as_str().unwrap().to_owned();
    first.wait_for(&before, &["ready"]).await;
    let mut old = before;
    for round in 0..6 {
        let (path, media) = tus(&second, film.len()).await;
        let half = film.len() / 2;
        assert_eq!(patch(&second, &path, 0, &film[..half]).await, 204);
        let owner = if round == 0 { &first } else { &second };
        let gone = format!("/api/v1/media/{old}");
        let delete = async {
            tokio::time::sleep(Duration::from_millis(round * 60)).await;
            owner.json(Method::DELETE, &gone, &Value::Null, 204).await;
        };
        let finish = patch(&second, &path, half, &film[half..]);
        let ((), status) = tokio::join!(delete, finish);
        assert_eq!(status, 204);
        second.wait_for(&media, &["ready"]).await;
        old = media;
    }
    tokio::time::sleep(Duration::from_secs(8)).await;
    assert!(stored(&second, &json!(old)).await == film);
    let list = second.text(&format!("/hls/{old}/index.m3u8")).await;
    let variant = list.lines().find(|l| !l.starts_with('#')).unwrap().to_owned();
    let names = second.text(&format!("/hls/{old}/{variant}")).await;
    let folder = variant.rsplit_once('/').unwrap().0;
    for name in names.lines().filter(|l| !l.starts_with('#')) {
        assert_eq!(second.get(&format!("/hls/{old}/{folder}/{name}")).await.status(), 200, "{name}");
    }
}
