//! Creators, subscriptions, the feed, comments, likes, views, history, categories and tags.

use harness::{Client, Pair, Stack, client::problem, fixtures};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

crate::on_both!(
    creators_are_found_and_followed,
    the_feed_shows_nothing_twice,
    comments_and_their_rules,
    likes_and_views_are_counted_once,
    where_one_was,
    categories_and_tags,
    search_finds_the_same_everywhere,
    captions_are_shown_and_found,
    leaving_takes_everything_along,
);

const LIFTED: (&str, &str) =
    ("SLUICE_LIMITS", "captions=0/1,comment=0/1,register=0/1,login=0/1,upload=0/1,upload_account=0/1");

pub async fn start(pair: Pair) -> Stack {
    let mut stack = Stack::start_with(pair, &[LIFTED]).await;
    stack.add_worker();
    stack
}

/// A film that everybody may find, ready to be played.
pub async fn film(client: &Client) -> String {
    let made: Value = client.upload_with(&fixtures::silent(), &[("visibility", "public")]).await.json().await.unwrap();
    let id = made["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    id
}

pub async fn get(client: &Client, path: &str) -> Value {
    client.json(Method::GET, &format!("/api/v1{path}"), &Value::Null, 200).await
}

pub async fn act(client: &Client, method: Method, path: &str, body: Value, status: u16) -> Value {
    client.json(method, &format!("/api/v1{path}"), &body, status).await
}

async fn refused(client: &Client, method: Method, path: &str, body: Value) -> (u16, String) {
    problem(client.send(method, &format!("/api/v1{path}"), &body).await).await
}

pub async fn comment(client: &Client, media: &str, body: Value, status: u16) -> Value {
    act(client, Method::POST, &format!("/media/{media}/comments"), body, status).await
}

pub fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect()
}

async fn creators_are_found_and_followed(pair: Pair) {
    let stack = start(pair).await;
    let (ada, fan) = (stack.creator().await, stack.viewer().await);
    act(&ada, Method::PATCH, "/me/profile", json!({ "display_name": " Ada \u{0} <b>L</b> ", "bio": "I\ncount" }), 204)
        .await;
    let prefix = &ada.username[..6].to_uppercase();
    let found = get(&fan, &format!("/creators?prefix={prefix}")).await;
    assert!(ids(&found).contains(&ada.id), "{found}");
    assert!(!get(&fan, &format!("/creators?prefix={}", fan.username)).await.to_string().contains(&fan.id));
    let profile = format!("/creators/{}", ada.id);
    assert_eq!(get(&fan, &profile).await["display_name"], "Ada  <b>L</b>");
    for _ in 0..2 {
        act(&fan, Method::POST, &format!("/subscriptions/{}", ada.id), Value::Null, 204).await;
    }
    let seen = get(&fan, &profile).await;
    assert_eq!((&seen["subscriber_count"], &seen["subscribed"]), (&json!(1), &json!(true)));
    assert_eq!(get(&fan, "/subscriptions").await["items"][0]["creator"]["id"], ada.id.as_str());
    let own = refused(&ada, Method::POST, &format!("/subscriptions/{}", ada.id), Value::Null).await;
    assert_eq!(own.0, 403);
    let nobody = refused(&ada, Method::POST, &format!("/subscriptions/{}", fan.id), Value::Null).await;
    assert_eq!(nobody.0, 404, "viewers are followed by nobody");
    // Blocked, they follow no more and may not again.
    act(&ada, Method::PUT, &format!("/me/blocks/{}", fan.id), Value::Null, 204).await;
    assert_eq!(get(&ada, &profile).await["subscriber_count"], 0);
    assert_eq!(refused(&fan, Method::POST, &format!("/subscriptions/{}", ada.id), Value::Null).await.0, 403);
    assert_eq!(ids(&get(&ada, "/me/blocks").await), std::slice::from_ref(&fan.id));
    act(&ada, Method::DELETE, &format!("/me/blocks/{}", fan.id), Value::Null, 204).await;
    act(&fan, Method::POST, &format!("/subscriptions/{}", ada.id), Value::Null, 204).await;
    act(&fan, Method::DELETE, &format!("/subscriptions/{}", ada.id), Value::Null, 204).await;
    assert_eq!(get(&ada, &profile).await["subscriber_count"], 0);
    let long = refused(&ada, Method::PATCH, "/me/profile", json!({ "bio": "x".repeat(2001) })).await;
    assert_eq!(long, (422, "invalid".into()));
}

async fn the_feed_shows_nothing_twice(pair: Pair) {
    let stack = start(pair).await;
    let (ada, bob, cyd, fan) =
        (stack.creator().await, stack.creator().await, stack.creator().await, stack.viewer().await);
    let mut films = Vec::new();
    for owner in [&ada, &bob, &cyd, &ada, &bob, &cyd, &bob] {
        films.push(film(owner).await);
    }
    let hidden =
        ada.upload_with(&fixtures::silent(), &[("visibility", "unlisted")]).await.json::<Value>().await.unwrap();
    act(&fan, Method::POST, &format!("/subscriptions/{}", ada.id), Value::Null, 204).await;
    // What people like stands further forward among what one does not follow.
    for liking in [&ada, &cyd] {
        act(liking, Method::PUT, &format!("/media/{}/like", films[1]), Value::Null, 200).await;
    }
    let mut seen: Vec<(String, String)> = Vec::new();
    let mut cursor = String::new();
    for round in 0.. {
        let page = get(&fan, &format!("/feed?limit=2{cursor}")).await;
        for item in page["items"].as_array().unwrap() {
            let text = |v: &Value| v.as_str().unwrap().to_owned();
            seen.push((text(&item["reason"]), text(&item["media"]["id"])));
        }
        if round == 0 {
            // On the way: a new film, a new subscription, a like. None of it repeats anything.
            film(&bob).await;
            act(&fan, Method::POST, &format!("/subscriptions/{}", bob.id), Value::Null, 204).await;
            act(&fan, Method::PUT, &format!("/media/{}/like", films[2]), Value::Null, 200).await;
        }
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    let unique: BTreeSet<&String> = seen.iter().map(|s| &s.1).collect();
    assert_eq!(unique.len(), seen.len(), "{seen:?}");
    assert_eq!((seen[0].0.as_str(), seen[1].0.as_str()), ("subscription", "subscription"));
    assert_eq!((&seen[0].1, &seen[1].1), (&films[3], &films[0]), "the newest first");
    assert_eq!(seen[2], ("discovery".to_owned(), films[1].clone()), "the liked one: {seen:?}");
    assert!(!unique.contains(&hidden["id"].as_str().unwrap().to_owned()));
    assert_eq!(seen.len(), 8, "all of them, the one liked on the way where it had been: {seen:?}");
    // What is published later than it was uploaded is new then.
    let hidden = hidden["id"].as_str().unwrap();
    ada.wait_for(hidden, &["ready"]).await;
    let path = format!("/media/{hidden}");
    let published = act(&ada, Method::PATCH, &path, json!({ "visibility": "public" }), 200).await;
    assert!(published["published_at"].as_i64() > published["created_at"].as_i64(), "{published}");
    assert_eq!(get(&fan, "/feed?limit=1").await["items"][0]["media"]["id"], hidden);
    assert_eq!(ids(&get(&fan, &format!("/creators/{}/media", ada.id)).await), [hidden, &films[3], &films[0]]);
    act(&ada, Method::PATCH, &path, json!({ "visibility": "private" }), 200).await;
    let again = act(&ada, Method::PATCH, &path, json!({ "visibility": "public" }), 200).await;
    assert_eq!(again["published_at"], published["published_at"], "for the first time");
    act(&ada, Method::DELETE, &path, Value::Null, 204).await;
    // Whom one follows no more, or again, comes as little twice.
    let other = stack.viewer().await;
    let path = format!("/subscriptions/{}", ada.id);
    act(&other, Method::POST, &path, Value::Null, 204).await;
    let first = get(&other, "/feed?limit=2").await;
    let shown: Vec<&Value> = first["items"].as_array().unwrap().iter().map(|i| &i["media"]["id"]).collect();
    assert_eq!(shown, [&json!(films[3]), &json!(films[0])]);
    for again in [false, true] {
        act(&other, Method::DELETE, &path, Value::Null, 204).await;
        if again {
            act(&other, Method::POST, &path, Value::Null, 204).await;
        }
        let cursor = first["next_cursor"].as_str().unwrap();
        let rest = get(&other, &format!("/feed?limit=50&cursor={cursor}")).await;
        let rest: Vec<&Value> = rest["items"].as_array().unwrap().iter().map(|i| &i["media"]["id"]).collect();
        assert!(!rest.is_empty() && shown.iter().all(|s| !rest.contains(s)), "{shown:?}, then {rest:?}");
    }
    let anybody = reqwest::get(format!("{}/api/v1/feed", stack.url)).await.unwrap().json::<Value>().await.unwrap();
    assert_eq!(anybody["items"].as_array().unwrap().len(), 8);
    let bad = refused(&fan, Method::GET, "/feed?cursor=nonsense", Value::Null).await;
    assert_eq!(bad, (400, "bad_request".into()));
}

async fn comments_and_their_rules(pair: Pair) {
    let stack = start(pair).await;
    let (owner, friend, enemy) = (stack.creator().await, stack.viewer().await, stack.viewer().await);
    let media = film(&owner).await;
    let key = uuid::Uuid::new_v4();
    let first =
        comment(&friend, &media, json!({ "body": "  fine\u{7}  ", "at_ms": 1500, "client_key": key }), 201).await;
    assert_eq!((&first["body"], &first["at_ms"]), (&json!("fine"), &json!(1500)));
    let again = comment(&friend, &media, json!({ "body": "fine", "client_key": key }), 200).await;
    assert_eq!(again["id"], first["id"], "sent twice, stored once");
    let thread = first["id"].as_str().unwrap();
    let reply = comment(&owner, &media, json!({ "body": "thanks", "parent_id": thread }), 201).await;
    let beside = comment(&enemy, &media, json!({ "body": "no", "parent_id": reply["id"] }), 201).await;
    assert_eq!(beside["parent_id"], first["id"], "one level");
    for bad in [
        json!({ "body": " " }),
        json!({ "body": "x".repeat(2001) }),
        json!({ "body": "x", "at_ms": 9_999_999 }),
        json!({ "body": "x", "at_ms": -1 }),
        json!({ "body": "x", "parent_id": uuid::Uuid::new_v4() }),
    ] {
        let path = format!("/media/{media}/comments");
        assert_eq!(refused(&friend, Method::POST, &path, bad).await, (422, "invalid".into()));
    }
    let listed = get(&friend, &format!("/media/{media}/comments")).await;
    assert_eq!((&listed["items"][0]["reply_count"], ids(&listed).len()), (&json!(2), 1));
    let replies = get(&friend, &format!("/comments/{thread}/replies")).await;
    assert_eq!((&replies["items"][0]["body"], &replies["items"][1]["body"]), (&json!("thanks"), &json!("no")));
    // Edited by its author alone, and marked.
    let path = format!("/comments/{thread}");
    assert_eq!(refused(&owner, Method::PATCH, &path, json!({ "body": "x" })).await.0, 403);
    let edited = act(&friend, Method::PATCH, &path, json!({ "body": "very fine" }), 200).await;
    assert!(edited["edited_at"].is_i64() && edited["body"] == "very fine");
    // Blocked: out of sight, and off one's media.
    act(&friend, Method::PUT, &format!("/me/blocks/{}", enemy.id), Value::Null, 204).await;
    assert_eq!(ids(&get(&friend, &format!("/comments/{thread}/replies")).await).len(), 1);
    assert_eq!(ids(&get(&owner, &format!("/comments/{thread}/replies")).await).len(), 2);
    act(&owner, Method::PUT, &format!("/me/blocks/{}", enemy.id), Value::Null, 204).await;
    let said = refused(&enemy, Method::POST, &format!("/media/{media}/comments"), json!({ "body": "x" })).await;
    assert_eq!(said.0, 403);
    // Deleted by author, owner, administrator; with the replies.
    assert_eq!(refused(&enemy, Method::DELETE, &path, Value::Null).await.0, 403);
    let root = stack.admin().await;
    act(&root, Method::DELETE, &format!("/comments/{}", beside["id"].as_str().unwrap()), Value::Null, 204).await;
    assert_eq!(owner.media(&media).await["comment_count"], 2);
    act(&owner, Method::DELETE, &path, Value::Null, 204).await;
    assert_eq!(owner.media(&media).await["comment_count"], 0);
    assert_eq!(refused(&owner, Method::DELETE, &path, Value::Null).await.0, 404);
    // What one said stays one's own to delete, also where one may not look any more.
    let late = comment(&friend, &media, json!({ "body": "late" }), 201).await;
    // Of a private media nobody hears.
    act(&owner, Method::PATCH, &format!("/media/{media}"), json!({ "visibility": "private" }), 200).await;
    assert_eq!(refused(&friend, Method::GET, &format!("/media/{media}/comments"), Value::Null).await.0, 404);
    let late = format!("/comments/{}", late["id"].as_str().unwrap());
    assert_eq!(refused(&enemy, Method::DELETE, &late, Value::Null).await.0, 404);
    act(&friend, Method::DELETE, &late, Value::Null, 204).await;
}

async fn likes_and_views_are_counted_once(pair: Pair) {
    let stack = start(pair).await;
    let (owner, friend) = (stack.creator().await, stack.viewer().await);
    let media = film(&owner).await;
    let path = format!("/media/{media}/like");
    let likes = futures::future::join_all((0..10).map(|_| act(&friend, Method::PUT, &path, Value::Null, 200))).await;
    assert!(likes.iter().all(|l| l["like_count"] == 1), "{likes:?}");
    act(&owner, Method::PUT, &path, Value::Null, 200).await;
    assert_eq!(act(&friend, Method::DELETE, &path, Value::Null, 200).await["like_count"], 1);
    assert_eq!(get(&friend, &path).await, json!({ "likes": false, "like_count": 1 }));
    let view = format!("/media/{media}/views");
    let counted = futures::future::join_all((0..10).map(|_| act(&friend, Method::POST, &view, Value::Null, 200))).await;
    assert_eq!(counted.iter().filter(|v| v["counted"] == true).count(), 1, "{counted:?}");
    act(&owner, Method::POST, &view, Value::Null, 200).await;
    let anybody = reqwest::Client::new();
    for _ in 0..3 {
        anybody.post(format!("{}/api/v1{view}", stack.url)).send().await.unwrap();
    }
    assert_eq!(owner.media(&media).await["view_count"], 3);
}

async fn where_one_was(pair: Pair) {
    let stack = start(pair).await;
    let (owner, friend) = (stack.creator().await, stack.viewer().await);
    let (half, whole, secret) = (film(&owner).await, film(&owner).await, film(&owner).await);
    for (media, position) in [(&half, 2000), (&whole, 4990), (&secret, 10)] {
        act(&friend, Method::PUT, &format!("/me/history/{media}"), json!({ "position_ms": position }), 200).await;
    }
    act(&owner, Method::PATCH, &format!("/media/{secret}"), json!({ "visibility": "private" }), 200).await;
    let of = |h: &Value| -> Vec<String> {
        h["items"].as_array().unwrap().iter().map(|i| i["media"]["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        of(&get(&friend, "/me/history").await),
        [whole.clone(), half.clone()],
        "latest first, without the private"
    );
    assert_eq!(of(&get(&friend, "/me/history?unfinished=true").await), std::slice::from_ref(&half));
    assert_eq!(get(&friend, &format!("/me/history/{half}")).await["position_ms"], 2000);
    let page = get(&friend, "/me/history?limit=1").await;
    let next = page["next_cursor"].as_str().unwrap();
    assert!(get(&friend, &format!("/me/history?limit=2&cursor={next}")).await["items"].is_array());
    assert_eq!(
        refused(&friend, Method::PUT, &format!("/me/history/{half}"), json!({ "position_ms": 99_999 })).await.0,
        422
    );
    assert_eq!(refused(&owner, Method::GET, &format!("/me/history/{half}"), Value::Null).await.0, 404, "nobody else's");
    act(&friend, Method::DELETE, &format!("/me/history/{half}"), Value::Null, 204).await;
    assert_eq!(of(&get(&friend, "/me/history").await), std::slice::from_ref(&whole));
    act(&friend, Method::PATCH, "/me/profile", json!({ "keeps_history": false }), 204).await;
    act(&friend, Method::PUT, &format!("/me/history/{half}"), json!({ "position_ms": 1 }), 204).await;
    assert!(of(&get(&friend, "/me/history").await).is_empty(), "switched off, nothing is left or added");
}

async fn categories_and_tags(pair: Pair) {
    let stack = start(pair).await;
    let (root, owner) = (stack.admin().await, stack.creator().await);
    act(&root, Method::PUT, "/admin/categories/music", json!({ "name": "Music" }), 204).await;
    act(&root, Method::PUT, "/admin/categories/music", json!({ "name": "Musik" }), 204).await;
    let music = json!({ "slug": "music", "name": "Musik", "picture_url": null });
    assert_eq!(get(&owner, "/categories").await, json!({ "items": [music] }));
    assert_eq!(refused(&root, Method::PUT, "/admin/categories/Bad", json!({ "name": "x" })).await.0, 422);
    let media = film(&owner).await;
    let change = json!({ "tags": ["#Live", "live", "Händel"], "category": "music" });
    let changed = act(&owner, Method::PATCH, &format!("/media/{media}"), change, 200).await;
    assert_eq!((&changed["tags"], &changed["category"]), (&json!(["live", "händel"]), &json!("music")));
    assert_eq!(ids(&get(&owner, "/categories/music/media").await), std::slice::from_ref(&media));
    assert_eq!(ids(&get(&owner, "/tags/H%C3%A4ndel/media").await), std::slice::from_ref(&media));
    assert!(ids(&get(&owner, "/tags/other/media").await).is_empty());
    for bad in [json!({ "tags": ["a b"] }), json!({ "tags": ["<script>"] }), json!({ "category": "none" })] {
        assert_eq!(refused(&owner, Method::PATCH, &format!("/media/{media}"), bad).await.0, 422);
    }
    act(&owner, Method::PATCH, &format!("/media/{media}"), json!({ "visibility": "unlisted" }), 200).await;
    assert!(ids(&get(&owner, "/tags/live/media").await).is_empty(), "what is not public is not found");
    act(&root, Method::DELETE, "/admin/categories/music", Value::Null, 204).await;
    assert_eq!(owner.media(&media).await["category"], Value::Null);
}

async fn leaving_takes_everything_along(pair: Pair) {
    let stack = start(pair).await;
    let (owner, friend) = (stack.creator().await, stack.creator().await);
    let media = film(&owner).await;
    act(&friend, Method::POST, &format!("/subscriptions/{}", owner.id), Value::Null, 204).await;
    act(&friend, Method::PUT, &format!("/media/{media}/like"), Value::Null, 200).await;
    let thread = comment(&friend, &media, json!({ "body": "mine" }), 201).await;
    comment(&owner, &media, json!({ "body": "an answer", "parent_id": thread["id"] }), 201).await;
    let other = comment(&owner, &media, json!({ "body": "another" }), 201).await;
    comment(&friend, &media, json!({ "body": "mine too", "parent_id": other["id"] }), 201).await;
    act(&friend, Method::PUT, &format!("/me/history/{media}"), json!({ "position_ms": 1 }), 200).await;
    let gone = json!({ "password": harness::client::PASSWORD, "media": "delete" });
    act(&friend, Method::POST, "/me/delete", gone, 204).await;
    let now = owner.media(&media).await;
    assert_eq!((&now["like_count"], &now["comment_count"]), (&json!(0), &json!(1)), "{now}");
    assert_eq!(get(&owner, &format!("/creators/{}", owner.id)).await["subscriber_count"], 0);
    let left = get(&owner, &format!("/media/{media}/comments")).await;
    assert_eq!((ids(&left).len(), &left["items"][0]["reply_count"]), (1, &json!(0)), "{left}");
    act(&owner, Method::DELETE, &format!("/media/{media}"), Value::Null, 204).await;
    assert_eq!(
        refused(&owner, Method::GET, &format!("/comments/{}/replies", other["id"].as_str().unwrap()), Value::Null)
            .await
            .0,
        404
    );
}

/// One corpus, one list of answers: both databases give them.
async fn captions_are_shown_and_found(pair: Pair) {
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
    let answer = reqwest::get(url).await.unwrap();
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
    assert_eq!(reqwest::get(url).await.unwrap().status(), 404);
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
    assert!(db.captions(media.parse().unwrap()).await.unwrap().is_empty());
}

async fn search_finds_the_same_everywhere(pair: Pair) {
    let stack = start(pair).await;
    let owner = stack.creator().await;
    act(&owner, Method::PATCH, "/me/profile", json!({ "display_name": "Zoë Ørsted" }), 204).await;
    let corpus = [
        ("Händel: Saul", "An oratorio in three acts.", vec!["baroque", "choir"]),
        ("Cooking rice", "Saul, my uncle, cooks rice with saffron.", vec!["food"]),
        ("A walk in the snow", "Slow television, 4K, no talking; rice paper windows", vec!["slow-tv", "winter"]),
        ("C++ & Rust: unsafe?!", "About FFI. 'quotes' \"double\" (parens) AND OR NOT *", vec!["rust"]),
        ("東京の夜", "Tokyo by night", vec!["japan"]),
    ];
    let mut names = std::collections::BTreeMap::new();
    for (title, description, tags) in &corpus {
        let media = film(&owner).await;
        let change = json!({ "title": title, "description": description, "tags": tags });
        act(&owner, Method::PATCH, &format!("/media/{media}"), change, 200).await;
        names.insert(media, *title);
    }
    let found = async |query: &str| -> Vec<&str> {
        let (mut all, mut cursor) = (Vec::new(), String::new());
        loop {
            let asked: String = url::form_urlencoded::byte_serialize(query.as_bytes()).collect();
            let page = get(&owner, &format!("/search?limit=2{cursor}&q={asked}")).await;
            all.extend(ids(&page).iter().map(|i| names[i]));
            match page["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => return all,
            }
        }
    };
    for (query, expected) in [
        ("handel", vec!["Händel: Saul"]),
        ("HÄNDEL saul", vec!["Händel: Saul"]),
        ("saul", vec!["Händel: Saul", "Cooking rice"]),
        ("rice", vec!["Cooking rice", "A walk in the snow"]),
        ("ric win", vec!["A walk in the snow"]),
        ("slow tv", vec!["A walk in the snow"]),
        ("4k", vec!["A walk in the snow"]),
        ("c rust", vec!["C++ & Rust: unsafe?!"]),
        ("'quotes' AND \"double\" (", vec!["C++ & Rust: unsafe?!"]),
        ("東京", vec!["東京の夜"]),
        ("choir food", vec![]),
        ("nothing", vec![]),
        ("*", vec![]),
        ("", vec![]),
        ("'; DROP TABLE media; --", vec![]),
    ] {
        assert_eq!(found(query).await, expected, "{query}");
    }
    assert_eq!(found("zoe").await.len(), 5, "by the creator's name");
    assert_eq!(found(&owner.username).await.len(), 5);
    let first = names.iter().find(|n| *n.1 == "Cooking rice").unwrap().0.clone();
    act(&owner, Method::PATCH, &format!("/media/{first}"), json!({ "title": "Baking" }), 200).await;
    assert_eq!(found("rice").await.len(), 2, "still in its description");
    assert_eq!(found("baking").await.len(), 1);
    act(&owner, Method::PATCH, &format!("/media/{first}"), json!({ "visibility": "unlisted" }), 200).await;
    assert!(found("baking").await.is_empty());
    let other = names.iter().find(|n| *n.1 == "東京の夜").unwrap().0.clone();
    act(&owner, Method::DELETE, &format!("/media/{other}"), Value::Null, 204).await;
    assert!(found("tokyo").await.is_empty());
}
