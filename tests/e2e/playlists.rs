//! Playlists keep their order and show what one may see.

use harness::{
    Pair,
    platform::{act, film_with, get, refused, start, text},
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(order_survives_concurrent_moves, items_and_lists_respect_visibility);

async fn order_survives_concurrent_moves(pair: Pair) {
    let stack = start(pair).await;
    let client = stack.creator().await;
    let media = film_with(&client, "public").await;
    let list = text(&act(&client, Method::POST, "/playlists", json!({ "title": "Mine" }), 201).await["id"]);
    let path = format!("/playlists/{list}/items");
    let mut items = Vec::new();
    for _ in 0..5 {
        items.push(text(&act(&client, Method::POST, &path, json!({ "media_id": media }), 201).await["id"]));
    }
    let order = async || -> Vec<usize> {
        let (mut order, mut cursor) = (Vec::new(), String::new());
        loop {
            let page = get(&client, &format!("{path}?limit=2{cursor}")).await;
            for item in page["items"].as_array().unwrap() {
                order.push(items.iter().position(|i| *i == text(&item["id"])).unwrap());
            }
            match page["next_cursor"].as_i64() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return order,
            }
        }
    };
    assert_eq!(order().await, [0, 1, 2, 3, 4]);
    for (item, index, expected) in [
        (4, 0, [4, 0, 1, 2, 3]),
        (4, 2, [0, 1, 4, 2, 3]),
        (0, 9, [1, 4, 2, 3, 0]),
        (3, 3, [1, 4, 2, 3, 0]),
        (1, 1, [4, 1, 2, 3, 0]),
    ] {
        act(&client, Method::PATCH, &format!("{path}/{}", items[item]), json!({ "index": index }), 204).await;
        assert_eq!(order().await, expected);
    }
    // What is put before what one has read moves nothing of what one has not.
    let page = get(&client, &format!("{path}?limit=2")).await;
    let new = text(&act(&client, Method::POST, &path, json!({ "media_id": media, "index": 0 }), 201).await["id"]);
    let rest = get(&client, &format!("{path}?cursor={}", page["next_cursor"])).await;
    let rest: Vec<String> = rest["items"].as_array().unwrap().iter().map(|i| text(&i["id"])).collect();
    assert_eq!(rest, [&items[2], &items[3], &items[0]].map(Clone::clone));
    act(&client, Method::DELETE, &format!("{path}/{new}"), Value::Null, 204).await;
    let place = get(&client, &format!("{path}/{}", items[2])).await;
    assert_eq!((text(&place["previous"]["id"]), text(&place["next"]["id"])), (items[1].clone(), items[3].clone()));
    assert_eq!(get(&client, &format!("{path}/{}", items[4])).await["previous"], Value::Null);
    // Moved by many at once, nothing is lost.
    let moves = (0..10).map(|i| {
        let (client, path) = (&client, format!("{path}/{}", items[i % 5]));
        async move { act(client, Method::PATCH, &path, json!({ "index": i % 3 }), 204).await }
    });
    futures::future::join_all(moves).await;
    let mut all = order().await;
    all.sort_unstable();
    assert_eq!(all, [0, 1, 2, 3, 4]);
    act(&client, Method::DELETE, &format!("{path}/{}", items[0]), Value::Null, 204).await;
    assert_eq!(order().await.len(), 4);
    let first = act(&client, Method::POST, &path, json!({ "media_id": media, "index": 0 }), 201).await;
    assert_eq!(get(&client, &format!("{path}?limit=1")).await["items"][0]["id"], first["id"]);
    act(&client, Method::DELETE, &format!("/media/{media}"), Value::Null, 204).await;
    assert_eq!(get(&client, &format!("/playlists/{list}")).await["item_count"], 0, "what is deleted is in no list");
}

async fn items_and_lists_respect_visibility(pair: Pair) {
    let stack = start(pair).await;
    let (owner, friend) = (stack.creator().await, stack.viewer().await);
    let (public, private) = (film_with(&owner, "public").await, film_with(&owner, "private").await);
    let title = json!({ "title": "Line\none \u{0}", "visibility": "public" });
    let list = act(&owner, Method::POST, "/playlists", title, 201).await;
    assert_eq!(list["title"], "Lineone");
    let id = text(&list["id"]);
    for media in [&private, &public] {
        act(&owner, Method::POST, &format!("/playlists/{id}/items"), json!({ "media_id": media }), 201).await;
    }
    let seen = get(&friend, &format!("/playlists/{id}/items")).await;
    assert_eq!(seen["items"].as_array().unwrap().len(), 1, "{seen}");
    let export = friend.get(&format!("/api/v1/playlists/{id}/playlist.m3u8")).await;
    assert!(export.headers()["content-type"].to_str().unwrap().starts_with("audio/x-mpegurl"));
    let export = export.text().await.unwrap();
    let expected = format!("#EXTM3U\n#PLAYLIST:Lineone\n#EXTINF:5,A film\n{}/hls/{public}/index.m3u8\n", stack.url);
    assert_eq!(export, expected);
    assert_eq!(get(&friend, &format!("/creators/{}/playlists", owner.id)).await["items"][0]["id"], id.as_str());
    for (method, path, body) in [
        (Method::POST, format!("/playlists/{id}/items"), json!({ "media_id": public })),
        (Method::PATCH, format!("/playlists/{id}"), json!({ "title": "x" })),
        (Method::DELETE, format!("/playlists/{id}"), Value::Null),
    ] {
        assert_eq!(refused(&friend, method, &path, body).await.0, 403);
    }
    act(&owner, Method::PATCH, &format!("/playlists/{id}"), json!({ "visibility": "private" }), 200).await;
    assert_eq!(refused(&friend, Method::GET, &format!("/playlists/{id}"), Value::Null).await.0, 404);
    let own = text(&act(&friend, Method::POST, "/playlists", json!({ "title": "x" }), 201).await["id"]);
    let hidden =
        refused(&friend, Method::POST, &format!("/playlists/{own}/items"), json!({ "media_id": private })).await;
    assert_eq!(hidden.0, 404);
    assert_eq!(refused(&friend, Method::POST, "/playlists", json!({ "title": " " })).await, (422, "invalid".into()));
}
