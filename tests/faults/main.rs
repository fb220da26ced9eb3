//! Processes die, hang and come back; films become ready all the same, and nothing is published twice.

mod fleet;
mod random;

use harness::{
    Client, Pair, Stack,
    client::PATIENCE,
    eventually, fixtures, media,
    process::kill_pid,
    proof,
    storyboard::{assert_matches, cues},
};
use nix::sys::signal::Signal;
use reqwest::{Body, Method, multipart};
use std::{collections::BTreeMap, time::Duration};

harness::on_both!(
    killed_worker_loses_only_segments_in_work,
    killed_encoder_is_replaced,
    repeated_chunk_makes_the_pictures_of_the_whole,
    killed_api_leaves_only_a_cut_upload,
    revived_worker_changes_nothing,
    crashing_task_is_parked,
    sigterm_finishes_or_releases_tasks,
);

const SECONDS: u32 = 24;

/// The object behind every published segment, by playlist entry.
async fn objects(client: &Client, id: &str) -> BTreeMap<String, Vec<String>> {
    let Ok(top) = client.get(&format!("/hls/{id}/index.m3u8")).await.error_for_status() else { return BTreeMap::new() };
    let top = top.text().await.unwrap();
    let audio = top.split("URI=\"").skip(1).filter_map(|r| r.split('"').next());
    let lists: Vec<&str> = top.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).chain(audio).collect();
    let mut found = BTreeMap::new();
    for list in lists {
        let text = client.text(&format!("/hls/{id}/{list}")).await;
        let rendition = list.split('/').nth(1).unwrap().to_owned();
        found.insert(rendition, text.lines().filter(|l| l.ends_with(".m4s")).map(ToOwned::to_owned).collect());
    }
    found
}

/// How far a film is made when the fault comes.
fn moments() -> Vec<f64> {
    proof(vec![0.2], vec![0.05, 0.2, 0.4, 0.6, 0.8])
}

/// Waits until some segments of a film are published and more are in work.
async fn made(client: &Client, id: &str, part: f64) {
    eventually("some of the film is made", PATIENCE, || async {
        let media = client.media(id).await;
        assert_ne!(media["status"], "ready", "too fast for this test");
        (media["progress"].as_f64().unwrap() > part).then_some(())
    })
    .await;
}

/// The film is whole: every frame, by the rules, and what was shown before is still there.
async fn assert_whole(client: &Client, id: &str, before: &BTreeMap<String, Vec<String>>) {
    let ready = client.wait_for(id, &["ready"]).await;
    let url = ready["playback"]["hls_url"].as_str().unwrap();
    let (compliant, report) = media::verify(url);
    assert!(compliant, "{report}");
    let file = fixtures::foreign(SECONDS);
    let expected = media::decoded_frames(file.to_str().unwrap(), "v:0");
    assert_eq!(media::decoded_frames(url, "v:0"), expected);
    let after = objects(client, id).await;
    for (rendition, segments) in before {
        assert!(after[rendition].starts_with(segments), "{rendition}: published segments were replaced");
    }
}

async fn upload(client: &Client) -> String {
    client.upload(&fixtures::foreign(SECONDS)).await["id"].as_str().unwrap().to_owned()
}

async fn slow_stack(pair: Pair) -> Stack {
    // One core and a slow preset, so that there is a middle to be killed in.
    let mut stack =
        Stack::start_with(pair, &[("SLUICE_WORKER_CORES", "1"), ("SLUICE_CONFIG", &fixtures::slow_preset())]).await;
    stack.add_worker();
    stack
}

async fn killed_worker_loses_only_segments_in_work(pair: Pair) {
    for part in moments() {
        killed_worker_loses_only_segments_in_work_at(pair, part).await;
    }
}

async fn killed_worker_loses_only_segments_in_work_at(pair: Pair, part: f64) {
    let mut stack = slow_stack(pair).await;
    let client = stack.creator().await;
    let id = upload(&client).await;
    made(&client, &id, part).await;
    stack.workers[0].kill();
    let before = objects(&client, &id).await;
    stack.add_worker();
    assert_whole(&client, &id, &before).await;
}

async fn killed_encoder_is_replaced(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    for part in moments() {
        killed_encoder_is_replaced_at(pair, part).await;
    }
}

async fn killed_encoder_is_replaced_at(pair: Pair, part: f64) {
    let stack = slow_stack(pair).await;
    let client = stack.creator().await;
    let id = upload(&client).await;
    made(&client, &id, part).await;
    let before = objects(&client, &id).await;
    // One that has just finished is nothing to kill.
    eventually("the kind of death is named", PATIENCE, || async {
        stack.workers[0].encoders().into_iter().for_each(kill_pid);
        tokio::time::sleep(Duration::from_millis(500)).await;
        stack.logs().contains("SIGKILL").then_some(())
    })
    .await;
    assert_whole(&client, &id, &before).await;
}

/// What a killed run had shown to nobody is shown: the tiles of segments that it had published.
async fn repeated_chunk_makes_the_pictures_of_the_whole(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    const LENGTH: u32 = 30;
    let settings = "[encode]\npreset = \"veryslow\"\npassthrough = false\nladder = [{ short_side = 180, crf = 22, max_kbps = 500 }]\n";
    let settings = fixtures::settings("one-slow-rung", settings);
    let mut stack = Stack::start_with(pair, &[("SLUICE_WORKER_CORES", "1"), ("SLUICE_CONFIG", &settings)]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = fixtures::by_second_one_entry(LENGTH);
    let id = client.upload(&film).await["id"].as_str().unwrap().to_owned();
    made(&client, &id, 0.55).await;
    stack.workers[0].encoders().into_iter().for_each(kill_pid);
    stack.workers[0].kill();
    let before = client.media(&id).await;
    assert_eq!(before["playback"]["storyboard_url"], serde_json::Value::Null, "all of it is one sheet");
    stack.add_worker();
    let ready = client.wait_for(&id, &["ready"]).await;
    let url = ready["playback"]["hls_url"].as_str().unwrap();
    assert_eq!(media::decoded_frames(url, "v:0"), u64::from(LENGTH) * 25);
    let board = ready["playback"]["storyboard_url"].as_str().unwrap().strip_prefix(&client.url).unwrap();
    let cues = cues(&client.text(board).await);
    assert_eq!(cues.len(), LENGTH as usize / 3);
    let sheet = format!("{}/{}", board.rsplit_once('/').unwrap().0, cues[0].picture);
    let data = client.get(&sheet).await.bytes().await.unwrap();
    assert_matches(&cues, &film, |_| data.to_vec());
}

async fn killed_api_leaves_only_a_cut_upload(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let head = std::fs::read(fixtures::compliant(10)).unwrap();
    let (tx, rx) = futures::channel::mpsc::unbounded::<Result<Vec<u8>, std::io::Error>>();
    tx.unbounded_send(Ok(head)).unwrap();
    tx.unbounded_send(Ok(vec![0; 20 << 20])).unwrap();
    let part = multipart::Part::stream(Body::wrap_stream(rx)).file_name("film.mp4");
    let request = client.request(Method::POST, "/api/v1/media").multipart(multipart::Form::new().part("file", part));
    let sending = tokio::spawn(request.send());
    if pair == Pair::Embedded {
        let sources = stack.folder().join("store/sources");
        eventually("extents are stored", Duration::from_secs(20), || async { count(&sources).ge(&2).then_some(()) })
            .await;
    } else {
        tokio::time::timeout(Duration::from_secs(2), std::future::pending::<()>()).await.unwrap_err();
    }
    stack.restart_api();
    drop(tx);
    assert!(sending.await.unwrap().is_err(), "nothing was acknowledged");
    let client = Client { url: stack.url.clone(), ..client };
    let list: serde_json::Value = client.get("/api/v1/media").await.json().await.unwrap();
    assert_eq!(list["items"], serde_json::json!([]));
    // The next upload works, and a sweep removes what the first left.
    stack.add_worker();
    let id = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    // First it expires, then what its request may still be writing has half a minute.
    for time in [2 * 86_400, 60] {
        stack.pass(Duration::from_secs(time));
        stack.sweep().await;
    }
    if pair == Pair::Embedded {
        assert_eq!(count(&stack.folder().join("store/sources")), 1, "one extent: the second film's");
    }
}

/// Files below a folder.
fn count(folder: &std::path::Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|e| if e.path().is_dir() { count(&e.path()) } else { 1 }).sum()
}

async fn revived_worker_changes_nothing(pair: Pair) {
    for part in moments() {
        revived_worker_changes_nothing_at(pair, part).await;
    }
}

async fn revived_worker_changes_nothing_at(pair: Pair, part: f64) {
    let mut stack = slow_stack(pair).await;
    let client = stack.creator().await;
    let id = upload(&client).await;
    made(&client, &id, part).await;
    stack.workers[0].signal(Signal::SIGSTOP);
    let before = objects(&client, &id).await;
    stack.add_worker();
    client.wait_for(&id, &["ready"]).await;
    let made = objects(&client, &id).await;
    stack.workers[0].signal(Signal::SIGCONT);
    eventually("the old worker notices", Duration::from_secs(30), || async {
        stack.workers[0].log().contains("task was taken away").then_some(())
    })
    .await;
    assert_eq!(objects(&client, &id).await, made, "what is published stays");
    assert_whole(&client, &id, &before).await;
}

async fn crashing_task_is_parked(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let stack = slow_stack(pair).await;
    let client = stack.creator().await;
    let id = upload(&client).await;
    // Whoever works on this film dies, as a hostile file would make it.
    let failed = eventually("the task is parked", PATIENCE, || async {
        stack.workers[0].encoders().into_iter().for_each(kill_pid);
        let media = client.media(&id).await;
        (media["status"] == "failed").then_some(media)
    })
    .await;
    assert_eq!(failed["error"]["code"], "out_of_memory", "the kernel kills like this: {failed}");
    let other = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&other, &["ready"]).await;
    // An operator, or the owner, can have it tried again.
    let retried = client.request(Method::POST, &format!("/api/v1/media/{id}/retry")).send().await.unwrap();
    assert_eq!(retried.status(), 200);
    assert_whole(&client, &id, &BTreeMap::new()).await;
}

async fn sigterm_finishes_or_releases_tasks(pair: Pair) {
    for part in moments() {
        sigterm_finishes_or_releases_tasks_at(pair, part).await;
    }
}

async fn sigterm_finishes_or_releases_tasks_at(pair: Pair, part: f64) {
    let mut stack = slow_stack(pair).await;
    let client = stack.creator().await;
    let id = upload(&client).await;
    made(&client, &id, part).await;
    let before = objects(&client, &id).await;
    stack.workers[0].stop();
    assert!(!stack.workers[0].log().contains("panicked"));
    stack.add_worker();
    assert_whole(&client, &id, &before).await;
    assert!(!stack.workers[1].log().contains("lease is over"), "nothing had to time out");
}
