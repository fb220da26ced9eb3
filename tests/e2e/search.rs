//! Search: one corpus, one list of answers on both databases.

use harness::{
    Pair,
    platform::{act, film, get, ids, start},
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(both_databases_rank_alike);

async fn both_databases_rank_alike(pair: Pair) {
    let stack = start(pair).await;
    let owner = stack.creator().await;
    act(&owner, Method::PATCH, "/me/profile", json!({ "display_name": "Zoë Ørsted" }), 204).await;
    let corpus = [
        ("Händel: Saul", "An oratorio in three acts.", vec!["baroque", "choir"]),
        ("Cooking rice", "Saul, my uncle, cooks rice with saffron.", vec!["food"]),
        ("A walk in the snow", "Slow television, 4K, no talking; rice paper windows", vec!["slow-tv", "winter"]),
        ("C++ & Rust: unsafe?!", "About FFI. 'quotes' \"double\" (parens) AND OR NOT *", vec!["rust"]),
        ("東京の夜", "Tokyo by night", vec!["japan"]),
    ];
    let mut names = std::collections::BTreeMap::new();
    for (title, description, tags) in &corpus {
        let media = film(&owner).await;
        let change = json!({ "title": title, "description": description, "tags": tags });
        act(&owner, Method::PATCH, &format!("/media/{media}"), change, 200).await;
        names.insert(media, *title);
    }
    let found = async |query: &str| -> Vec<&str> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let asked: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
            let page = get(&owner, &format!("/search?limit=2{cursor}&q={asked}")).await;
            all.extend(ids(&page).iter().map(|i| names[i]));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    };
    for (query, expected) in [
        ("handel", vec!["Händel: Saul"]),
        ("HÄNDEL saul", vec!["Händel: Saul"]),
        ("saul", vec!["Händel: Saul", "Cooking rice"]),
        ("rice", vec!["Cooking rice", "A walk in the snow"]),
        ("ric win", vec!["A walk in the snow"]),
        ("slow tv", vec!["A walk in the snow"]),
        ("4k", vec!["A walk in the snow"]),
        ("c rust", vec!["C++ & Rust: unsafe?!"]),
        ("'quotes' AND \"double\" (", vec!["C++ & Rust: unsafe?!"]),
        ("東京", vec!["東京の夜"]),
        ("choir food", vec![]),
        ("nothing", vec![]),
        ("*", vec![]),
        ("", vec![]),
        ("'; DROP TABLE media; --", vec![]),
    ] {
        assert_eq!(found(query).await, expected, "{query}");
    }
    assert_eq!(found("zoe").await.len(), 5, "by the creator's name");
    assert_eq!(found(&owner.username).await.len(), 5);
    let first = names.iter().find(|n| *n.1 == "Cooking rice").unwrap().0.clone();
    act(&owner, Method::PATCH, &format!("/media/{first}"), json!({ "title": "Baking" }), 200).await;
    assert_eq!(found("rice").await.len(), 2, "still in its description");
    assert_eq!(found("baking").await.len(), 1);
    act(&owner, Method::PATCH, &format!("/media/{first}"), json!({ "visibility": "unlisted" }), 200).await;
    assert!(found("baking").await.is_empty());
    let other = names.iter().find(|n| *n.1 == "東京の夜").unwrap().0.clone();
    act(&owner, Method::DELETE, &format!("/media/{other}"), Value::Null, 204).await;
    assert!(found("tokyo").await.is_empty());
}
