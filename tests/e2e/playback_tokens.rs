//! Private media: for the owner, for people who were granted them, and for holders of a playback token.

use harness::{Client, Pair, Stack, client::problem, fixtures, media};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::time::Duration;

harness::on_both!(
    grant_opens_private_media,
    token_opens_all_of_one_media,
    revoked_or_expired_token_is_404,
    max_views_are_counted_exactly,
    allowed_origins_are_enforced,
    visibility_change_acts_at_once,
    direct_mode_presigns_segments,
);

async fn private_film(stack: &mut Stack) -> (Client, String) {
    stack.add_worker();
    let owner = stack.creator().await;
    let fields = [("visibility", "private")];
    let made: Value = owner.upload_with(&fixtures::compliant(10), &fields).await.json().await.unwrap();
    let id = made["id"].as_str().unwrap().to_owned();
    owner.wait_for(&id, &["ready"]).await;
    (owner, id)
}

/// A path of each kind below a multivariant playlist: itself, a media playlist, an init segment, a media segment.
async fn parts(client: &Client, top: &str) -> Vec<String> {
    let base = url::Url::parse(&client.url).unwrap().join(top).unwrap();
    let list = client.text(base.path()).await;
    let rendition = base.join(list.lines().find(|l| l.ends_with(".m3u8")).unwrap()).unwrap();
    let text = client.text(rendition.path()).await;
    let init = text.lines().find_map(|l| l.strip_prefix("#EXT-X-MAP:URI=\"")?.strip_suffix('"')).unwrap();
    let segment = text.lines().find(|l| l.ends_with(".m4s")).unwrap();
    let path = |name: &str| rendition.join(name).unwrap().path().to_owned();
    vec![base.path().to_owned(), rendition.path().to_owned(), path(init), path(segment)]
}

async fn anonymous(url: &str, path: &str) -> Response {
    harness::client::http().get(format!("{url}{path}")).send().await.unwrap()
}

async fn link(owner: &Client, id: &str, body: &Value) -> (String, String) {
    let made = owner.json(Method::POST, &format!("/api/v1/media/{id}/playback-tokens"), body, 201).await;
    let url = made["hls_url"].as_str().unwrap();
    (made["id"].as_str().unwrap().to_owned(), url.strip_prefix(&owner.url).unwrap().to_owned())
}

async fn grant_opens_private_media(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let (owner, id) = private_film(&mut stack).await;
    let (friend, stranger) = (stack.viewer().await, stack.creator().await);
    let all = parts(&owner, &format!("/hls/{id}/index.m3u8")).await;
    let raw = format!("/raw/{id}");
    let grant = format!("/api/v1/media/{id}/grants/{}", friend.username);
    for path in all.iter().chain([&raw]) {
        assert_eq!(owner.get(path).await.status(), 200);
        assert_eq!(problem(friend.get(path).await).await.0, 404, "{path}");
    }
    assert_eq!(problem(stranger.send(Method::PUT, &grant, &Value::Null).await).await.0, 404, "not theirs to give");
    let nobody = format!("/api/v1/media/{id}/grants/nobody-at-all");
    assert_eq!(problem(owner.send(Method::PUT, &nobody, &Value::Null).await).await.0, 404);
    owner.json(Method::PUT, &grant, &Value::Null, 204).await;
    owner.json(Method::PUT, &grant, &Value::Null, 204).await;
    let list = owner.json(Method::GET, &format!("/api/v1/media/{id}/grants"), &Value::Null, 200).await;
    assert_eq!(list["items"].as_array().unwrap().len(), 1);
    assert_eq!(list["items"][0]["username"], friend.username.as_str());
    for path in all.iter().chain([&raw]) {
        let answer = friend.get(path).await;
        assert_eq!(answer.status(), 200, "{path}");
        assert!(answer.headers()["cache-control"].to_str().unwrap().contains("private"), "{path}");
        assert_eq!(problem(stranger.get(path).await).await.0, 404);
    }
    let rename = friend.send(Method::PATCH, &format!("/api/v1/media/{id}"), &json!({ "title": "mine" })).await;
    assert_eq!(problem(rename).await, (403, "forbidden".into()), "to play, not to change");
    owner.json(Method::DELETE, &grant, &Value::Null, 204).await;
    for path in all.iter().chain([&raw]) {
        assert_eq!(problem(friend.get(path).await).await.0, 404, "{path}");
    }
}

async fn token_opens_all_of_one_media(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let (owner, id) = private_film(&mut stack).await;
    let (_, top) = link(&owner, &id, &json!({ "expires_in": 3600, "viewer": "customer 7" })).await;
    let reader = owner.with_token("none");
    let anybody = Client { http: harness::client::http(), ..reader };
    for path in parts(&owner, &top).await {
        let answer = anonymous(&stack.url, &path).await;
        assert_eq!(answer.status(), 200, "{path}");
        let cache = answer.headers()["cache-control"].to_str().unwrap();
        assert!(cache.starts_with("private"), "{path}: {cache}");
        assert!(path.starts_with("/p/"));
        let bare = format!("/hls/{}", path.split_once("/hls/").unwrap().1);
        assert_eq!(anonymous(&stack.url, &bare).await.status(), 404, "not without the token");
    }
    let url = format!("{}{top}", stack.url);
    let (compliant, report) = media::verify(&url);
    assert!(compliant, "{report}");
    assert_eq!(media::play(&url), "");
    assert_eq!(media::decoded_frames(&url, "v:0"), 250);
    // It opens this film alone, and not the original.
    let other: Value = owner.upload_with(&fixtures::silent(), &[("visibility", "private")]).await.json().await.unwrap();
    let token = top.split('/').nth(2).unwrap();
    let foreign = format!("/p/{token}/hls/{}/index.m3u8", other["id"].as_str().unwrap());
    assert_eq!(problem(anonymous(&stack.url, &foreign).await).await, (404, "not_found".into()));
    assert_eq!(anonymous(&stack.url, &format!("/p/{token}/raw/{id}")).await.status(), 404);
    assert_eq!(anybody.http.get(format!("{}/api/v1/media/{id}", stack.url)).send().await.unwrap().status(), 404);
    for forged in
        ["", "x", &token[1..], &token[..token.len() - 2], &token.replacen(|c: char| c.is_ascii_digit(), "_", 1)]
    {
        let path = format!("/p/{forged}/hls/{id}/index.m3u8");
        assert_eq!(anonymous(&stack.url, &path).await.status(), 404, "{forged}");
    }
}

async fn revoked_or_expired_token_is_404(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let (owner, id) = private_film(&mut stack).await;
    let (other, url) = stack.another_api();
    let (token, top) = link(&owner, &id, &json!({ "expires_in": 3600 })).await;
    let all = parts(&owner, &top).await;
    for path in &all {
        assert_eq!(anonymous(&url, path).await.status(), 200, "on another instance too");
    }
    owner.json(Method::DELETE, &format!("/api/v1/media/{id}/playback-tokens/{token}"), &Value::Null, 204).await;
    for path in &all {
        assert_eq!(problem(anonymous(&stack.url, path).await).await, (404, "link_ended".into()), "{path}");
    }
    harness::eventually("the other instance refuses it", Duration::from_secs(2), || async {
        (anonymous(&url, &all[0]).await.status() == 404).then_some(())
    })
    .await;
    for path in &all {
        assert_eq!(problem(anonymous(&url, path).await).await, (404, "link_ended".into()), "{path}");
    }
    drop(other);
    let (_, brief) = link(&owner, &id, &json!({ "expires_in": 1 })).await;
    harness::eventually("it expires", Duration::from_secs(10), || async {
        (anonymous(&stack.url, &brief).await.status() == 404).then_some(())
    })
    .await;
    let list = owner.json(Method::GET, &format!("/api/v1/media/{id}/playback-tokens"), &Value::Null, 200).await;
    assert_eq!(list["items"], json!([]));
    for bad in [
        json!({ "expires_in": 0 }),
        json!({ "expires_in": 99_999_999 }),
        json!({ "expires_in": 9, "max_views": 0 }),
        json!({ "expires_in": 9, "allowed_origins": ["https://a.example/path"] }),
    ] {
        let refused = owner.send(Method::POST, &format!("/api/v1/media/{id}/playback-tokens"), &bad).await;
        assert_eq!(problem(refused).await, (422, "invalid".into()), "{bad}");
    }
}

async fn max_views_are_counted_exactly(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let (owner, id) = private_film(&mut stack).await;
    let (token, top) = link(&owner, &id, &json!({ "expires_in": 3600, "max_views": 3 })).await;
    let head = harness::client::http().head(format!("{}{top}", stack.url)).send().await.unwrap();
    assert_eq!(head.status(), 200, "asking for headers is no view");
    let first = parts(&owner, &top).await;
    assert_eq!(anonymous(&stack.url, &first[3]).await.status(), 200);
    assert_ne!(first[1].split('/').nth(2), first[0].split('/').nth(2), "a view has a path of its own");
    // What lies below cannot be reached past the count.
    let around = format!("/p/{}/hls/{}", top.split('/').nth(2).unwrap(), first[1].split_once("/hls/").unwrap().1);
    assert_eq!(problem(anonymous(&stack.url, &around).await).await, (404, "link_ended".into()));
    let tries: Vec<_> = (0..10)
        .map(|_| {
            let url = format!("{}{top}", stack.url);
            tokio::spawn(async move { harness::client::http().get(url).send().await.unwrap().status().as_u16() })
        })
        .collect();
    let mut answers = Vec::new();
    for t in tries {
        answers.push(t.await.unwrap());
    }
    assert_eq!(answers.iter().filter(|s| **s == 200).count(), 2, "{answers:?}");
    assert_eq!(problem(anonymous(&stack.url, &top).await).await, (403, "views_exhausted".into()));
    for path in &first[1..] {
        assert_eq!(anonymous(&stack.url, path).await.status(), 200, "who began goes on: {path}");
    }
    let list = owner.json(Method::GET, &format!("/api/v1/media/{id}/playback-tokens"), &Value::Null, 200).await;
    assert_eq!((list["items"][0]["views"].as_i64(), list["items"][0]["id"].as_str()), (Some(3), Some(token.as_str())));
    owner.json(Method::DELETE, &format!("/api/v1/media/{id}/playback-tokens/{token}"), &Value::Null, 204).await;
    assert_eq!(anonymous(&stack.url, &first[3]).await.status(), 404, "revocation ends views too");
}

async fn allowed_origins_are_enforced(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let (owner, id) = private_film(&mut stack).await;
    let only = json!({ "expires_in": 3600, "allowed_origins": ["https://app.example.org"] });
    let (_, top) = link(&owner, &id, &only).await;
    let http = harness::client::http();
    let from =
        |name: &'static str, value: &'static str| http.get(format!("{}{top}", stack.url)).header(name, value).send();
    for (name, value) in [("origin", "https://app.example.org"), ("referer", "https://app.example.org/watch/7")] {
        assert_eq!(from(name, value).await.unwrap().status(), 200, "{value}");
    }
    for (name, value) in [
        ("origin", "https://evil.example"),
        ("origin", "null"),
        ("origin", "https://app.example.org.evil.net"),
        ("referer", "https://evil.example/https://app.example.org"),
        ("x-nothing", "at all"),
    ] {
        let refused = from(name, value).await.unwrap();
        assert_eq!(problem(refused).await, (403, "origin_not_allowed".into()), "{value}");
    }
}

async fn visibility_change_acts_at_once(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let (owner, id) = private_film(&mut stack).await;
    let path = format!("/api/v1/media/{id}");
    let all = parts(&owner, &format!("/hls/{id}/index.m3u8")).await;
    owner.json(Method::PATCH, &path, &json!({ "visibility": "public", "title": "A film for all" }), 200).await;
    for part in &all {
        assert_eq!(anonymous(&stack.url, part).await.status(), 200);
    }
    let segment = anonymous(&stack.url, &all[3]).await;
    assert_eq!(segment.headers()["cache-control"], "public, max-age=3600, immutable", "not for longer than an hour");
    let after = owner.json(Method::PATCH, &path, &json!({ "visibility": "private" }), 200).await;
    assert_eq!(after["title"], "A film for all");
    for part in &all {
        assert_eq!(problem(anonymous(&stack.url, part).await).await.0, 404, "{part}");
    }
    let long = owner.send(Method::PATCH, &path, &json!({ "title": "x".repeat(201) })).await;
    assert_eq!(problem(long).await, (422, "invalid".into()));
    let odd = owner.send(Method::PATCH, &path, &json!({ "owner_id": owner.id })).await;
    assert_eq!(problem(odd).await, (422, "invalid".into()), "nothing else can be set");
}

/// Direct mode: the bytes do not pass through the API, and the bucket stays closed.
async fn direct_mode_presigns_segments(pair: Pair) {
    if pair == Pair::Embedded {
        let folder = tempfile::tempdir().unwrap();
        let output = std::process::Command::new(harness::process::bin_dir().join("sluice-api"))
            .env("SLUICE_DIRECT", "true")
            .env("SLUICE_DATA_DIR", folder.path())
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("SLUICE_DIRECT"), "a directory has no URLs: {said}");
        return;
    }
    let mut stack = Stack::start_with(pair, &[("SLUICE_DIRECT", "true")]).await;
    let (owner, id) = private_film(&mut stack).await;
    let top = owner.text(&format!("/hls/{id}/index.m3u8")).await;
    let rendition = top.lines().find(|l| l.ends_with(".m3u8")).unwrap();
    let path = format!("/hls/{id}/{rendition}");
    let mut list = owner.text(&path).await;
    let again = owner.text(&path).await;
    if again != list {
        // Signatures change with the hour, which does so once in a test at most.
        list = owner.text(&path).await;
        assert_eq!(list, again, "asked twice it is the same");
    }
    let urls: Vec<&str> = list.lines().filter(|l| l.starts_with("http")).collect();
    assert!(urls.len() >= 4 && list.contains("#EXT-X-MAP:URI=\"http"), "{list}");
    for url in &urls {
        let direct = harness::client::http().get(*url).send().await.unwrap();
        assert_eq!(direct.status(), 200, "no redirect, no login: {url}");
        let bare = harness::client::http().get(url.split('?').next().unwrap()).send().await.unwrap();
        assert_eq!(bare.status(), 403, "the bucket is closed");
        let query: Vec<(String, String)> = url::Url::parse(url).unwrap().query_pairs().into_owned().collect();
        let expires: u64 = query.iter().find(|(n, _)| n == "X-Amz-Expires").unwrap().1.parse().unwrap();
        assert!(expires >= 6 * 3600, "it outlives the film: {expires}");
    }
    let (_, link) = link(&owner, &id, &json!({ "expires_in": 60 })).await;
    let url = format!("{}{link}", stack.url);
    assert_eq!(media::play(&url), "");
    assert_eq!(media::decoded_frames(&url, "v:0"), 250);
    let (compliant, report) = media::verify(&url);
    assert!(compliant, "{report}");
}
