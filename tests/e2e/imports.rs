//! Films from the web: what may be asked for, what is made of broken servers, and what must not be reached.

use harness::{Client, Pair, Stack, client::problem, fixtures, process::Process};
use reqwest::Method;
use serde_json::{Value, json};
use std::{path::Path, process::Command};

crate::on_both!(from_the_web, addresses_that_are_refused, another_try_has_no_more_room, a_worker_dies_while_it_fetches);

const IMPORT: &str = "/api/v1/media/import";

/// A web server on 127.0.0.2, and the service that may reach it but nothing else of this machine.
pub(crate) struct World {
    pub stack: Stack,
    pub origin: Process,
    pub base: String,
    film: Vec<u8>,
    _folder: tempfile::TempDir,
}

impl World {
    pub async fn new(pair: Pair, more: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
        let (cert, key, film) = (file("cert.pem"), file("key.pem"), file("film.mp4"));
        let made = Command::new("openssl")
            .args(["req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=origin"])
            .args([
                "-addext",
                "subjectAltName=IP:127.0.0.2,IP:127.0.0.1",
                "-addext",
                "basicConstraints=critical,CA:FALSE",
            ])
            .args(["-keyout", &key, "-out", &cert])
            .output()
            .unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        // Large enough to be cut: an MP4 may end in a free box.
        let mut data = std::fs::read(fixtures::silent()).unwrap();
        let free = 24_u32 << 20;
        data.extend(free.to_be_bytes());
        data.extend(b"free");
        data.resize(data.len() + free as usize - 8, 7);
        std::fs::write(&film, &data).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("e2e/origin.py");
        let arguments = [script.to_str().unwrap(), &cert, &key, &film];
        let mut origin = Process::program(Path::new("python3"), &arguments, &[], &folder.path().join("origin.log"));
        let port = origin.line_after("");
        let mut settings = vec![("SLUICE_OUTBOUND_NETWORKS", "127.0.0.2/32"), ("SLUICE_OUTBOUND_CA", cert.as_str())];
        settings.extend(more);
        let mut stack = Stack::start_with(pair, &settings).await;
        stack.add_worker();
        Self { stack, origin, base: format!("https://127.0.0.2:{port}"), film: data, _folder: folder }
    }

    async fn import(&self, client: &Client, path: &str) -> String {
        let body = json!({ "url": format!("{}{path}", self.base), "visibility": "private" });
        let media = client.json(Method::POST, IMPORT, &body, 202).await;
        assert_eq!(media["status"], "uploading");
        media["id"].as_str().unwrap().to_owned()
    }
}

async fn stored(client: &Client, media: &str) -> Vec<u8> {
    client.get(&format!("/raw/{media}")).await.bytes().await.unwrap().to_vec()
}

async fn from_the_web(pair: Pair) {
    let world = World::new(pair, &[]).await;
    let client = world.stack.creator().await;
    for path in ["/film.mp4?signature=canary-of-a-signed-url", "/cut.mp4", "/changed.mp4", "/endless.mp4", "/leads-on"]
    {
        let media = world.import(&client, path).await;
        let ready = client.wait_for(&media, &["ready"]).await;
        assert!(stored(&client, &media).await == world.film, "{path}: other bytes");
        if path.starts_with("/film") {
            assert_eq!(ready["title"], "film");
            assert!(!ready.to_string().contains("canary"));
        }
    }
    let asked = world.origin.log();
    assert!(asked.contains("/cut.mp4 bytes=9437184-"), "it went on where it was cut: {asked}");
    assert!(!world.stack.logs().contains("canary-of-a-signed-url"), "addresses may hold secrets");
    let usage = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!((&usage["uploads"], &usage["media"]), (&json!(0), &json!(5)));
    assert_eq!(usage["day_bytes"], json!(world.film.len() * 5 + 12_020_000));
}

async fn addresses_that_are_refused(pair: Pair) {
    let world = World::new(pair, &[("SLUICE_QUOTAS", "creator.stored=1000000,creator.uploads=30")]).await;
    let client = world.stack.creator().await;
    let before = world.origin.log();
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
    assert_eq!(world.origin.log(), before, "nobody was asked");
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
        let media = world.import(&client, path).await;
        let failed = client.wait_for(&media, &["failed", "ready"]).await;
        assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("failed"), &json!(code)), "{path}: {failed}");
    }
    // A name that lies in this machine.
    let body = json!({ "url": "https://localhost/film.mp4" });
    let media = client.json(Method::POST, IMPORT, &body, 202).await;
    let failed = client.wait_for(media["id"].as_str().unwrap(), &["failed", "ready"]).await;
    assert_eq!(failed["error"]["code"], "import_refused");
    let asked = world.origin.log();
    assert_eq!(asked.matches("/loop -").count(), 6, "five redirects are followed: {asked}");
    let usage = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!((&usage["uploads"], &usage["stored_bytes"]), (&json!(0), &json!(0)), "what failed takes no room");
}

/// What failed gave its place up: set to work again, it must have one.
async fn another_try_has_no_more_room(pair: Pair) {
    let world = World::new(pair, &[("SLUICE_QUOTAS", "creator.media=1")]).await;
    let client = world.stack.creator().await;
    let retry =
        async |media: &str| client.send(Method::POST, &format!("/api/v1/media/{media}/retry"), &Value::Null).await;
    let mut failed = Vec::new();
    for _ in 0..2 {
        let media = world.import(&client, "/missing.mp4").await;
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

async fn a_worker_dies_while_it_fetches(pair: Pair) {
    let mut world = World::new(pair, &[]).await;
    let client = world.stack.creator().await;
    let media = world.import(&client, "/film.mp4").await;
    harness::eventually("some of it is here", std::time::Duration::from_secs(30), || async {
        let progress = client.json(Method::GET, &format!("/api/v1/media/{media}/status"), &Value::Null, 200).await;
        (progress["received_bytes"].as_i64() > Some(0)).then_some(())
    })
    .await;
    world.stack.workers[0].kill();
    world.stack.add_worker();
    client.wait_for(&media, &["ready"]).await;
    assert!(stored(&client, &media).await == world.film);
}
