//! Pages that are read while others write.

use harness::platform::{act, comment, film, get, ids, start};
use harness::{Pair, fixtures};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(inserts_do_not_shift_pages, every_list_pages_stably);

async fn inserts_do_not_shift_pages(pair: Pair) {
    let stack = start(pair).await;
    let (owner, friend) = (stack.creator().await, stack.viewer().await);
    let media = film(&owner).await;
    let mut all = Vec::new();
    for n in 0..25 {
        all.push(
            comment(&friend, &media, json!({ "body": format!("{n}") }), 201).await["id"].as_str().unwrap().to_owned(),
        );
    }
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&owner, &format!("/media/{media}/comments?limit=4{cursor}")).await;
        seen.extend(ids(&page));
        comment(&friend, &media, json!({ "body": "between" }), 201).await;
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    all.reverse();
    assert_eq!(seen, all, "each once, newest first, whatever came meanwhile");
}

async fn every_list_pages_stably(pair: Pair) {
    let stack = start(pair).await;
    let owner = stack.creator().await;
    let add = async || {
        let made = owner.upload_with(&fixtures::silent(), &[("visibility", "public"), ("title", "walk")]).await;
        let media = made.json::<Value>().await.unwrap()["id"].clone();
        let id = |made: Value| made["id"].clone();
        let post =
            id(act(&owner, Method::POST, "/posts", json!({ "title": "x", "body": "x", "published": true }), 201).await);
        let list =
            id(act(&owner, Method::POST, "/playlists", json!({ "title": "x", "visibility": "public" }), 201).await);
        let project = id(act(&owner, Method::POST, "/projects", json!({ "title": "x" }), 201).await);
        let hook = id(act(
            &owner,
            Method::POST,
            "/webhooks",
            json!({ "url": "https://example.org/", "events": ["media.failed"] }),
            201,
        )
        .await);
        let position = json!({ "position_ms": 0 });
        act(&owner, Method::PUT, &format!("/me/history/{}", media.as_str().unwrap()), position, 200).await;
        [media, post, list, project, hook].map(|v| v.as_str().unwrap().to_owned())
    };
    let mut before = Vec::new();
    for _ in 0..5 {
        before.push(add().await);
    }
    for ids in &before {
        owner.wait_for(&ids[0], &["ready"]).await;
    }
    let mine = format!("/creators/{}", owner.id);
    for (path, kind) in [
        ("/media".to_owned(), 0),
        (format!("{mine}/media"), 0),
        ("/search?q=walk".to_owned(), 0),
        ("/me/history".to_owned(), 0),
        ("/posts".to_owned(), 1),
        ("/me/posts".to_owned(), 1),
        (format!("{mine}/posts"), 1),
        ("/playlists".to_owned(), 2),
        (format!("{mine}/playlists"), 2),
        ("/projects".to_owned(), 3),
        ("/webhooks".to_owned(), 4),
    ] {
        let expected: Vec<String> = before.iter().rev().map(|ids| ids[kind].clone()).collect();
        let (mut seen, mut cursor) = (Vec::new(), String::new());
        for round in 0.. {
            let mark = if path.contains('?') { '&' } else { '?' };
            let page = get(&owner, &format!("{path}{mark}limit=2{cursor}")).await;
            seen.extend(page["items"].as_array().unwrap().iter().map(|i| {
                let id = [&i["id"], &i["media"]["id"], &i["media_id"]].into_iter().find(|v| v.is_string());
                id.unwrap_or_else(|| panic!("{path}: {i}")).as_str().unwrap().to_owned()
            }));
            if round == 0 {
                let new = add().await;
                owner.wait_for(&new[0], &["ready"]).await;
                before.push(new);
            }
            match &page["next_cursor"] {
                Value::Null => break,
                next => {
                    cursor = format!("&cursor={}", next.as_str().map_or_else(|| next.to_string(), ToOwned::to_owned))
                }
            }
        }
        assert_eq!(seen, expected, "{path}: each once, whatever came meanwhile");
    }
}
