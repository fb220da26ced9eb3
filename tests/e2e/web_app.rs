//! The app's document and files, as browsers get them.

use harness::{Pair, Stack, client::problem, fixtures};
use reqwest::{Method, Response};
use serde_json::json;

harness::on_both!(the_app_is_served_where_it_lives_and_nowhere_else, files_of_the_app_are_kept_by_browsers,);

fn header<'a>(answer: &'a Response, name: &str) -> &'a str {
    answer.headers().get(name).map_or("", |v| v.to_str().unwrap())
}

/// Pages are one document, whose links lead to where the app begins; what is no page stays a problem for programs.
async fn the_app_is_served_where_it_lives_and_nowhere_else(pair: Pair) {
    let stack = Stack::start(pair).await;
    let owner = stack.creator().await;
    let client = owner.anonymous();
    let pages =
        [("/", "./"), ("/login", "./"), ("/watch/0199", "../"), ("/settings/usage", "../"), ("/api/docs", "../")];
    for (page, base) in pages {
        let answer = client.get(page).await;
        assert_eq!(answer.status(), 200, "{page}");
        assert_eq!(header(&answer, "content-type"), "text/html; charset=utf-8");
        assert_eq!(header(&answer, "x-frame-options"), "DENY", "{page}");
        let policy = header(&answer, "content-security-policy").to_owned();
        for part in ["default-src 'none'", "script-src 'self';", "style-src 'self';", "frame-ancestors 'none'"] {
            assert!(policy.contains(part), "{page}: {policy}");
        }
        assert!(!policy.contains("unsafe") && !policy.contains("http"), "{page}: {policy}");
        let text = answer.text().await.unwrap();
        assert!(text.contains(&format!("<base href=\"{base}\"")), "{page}: {text}");
        assert!(!text.contains("<style") && !text.contains("<script>"), "nothing inline: {text}");
    }
    let film = owner.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let embedded = client.get(&format!("/embed/{film}")).await;
    assert!(header(&embedded, "content-security-policy").ends_with("frame-ancestors *"));
    for other in ["/embed/0199".to_owned(), format!("/embed/%30{}", &film[1..])] {
        assert!(
            header(&client.get(&other).await, "content-security-policy").ends_with("frame-ancestors 'none'"),
            "{other}"
        );
    }
    let path = format!("/api/v1/media/{film}");
    let named = json!({ "embed_origins": ["https://www.example.org", "https://blog.example.org:8443"] });
    owner.json(Method::PATCH, &path, &named, 200).await;
    let embedded = client.get(&format!("/embed/{film}")).await;
    let frames = "frame-ancestors https://www.example.org https://blog.example.org:8443";
    assert!(header(&embedded, "content-security-policy").ends_with(frames));
    let odd = owner.send(Method::PATCH, &path, &json!({ "embed_origins": ["https://a;script-src"] })).await;
    assert_eq!(odd.status(), 422);
    assert_eq!(header(&embedded, "x-frame-options"), "");
    for other in
        ["/nowhere", "/api/v1/nowhere", "/api/docs/nowhere", "/assets/gone.js", "/index.html", "/../Cargo.toml"]
    {
        assert_eq!(problem(client.get(other).await).await, (404, "not_found".into()), "{other}");
    }
    let posted = client.request(Method::POST, "/login").body("x").send().await.unwrap();
    assert_eq!(problem(posted).await, (404, "not_found".into()));
}

/// A name with a hash is good for ever; the document is asked for again, and costs nothing while it is the same.
async fn files_of_the_app_are_kept_by_browsers(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await.anonymous();
    let document = client.get("/").await;
    assert_eq!(header(&document, "cache-control"), "no-cache");
    let tag = header(&document, "etag").to_owned();
    let again = client.request(Method::GET, "/").header("if-none-match", &tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    let text = document.text().await.unwrap();
    let script = text.split("src=\"./").nth(1).unwrap().split('"').next().unwrap();
    let plain = client.get(&format!("/{script}")).await;
    assert_eq!(header(&plain, "cache-control"), "public, max-age=31536000, immutable");
    assert_eq!(header(&plain, "content-type"), "text/javascript; charset=utf-8");
    let whole = plain.bytes().await.unwrap().len();
    let asked = client.request(Method::GET, &format!("/{script}")).header("accept-encoding", "gzip");
    let small = asked.send().await.unwrap();
    assert_eq!(header(&small, "content-encoding"), "gzip");
    assert!(small.bytes().await.unwrap().len() < whole);
    let head = client.request(Method::HEAD, "/favicon.svg").send().await.unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "content-type")), (200, "image/svg+xml"));
}
