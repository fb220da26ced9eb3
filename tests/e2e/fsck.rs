//! `sluice-api fsck` and `gc`: what is lost is named and made again, what is left over goes, what is in use is left alone.

use bytes::Bytes;
use harness::{
    Client, Pair, Stack,
    client::PATIENCE,
    eventually, fixtures, media,
    tus::{begin_media, patch},
};
use reqwest::Method;
use serde_json::{Value, json};
use sluice_model::{DocumentId, PackageId, PictureId, ProjectId, SourceId};
use sluice_storage::{Key, Prefix, Root, Store};
use std::time::Duration;

harness::on_both!(
    what_is_lost_is_made_again_or_has_failed,
    what_no_row_leads_to_goes_with_the_sweep,
    a_dry_run_counts_what_gc_deletes,
    a_turn_removes_all_that_there_is,
);

/// One worker sweeps for all, so what it may remove is gone after its turn, however much it is.
async fn a_turn_removes_all_that_there_is(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_SWEEP_SECONDS", "3600")]).await;
    let (db, now) = (stack.database().await, sluice_model::clock::now());
    let mut tx = db.begin().await.unwrap();
    for _ in 0..250 {
        tx.mending().doom_source(SourceId::new(), now).await.unwrap();
    }
    tx.commit().await.unwrap();
    stack.add_worker();
    eventually("its first turn has removed all", PATIENCE, || async {
        let left = db.sources().to_delete(now, now, SourceId::nil(), 1).await.unwrap();
        left.is_empty().then_some(())
    })
    .await;
}

/// What a check says: its status, its findings, its numbers.
pub fn fsck(stack: &Stack, settings: &[(&str, &str)], options: &[&str]) -> (i32, Vec<Value>, Value) {
    let (status, out, err) = stack.run_command(settings, &[&["fsck", "--json"], options].concat());
    let mut lines: Vec<Value> = out.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    let summary =
        lines.pop().filter(|l| l["summary"].is_object()).unwrap_or_else(|| panic!("{status}: {err} {lines:?}"));
    (status, lines, summary["summary"].clone())
}

/// A store without faults.
pub fn assert_clean(stack: &Stack) -> Value {
    let (status, findings, summary) = fsck(stack, &[], &[]);
    assert!(status == 0 && findings.is_empty(), "{status}: {findings:?}");
    summary
}

/// Some object of a film's package, by a part of its name.
async fn object_of(store: &Store, package: PackageId, name: &str) -> Key {
    let keys = store.list(&Prefix::Package(package)).await.unwrap();
    keys.into_iter().find(|k| k.to_string().contains(name)).unwrap_or_else(|| panic!("no {name}"))
}

async fn package_of(stack: &Stack, media: &str) -> PackageId {
    let db = stack.database().await;
    db.media().find(media.parse().unwrap()).await.unwrap().unwrap().package_id
}

/// The newest finished film, which verifies.
async fn assert_plays(client: &Client, id: &str) {
    let (compliant, report) = media::verify(&format!("{}/hls/{id}/index.m3u8", client.url));
    assert!(compliant, "{report}");
}

async fn what_is_lost_is_made_again_or_has_failed(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    let client = stack.creator().await;
    stack.add_worker();
    let id = client.upload(&fixtures::compliant(4)).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    let film = std::fs::read(fixtures::compliant(6)).unwrap();
    let (path, _) = begin_media(&client, film.len()).await;
    assert_eq!(patch(&client, &path, 0, &film[..film.len() / 2]).await.status(), 204);
    let summary = assert_clean(&stack);
    assert!(summary["objects"].as_u64().unwrap() > 5, "{summary}");

    let (store, package) = (stack.store().await, package_of(&stack, &id).await);
    let lost = object_of(&store, package, "/000001-").await;
    let cut = object_of(&store, package, "/init-").await;
    store.delete(&lost).await.unwrap();
    store.put(&cut, Bytes::from_static(b"cut")).await.unwrap();
    let (status, findings, _) = fsck(&stack, &[], &[]);
    assert!(status == 1 && findings.len() == 2, "{findings:?}");
    let of = |key: &Key| findings.iter().find(|f| f["key"] == key.to_string()).unwrap().clone();
    let (missing, length) = (of(&lost), of(&cut));
    assert_eq!(
        (&missing["fault"], &missing["segment"], &missing["media"]),
        (&json!("missing"), &json!(1), &json!([id]))
    );
    assert!(missing["rendition"].is_string() && missing.get("repair").is_none(), "{missing}");
    assert_eq!((&length["fault"], &length["found_bytes"]), (&json!("wrong_length"), &json!(3)));
    let (status, findings, summary) = fsck(&stack, &[], &["--repair"]);
    assert_eq!((status, &summary["made_again"], &findings[0]["repair"]), (1, &json!(1), &json!("made_again")));
    client.wait_for(&id, &["ready"]).await;
    assert_plays(&client, &id).await;
    assert_clean(&stack);

    // What the film is made of is lost too, and comes back.
    let source = stack.database().await.media().find(id.parse().unwrap()).await.unwrap().unwrap().source_id;
    let extent = store.list(&Prefix::Source(source)).await.unwrap().remove(0);
    let size = store.size(&extent).await.unwrap().unwrap();
    let bytes = store.read(&extent, 0..size).await.unwrap();
    store.delete(&extent).await.unwrap();
    let (status, findings, summary) = fsck(&stack, &[], &["--repair"]);
    assert_eq!((status, &findings[0]["repair"], &summary["marked_failed"]), (1, &json!("impossible"), &json!(0)));
    assert_plays(&client, &id).await;
    store.delete(&object_of(&store, package, "/000000-").await).await.unwrap();
    let (_, _, summary) = fsck(&stack, &[], &["--repair"]);
    assert_eq!(summary["marked_failed"], 1);
    let failed = client.media(&id).await;
    assert_eq!((&failed["status"], &failed["error"]["code"]), (&json!("failed"), &json!("original_damaged")));
    store.put(&extent, bytes).await.unwrap();
    client.json(Method::POST, &format!("/api/v1/media/{id}/retry"), &Value::Null, 200).await;
    client.wait_for(&id, &["ready"]).await;
    assert_plays(&client, &id).await;
    assert_clean(&stack);
    let settings = match pair {
        Pair::Embedded => ("SLUICE_STORE_URL", "file:///proc/no/such/store"),
        Pair::Servers => ("SLUICE_STORE_URL", "s3://bucket/media?endpoint=http://127.0.0.1:1"),
    };
    let (status, _, said) = stack.run_command(&[settings], &["fsck"]);
    assert_eq!(status, 2, "{said}");
}

/// A name of each kind that no row leads to.
fn strays() -> Vec<Key> {
    let (source, package) = (SourceId::new(), PackageId::new());
    vec![
        Key::Extent { source, number: 7 },
        Key::RenditionFile { package, rendition: "v360".to_owned(), file: "000000-x.m4s".to_owned() },
        Key::PackageFile { package, file: "index.m3u8".to_owned() },
        Key::Document { project: ProjectId::new(), object: DocumentId::random() },
        Key::Picture(PictureId::random()),
    ]
}

/// How many objects there are.
async fn objects(store: &Store) -> usize {
    let mut all = 0;
    for root in Root::ALL {
        let groups: Vec<_> = futures::StreamExt::collect::<Vec<_>>(store.groups(root)).await;
        for group in groups {
            all += store.list(&group.unwrap()).await.unwrap().len();
        }
    }
    all
}

async fn what_no_row_leads_to_goes_with_the_sweep(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let film = fixtures::compliant(4);
    let worker = stack.add_worker();
    let id = client.upload(&film).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    stack.workers[worker].stop();
    let (store, package) = (stack.store().await, package_of(&stack, &id).await);
    let bytes = std::fs::read(&film).unwrap();
    let (path, _) = begin_media(&client, bytes.len()).await;
    assert_eq!(patch(&client, &path, 0, &bytes[..bytes.len() / 2]).await.status(), 204);
    let before = objects(&store).await;
    let mut left = strays();
    left.push(Key::RenditionFile { package, rendition: "images".to_owned(), file: "lost-attempt.jpg".to_owned() });
    for key in &left {
        store.put(key, Bytes::from_static(b"left over")).await.unwrap();
    }
    assert_clean(&stack);
    stack.pass(Duration::from_secs(3600));
    // As old as the window: what uploads and tasks may be writing is not among them.
    let window = [("SLUICE_GC_SECONDS", "1")];
    let found = eventually("what is left over is older than a second", PATIENCE, || async {
        let (_, findings, _) = fsck(&stack, &window, &[]);
        (findings.len() >= left.len()).then_some(findings)
    })
    .await;
    let mut keys: Vec<&str> = found.iter().map(|f| f["key"].as_str().unwrap()).collect();
    let mut expected: Vec<String> = left.iter().map(ToString::to_string).collect();
    keys.sort_unstable();
    expected.sort_unstable();
    assert_eq!(keys, expected);
    assert!(found.iter().all(|f| f["fault"] == "orphan" && f["found_bytes"] == 9), "{found:?}");
    let (status, findings, _) = fsck(&stack, &window, &["--repair"]);
    assert!(status == 1 && findings.iter().all(|f| f["repair"] == "left_to_sweep"), "{findings:?}");
    assert_eq!(objects(&store).await, before + left.len(), "a check deletes nothing");
    stack.pass(Duration::from_secs(2 * 86_400));
    let (status, swept, said) = stack.run_command(&[], &["gc", "--json"]);
    assert_eq!(status, 0, "{said}");
    let swept: Value = serde_json::from_str(&swept).unwrap();
    assert!(swept["total"]["objects"].as_u64().unwrap() >= left.len() as u64, "{swept}");
    for key in &left {
        assert_eq!(store.size(key).await.unwrap(), None, "{key}");
    }
    assert_clean(&stack);
    assert_plays(&client, &id).await;
}

async fn a_dry_run_counts_what_gc_deletes(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let worker = stack.add_worker();
    let mut ids = Vec::new();
    for file in [fixtures::compliant(4), fixtures::sound()] {
        ids.push(client.upload(&file).await["id"].as_str().unwrap().to_owned());
    }
    for id in &ids {
        client.wait_for(id, &["ready"]).await;
    }
    stack.workers[worker].stop();
    let store = stack.store().await;
    // An orphan of a package that goes with its source is counted once.
    let key = Key::RenditionFile {
        package: package_of(&stack, &ids[0]).await,
        rendition: "images".to_owned(),
        file: "lost-attempt.jpg".to_owned(),
    };
    store.put(&key, Bytes::from_static(b"left over")).await.unwrap();
    let all = objects(&store).await as u64;
    let gc = |options: &[&str]| -> Value {
        let (status, out, said) = stack.run_command(&[], &[&["gc", "--json"], options].concat());
        assert_eq!(status, 0, "{said}");
        serde_json::from_str(&out).unwrap()
    };
    assert_eq!(gc(&["--dry-run"])["total"]["objects"], 0);
    let path = format!("/api/v1/media/{}", ids[0]);
    assert_eq!(client.request(Method::DELETE, &path).send().await.unwrap().status(), 204);
    assert_eq!(gc(&[])["total"]["objects"], 0, "it is kept for the window");
    stack.pass(Duration::from_secs(2 * 86_400));
    let would = gc(&["--dry-run"]);
    let doomed = would["swept"]["unreferenced"]["objects"].as_u64().unwrap();
    assert!(doomed > 5 && doomed < all, "{would}");
    assert_eq!(would["swept"]["orphans"]["objects"], 0, "{would}");
    assert!(would["total"]["bytes"].as_u64().unwrap() > 10_000, "{would}");
    assert_eq!(objects(&store).await as u64, all, "nothing is deleted by a dry run");
    let did = gc(&[]);
    assert_eq!((&did["swept"]["unreferenced"], &did["total"]), (&would["swept"]["unreferenced"], &would["total"]));
    assert_eq!(objects(&store).await as u64, all - doomed);
    assert_eq!(gc(&["--dry-run"])["total"]["objects"], 0);
    let (status, said, _) = stack.run_command(&[], &["gc", "--dry-run"]);
    assert!(status == 0 && said.contains("would be deleted in all"), "{said}");
    assert_clean(&stack);
}
