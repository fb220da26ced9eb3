//! AES-128: what is stored is unreadable, what players get plays.

use harness::{Client, Pair, Stack, client::problem, fixtures, media};
use reqwest::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

harness::on_both!(segments_are_encrypted_under_rotating_keys, encrypted_and_plain_packages_stay_apart);

async fn upload(client: &Client, encryption: &'static str) -> String {
    let fields = [("visibility", "unlisted"), ("encryption", encryption)];
    let made = client.upload_with(&fixtures::compliant(10), &fields).await;
    assert_eq!(made.status(), 201);
    let made: Value = made.json().await.unwrap();
    assert_eq!(made["encryption"], encryption);
    made["id"].as_str().unwrap().to_owned()
}

async fn segments_are_encrypted_under_rotating_keys(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let settings = pair_settings();
    let mut stack = Stack::start_with(pair, &[("SLUICE_CONFIG", settings.path().to_str().unwrap())]).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let id = upload(&owner, "aes-128").await;
    let ready = owner.wait_for(&id, &["ready"]).await;
    let url = ready["playback"]["hls_url"].as_str().unwrap();
    let top = owner.text(&format!("/hls/{id}/index.m3u8")).await;
    let mut keys = BTreeSet::new();
    for rendition in top.lines().filter(|l| l.ends_with(".m3u8")) {
        let base = format!("/hls/{id}/{rendition}");
        let list = owner.text(&base).await;
        let folder = base.rsplit_once('/').unwrap().0;
        let tags: Vec<&str> =
            list.lines().filter(|l| l.starts_with("#EXT-X-KEY:METHOD=AES-128,URI=\"../keys/")).collect();
        let segments: Vec<&str> = list.lines().filter(|l| l.ends_with(".m4s")).collect();
        assert_eq!(tags.len(), segments.len(), "{list}");
        let vectors: BTreeSet<&str> = tags.iter().map(|t| t.split("IV=0x").nth(1).unwrap()).collect();
        assert_eq!(vectors.len(), segments.len(), "a vector is used once: {list}");
        keys.extend(tags.iter().map(|t| t.split('"').nth(1).unwrap().trim_start_matches("../").to_owned()));
        assert!(list.find("#EXT-X-MAP").unwrap() < list.find("#EXT-X-KEY").unwrap(), "the init segment is plain");
        for segment in segments {
            let stored = owner.get(&format!("{folder}/{segment}")).await.bytes().await.unwrap();
            assert_eq!(stored.len() % 16, 0);
            for word in [b"moof", b"mdat", b"tfdt"] {
                assert!(!stored.windows(4).any(|w| w == word), "{segment} is readable");
            }
        }
    }
    assert!(keys.len() >= 2, "a key for two segments each: {keys:?}");
    let package = top.lines().find(|l| l.ends_with(".m3u8")).unwrap().split('/').next().unwrap();
    let mut values = BTreeSet::new();
    for key in &keys {
        let answer = owner.get(&format!("/hls/{id}/{package}/{key}")).await;
        assert_eq!(answer.headers()["cache-control"], "private, no-store");
        let value = answer.bytes().await.unwrap();
        assert_eq!(value.len(), 16);
        values.insert(value);
    }
    assert_eq!(values.len(), keys.len());
    let (compliant, report) = media::verify(url);
    assert!(compliant, "{report}");
    assert_eq!(media::play(url), "");
    assert_eq!(media::decoded_frames(url, "v:0"), 250);
    // Keys go with the media: who may not play it gets none; numbers that never were are nothing.
    let key = format!("/hls/{id}/{package}/keys/0.key");
    let stranger = stack.creator().await;
    assert_eq!(stranger.get(&key).await.status(), 200, "unlisted");
    for none in ["99.key", "0", "-1.key", "x.key", "0.key.key"] {
        assert_eq!(problem(owner.get(&format!("/hls/{id}/{package}/keys/{none}")).await).await.0, 404, "{none}");
    }
    assert_eq!(problem(stranger.get(&format!("/raw/{id}")).await).await.0, 404, "the original is the owner's");
    assert_eq!(owner.get(&format!("/raw/{id}")).await.status(), 200);
    owner.json(Method::PATCH, &format!("/api/v1/media/{id}"), &json!({ "visibility": "private" }), 200).await;
    assert_eq!(problem(stranger.get(&key).await).await.0, 404);
    assert_eq!(owner.get(&key).await.status(), 200);
    let link = json!({ "expires_in": 60 });
    let made = owner.json(Method::POST, &format!("/api/v1/media/{id}/playback-tokens"), &link, 201).await;
    let url = made["hls_url"].as_str().unwrap();
    assert_eq!(media::play(url), "", "keys are covered by the path");
}

fn pair_settings() -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "[encode]\nkey_segments = 2\n").unwrap();
    file
}

/// Encrypted and plain packages of one film do not become one.
async fn encrypted_and_plain_packages_stay_apart(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (one, two) = (stack.creator().await, stack.creator().await);
    let plain = upload(&one, "none").await;
    one.wait_for(&plain, &["ready"]).await;
    let secret = upload(&two, "aes-128").await;
    two.wait_for(&secret, &["ready"]).await;
    let again = upload(&one, "aes-128").await;
    one.wait_for(&again, &["ready"]).await;
    let package =
        |top: String| top.lines().find(|l| l.ends_with(".m3u8")).unwrap().split('/').next().unwrap().to_owned();
    let of = |client: Client, id: String| async move { package(client.text(&format!("/hls/{id}/index.m3u8")).await) };
    let secret_package = of(two.clone(), secret).await;
    assert_ne!(of(one.clone(), plain).await, secret_package);
    harness::eventually("encrypted twins are merged", std::time::Duration::from_secs(60), || async {
        (of(one.clone(), again.clone()).await == secret_package).then_some(())
    })
    .await;
    let odd = one.upload_with(&fixtures::silent(), &[("encryption", "rot13")]).await;
    assert_eq!(problem(odd).await, (422, "invalid".into()));
}
