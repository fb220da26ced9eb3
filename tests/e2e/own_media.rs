//! One's own media: found by what they are called and how they stand.

use harness::{
    Pair, Stack, fixtures,
    platform::{act, get, ids},
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(own_media_are_found_by_words_and_status);

async fn own_media_are_found_by_words_and_status(pair: Pair) {
    let stack = Stack::start(pair).await;
    let (ada, other) = (stack.creator().await, stack.creator().await);
    let mut films = Vec::new();
    for title in ["Händel at sea", "The sea again", "Mountains"] {
        let id = ada.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
        act(&ada, Method::PATCH, &format!("/media/{id}"), json!({ "title": title }), 200).await;
        films.push(id);
    }
    other.upload(&fixtures::silent()).await;
    let stopped = films[2].clone();
    act(&ada, Method::POST, &format!("/media/{stopped}/cancel"), Value::Null, 200).await;
    let found = async |query: &str| ids(&get(&ada, &format!("/media?{query}")).await);
    assert_eq!(found("").await, [&films[2], &films[1], &films[0]].map(Clone::clone));
    assert_eq!(found("q=SEA").await, [&films[1], &films[0]].map(Clone::clone));
    assert_eq!(found("q=handel%20sea").await, [films[0].clone()]);
    assert_eq!(found("q=sea&limit=1").await, [films[1].clone()]);
    assert_eq!(found(&format!("q=sea&limit=1&cursor={}", films[1])).await, [films[0].clone()]);
    assert_eq!(found("status=failed").await, std::slice::from_ref(&stopped));
    assert_eq!(found("status=processing&q=again").await, [films[1].clone()]);
    assert_eq!(found("status=ready").await, [] as [String; 0]);
    assert_eq!(ada.get("/api/v1/media?status=odd").await.status(), 400);
}
