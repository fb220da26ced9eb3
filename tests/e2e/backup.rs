//! `sluice-api backup` and `restore`: what was backed up while it was used plays again, and what was cut is no backup.

use super::fsck::assert_clean;
use bytes::Bytes;
use futures::StreamExt;
use harness::{
    Client, Pair, Stack, database, eventually, fixtures, media,
    tus::{begin_media, offset, patch, stored},
};
use serde_json::Value;
use sluice_config::StoreUrl;
use sluice_storage::{Root, Store};
use std::{fs, path::Path, time::Duration};
use uuid::Uuid;

harness::on_both!(a_service_that_is_used_is_backed_up_and_restored, what_is_no_backup_is_not_restored);

/// A place for a copy of the service: the URLs of an empty database and of a store.
fn elsewhere(pair: Pair, stack: &Stack, folder: &Path) -> [(&'static str, String); 2] {
    let store = match pair {
        Pair::Embedded => format!("file://{}/store", folder.display()),
        Pair::Servers => {
            let own = stack.setting("SLUICE_STORE_URL").unwrap();
            let (before, after) = own.split_once('?').unwrap();
            format!("{before}-{}?{after}", Uuid::new_v4().simple())
        }
    };
    [("SLUICE_DATABASE_URL", database::empty(pair, folder)), ("SLUICE_STORE_URL", store)]
}

async fn open(stack: &Stack, url: &str) -> Store {
    let keys = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    let keys = keys.iter().filter_map(|k| Some(((*k).to_owned(), stack.setting(k)?))).collect();
    Store::open(&StoreUrl::parse(url, &keys).unwrap()).await.unwrap()
}

async fn copy(from: &Store, to: &Store) {
    for root in Root::ALL {
        let mut groups = from.groups(root);
        while let Some(group) = groups.next().await {
            for object in from.list_objects(&group.unwrap()).await.unwrap() {
                let data = from.read(&object.key, 0..object.size_bytes).await.unwrap();
                to.put(&object.key, data).await.unwrap();
            }
        }
    }
}

/// The settings with the path of this test: programs of PostgreSQL are found by it.
fn with_path<'a>(settings: &'a [(&'static str, String)], path: &'a str) -> Vec<(&'a str, &'a str)> {
    settings.iter().map(|(n, v)| (*n, v.as_str())).chain([("PATH", path)]).collect()
}

async fn a_service_that_is_used_is_backed_up_and_restored(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let path = std::env::var("PATH").unwrap();
    let mut stack = Stack::start(pair).await;
    let client = stack.creator().await;
    stack.add_worker();
    let ready = client.upload(&fixtures::compliant(4)).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&ready, &["ready"]).await;
    let film = fs::read(fixtures::compliant(6)).unwrap();
    let (upload, arriving) = begin_media(&client, film.len()).await;
    let half = film.len() / 2;
    assert_eq!(patch(&client, &upload, 0, &film[..half]).await.status(), 204);
    let encoding = client.upload(&fixtures::foreign(6)).await["id"].as_str().unwrap().to_owned();
    eventually("the film is worked on", Duration::from_secs(60), || async {
        let media = client.media(&encoding).await;
        (media["status"] != "uploading").then_some(())
    })
    .await;

    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("backup");
    let backup = folder.to_str().unwrap();
    let (status, said, error) = stack.run_command(&[("PATH", &path)], &["backup", backup]);
    assert_eq!(status, 0, "{said}{error}");
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    assert!(manifest["objects"]["objects"].as_u64().unwrap() > 5, "{manifest}");
    // The service went on meanwhile.
    assert_eq!(patch(&client, &upload, half, &film[half..half + 1]).await.status(), 204);
    let (status, _, said) = stack.run_command(&[("PATH", &path)], &["backup", backup]);
    assert!(status == 2 && said.contains("something in it already"), "{said}");

    let settings = elsewhere(pair, &stack, dir.path());
    let copied = open(&stack, &settings[1].1).await;
    copy(&stack.store().await, &copied).await;
    let (status, said, error) = stack.run_command(&with_path(&settings, &path), &["restore", "--checksums", backup]);
    assert!(status == 0 && said.contains("0 are lost"), "{said}{error}");
    let (status, _, said) = stack.run_command(&with_path(&settings, &path), &["restore", backup]);
    assert!(status == 2 && said.contains("already"), "{said}");
    for worker in &mut stack.workers {
        worker.stop();
    }

    let settings: Vec<(&str, &str)> = settings.iter().map(|(n, v)| (*n, v.as_str())).collect();
    let mut again = Stack::start_with(pair, &settings).await;
    assert_clean(&again);
    again.add_worker();
    let person = Client::login(&again.url, &client.username).await;
    let (compliant, report) = media::verify(&format!("{}/hls/{ready}/index.m3u8", again.url));
    assert!(compliant, "{report}");
    assert_eq!(media::play(&format!("{}/hls/{ready}/index.m3u8", again.url)), "");
    let at = offset(&person, &upload).await;
    assert_eq!(at, half, "as far as it was in the backup");
    assert_eq!(patch(&person, &upload, at, &film[at..]).await.status(), 204);
    assert_eq!(stored(&person, &arriving).await, film);
    for id in [&arriving, &encoding] {
        person.wait_for(id, &["ready"]).await;
    }
    assert_clean(&again);
}

async fn what_is_no_backup_is_not_restored(pair: Pair) {
    let path = std::env::var("PATH").unwrap();
    let stack = Stack::start(pair).await;
    stack.creator().await;
    let dir = tempfile::tempdir().unwrap();
    let settings = elsewhere(pair, &stack, dir.path());
    let settings = with_path(&settings, &path);
    let restore = |folder: &Path| stack.run_command(&settings, &["restore", folder.to_str().unwrap()]);

    // Killed at any moment, it has left a whole backup, or none.
    let mut whole = 0;
    for (round, delay_ms) in [0, 20, 60, 150].into_iter().enumerate() {
        let folder = dir.path().join(format!("cut-{round}"));
        let mut process = stack.start_command(&[("PATH", &path)], &["backup", folder.to_str().unwrap()]);
        // The moment is what is tried; nothing is waited for.
        std::thread::sleep(Duration::from_millis(delay_ms));
        process.kill();
        if folder.join("manifest.json").exists() {
            whole += 1;
        } else {
            let (status, _, said) = restore(&folder);
            assert!(status == 2 && said.contains("no backup, or one that was cut"), "{said}");
        }
    }
    let folder = dir.path().join("backup");
    let (status, said, error) = stack.run_command(&[("PATH", &path)], &["backup", folder.to_str().unwrap()]);
    assert_eq!(status, 0, "{said}{error}, {whole} of those that were killed are whole");
    let manifest: Value = serde_json::from_slice(&fs::read(folder.join("manifest.json")).unwrap()).unwrap();
    let database = folder.join(manifest["database"]["file"]["name"].as_str().unwrap());
    let bytes = fs::read(&database).unwrap();
    let mut damaged = bytes.clone();
    damaged[bytes.len() / 2] ^= 1;
    fs::write(&database, damaged).unwrap();
    let (status, _, said) = restore(&folder);
    assert!(status == 2 && said.contains("damaged"), "{said}");
    fs::write(&database, bytes).unwrap();
    let newer = fs::read_to_string(folder.join("manifest.json")).unwrap().replace("\"format\": 1", "\"format\": 2");
    let good = fs::read(folder.join("manifest.json")).unwrap();
    fs::write(folder.join("manifest.json"), newer).unwrap();
    let (status, _, said) = restore(&folder);
    assert!(status == 2 && said.contains("newer"), "{said}");
    fs::write(folder.join("manifest.json"), good).unwrap();
    if pair == Pair::Servers {
        let (status, _, said) = stack.run_command(
            &[
                ("SLUICE_DATABASE_URL", &settings[0].1.replace("postgres://", "postgres://someone:canary@")),
                ("PATH", "/nowhere"),
            ],
            &["backup", dir.path().join("none").to_str().unwrap()],
        );
        assert!(status == 2 && !said.contains("canary"), "{said}");
        let (status, _, said) =
            stack.run_command(&[("PATH", "/nowhere")], &["backup", dir.path().join("none").to_str().unwrap()]);
        assert!(status == 2 && said.contains("pg_dump is needed and not installed"), "{said}");
    }
    // Nothing of what failed has filled the database: it is restored now. Its objects are lost, and are named.
    let list = folder.join("objects.jsonl");
    assert_eq!(fs::read(&list).unwrap(), Bytes::new(), "nothing was uploaded");
    let (status, said, error) = restore(&folder);
    assert_eq!(status, 0, "{said}{error}");
}
