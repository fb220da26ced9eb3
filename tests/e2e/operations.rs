//! What administrators see of the machinery, and that every wait names its cause.

use harness::{
    Client, Pair, Stack,
    client::problem,
    eventually, fixtures,
    platform::{act, get, text},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

harness::on_both!(waits_are_named_and_work_is_seen);

const PATIENCE: Duration = Duration::from_secs(30);

async fn wait(client: &Client, id: &str) -> Value {
    get(client, &format!("/media/{id}/status")).await["waits_for"].clone()
}

async fn waits_are_named_and_work_is_seen(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_LEASE_SECONDS", "2")]).await;
    let (root, ada, bob) = (stack.admin().await, stack.creator().await, stack.creator().await);
    let first = text(&ada.upload(&fixtures::silent()).await["id"]);
    let second = text(&bob.upload(&fixtures::compliant(4)).await["id"]);
    assert_eq!(wait(&ada, &first).await["code"], "no_worker");
    let queue = get(&root, "/admin/queue?kind=plan").await;
    let plans = queue["counts"].as_array().unwrap().iter().find(|c| c["kind"] == "plan").unwrap().clone();
    assert_eq!((&plans["status"], &plans["tasks"]), (&json!("queued"), &json!(2)));
    let of = |n: usize| {
        let task = &queue["items"][n];
        (task["media_id"].clone(), task["owner"].clone(), task["waits_for"]["code"].clone())
    };
    assert_eq!(of(0), (json!(first), json!(ada.username), json!("no_worker")));
    assert_eq!(of(1), (json!(second), json!(bob.username), json!("no_worker")));
    let task = text(&queue["items"][0]["id"]);
    stopped_work_is_set_to_work_again(&root, &ada, &first, &task).await;
    work_is_brought_forward(&root, &bob, &second, &task).await;

    stack.add_worker();
    for (client, id) in [(&ada, &first), (&bob, &second)] {
        client.wait_for(id, &["ready"]).await;
        assert_eq!(wait(client, id).await, Value::Null);
    }
    let workers = get(&root, "/admin/workers").await;
    let worker = &workers["items"][0];
    assert_eq!((workers["items"].as_array().unwrap().len(), &worker["alive"]), (1, &json!(true)));
    assert_eq!((&worker["cores"], &worker["trouble"]), (&json!(2), &Value::Null));
    assert!(worker["seen_at"].as_i64() >= worker["started_at"].as_i64(), "{worker}");
    storage_is_counted(&root, pair).await;
    settings_are_shown_without_secrets(&root).await;

    // Killed, it is missed after two leases; stopped, it says so itself.
    stack.workers[0].kill();
    stack.add_worker();
    eventually("the killed worker is missed", PATIENCE, || async {
        let workers = get(&root, "/admin/workers").await;
        let alive: Vec<bool> = workers["items"].as_array().unwrap().iter().map(|w| w["alive"] == true).collect();
        (alive == [false, true]).then_some(())
    })
    .await;
    stack.workers[1].stop();
    let third = text(&ada.upload(&fixtures::compliant(2)).await["id"]);
    assert_eq!(wait(&ada, &third).await["code"], "no_worker");
}

async fn stopped_work_is_set_to_work_again(root: &Client, owner: &Client, media: &str, task: &str) {
    act(root, Method::POST, &format!("/admin/queue/{task}/cancel"), Value::Null, 204).await;
    let failed = get(owner, &format!("/media/{media}")).await;
    assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("failed"), &json!("cancelled")));
    let again = root.send(Method::POST, &format!("/api/v1/admin/queue/{task}/cancel"), &Value::Null).await;
    assert_eq!(problem(again).await, (409, "not_stoppable".into()));
    act(root, Method::POST, &format!("/admin/queue/{task}/retry"), Value::Null, 204).await;
    assert_eq!(get(owner, &format!("/media/{media}")).await["status"], "processing");
    let again = root.send(Method::POST, &format!("/api/v1/admin/queue/{task}/retry"), &Value::Null).await;
    assert_eq!(problem(again).await, (409, "not_failed".into()));
}

/// The other film waits for it then, and its tasks say so.
async fn work_is_brought_forward(root: &Client, other: &Client, media: &str, task: &str) {
    act(root, Method::PUT, &format!("/admin/queue/{task}/priority"), json!({ "priority": "high" }), 204).await;
    let queue = get(root, "/admin/queue?kind=plan").await;
    let found = queue["items"].as_array().unwrap().iter().find(|t| t["id"] == *task).unwrap();
    assert_eq!(found["priority"], "high");
    assert_eq!(wait(other, media).await["code"], "no_worker");
    let unknown = json!({ "priority": "urgent" });
    let refused = root.send(Method::PUT, &format!("/api/v1/admin/queue/{task}/priority"), &unknown).await;
    assert_eq!(problem(refused).await.0, 422);
}

async fn storage_is_counted(root: &Client, pair: Pair) {
    let stored = get(root, "/admin/storage").await;
    let bytes = |kind: &str| {
        let found = stored["items"].as_array().unwrap().iter().find(|s| s["kind"] == kind);
        found.map_or(0, |s| s["bytes"].as_u64().unwrap())
    };
    let originals: u64 = [fixtures::silent(), fixtures::compliant(4)].map(|f| f.metadata().unwrap().len()).iter().sum();
    assert_eq!(bytes("originals"), originals);
    assert!(bytes("video") > 0 && bytes("init") > 0 && bytes("images") > 0, "{stored}");
    let disks = stored["disks"].as_array().unwrap();
    assert_eq!(disks.is_empty(), pair == Pair::Servers, "{stored}");
    assert!(disks.iter().all(|d| d["free_bytes"].as_u64() <= d["total_bytes"].as_u64()), "{stored}");
}

async fn settings_are_shown_without_secrets(root: &Client) {
    let settings = get(root, "/admin/settings").await;
    let of = |name: &str| settings["items"].as_array().unwrap().iter().find(|s| s["name"] == name).unwrap().clone();
    let lease = of("SLUICE_LEASE_SECONDS");
    assert_eq!((&lease["value"], &lease["is_default"]), (&json!("2"), &json!(false)));
    assert_eq!(of("SLUICE_GC_SECONDS")["is_default"], true);
    let database = of("SLUICE_DATABASE_URL")["value"].to_string();
    assert!(!database.contains("postgres:") || !database.contains('@') || database.contains("...@"), "{database}");
}
