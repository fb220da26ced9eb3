//! The feed: subscriptions first, then discoveries, nothing twice.

use harness::{
    Pair, fixtures,
    platform::{act, film, get, ids, refused, start},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

harness::on_both!(pages_never_repeat_a_media);

async fn pages_never_repeat_a_media(pair: Pair) {
    let stack = start(pair).await;
    let (ada, bob, cyd, fan) =
        (stack.creator().await, stack.creator().await, stack.creator().await, stack.viewer().await);
    let mut films = Vec::new();
    for owner in [&ada, &bob, &cyd, &ada, &bob, &cyd, &bob] {
        films.push(film(owner).await);
    }
    let hidden =
        ada.upload_with(&fixtures::silent(), &[("visibility", "unlisted")]).await.json::<Value>().await.unwrap();
    act(&fan, Method::POST, &format!("/subscriptions/{}", ada.id), Value::Null, 204).await;
    // What people like stands further forward among what one does not follow.
    for liking in [&ada, &cyd] {
        act(liking, Method::PUT, &format!("/media/{}/like", films[1]), Value::Null, 200).await;
    }
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut cursor = String::new();
    for round in 0.. {
        let page = get(&fan, &format!("/feed?limit=2{cursor}")).await;
        for item in page["items"].as_array().unwrap() {
            let text = |v: &Value| v.as_str().unwrap().to_owned();
            seen.push((text(&item["reason"]), text(&item["media"]["id"])));
        }
        if round == 0 {
            // On the way: a new film, a new subscription, a like. None of it repeats anything.
            film(&bob).await;
            act(&fan, Method::POST, &format!("/subscriptions/{}", bob.id), Value::Null, 204).await;
            act(&fan, Method::PUT, &format!("/media/{}/like", films[2]), Value::Null, 200).await;
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let unique: BTreeSet<&String> = seen.iter().map(|s| &s.1).collect();
    assert_eq!(unique.len(), seen.len(), "{seen:?}");
    assert_eq!((seen[0].0.as_str(), seen[1].0.as_str()), ("subscription", "subscription"));
    assert_eq!((&seen[0].1, &seen[1].1), (&films[3], &films[0]), "the newest first");
    assert_eq!(seen[2], ("discovery".to_owned(), films[1].clone()), "the liked one: {seen:?}");
    assert!(!unique.contains(&hidden["id"].as_str().unwrap().to_owned()));
    assert_eq!(seen.len(), 8, "all of them, the one liked on the way where it had been: {seen:?}");
    // What is published later than it was uploaded is new then.
    let hidden = hidden["id"].as_str().unwrap();
    ada.wait_for(hidden, &["ready"]).await;
    let path = format!("/media/{hidden}");
    let published = act(&ada, Method::PATCH, &path, json!({ "visibility": "public" }), 200).await;
    assert!(published["published_at"].as_i64() > published["created_at"].as_i64(), "{published}");
    assert_eq!(get(&fan, "/feed?limit=1").await["items"][0]["media"]["id"], hidden);
    assert_eq!(ids(&get(&fan, &format!("/creators/{}/media", ada.id)).await), [hidden, &films[3], &films[0]]);
    act(&ada, Method::PATCH, &path, json!({ "visibility": "private" }), 200).await;
    let again = act(&ada, Method::PATCH, &path, json!({ "visibility": "public" }), 200).await;
    assert_eq!(again["published_at"], published["published_at"], "for the first time");
    act(&ada, Method::DELETE, &path, Value::Null, 204).await;
    // Whom one follows no more, or again, comes as little twice.
    let other = stack.viewer().await;
    let path = format!("/subscriptions/{}", ada.id);
    act(&other, Method::POST, &path, Value::Null, 204).await;
    let first = get(&other, "/feed?limit=2").await;
    let shown: Vec<&Value> = first["items"].as_array().unwrap().iter().map(|i| &i["media"]["id"]).collect();
    assert_eq!(shown, [&json!(films[3]), &json!(films[0])]);
    for again in [false, true] {
        act(&other, Method::DELETE, &path, Value::Null, 204).await;
        if again {
            act(&other, Method::POST, &path, Value::Null, 204).await;
        }
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = get(&other, &format!("/feed?limit=50&cursor={cursor}")).await;
        let rest: Vec<&Value> = rest["items"].as_array().unwrap().iter().map(|i| &i["media"]["id"]).collect();
        assert!(!rest.is_empty() && shown.iter().all(|s| !rest.contains(s)), "{shown:?}, then {rest:?}");
    }
    let anybody = harness::client::http()
        .get(format!("{}/api/v1/feed", stack.url))
        .send()
        .await
        .unwrap()
        .json::<Value>()
        .await
        .unwrap();
    assert_eq!(anybody["items"].as_array().unwrap().len(), 8);
    let bad = refused(&fan, Method::GET, "/feed?cursor=nonsense", Value::Null).await;
    assert_eq!(bad, (400, "bad_request".into()));
}
