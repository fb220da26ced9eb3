//! Bad requests get the right status and a problem document with a stable code.

use harness::{Pair, Stack, client::problem, fixtures};
use reqwest::{Method, multipart};
use serde_json::json;

crate::on_both!(bad_uploads, bad_accounts, a_damaged_film, an_upload_over_the_limit);

async fn bad_uploads(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let post = || client.request(Method::POST, "/api/v1/media");
    let file = |data: Vec<u8>| multipart::Part::bytes(data).file_name("film.mp4");

    let not_multipart = post().body("hello").send().await.unwrap();
    assert_eq!(problem(not_multipart).await, (415, "not_multipart".into()));
    let no_file = post().multipart(multipart::Form::new().text("title", "x")).send().await.unwrap();
    assert_eq!(problem(no_file).await, (422, "missing_file".into()));
    let empty = post().multipart(multipart::Form::new().part("file", file(vec![]))).send().await.unwrap();
    assert_eq!(problem(empty).await, (422, "empty_file".into()));
    assert_eq!(problem(client.try_upload(&fixtures::text()).await).await, (415, "unsupported_type".into()));
    let long = multipart::Form::new()
        .text("title", "x".repeat(201))
        .text("visibility", "everyone")
        .part("file", file(vec![0; 9]));
    let response = post().multipart(long).send().await.unwrap();
    assert_eq!(response.status(), 422);
    let body: serde_json::Value = response.json().await.unwrap();
    let fields: Vec<&str> = body["errors"].as_array().unwrap().iter().map(|e| e["field"].as_str().unwrap()).collect();
    assert_eq!((body["code"].as_str().unwrap(), fields), ("invalid", vec!["title", "visibility"]));
    let truncated =
        "--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.mp4\"\r\n\r\n\0\0\0\x18ftypisom....";
    let cut = post().header("content-type", "multipart/form-data; boundary=b").body(truncated).send().await.unwrap();
    assert_eq!(problem(cut).await, (400, "upload_cut".into()));

    // A refusal arrives although the client is still sending.
    for _ in 0..20 {
        let large = multipart::Form::new().part("file", file(vec![b'x'; 8 << 20]));
        let refused = post().multipart(large).send().await.expect("the answer is lost");
        assert_eq!(problem(refused).await, (415, "unsupported_type".into()));
        let anonymous = client.http.post(format!("{}/api/v1/media", stack.url)).body(vec![0; 8 << 20]).send().await;
        assert_eq!(problem(anonymous.expect("the answer is lost")).await.0, 401);
    }

    let list: serde_json::Value = client.get("/api/v1/media").await.json().await.unwrap();
    assert_eq!(list["items"], json!([]), "nothing of all this became a media");
}

async fn bad_accounts(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let http = &client.http;
    let url = |path: &str| format!("{}{path}", stack.url);

    let nobody = http.post(url("/api/v1/media")).body("x").send().await.unwrap();
    assert_eq!(nobody.headers()["www-authenticate"], "Bearer");
    assert_eq!(problem(nobody).await, (401, "unauthenticated".into()));
    let forged = http.get(url("/api/v1/me")).bearer_auth("a.b.c").send().await.unwrap();
    assert_eq!(problem(forged).await, (401, "unauthenticated".into()));
    let viewer =
        json!({ "username": "viewer", "email": "v@example.org", "password": "correct horse", "role": "viewer" });
    let answer: serde_json::Value =
        http.post(url("/api/v1/auth/register")).json(&viewer).send().await.unwrap().json().await.unwrap();
    let token = answer["access_token"].as_str().unwrap();
    let denied = http.post(url("/api/v1/media")).bearer_auth(token).body("x").send().await.unwrap();
    assert_eq!(problem(denied).await, (403, "forbidden".into()));
    let again = http.post(url("/api/v1/auth/register")).json(&viewer).send().await.unwrap();
    assert_eq!(problem(again).await, (409, "taken".into()));
    let admin = json!({ "username": "root1", "email": "r@example.org", "password": "correct horse", "role": "admin" });
    assert_eq!(problem(http.post(url("/api/v1/auth/register")).json(&admin).send().await.unwrap()).await.0, 403);
    for login in ["viewer", "nobody-at-all", "nul\0", ""] {
        let wrong = http
            .post(url("/api/v1/auth/login"))
            .json(&json!({ "login": login, "password": "wrong" }))
            .send()
            .await
            .unwrap();
        assert_eq!(problem(wrong).await, (401, "bad_credentials".into()));
    }
    let right = json!({ "login": "VIEWER", "password": "correct horse" });
    let session: serde_json::Value =
        http.post(url("/api/v1/auth/login")).json(&right).send().await.unwrap().json().await.unwrap();
    let refresh = json!({ "refresh_token": session["refresh_token"] });
    let renewed: serde_json::Value =
        http.post(url("/api/v1/auth/refresh")).json(&refresh).send().await.unwrap().json().await.unwrap();
    let token = renewed["access_token"].as_str().unwrap();
    assert_eq!(http.post(url("/api/v1/auth/logout")).bearer_auth(token).send().await.unwrap().status(), 204);
    let late = http.get(url("/api/v1/me")).bearer_auth(token).send().await.unwrap();
    assert_eq!(problem(late).await.0, 401, "a logout acts at once");

    assert_eq!(problem(http.get(url("/nowhere")).send().await.unwrap()).await, (404, "not_found".into()));
    assert_eq!(problem(http.put(url("/health")).send().await.unwrap()).await, (405, "method_not_allowed".into()));
    let not_json =
        http.post(url("/api/v1/auth/login")).header("content-type", "application/json").body("{").send().await.unwrap();
    assert_eq!(problem(not_json).await, (400, "bad_request".into()));
    let text =
        http.post(url("/api/v1/auth/login")).header("content-type", "text/plain").body("{}").send().await.unwrap();
    assert_eq!(problem(text).await, (415, "not_json".into()));
    assert_eq!(problem(client.get("/api/v1/media/not-a-uuid").await).await.0, 400);
    for unknown in ["/api/v1/media/", "/raw/", "/hls/"] {
        let end = if unknown == "/hls/" { "/index.m3u8" } else { "" };
        let path = format!("{unknown}01930000-0000-7000-8000-000000000000{end}");
        assert_eq!(problem(client.get(&path).await).await, (404, "not_found".into()), "{path}");
    }
    assert_eq!(http.get(url("/ready")).send().await.unwrap().status(), 200);
}

/// A file that begins like a film and is none fails with a reason, and the worker goes on.
async fn a_damaged_film(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let file = stack.folder().join("broken.mp4");
    let mut data = std::fs::read(fixtures::compliant(10)).unwrap();
    data.truncate(1000);
    std::fs::write(&file, data).unwrap();
    let id = client.upload(&file).await["id"].as_str().unwrap().to_owned();
    let failed = client.wait_for(&id, &["failed"]).await;
    let code = failed["error"]["code"].as_str().unwrap();
    assert!(["unreadable_media", "no_media_streams", "undecodable_video"].contains(&code), "{failed}");
    assert_eq!(problem(client.get(&format!("/hls/{id}/index.m3u8")).await).await, (404, "not_playable".into()));
    let good = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&good, &["ready"]).await;
    let retried = client.request(Method::POST, &format!("/api/v1/media/{id}/retry")).send().await.unwrap();
    assert_eq!(retried.status(), 200);
    client.wait_for(&id, &["failed"]).await;
    let not_failed = client.request(Method::POST, &format!("/api/v1/media/{good}/retry")).send().await.unwrap();
    assert_eq!(problem(not_failed).await, (409, "not_failed".into()));
}

/// The limit of an upload is kept while it streams.
async fn an_upload_over_the_limit(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_MAX_UPLOAD_BYTES", "10000")]).await;
    let client = stack.creator().await;
    let refused = client.try_upload(&fixtures::compliant(10)).await;
    assert_eq!(problem(refused).await, (413, "too_large".into()));
}
