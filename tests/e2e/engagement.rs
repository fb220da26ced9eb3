//! Likes, views and the history of what was watched.

use harness::{
    Pair,
    platform::{act, film, get, refused, start},
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(likes_and_views_count_once, history_remembers_positions);

async fn likes_and_views_count_once(pair: Pair) {
    let stack = start(pair).await;
    let (owner, friend) = (stack.creator().await, stack.viewer().await);
    let media = film(&owner).await;
    let path = format!("/media/{media}/like");
    let likes = futures::future::join_all((0..10).map(|_| act(&friend, Method::PUT, &path, Value::Null, 200))).await;
    assert!(likes.iter().all(|l| l["like_count"] == 1), "{likes:?}");
    act(&owner, Method::PUT, &path, Value::Null, 200).await;
    assert_eq!(act(&friend, Method::DELETE, &path, Value::Null, 200).await["like_count"], 1);
    assert_eq!(get(&friend, &path).await, json!({ "likes": false, "like_count": 1 }));
    let view = format!("/media/{media}/views");
    let counted = futures::future::join_all((0..10).map(|_| act(&friend, Method::POST, &view, Value::Null, 200))).await;
    assert_eq!(counted.iter().filter(|v| v["counted"] == true).count(), 1, "{counted:?}");
    act(&owner, Method::POST, &view, Value::Null, 200).await;
    let anybody = harness::client::http();
    for _ in 0..3 {
        anybody.post(format!("{}/api/v1{view}", stack.url)).send().await.unwrap();
    }
    assert_eq!(owner.media(&media).await["view_count"], 3);
}

async fn history_remembers_positions(pair: Pair) {
    let stack = start(pair).await;
    let (owner, friend) = (stack.creator().await, stack.viewer().await);
    let (half, whole, secret) = (film(&owner).await, film(&owner).await, film(&owner).await);
    for (media, position) in [(&half, 2000), (&whole, 4990), (&secret, 10)] {
        act(&friend, Method::PUT, &format!("/me/history/{media}"), json!({ "position_ms": position }), 200).await;
    }
    act(&owner, Method::PATCH, &format!("/media/{secret}"), json!({ "visibility": "private" }), 200).await;
    let of = |h: &Value| -> Vec<String> {
        h["items"].as_array().unwrap().iter().map(|i| i["media"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        of(&get(&friend, "/me/history").await),
        [whole.clone(), half.clone()],
        "latest first, without the private"
    );
    assert_eq!(of(&get(&friend, "/me/history?unfinished=true").await), std::slice::from_ref(&half));
    assert_eq!(get(&friend, &format!("/me/history/{half}")).await["position_ms"], 2000);
    let page = get(&friend, "/me/history?limit=1").await;
    let next = page["next_cursor"].as_str().unwrap();
    assert!(get(&friend, &format!("/me/history?limit=2&cursor={next}")).await["items"].is_array());
    assert_eq!(
        refused(&friend, Method::PUT, &format!("/me/history/{half}"), json!({ "position_ms": 99_999 })).await.0,
        422
    );
    assert_eq!(refused(&owner, Method::GET, &format!("/me/history/{half}"), Value::Null).await.0, 404, "nobody else's");
    act(&friend, Method::DELETE, &format!("/me/history/{half}"), Value::Null, 204).await;
    assert_eq!(of(&get(&friend, "/me/history").await), std::slice::from_ref(&whole));
    act(&friend, Method::PATCH, "/me/profile", json!({ "keeps_history": false }), 204).await;
    act(&friend, Method::PUT, &format!("/me/history/{half}"), json!({ "position_ms": 1 }), 204).await;
    assert!(of(&get(&friend, "/me/history").await).is_empty(), "switched off, nothing is left or added");
}
