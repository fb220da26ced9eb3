//! `sluice-api move-store`: from a disk to a bucket (to another disk, where there is no server) while films are watched,
//! uploaded and deleted.

use super::fsck::assert_clean;
use harness::{
    Client, Pair, Stack, fixtures, media,
    tus::{begin_media, patch},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

harness::on_both!(a_store_moves_while_it_is_used);

const FROM: &str = "SLUICE_STORE_MOVES_FROM";

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// The playlists and segments of a film.
async fn files(client: &Client, id: &str) -> Vec<String> {
    let top = client.text(&format!("/hls/{id}/index.m3u8")).await;
    let mut files = Vec::new();
    for list in top.lines().filter(|l| l.ends_with(".m3u8") && !l.starts_with('#')) {
        let path = format!("/hls/{id}/{list}");
        let folder = path.rsplit_once('/').unwrap().0.to_owned();
        let listed = client.text(&path).await;
        files.push(path);
        files.extend(listed.lines().filter(|l| l.ends_with(".m4s")).map(|l| format!("{folder}/{l}")));
    }
    files
}

/// Watches until it is told to stop: how many answers there were, and those that were not good.
async fn watch(client: Client, files: Vec<String>, ends: Arc<AtomicBool>) -> (usize, Vec<String>) {
    let (mut answers, mut bad) = (0, Vec::new());
    for file in files.iter().cycle() {
        let status = client.get(file).await.status();
        answers += 1;
        if status != 200 {
            bad.push(format!("{file}: {status}"));
        }
        if ends.load(Ordering::Relaxed) && answers >= files.len() {
            break;
        }
    }
    (answers, bad)
}

async fn a_store_moves_while_it_is_used(pair: Pair) {
    let dir = tempfile::tempdir().unwrap();
    let [before, after] = ["before", "after"].map(|name| dir.path().join(name));
    let [from, to] = [&before, &after].map(|folder| format!("file://{}", folder.display()));
    // No segment is answered from memory: what is asked is whether the stores have it.
    let settings = [("SLUICE_STORE_URL", from.as_str()), ("SLUICE_SEGMENT_CACHE_BYTES", "0")];
    let mut stack = Stack::start_with(pair, &settings).await;
    let to = match pair {
        Pair::Embedded => to,
        Pair::Servers => {
            let bucket = format!("/moved{}?", uuid::Uuid::new_v4().simple());
            harness::stack::need("SLUICE_TEST_S3").replace("/test?", &bucket)
        }
    };
    stack.add_worker();
    let mut client = stack.creator().await;
    let unlisted = json!({ "visibility": "unlisted" });
    let film = text(&client.upload(&fixtures::compliant(4)).await["id"]);
    let unwanted = text(&client.upload(&fixtures::compliant(6)).await["id"]);
    for id in [&film, &unwanted] {
        client.wait_for(id, &["ready"]).await;
    }
    let bytes = fs::read(fixtures::foreign(4)).unwrap();
    let (upload, arriving) = begin_media(&client, bytes.len()).await;
    let half = bytes.len() / 2;
    assert_eq!(patch(&client, &upload, 0, &bytes[..half]).await.status(), 204);

    // Everybody is restarted with both stores.
    stack.workers.drain(..).for_each(|mut worker| worker.stop());
    stack.restart_api_with(&[("SLUICE_STORE_URL", &to), (FROM, &from)]);
    client.url = stack.url.clone();
    stack.add_worker();
    let ends = Arc::new(AtomicBool::new(false));
    let watched = files(&client, &film).await;
    assert!(watched.len() > 4, "{watched:?}");
    let viewer = tokio::spawn(watch(Client { url: stack.url.clone(), ..client.clone() }, watched, ends.clone()));
    assert_eq!(patch(&client, &upload, half, &bytes[half..]).await.status(), 204);
    let (status, said, error) = stack.run_command(&[], &["move-store"]);
    assert_eq!(status, 0, "{said}{error}");
    assert!(said.contains("all of it is there"), "{said}");
    client.json(Method::DELETE, &format!("/api/v1/media/{unwanted}"), &Value::Null, 204).await;
    client.wait_for(&arriving, &["ready"]).await;
    ends.store(true, Ordering::Relaxed);
    let (answers, bad) = viewer.await.unwrap();
    assert!(bad.is_empty(), "{bad:?} of {answers}");

    // What was before is not needed any more.
    stack.workers.drain(..).for_each(|mut worker| worker.stop());
    fs::remove_dir_all(&before).unwrap();
    stack.restart_api_with(&[(FROM, "")]);
    client.url = stack.url.clone();
    for id in [&film, &arriving] {
        client.json(Method::PATCH, &format!("/api/v1/media/{id}"), &unlisted, 200).await;
        let (compliant, report) = media::verify(&format!("{}/hls/{id}/index.m3u8", stack.url));
        assert!(compliant, "{report}");
        let original = client.get(&format!("/raw/{id}")).await.bytes().await.unwrap();
        assert!(!original.is_empty());
    }
    assert_eq!(client.get(&format!("/raw/{arriving}")).await.bytes().await.unwrap(), bytes);
    // What was deleted goes from the new store too: nothing else would ever delete it there.
    let (status, said, error) = stack.run_command(&[("SLUICE_GC_SECONDS", "1")], &["gc"]);
    assert_eq!(status, 0, "{said}{error}");
    assert_clean(&stack);
}
