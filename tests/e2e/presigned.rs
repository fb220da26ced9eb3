//! Parts straight to the store by signed URLs: what they become, and what a signature covers.

use harness::{Client, Pair, Stack, client::problem, eventually, fixtures, tus::stored};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use sluice_storage::Prefix;
use std::{sync::LazyLock, time::Duration};

harness::on_both!(
    parts_become_media_on_completion,
    signed_url_accepts_only_what_was_signed,
    wrong_sha256_fails_media,
    aborted_and_expired_uploads_leave_nothing
);

const BEGIN: &str = "/api/v1/uploads/presigned";

async fn begin(client: &Client, size: usize, more: Value) -> Value {
    let mut body = json!({ "size": size, "filename": "film.mp4", "content_type": "video/mp4", "part_size": 65536 });
    body.as_object_mut().unwrap().extend(more.as_object().cloned().unwrap_or_default());
    client.json(Method::POST, BEGIN, &body, 201).await
}

/// Puts bytes to a signed URL with its headers, as a browser would: without credentials.
async fn put(part: &Value, data: &[u8]) -> Response {
    put_as(part, part["headers"]["content-type"].as_str().unwrap(), data).await
}

async fn put_as(part: &Value, content_type: &str, data: &[u8]) -> Response {
    // One for all: each would read the system's certificates anew.
    static STRANGER: LazyLock<reqwest::Client> = LazyLock::new(reqwest::Client::new);
    let request = STRANGER.put(part["url"].as_str().unwrap()).header("if-none-match", "*");
    request.header("content-type", content_type).body(data.to_vec()).send().await.unwrap()
}

fn slice<'a>(film: &'a [u8], begun: &Value, part: &Value) -> &'a [u8] {
    let (size, number) = (begun["part_size"].as_u64().unwrap() as usize, part["number"].as_u64().unwrap() as usize);
    &film[(number - 1) * size..(number * size).min(film.len())]
}

async fn put_all(film: &[u8], begun: &Value) {
    for part in begun["parts"].as_array().unwrap() {
        let answer = put(part, slice(film, begun, part)).await;
        assert_eq!(answer.status(), StatusCode::OK, "{}", answer.text().await.unwrap());
        assert!(answer.headers().contains_key("etag"));
    }
}

fn path(begun: &Value, rest: &str) -> String {
    format!("{BEGIN}/{}{rest}", begun["upload_id"].as_str().unwrap())
}

async fn parts_become_media_on_completion(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (client, stranger) = (stack.creator().await, stack.creator().await);
    let film = std::fs::read(fixtures::compliant(10)).unwrap();
    let begun = begin(&client, film.len(), json!({ "title": "Parts" })).await;
    let parts = begun["parts"].as_array().unwrap();
    assert_eq!(parts.len(), film.len().div_ceil(65536));
    let through_api = parts[0]["url"].as_str().unwrap().starts_with(&stack.url);
    assert_eq!(through_api, pair == Pair::Embedded, "{}", parts[0]);
    let media = &begun["media_id"];
    assert_eq!(client.media(media.as_str().unwrap()).await["status"], "uploading");
    let early = client.send(Method::POST, &path(&begun, "/complete"), &Value::Null).await;
    assert_eq!(problem(early).await, (409, "parts_missing".into()));
    // The last part first, by a URL that was asked for later.
    let again = client.json(Method::POST, &path(&begun, "/parts"), &json!({ "numbers": [parts.len()] }), 200).await;
    let last = &again["parts"][0];
    assert_eq!(put(last, slice(&film, &begun, last)).await.status(), StatusCode::OK);
    let listed = client.json(Method::GET, &path(&begun, "/parts"), &Value::Null, 200).await;
    assert_eq!(listed["parts"].as_array().unwrap().len(), 1);
    assert_eq!(listed["parts"][0]["number"], parts.len());
    for method in ["/complete", "/parts"] {
        let body = json!({ "numbers": [1] });
        assert_eq!(problem(stranger.send(Method::POST, &path(&begun, method), &body).await).await.0, 404, "{method}");
    }
    put_all(&film, &begun).await;
    // Completed twice at once, on two instances.
    let (_other, url) = stack.another_api();
    let elsewhere = Client { url, ..client.clone() };
    let complete = path(&begun, "/complete");
    let (a, b) = tokio::join!(
        client.send(Method::POST, &complete, &Value::Null),
        elsewhere.send(Method::POST, &complete, &Value::Null)
    );
    assert_eq!((a.status(), b.status()), (StatusCode::OK, StatusCode::OK));
    assert_eq!(a.json::<Value>().await.unwrap()["id"], *media);
    assert!(stored(&client, media.as_str().unwrap()).await == film);
    assert_eq!(client.wait_for(media.as_str().unwrap(), &["ready"]).await["title"], "Parts");
    let late = client.send(Method::POST, &path(&begun, "/parts"), &json!({ "numbers": [1] })).await;
    assert_eq!(problem(late).await, (409, "upload_complete".into()));
    // Once the URLs have ended, twins find each other; the second copy of the last part is gone.
    stack.pass(Duration::from_secs(7200));
    let twin = stranger.upload(fixtures::compliant(10).as_path()).await;
    let etag = |c: Client, id: Value| async move {
        let head = c.request(Method::HEAD, &format!("/raw/{}", id.as_str().unwrap())).send().await.unwrap();
        head.headers()["etag"].to_str().unwrap().to_owned()
    };
    eventually("the twins share one source", Duration::from_secs(60), || async {
        (etag(client.clone(), media.clone()).await == etag(stranger.clone(), twin["id"].clone()).await).then_some(())
    })
    .await;
    assert!(stored(&client, media.as_str().unwrap()).await == film);
}

async fn signed_url_accepts_only_what_was_signed(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let mut client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let begun = begin(&client, film.len(), json!({})).await;
    let first = &begun["parts"][0];
    let data = slice(&film, &begun, first);
    let refused = |answer: Response, what: &'static str| {
        assert!(answer.status().is_client_error(), "{what}: {}", answer.status());
    };
    refused(put(first, &data[1..]).await, "fewer bytes");
    refused(put(first, &[data, b"x"].concat()).await, "more bytes");
    refused(put_as(first, "text/html", data).await, "another type");
    let tampered = |from: &str, to: &str| {
        let mut part = first.clone();
        let url = part["url"].as_str().unwrap();
        let changed = url.replacen(from, to, 1);
        assert_ne!(url, changed);
        part["url"] = json!(changed);
        part
    };
    let signature = if pair == Pair::Embedded { "signature=" } else { "X-Amz-Signature=" };
    refused(put(&tampered(signature, &format!("{signature}0")), data).await, "another signature");
    // The path of another object under the same signature.
    let (from, to) = match pair {
        Pair::Embedded => ("object=", "object=1".to_owned()),
        Pair::Servers => ("/sources/", format!("/sources/{}", &uuid::Uuid::new_v4().to_string()[..1])),
    };
    refused(put(&tampered(from, &to), data).await, "another object");
    assert_eq!(put(first, data).await.status(), StatusCode::OK);
    let other: Vec<u8> = data.iter().map(|b| b ^ 1).collect();
    assert_eq!(put(first, &other).await.status(), StatusCode::PRECONDITION_FAILED, "used twice");
    let listed = client.json(Method::GET, &path(&begun, "/parts"), &Value::Null, 200).await;
    assert_eq!(listed["parts"].as_array().unwrap().len(), 1, "nothing of all this counted: {listed}");

    // A page as a film: declared as one, or as what it is.
    let page = vec![b'<'; 70_000];
    let begun = begin(&client, page.len(), json!({})).await;
    put_all(&page, &begun).await;
    let html = client.send(Method::POST, &path(&begun, "/complete"), &Value::Null).await;
    assert_eq!(problem(html).await, (415, "unsupported_type".into()));
    let body = json!({ "size": 9, "filename": "a.html", "content_type": "text/html" });
    assert_eq!(problem(client.send(Method::POST, BEGIN, &body).await).await, (415, "unsupported_type".into()));
    let begun = begin(&client, film.len(), json!({ "content_type": "video/webm" })).await;
    put_all(&film, &begun).await;
    let webm = client.send(Method::POST, &path(&begun, "/complete"), &Value::Null).await;
    assert_eq!(problem(webm).await, (415, "type_mismatch".into()));
    // URLs are not for filling a store with.
    let begun = begin(&client, 9, json!({})).await;
    let many = json!({ "numbers": vec![1; 3] });
    let again = client.send(Method::POST, &path(&begun, "/parts"), &many).await;
    assert_eq!(problem(again).await, (409, "too_many".into()));
    let mut granted = 0;
    while client.send(Method::POST, &path(&begun, "/parts"), &json!({ "numbers": [1] })).await.status() == 200 {
        granted += 1;
        assert!(granted < 100);
    }
    for (size, part) in [(0_i64, 65536), (10, 1), (1_i64 << 40, 65536), (700_000_000, 65536)] {
        let body = json!({ "size": size, "content_type": "video/mp4", "part_size": part });
        assert!(client.send(Method::POST, BEGIN, &body).await.status().is_client_error(), "{size} {part}");
    }
    // The signature says until when: this is waited for.
    stack.restart_api_with(&[("SLUICE_PRESIGNED_SECONDS", "1")]);
    client.url = stack.url.clone();
    let begun = begin(&client, film.len(), json!({})).await;
    let expired = &begun["parts"][0];
    tokio::time::sleep(Duration::from_millis(2100)).await;
    refused(put(expired, slice(&film, &begun, expired)).await, "expired");
    let listed = client.json(Method::GET, &path(&begun, "/parts"), &Value::Null, 200).await;
    assert_eq!(listed["parts"], json!([]));
}

async fn wrong_sha256_fails_media(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    for (hash, status) in [(hex::encode(Sha256::digest(&film)), "ready"), ("00".repeat(32), "failed")] {
        let begun = begin(&client, film.len(), json!({ "sha256": hash })).await;
        put_all(&film, &begun).await;
        client.json(Method::POST, &path(&begun, "/complete"), &Value::Null, 200).await;
        let media = client.wait_for(begun["media_id"].as_str().unwrap(), &["ready", "failed"]).await;
        assert_eq!(media["status"], status);
        if status == "failed" {
            assert_eq!(media["error"]["code"], "checksum_mismatch");
        }
    }
}

/// Aborted and forgotten uploads, and a URL that is used after that.
async fn aborted_and_expired_uploads_leave_nothing(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let aborted = begin(&client, film.len(), json!({})).await;
    let forgotten = begin(&client, film.len(), json!({})).await;
    assert_eq!(put(&forgotten["parts"][0], slice(&film, &forgotten, &forgotten["parts"][0])).await.status(), 200);
    let (db, store) = (stack.database().await, stack.store().await);
    let mut sources = Vec::new();
    for begun in [&aborted, &forgotten] {
        let id = begun["media_id"].as_str().unwrap().parse().unwrap();
        sources.push(db.media().find(id).await.unwrap().unwrap().source_id);
    }
    client.json(Method::DELETE, &path(&aborted, ""), &Value::Null, 204).await;
    assert_eq!(
        problem(client.get(&format!("/api/v1/media/{}", aborted["media_id"].as_str().unwrap())).await).await.0,
        404
    );
    let late = put(&aborted["parts"][0], slice(&film, &aborted, &aborted["parts"][0])).await.status();
    // The server does not know that it was given up; the API does.
    assert_eq!(late, if pair == Pair::Servers { 200 } else { 404 });
    stack.sweep().await;
    assert_eq!(client.media(forgotten["media_id"].as_str().unwrap()).await["status"], "uploading", "it may go on");
    stack.pass(Duration::from_secs(2 * 86_400));
    let usage = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!((&usage["uploads"], &usage["media"]), (&json!(0), &json!(0)));
    let list = client.json(Method::GET, "/api/v1/media", &Value::Null, 200).await;
    assert_eq!(list["items"], json!([]), "what has expired is not listed");
    // The API removes the media and a worker the bytes, each in its own time.
    let media = forgotten["media_id"].as_str().unwrap().parse().unwrap();
    eventually("the media is removed", Duration::from_secs(20), || async {
        db.media().find(media).await.unwrap().is_none().then_some(())
    })
    .await;
    stack.pass(Duration::from_secs(60));
    stack.sweep().await;
    for source in sources {
        assert_eq!(store.list(&Prefix::Source(source)).await.unwrap(), []);
    }
}
