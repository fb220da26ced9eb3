//! People who upload films in pieces, go on after every failure where the service says, and delete some. Now and then
//! they send what somebody else sent already.

use super::{
    ledger::{Ledger, Sent},
    world::World,
};
use harness::{Client, fixtures, tus};
use rand::{Rng, SeedableRng, rngs::StdRng, seq::IndexedRandom};
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
const PATIENCE: Duration = Duration::from_secs(120);
/// Longest that one request may take before it is given up and asked again.
const REQUEST: Duration = Duration::from_secs(20);
/// Films of one person that are on their way to ready, so that the queue stays short.
const PENDING: usize = 2;
/// Of the films that people send, so many are the same for all.
const SAME: f64 = 0.3;
/// And so many of these there are.
const KINDS_OF_SAME: u32 = 3;
/// What a child of a poisonous film does.
const DEEDS: [&str; 5] = ["crash", "abort", "hoard", "connect", "escape"];

/// What they upload, each time with other filler at its end.
pub fn films() -> [PathBuf; 3] {
    [fixtures::silent(), fixtures::flash(true), fixtures::compliant(4)]
}

/// A film whose child does something that it does not survive.
fn poisonous(deed: &str) -> PathBuf {
    fixtures::commented(&fixtures::fast_start(1), &format!("SLUICE-TEST-EVIL:{deed}"), &format!("poison-{deed}.mp4"))
}

/// Makes all of them, while nobody waits.
pub fn prepare() {
    films();
    DEEDS.iter().for_each(|deed| drop(poisonous(deed)));
}

/// Uploads until told to stop; what is under way then is finished first.
pub async fn run(client: Client, person: usize, ledger: Ledger, stop: Arc<AtomicBool>, seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    while !stop.load(Ordering::Relaxed) {
        let same = rng.random_bool(SAME);
        let (film, filler) = if same { (0, 64 + rng.random_range(0..KINDS_OF_SAME)) } else { (3, 0) };
        let film = if same { film } else { rng.random_range(0..3) };
        let filler = if same { filler } else { rng.random_range(100..200_000) };
        let bytes = Arc::new(fixtures::padded(&films()[film], filler));
        let Some(media) = upload(&client, person, &ledger, bytes, false, &mut rng).await else { continue };
        if rng.random_bool(0.25) {
            delete(&client, &ledger, &media).await;
        }
        while !stop.load(Ordering::Relaxed) && pending(&client).await >= PENDING {
            tokio::time::sleep(Duration::from_millis(200)).await;
        }
    }
}

/// Uploads a film to its last byte; its media, unless it is not known to have begun.
async fn upload(
    client: &Client,
    person: usize,
    ledger: &Ledger,
    bytes: Arc<Vec<u8>>,
    poison: bool,
    rng: &mut StdRng,
) -> Option<String> {
    let (upload, media) = create(client, bytes.len()).await?;
    let sent = Sent { person, upload, media, bytes, poison, complete: false, deleted: false };
    let number = ledger.created(sent.clone());
    send(client, &sent, rng).await;
    ledger.completed(number);
    Some(sent.media)
}

/// Uploads a film that kills whatever works on it.
pub async fn poison(world: &World, rng: &mut StdRng) {
    let person = world.people.len() - 1;
    let film = poisonous(DEEDS.choose(rng).unwrap());
    let bytes = Arc::new(fixtures::padded(&film, rng.random_range(100..20_000)));
    while upload(&world.people[person], person, &world.ledger, bytes.clone(), true, rng).await.is_none() {}
}

/// Everybody uploads the same bytes at once, and some delete them again.
pub async fn send_twins(world: &World, rng: &mut StdRng) {
    let bytes = Arc::new(fixtures::padded(&films()[0], rng.random_range(100..200_000)));
    let one = |(person, client): (usize, &Client), seed: u64| {
        let (client, ledger, bytes) = (client.clone(), world.ledger.clone(), bytes.clone());
        async move {
            let mut rng = StdRng::seed_from_u64(seed);
            let Some(media) = upload(&client, person, &ledger, bytes, false, &mut rng).await else { return };
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..1500))).await;
            if rng.random_bool(0.5) {
                delete(&client, &ledger, &media).await;
            }
        }
    };
    let all: Vec<_> = world.people.iter().enumerate().map(|person| one(person, rng.random())).collect();
    futures::future::join_all(all).await;
}

/// Begins some uploads, sends some bytes and is not seen again.
pub async fn abandon(world: &World, rng: &mut StdRng) {
    let person = rng.random_range(0..world.people.len());
    let client = &world.people[person];
    for _ in 0..4 {
        let bytes = fixtures::padded(&films()[rng.random_range(0..3)], rng.random_range(100..20_000));
        let Some((upload, media)) = create(client, bytes.len()).await else { continue };
        world.ledger.abandoned(person, media);
        let sent = rng.random_range(0..bytes.len());
        if sent % 3 > 0 {
            drop(answered(piece(client, &upload, 0, bytes[..sent].to_vec())).await);
        }
    }
}

/// Deletes one of the films that are there and on which nobody works; its source, in hexadecimal digits. What is being made
/// of a deleted film may still be on its way to the store: it is there long before the time after which bytes are deleted.
pub async fn delete_one(world: &World, rng: &mut StdRng) -> Option<String> {
    let there = |s: &Sent| s.complete && !s.deleted && !s.poison && world.is_at_rest(&s.media);
    let there: Vec<Sent> = world.ledger.all().into_iter().filter(there).collect();
    let sent = there.choose(rng)?;
    let source = world.source_of(&sent.media);
    delete(&world.people[sent.person], &world.ledger, &sent.media).await;
    Some(source)
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

fn piece(client: &Client, upload: &str, offset: usize, bytes: Vec<u8>) -> reqwest::RequestBuilder {
    let request = tus::tus(client, Method::PATCH, upload).header("upload-offset", offset);
    request.header("content-type", tus::CHUNK).body(bytes)
}

/// Sends all bytes in pieces. What was acknowledged stays acknowledged (I1).
async fn send(client: &Client, sent: &Sent, rng: &mut StdRng) {
    let mut acknowledged = 0;
    while acknowledged < sent.bytes.len() {
        let end = sent.bytes.len().min(acknowledged + rng.random_range(20_000..400_000));
        let request = piece(client, &sent.upload, acknowledged, sent.bytes[acknowledged..end].to_vec());
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
async fn delete(client: &Client, ledger: &Ledger, media: &str) {
    until_answered(|| client.request(Method::DELETE, &format!("/api/v1/media/{media}")), &[204, 404]).await;
    ledger.deleted(media);
}

/// Films of a person that arrived and are neither ready nor failed.
async fn pending(client: &Client) -> usize {
    let Some(answer) = answered(client.request(Method::GET, "/api/v1/media?limit=100")).await else { return PENDING };
    let Ok(list) = answer.json::<Value>().await else { return PENDING };
    let Some(items) = list["items"].as_array() else { return PENDING };
    items.iter().filter(|m| m["status"] == "processing" || m["status"] == "playable").count()
}

/// Asks again until one of these statuses comes; everything else must be a fault that passes.
pub async fn until_answered(request: impl Fn() -> reqwest::RequestBuilder, statuses: &[u16]) -> Response {
    let began = Instant::now();
    let mut last = String::new();
    loop {
        if let Some(answer) = answered(request()).await {
            if statuses.contains(&answer.status().as_u16()) {
                return answer;
            }
            last = assert_temporary(answer).await;
        }
        assert!(began.elapsed() < PATIENCE, "no answer to {:?} for {PATIENCE:?}, at last {last:?}", request());
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

async fn assert_temporary(answer: Response) -> String {
    let (temporary, status) = (is_temporary(&answer), answer.status());
    let text = answer.text().await.unwrap_or_default();
    assert!(temporary, "{status}: {text}");
    text
}
