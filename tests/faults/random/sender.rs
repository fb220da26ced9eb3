//! People who upload films in pieces, go on after every failure where the service says, and delete some.

use super::ledger::{Ledger, Sent};
use harness::{Client, fixtures, tus};
use rand::{Rng, SeedableRng, rngs::StdRng};
use reqwest::{Method, Response};
use serde_json::Value;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

/// Longest that a service may be away for a person who tries again and again.
const PATIENCE: Duration = Duration::from_secs(90);
/// Longest that one request may take before it is given up and asked again.
const REQUEST: Duration = Duration::from_secs(20);
/// Films of one person that are on their way to ready, so that the queue stays short.
const PENDING: usize = 3;

/// What they upload, each time with other filler at its end.
pub fn films() -> [PathBuf; 3] {
    [fixtures::silent(), fixtures::flash(true), fixtures::compliant(4)]
}

/// Uploads until told to stop; what is under way then is finished first.
pub async fn run(client: Client, person: usize, ledger: Ledger, stop: Arc<AtomicBool>, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let films = films();
    while !stop.load(Ordering::Relaxed) {
        let bytes = Arc::new(fixtures::padded(&films[rng.random_range(0..films.len())], rng.random_range(64..200_000)));
        let Some((upload, media)) = create(&client, bytes.len()).await else { continue };
        let sent = Sent { person, upload, media, bytes, complete: false, deleted: false };
        let number = ledger.created(sent.clone());
        send(&client, &sent, &mut rng).await;
        ledger.completed(number);
        if rng.random_bool(0.25) {
            delete(&client, &sent.media).await;
            ledger.deleted(number);
        }
        while !stop.load(Ordering::Relaxed) && pending(&client).await >= PENDING {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Begins an upload; `None` when it is not known to have begun.
async fn create(client: &Client, length: usize) -> Option<(String, String)> {
    let request = tus::tus(client, Method::POST, "/api/v1/uploads").header("upload-length", length);
    let answer = answered(request.header("upload-metadata", "filename ZmlsbS5tcDQ=,visibility dW5saXN0ZWQ=")).await?;
    if answer.status() == 201 {
        return Some((tus::location(client, &answer), tus::media_of(&answer)));
    }
    assert_temporary(answer).await;
    None
}

/// Sends all bytes in pieces. What was acknowledged stays acknowledged (I1).
async fn send(client: &Client, sent: &Sent, rng: &mut StdRng) {
    let mut acknowledged = 0;
    while acknowledged < sent.bytes.len() {
        let end = sent.bytes.len().min(acknowledged + rng.random_range(20_000..400_000));
        let request = tus::tus(client, Method::PATCH, &sent.upload)
            .header("upload-offset", acknowledged)
            .header("content-type", tus::CHUNK)
            .body(sent.bytes[acknowledged..end].to_vec());
        // A person whose line breaks now and then.
        let cut = rng.random_bool(0.1).then(|| Duration::from_millis(rng.random_range(1..60)));
        let answer = match cut {
            Some(after) => tokio::time::timeout(after, answered(request)).await.unwrap_or(None),
            None => answered(request).await,
        };
        if let Some(answer) = answer {
            if answer.status() == 204 {
                acknowledged = tus::number(&answer, "upload-offset") as usize;
                continue;
            }
            assert!(answer.status() == 409 || answer.status() == 423 || is_temporary(&answer), "{answer:?}");
        }
        let offset = where_it_goes_on(client, &sent.upload).await;
        assert!(offset >= acknowledged, "I1: {offset} of {acknowledged} acknowledged bytes of {}", sent.upload);
        acknowledged = offset;
    }
}

/// The offset by the service, asked until it says one.
async fn where_it_goes_on(client: &Client, upload: &str) -> usize {
    let answer = until_answered(|| tus::tus(client, Method::HEAD, upload), &[200]).await;
    tus::number(&answer, "upload-offset") as usize
}

/// Deletes a media, until that is acknowledged.
async fn delete(client: &Client, media: &str) {
    until_answered(|| client.request(Method::DELETE, &format!("/api/v1/media/{media}")), &[204, 404]).await;
}

/// Films of a person that are neither ready nor failed.
async fn pending(client: &Client) -> usize {
    let Some(answer) = answered(client.request(Method::GET, "/api/v1/media?limit=100")).await else { return PENDING };
    let Ok(list) = answer.json::<Value>().await else { return PENDING };
    let Some(items) = list["items"].as_array() else { return PENDING };
    items.iter().filter(|m| m["status"] != "ready" && m["status"] != "failed").count()
}

/// Asks again until one of these statuses comes; everything else must be a fault that passes.
pub async fn until_answered(request: impl Fn() -> reqwest::RequestBuilder, statuses: &[u16]) -> Response {
    let began = Instant::now();
    loop {
        if let Some(answer) = answered(request()).await {
            if statuses.contains(&answer.status().as_u16()) {
                return answer;
            }
            assert_temporary(answer).await;
        }
        assert!(began.elapsed() < PATIENCE, "no answer for {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// An answer, if there is one in time.
async fn answered(request: reqwest::RequestBuilder) -> Option<Response> {
    request.timeout(REQUEST).send().await.ok()
}

/// Answers that tell a client to come again.
fn is_temporary(answer: &Response) -> bool {
    matches!(answer.status().as_u16(), 423 | 429 | 500 | 502 | 503 | 504 | 507)
}

async fn assert_temporary(answer: Response) {
    let (temporary, status) = (is_temporary(&answer), answer.status());
    assert!(temporary, "{status}: {}", answer.text().await.unwrap_or_default());
}
