//! Creators are found by the beginning of their names, followed and blocked.

use harness::{
    Pair,
    platform::{act, get, ids, refused, start},
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(creators_are_found_followed_and_blocked);

async fn creators_are_found_followed_and_blocked(pair: Pair) {
    let stack = start(pair).await;
    let (ada, fan) = (stack.creator().await, stack.viewer().await);
    act(&ada, Method::PATCH, "/me/profile", json!({ "display_name": " Ada \u{0} <b>L</b> ", "bio": "I\ncount" }), 204)
        .await;
    let prefix = &ada.username[..6].to_uppercase();
    let found = get(&fan, &format!("/creators?prefix={prefix}")).await;
    assert!(ids(&found).contains(&ada.id), "{found}");
    assert!(!get(&fan, &format!("/creators?prefix={}", fan.username)).await.to_string().contains(&fan.id));
    let profile = format!("/creators/{}", ada.id);
    assert_eq!(get(&fan, &profile).await["display_name"], "Ada  <b>L</b>");
    for _ in 0..2 {
        act(&fan, Method::POST, &format!("/subscriptions/{}", ada.id), Value::Null, 204).await;
    }
    let seen = get(&fan, &profile).await;
    assert_eq!((&seen["subscriber_count"], &seen["subscribed"]), (&json!(1), &json!(true)));
    assert_eq!(get(&fan, "/subscriptions").await["items"][0]["creator"]["id"], ada.id.as_str());
    let own = refused(&ada, Method::POST, &format!("/subscriptions/{}", ada.id), Value::Null).await;
    assert_eq!(own.0, 403);
    let nobody = refused(&ada, Method::POST, &format!("/subscriptions/{}", fan.id), Value::Null).await;
    assert_eq!(nobody.0, 404, "viewers are followed by nobody");
    // Blocked, they follow no more and may not again.
    act(&ada, Method::PUT, &format!("/me/blocks/{}", fan.id), Value::Null, 204).await;
    assert_eq!(get(&ada, &profile).await["subscriber_count"], 0);
    assert_eq!(refused(&fan, Method::POST, &format!("/subscriptions/{}", ada.id), Value::Null).await.0, 403);
    assert_eq!(ids(&get(&ada, "/me/blocks").await), std::slice::from_ref(&fan.id));
    act(&ada, Method::DELETE, &format!("/me/blocks/{}", fan.id), Value::Null, 204).await;
    act(&fan, Method::POST, &format!("/subscriptions/{}", ada.id), Value::Null, 204).await;
    act(&fan, Method::DELETE, &format!("/subscriptions/{}", ada.id), Value::Null, 204).await;
    assert_eq!(get(&ada, &profile).await["subscriber_count"], 0);
    let long = refused(&ada, Method::PATCH, "/me/profile", json!({ "bio": "x".repeat(2001) })).await;
    assert_eq!(long, (422, "invalid".into()));
}
