//! `sluice-api export` and `import`: a media as a folder that any web server can serve, and as a media again.

use harness::{
    Client, Pair, Stack, fixtures, media,
    platform::{act, get},
    tus::stored,
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{fs, path::Path};

harness::on_both!(a_media_leaves_as_a_static_package_and_comes_back);

/// Every reference of every playlist is relative and leads to a file of the folder.
fn assert_whole(folder: &Path, playlist: &str) {
    let text = fs::read_to_string(folder.join(playlist)).unwrap();
    let base = Path::new(playlist).parent().unwrap();
    for line in text.lines() {
        let attributes = line.split("URI=\"").skip(1).map(|rest| rest.split('"').next().unwrap());
        let plain = Some(line).filter(|l| !l.starts_with('#') && !l.is_empty());
        for uri in attributes.filter(|_| line.starts_with('#')).chain(plain) {
            assert!(!uri.contains(':') && !uri.starts_with('/'), "{playlist}: {uri}");
            let path = base.join(uri);
            assert!(fs::metadata(folder.join(&path)).unwrap_or_else(|e| panic!("{playlist}: {uri}: {e}")).len() > 0);
            if uri.ends_with(".m3u8") {
                assert_whole(folder, path.to_str().unwrap());
            }
        }
    }
}

async fn ready(client: &Client, file: &Path, fields: &[(&'static str, &'static str)]) -> String {
    let answer = client.upload_with(file, fields).await;
    let id = answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    id
}

async fn a_media_leaves_as_a_static_package_and_comes_back(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let film = fixtures::compliant(4);
    let id = ready(&owner, &film, &[("description", "Two lines\nof it"), ("visibility", "private")]).await;
    let captions = format!("/api/v1/media/{id}/captions/de");
    let typed = owner.request(Method::PUT, &captions).header("content-type", "text/vtt");
    let typed = typed.body("WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nHallo\n").send().await.unwrap();
    assert!(typed.status().is_success(), "{typed:?}");
    let chapters = json!({ "items": [{ "start_ms": 0, "title": "Begin" }, { "start_ms": 2000, "title": "End" }] });
    act(&owner, Method::PUT, &format!("/media/{id}/chapters"), chapters.clone(), 200).await;
    act(&owner, Method::PATCH, &format!("/media/{id}"), json!({ "tags": ["onions", "two"] }), 200).await;

    let dir = tempfile::tempdir().unwrap();
    let folder = dir.path().join("film");
    let export = |id: &str, to: &Path, options: &[&str]| {
        stack.run_command(&[], &[&["export", id, to.to_str().unwrap()], options].concat())
    };
    let (status, said, error) = export(&id, &folder, &[]);
    assert_eq!(status, 0, "{said}{error}");
    assert_whole(&folder, "index.m3u8");
    let (compliant, report) = media::verify(folder.to_str().unwrap());
    assert!(compliant, "{report}");
    assert_eq!(media::play(folder.join("index.m3u8").to_str().unwrap()), "");
    let index = fs::read_to_string(folder.join("index.m3u8")).unwrap();
    assert!(index.contains("TYPE=SUBTITLES") && index.contains("chapters.json"), "{index}");
    let said: Value = serde_json::from_slice(&fs::read(folder.join("media.json")).unwrap()).unwrap();
    assert_eq!((&said["title"], &said["visibility"]), (&json!("A film"), &json!("private")));
    assert!(said["pictures"].as_array().unwrap().len() >= 2, "{said}");
    assert_eq!(fs::read(folder.join("original")).unwrap(), fs::read(&film).unwrap());
    assert!(export(&id, &folder, &[]).2.contains("something in it already"));

    let other = stack.creator().await;
    let import =
        |from: &Path, owner: &str| stack.run_command(&[], &["import", from.to_str().unwrap(), "--owner", owner]);
    let (status, made, error) = import(&folder, &other.username);
    assert_eq!(status, 0, "{made}{error}");
    let made = made.trim().lines().last().unwrap().to_owned();
    let media = other.wait_for(&made, &["ready"]).await;
    assert_eq!((&media["title"], &media["description"]), (&json!("A film"), &json!("Two lines\nof it")));
    assert_eq!((&media["visibility"], &media["tags"]), (&json!("private"), &json!(["onions", "two"])));
    assert_eq!(stored(&other, &made).await, fs::read(&film).unwrap());
    assert_eq!(get(&other, &format!("/media/{made}/chapters")).await, chapters);
    let body = other.text(&format!("/api/v1/media/{made}/captions/de")).await;
    assert!(body.contains("Hallo"), "{body}");
    assert_eq!(owner.get(&format!("/api/v1/media/{made}")).await.status(), 404, "it is the other's");

    // An encrypted film has its keys beside it.
    let secret = ready(&owner, &fixtures::sound(), &[("encryption", "aes-128")]).await;
    let locked = dir.path().join("locked");
    let (status, said, error) = export(&secret, &locked, &["--no-original"]);
    assert_eq!(status, 0, "{said}{error}");
    assert_whole(&locked, "index.m3u8");
    assert!(!locked.join("original").exists());
    let (status, _, error) = import(&locked, &other.username);
    assert!(status != 0 && error.contains("original is not in it"), "{error}");
    let mut damaged = fs::read(folder.join("original")).unwrap();
    damaged[1000] ^= 1;
    fs::write(folder.join("original"), damaged).unwrap();
    let (status, _, error) = import(&folder, &other.username);
    assert!(status != 0 && error.contains("damaged"), "{error}");
    let (status, _, error) = import(&folder, "nobody-at-all");
    assert!(status != 0 && !error.is_empty(), "{error}");
}
