//! Rate limits: said in headers, kept over instances, and no way to guess passwords.

use harness::{Client, Pair, Stack, client::PASSWORD, client::problem, fixtures};
use reqwest::{Method, Response, multipart};
use serde_json::json;
use std::time::Instant;

harness::on_both!(
    address_limit_spans_instances,
    account_limit_spans_addresses,
    uploads_are_limited,
    comments_are_limited,
);

async fn login(url: &str, login: &str, password: &str, from: &str) -> Response {
    let body = json!({ "login": login, "password": password });
    let request = harness::client::http().post(format!("{url}/api/v1/auth/login")).header("x-forwarded-for", from);
    request.json(&body).send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).unwrap_or_else(|| panic!("no {name}")).to_str().unwrap()
}

async fn address_limit_spans_instances(pair: Pair) {
    let settings = [("SLUICE_LIMITS", "login=6/600"), ("SLUICE_TRUSTED_PROXIES", "127.0.0.0/8")];
    let stack = Stack::start_with(pair, &settings).await;
    let (_other, url) = stack.another_api();
    let urls = [&stack.url, &url];
    let began = Instant::now();
    for i in 0..6 {
        let answer = login(urls[i % 2], "nobody-at-all", "wrong password", "192.0.2.1").await;
        assert_eq!(answer.status(), 401);
        assert_eq!(header(&answer, "ratelimit-policy"), "\"login\";q=6;w=600");
        let left = format!("\"login\";r={};t=", 5 - i);
        assert!(header(&answer, "ratelimit").starts_with(&left), "{:?}", answer.headers());
    }
    for url in urls {
        let refused = login(url, "nobody-at-all", "wrong password", "192.0.2.1").await;
        let wait: u64 = header(&refused, "retry-after").parse().unwrap();
        let most = 100_u64.saturating_sub(began.elapsed().as_secs() + 1);
        assert!((most..=100).contains(&wait), "one comes back after 100 s, not {wait}");
        assert!(header(&refused, "ratelimit").starts_with("\"login\";r=0;t="));
        assert_eq!(problem(refused).await, (429, "rate_limited".into()));
    }
    // Neither another address nor what a client writes before the proxy's word changes the count.
    assert_eq!(login(&url, "nobody-at-all", "wrong password", "192.0.2.2").await.status(), 401);
    assert_eq!(login(&url, "nobody-at-all", "wrong password", "6.6.6.6, 192.0.2.1").await.status(), 429);
    // One IPv6 subscriber has a whole network.
    for i in 0..6 {
        assert_eq!(login(&url, "nobody-at-all", "wrong password", &format!("2001:db8::{i}")).await.status(), 401);
    }
    assert_eq!(login(&url, "nobody-at-all", "wrong password", "2001:db8::ffff:1").await.status(), 429);
}

async fn account_limit_spans_addresses(pair: Pair) {
    let settings = [("SLUICE_LIMITS", "login_account=4/600"), ("SLUICE_TRUSTED_PROXIES", "127.0.0.0/8")];
    let stack = Stack::start_with(pair, &settings).await;
    let client = stack.creator().await;
    // What goes well is not counted.
    for i in 0..6 {
        assert_eq!(login(&stack.url, &client.username, PASSWORD, &format!("192.0.2.{i}")).await.status(), 200);
    }
    let mail = format!("{}@example.org", client.username);
    let letter = stack.mail(&mail, "Confirm").await;
    let code = letter[letter.find("slm_").unwrap()..].split_whitespace().next().unwrap().to_owned();
    client.json(Method::POST, "/api/v1/auth/verify-email", &json!({ "token": code }), 204).await;
    assert_eq!(login(&stack.url, &mail, PASSWORD, "192.0.2.7").await.status(), 200);
    // All at once, and whatever the case, are no way around.
    let tries: Vec<_> = (0..20)
        .map(|i| {
            let (url, name) = (stack.url.clone(), client.username.clone());
            let name = if i % 2 == 0 { name } else { name.to_uppercase() };
            tokio::spawn(
                async move { login(&url, &name, "a wrong password", &format!("198.51.100.{i}")).await.status() },
            )
        })
        .collect();
    let mut answers = Vec::new();
    for t in tries {
        answers.push(t.await.unwrap().as_u16());
    }
    assert_eq!(answers.iter().filter(|s| **s == 401).count(), 4, "{answers:?}");
    assert_eq!(answers.iter().filter(|s| **s == 429).count(), 16, "{answers:?}");
    assert_eq!(login(&stack.url, &client.username, PASSWORD, "203.0.113.1").await.status(), 429);
    // By the address it is the same account, but that is not told: no guess is right any more.
    assert_eq!(login(&stack.url, &mail, PASSWORD, "203.0.113.1").await.status(), 401);
    assert_eq!(client.get("/api/v1/me").await.status(), 200, "who is logged in stays so");
    // Somebody unknown is limited alike: the answer tells nothing.
    for expected in [401, 401, 401, 401, 429] {
        assert_eq!(login(&stack.url, "nobody-at-all", PASSWORD, "203.0.113.2").await.status(), expected);
    }
}

async fn uploads_are_limited(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_LIMITS", "upload_account=2/3600")]).await;
    let (client, other) = (stack.creator().await, stack.creator().await);
    for expected in [201, 201, 429] {
        assert_eq!(client.try_upload(&fixtures::silent()).await.status(), expected);
    }
    assert_eq!(other.try_upload(&fixtures::silent()).await.status(), 201);
    // The refusal arrives although the client is still sending.
    let part = multipart::Part::bytes(vec![0; 8 << 20]).file_name("film.mp4");
    let form = multipart::Form::new().part("file", part);
    let refused = client.request(Method::POST, "/api/v1/media").multipart(form).send().await;
    assert_eq!(problem(refused.expect("the answer is lost")).await, (429, "rate_limited".into()));
    let unlimited = Stack::start_with(pair, &[("SLUICE_LIMITS", "register=0/1")]).await;
    for _ in 0..30 {
        Client::register(&unlimited.url).await;
    }
}

async fn comments_are_limited(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_LIMITS", "comment=3/600")]).await;
    let client = stack.creator().await;
    let media = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/media/{media}/comments");
    let mut last = String::new();
    for _ in 0..2 {
        let made = client.json(Method::POST, &path, &json!({ "body": "x" }), 201).await;
        last = format!("/api/v1/comments/{}", made["id"].as_str().unwrap());
    }
    // A change counts as well.
    client.json(Method::PATCH, &last, &json!({ "body": "y" }), 200).await;
    for (method, path) in [(Method::POST, &path), (Method::PATCH, &last)] {
        let refused = client.send(method, path, &json!({ "body": "z" })).await;
        assert_eq!(problem(refused).await, (429, "rate_limited".into()));
    }
    client.json(Method::DELETE, &last, &serde_json::Value::Null, 204).await;
}
