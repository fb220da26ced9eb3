//! Notes beside a media: never overwritten unseen, private, purged with their project.

use harness::{
    Client, Pair,
    client::problem,
    eventually,
    platform::{act, film_with, get, refused, start, text},
};
use reqwest::Method;
use serde_json::{Value, json};
use sluice_storage::Prefix;
use std::time::Duration;

harness::on_both!(saves_need_the_current_version, documents_are_purged_with_their_project);

async fn save(client: &Client, id: &str, version: &str, body: &str) -> reqwest::Response {
    let request = client.request(Method::PUT, &format!("/api/v1/projects/{id}/document"));
    request
        .header("if-match", version)
        .header("content-type", "text/markdown")
        .body(body.to_owned())
        .send()
        .await
        .unwrap()
}

async fn saves_need_the_current_version(pair: Pair) {
    let stack = start(pair).await;
    let (client, stranger, owner) = (stack.viewer().await, stack.viewer().await, stack.creator().await);
    let media = film_with(&owner, "public").await;
    let made = act(&client, Method::POST, "/projects", json!({ "title": "Notes", "media_id": media }), 201).await;
    let id = text(&made["id"]);
    let document = format!("/api/v1/projects/{id}/document");
    let empty = client.get(&document).await;
    assert_eq!(
        (empty.headers()["etag"].to_str().unwrap().to_owned(), empty.text().await.unwrap()),
        ("\"0\"".into(), String::new())
    );
    let saved = save(&client, &id, "\"0\"", "# Hi\n[0:02] the title\n").await;
    assert_eq!((saved.status().as_u16(), saved.headers()["etag"].to_str().unwrap()), (200, "\"1\""));
    let stale = save(&client, &id, "\"0\"", "lost").await;
    assert_eq!(problem(stale).await, (412, "version_mismatch".into()));
    let none = client.request(Method::PUT, &document).body("x").send().await.unwrap();
    assert_eq!(problem(none).await, (428, "version_missing".into()));
    // Ten tabs save the same version: one of them wins, and what it wrote is there.
    let tabs = (0..10).map(|n| {
        let (client, id) = (client.clone(), id.clone());
        async move { (n, save(&client, &id, "\"1\"", &format!("tab {n}")).await.status().as_u16()) }
    });
    let outcomes = futures::future::join_all(tabs).await;
    let winners: Vec<_> = outcomes.iter().filter(|o| o.1 == 200).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_eq!(client.text(&document).await, format!("tab {}", winners[0].0));
    // Two tabs that each take over the other's version, many times: the document is never missing.
    let taking_over = (0..2).map(|n| {
        let (client, id, document) = (client.clone(), id.clone(), document.clone());
        async move {
            for _ in 0..15 {
                let version = client.get(&document).await.headers()["etag"].to_str().unwrap().to_owned();
                save(&client, &id, &version, &format!("tab {n}")).await;
            }
        }
    });
    futures::future::join_all(taking_over).await;
    assert!(client.text(&document).await.starts_with("tab "));
    let version = client.get(&document).await.headers()["etag"].to_str().unwrap().to_owned();
    let large = save(&client, &id, &version, &"x".repeat((1 << 20) + 1)).await;
    assert_eq!(problem(large).await, (413, "too_large".into()));
    assert_eq!(save(&client, &id, &version, &"[1:00] x\n".repeat(100_000)).await.status(), 200);
    assert_eq!(
        get(&client, &format!("/projects/{id}/moments")).await["items"][0],
        json!({ "at_ms": 60000, "text": "x" })
    );
    for (who, method) in
        [(&stranger, Method::GET), (&stranger, Method::PATCH), (&owner, Method::GET), (&stranger, Method::DELETE)]
    {
        let body = if method == Method::PATCH { json!({}) } else { Value::Null };
        assert_eq!(refused(who, method, &format!("/projects/{id}"), body).await.0, 404);
    }
    let json =
        text(&act(&client, Method::POST, "/projects", json!({ "title": "J", "format": "json" }), 201).await["id"]);
    assert_eq!(problem(save(&client, &json, "\"0\"", "{ no").await).await, (400, "bad_request".into()));
    assert_eq!(save(&client, &json, "\"0\"", "{\"notes\":[{\"at_ms\":7,\"text\":\"a\"}]}").await.status(), 200);
    assert_eq!(get(&client, &format!("/projects/{json}/moments")).await["items"][0]["at_ms"], 7);
    // The media goes, the notes stay.
    act(&owner, Method::DELETE, &format!("/media/{media}"), Value::Null, 204).await;
    assert_eq!(get(&client, &format!("/projects/{id}")).await["media_id"], Value::Null);
    let unseen = json!({ "title": "x", "media_id": film_with(&owner, "private").await });
    assert_eq!(refused(&client, Method::POST, "/projects", unseen).await, (422, "invalid".into()));
}

async fn documents_are_purged_with_their_project(pair: Pair) {
    let stack = start(pair).await;
    let client = stack.viewer().await;
    let store = stack.store().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let id = text(&act(&client, Method::POST, "/projects", json!({ "title": "x" }), 201).await["id"]);
        for version in 0..3 {
            assert_eq!(save(&client, &id, &format!("\"{version}\""), "text").await.status(), 200);
        }
        let objects = store.list(&Prefix::Project(id.parse().unwrap())).await.unwrap();
        assert_eq!(objects.len(), 1, "older versions are gone");
        ids.push(id);
    }
    act(&client, Method::DELETE, &format!("/projects/{}", ids[0]), Value::Null, 204).await;
    let leave = json!({ "password": harness::client::PASSWORD, "media": "delete" });
    act(&client, Method::POST, "/me/delete", leave, 204).await;
    for id in ids {
        eventually("no document is left", Duration::from_secs(30), || async {
            store.list(&Prefix::Project(id.parse().unwrap())).await.unwrap().is_empty().then_some(())
        })
        .await;
    }
}
