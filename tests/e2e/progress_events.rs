//! Progress as it happens: server-sent events that go on where a connection broke.

use harness::{Client, Pair, Stack, client::PATIENCE, fixtures};
use serde_json::Value;

harness::on_both!(stream_resumes_after_last_event_id, failure_ends_the_stream);

/// Reads events until the stream ends, or `enough` of them; identifiers and data.
async fn follow(client: &Client, id: &str, last: Option<&str>, enough: usize) -> Vec<(String, Value)> {
    let mut request = client.request(reqwest::Method::GET, &format!("/api/v1/media/{id}/events"));
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let mut response = request.send().await.unwrap();
    if response.status() == 204 {
        return Vec::new();
    }
    assert_eq!(response.headers()["content-type"], "text/event-stream");
    let (mut text, mut events) = (String::new(), Vec::new());
    while let Some(chunk) = tokio::time::timeout(PATIENCE, response.chunk()).await.expect("no news").unwrap() {
        text += std::str::from_utf8(&chunk).unwrap();
        while let Some((event, rest)) = text.split_once("\n\n") {
            let line = |name: &str| event.lines().find_map(|l| l.strip_prefix(name)).map(str::trim);
            if let (Some(id), Some(data)) = (line("id:"), line("data:")) {
                assert_eq!(line("event:"), Some("progress"));
                events.push((id.to_owned(), serde_json::from_str(data).unwrap()));
            }
            text = rest.to_owned();
        }
        if events.len() >= enough {
            break;
        }
    }
    events
}

async fn stream_resumes_after_last_event_id(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_WORKER_CORES", "1")]).await;
    let client = stack.creator().await;
    client.upload(&fixtures::silent()).await;
    let id = client.upload(&fixtures::foreign(14)).await["id"].as_str().unwrap().to_owned();
    let waiting = follow(&client, &id, None, 1).await;
    assert_eq!(waiting[0].1["status"], "processing");
    assert!(waiting[0].1["queue_ahead"].as_i64().unwrap() >= 1, "another film comes first: {}", waiting[0].1);
    assert_eq!(waiting[0].1["ready_in_ms"], Value::Null);
    stack.add_worker();
    // The connection breaks after two events; the next one goes on.
    let mut seen = follow(&client, &id, Some(&waiting[0].0), 2).await;
    let last = seen.last().unwrap().0.clone();
    let rest = follow(&client, &id, Some(&last), usize::MAX).await;
    assert!(rest.iter().all(|e| e.0 != last), "nothing is told twice");
    seen.extend(rest);
    let progress: Vec<f64> = seen.iter().map(|e| e.1["progress"].as_f64().unwrap()).collect();
    assert!(progress.is_sorted(), "{progress:?}");
    let statuses: Vec<&str> = seen.iter().map(|e| e.1["status"].as_str().unwrap()).collect();
    assert_eq!(statuses.last(), Some(&"ready"));
    assert!(seen.len() >= 4, "{statuses:?}");
    let under_way = seen.iter().find(|e| e.1["ready_in_ms"].as_i64().is_some_and(|ms| ms > 0));
    let under_way = &under_way.expect("no estimate").1;
    assert!(under_way["tasks"].as_array().unwrap().iter().any(|t| t["status"] == "running" || t["status"] == "done"));
    let end = &seen.last().unwrap().1;
    assert_eq!(
        (end["progress"].as_f64(), end["ready_in_ms"].as_i64(), end["playable_in_ms"].as_i64()),
        (Some(1.0), Some(0), Some(0))
    );
    let snapshot: Value = client.get(&format!("/api/v1/media/{id}/status")).await.json().await.unwrap();
    assert_eq!(snapshot["status"], "ready");
    let after = follow(&client, &id, Some(&seen.last().unwrap().0), usize::MAX).await;
    assert_eq!(after, [], "who has seen the end is told nothing more");
}

async fn failure_ends_the_stream(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let file = stack.folder().join("broken.mp4");
    let mut data = std::fs::read(fixtures::compliant(10)).unwrap();
    data.truncate(1000);
    std::fs::write(&file, data).unwrap();
    let id = client.upload(&file).await["id"].as_str().unwrap().to_owned();
    let seen = follow(&client, &id, None, usize::MAX).await;
    let (last, end) = seen.last().unwrap();
    assert_eq!(end["status"], "failed");
    let again =
        client.request(reqwest::Method::GET, &format!("/api/v1/media/{id}/events")).header("last-event-id", last);
    assert_eq!(again.send().await.unwrap().status(), 204, "an EventSource does not come back");
    assert!(!end["error"]["code"].as_str().unwrap().is_empty());
}
