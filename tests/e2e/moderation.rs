//! Reports, decisions, appeals: what is taken out of sight is out of everybody's, and comes back.

use harness::{
    Client, Pair, Stack,
    client::problem,
    platform::{act, film, get},
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(report_decision_and_appeal, ban_hides_the_account);

async fn status(client: &Client, path: &str) -> u16 {
    client.get(path).await.status().as_u16()
}

async fn decide(root: &Client, target: &str, decision: &str) -> Value {
    let queue = get(root, "/admin/reports").await;
    let report = queue["items"].as_array().unwrap().iter().find(|r| r["target_id"] == target).unwrap();
    let path = format!("/admin/reports/{}/decide", report["id"].as_str().unwrap());
    act(root, Method::POST, &path, json!({ "decision": decision, "reason": "our rules" }), 204).await;
    let again = root.send(Method::POST, &format!("/api/v1{path}"), &json!({ "decision": decision })).await;
    assert_eq!(problem(again).await, (409, "already_decided".into()));
    get(root, "/admin/moderation").await["items"][0].clone()
}

async fn report_decision_and_appeal(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (root, owner) = (stack.admin().await, stack.creator().await);
    let (first, second) = (stack.viewer().await, stack.viewer().await);
    let media = film(&owner).await;
    let report = json!({ "target": "media", "id": media, "reason": "copyright", "note": "mine\u{0}" });
    for (who, expected) in [(&first, 201), (&first, 200), (&second, 201)] {
        let answer = who.send(Method::POST, "/api/v1/reports", &report).await;
        assert_eq!(answer.status().as_u16(), expected);
    }
    assert_eq!(get(&root, "/admin/reports").await["items"].as_array().unwrap().len(), 2);
    let nothing = json!({ "target": "media", "id": uuid::Uuid::new_v4(), "reason": "spam" });
    assert_eq!(first.send(Method::POST, "/api/v1/reports", &nothing).await.status().as_u16(), 404);
    let action = decide(&root, &media, "hide").await;
    assert!(get(&root, "/admin/reports").await["items"].as_array().unwrap().is_empty(), "all of it at once");
    // Out of everybody's sight but its owner's.
    let paths = [format!("/api/v1/media/{media}"), format!("/hls/{media}/index.m3u8"), format!("/raw/{media}")];
    for path in &paths {
        assert_eq!((status(&first, path).await, status(&owner, path).await), (404, 200), "{path}");
    }
    assert!(get(&first, "/feed").await["items"].as_array().unwrap().is_empty());
    assert!(get(&first, "/search?q=film").await["items"].as_array().unwrap().is_empty());
    // Said to its owner, who answers.
    let told = get(&owner, "/me/moderation").await;
    assert_eq!((&told["items"][0]["reason"], &told["items"][0]["target_id"]), (&json!("our rules"), &json!(media)));
    let appeal = format!("/me/moderation/{}/appeal", action["id"].as_str().unwrap());
    act(&owner, Method::POST, &appeal, json!({ "text": "I have a licence" }), 204).await;
    assert_eq!(
        problem(owner.send(Method::POST, &format!("/api/v1{appeal}"), &json!({ "text": "x" })).await).await.0,
        404
    );
    assert_eq!(get(&root, "/admin/moderation").await["items"][0]["appeal"], "I have a licence");
    let lift = format!("/admin/moderation/{}/lift", action["id"].as_str().unwrap());
    act(&root, Method::POST, &lift, Value::Null, 204).await;
    for path in &paths {
        assert_eq!(status(&first, path).await, 200, "{path}");
    }
    // A comment, and a report that was wrong.
    let comments = format!("/media/{media}/comments");
    let said = act(&second, Method::POST, &comments, json!({ "body": "rude" }), 201).await;
    let id = said["id"].as_str().unwrap();
    let rude = json!({ "target": "comment", "id": id, "reason": "abuse" });
    act(&owner, Method::POST, "/reports", rude, 201).await;
    decide(&root, id, "hide").await;
    assert!(get(&first, &comments).await["items"].as_array().unwrap().is_empty());
    let fine = act(&second, Method::POST, &comments, json!({ "body": "fine" }), 201).await;
    let id = fine["id"].as_str().unwrap();
    act(&owner, Method::POST, "/reports", json!({ "target": "comment", "id": id, "reason": "other" }), 201).await;
    decide(&root, id, "dismiss").await;
    assert_eq!(get(&first, &comments).await["items"][0]["body"], "fine");
    let log = get(&root, "/admin/audit").await;
    assert!(log["items"].as_array().unwrap().iter().filter(|e| e["kind"] == "moderated").count() >= 3, "{log}");
}

async fn ban_hides_the_account(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (root, troll, friend) = (stack.admin().await, stack.creator().await, stack.viewer().await);
    let (media, other) = (film(&troll).await, stack.creator().await);
    let elsewhere = film(&other).await;
    let machine = troll.with_token(&troll.api_token(&["upload"]).await);
    act(&troll, Method::POST, &format!("/media/{elsewhere}/comments"), json!({ "body": "noise" }), 201).await;
    act(&troll, Method::POST, "/posts", json!({ "title": "Noise", "body": "", "published": true }), 201).await;
    let list = act(&troll, Method::POST, "/playlists", json!({ "title": "Noise", "visibility": "public" }), 201).await;
    let list = list["id"].as_str().unwrap().to_owned();
    act(&friend, Method::POST, "/reports", json!({ "target": "user", "id": troll.id, "reason": "abuse" }), 201).await;
    let hide = get(&root, "/admin/reports").await["items"][0]["id"].as_str().unwrap().to_owned();
    let people =
        root.send(Method::POST, &format!("/api/v1/admin/reports/{hide}/decide"), &json!({ "decision": "hide" })).await;
    assert_eq!(problem(people).await, (422, "invalid".into()));
    let action = decide(&root, &troll.id, "ban").await;
    for path in
        [format!("/api/v1/media/{media}"), format!("/api/v1/creators/{}", troll.id), format!("/hls/{media}/index.m3u8")]
    {
        assert_eq!(status(&friend, &path).await, 404, "{path}");
    }
    assert!(get(&friend, "/posts").await["items"].as_array().unwrap().is_empty());
    assert!(get(&friend, &format!("/media/{elsewhere}/comments")).await["items"].as_array().unwrap().is_empty());
    for (client, path, body) in [
        (&troll, format!("/api/v1/media/{elsewhere}/comments"), json!({ "body": "more" })),
        (&troll, "/api/v1/posts".to_owned(), json!({ "title": "x", "body": "" })),
        (&machine, "/api/v1/uploads/presigned".to_owned(), json!({ "size": 9, "content_type": "video/mp4" })),
    ] {
        assert_eq!(problem(client.send(Method::POST, &path, &body).await).await, (403, "banned".into()), "{path}");
    }
    // Nor does it come back under another name.
    let leave = json!({ "password": harness::client::PASSWORD, "media": "hand_over", "hand_over_to": other.username });
    assert_eq!(problem(troll.send(Method::POST, "/api/v1/me/delete", &leave).await).await, (403, "banned".into()));
    assert!(get(&friend, &format!("/creators/{}/playlists", troll.id)).await["items"].as_array().unwrap().is_empty());
    assert_eq!(status(&friend, &format!("/api/v1/playlists/{list}")).await, 404);
    // They learn why, and may answer.
    let told = get(&troll, "/me/moderation").await;
    let path = format!("/me/moderation/{}/appeal", told["items"][0]["id"].as_str().unwrap());
    act(&troll, Method::POST, &path, json!({ "text": "sorry" }), 204).await;
    act(&root, Method::POST, &format!("/admin/moderation/{}/lift", action["id"].as_str().unwrap()), Value::Null, 204)
        .await;
    assert_eq!(status(&friend, &format!("/api/v1/media/{media}")).await, 200);
    act(&troll, Method::POST, &format!("/media/{elsewhere}/comments"), json!({ "body": "hello" }), 201).await;
    // Nobody bans who looks after the service.
    act(&friend, Method::POST, "/reports", json!({ "target": "user", "id": root.id, "reason": "abuse" }), 201).await;
    let report = get(&root, "/admin/reports").await["items"][0]["id"].as_str().unwrap().to_owned();
    let answer =
        root.send(Method::POST, &format!("/api/v1/admin/reports/{report}/decide"), &json!({ "decision": "ban" })).await;
    assert_eq!(problem(answer).await.0, 403);
}
