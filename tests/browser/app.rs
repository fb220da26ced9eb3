//! The web app in headless Chromium, as people use it, and that what ships is what its source gives.

use super::node;
use harness::{NO_QUOTAS, Pair, Stack, client::PASSWORD, fixtures, proof};
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
};

harness::on_both!(a_newcomer_uploads_and_watches_within_a_minute, people_talk_in_the_app_as_it_plays,);

const UNLIMITED: (&str, &str) =
    ("SLUICE_LIMITS", "login=0/1,register=0/1,upload=0/1,upload_account=0/1,comment=0/1,captions=0/1");
/// What the first page may weigh, compressed.
const MOST_BYTES: u64 = 150_000;

/// The address at which browsers take `__Host-` cookies without TLS, of a service on 127.0.0.1.
fn address(stack: &Stack) -> String {
    stack.url.replace("127.0.0.1", "localhost")
}

async fn journey(mode: &str, stack: &Stack, more: Value) -> Value {
    let mut asked = json!({ "mode": mode, "url": address(stack) });
    asked.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    let seen = node("app.mjs", &[&asked.to_string()]).await;
    assert_eq!(seen["complaints"], json!([]), "{seen}");
    seen
}

/// The picture is that of the film, and its link works without an account.
async fn a_newcomer_uploads_and_watches_within_a_minute(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let film = fixtures::foreign(14);
    // Under a path of its own behind a proxy, of which the service knows nothing; or over plain HTTP from another machine,
    // where browsers keep no cookies of a login.
    let more = match pair {
        Pair::Servers => json!({ "name": "newcomer", "film": film, "prefix": "/video" }),
        Pair::Embedded => {
            json!({ "name": "newcomer", "film": film, "url": stack.url.replace("127.0.0.1", "plain.example") })
        }
    };
    let seen = journey("newcomer", &stack, more).await;
    assert_eq!((&seen["seen"]["width"], &seen["seen"]["height"]), (&seen["shown"]["width"], &seen["shown"]["height"]));
    assert!(seen["seen"]["width"].as_u64() > Some(0), "a picture is shown: {seen}");
    assert!(seen["took"].as_f64().unwrap() < 60_000.0, "{seen}");
    assert!(seen["bytes"].as_u64().unwrap() > 10_000, "it was measured: {seen}");
    assert!(seen["bytes"].as_u64().unwrap() <= MOST_BYTES, "{seen}");
}

async fn people_talk_in_the_app_as_it_plays(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[UNLIMITED]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let sent = client.upload_with(&fixtures::compliant(10), &[("visibility", "public")]).await;
    let media: Value = sent.json().await.unwrap();
    let id = media["id"].as_str().unwrap();
    client.wait_for(id, &["ready"]).await;
    let seen = journey("talk", &stack, json!({ "name": client.username, "media": id })).await;
    assert_eq!(seen["viewers"], "2 are here");
    let said = client.json(reqwest::Method::GET, &format!("/api/v1/media/{id}/comments"), &Value::Null, 200).await;
    let first = said["items"].as_array().unwrap().iter().find(|c| c["parent_id"].is_null()).unwrap().clone();
    assert_eq!(first["body"], "What a <b>view</b>!");
    assert!(first["at_ms"].as_i64() > Some(900), "{first}");
    assert_eq!(first["reply_count"], 1);
}

/// A phone's heavy picture stands beside one of its size that takes less.
#[tokio::test]
async fn two_rates_of_one_size_are_told_apart_in_the_menu() {
    let mut stack = Stack::start_with(Pair::Embedded, &[UNLIMITED, NO_QUOTAS]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let id = client.upload(&fixtures::heavy(10)).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    let rungs = json!(["source", "v720-lean"]);
    let seen = journey("qualities", &stack, json!({ "name": client.username, "media": id, "rungs": rungs })).await;
    let choices: Vec<&str> = seen["choices"].as_array().unwrap().iter().map(|c| c.as_str().unwrap()).collect();
    let [auto, heavy, lean, smaller, ..] = choices[..] else { panic!("{seen}") };
    assert!(auto.starts_with("Automatic") && smaller == "480p", "{seen}");
    let rate = |label: &str| label.strip_prefix("720p, ")?.strip_suffix(" Mb/s")?.parse::<f64>().ok();
    let (heavy, lean) = (rate(heavy).unwrap(), rate(lean).unwrap());
    assert!(heavy > 10.0 && lean < heavy / 2.0, "{seen}");
    assert_eq!(seen["loaded"], rungs, "what is chosen is loaded: {seen}");
}

/// What the API does for it is for `e2e::added_tracks` and `e2e::posts`.
#[tokio::test]
async fn a_sound_goes_on_while_one_browses() {
    let mut stack = Stack::start_with(Pair::Embedded, &[UNLIMITED, NO_QUOTAS]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let mut ids = Vec::new();
    // Longer than a slow machine needs for all pages of the journey.
    let long = ["-f", "lavfi", "-i", "sine=330:r=48000:d=180", "-c:a", "aac", "-b:a", "64k"];
    for file in [fixtures::compliant(10), fixtures::made("long-sound.m4a", &long)] {
        let sent = client.upload_with(&file, &[("visibility", "public")]).await;
        ids.push(sent.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned());
    }
    for id in &ids {
        client.wait_for(id, &["ready"]).await;
    }
    let body = json!({ "title": "How", "body": format!("![the film](media:{})", ids[0]), "published": true });
    let post = client.json(reqwest::Method::POST, "/api/v1/posts", &body, 201).await;
    let more = json!({ "name": client.username, "media": ids[0], "sound": ids[1], "post": post["id"], "dub": fixtures::sound() });
    let seen = journey("listen", &stack, more).await;
    assert!(seen["seen"]["width"].as_u64() > Some(0), "the post shows its film: {seen}");
    assert_eq!(seen["tracks"], 2, "{seen}");
}

/// What the API does with them on each store is for `e2e::tus`.
#[tokio::test]
async fn uploads_explain_themselves_and_go_on_after_a_reload() {
    let mut stack = Stack::start_with(Pair::Embedded, &[UNLIMITED, NO_QUOTAS]).await;
    stack.add_worker();
    let film = stack.folder().join("long.mp4");
    std::fs::write(&film, fixtures::padded(&fixtures::compliant(10), 40 << 20)).unwrap();
    let seen = journey("upload", &stack, json!({ "name": "sender", "film": film, "wrong": fixtures::text() })).await;
    let why = seen["why"].as_str().unwrap();
    assert!(why.contains("a playlist") && why.contains("MP4"), "what it is, and what to do: {why}");
    assert_eq!(seen["refusals"], json!([]));
    assert!(seen["offset"].as_u64() > Some(8 << 20), "it goes on where it was: {seen}");
}

/// By axe-core nothing serious is wrong with any page, in both themes. A sample of the pages, all of them in the proof.
#[tokio::test]
async fn pages_of_the_app_are_for_everybody() {
    let (name, email) = ("root", "root@example.org");
    let admin = [("SLUICE_ADMIN_USERNAME", name), ("SLUICE_ADMIN_EMAIL", email), ("SLUICE_ADMIN_PASSWORD", PASSWORD)];
    let closed = [UNLIMITED, NO_QUOTAS];
    let mut stack = Stack::start_with(Pair::Embedded, &[&admin[..], &closed[..]].concat()).await;
    stack.add_worker();
    let films = [fixtures::compliant(10), fixtures::sound()];
    let asked = json!({
        "admin": { "login": name, "password": PASSWORD },
        "films": films,
        "wrong": fixtures::text(),
        "every": proof(false, true),
    });
    let seen = journey("pages", &stack, asked).await;
    assert_eq!(seen["found"], json!([]), "{seen}");
    assert_eq!(seen["refusals"], json!([]), "{seen}");
    assert!(seen["visited"].as_u64() >= Some(12), "{seen}");
}

fn files(folder: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(inner) = folders.pop() {
        for entry in std::fs::read_dir(&inner).unwrap().flatten() {
            if entry.path().is_dir() {
                folders.push(entry.path());
            } else {
                let name = entry.path().strip_prefix(folder).unwrap().to_owned();
                found.insert(name, std::fs::read(entry.path()).unwrap());
            }
        }
    }
    found
}

/// Runs npm in the app's folder; what it printed.
fn npm(arguments: &[&str]) -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/web");
    let output = Command::new("npm").current_dir(folder).args(arguments).output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "npm {arguments:?}: {text}");
    text
}

/// `api/web/dist` stands in the tree, so that no Node is needed to build the service.
#[test]
fn what_ships_is_what_the_source_of_the_app_gives() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/web");
    if !web.join("node_modules/.package-lock.json").exists() {
        println!(
            "skipped: the app's packages are not installed; `make test` installs them where npm's registry answers"
        );
        return;
    }
    let made = tempfile::tempdir().unwrap();
    let out = made.path().display().to_string();
    npm(&["run", "--silent", "build", "--", "--outDir", &out, "--emptyOutDir"]);
    let (made, shipped) = (files(made.path()), files(&web.join("dist")));
    let names = |f: &BTreeMap<PathBuf, Vec<u8>>| f.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&made), names(&shipped), "run `npm run build` in api/web");
    let changed: Vec<_> = made.iter().filter(|(name, bytes)| shipped[*name] != **bytes).map(|(name, _)| name).collect();
    assert!(changed.is_empty(), "run `npm run build` in api/web: {changed:?}");
}

#[test]
fn every_language_of_the_app_is_complete() {
    let web = Path::new(env!("CARGO_MANIFEST_DIR")).join("../api/web");
    let output = Command::new("node").current_dir(web).arg("build/words.mjs").output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
