//! Media from the web: what may be asked for, what is made of broken servers, and what must not be reached.

use harness::{
    Pair,
    client::problem,
    fixtures,
    origin::{IMPORT, Origin},
    tus::stored,
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(
    broken_servers_still_deliver,
    forbidden_addresses_and_answers_are_refused,
    retry_needs_quota,
    killed_worker_resumes_import
);

async fn broken_servers_still_deliver(pair: Pair) {
    let day = harness::today();
    let origin = Origin::start(pair, &[]).await;
    let client = origin.stack.creator().await;
    for path in ["/film.mp4?signature=canary-of-a-signed-url", "/cut.mp4", "/changed.mp4", "/endless.mp4", "/leads-on"]
    {
        let media = origin.import(&client, path).await;
        let ready = client.wait_for(&media, &["ready"]).await;
        assert!(stored(&client, &media).await == origin.film, "{path}: other bytes");
        if path.starts_with("/film") {
            assert_eq!(ready["title"], "film");
            assert!(!ready.to_string().contains("canary"));
        }
    }
    let asked = origin.server.log();
    assert!(asked.contains("/cut.mp4 bytes=9437184-"), "it went on where it was cut: {asked}");
    assert!(!origin.stack.logs().contains("canary-of-a-signed-url"), "addresses may hold secrets");
    let usage = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!((&usage["uploads"], &usage["media"]), (&json!(0), &json!(5)));
    assert_eq!(origin.stack.daily_bytes(), origin.film.len() as i64 * 5 + 12_020_000);
    if harness::today() == day {
        assert_eq!(usage["day_bytes"], origin.stack.daily_bytes());
    }
}

async fn forbidden_addresses_and_answers_are_refused(pair: Pair) {
    let origin = Origin::start(pair, &[("SLUICE_QUOTAS", "creator.stored=1000000,creator.uploads=30")]).await;
    let client = origin.stack.creator().await;
    let before = origin.server.log();
    for bad in [
        "http://127.0.0.2/film.mp4",
        "https://169.254.169.254/latest/meta-data/",
        "https://127.0.0.1/film.mp4",
        "https://2130706433/film.mp4",
        "https://0177.0.0.1/film.mp4",
        "https://0x7f000001/film.mp4",
        "https://127.1/film.mp4",
        "https://[::1]/film.mp4",
        "https://[::ffff:127.0.0.1]/film.mp4",
        "https://[::ffff:a9fe:a9fe]/film.mp4",
        "https://10.0.0.1/film.mp4",
        "https://name:password@example.org/film.mp4",
        "file:///etc/passwd",
        "ftp://example.org/film.mp4",
        "not an address",
        "",
    ] {
        let answer = client.send(Method::POST, IMPORT, &json!({ "url": bad })).await;
        assert_eq!(problem(answer).await, (422, "invalid".into()), "{bad}");
    }
    assert_eq!(origin.server.log(), before, "nobody was asked");
    for (path, code) in [
        ("/to-loopback", "import_refused"),
        ("/to-plain", "import_refused"),
        ("/to-metadata", "import_refused"),
        ("/to-file", "import_refused"),
        ("/loop", "import_refused"),
        ("/missing.mp4", "import_refused_by_server"),
        ("/page.mp4", "unsupported_type"),
        ("/huge.mp4", "too_large"),
        ("/nothing.mp4", "empty_file"),
        ("/film.mp4", "quota_exceeded"),
        ("/endless.mp4", "quota_exceeded"),
        ("/grows.mp4", "quota_exceeded"),
        ("/broken.mp4", "import_unreachable"),
    ] {
        let media = origin.import(&client, path).await;
        let failed = client.wait_for(&media, &["failed", "ready"]).await;
        assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("failed"), &json!(code)), "{path}: {failed}");
    }
    // A name that lies in this machine.
    let body = json!({ "url": "https://localhost/film.mp4" });
    let media = client.json(Method::POST, IMPORT, &body, 202).await;
    let failed = client.wait_for(media["id"].as_str().unwrap(), &["failed", "ready"]).await;
    assert_eq!(failed["error"]["code"], "import_refused");
    let asked = origin.server.log();
    assert_eq!(asked.matches("/loop -").count(), 6, "five redirects are followed: {asked}");
    let usage = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!((&usage["uploads"], &usage["stored_bytes"]), (&json!(0), &json!(0)), "what failed takes no room");
}

/// What failed gave its place up: set to work again, it must have one.
async fn retry_needs_quota(pair: Pair) {
    let origin = Origin::start(pair, &[("SLUICE_QUOTAS", "creator.media=1")]).await;
    let client = origin.stack.creator().await;
    let retry =
        async |media: &str| client.send(Method::POST, &format!("/api/v1/media/{media}/retry"), &Value::Null).await;
    let mut failed = Vec::new();
    for _ in 0..2 {
        let media = origin.import(&client, "/missing.mp4").await;
        client.wait_for(&media, &["failed"]).await;
        failed.push(media);
    }
    assert_eq!(retry(&failed[0]).await.status(), 200);
    client.wait_for(&failed[0], &["failed"]).await;
    let film = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    assert_eq!(problem(retry(&failed[1]).await).await, (403, "quota_exceeded".into()));
    client.json(Method::DELETE, &format!("/api/v1/media/{film}"), &Value::Null, 204).await;
    assert_eq!(retry(&failed[1]).await.status(), 200);
}

async fn killed_worker_resumes_import(pair: Pair) {
    let mut origin = Origin::start(pair, &[]).await;
    let client = origin.stack.creator().await;
    let media = origin.import(&client, "/film.mp4").await;
    harness::eventually("some of it is here", std::time::Duration::from_secs(30), || async {
        let progress = client.json(Method::GET, &format!("/api/v1/media/{media}/status"), &Value::Null, 200).await;
        (progress["received_bytes"].as_i64() > Some(0)).then_some(())
    })
    .await;
    origin.stack.workers[0].kill();
    origin.stack.add_worker();
    client.wait_for(&media, &["ready"]).await;
    assert!(stored(&client, &media).await == origin.film);
}
