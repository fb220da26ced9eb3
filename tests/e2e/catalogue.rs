//! Categories and tags.

use harness::{
    Pair,
    platform::{act, film, get, ids, refused, start},
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(categories_and_tags_list_media);

async fn categories_and_tags_list_media(pair: Pair) {
    let stack = start(pair).await;
    let (root, owner) = (stack.admin().await, stack.creator().await);
    act(&root, Method::PUT, "/admin/categories/music", json!({ "name": "Music" }), 204).await;
    act(&root, Method::PUT, "/admin/categories/music", json!({ "name": "Musik" }), 204).await;
    let music = json!({ "slug": "music", "name": "Musik", "picture_url": null });
    assert_eq!(get(&owner, "/categories").await, json!({ "items": [music] }));
    assert_eq!(refused(&root, Method::PUT, "/admin/categories/Bad", json!({ "name": "x" })).await.0, 422);
    let media = film(&owner).await;
    let change = json!({ "tags": ["#Live", "live", "Händel"], "category": "music" });
    let changed = act(&owner, Method::PATCH, &format!("/media/{media}"), change, 200).await;
    assert_eq!((&changed["tags"], &changed["category"]), (&json!(["live", "händel"]), &json!("music")));
    assert_eq!(ids(&get(&owner, "/categories/music/media").await), std::slice::from_ref(&media));
    assert_eq!(ids(&get(&owner, "/tags/H%C3%A4ndel/media").await), std::slice::from_ref(&media));
    assert!(ids(&get(&owner, "/tags/other/media").await).is_empty());
    for bad in [json!({ "tags": ["a b"] }), json!({ "tags": ["<script>"] }), json!({ "category": "none" })] {
        assert_eq!(refused(&owner, Method::PATCH, &format!("/media/{media}"), bad).await.0, 422);
    }
    act(&owner, Method::PATCH, &format!("/media/{media}"), json!({ "visibility": "unlisted" }), 200).await;
    assert!(ids(&get(&owner, "/tags/live/media").await).is_empty(), "what is not public is not found");
    act(&root, Method::DELETE, "/admin/categories/music", Value::Null, 204).await;
    assert_eq!(owner.media(&media).await["category"], Value::Null);
}
