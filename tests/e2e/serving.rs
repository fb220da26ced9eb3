//! Playback that is decided by what is remembered: what is taken away is gone within two seconds, under load, on every instance;
//! what caches may keep, where a CDN is asked, and when it is told to throw something away.

use harness::{
    Client, Pair, Stack,
    platform::{act, film_with, get, text},
};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

harness::on_both!(
    what_is_taken_away_is_gone_within_two_seconds_under_load,
    caches_keep_what_is_public_and_complete,
    a_cdn_is_asked_for_what_is_not_private,
    caches_are_told_what_to_throw_away,
);

/// What is taken away is gone after this, wherever it is asked for.
const GONE_WITHIN: Duration = Duration::from_secs(2);

/// A path of a segment of a media, seen from its multivariant playlist.
async fn segment(client: &Client, top: &str) -> String {
    let base = url::Url::parse(&client.url).unwrap().join(top).unwrap();
    let list = client.text(base.path()).await;
    let rendition = base.join(list.lines().find(|l| l.ends_with(".m3u8")).unwrap()).unwrap();
    let list = client.text(rendition.path()).await;
    rendition.join(list.lines().find(|l| l.ends_with(".m4s")).unwrap()).unwrap().path().to_owned()
}

/// Somebody who plays, and what will be taken from them.
struct Case {
    name: &'static str,
    who: Client,
    path: String,
    revoke: RequestBuilder,
}

/// A media of its own for each way in which something is taken away.
async fn cases(stack: &Stack) -> Vec<Case> {
    let (owner, root, banned) = (stack.creator().await, stack.admin().await, stack.creator().await);
    let mut all = Vec::new();
    let (public, deleted, hidden) =
        (film_with(&owner, "public").await, film_with(&owner, "unlisted").await, film_with(&banned, "public").await);
    let made_private = owner.request(Method::PATCH, &format!("/api/v1/media/{public}"));
    let open = [
        ("made private", public, made_private.json(&json!({ "visibility": "private" }))),
        ("deleted", deleted.clone(), owner.request(Method::DELETE, &format!("/api/v1/media/{deleted}"))),
        (
            "its owner banned",
            hidden,
            root.request(Method::POST, &format!("/api/v1/admin/users/{}/ban", banned.id))
                .json(&json!({ "reason": "" })),
        ),
    ];
    for (name, id, revoke) in open {
        let who = owner.anonymous();
        let path = segment(&who, &format!("/hls/{id}/index.m3u8")).await;
        all.push(Case { name, who, path, revoke });
    }
    let private = film_with(&owner, "private").await;
    let top = format!("/hls/{private}/index.m3u8");
    let link =
        act(&owner, Method::POST, &format!("/media/{private}/playback-tokens"), json!({ "expires_in": 600 }), 201)
            .await;
    let by_token = segment(&owner.anonymous(), link["hls_url"].as_str().unwrap()).await;
    let revoke = owner
        .request(Method::DELETE, &format!("/api/v1/media/{private}/playback-tokens/{}", link["id"].as_str().unwrap()));
    all.push(Case { name: "a token revoked", who: owner.anonymous(), path: by_token, revoke });
    let path = segment(&owner, &top).await;
    let (friend, other) = (stack.viewer().await, stack.viewer().await);
    for somebody in [&friend, &other] {
        act(&owner, Method::PUT, &format!("/media/{private}/grants/{}", somebody.username), Value::Null, 204).await;
    }
    let revoke = owner.request(Method::DELETE, &format!("/api/v1/media/{private}/grants/{}", friend.username));
    all.push(Case { name: "a grant ended", who: friend, path: path.clone(), revoke });
    let revoke = other.request(Method::POST, "/api/v1/auth/logout");
    all.push(Case { name: "logged out", who: other, path: path.clone(), revoke });
    let machine = owner.with_token(&owner.api_token(&["read"]).await);
    let tokens = get(&owner, "/me/api-tokens").await;
    let revoke = owner.request(Method::DELETE, &format!("/api/v1/me/api-tokens/{}", text(&tokens["items"][0]["id"])));
    all.push(Case { name: "an API token revoked", who: machine, path, revoke });
    all
}

/// Asks again and again until `done`: when each request began, and whether it was answered with the segment.
async fn watch(who: Client, path: String, done: Arc<AtomicBool>) -> Vec<(Instant, bool)> {
    let mut answers = Vec::new();
    while !done.load(Ordering::Relaxed) {
        let began = Instant::now();
        let answer = who.get(&path).await;
        let status = answer.status().as_u16();
        assert!([200, 401, 404].contains(&status), "{path}: {status}");
        answers.push((began, status == 200 && !answer.bytes().await.unwrap().is_empty()));
        tokio::time::sleep(Duration::from_millis(4)).await;
    }
    answers
}

async fn what_is_taken_away_is_gone_within_two_seconds_under_load(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (_other, other_url) = stack.another_api();
    let (done, mut playing) = (Arc::new(AtomicBool::new(false)), Vec::new());
    let mut revocations = Vec::new();
    for case in cases(&stack).await {
        for (url, is_own) in [(&stack.url, true), (&other_url, false)] {
            let who = Client { url: url.clone(), ..case.who.clone() };
            assert_eq!(who.get(&case.path).await.status(), 200, "{}", case.name);
            let watched = (0..2).map(|_| tokio::spawn(watch(who.clone(), case.path.clone(), done.clone())));
            playing.push((case.name, is_own, watched.collect::<Vec<_>>()));
        }
        revocations.push((case.name, case.revoke));
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    let mut taken = Vec::new();
    for (name, revoke) in revocations {
        let answer: Response = revoke.send().await.unwrap();
        assert!(answer.status().is_success(), "{name}: {}", answer.status());
        taken.push((name, Instant::now()));
    }
    tokio::time::sleep(GONE_WITHIN + Duration::from_millis(300)).await;
    done.store(true, Ordering::Relaxed);
    for (name, is_own, watched) in playing {
        let at = taken.iter().find(|t| t.0 == name).unwrap().1;
        let mut latest = Duration::ZERO;
        for one in watched {
            let answers = one.await.unwrap();
            assert!(answers.iter().any(|a| a.1) && answers.iter().any(|a| !a.1), "{name}: it was played, and then not");
            let after = answers.iter().filter(|a| a.1).filter_map(|a| a.0.checked_duration_since(at));
            latest = after.max().unwrap_or_default().max(latest);
        }
        println!("{name}, at {}: played {latest:.0?} longer", if is_own { "this instance" } else { "the other" });
        let bound = if is_own { Duration::ZERO } else { GONE_WITHIN };
        assert!(latest <= bound, "{name}: asked for {latest:?} later and played");
    }
}

fn cache_control(answer: &Response) -> String {
    answer.headers()["cache-control"].to_str().unwrap().to_owned()
}

async fn caches_keep_what_is_public_and_complete(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let (public, private) = (film_with(&owner, "public").await, film_with(&owner, "private").await);
    let anybody = owner.anonymous();
    let top = format!("/hls/{public}/index.m3u8");
    let list = anybody.text(&top).await;
    let rendition = format!("/hls/{public}/{}", list.lines().find(|l| l.ends_with(".m3u8")).unwrap());
    let segment = segment(&anybody, &top).await;
    for (path, kept) in [
        (&top, "public, max-age=10"),
        (&format!("/hls/{public}/manifest.mpd"), "public, max-age=10"),
        (&rendition, "public, max-age=3600"),
        (&segment, "public, max-age=3600, immutable"),
    ] {
        let answer = anybody.get(path).await;
        assert_eq!((answer.status().as_u16(), cache_control(&answer).as_str()), (200, kept), "{path}");
        let tag = answer.headers()["etag"].clone();
        let again = anybody.request(Method::GET, path).header("if-none-match", &tag).send().await.unwrap();
        assert_eq!((again.status().as_u16(), cache_control(&again).as_str()), (304, kept), "{path}");
        assert!(again.bytes().await.unwrap().is_empty());
        assert!(cache_control(&owner.get(path).await).starts_with("private"), "who is known is answered alone: {path}");
    }
    let top = format!("/hls/{private}/index.m3u8");
    let list = owner.text(&top).await;
    let rendition = format!("/hls/{private}/{}", list.lines().find(|l| l.ends_with(".m3u8")).unwrap());
    for path in [&top, &rendition] {
        assert_eq!(cache_control(&owner.get(path).await), "private, no-cache", "{path}");
        assert_eq!(cache_control(&anybody.get(path).await), "no-store", "a refusal holds for now: {path}");
    }
}

async fn a_cdn_is_asked_for_what_is_not_private(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let (public, private) = (film_with(&owner, "public").await, film_with(&owner, "private").await);
    // Another instance stands in for it: it answers as one does that passes on what it has not.
    let (_cdn, cdn) = stack.another_api();
    stack.restart_api_with(&[("SLUICE_MEDIA_BASE_URL", &format!("{cdn}/"))]);
    let owner = Client { url: stack.url.clone(), ..owner };
    let url = async |id: &str, name: &str| text(&owner.media(id).await["playback"][name]);
    for name in ["hls_url", "dash_url", "poster_url"] {
        assert!(url(&public, name).await.starts_with(&format!("{cdn}/hls/{public}/")), "{name}");
        assert!(url(&private, name).await.starts_with(&format!("{}/hls/{private}/", stack.url)), "{name}");
    }
    assert!(url(&public, "raw_url").await.starts_with(&stack.url), "nothing keeps originals");
    // Whoever asks here is sent there; what is private stays.
    let anybody = owner.anonymous();
    let list = anybody.text(&format!("/hls/{public}/index.m3u8")).await;
    let rendition = list.lines().find(|l| l.ends_with(".m3u8")).unwrap();
    assert!(rendition.starts_with(&format!("{cdn}/hls/{public}/")), "{list}");
    let http = harness::client::http();
    let media = http.get(rendition).send().await.unwrap().text().await.unwrap();
    let segment = media.lines().find(|l| l.ends_with(".m4s")).unwrap();
    let segment = url::Url::parse(rendition).unwrap().join(segment).unwrap();
    assert_eq!(segment.origin(), url::Url::parse(&cdn).unwrap().origin(), "what follows is beside it");
    let answer = http.get(segment).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), cache_control(&answer).starts_with("public")), (200, true));
    let list = owner.text(&format!("/hls/{private}/index.m3u8")).await;
    assert!(!list.contains("://"), "{list}");
    let link =
        act(&owner, Method::POST, &format!("/media/{public}/playback-tokens"), json!({ "expires_in": 600 }), 201).await;
    let top = text(&link["hls_url"]);
    let list = anybody.text(top.strip_prefix(&stack.url).unwrap()).await;
    assert!(!list.contains("://"), "a token goes where it came from: {list}");
    // The app's pages may reach it.
    let page = anybody.get(&format!("/watch/{public}")).await;
    let policy = page.headers()["content-security-policy"].to_str().unwrap();
    assert!(policy.matches(cdn.as_str()).count() == 3, "{policy}");
}

async fn caches_are_told_what_to_throw_away(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (owner, root, other) = (stack.creator().await, stack.admin().await, stack.creator().await);
    let mut hooks = Vec::new();
    for who in [&owner, &root, &other] {
        let new = json!({ "url": "https://localhost/purge", "events": ["media.purge"] });
        hooks.push(text(&act(who, Method::POST, "/webhooks", new, 201).await["id"]));
    }
    let told = async |who: &Client, hook: &str| {
        let log = get(who, &format!("/webhooks/{hook}/deliveries")).await;
        log["items"].as_array().unwrap().iter().map(|d| d["payload"].clone()).collect::<Vec<_>>()
    };
    let (first, second, private) =
        (film_with(&owner, "public").await, film_with(&owner, "unlisted").await, film_with(&owner, "private").await);
    act(&owner, Method::PATCH, &format!("/media/{first}"), json!({ "title": "Still public" }), 200).await;
    act(&owner, Method::DELETE, &format!("/media/{private}"), Value::Null, 204).await;
    assert!(told(&owner, &hooks[0]).await.is_empty(), "no cache has anything of that");
    act(&owner, Method::PATCH, &format!("/media/{first}"), json!({ "visibility": "private" }), 200).await;
    act(&owner, Method::DELETE, &format!("/media/{second}"), Value::Null, 204).await;
    for (who, hook) in [(&owner, &hooks[0]), (&root, &hooks[1])] {
        let said = told(who, hook).await;
        let media: Vec<&Value> = said.iter().map(|p| &p["media_id"]).collect();
        assert_eq!(media, [&json!(second), &json!(first)], "{said:?}");
        let paths = json!([format!("/hls/{first}/*"), format!("/raw/{first}*"), format!("/download/{first}/*")]);
        assert_eq!((&said[1]["event"], &said[1]["paths"]), (&json!("media.purge"), &paths));
    }
    assert!(told(&other, &hooks[2]).await.is_empty(), "of others nobody is told");
    let third = film_with(&owner, "public").await;
    act(&root, Method::POST, &format!("/admin/users/{}/ban", owner.id), json!({ "reason": "" }), 204).await;
    assert_eq!(told(&root, &hooks[1]).await[0]["media_id"], json!(third), "what is taken out of sight too");
}
