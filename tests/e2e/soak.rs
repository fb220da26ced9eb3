//! The same work again and again: nothing grows that should not.

use harness::{Client, NO_QUOTAS, Pair, Stack, fixtures, proof, tus::files};
use reqwest::Method;
use serde_json::Value;
use std::time::Duration;

harness::on_both!(repeated_uploads_leave_nothing_behind);

/// What either process may grow by, once it is warm.
const GROWTH_BYTES: u64 = 48 << 20;

async fn upload_play_delete(client: &Client) {
    let id = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    let top = client.text(&format!("/hls/{id}/index.m3u8")).await;
    let list = format!("/hls/{id}/{}", top.lines().find(|l| l.ends_with(".m3u8")).unwrap());
    let segments = client.text(&list).await;
    let folder = list.rsplit_once('/').unwrap().0;
    for name in segments.lines().filter(|l| l.ends_with(".m4s")) {
        assert_eq!(client.get(&format!("{folder}/{name}")).await.status(), 200);
    }
    client.json(Method::DELETE, &format!("/api/v1/media/{id}"), &Value::Null, 204).await;
}

async fn repeated_uploads_leave_nothing_behind(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_LIMITS", "upload=0/1,upload_account=0/1"), NO_QUOTAS]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let resident = |stack: &Stack| [stack.api.resident_bytes(), stack.workers[0].resident_bytes()];
    for _ in 0..proof(1, 30) {
        upload_play_delete(&client).await;
    }
    let warm = resident(&stack);
    for round in 0..proof(3, 300) {
        upload_play_delete(&client).await;
        if round % 50 == 0 {
            stack.pass(Duration::from_secs(2 * 86_400));
            stack.sweep().await;
        }
    }
    for (before, after) in warm.into_iter().zip(resident(&stack)) {
        assert!(after < before + GROWTH_BYTES, "from {before} to {after} bytes");
    }
    stack.pass(Duration::from_secs(2 * 86_400));
    stack.sweep().await;
    for table in ["media", "uploads", "sources", "packages", "tasks", "segments"] {
        assert_eq!(stack.run_sql(&format!("SELECT COUNT(*) FROM {table}")).trim(), "0", "{table}");
    }
    if pair == Pair::Embedded {
        assert_eq!(files(&stack.folder().join("store")), 0, "no object is left");
    }
}
