//! A web server that misbehaves as told, and a service that may reach it.

use super::{Client, Pair, Stack, fixtures, process::Process};
use reqwest::Method;
use serde_json::json;
use std::{path::Path, process::Command};

/// Where imports are asked for.
pub const IMPORT: &str = "/api/v1/media/import";

/// A web server on 127.0.0.2, and the service that may reach it but nothing else of this machine.
#[derive(Debug)]
pub struct Origin {
    pub stack: Stack,
    pub server: Process,
    pub base: String,
    pub film: Vec<u8>,
    _folder: tempfile::TempDir,
}

impl Origin {
    /// Starts both, the service with further settings.
    pub async fn start(pair: Pair, more: &[(&str, &str)]) -> Self {
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
        let data = fixtures::padded(&fixtures::silent(), 24 << 20);
        std::fs::write(&film, &data).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("harness/origin.py");
        let arguments = [script.to_str().unwrap(), &cert, &key, &film];
        let mut server = Process::program(Path::new("python3"), &arguments, &[], &folder.path().join("origin.log"));
        let port = server.line_after("");
        let mut settings = vec![("SLUICE_OUTBOUND_NETWORKS", "127.0.0.2/32"), ("SLUICE_OUTBOUND_CA", cert.as_str())];
        settings.extend(more);
        let mut stack = Stack::start_with(pair, &settings).await;
        stack.add_worker();
        Self { stack, server, base: format!("https://127.0.0.2:{port}"), film: data, _folder: folder }
    }

    /// Asks for an import; its media.
    pub async fn import(&self, client: &Client, path: &str) -> String {
        let body = json!({ "url": format!("{}{path}", self.base), "visibility": "private" });
        let media = client.json(Method::POST, IMPORT, &body, 202).await;
        // An address that answers at once with nothing may have failed before this answer was made.
        assert!(["uploading", "failed"].iter().any(|s| media["status"] == *s), "{media}");
        media["id"].as_str().unwrap().to_owned()
    }
}
