//! A fleet over one PostgreSQL and one S3 server: two APIs behind nginx, which keeps segments, and three workers, each in a network
//! of its own. Films are uploaded and watched while every process is killed and started again, the database ends in the
//! middle of its work, the store is cut off, and all are replaced one after the other.

mod film;
mod machines;
mod viewers;

use film::{Sent, films, watched};
use harness::{Client, eventually, media, proof, proxy::Network};
use machines::Fleet;
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use viewers::Viewers;

/// Longest that all films may take on a machine that has other things to do.
const ALL_WORK: Duration = Duration::from_secs(1800);
/// How long players may wait in all: as much as they have in their buffers.
const BUFFER_S: f64 = 10.0;
/// How long somebody who asks again may wait for an answer when a process is killed, and when what all of them stand on is away, beyond
/// the time that it is.
const ANOTHER_S: f64 = 5.0;

/// Asks the same again and again, as every page does: the longest time that nobody answered.
async fn ask(client: Client, path: String, stop: Arc<AtomicBool>) -> f64 {
    let (mut longest, mut well) = (Duration::ZERO, Instant::now());
    while !stop.load(Ordering::Relaxed) {
        let answer =
            tokio::time::timeout(Duration::from_secs(5), client.request(reqwest::Method::GET, &path).send()).await;
        let whole = match answer {
            Ok(Ok(answer)) if answer.status() == 200 => answer.bytes().await.is_ok(),
            _ => false,
        };
        if whole {
            longest = longest.max(well.elapsed());
            well = Instant::now();
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    longest.max(well.elapsed()).as_secs_f64()
}

/// Runs a part of the proof while pages are asked for; how long nobody answered at most.
async fn asked(client: &Client, media: &str, part: impl Future<Output = ()>) -> f64 {
    let stop = Arc::new(AtomicBool::new(false));
    let paths = [format!("/api/v1/media/{media}"), format!("/hls/{media}/index.m3u8"), format!("/raw/{media}")];
    let pages: Vec<_> = paths.map(|path| tokio::spawn(ask(client.clone(), path, stop.clone()))).into();
    part.await;
    stop.store(true, Ordering::Relaxed);
    let mut longest = 0.0_f64;
    for page in pages {
        longest = longest.max(page.await.unwrap());
    }
    longest
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_fleet_loses_nothing() {
    let Some(mut fleet) = Fleet::start().await else { return };
    let owner = Client::register(&fleet.url).await;
    let shown = watched(&owner, proof(90, 240)).await;
    let viewers = Viewers::start(&shown.url, proof(1, 3)).await;
    let mut sending: Vec<_> = films().into_iter().map(|film| tokio::spawn(film::send(owner.clone(), film))).collect();

    let killed = asked(&owner, &shown.media, async {
        for machine in 0..fleet.machines.len() {
            fleet.kill(machine).await;
        }
    })
    .await;
    println!("every process killed and started again: nobody answered for {killed:.1} s at most");
    assert!(killed <= ANOTHER_S, "{killed}");

    let began = Instant::now();
    let restarted = asked(&owner, &shown.media, fleet.restart_database()).await;
    println!("the database ended and came back in {:.1} s: {restarted:.1} s", began.elapsed().as_secs_f64());
    assert!(restarted <= began.elapsed().as_secs_f64() + ANOTHER_S, "{restarted}");

    let away = Duration::from_secs(proof(5, 30));
    let cut = asked(&owner, &shown.media, async {
        fleet.store.set(Network::Cut);
        tokio::time::sleep(away).await;
        fleet.store.set(Network::Fine);
    })
    .await;
    println!("the store cut off for {} s: {cut:.1} s", away.as_secs());
    assert!(cut <= away.as_secs_f64() + ANOTHER_S, "{cut}");

    let rolled = asked(&owner, &shown.media, async {
        for machine in 0..fleet.machines.len() {
            fleet.replace(machine).await;
        }
    })
    .await;
    println!("every process replaced in turn: {rolled:.1} s");
    assert!(rolled <= ANOTHER_S, "{rolled}");

    let mut sent = vec![shown.sent];
    for film in sending.drain(..) {
        sent.push(film.await.unwrap());
    }
    for film in &sent {
        until_ready(&fleet, &owner, film).await;
    }
    for (n, stalled) in viewers.end().await.into_iter().enumerate() {
        println!("player {n} waited {stalled:.1} s in all");
        assert!(stalled <= BUFFER_S, "player {n} waited {stalled} s");
    }
    all_is_whole(&fleet, &owner, &sent).await;
}

async fn until_ready(fleet: &Fleet, owner: &Client, film: &Sent) {
    let done = async || {
        let media = owner.media(&film.media).await;
        assert_ne!(media["status"], "failed", "{}: {media}\n{}", film.name, fleet.logs_of(&film.media));
        (media["status"] == "ready").then_some(())
    };
    eventually(&format!("{} is ready", film.name), ALL_WORK, done).await;
}

/// What was sent is there, byte for byte, once for each film; every package is as it must be; rows and objects agree, but for
/// what lost attempts left, which is swept after a day.
async fn all_is_whole(fleet: &Fleet, owner: &Client, sent: &[Sent]) {
    for film in sent {
        let original = owner.get(&format!("/raw/{}", film.media)).await.bytes().await.unwrap();
        assert!(original == film.bytes.as_slice(), "{} is not what was sent", film.name);
        let unlisted = json!({ "visibility": "unlisted" });
        owner.json(reqwest::Method::PATCH, &format!("/api/v1/media/{}", film.media), &unlisted, 200).await;
        let (compliant, report) = media::verify(&format!("{}/hls/{}/index.m3u8", fleet.url, film.media));
        assert!(compliant, "{}: {report}", film.name);
    }
    let list: Value = owner.json(reqwest::Method::GET, "/api/v1/media?limit=100", &Value::Null, 200).await;
    // An upload whose creation was answered to nobody is none of them.
    let ready = list["items"].as_array().unwrap().iter().filter(|m| m["status"] == "ready").count();
    assert_eq!(ready, sent.len());
    let (status, said) = fleet.command(&["fsck", "--json"]);
    assert_eq!(status, 0, "{said}");
}
