//! Films that are sent in pieces by somebody who goes on after every failure.

use harness::{
    Client, fixtures, proof,
    tus::{CHUNK, location, media_of, number, tus},
};
use reqwest::Method;
use serde_json::json;
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Bytes of one request.
const PIECE: usize = 256 * 1024;
/// Real films that are sent in the proof.
const REAL: usize = 20;

/// A film that the service has to its last byte.
#[derive(Debug)]
pub struct Sent {
    pub name: String,
    pub media: String,
    pub bytes: Vec<u8>,
}

/// A film that is watched.
#[derive(Debug)]
pub struct Watched {
    pub sent: Sent,
    pub media: String,
    /// Of its multivariant playlist.
    pub url: String,
}

/// What is sent: in the proof real clips, the smallest that there are, otherwise made ones.
pub fn films() -> Vec<PathBuf> {
    let folder = std::env::var("SLUICE_TEST_MEDIA").unwrap_or_default();
    let films = |path: &Path| {
        path.extension().is_some_and(|e| ["mp4", "mov", "mkv", "webm", "ts", "avi"].iter().any(|x| e == *x))
    };
    let mut real: Vec<(u64, PathBuf)> = std::fs::read_dir(Path::new(&folder))
        .into_iter()
        .flatten()
        .flatten()
        .filter(|e| films(&e.path()))
        .map(|e| (e.metadata().unwrap().len(), e.path()))
        .collect();
    real.sort();
    let made = vec![fixtures::foreign(6), fixtures::compliant(6), fixtures::flash(false)];
    let real: Vec<PathBuf> = real.into_iter().take(REAL).map(|f| f.1).collect();
    if real.len() == REAL { proof(made, real) } else { made }
}

/// Sends a film to its last byte, whatever happens.
pub async fn send(client: Client, film: PathBuf) -> Sent {
    let bytes = std::fs::read(&film).unwrap();
    let name = film.file_name().unwrap().to_string_lossy().into_owned();
    let (upload, media) = loop {
        let begin = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", bytes.len());
        match begin.send().await {
            Ok(answer) if answer.status() == 201 => break (location(&client, &answer), media_of(&answer)),
            _ => again().await,
        }
    };
    loop {
        let Ok(head) = tus(&client, Method::HEAD, &upload).send().await else {
            again().await;
            continue;
        };
        assert!(head.status() != 404 && head.status() != 410, "{name}: the upload is gone: {head:?}");
        if head.status() != 200 {
            again().await;
            continue;
        }
        let at = number(&head, "upload-offset") as usize;
        if at == bytes.len() {
            return Sent { name, media, bytes };
        }
        let piece = bytes[at..bytes.len().min(at + PIECE)].to_vec();
        let request = tus(&client, Method::PATCH, &upload).header("upload-offset", at).header("content-type", CHUNK);
        match request.body(piece).send().await {
            Ok(answer) if answer.status() == 204 => {}
            _ => again().await,
        }
    }
}

async fn again() {
    tokio::time::sleep(Duration::from_millis(300)).await;
}

/// A long film of little work that everybody may watch, ready.
pub async fn watched(owner: &Client, seconds: u32) -> Watched {
    let picture = format!("testsrc2=s=320x180:r=10:d={seconds}");
    let sound = format!("sine=300:d={seconds}");
    let arguments = [
        "-f",
        "lavfi",
        "-i",
        &picture,
        "-f",
        "lavfi",
        "-i",
        &sound,
        "-c:v",
        "libx264",
        "-preset",
        "ultrafast",
        "-c:a",
        "aac",
    ];
    let film = fixtures::made(&format!("watched-{seconds}.mp4"), &arguments);
    let sent = send(owner.clone(), film).await;
    let path = format!("/api/v1/media/{}", sent.media);
    owner.json(Method::PATCH, &path, &json!({ "visibility": "public" }), 200).await;
    let ready = owner.wait_for(&sent.media, &["ready"]).await;
    let url = ready["playback"]["hls_url"].as_str().unwrap().to_owned();
    Watched { media: sent.media.clone(), sent, url }
}
