//! What other services are told, and that nothing else can be reached this way.

use base64::{Engine, prelude::BASE64_STANDARD};
use harness::origin::Origin;
use harness::{Client, Pair, client::problem, eventually, fixtures};
use hmac::{Hmac, KeyInit, Mac};
use reqwest::Method;
use serde_json::{Value, json};
use sha2::Sha256;
use std::{collections::BTreeSet, time::Duration};

harness::on_both!(deliveries_are_signed_and_retried, private_addresses_get_no_delivery);

const ALL: [&str; 4] = ["media.playable", "media.ready", "media.failed", "media.deleted"];

async fn hook(client: &Client, url: &str, events: &[&str]) -> Value {
    client.json(Method::POST, "/api/v1/webhooks", &json!({ "url": url, "events": events }), 201).await
}

/// What an endpoint has heard.
fn heard(origin: &Origin, name: &str) -> Vec<Value> {
    let log = origin.server.log();
    let lines = log.lines().filter_map(|l| serde_json::from_str::<Value>(l).ok());
    lines.filter(|v| v["path"] == name).collect()
}

/// What a verifier of the Standard Webhooks specification checks.
fn signed_right(told: &Value, secret: &str) -> bool {
    let text = |name: &str| told[name].as_str().unwrap();
    let key = BASE64_STANDARD.decode(secret.strip_prefix("whsec_").unwrap()).unwrap();
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).unwrap();
    mac.update(format!("{}.{}.{}", text("id"), text("time"), text("body")).as_bytes());
    let code = BASE64_STANDARD.decode(text("signature").strip_prefix("v1,").unwrap()).unwrap();
    mac.verify_slice(&code).is_ok()
}

async fn deliveries(client: &Client, hook: &Value) -> Vec<Value> {
    let path = format!("/api/v1/webhooks/{}/deliveries", hook["id"].as_str().unwrap());
    client.json(Method::GET, &path, &Value::Null, 200).await["items"].as_array().unwrap().clone()
}

async fn deliveries_are_signed_and_retried(pair: Pair) {
    let origin = Origin::start(pair, &[]).await;
    let (client, other) = (origin.stack.creator().await, origin.stack.creator().await);
    let good = hook(&client, &format!("{}/hook-ok", origin.base), &ALL).await;
    let weak = hook(&client, &format!("{}/hook-fail", origin.base), &["media.ready"]).await;
    let foreign = hook(&other, &format!("{}/hook-foreign", origin.base), &ALL).await;
    let secret = good["secret"].as_str().unwrap();
    let shown = client.json(Method::GET, "/api/v1/webhooks", &Value::Null, 200).await;
    assert!(!shown.to_string().contains(secret), "told once");
    let media = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&media, &["ready"]).await;
    client.json(Method::DELETE, &format!("/api/v1/media/{media}"), &Value::Null, 204).await;
    let told = eventually("three events arrive", Duration::from_secs(30), || async {
        let told = heard(&origin, "hook-ok");
        let bodies: BTreeSet<&str> = told.iter().map(|h| h["body"].as_str().unwrap()).collect();
        (bodies.len() >= 3).then(|| told.clone())
    })
    .await;
    let mut events: BTreeSet<String> = BTreeSet::new();
    for one in &told {
        assert!(signed_right(one, secret), "{one}");
        assert!(!signed_right(one, weak["secret"].as_str().unwrap()));
        let body: Value = serde_json::from_str(one["body"].as_str().unwrap()).unwrap();
        assert_eq!((&body["media_id"], &body["id"]), (&json!(media), &one["id"]));
        // One that answers too late on a busy machine is told again.
        events.insert(body["event"].as_str().unwrap().to_owned());
    }
    assert_eq!(events.iter().collect::<Vec<_>>(), ["media.deleted", "media.playable", "media.ready"]);
    // What failed is tried again.
    eventually("the weak one is told at last", Duration::from_secs(30), || async {
        let log = deliveries(&client, &weak).await;
        (log[0]["status"] == "delivered" && log[0]["attempts"].as_i64() >= Some(2)).then_some(())
    })
    .await;
    assert!(heard(&origin, "hook-fail").len() >= 2);
    assert!(deliveries(&other, &foreign).await.is_empty(), "of others nobody is told");
    // A test by hand; switched off, nothing.
    let of = |hook: &Value, rest: &str| format!("/api/v1/webhooks/{}{rest}", hook["id"].as_str().unwrap());
    client.json(Method::POST, &of(&good, "/test"), &Value::Null, 202).await;
    let test = eventually("the test arrives", Duration::from_secs(20), || async {
        heard(&origin, "hook-ok").into_iter().find(|h| h["body"].as_str().unwrap().contains("\"test\""))
    })
    .await;
    let told: Value = serde_json::from_str(test["body"].as_str().unwrap()).unwrap();
    assert!(deliveries(&client, &good).await.iter().any(|d| d["id"] == told["id"]), "the log knows it by its id");
    client.json(Method::PATCH, &of(&good, ""), &json!({ "active": false }), 200).await;
    // The same bytes of somebody else: no work is done, and yet they are told.
    let twin = hook(&other, &format!("{}/hook-twin", origin.base), &["media.ready"]).await;
    for owner in [&client, &other] {
        let media = owner.upload(&fixtures::compliant(10)).await["id"].as_str().unwrap().to_owned();
        owner.wait_for(&media, &["ready"]).await;
    }
    eventually("the twin's owner is told", Duration::from_secs(30), || async {
        (!deliveries(&other, &twin).await.is_empty()).then_some(())
    })
    .await;
    let before = deliveries(&client, &good).await.len();
    let again = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&again, &["ready"]).await;
    assert_eq!(deliveries(&client, &good).await.len(), before, "switched off, it is told nothing");
    client.json(Method::DELETE, &of(&good, ""), &Value::Null, 204).await;
    assert_eq!(problem(client.get(&of(&good, "/deliveries")).await).await.0, 404);
}

async fn private_addresses_get_no_delivery(pair: Pair) {
    let origin = Origin::start(pair, &[]).await;
    let client = origin.stack.creator().await;
    for bad in [
        "http://127.0.0.2/hook-ok",
        "https://127.0.0.1/hook-ok",
        "https://169.254.169.254/",
        "https://2130706433/",
        "https://0177.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://user:password@example.org/",
        "nonsense",
    ] {
        let body = json!({ "url": bad, "events": ["media.ready"] });
        let answer = client.send(Method::POST, "/api/v1/webhooks", &body).await;
        assert_eq!(problem(answer).await, (422, "invalid".into()), "{bad}");
    }
    let redirect = hook(&client, &format!("{}/hook-redirect", origin.base), &["media.ready"]).await;
    let inside = hook(&client, "https://localhost/hook-ok", &["media.ready"]).await;
    for hook in [&redirect, &inside] {
        let path = format!("/api/v1/webhooks/{}/test", hook["id"].as_str().unwrap());
        client.json(Method::POST, &path, &Value::Null, 202).await;
    }
    for (hook, status) in [(&redirect, json!(302)), (&inside, Value::Null)] {
        let log = eventually("it was tried", Duration::from_secs(20), || async {
            Some(deliveries(&client, hook).await).filter(|d| {
                d[0]["attempts"] != 0 && (d[0]["last_status"] != Value::Null || d[0]["last_error"] != Value::Null)
            })
        })
        .await;
        assert_eq!((&log[0]["status"], &log[0]["last_status"]), (&json!("queued"), &status), "{log:?}");
    }
    assert!(heard(&origin, "hook-ok").is_empty(), "no redirect was followed");
    // Switched off, it is told nothing later either.
    let path = format!("/api/v1/webhooks/{}", redirect["id"].as_str().unwrap());
    client.json(Method::PATCH, &path, &json!({ "active": false }), 200).await;
    let log = deliveries(&client, &redirect).await;
    assert!(log[0]["status"] == "failed" && log[0]["finished_at"] != Value::Null, "{log:?}");
}
