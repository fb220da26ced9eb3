//! Tracks of sound that are added after the upload: a part of their media for new players, and of nobody else's.

use harness::{
    Client, Pair, Stack,
    client::{PATIENCE, problem},
    eventually, fixtures, media,
    platform::{act, get, refused},
    tus::usage,
};
use reqwest::{Method, Response, multipart};
use serde_json::{Value, json};
use sluice_storage::Prefix;
use std::{path::Path, time::Duration};

harness::on_both!(an_added_track_belongs_to_its_media_alone, an_encrypted_film_gets_encrypted_tracks);

const SECONDS: u32 = 14;
/// Of the film and of what is added to it, Hz.
const TONES: [u32; 3] = [440, 1500, 1000];

async fn try_add(client: &Client, id: &str, file: &Path, fields: &[(&'static str, &'static str)]) -> Response {
    let name = file.file_name().unwrap().to_string_lossy().into_owned();
    let part = multipart::Part::bytes(std::fs::read(file).unwrap()).file_name(name);
    let form = fields.iter().fold(multipart::Form::new(), |f, (n, v)| f.text(*n, *v)).part("file", part);
    client.request(Method::POST, &format!("/api/v1/media/{id}/tracks")).multipart(form).send().await.unwrap()
}

/// Adds a track; what is said of it then.
async fn add(client: &Client, id: &str, file: &Path, fields: &[(&'static str, &'static str)]) -> Value {
    let answer = try_add(client, id, file, fields).await;
    assert_eq!(answer.status(), 201);
    let media: Value = answer.json().await.unwrap();
    media["tracks"].as_array().unwrap().last().unwrap().clone()
}

/// Waits until nothing is done for the track of this name any more.
async fn settled(client: &Client, id: &str, name: &Value) -> Value {
    eventually("the track is made", PATIENCE, || async {
        let media = client.media(id).await;
        let track = media["tracks"].as_array().unwrap().iter().find(|t| t["name"] == *name).unwrap().clone();
        (track["status"] != "processing").then_some(track)
    })
    .await
}

/// Lines and addresses of the sounds for all players.
async fn sounds(client: &Client, id: &str) -> Vec<(String, String)> {
    let top = client.text(&format!("/hls/{id}/index.m3u8")).await;
    let lines = top.lines().filter(|l| l.starts_with("#EXT-X-MEDIA:TYPE=AUDIO") && l.contains("GROUP-ID=\"audio\""));
    let uri = |l: &str| format!("/hls/{id}/{}", l.split("URI=\"").nth(1).unwrap().split('"').next().unwrap());
    lines.map(|l| (l.to_owned(), uri(l))).collect()
}

/// Every sound is the one it should be, begins with the film and lasts as long.
fn check_tones(client: &Client, sounds: &[(String, String)], tones: &[u32]) {
    assert_eq!(sounds.len(), tones.len(), "{sounds:?}");
    for ((line, path), tone) in sounds.iter().zip(tones) {
        let url = format!("{}{path}", client.url);
        assert_eq!(media::tone(&url, 0, &TONES), *tone, "{line}");
        let frames = media::decoded_frames(&url, "a:0");
        assert!(frames.abs_diff(u64::from(SECONDS) * 48_000 / 1024) <= 1, "{line}: {frames} frames");
        if *tone != TONES[0] {
            let begins = media::beep(&url);
            assert!((begins - 4.0).abs() < 0.03, "{line}: at {begins} s");
        }
    }
}

/// The package that an address of a rendition is in.
fn package(path: &str) -> &str {
    path.split('/').nth(3).unwrap()
}

/// Whether the store has nothing of a package.
async fn is_purged(stack: &Stack, package: &str) -> bool {
    stack.store().await.list(&Prefix::Package(package.parse().unwrap())).await.unwrap().is_empty()
}

/// Adds a dub that is shorter than the film and a commentary that is longer, and checks that the film is as it was.
async fn add_two(client: &Client, id: &str) {
    let film = sounds(client, id).await;
    let before = client.text(&film[0].1).await;
    let (short, long) = (fixtures::lone_tone(TONES[1], 10, "m4a"), fixtures::lone_tone(TONES[2], 20, "mp3"));
    let dub = add(client, id, &short, &[("language", "de")]).await;
    let said = |name: &str| dub[name].clone();
    assert_eq!((said("label"), said("role"), said("added")), (json!("Deutsch"), json!("dub"), json!(true)), "{dub}");
    let fields = [("language", "en"), ("label", "Remarks"), ("role", "commentary")];
    let remarks = add(client, id, &long, &fields).await;
    for track in [&dub, &remarks] {
        let made = settled(client, id, &track["name"]).await;
        assert_eq!((&made["status"], &made["channels"]), (&json!("ready"), &json!(2)), "{made}");
    }
    assert_eq!(client.text(&film[0].1).await, before, "who plays already goes on");
    let all = sounds(client, id).await;
    check_tones(client, &all, &TONES);
    assert!(all[1].0.contains("LANGUAGE=\"de\",NAME=\"Deutsch\",AUTOSELECT=YES"), "{}", all[1].0);
    assert!(all[2].0.contains("NAME=\"Remarks\"") && !all[2].0.contains("AUTOSELECT=YES"), "{}", all[2].0);
    let (compliant, report) = media::verify(&format!("{}/hls/{id}/index.m3u8", client.url));
    assert!(compliant, "{report}");
    let report = client.json(Method::GET, &format!("/api/v1/media/{id}/report"), &Value::Null, 200).await;
    let told: Vec<&Value> = report["renditions"].as_array().unwrap().iter().filter(|r| r["kind"] == "audio").collect();
    for label in ["Deutsch", "Remarks"] {
        let track = told.iter().find(|r| r["label"] == label).unwrap_or_else(|| panic!("{label}: {report}"));
        let length_ms = told[0]["end_ms"].as_f64().unwrap();
        assert!((track["end_ms"].as_f64().unwrap() - length_ms).abs() < 22.0, "as long as the film: {report}");
        assert!(track["begin_ms"].as_f64().unwrap().abs() < 22.0 && track["size_bytes"].as_i64() > Some(0), "{report}");
    }
    let manifest = client.text(&format!("/hls/{id}/manifest.mpd")).await;
    assert_eq!((manifest.matches("contentType=\"audio\"").count(), manifest.matches("lang=\"de\"").count()), (3, 1));
}

/// At once, or when it is looked at.
async fn what_holds_no_sound_is_refused(owner: &Client, id: &str) {
    let text = fixtures::settings("no-sound.txt", "There is nothing to hear here.");
    assert_eq!(problem(try_add(owner, id, Path::new(&text), &[]).await).await.0, 415);
    let silent = add(owner, id, &fixtures::silent(), &[("label", "Silence")]).await;
    let failed = settled(owner, id, &silent["name"]).await;
    let told = (&failed["status"], &failed["error"]["code"]);
    assert_eq!(told, (&json!("failed"), &json!("unsupported_format")), "{failed}");
    // It is tried again when somebody asks, with the same end.
    let again = act(owner, Method::POST, &retry(id, &silent["name"]), Value::Null, 200).await;
    let track = again["tracks"].as_array().unwrap().iter().find(|t| t["name"] == silent["name"]).unwrap();
    assert_ne!(track["status"], "ready", "{track}");
    assert_eq!(settled(owner, id, &silent["name"]).await["error"]["code"], "unsupported_format");
    for (name, refusal) in [("added-1", (409, "not_failed")), ("audio", (404, "not_found"))] {
        let (status, code) = refused(owner, Method::POST, &retry(id, &json!(name)), Value::Null).await;
        assert_eq!((status, code.as_str()), refusal, "{name}");
    }
}

async fn an_added_track_belongs_to_its_media_alone(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let (owner, other) = (stack.creator().await, stack.creator().await);
    let film = fixtures::by_second(SECONDS, true);
    let id = owner.upload(&film).await["id"].as_str().unwrap().to_owned();
    let tone = fixtures::lone_tone(TONES[1], 10, "m4a");
    assert_eq!(problem(try_add(&owner, &id, &tone, &[]).await).await, (409, "not_ready".to_owned()));
    stack.add_worker();
    owner.wait_for(&id, &["ready"]).await;
    assert_eq!(problem(try_add(&other, &id, &tone, &[]).await).await.0, 403);
    assert_eq!(problem(try_add(&owner, &id, &tone, &[("role", "x")]).await).await, (422, "invalid".to_owned()));
    add_two(&owner, &id).await;
    // The same film of somebody else has the same package, and nothing of what was added.
    let twin = other.upload(&film).await["id"].as_str().unwrap().to_owned();
    other.wait_for(&twin, &["ready"]).await;
    let all = sounds(&owner, &id).await;
    eventually("the package is shared", PATIENCE, || async {
        (package(&sounds(&other, &twin).await[0].1) == package(&all[0].1)).then_some(())
    })
    .await;
    assert_eq!(sounds(&other, &twin).await.len(), 1);
    assert_eq!(problem(other.get(&all[1].1.replace(&id, &twin)).await).await.0, 404, "of another media");
    // Tracks of both kinds are renamed, chosen and hidden alike.
    let track = |name: &str| format!("/api/v1/media/{id}/tracks/{name}");
    owner.json(Method::PUT, &track("added-1"), &json!({ "label": "Synchron", "default": true }), 200).await;
    owner.json(Method::PUT, &track("audio"), &json!({ "hidden": true }), 200).await;
    let changed = sounds(&owner, &id).await;
    assert!(changed.len() == 2 && changed[0].0.contains("NAME=\"Synchron\",DEFAULT=YES"), "{changed:?}");
    owner.json(Method::DELETE, &track("audio"), &Value::Null, 204).await;
    let used = usage(&owner).await["stored_bytes"].as_u64().unwrap();
    let size = |path: &Path| path.metadata().unwrap().len();
    let long = fixtures::lone_tone(TONES[2], 20, "mp3");
    assert_eq!(used, size(&film) + size(&tone) + size(&long));
    what_holds_no_sound_is_refused(&owner, &id).await;
    let alone = owner.upload(&fixtures::sound()).await["id"].as_str().unwrap().to_owned();
    owner.wait_for(&alone, &["ready"]).await;
    assert_eq!(problem(try_add(&owner, &alone, &tone, &[]).await).await, (409, "no_picture".to_owned()));
    // Removed, a track is gone for everybody at once, and its bytes with the window.
    for name in ["added-1", "added-3", "added-1"] {
        owner.json(Method::DELETE, &track(name), &Value::Null, 204).await;
    }
    assert_eq!(owner.media(&id).await["tracks"].as_array().unwrap().len(), 2);
    assert_eq!(problem(owner.get(&all[1].1).await).await.0, 404);
    check_tones(&owner, &sounds(&owner, &id).await, &[TONES[0], TONES[2]]);
    stack.pass(Duration::from_secs(2 * 86_400));
    stack.sweep().await;
    assert!(is_purged(&stack, package(&all[1].1)).await && !is_purged(&stack, package(&all[2].1)).await);
    owner.json(Method::DELETE, &format!("/api/v1/media/{id}"), &Value::Null, 204).await;
    stack.pass(Duration::from_secs(2 * 86_400));
    stack.sweep().await;
    assert!(is_purged(&stack, package(&all[2].1)).await);
    assert_eq!(other.get(&all[0].1.replace(&id, &twin)).await.status(), 200);
}

/// What an administrator has stopped goes on when its owner says so.
async fn stopped_work_on_a_track_goes_on(root: &Client, owner: &Client, id: &str, name: &Value) {
    let queue = get(root, "/admin/queue?status=queued").await;
    let task = queue["items"][0]["id"].as_str().unwrap();
    act(root, Method::POST, &format!("/admin/queue/{task}/cancel"), Value::Null, 204).await;
    let stopped = settled(owner, id, name).await;
    assert_eq!((&stopped["status"], &stopped["error"]["code"]), (&json!("failed"), &json!("cancelled")), "{stopped}");
    let again = act(owner, Method::POST, &retry(id, name), Value::Null, 200).await;
    let track = again["tracks"].as_array().unwrap().iter().find(|t| t["name"] == *name).unwrap();
    assert_eq!((&track["status"], &track["error"]), (&json!("processing"), &Value::Null));
    let twice = refused(owner, Method::POST, &retry(id, name), Value::Null).await;
    assert_eq!(twice, (409, "not_failed".to_owned()));
}

fn retry(id: &str, name: &Value) -> String {
    format!("/media/{id}/tracks/{}/retry", name.as_str().unwrap())
}

/// What was sent while nobody worked is made later.
async fn an_encrypted_film_gets_encrypted_tracks(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    let worker = stack.add_worker();
    let owner = stack.creator().await;
    let fields = [("visibility", "unlisted"), ("encryption", "aes-128")];
    let film: Value = owner.upload_with(&fixtures::by_second(SECONDS, true), &fields).await.json().await.unwrap();
    let id = film["id"].as_str().unwrap().to_owned();
    owner.wait_for(&id, &["ready"]).await;
    stack.workers[worker].kill();
    let added = add(&owner, &id, &fixtures::lone_tone(TONES[1], 10, "m4a"), &[("language", "fr")]).await;
    assert_eq!(added["status"], "processing");
    stopped_work_on_a_track_goes_on(&stack.admin().await, &owner, &id, &added["name"]).await;
    stack.add_worker();
    assert_eq!(settled(&owner, &id, &added["name"]).await["status"], "ready");
    let all = sounds(&owner, &id).await;
    check_tones(&owner, &all, &TONES[..2]);
    let list = owner.text(&all[1].1).await;
    assert!(list.contains("#EXT-X-KEY:METHOD=AES-128,URI=\"../keys/0.key\""), "{list}");
    let (compliant, report) = media::verify(&format!("{}/hls/{id}/index.m3u8", owner.url));
    assert!(compliant, "{report}");
}
