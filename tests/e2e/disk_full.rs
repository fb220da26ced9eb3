//! A full disk: what begins is refused with a reason, nothing runs in circles, and all goes on by itself when there is
//! room.

use harness::{
    Client, Stack,
    client::{PATIENCE, problem},
    disk::SmallDisk,
    eventually, fixtures,
    tus::tus,
};
use nix::sys::signal::Signal;
use reqwest::{Body, Method, multipart};
use serde_json::Value;
use std::time::{Duration, Instant};

/// A film too large for what a connection buffers.
fn large() -> multipart::Form {
    let mut film = b"\0\0\0\x18ftypisom".to_vec();
    film.resize(20 << 20, 7);
    let part = multipart::Part::stream(Body::from(film)).file_name("film.mp4");
    multipart::Form::new().part("file", part)
}

async fn start(disk: &SmallDisk, settings: &[(&str, &str)]) -> (Stack, Client) {
    let folder = disk.path().to_str().unwrap();
    let settings = [settings, &[("SLUICE_DATA_DIR", folder)]].concat();
    let stack = Stack::start_with(harness::Pair::Embedded, &settings).await;
    let client = stack.creator().await;
    (stack, client)
}

async fn status(client: &Client, id: &str) -> Value {
    client.json(Method::GET, &format!("/api/v1/media/{id}/status"), &Value::Null, 200).await
}

#[tokio::test]
async fn nothing_begins_on_a_disk_that_is_nearly_full_and_all_goes_on_when_there_is_room() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    let (mut stack, client) = start(&disk, &[]).await;
    let ready = async || client.json(Method::GET, "/ready", &Value::Null, 200).await;
    assert_eq!(ready().await["accepting"], true);
    let id = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    assert_eq!(status(&client, &id).await["waits_for"]["code"], "no_worker");
    disk.fill_but(1 << 20);
    let said = ready().await;
    assert_eq!((&said["accepting"], &said["reason"]["code"]), (&false.into(), &"disk_full".into()), "{said}");
    assert_eq!(status(&client, &id).await["waits_for"]["code"], "disk_full");
    let form = client.request(Method::POST, "/api/v1/media").multipart(large()).send().await.unwrap();
    assert_eq!(problem(form).await, (507, "store_full".into()));
    let begun = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", 1000).send().await.unwrap();
    assert_eq!(begun.headers().get("retry-after").map(|v| v.to_str().unwrap()), Some("60"));
    assert_eq!(problem(begun).await, (507, "store_full".into()));
    // What is stored is served.
    assert_eq!(client.get(&format!("/raw/{id}")).await.status(), 200);
    stack.add_worker();
    eventually("the worker says why it waits", PATIENCE, || async {
        stack.workers[0].log().contains("nothing new begins").then_some(())
    })
    .await;
    disk.make_room();
    client.wait_for(&id, &["ready"]).await;
    assert_eq!(ready().await["accepting"], true);
    assert_eq!(client.request(Method::POST, "/api/v1/media").multipart(large()).send().await.unwrap().status(), 201);
    for process in [&stack.api, &stack.workers[0]] {
        let log = process.log();
        let said = ["nothing new begins", "there is room"].map(|line| log.matches(line).count());
        assert_eq!(said, [1, 1], "once each, not each second: {log}");
    }
    assert!(!stack.workers[0].log().contains("is full"), "no task met the end of the disk");
}

#[tokio::test]
async fn a_worker_on_a_full_disk_does_not_run_in_circles() {
    let Some(disk) = SmallDisk::mount(64) else { return };
    // Without the reserve: every byte can be used up, also by others than this service.
    let (mut stack, client) = start(&disk, &[("SLUICE_MIN_FREE_BYTES", "0")]).await;
    stack.add_worker();
    eventually("it runs", PATIENCE, || async { stack.workers[0].log().contains("worker starts").then_some(()) }).await;
    stack.workers[0].signal(Signal::SIGSTOP);
    let mut ids = Vec::new();
    for _ in 0..3 {
        ids.push(client.upload(&fixtures::foreign(2)).await["id"].as_str().unwrap().to_owned());
    }
    disk.fill_but(0);
    let form = client.request(Method::POST, "/api/v1/media").multipart(large()).send().await.unwrap();
    assert_eq!(problem(form).await, (507, "store_full".into()));
    let before = stack.workers[0].log().len();
    stack.workers[0].signal(Signal::SIGCONT);
    let began = Instant::now();
    eventually("it meets the full disk", PATIENCE, || async {
        stack.workers[0].log()[before..].contains("full").then_some(())
    })
    .await;
    let window = Duration::from_secs(5);
    tokio::time::sleep(window).await;
    let log = stack.workers[0].log()[before..].to_owned();
    let tries = log.matches("task begins").count() + log.matches("cannot claim").count();
    println!("{tries} claims in {:?} on a full disk", began.elapsed());
    assert!(tries <= 30, "{tries} claims in {:?}: {log}", began.elapsed());
    disk.make_room();
    for id in ids {
        client.wait_for(&id, &["ready"]).await;
    }
}
