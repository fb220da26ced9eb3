//! What other sites are told of a link to a media: oEmbed, and the head of its page.

use harness::{Client, Pair, Stack, client::problem, fixtures};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(
    links_tell_other_sites_what_they_show,
    titles_stay_text_in_pages_and_players,
    links_tell_nothing_of_what_is_private,
);

/// What follows the first `start` in a text, up to `end`.
fn between<'a>(text: &'a str, start: &str, end: &str) -> &'a str {
    text.split_once(start).and_then(|(_, rest)| rest.split_once(end)).map_or("", |(found, _)| found)
}

/// The content of a property in the head of a page, as a browser reads it.
fn property(page: &str, name: &str) -> String {
    plain(between(page, &format!("=\"{name}\" content=\""), "\" />"))
}

fn plain(html: &str) -> String {
    let text = html.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&#39;", "'");
    text.replace("&amp;", "&")
}

async fn film(client: &Client, visibility: &'static str) -> String {
    let made = client.upload_with(&fixtures::silent(), &[("visibility", visibility)]).await;
    let id = made.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    id
}

async fn oembed(client: &Client, url: &str, more: &str) -> Value {
    let query: String = url::form_urlencoded::byte_serialize(url.as_bytes()).collect();
    client.json(Method::GET, &format!("/api/v1/oembed?url={query}{more}"), &Value::Null, 200).await
}

/// As a consumer does it: page, discovery, oEmbed, player and poster.
async fn links_tell_other_sites_what_they_show(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let id = film(&owner, "public").await;
    let nobody = owner.anonymous();
    let local = |url: &str| url.strip_prefix(&owner.url).unwrap_or_else(|| panic!("{url}")).to_owned();
    let page = nobody.text(&format!("/watch/{id}")).await;
    let discovered = plain(between(&page, "type=\"application/json+oembed\" href=\"", "\""));
    let answer = nobody.json(Method::GET, &local(&discovered), &Value::Null, 200).await;
    assert_eq!(
        (&answer["type"], &answer["version"], &answer["title"]),
        (&json!("video"), &json!("1.0"), &json!("A film"))
    );
    assert_eq!((&answer["width"], &answer["height"]), (&json!(640), &json!(360)));
    assert_eq!(answer["author_name"], owner.username);
    let html = answer["html"].as_str().unwrap();
    assert!(html.starts_with("<iframe ") && html.contains("width=\"640\" height=\"360\""), "{html}");
    let player = nobody.get(&local(between(html, "src=\"", "\""))).await;
    let policy = player.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("frame-ancestors *"), "{policy}");
    let poster = nobody.get(&local(answer["thumbnail_url"].as_str().unwrap())).await;
    assert_eq!(poster.headers()["content-type"], "image/jpeg");
    assert!(answer["thumbnail_width"].as_u64() > Some(0) && answer["thumbnail_height"].as_u64() > Some(0), "{answer}");
    let facts = [
        ("og:title", json!("A film")),
        ("og:type", json!("video.other")),
        ("og:url", json!(format!("{}/watch/{id}", owner.url))),
        ("og:image", answer["thumbnail_url"].clone()),
        ("og:video", json!(format!("{}/embed/{id}", owner.url))),
        ("twitter:card", json!("player")),
        ("twitter:player:width", json!("640")),
    ];
    for (name, value) in facts {
        assert_eq!(property(&page, name), value.as_str().unwrap(), "{name}: {page}");
    }
    assert_eq!(between(&page, "<title>", "</title>"), "A film");
    assert!(!page.contains("noindex"), "{page}");
    let small = oembed(&nobody, &format!("{}/embed/{id}?t=3", owner.url), "&maxwidth=160&format=json").await;
    assert_eq!((&small["width"], &small["height"]), (&json!(160), &json!(90)));
    assert_eq!(small["thumbnail_url"], Value::Null, "it is larger than that");
    // Its owner's poster, and not for search engines.
    let body = std::fs::read(fixtures::picture(1600, 800)).unwrap();
    let put = owner.request(Method::PUT, &format!("/api/v1/media/{id}/poster")).body(body).send().await.unwrap();
    assert_eq!(put.status(), 200);
    owner.json(Method::PATCH, &format!("/api/v1/media/{id}"), &json!({ "visibility": "unlisted" }), 200).await;
    let page = nobody.text(&format!("/watch/{id}")).await;
    assert_eq!(
        (property(&page, "og:image:width"), property(&page, "robots")),
        ("1280".to_owned(), "noindex".to_owned())
    );
}

async fn titles_stay_text_in_pages_and_players(pair: Pair) {
    const BAD: &str =
        "</title><script>xss(1)</script>\" onload=\"xss(2)' x=' &amp; <base href=\"./\" <title>Sluice</title>";
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let id = film(&owner, "public").await;
    let change = json!({ "title": BAD, "description": format!("{BAD}\n{}", "é".repeat(999)) });
    owner.json(Method::PATCH, &format!("/api/v1/media/{id}"), &change, 200).await;
    let page = owner.text(&format!("/watch/{id}")).await;
    assert_eq!(plain(between(&page, "<title>", "</title>")), BAD);
    assert_eq!(property(&page, "og:title"), BAD);
    assert!(property(&page, "og:description").starts_with(BAD));
    assert_eq!(page.matches("<title>").count(), 1, "{page}");
    assert_eq!(page.matches("<base href").count(), 1, "{page}");
    assert!(!page.contains("<script>") && !page.contains("\" onload"), "{page}");
    let answer = oembed(&owner, &format!("{}/watch/{id}", owner.url), "").await;
    let html = answer["html"].as_str().unwrap();
    assert_eq!(plain(between(html, "title=\"", "\"")), BAD);
    assert_eq!((html.matches('<').count(), html.matches('>').count()), (2, 2), "one element: {html}");
}

/// The page of a private film is that of no film at all, byte for byte, and oEmbed does not know it; its owner's login
/// makes no difference.
async fn links_tell_nothing_of_what_is_private(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let id = film(&owner, "private").await;
    let none = "01993a2b-0000-7000-8000-000000000000";
    for client in [&owner, &owner.anonymous()] {
        for page in ["watch", "embed"] {
            assert_eq!(client.text(&format!("/{page}/{id}")).await, client.text(&format!("/{page}/{none}")).await);
        }
        let url = &owner.url;
        for asked in
            [format!("{url}/watch/{id}"), format!("{url}/watch/{none}"), format!("https://other.example/watch/{id}")]
        {
            let answer = client.get(&format!("/api/v1/oembed?url={asked}")).await;
            assert_eq!(problem(answer).await, (404, "not_found".into()), "{asked}");
        }
        let xml = client.get(&format!("/api/v1/oembed?url={url}/watch/{id}&format=xml")).await;
        assert_eq!(problem(xml).await, (501, "format_not_supported".into()));
    }
}
