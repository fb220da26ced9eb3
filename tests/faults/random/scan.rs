//! Searches a quiet service for broken invariants: what was acknowledged is there, what is published is whole, what
//! nobody refers to is gone.

use super::{sender, world::World};
use harness::{Client, Pair, client::PATIENCE, eventually, media};
use reqwest::Method;
use serde_json::Value;
use sha2::{Digest, Sha256};
use sluice_storage::{Key, Prefix};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

/// A column of identifiers as lower-case hexadecimal text, on either database.
pub fn hexed(pair: Pair, column: &str) -> String {
    match pair {
        Pair::Embedded => format!("lower(hex({column}))"),
        Pair::Servers => format!("replace({column}::text, '-', '')"),
    }
}

/// I1 to I4, I6 and I7 as people see them; how many films had to be retried.
pub async fn media_are_whole(world: &World) -> usize {
    let mut retried = 0;
    for sent in world.ledger.all() {
        let client = &world.people[sent.person];
        if sent.deleted {
            assert_eq!(client.get(&format!("/api/v1/media/{}", sent.media)).await.status(), 404, "deleted {sent:?}");
            continue;
        }
        let raw = client.get(&format!("/raw/{}", sent.media)).await.bytes().await.unwrap();
        assert!(raw == sent.bytes.as_slice(), "I1: {} is not what was sent", sent.media);
        if sent.poison {
            poison_failed(client, &sent.media).await;
            continue;
        }
        retried += usize::from(finished(world, client, &sent.media).await);
        let (compliant, report) = media::verify(&format!("{}/hls/{}/index.m3u8", world.stack.url, sent.media));
        assert!(compliant, "I2: {report}\n{}", world.stack.logs());
    }
    for (person, client) in world.people.iter().enumerate() {
        let own = world.ledger.all().into_iter().filter(|s| s.person == person && !s.deleted).map(|s| s.media);
        let abandoned = world.ledger.all_abandoned().into_iter().map(|a| a.1).collect();
        accounts_are_exact(client, own.collect(), &abandoned).await;
    }
    retried
}

/// Codes of films whose children or workers died too often.
const DEATHS: [&str; 5] = ["encoder_killed", "decoder_crashed", "out_of_memory", "worker_lost", "lease_expired"];

/// A film that no child survives has failed, and says of what.
async fn poison_failed(client: &Client, id: &str) {
    let media = client.media(id).await;
    let code = media["error"]["code"].as_str().unwrap_or_default();
    let named = DEATHS.contains(&code) || code == "forbidden_syscall";
    assert!(media["status"] == "failed" && named, "poison: {media}");
}

/// Waits for the end of a film's work. Three faults may hit one task, which then waits for a person: whether it did.
async fn finished(world: &World, client: &Client, id: &str) -> bool {
    let terminal = || async {
        let media = client.media(id).await;
        matches!(media["status"].as_str(), Some("ready" | "failed")).then_some(media)
    };
    let found = eventually("a film is ready or failed", PATIENCE, terminal).await;
    if found["status"] == "ready" {
        return false;
    }
    let code = found["error"]["code"].as_str().unwrap_or_default();
    assert!(DEATHS.contains(&code), "a good film failed for a reason of its own: {found}\n{}", about(world, id));
    until_retried(client, id).await;
    client.wait_for(id, &["ready"]).await;
    true
}

/// What the logs say of a film's package.
fn about(world: &World, id: &str) -> String {
    let id = match world.pair {
        Pair::Embedded => format!("X'{}'", id.replace('-', "")),
        Pair::Servers => format!("'{id}'"),
    };
    let package = hexed(world.pair, "package_id");
    let package = world.stack.run_sql(&format!("SELECT {package} FROM media WHERE id = {id}"));
    let package = uuid::Uuid::parse_str(package.trim()).unwrap().to_string();
    let logs = world.stack.logs();
    let mut lines: Vec<&str> = logs.lines().filter(|l| l.contains(&package)).collect();
    lines.sort_unstable();
    lines.join("\n")
}

async fn until_retried(client: &Client, id: &str) {
    sender::until_answered(|| client.request(Method::POST, &format!("/api/v1/media/{id}/retry")), &[200]).await;
}

/// A person sees their own films and no others (I6), and is charged for exactly those (I7).
async fn accounts_are_exact(client: &Client, own: BTreeSet<String>, abandoned: &BTreeSet<String>) {
    let mut seen = BTreeSet::new();
    let mut path = "/api/v1/media?limit=100".to_owned();
    loop {
        let list: Value = client.get(&path).await.json().await.unwrap();
        for item in list["items"].as_array().unwrap() {
            // An upload whose creation was answered to nobody is no film yet.
            let id = item["id"].as_str().unwrap();
            if item["status"] != "uploading" && !abandoned.contains(id) {
                seen.insert(id.to_owned());
            }
        }
        let Some(next) = list["next_cursor"].as_str() else { break };
        path = format!("/api/v1/media?limit=100&cursor={next}");
    }
    assert_eq!(seen, own, "I6: films of {}", client.username);
}

/// I2, I3, I5 and I7 by database and store, after what has expired was swept.
pub async fn nothing_is_left_over(world: &World) {
    // First uploads expire, then what their last request may be writing, then the windows of deletions.
    for time in [2 * 86_400, 60, 2 * 86_400] {
        world.stack.pass(Duration::from_secs(time));
        world.stack.sweep().await;
    }
    world.quiet("").await;
    for (person, media) in world.ledger.all_abandoned() {
        let answer = world.people[person].get(&format!("/api/v1/media/{media}")).await;
        assert_eq!(answer.status(), 404, "I5: abandoned {media}");
    }
    let store = world.stack.store().await;
    let referenced = referenced(world).await;
    for (table, id) in &world.names {
        let prefix = match *table {
            "sources" => Prefix::Source(id.parse().unwrap()),
            _ => Prefix::Package(id.parse().unwrap()),
        };
        for key in store.list(&prefix).await.unwrap() {
            let known = referenced.contains_key(&key.to_string()) || (is_file(&key) && is_live(&referenced, &key));
            assert!(known, "I5: nobody refers to {key}");
        }
    }
    for (path, (size, sha256)) in &referenced {
        let key = Key::parse(path).unwrap();
        let data = store.read(&key, 0..*size).await.unwrap_or_else(|e| panic!("I2: {path}: {e}"));
        assert_eq!(store.size(&key).await.unwrap(), Some(*size), "I2: {path}");
        if !sha256.is_empty() {
            assert_eq!(hex::encode(Sha256::digest(&data)), *sha256, "I2: {path} is not what its row says");
        }
    }
    for (person, client) in world.people.iter().enumerate() {
        let own = world.ledger.all().into_iter().filter(|s| s.person == person && !s.deleted);
        let bytes: usize = own.map(|s| s.bytes.len()).sum();
        let usage = harness::tus::usage(client).await;
        assert_eq!(usage["stored_bytes"], bytes, "I7: {usage}");
    }
}

/// A playlist or report, which no row names.
fn is_file(key: &Key) -> bool {
    matches!(key, Key::PackageFile { .. }) || key.to_string().ends_with(".m3u8")
}

/// Whether anything else of the same package is referred to.
fn is_live(referenced: &BTreeMap<String, (u64, String)>, key: &Key) -> bool {
    let path = key.to_string();
    let folder = &path[..=path.rfind('/').unwrap()];
    referenced.range(folder.to_owned()..).next().is_some_and(|(p, _)| p.starts_with(folder))
}

/// Objects that rows refer to: path, bytes, SHA-256 where it is recorded.
async fn referenced(world: &World) -> BTreeMap<String, (u64, String)> {
    let named = sluice_upkeep::everything(&world.stack.database().await).await.unwrap();
    let hash = |sha256: Option<Vec<u8>>| sha256.map(hex::encode).unwrap_or_default();
    named.into_iter().map(|n| (n.key.to_string(), (n.size_bytes, hash(n.sha256)))).collect()
}

/// The most claims that were made within a second of these logs.
pub fn claims_per_second<'a>(logs: impl Iterator<Item = &'a str>) -> usize {
    let begun = logs.flat_map(str::lines).filter(|l| l.contains("task begins"));
    let mut times: Vec<u64> = begun.filter_map(time_of_day_us).collect();
    times.sort_unstable();
    let within = |(n, from): (usize, &u64)| times[n..].iter().take_while(|t| **t < from + 1_000_000).count();
    times.iter().enumerate().map(within).max().unwrap_or(0)
}

/// When a line was logged, microseconds of the day.
fn time_of_day_us(line: &str) -> Option<u64> {
    let entry: Value = serde_json::from_str(line).ok()?;
    let (_, time) = entry["timestamp"].as_str()?.trim_end_matches('Z').split_once('T')?;
    let parts: Vec<f64> = time.split(':').filter_map(|p| p.parse().ok()).collect();
    let [hours, minutes, seconds] = parts[..] else { return None };
    Some((((hours * 60.0 + minutes) * 60.0 + seconds) * 1e6) as u64)
}
