//! Pictures of people, playlists and categories: shown, replaced, refused, and gone with what they belong to.

use harness::{Client, Pair, Stack, client::problem, eventually, fixtures};
use reqwest::{Method, Response, multipart};
use serde_json::{Value, json};
use sluice_db::NewPicture;
use sluice_model::{PictureId, PictureKind, UserId, clock};
use sluice_storage::Key;
use std::time::Duration;

harness::on_both!(
    picture_is_served_and_replaced,
    cover_follows_playlist_visibility,
    pictures_are_purged_with_their_owner
);

async fn put(client: &Client, path: &str, body: Vec<u8>) -> Response {
    client.request(Method::PUT, path).header("content-type", "image/png").body(body).send().await.unwrap()
}

/// Gives something a picture; its path on the API.
async fn given(client: &Client, path: &str, body: &[u8]) -> String {
    let answer = put(client, path, body.to_vec()).await;
    assert_eq!(answer.status(), 200, "{}", answer.text().await.unwrap());
    let shown: Value = answer.json().await.unwrap();
    shown["url"].as_str().unwrap().strip_prefix(&client.url).unwrap().to_owned()
}

fn id(path: &str) -> PictureId {
    path.rsplit('/').next().unwrap().parse().unwrap()
}

/// A page without a script sends forms.
async fn the_file_of_a_form_is_taken(client: &Client, path: &str, picture: &[u8]) {
    let form = |field: &'static str| {
        let part = multipart::Part::bytes(picture.to_vec()).file_name("me.png");
        multipart::Form::new().text("note", "x").part(field, part)
    };
    let send = |form| client.request(Method::PUT, path).multipart(form).send();
    let shown: Value = send(form("file")).await.unwrap().json().await.unwrap();
    assert_eq!((&shown["width"], &shown["height"]), (&json!(64), &json!(32)));
    let none = send(multipart::Form::new().text("note", "x")).await.unwrap();
    assert_eq!(problem(none).await, (400, "bad_request".into()));
}

async fn status(client: &Client, path: &str) -> u16 {
    client.get(path).await.status().as_u16()
}

async fn picture_is_served_and_replaced(pair: Pair) {
    let stack = Stack::start(pair).await;
    let (client, admin) = (stack.creator().await, stack.admin().await);
    let anyone = client.anonymous();
    let (large, small) =
        (std::fs::read(fixtures::picture(1600, 800)).unwrap(), std::fs::read(fixtures::picture(64, 32)).unwrap());
    let first = given(&client, "/api/v1/me/pictures/avatar", &large).await;
    let answer = anyone.get(&first).await;
    assert_eq!(answer.headers()["content-type"], "image/jpeg");
    assert!(answer.headers()["cache-control"].to_str().unwrap().contains("immutable"));
    assert_eq!(answer.headers()["cross-origin-resource-policy"], "cross-origin");
    assert_eq!(answer.headers()["x-content-type-options"], "nosniff");
    let jpeg = answer.bytes().await.unwrap();
    assert!(jpeg.starts_with(&[0xff, 0xd8, 0xff]) && jpeg.len() < large.len());
    let banner = given(&client, "/api/v1/me/pictures/banner", &small).await;
    let of_creator = format!("/api/v1/creators/{}", client.id);
    let seen = anyone.json(Method::GET, &of_creator, &Value::Null, 200).await;
    assert!(seen["avatar_url"].as_str().unwrap().ends_with(&first));
    assert!(seen["banner_url"].as_str().unwrap().ends_with(&banner));
    // Another one: another address, and the first is shown to nobody.
    let second = given(&client, "/api/v1/me/pictures/avatar", &small).await;
    assert_eq!((status(&anyone, &second).await, status(&anyone, &first).await), (200, 404));
    client.json(Method::DELETE, "/api/v1/me/pictures/avatar", &Value::Null, 204).await;
    assert_eq!(status(&anyone, &second).await, 404);
    let seen = anyone.json(Method::GET, &of_creator, &Value::Null, 200).await;
    assert_eq!(seen["avatar_url"], Value::Null);
    // Ten at once: one is shown.
    let all =
        futures::future::join_all((0..10).map(|_| put(&client, "/api/v1/me/pictures/avatar", small.clone()))).await;
    assert!(all.iter().all(|a| a.status() == 200), "{all:?}");
    let seen = anyone.json(Method::GET, &of_creator, &Value::Null, 200).await;
    let shown = seen["avatar_url"].as_str().unwrap().strip_prefix(&client.url).unwrap();
    assert_eq!(status(&anyone, shown).await, 200);
    // A category's.
    admin.json(Method::PUT, "/api/v1/admin/categories/films", &json!({ "name": "Films" }), 204).await;
    let picture = given(&admin, "/api/v1/admin/categories/films/picture", &small).await;
    let list = anyone.json(Method::GET, "/api/v1/categories", &Value::Null, 200).await;
    assert!(list["items"][0]["picture_url"].as_str().unwrap().ends_with(&picture));
    assert_eq!(status(&anyone, &picture).await, 200);
    // What is none.
    let path = "/api/v1/me/pictures/avatar";
    the_file_of_a_form_is_taken(&client, path, &small).await;
    for (body, refusal) in [
        (b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>".to_vec(), (415, "unsupported_picture")),
        (large[..large.len() / 2].to_vec(), (422, "broken_picture")),
        ([&large[..], &vec![0; 11 << 20]].concat(), (413, "too_large")),
        (Vec::new(), (415, "unsupported_picture")),
    ] {
        assert_eq!(problem(put(&client, path, body).await).await, (refusal.0, refusal.1.to_owned()));
    }
    assert_eq!(put(&client, "/api/v1/me/pictures/cat", small).await.status(), 404);
}

async fn cover_follows_playlist_visibility(pair: Pair) {
    let stack = Stack::start(pair).await;
    let (client, stranger) = (stack.creator().await, stack.creator().await);
    let picture = std::fs::read(fixtures::picture(64, 32)).unwrap();
    let list = client.json(Method::POST, "/api/v1/playlists", &json!({ "title": "Mine" }), 201).await;
    let of_list = format!("/api/v1/playlists/{}", list["id"].as_str().unwrap());
    let cover = given(&client, &format!("{of_list}/cover"), &picture).await;
    assert_eq!(put(&stranger, &format!("{of_list}/cover"), picture.clone()).await.status(), 404);
    assert_eq!((status(&client, &cover).await, status(&stranger, &cover).await), (200, 404));
    assert_eq!(status(&client.anonymous(), &cover).await, 404);
    assert_eq!(client.get(&cover).await.headers()["cache-control"], "no-store");
    client.json(Method::PATCH, &of_list, &json!({ "visibility": "public" }), 200).await;
    assert_eq!(status(&client.anonymous(), &cover).await, 200);
    assert_eq!(put(&stranger, &format!("{of_list}/cover"), picture).await.status(), 403);
    let seen = stranger.json(Method::GET, &of_list, &Value::Null, 200).await;
    assert!(seen["cover_url"].as_str().unwrap().ends_with(&cover));
}

async fn pictures_are_purged_with_their_owner(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (client, other) = (stack.creator().await, stack.creator().await);
    let (db, store) = (stack.database().await, stack.store().await);
    let picture = std::fs::read(fixtures::picture(64, 32)).unwrap();
    let list = |title: &str| json!({ "title": title });
    let mut gone = Vec::new();
    let replaced = given(&client, "/api/v1/me/pictures/avatar", &picture).await;
    let kept = given(&client, "/api/v1/me/pictures/avatar", &picture).await;
    gone.push(id(&replaced));
    let made = client.json(Method::POST, "/api/v1/playlists", &list("One"), 201).await;
    let of_list = format!("/api/v1/playlists/{}", made["id"].as_str().unwrap());
    gone.push(id(&given(&client, &format!("{of_list}/cover"), &picture).await));
    client.json(Method::DELETE, &of_list, &Value::Null, 204).await;
    // A leaving person's, and those of their playlists.
    gone.push(id(&given(&other, "/api/v1/me/pictures/banner", &picture).await));
    let made = other.json(Method::POST, "/api/v1/playlists", &list("Two"), 201).await;
    let path = format!("/api/v1/playlists/{}/cover", made["id"].as_str().unwrap());
    gone.push(id(&given(&other, &path, &picture).await));
    let leave = json!({ "password": harness::client::PASSWORD, "media": "delete" });
    other.json(Method::POST, "/api/v1/me/delete", &leave, 204).await;
    // One whose process died after it was stored and before it was shown.
    let stray = NewPicture {
        id: PictureId::random(),
        kind: PictureKind::Avatar,
        owner: client.id.parse::<UserId>().unwrap().into(),
        size: (1, 1),
        size_bytes: 1,
        delete_after: clock::now(),
    };
    db.pictures().announce(&stray).await.unwrap();
    store.put(&Key::Picture(stray.id), picture.into()).await.unwrap();
    gone.push(stray.id);
    stack.pass(Duration::from_secs(3600));
    eventually("nothing of them is left", Duration::from_secs(60), || async {
        for id in &gone {
            if store.size(&Key::Picture(*id)).await.unwrap().is_some() {
                return None;
            }
        }
        Some(())
    })
    .await;
    assert_eq!(status(&client.anonymous(), &kept).await, 200);
}
