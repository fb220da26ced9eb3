//! A film whose ladder is made slower than it plays: its low rungs come first, for all of it, and can be watched while
//! the others are made.

use harness::{Client, Pair, Stack, client::PATIENCE, eventually, fixtures, media, tus::files};
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

harness::on_both!(low_rungs_are_watched_while_the_others_are_made, work_between_tiers_is_ended_and_goes_on);

const SECONDS: u32 = 24;

/// By estimate one core encodes this preset slower than the film plays; what stands still costs less, so that the
/// tests are short.
async fn slow_stack(pair: Pair) -> Stack {
    let slower = fixtures::settings("slower", "[encode]\npreset = \"slower\"\n");
    let mut stack = Stack::start_with(pair, &[("SLUICE_WORKER_CORES", "1"), ("SLUICE_CONFIG", &slower)]).await;
    stack.add_worker();
    stack
}

/// A film whose first tier is made, and more of it is not.
async fn between_tiers(stack: &Stack, client: &Client) -> String {
    let id = client.upload(&fixtures::still(SECONDS)).await["id"].as_str().unwrap().to_owned();
    let first = "kind IN ('chunk', 'audio') AND name NOT LIKE 'upper-%'";
    let count = |what: &str| stack.run_sql(&format!("SELECT COUNT(*) FROM tasks WHERE {what}")).trim().to_owned();
    eventually("the first tier is made", PATIENCE, || async {
        assert_ne!(client.media(&id).await["status"], "ready", "too fast for this test");
        (count(first) != "0" && count(&format!("{first} AND status <> 'done'")) == "0").then_some(())
    })
    .await;
    id
}

/// Names of the renditions of the picture in the presentation that a new player gets, and the path of each list.
async fn variants(client: &Client, id: &str) -> Vec<(String, String)> {
    let list = client.text(&format!("/hls/{id}/index.m3u8")).await;
    let lines = list.lines().filter(|l| !l.starts_with('#') && !l.is_empty());
    let mut found: Vec<_> =
        lines.map(|l| (l.split('/').nth(1).unwrap().to_owned(), format!("/hls/{id}/{l}"))).collect();
    found.sort();
    // The smallest stands beside two groups of sound.
    found.dedup();
    found
}

fn names(variants: &[(String, String)]) -> Vec<&str> {
    variants.iter().map(|v| v.0.as_str()).collect()
}

async fn segments(client: &Client, list: &str) -> Vec<String> {
    client.text(list).await.lines().filter(|l| l.ends_with(".m4s")).map(ToOwned::to_owned).collect()
}

async fn low_rungs_are_watched_while_the_others_are_made(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let mut stack = slow_stack(pair).await;
    let client = stack.creator().await;
    let id = between_tiers(&stack, &client).await;
    assert_eq!(client.media(&id).await["status"], "playable");
    let growing = variants(&client, &id).await;
    assert_eq!(names(&growing), ["v144", "v240"], "only what is made first");
    let growing = &growing[1];
    assert!(growing.1.ends_with("/event.m3u8"));
    let url = |path: &str| format!("{}{path}", client.url);
    let shown = segments(&client, &growing.1).await;
    assert_eq!(media::decoded_frames(&url(&growing.1), "v:0"), u64::from(SECONDS) * 30, "all of it can be watched");
    // Captions are cut as what is watched now is cut; the upper rungs, which have nothing yet, do not matter.
    let captions = client.request(Method::PUT, &format!("/api/v1/media/{id}/captions/en"));
    let text = "WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n";
    assert_eq!(captions.body(text).send().await.unwrap().status(), 200);
    let top = client.text(&format!("/hls/{id}/index.m3u8")).await;
    let uri = top.split("TYPE=SUBTITLES,URI=\"").nth(1).unwrap().split('"').next().unwrap();
    let list = client.text(&format!("/hls/{id}/{uri}")).await;
    let cut: Vec<&str> = list.lines().filter(|l| l.ends_with(".vtt")).collect();
    assert_eq!(cut.len(), shown.len());
    let folder = format!("/hls/{id}/{}", uri.rsplit_once('/').unwrap().0);
    assert!(client.text(&format!("{folder}/{}", cut[0])).await.contains("Hello"));
    assert!(!client.text(&format!("{folder}/{}", cut[cut.len() - 1])).await.contains("Hello"));
    let said = client.json(Method::GET, &format!("/api/v1/media/{id}/status"), &Value::Null, 200).await;
    assert_eq!(said["playable_in_ms"], 0);
    assert!(said["ready_in_ms"].as_i64().unwrap() > 0, "{said}");
    // The worker dies on the way; another one goes on after what is published.
    stack.workers[0].kill();
    stack.add_worker();
    let ready = client.wait_for(&id, &["ready"]).await;
    let complete = variants(&client, &id).await;
    assert_eq!(names(&complete), ["v144", "v240", "v360"]);
    for (name, list) in &complete {
        assert!(list.ends_with("/index.m3u8"));
        assert_eq!(media::decoded_frames(&url(list), "v:0"), u64::from(SECONDS) * 30, "{name}");
    }
    assert_eq!(segments(&client, &complete[1].1).await, shown, "made once, for both presentations");
    let again = segments(&client, &growing.1).await;
    assert_eq!(again, shown, "who began goes on in the presentation that they have");
    let upper = client.get(&growing.1.replace("/v240/", "/v360/")).await;
    assert_eq!(upper.status(), 404, "which nothing is added to");
    let (compliant, report) = media::verify(ready["playback"]["hls_url"].as_str().unwrap());
    assert!(compliant, "{report}");
}

async fn work_between_tiers_is_ended_and_goes_on(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let stack = slow_stack(pair).await;
    let client = stack.creator().await;
    let id = between_tiers(&stack, &client).await;
    let of_media = format!("/api/v1/media/{id}");
    client.json(Method::POST, &format!("{of_media}/cancel"), &Value::Null, 200).await;
    client.wait_for(&id, &["failed"]).await;
    client.json(Method::POST, &format!("{of_media}/retry"), &Value::Null, 200).await;
    client.wait_for(&id, &["playable"]).await;
    client.json(Method::DELETE, &of_media, &Value::Null, 204).await;
    eventually("nothing works on it", PATIENCE, || async {
        let left = stack.run_sql("SELECT COUNT(*) FROM tasks WHERE status IN ('queued', 'running')");
        (left.trim() == "0").then_some(())
    })
    .await;
    stack.pass(Duration::from_secs(2 * 86_400));
    stack.sweep().await;
    for table in ["sources", "packages", "tasks", "segments"] {
        assert_eq!(stack.run_sql(&format!("SELECT COUNT(*) FROM {table}")).trim(), "0", "{table}");
    }
    if pair == Pair::Embedded {
        assert_eq!(files(&stack.folder().join("store")), 0, "no object is left");
    }
}
