//! Comments: threads, edits, blocks, deletions.

use harness::{
    Pair, fixtures,
    platform::{act, comment, film, get, ids, refused, start},
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(threads_edits_blocks_and_deletions);

async fn threads_edits_blocks_and_deletions(pair: Pair) {
    let stack = start(pair).await;
    let (owner, friend, enemy) = (stack.creator().await, stack.viewer().await, stack.viewer().await);
    let media = film(&owner).await;
    let key = uuid::Uuid::new_v4();
    let first =
        comment(&friend, &media, json!({ "body": "  fine\u{7}  ", "at_ms": 1500, "client_key": key }), 201).await;
    assert_eq!((&first["body"], &first["at_ms"]), (&json!("fine"), &json!(1500)));
    let again = comment(&friend, &media, json!({ "body": "fine", "client_key": key }), 200).await;
    assert_eq!(again["id"], first["id"], "sent twice, stored once");
    let thread = first["id"].as_str().unwrap();
    let reply = comment(&owner, &media, json!({ "body": "thanks", "parent_id": thread }), 201).await;
    let beside = comment(&enemy, &media, json!({ "body": "no", "parent_id": reply["id"] }), 201).await;
    assert_eq!(beside["parent_id"], first["id"], "one level");
    for bad in [
        json!({ "body": " " }),
        json!({ "body": "x".repeat(2001) }),
        json!({ "body": "x", "at_ms": 9_999_999 }),
        json!({ "body": "x", "at_ms": -1 }),
        json!({ "body": "x", "parent_id": uuid::Uuid::new_v4() }),
    ] {
        let path = format!("/media/{media}/comments");
        assert_eq!(refused(&friend, Method::POST, &path, bad).await, (422, "invalid".into()));
    }
    let picture = std::fs::read(fixtures::picture(64, 32)).unwrap();
    let face = friend.request(Method::PUT, "/api/v1/me/pictures/avatar").body(picture).send().await.unwrap();
    let face: Value = face.json().await.unwrap();
    let listed = get(&friend, &format!("/media/{media}/comments")).await;
    assert_eq!(listed["items"][0]["author"]["avatar_url"], face["url"], "whose face it is");
    assert_eq!((&listed["items"][0]["reply_count"], ids(&listed).len()), (&json!(2), 1));
    let replies = get(&friend, &format!("/comments/{thread}/replies")).await;
    assert_eq!((&replies["items"][0]["body"], &replies["items"][1]["body"]), (&json!("thanks"), &json!("no")));
    // Edited by its author alone, and marked.
    let path = format!("/comments/{thread}");
    assert_eq!(refused(&owner, Method::PATCH, &path, json!({ "body": "x" })).await.0, 403);
    let edited = act(&friend, Method::PATCH, &path, json!({ "body": "very fine" }), 200).await;
    assert!(edited["edited_at"].is_i64() && edited["body"] == "very fine");
    // Blocked: out of sight, and off one's media.
    act(&friend, Method::PUT, &format!("/me/blocks/{}", enemy.id), Value::Null, 204).await;
    assert_eq!(ids(&get(&friend, &format!("/comments/{thread}/replies")).await).len(), 1);
    assert_eq!(ids(&get(&owner, &format!("/comments/{thread}/replies")).await).len(), 2);
    act(&owner, Method::PUT, &format!("/me/blocks/{}", enemy.id), Value::Null, 204).await;
    let said = refused(&enemy, Method::POST, &format!("/media/{media}/comments"), json!({ "body": "x" })).await;
    assert_eq!(said.0, 403);
    // Deleted by author, owner, administrator; with the replies.
    assert_eq!(refused(&enemy, Method::DELETE, &path, Value::Null).await.0, 403);
    let root = stack.admin().await;
    act(&root, Method::DELETE, &format!("/comments/{}", beside["id"].as_str().unwrap()), Value::Null, 204).await;
    assert_eq!(owner.media(&media).await["comment_count"], 2);
    act(&owner, Method::DELETE, &path, Value::Null, 204).await;
    assert_eq!(owner.media(&media).await["comment_count"], 0);
    assert_eq!(refused(&owner, Method::DELETE, &path, Value::Null).await.0, 404);
    // What one said stays one's own to delete, also where one may not look any more.
    let late = comment(&friend, &media, json!({ "body": "late" }), 201).await;
    // Of a private media nobody hears.
    act(&owner, Method::PATCH, &format!("/media/{media}"), json!({ "visibility": "private" }), 200).await;
    assert_eq!(refused(&friend, Method::GET, &format!("/media/{media}/comments"), Value::Null).await.0, 404);
    let late = format!("/comments/{}", late["id"].as_str().unwrap());
    assert_eq!(refused(&enemy, Method::DELETE, &late, Value::Null).await.0, 404);
    act(&friend, Method::DELETE, &late, Value::Null, 204).await;
}
