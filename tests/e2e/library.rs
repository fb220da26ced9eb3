//! Playlists, projects and posts.

use harness::{Client, Pair, Stack, client::problem, eventually, fixtures};
use reqwest::Method;
use serde_json::{Value, json};
use sluice_storage::Prefix;
use std::{
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

crate::on_both!(
    playlists_keep_their_order,
    playlists_show_what_one_may_see,
    notes_are_never_overwritten,
    documents_go_with_their_project,
    posts_from_draft_to_feed,
);

async fn start(pair: Pair) -> Stack {
    let mut stack =
        Stack::start_with(pair, &[("SLUICE_LIMITS", "register=0/1,login=0/1"), ("SLUICE_GC_SECONDS", "2")]).await;
    stack.add_worker();
    stack
}

async fn film(client: &Client, visibility: &'static str) -> String {
    let made: Value =
        client.upload_with(&fixtures::silent(), &[("visibility", visibility)]).await.json().await.unwrap();
    let id = made["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    id
}

async fn get(client: &Client, path: &str) -> Value {
    client.json(Method::GET, &format!("/api/v1{path}"), &Value::Null, 200).await
}

async fn act(client: &Client, method: Method, path: &str, body: Value, status: u16) -> Value {
    client.json(method, &format!("/api/v1{path}"), &body, status).await
}

async fn refused(client: &Client, method: Method, path: &str, body: Value) -> (u16, String) {
    problem(client.send(method, &format!("/api/v1{path}"), &body).await).await
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

async fn playlists_keep_their_order(pair: Pair) {
    let stack = start(pair).await;
    let client = stack.creator().await;
    let media = film(&client, "public").await;
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

async fn playlists_show_what_one_may_see(pair: Pair) {
    let stack = start(pair).await;
    let (owner, friend) = (stack.creator().await, stack.viewer().await);
    let (public, private) = (film(&owner, "public").await, film(&owner, "private").await);
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

async fn save(client: &Client, id: &str, version: &str, body: &str) -> reqwest::Response {
    let request = client.request(Method::PUT, &format!("/api/v1/projects/{id}/document"));
    request
        .header("if-match", version)
        .header("content-type", "text/markdown")
        .body(body.to_owned())
        .send()
        .await
        .unwrap()
}

async fn notes_are_never_overwritten(pair: Pair) {
    let stack = start(pair).await;
    let (client, stranger, owner) = (stack.viewer().await, stack.viewer().await, stack.creator().await);
    let media = film(&owner, "public").await;
    let made = act(&client, Method::POST, "/projects", json!({ "title": "Notes", "media_id": media }), 201).await;
    let id = text(&made["id"]);
    let document = format!("/api/v1/projects/{id}/document");
    let empty = client.get(&document).await;
    assert_eq!(
        (empty.headers()["etag"].to_str().unwrap().to_owned(), empty.text().await.unwrap()),
        ("\"0\"".into(), String::new())
    );
    let saved = save(&client, &id, "\"0\"", "# Hi\n[0:02] the title\n").await;
    assert_eq!((saved.status().as_u16(), saved.headers()["etag"].to_str().unwrap()), (200, "\"1\""));
    let stale = save(&client, &id, "\"0\"", "lost").await;
    assert_eq!(problem(stale).await, (412, "version_mismatch".into()));
    let none = client.request(Method::PUT, &document).body("x").send().await.unwrap();
    assert_eq!(problem(none).await, (428, "version_missing".into()));
    // Ten tabs save the same version: one of them wins, and what it wrote is there.
    let tabs = (0..10).map(|n| {
        let (client, id) = (client.clone(), id.clone());
        async move { (n, save(&client, &id, "\"1\"", &format!("tab {n}")).await.status().as_u16()) }
    });
    let outcomes = futures::future::join_all(tabs).await;
    let winners: Vec<_> = outcomes.iter().filter(|o| o.1 == 200).collect();
    assert_eq!(winners.len(), 1, "{outcomes:?}");
    assert_eq!(client.text(&document).await, format!("tab {}", winners[0].0));
    // Two tabs that each take over the other's version, many times: the document is never missing.
    let taking_over = (0..2).map(|n| {
        let (client, id, document) = (client.clone(), id.clone(), document.clone());
        async move {
            for _ in 0..15 {
                let version = client.get(&document).await.headers()["etag"].to_str().unwrap().to_owned();
                save(&client, &id, &version, &format!("tab {n}")).await;
            }
        }
    });
    futures::future::join_all(taking_over).await;
    assert!(client.text(&document).await.starts_with("tab "));
    let version = client.get(&document).await.headers()["etag"].to_str().unwrap().to_owned();
    let large = save(&client, &id, &version, &"x".repeat((1 << 20) + 1)).await;
    assert_eq!(problem(large).await, (413, "too_large".into()));
    assert_eq!(save(&client, &id, &version, &"[1:00] x\n".repeat(100_000)).await.status(), 200);
    assert_eq!(
        get(&client, &format!("/projects/{id}/moments")).await["items"][0],
        json!({ "at_ms": 60000, "text": "x" })
    );
    for (who, method) in
        [(&stranger, Method::GET), (&stranger, Method::PATCH), (&owner, Method::GET), (&stranger, Method::DELETE)]
    {
        let body = if method == Method::PATCH { json!({}) } else { Value::Null };
        assert_eq!(refused(who, method, &format!("/projects/{id}"), body).await.0, 404);
    }
    let json =
        text(&act(&client, Method::POST, "/projects", json!({ "title": "J", "format": "json" }), 201).await["id"]);
    assert_eq!(problem(save(&client, &json, "\"0\"", "{ no").await).await, (400, "bad_request".into()));
    assert_eq!(save(&client, &json, "\"0\"", "{\"notes\":[{\"at_ms\":7,\"text\":\"a\"}]}").await.status(), 200);
    assert_eq!(get(&client, &format!("/projects/{json}/moments")).await["items"][0]["at_ms"], 7);
    // The media goes, the notes stay.
    act(&owner, Method::DELETE, &format!("/media/{media}"), Value::Null, 204).await;
    assert_eq!(get(&client, &format!("/projects/{id}")).await["media_id"], Value::Null);
    let unseen = json!({ "title": "x", "media_id": film(&owner, "private").await });
    assert_eq!(refused(&client, Method::POST, "/projects", unseen).await, (422, "invalid".into()));
}

async fn documents_go_with_their_project(pair: Pair) {
    let stack = start(pair).await;
    let client = stack.viewer().await;
    let store = stack.store().await;
    let mut ids = Vec::new();
    for _ in 0..2 {
        let id = text(&act(&client, Method::POST, "/projects", json!({ "title": "x" }), 201).await["id"]);
        for version in 0..3 {
            assert_eq!(save(&client, &id, &format!("\"{version}\""), "text").await.status(), 200);
        }
        let objects = store.list(&Prefix::Project(id.parse().unwrap())).await.unwrap();
        assert_eq!(objects.len(), 1, "older versions are gone");
        ids.push(id);
    }
    act(&client, Method::DELETE, &format!("/projects/{}", ids[0]), Value::Null, 204).await;
    let leave = json!({ "password": harness::client::PASSWORD, "media": "delete" });
    act(&client, Method::POST, "/me/delete", leave, 204).await;
    for id in ids {
        eventually("no document is left", Duration::from_secs(30), || async {
            store.list(&Prefix::Project(id.parse().unwrap())).await.unwrap().is_empty().then_some(())
        })
        .await;
    }
}

/// Reads XML as strictly as XML wants it.
fn well_formed(xml: &str) {
    let script = "import sys, xml.dom.minidom\nxml.dom.minidom.parseString(sys.stdin.buffer.read())";
    let mut child =
        Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{xml}", String::from_utf8_lossy(&output.stderr));
}

async fn posts_from_draft_to_feed(pair: Pair) {
    let stack = start(pair).await;
    let (author, reader) = (stack.creator().await, stack.viewer().await);
    let media = film(&author, "public").await;
    let body = format!("Look: ![my <b>film</b>](media:{media})\n\n<script>alert(1)</script> [x](javascript:alert(1))");
    let draft =
        act(&author, Method::POST, "/posts", json!({ "title": "First & <last>\u{fffe}\u{b}", "body": body }), 201)
            .await;
    let id = text(&draft["id"]);
    assert!(text(&draft["html"]).contains(&format!("{}/hls/{media}/index.m3u8", stack.url)), "{draft}");
    for live in ["<script", "href=\"javascript"] {
        assert!(!text(&draft["html"]).contains(live), "{draft}");
    }
    assert_eq!(
        refused(&reader, Method::GET, &format!("/posts/{id}"), Value::Null).await.0,
        404,
        "a draft is its author's"
    );
    assert!(get(&reader, "/posts").await["items"].as_array().unwrap().is_empty());
    assert_eq!(refused(&reader, Method::POST, "/posts", json!({ "title": "x", "body": "" })).await.0, 403);
    act(&author, Method::PATCH, &format!("/posts/{id}"), json!({ "published": true }), 200).await;
    let shown = get(&reader, &format!("/posts/{id}")).await;
    assert_eq!((&shown["published"], &shown["author"]["id"]), (&json!(true), &json!(author.id)));
    for n in 0..4 {
        act(&author, Method::POST, "/posts", json!({ "title": format!("{n}"), "body": "", "published": true }), 201)
            .await;
    }
    let (mut titles, mut cursor) = (Vec::new(), String::new());
    loop {
        let page = get(&reader, &format!("/creators/{}/posts?limit=2{cursor}", author.id)).await;
        titles.extend(page["items"].as_array().unwrap().iter().map(|p| text(&p["title"])));
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(titles, ["3", "2", "1", "0", "First & <last>"]);
    assert_eq!(get(&reader, "/posts").await["items"].as_array().unwrap().len(), 5);
    let atom = reader.get(&format!("/api/v1/creators/{}/feed.atom", author.id)).await;
    assert!(atom.headers()["content-type"].to_str().unwrap().starts_with("application/atom+xml"));
    let atom = atom.text().await.unwrap();
    assert_eq!(atom.matches("<entry>").count(), 5, "{atom}");
    assert!(atom.contains("First &amp; &lt;last&gt;") && !atom.contains("<script"), "{atom}");
    // A podcast: sound alone, with the length of its file.
    let sound: Value = author.upload_with(&fixtures::sound(), &[("visibility", "public")]).await.json().await.unwrap();
    let sound = author.wait_for(&text(&sound["id"]), &["ready"]).await;
    let feed = reader.text(&format!("/api/v1/creators/{}/podcast.rss", author.id)).await;
    let size = std::fs::metadata(fixtures::sound()).unwrap().len();
    assert_eq!(feed.matches("<item>").count(), 1, "{feed}");
    assert!(feed.contains(&format!("length=\"{size}\"")) && feed.contains("type=\"audio/flac\""), "{feed}");
    let url = format!("/raw/{}/episode.flac", text(&sound["id"]));
    assert!(feed.contains(&format!("\"{}{url}\"", stack.url)), "{feed}");
    let episode = reader.get(&url).await;
    assert_eq!(
        (&episode.headers()["content-type"], episode.content_length()),
        (&"audio/flac".parse().unwrap(), Some(size))
    );
    for xml in [&atom, &feed] {
        well_formed(xml);
    }
    act(&author, Method::PATCH, &format!("/posts/{id}"), json!({ "published": false }), 200).await;
    assert_eq!(refused(&reader, Method::GET, &format!("/posts/{id}"), Value::Null).await.0, 404);
    assert_eq!(get(&author, "/me/posts").await["items"].as_array().unwrap().len(), 5);
    let bad = json!({ "title": "x", "body": format!("![x](media:{})", uuid::Uuid::new_v4()) });
    assert_eq!(refused(&author, Method::POST, "/posts", bad).await, (422, "invalid".into()));
    let deep = json!({ "title": "x", "body": ">".repeat(100_000) });
    assert_eq!(refused(&author, Method::POST, "/posts", deep).await, (422, "invalid".into()));
    act(&author, Method::DELETE, &format!("/posts/{id}"), Value::Null, 204).await;
    assert_eq!(refused(&author, Method::GET, &format!("/posts/{id}"), Value::Null).await.0, 404);
}
