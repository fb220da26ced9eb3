//! Captions: served to players, found by search.

use harness::{
    Client, Pair,
    platform::{act, film, get, ids, refused, start},
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(captions_are_served_and_searched);

/// One corpus, one list of answers: both databases give them.
async fn captions_are_served_and_searched(pair: Pair) {
    let stack = start(pair).await;
    let (owner, stranger) = (stack.creator().await, stack.creator().await);
    let media = film(&owner).await;
    let of_media = format!("/media/{media}");
    let put = async |client: &Client, rest: &str, body: &str| {
        let path = format!("/api/v1{of_media}/captions/{rest}");
        client.request(Method::PUT, &path).body(body.to_owned()).send().await.unwrap()
    };
    let srt = "1\r\n00:00:02,000 --> 00:00:03,000\r\nDer Flötenspieler\r\n\r\n2\r\n00:00:01,000 --> 00:00:01,500\r\nGuten Tag\r\n";
    assert_eq!(put(&owner, "DE?label=Deutsch", srt).await.status(), 200);
    assert_eq!(put(&owner, "en", "WEBVTT\n\n00:01.000 --> 00:02.000\nThe piper\n").await.status(), 200);
    let list = get(&stranger, &format!("{of_media}/captions")).await;
    assert_eq!((&list["items"][0]["language"], &list["items"][0]["label"]), (&json!("de"), &json!("Deutsch")));
    assert_eq!((&list["items"][1]["label"], &list["items"][0]["cues"]), (&json!("en"), &json!(2)));
    let url = list["items"][0]["url"].as_str().unwrap();
    let answer = harness::client::http().get(url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/vtt; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert!(text.starts_with("WEBVTT\n\n00:00:01.000 --> 00:00:01.500\nGuten Tag\n"), "{text}");
    let found = async |query: &str| ids(&get(&stranger, &format!("/search?q={query}")).await) == [media.clone()];
    assert!(found("flotenspieler").await && found("pip").await && !found("WEBVTT").await && !found("00").await);
    // Another text in the same language; then none.
    assert_eq!(put(&owner, "de", "WEBVTT\n\n00:01.000 --> 00:02.000\nGute Nacht\n").await.status(), 200);
    assert!(!found("flotenspieler").await && found("nacht").await);
    act(&owner, Method::DELETE, &format!("{of_media}/captions/en"), Value::Null, 204).await;
    assert!(!found("piper").await);
    assert_eq!(refused(&owner, Method::DELETE, &format!("{of_media}/captions/en"), Value::Null).await.0, 404);
    // Private ones are nobody's business; the account that goes takes them along.
    act(&owner, Method::PATCH, &of_media, json!({ "visibility": "private" }), 200).await;
    assert_eq!(harness::client::http().get(url).send().await.unwrap().status(), 404);
    assert_eq!(put(&stranger, "de", srt).await.status(), 404);
    for (rest, body, status) in
        [("de", "hello", 422), ("german", srt, 422), ("de", "", 422), ("de", &"x".repeat(1_100_000), 413)]
    {
        assert_eq!(put(&owner, rest, body).await.status(), status, "{rest}");
    }
    // A long film is searched to its end.
    let long: String = (0..6_000).map(|i| format!("00:00.000 --> 00:01.000\nsaid{i} and\n\n")).collect();
    assert_eq!(put(&owner, "es", &long).await.status(), 200);
    act(&owner, Method::PATCH, &of_media, json!({ "visibility": "public" }), 200).await;
    assert!(found("said0").await && found("said5999").await);
    let many =
        (0..30_000).map(|i| format!("00:00.000 --> 00:01.000\nword{i} {}\n\n", "y".repeat(10))).collect::<String>();
    assert_eq!(put(&owner, "fr", &many[..1 << 20]).await.status(), 200, "more words than an index holds");
    for second in b'a'..=b'z' {
        for first in ["x", "y"] {
            let answer = put(&owner, &format!("{first}{}", second as char), srt).await;
            let known = get(&owner, &format!("{of_media}/captions")).await["items"].as_array().unwrap().len();
            assert!(answer.status() == 200 || (known == 50 && answer.status() == 409), "{known}: {answer:?}");
        }
    }
    assert_eq!(get(&owner, &format!("{of_media}/captions")).await["items"].as_array().unwrap().len(), 50);
    assert!(found("said5999").await, "no language crowds out another");
    act(&owner, Method::DELETE, &of_media, Value::Null, 204).await;
    let db = stack.database().await;
    assert!(db.captions().of_media(media.parse().unwrap()).await.unwrap().is_empty());
}
