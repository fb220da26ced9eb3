//! What keeps pages of other sites out: cookies, fetch metadata, exact origins, headers, TLS.

use harness::{Client, Pair, Stack, client::PASSWORD, client::problem, fixtures};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::{collections::BTreeMap, process::Command};

harness::on_both!(
    cookies_carry_the_session,
    cross_site_requests_are_refused,
    cors_allows_exact_origins,
    security_headers_on_every_answer,
    https_is_served,
);

fn cookies(response: &Response) -> BTreeMap<String, String> {
    let lines = response.headers().get_all("set-cookie").into_iter().map(|v| v.to_str().unwrap().to_owned());
    lines.map(|l| (l.split('=').next().unwrap().to_owned(), l)).collect()
}

fn pair_of(line: &str) -> &str {
    line.split(';').next().unwrap()
}

async fn by_cookie(client: &Client) -> (String, String) {
    let body = json!({ "login": client.username, "password": PASSWORD, "cookies": true });
    let request = client.http.post(format!("{}/api/v1/auth/login", client.url)).header("sec-fetch-site", "same-origin");
    let answer = request.json(&body).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    let set = cookies(&answer);
    let body: Value = answer.json().await.unwrap();
    assert!(body.get("access_token").is_none() && body.get("refresh_token").is_none(), "no script sees them: {body}");
    for (name, strictness) in [("__Host-sluice_access", "SameSite=Lax"), ("__Host-sluice_refresh", "SameSite=Strict")] {
        let line = &set[name];
        for attribute in ["HttpOnly", "Secure", "Path=/", strictness, "Max-Age="] {
            assert!(line.contains(attribute), "{line}");
        }
        assert!(!line.contains("Domain"), "{line}");
    }
    (pair_of(&set["__Host-sluice_access"]).to_owned(), pair_of(&set["__Host-sluice_refresh"]).to_owned())
}

fn request(
    client: &Client,
    method: Method,
    path: &str,
    cookie: &str,
    headers: &[(&str, &str)],
) -> reqwest::RequestBuilder {
    let request = client.http.request(method, format!("{}{path}", client.url)).header("cookie", cookie);
    headers.iter().fold(request, |r, (n, v)| r.header(*n, *v))
}

const OWN: &[(&str, &str)] = &[("sec-fetch-site", "same-origin")];

async fn cookies_carry_the_session(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let (access, refresh) = by_cookie(&client).await;
    let me = request(&client, Method::GET, "/api/v1/me", &format!("other=1; {access}"), &[]).send().await.unwrap();
    assert_eq!(me.json::<Value>().await.unwrap()["username"], client.username.as_str());
    let media =
        client.upload_with(&fixtures::silent(), &[("visibility", "private")]).await.json::<Value>().await.unwrap();
    let path = format!("/raw/{}", media["id"].as_str().unwrap());
    assert_eq!(
        request(&client, Method::GET, &path, &access, &[]).send().await.unwrap().status(),
        200,
        "a <video> plays"
    );
    assert_eq!(client.http.get(format!("{}{path}", client.url)).send().await.unwrap().status(), 404);
    let renew =
        request(&client, Method::POST, "/api/v1/auth/refresh", &refresh, OWN).json(&json!({})).send().await.unwrap();
    assert_eq!(renew.status(), 200);
    let renewed = cookies(&renew);
    assert_ne!(pair_of(&renewed["__Host-sluice_refresh"]), refresh);
    // A stale cookie is nobody: browsers send it unasked.
    let public = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let stale = "__Host-sluice_access=a.b.c";
    let seen = request(&client, Method::GET, &format!("/api/v1/media/{public}"), stale, &[]).send().await.unwrap();
    assert_eq!(seen.status(), 200);
    let out = request(&client, Method::POST, "/api/v1/auth/logout", &access, OWN).send().await.unwrap();
    assert_eq!(out.status(), 204);
    assert!(cookies(&out).values().all(|l| l.contains("Max-Age=0")));
    assert_eq!(request(&client, Method::GET, "/api/v1/me", &access, &[]).send().await.unwrap().status(), 401);
}

async fn cross_site_requests_are_refused(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_ALLOWED_ORIGINS", "https://app.example.org")]).await;
    let client = stack.creator().await;
    let (access, refresh) = by_cookie(&client).await;
    let own = stack.url.clone();
    let foreign: &[&[(&str, &str)]] = &[
        &[],
        &[("sec-fetch-site", "cross-site"), ("origin", "https://evil.example")],
        &[("sec-fetch-site", "same-site"), ("origin", "https://evil.example.org")],
        &[("sec-fetch-site", "none")],
        &[("sec-fetch-site", "cross-site"), ("origin", &own)],
        &[("origin", "null")],
        &[("origin", "https://app.example.org.evil.net")],
        &[("origin", "http://app.example.org")],
    ];
    let changes = [
        (Method::POST, "/api/v1/auth/logout-everywhere", json!({})),
        (Method::PUT, "/api/v1/me/password", json!({ "current_password": PASSWORD, "new_password": "taken over now" })),
        (Method::POST, "/api/v1/me/delete", json!({ "password": PASSWORD, "media": "delete" })),
        (Method::POST, "/api/v1/me/api-tokens", json!({ "name": "x", "scopes": ["admin"] })),
    ];
    for headers in foreign {
        for (method, path, body) in &changes {
            let answer = request(&client, method.clone(), path, &access, headers).json(body).send().await.unwrap();
            assert_eq!(problem(answer).await, (403, "cross_site".into()), "{path} {headers:?}");
        }
        let renew = request(&client, Method::POST, "/api/v1/auth/refresh", &refresh, headers).json(&json!({}));
        assert_eq!(problem(renew.send().await.unwrap()).await, (403, "cross_site".into()), "{headers:?}");
        // Logging somebody in as somebody else is forgery too.
        let body = json!({ "login": client.username, "password": PASSWORD, "cookies": true });
        let login = request(&client, Method::POST, "/api/v1/auth/login", "", headers).json(&body).send().await.unwrap();
        assert_eq!(problem(login).await, (403, "cross_site".into()), "{headers:?}");
    }
    // A form of a foreign page can send text, but not JSON.
    let form =
        request(&client, Method::POST, "/api/v1/me/api-tokens", &access, OWN).header("content-type", "text/plain");
    assert_eq!(problem(form.body("{\"name\":\"x\"}").send().await.unwrap()).await, (415, "not_json".into()));
    for fine in [
        &[("origin", own.as_str())][..],
        &[("sec-fetch-site", "same-site"), ("origin", "https://app.example.org")],
        OWN,
    ] {
        let made = request(&client, Method::POST, "/api/v1/me/api-tokens", &access, fine);
        let made = made.json(&json!({ "name": "x", "scopes": ["read"] })).send().await.unwrap();
        assert_eq!(made.status(), 201, "{fine:?}");
    }
    assert_eq!(client.get("/api/v1/me").await.status(), 200, "nothing of all this has worked");
}

async fn cors_allows_exact_origins(pair: Pair) {
    let app = "https://app.example.org";
    let stack =
        Stack::start_with(pair, &[("SLUICE_ALLOWED_ORIGINS", "https://app.example.org,http://localhost:3000")]).await;
    let client = stack.creator().await;
    let from = |method: Method, path: &str, origin: &str| {
        let request = client.request(method, path).header("origin", origin);
        request
            .header("access-control-request-method", "POST")
            .header("access-control-request-headers", "content-type")
            .send()
    };
    for origin in [app, "http://localhost:3000"] {
        for method in [Method::GET, Method::OPTIONS] {
            let answer = from(method, "/api/v1/me", origin).await.unwrap();
            assert_eq!(answer.headers()["access-control-allow-origin"], origin);
            assert_eq!(answer.headers()["access-control-allow-credentials"], "true");
            assert!(answer.headers()["vary"].to_str().unwrap().to_lowercase().contains("origin"));
        }
    }
    for foreign in [
        "null",
        "https://app.example.org.evil.net",
        "https://evilapp.example.org",
        "https://example.org",
        "http://app.example.org",
        "https://app.example.org:8443",
        "http://localhost",
    ] {
        for method in [Method::GET, Method::OPTIONS] {
            let answer = from(method, "/api/v1/me", foreign).await.unwrap();
            assert!(!answer.headers().contains_key("access-control-allow-origin"), "{foreign}");
        }
    }
    let id = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let raw = format!("/raw/{id}");
    let played = from(Method::GET, &raw, "https://anywhere.example").await.unwrap();
    assert_eq!(played.headers()["access-control-allow-origin"], "https://anywhere.example", "players live anywhere");
    assert!(!played.headers().contains_key("access-control-allow-credentials"), "but without cookies");
    for method in [Method::GET, Method::OPTIONS] {
        let own = from(method, &raw, app).await.unwrap();
        assert_eq!(own.headers()["access-control-allow-origin"], app);
        assert_eq!(own.headers()["access-control-allow-credentials"], "true", "a private film plays in an allowed app");
        let vary: Vec<_> = own.headers().get_all("vary").iter().map(|v| v.to_str().unwrap()).collect();
        assert!(vary.join(",").contains("origin"), "{vary:?}");
    }
    let plain = Stack::start(pair).await;
    let anywhere = client.http.get(format!("{}{raw}", plain.url)).header("origin", app).send().await.unwrap();
    assert_eq!(anywhere.headers()["access-control-allow-origin"], "*", "where nobody is allowed more than others");
}

async fn security_headers_on_every_answer(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_PUBLIC_URL", "https://video.example.org")]).await;
    let client = stack.creator().await;
    let id = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let (raw, playlist) = (format!("/raw/{id}"), format!("/hls/{id}/index.m3u8"));
    let answers = [
        (200, client.get("/health").await),
        (200, client.get("/api/v1/me").await),
        (401, client.with_token("x").get("/api/v1/me").await),
        (404, client.get("/nowhere").await),
        (405, client.request(Method::PUT, "/health").send().await.unwrap()),
        (400, client.get("/api/v1/media/not-an-id").await),
        (415, client.request(Method::POST, "/api/v1/media").body("x").send().await.unwrap()),
        (200, client.get(&raw).await),
        (206, client.request(Method::GET, &raw).header("range", "bytes=0-9").send().await.unwrap()),
        (404, client.get(&playlist).await),
        (404, client.get("/p/x/hls/y/index.m3u8").await),
    ];
    for (status, answer) in answers {
        let place = answer.url().path().to_owned();
        let headers = answer.headers();
        assert_eq!(answer.status(), status, "{place}");
        let header = |name: &str| headers.get(name).unwrap_or_else(|| panic!("{place}: no {name}")).to_str().unwrap();
        assert_eq!(header("x-content-type-options"), "nosniff");
        assert_eq!(header("referrer-policy"), "no-referrer");
        assert_eq!(header("x-frame-options"), "DENY");
        assert_eq!(header("cross-origin-opener-policy"), "same-origin");
        assert!(header("content-security-policy").contains("default-src 'none'"), "{place}");
        assert!(header("strict-transport-security").starts_with("max-age="), "{place}");
        assert!(!header("x-request-id").is_empty());
        let playback = ["/raw", "/hls", "/p/"].iter().any(|p| place.starts_with(p));
        assert_eq!(header("cross-origin-resource-policy"), if playback { "cross-origin" } else { "same-origin" });
        if place.starts_with("/api") {
            assert_eq!(header("cache-control"), "no-store", "{place}");
        }
        assert!(!headers.contains_key("server"));
    }
    let plain = Stack::start(pair).await;
    let answer = harness::client::http().get(format!("{}/health", plain.url)).send().await.unwrap();
    assert!(!answer.headers().contains_key("strict-transport-security"), "not without TLS");
    let metrics = harness::client::http().get(format!("{}/metrics", plain.url)).send().await.unwrap();
    assert_eq!(problem(metrics).await.0, 404);
}

/// A certificate of its own, as an operator would configure one.
async fn https_is_served(pair: Pair) {
    let folder = tempfile::tempdir().unwrap();
    let (cert, key) = (folder.path().join("cert.pem"), folder.path().join("key.pem"));
    let (cert, key) = (cert.to_str().unwrap(), key.to_str().unwrap());
    let made = Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-keyout", key, "-out", cert])
        .output()
        .unwrap();
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let stack = Stack::start_with(pair, &[("SLUICE_TLS_CERT", cert), ("SLUICE_TLS_KEY", key)]).await;
    assert!(stack.url.starts_with("https://127.0.0.1:"));
    let port = stack.url.rsplit(':').next().unwrap();
    let curl = |arguments: &[&str]| {
        let url = format!("https://localhost:{port}/health");
        let output = Command::new("curl").args(["-si", "--cacert", cert]).args(arguments).arg(url).output().unwrap();
        String::from_utf8_lossy(&output.stdout).to_lowercase()
    };
    for version in ["--http1.1", "--http2"] {
        let answer = curl(&[version]);
        assert!(answer.contains(" 200") && answer.contains("strict-transport-security"), "{answer}");
    }
    assert_eq!(curl(&["--tls-max", "1.1"]), "", "old protocols are refused");
    let plain = harness::client::http().get(format!("http://127.0.0.1:{port}/health")).send().await;
    assert!(plain.is_err(), "no plain HTTP on this port");
    let (started, said) = stack.command(&["--help"], "");
    assert!(started && said.contains("SLUICE_TLS_CERT"));
}
