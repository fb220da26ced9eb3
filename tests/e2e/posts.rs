//! Posts from draft to Atom feed and podcast.

use harness::{
    Pair, fixtures,
    platform::{act, film_with, get, refused, start, text},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    io::Write,
    process::{Command, Stdio},
};

harness::on_both!(drafts_are_published_to_feeds);

/// Reads XML as strictly as XML wants it.
fn well_formed(xml: &str) {
    let script = "import sys, xml.dom.minidom\nxml.dom.minidom.parseString(sys.stdin.buffer.read())";
    let mut child =
        Command::new("python3").args(["-c", script]).stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(xml.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}\n{xml}", String::from_utf8_lossy(&output.stderr));
}

async fn drafts_are_published_to_feeds(pair: Pair) {
    let stack = start(pair).await;
    let (author, reader) = (stack.creator().await, stack.viewer().await);
    let media = film_with(&author, "public").await;
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
