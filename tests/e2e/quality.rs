//! What players tell of how films play (CMCD version 2), and what their owners see of it.

use harness::{
    Client, Pair,
    client::{http, problem},
    platform::{act, film_with, get, start},
};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

harness::on_both!(players_tell_how_films_play, reports_are_for_who_may_play);

/// An event of a player, as hls.js writes it.
fn event(session: &str, sequence: usize, ms: u64, more: &str) -> String {
    let at = 1_700_000_000_000 + ms;
    format!("bl=(1200),br=(900),{more},sf=h,sid=\"{session}\",sn={sequence},ts={at},v=2\n")
}

async fn report(url: &str, body: &str) -> StatusCode {
    http().post(url).header("content-type", "application/cmcd").body(body.to_owned()).send().await.unwrap().status()
}

/// The quality of a media, and its only day.
async fn quality(owner: &Client, media: &str) -> (Value, Value) {
    let all = get(owner, &format!("/media/{media}/quality?days=2")).await;
    let days = all["days"].as_array().unwrap();
    // A test that runs over midnight has two.
    let sum = |what: &str| days.iter().map(|d| d[what].as_i64().unwrap_or(0)).sum::<i64>();
    let names = ["sessions", "starts", "stalls", "stalled_ms", "watched_ms", "failures", "mean_startup_ms"];
    let day: Value = names.iter().map(|n| ((*n).to_owned(), json!(sum(n)))).collect::<serde_json::Map<_, _>>().into();
    (all, day)
}

async fn players_tell_how_films_play(pair: Pair) {
    let stack = start(pair).await;
    let owner = stack.creator().await;
    let media = film_with(&owner, "public").await;
    let url = format!("{}/hls/{media}/cmcd", stack.url);
    assert_eq!(quality(&owner, &media).await.0["days"], json!([]));
    let begins = event("one", 0, 0, "e=ps,sta=s") + &event("one", 1, 1_400, "e=ps,sta=p");
    let stalls = event("one", 2, 21_400, "e=ps,sta=r")
        + &event("one", 3, 22_000, "e=ps,sta=p")
        + &event("one", 4, 30_000, "e=ps,sta=e");
    for body in [&begins, &stalls, &stalls, &begins] {
        assert_eq!(report(&url, body).await, 204);
    }
    let fails = event("two", 0, 0, "e=ps,sta=s") + &event("two", 1, 900, "e=e,ec=(\"fragLoadError\"),sta=f");
    assert_eq!(report(&url, &fails).await, 204);
    let (all, day) = quality(&owner, &media).await;
    let expected = json!({ "sessions": 2, "starts": 1, "stalls": 1, "stalled_ms": 600, "watched_ms": 28_000, "failures": 1,
        "mean_startup_ms": 1_400 });
    assert_eq!(day, expected, "{all}");
    let starts: Vec<_> = all["startup"].as_array().unwrap().iter().map(|s| s["starts"].as_i64().unwrap()).collect();
    assert_eq!(starts, [0, 0, 1, 0, 0, 0], "{all}");
    assert_eq!(all["rungs"].as_array().unwrap().len(), 1, "{all}");
    assert_eq!(all["rungs"][0]["watched_ms"], 28_000, "{all}");
    assert!(all["rungs"][0]["height"].is_i64(), "{all}");
    // Many at once lose nothing.
    let bodies: Vec<String> = (0..20)
        .map(|n| event(&format!("m{n}"), 0, 0, "e=ps,sta=s") + &event(&format!("m{n}"), 1, 100, "e=ps,sta=p"))
        .collect();
    let told = futures::future::join_all(bodies.iter().map(|body| report(&url, body))).await;
    assert!(told.iter().all(|status| *status == 204), "{told:?}");
    assert_eq!(quality(&owner, &media).await.1["starts"], 21);
    // What goes, goes with the media.
    act(&owner, Method::DELETE, &format!("/media/{media}"), Value::Null, 204).await;
    assert_eq!(report(&url, &begins).await, 404);
}

async fn reports_are_for_who_may_play(pair: Pair) {
    let stack = start(pair).await;
    let (owner, other) = (stack.creator().await, stack.viewer().await);
    let media = film_with(&owner, "private").await;
    let body = event("one", 0, 0, "e=ps,sta=s");
    let url = format!("{}/hls/{media}/cmcd", stack.url);
    assert_eq!(report(&url, &body).await, 404);
    let link =
        act(&owner, Method::POST, &format!("/media/{media}/playback-tokens"), json!({ "expires_in": 60 }), 201).await;
    let by_token = format!("{}/p/{}/hls/{media}/cmcd", stack.url, link["token"].as_str().unwrap());
    assert_eq!(report(&by_token, &body).await, 204);
    assert_eq!(quality(&owner, &media).await.1["sessions"], 1);
    let hidden = other.send(Method::GET, &format!("/api/v1/media/{media}/quality"), &Value::Null).await;
    assert_eq!(problem(hidden).await, (404, "not_found".to_owned()));
    // Players of other sites ask first whether they may.
    let asked = http().request(Method::OPTIONS, &by_token).header("origin", "https://elsewhere.example");
    let asked =
        asked.header("access-control-request-method", "POST").header("access-control-request-headers", "content-type");
    let asked = asked.send().await.unwrap();
    assert_eq!(asked.headers()["access-control-allow-origin"], "*");
    assert!(asked.headers()["access-control-allow-methods"].to_str().unwrap().contains("POST"));
    let refused = |body: Vec<u8>| async { http().post(&by_token).body(body).send().await.unwrap() };
    for body in [vec![], b"{}".to_vec(), vec![0xff; 20], body.repeat(101).into_bytes()] {
        assert_eq!(problem(refused(body).await).await, (422, "invalid".to_owned()));
    }
    assert_eq!(refused(vec![b' '; 70_000]).await.status(), 413);
    let too_far = owner.send(Method::GET, &format!("/api/v1/media/{media}/quality?days=401"), &Value::Null).await;
    assert_eq!(problem(too_far).await, (422, "invalid".to_owned()));
}
