//! A secret planted in every channel appears in no log, no answer and no file but where it belongs.

use harness::{Pair, Stack, fixtures};
use reqwest::{Method, multipart};
use serde_json::{Value, json};

harness::on_both!(planted_secrets_stay_hidden);

async fn planted_secrets_stay_hidden(pair: Pair) {
    let secret = |n: &str| format!("canary{n}{}", uuid::Uuid::new_v4().simple());
    let (smtp, signing, previous, admin) = (secret("smtp"), secret("signing"), secret("previous"), secret("admin"));
    let settings = [
        ("SLUICE_LOG", "trace,hyper=debug,h2=debug,mio=info,sqlx=debug"),
        ("SLUICE_SMTP_URL", &format!("smtp://user:{smtp}@127.0.0.1:1")),
        ("SLUICE_SECRET", &signing),
        ("SLUICE_SECRET_PREVIOUS", &previous),
        ("SLUICE_ADMIN_USERNAME", "root1"),
        ("SLUICE_ADMIN_EMAIL", "root@example.org"),
        ("SLUICE_ADMIN_PASSWORD", &admin),
    ];
    let mut stack = Stack::start_with(pair, &settings).await;
    stack.add_worker();
    let client = stack.creator().await;
    let mut planted = vec![smtp, signing, previous, admin];
    planted.extend([client.token.clone(), client.refresh_token.clone(), client.api_token(&["read"]).await]);
    let mut answers = Vec::new();
    let mut keep = |secret: &str| planted.push(secret.to_owned());
    let words: Vec<String> = (0..16).map(|i| secret(&format!("w{i}"))).collect();
    words.iter().for_each(|w| keep(w));
    let post = |path: &str, body: Value| client.http.post(format!("{}{path}", client.url)).json(&body);
    let upload = |form: multipart::Form| client.request(Method::POST, "/api/v1/media").multipart(form);
    let film = || multipart::Part::bytes(std::fs::read(fixtures::silent()).unwrap()).file_name("a.mp4");
    let requests = [
        post("/api/v1/auth/register", json!({ "username": "a b", "email": "x", "password": words[0] })),
        post("/api/v1/auth/register", json!({ "username": "canary", "email": "c@example.org", "password": words[1] })),
        post("/api/v1/auth/login", json!({ "login": "canary", "password": words[1] })),
        post("/api/v1/auth/login", json!({ "login": "canary", "password": words[2] })),
        // People type passwords into the wrong field.
        post("/api/v1/auth/login", json!({ "login": words[3], "password": "x" })),
        post("/api/v1/auth/login", json!({ "login": 7, "password": words[4], (words[4].as_str()): true })),
        post("/api/v1/auth/login", json!({ "login": "x", "password": [words[4].as_str()] })),
        post("/api/v1/auth/refresh", json!({ "refresh_token": words[5] })),
        post("/api/v1/auth/reset-password", json!({ "token": words[6], "password": words[7] })),
        post("/api/v1/auth/verify-email", json!({ "token": words[8] })),
        client.http.get(format!("{}/api/v1/me?access_token={}", client.url, words[9])).bearer_auth(&words[10]),
        client.http.get(format!("{}/api/v1/me", client.url)).header("authorization", format!("Basic {}", words[11])),
        client
            .http
            .get(format!("{}/api/v1/me", client.url))
            .header("cookie", format!("__Host-sluice_access={}", words[12])),
        client.http.get(format!("{}/p/{}/hls/{}/index.m3u8", client.url, words[13], uuid::Uuid::nil())),
        client.http.get(format!("{}/{}?q={}", client.url, words[13], words[14])),
        client
            .request(Method::PUT, "/api/v1/me/password")
            .json(&json!({ "current_password": words[14], "new_password": words[15] })),
        upload(multipart::Form::new().text("title", "a film").part("file", film())),
    ];
    for request in requests {
        let answer = request.send().await.unwrap();
        let headers = format!("{:?}", answer.headers());
        answers.push(format!("{headers} {}", answer.text().await.unwrap()));
    }
    let list = client.json(Method::GET, "/api/v1/media", &Value::Null, 200).await;
    let id = list["items"][0]["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    let link = client
        .json(Method::POST, &format!("/api/v1/media/{id}/playback-tokens"), &json!({ "expires_in": 60 }), 201)
        .await;
    let link = link["token"].as_str().unwrap().to_owned();
    let played = client.http.get(format!("{}/p/{link}/hls/{id}/index.m3u8", client.url)).send().await.unwrap();
    assert_eq!(played.status(), 200);
    keep(&link);
    if pair == Pair::Servers {
        keep(&std::env::var("AWS_SECRET_ACCESS_KEY").unwrap());
    }
    stack.api.stop();
    let logs = stack.logs();
    assert!(logs.contains("login_failed") && logs.lines().count() > 100, "the log is there");
    for (place, text) in answers.iter().map(|a| ("an answer", a)).chain([("the log", &logs)]) {
        for word in &planted {
            // An answer that hands out a token is the one place for it.
            let given = place == "an answer" && text.contains("access_token") && text.contains("\"user\"");
            if let Some(at) = text.find(word).filter(|_| !given) {
                let from = text.floor_char_boundary(at.saturating_sub(300));
                panic!("{word} is in {place}: {}", &text[from..text.floor_char_boundary(at + 80)]);
            }
        }
    }
    // Nothing a client writes begins a line of its own.
    for line in stack.api.log().lines().filter(|l| !l.is_empty()) {
        assert!(serde_json::from_str::<Value>(line).is_ok(), "a line that is no JSON: {line}");
    }
}
