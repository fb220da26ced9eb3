//! Bad requests get the right status and a problem document with a stable code.

use harness::{Client, Pair, Stack, client::problem};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(bad_requests_have_stable_codes);

async fn bad_requests_have_stable_codes(pair: Pair) {
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
    every_fault_is_named(&client).await;
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

/// What is wrong with a body is told in one answer, not in one for each field.
async fn every_fault_is_named(client: &Client) {
    let faults = async |method: Method, path: &str, body: Value| {
        let answer = client.send(method, path, &body).await;
        assert_eq!(answer.status(), 422, "{body}");
        let answer: Value = answer.json().await.unwrap();
        assert_eq!(answer["code"], "invalid");
        let found = answer["errors"].as_array().unwrap().iter();
        found
            .map(|e| format!("{}: {}", e["field"].as_str().unwrap(), e["message"].as_str().unwrap()))
            .collect::<Vec<_>>()
    };
    let register = "/api/v1/auth/register";
    let missing = ["username: is missing", "email: is missing", "password: is missing"];
    assert_eq!(faults(Method::POST, register, json!({})).await, missing);
    let odd = json!({ "username": 7, "email": null, "password": "hunter2", "role": "hunter2", "hunter2": true });
    let told = faults(Method::POST, register, odd).await;
    assert_eq!(told.len(), 5, "{told:?}");
    assert!(!told.concat().contains("hunter2"), "what was typed is not repeated: {told:?}");
    let film = client.upload(&harness::fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/media/{film}");
    let title = "x".repeat(201);
    let three = json!({ "title": title, "visibility": "everyone", "tags": "a, b" });
    let told = faults(Method::PATCH, &path, three).await;
    assert_eq!(told, ["tags: a list", "title: at most 200 characters", "visibility: public or unlisted or private"]);
    let rules = json!({ "title": title, "category": "no-such", "tags": ["a b"] });
    let told = faults(Method::PATCH, &path, rules).await;
    let fields: Vec<&str> = told.iter().map(|t| t.split(':').next().unwrap()).collect();
    assert_eq!(fields, ["title", "tags", "category"], "those that the schema does not know too");
}
