//! Creators are found by the beginning of their names, followed and blocked.

use harness::{
    Client, Pair, fixtures,
    platform::{act, get, ids, refused, start},
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(creators_are_found_followed_and_blocked);

/// Viewers have no public profile, but a face.
async fn the_avatar_of_a_viewer_is_shown(fan: &Client) {
    assert_eq!(get(fan, "/me/profile").await["avatar_url"], Value::Null);
    let picture = std::fs::read(fixtures::picture(64, 32)).unwrap();
    let given = fan.request(Method::PUT, "/api/v1/me/pictures/avatar").body(picture).send().await.unwrap();
    assert_eq!(given.status(), 200);
    let shown = get(fan, "/me/profile").await["avatar_url"].as_str().unwrap().to_owned();
    assert_eq!(fan.http.get(shown).send().await.unwrap().headers()["content-type"], "image/jpeg");
}

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
    let named = format!("/creators/{}", ada.username.to_uppercase());
    assert_eq!(get(&fan, &named).await["id"], ada.id.as_str(), "by name as well");
    assert_eq!(get(&fan, &format!("{named}/media")).await["items"], json!([]));
    assert_eq!(refused(&fan, Method::GET, "/creators/nobody-at-all", Value::Null).await.0, 404);
    let own = get(&ada, "/me/profile").await;
    assert_eq!((&own["bio"], &own["keeps_history"]), (&json!("I\ncount"), &json!(true)));
    the_avatar_of_a_viewer_is_shown(&fan).await;
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
