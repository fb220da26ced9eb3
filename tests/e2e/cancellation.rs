//! Work ends when nobody wants it: within two seconds no child works on it and nothing of it is queued.

use harness::{
    Client, Pair, Stack,
    client::{PASSWORD, PATIENCE, problem},
    eventually, fixtures,
    platform::act,
    tus::{begin_media, patch, tus},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::time::Duration;

harness::on_both!(stopped_work_ends_and_can_go_on, leaving_and_bans_end_work, shared_work_goes_on);

/// Children end so soon after nobody wants their work.
const AT_ONCE: Duration = Duration::from_secs(2);

/// One core and a slow preset: whatever is running would run for long.
async fn slow_stack(pair: Pair) -> Stack {
    let settings = fixtures::settings("slower", "[encode]\npreset = \"slower\"\n");
    let mut stack = Stack::start_with(pair, &[("SLUICE_WORKER_CORES", "1"), ("SLUICE_CONFIG", &settings)]).await;
    stack.add_worker();
    stack
}

async fn upload(client: &Client) -> String {
    client.upload(&fixtures::foreign(24)).await["id"].as_str().unwrap().to_owned()
}

fn unfinished(stack: &Stack) -> u32 {
    stack.run_sql("SELECT COUNT(*) FROM tasks WHERE status IN ('queued', 'running')").trim().parse().unwrap()
}

/// Waits until a child encodes while more work waits.
async fn works(stack: &Stack) {
    eventually("a child encodes", PATIENCE, || async {
        let encodes = stack.run_sql("SELECT COUNT(*) FROM tasks WHERE status = 'running' AND kind = 'chunk'");
        (encodes.trim() != "0" && !stack.workers[0].encoders().is_empty() && unfinished(stack) > 2).then_some(())
    })
    .await;
}

/// Children are gone within two seconds, and the queue is empty.
async fn stopped(stack: &Stack, why: &str) {
    eventually(why, AT_ONCE, || async { stack.workers[0].encoders().is_empty().then_some(()) }).await;
    assert_eq!(unfinished(stack), 0, "{why}");
}

/// Reports something and decides; the action, to be lifted.
async fn decide(root: &Client, kind: &str, id: &str, decision: &str) -> String {
    let report = json!({ "target": kind, "id": id, "reason": "other" });
    let report = act(root, Method::POST, "/reports", report, 201).await;
    let report = match report["id"].as_str() {
        Some(id) => id.to_owned(),
        None => {
            let queue = act(root, Method::GET, "/admin/reports", Value::Null, 200).await;
            queue["items"].as_array().unwrap().iter().find(|r| r["target_id"] == id).unwrap()["id"]
                .as_str()
                .unwrap()
                .to_owned()
        }
    };
    act(root, Method::POST, &format!("/admin/reports/{report}/decide"), json!({ "decision": decision }), 204).await;
    let done = act(root, Method::GET, "/admin/moderation", Value::Null, 200).await;
    done["items"][0]["id"].as_str().unwrap().to_owned()
}

async fn lift(root: &Client, action: &str) {
    act(root, Method::POST, &format!("/admin/moderation/{action}/lift"), Value::Null, 204).await;
}

async fn stopped_work_ends_and_can_go_on(pair: Pair) {
    let stack = slow_stack(pair).await;
    let (root, owner, other) = (stack.admin().await, stack.creator().await, stack.creator().await);
    let id = upload(&owner).await;
    works(&stack).await;
    let cancel = format!("/media/{id}/cancel");
    assert_eq!(problem(other.send(Method::POST, &format!("/api/v1{cancel}"), &Value::Null).await).await.0, 403);
    let cancelled = act(&owner, Method::POST, &cancel, Value::Null, 200).await;
    assert_eq!((&cancelled["status"], &cancelled["error"]["code"]), (&json!("failed"), &json!("cancelled")));
    stopped(&stack, "cancelled by its owner").await;
    let again = owner.send(Method::POST, &format!("/api/v1{cancel}"), &Value::Null).await;
    assert_eq!(problem(again).await, (409, "not_stoppable".into()));
    act(&owner, Method::POST, &format!("/media/{id}/retry"), Value::Null, 200).await;
    works(&stack).await;
    act(&root, Method::POST, &cancel, Value::Null, 200).await;
    stopped(&stack, "cancelled by an administrator").await;
    act(&owner, Method::POST, &format!("/media/{id}/retry"), Value::Null, 200).await;
    works(&stack).await;
    let action = decide(&root, "media", &id, "hide").await;
    stopped(&stack, "hidden").await;
    assert_eq!(owner.media(&id).await["error"]["code"], "moderated");
    let retry = owner.send(Method::POST, &format!("/api/v1/media/{id}/retry"), &Value::Null).await;
    assert_eq!(problem(retry).await, (403, "forbidden".into()), "only moderation sets it to work again");
    lift(&root, &action).await;
    works(&stack).await;
    act(&owner, Method::DELETE, &format!("/media/{id}"), Value::Null, 204).await;
    stopped(&stack, "deleted").await;
}

async fn leaving_and_bans_end_work(pair: Pair) {
    let stack = slow_stack(pair).await;
    let (root, owner) = (stack.admin().await, stack.creator().await);
    upload(&owner).await;
    works(&stack).await;
    let action = decide(&root, "user", &owner.id, "ban").await;
    stopped(&stack, "banned").await;
    lift(&root, &action).await;
    works(&stack).await;
    let leave = json!({ "password": PASSWORD, "media": "delete" });
    act(&owner, Method::POST, "/me/delete", leave, 204).await;
    stopped(&stack, "left").await;
    // An upload under way whose beginning is being encoded.
    let owner = stack.creator().await;
    let film = std::fs::read(fixtures::fast_start(40)).unwrap();
    let (path, media) = begin_media(&owner, film.len()).await;
    assert_eq!(patch(&owner, &path, 0, &film[..film.len() * 9 / 10]).await.status(), 204);
    works(&stack).await;
    assert_eq!(tus(&owner, Method::DELETE, &path).send().await.unwrap().status(), 204);
    stopped(&stack, "its upload was given up").await;
    assert_eq!(problem(owner.get(&format!("/api/v1/media/{media}")).await).await.0, 404);
}

/// What two accounts have of the same bytes is stopped by neither alone.
async fn shared_work_goes_on(pair: Pair) {
    let stack = slow_stack(pair).await;
    let (ada, bob) = (stack.creator().await, stack.creator().await);
    let (first, second) = (upload(&ada).await, upload(&bob).await);
    eventually("they share one package", PATIENCE, || async {
        (stack.run_sql("SELECT COUNT(DISTINCT package_id) FROM media").trim() == "1").then_some(())
    })
    .await;
    works(&stack).await;
    let cancel = bob.send(Method::POST, &format!("/api/v1/media/{second}/cancel"), &Value::Null).await;
    assert_eq!(problem(cancel).await, (409, "not_stoppable".into()));
    act(&ada, Method::DELETE, &format!("/media/{first}"), Value::Null, 204).await;
    assert!(unfinished(&stack) > 0, "the other one's work");
    works(&stack).await;
    act(&bob, Method::DELETE, &format!("/media/{second}"), Value::Null, 204).await;
    stopped(&stack, "both are deleted").await;
}
