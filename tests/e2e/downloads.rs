//! A rendition as one MP4 file, put together while it is sent.

use harness::{Client, Pair, Stack, fixtures, media::decoded_frames};
use reqwest::{Method, StatusCode, header};
use serde_json::{Value, json};

harness::on_both!(
    renditions_are_downloaded_as_one_file,
    the_default_sound_is_beside_a_picture,
    what_is_private_or_encrypted_is_not_downloaded_by_others
);

async fn ready(client: &Client, fields: &[(&'static str, &'static str)]) -> String {
    let answer = client.upload_with(&fixtures::compliant(14), fields).await;
    let id = answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    id
}

async fn renditions_are_downloaded_as_one_file(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let id = ready(&owner, &[("title", "Über/Alles"), ("visibility", "public")]).await;
    let list: Value = owner.get(&format!("/api/v1/media/{id}/downloads")).await.json().await.unwrap();
    let items = list["items"].as_array().unwrap();
    let names: Vec<&str> = items.iter().map(|i| i["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["source.mp4", "v240.mp4", "audio.m4a", "v144.mp4", "low.m4a"]);
    assert_eq!(items[0]["height"], 360, "{list}");
    let folder = tempfile::tempdir().unwrap();
    for item in items {
        let (name, url) = (item["name"].as_str().unwrap(), item["url"].as_str().unwrap());
        let answer = harness::client::http().get(url).send().await.unwrap();
        let (status, headers) = (answer.status(), answer.headers().clone());
        assert_eq!(
            (status, &headers[header::ACCEPT_RANGES]),
            (StatusCode::OK, &header::HeaderValue::from_static("bytes"))
        );
        let expected = format!(
            "attachment; filename*=UTF-8''%C3%9Cber%2FAlles%20%28{}%29.{}",
            name.split('.').next().unwrap(),
            name.split('.').nth(1).unwrap()
        );
        assert_eq!(headers[header::CONTENT_DISPOSITION], expected);
        let whole = answer.bytes().await.unwrap();
        let about = item["about_bytes"].as_f64().unwrap();
        assert!((about / whole.len() as f64 - 1.0).abs() < 0.1, "{about} {}", whole.len());
        let file = folder.path().join(name);
        std::fs::write(&file, &whole).unwrap();
        let file = file.display().to_string();
        if item["kind"] == "video" {
            assert_eq!(decoded_frames(&file, "v:0"), 14 * 25, "{name}");
        }
        let samples = decoded_frames(&file, "a:0") as f64 * 1024.0;
        assert!((samples / 48_000.0 - 14.0).abs() < 0.1, "{name}: {samples}");
        // Every cut of the file is the same bytes.
        let size = whole.len() as u64;
        for (from, to) in [(0, 0), (0, size - 1), (100, 5_000), (size / 2, size / 2 + 70_000), (size - 10, size - 1)] {
            let ranged = harness::client::http()
                .get(url)
                .header(header::RANGE, format!("bytes={from}-{to}"))
                .send()
                .await
                .unwrap();
            assert_eq!(ranged.status(), StatusCode::PARTIAL_CONTENT);
            let (first, end) = (from as usize, (to.min(size - 1) + 1) as usize);
            assert_eq!(ranged.bytes().await.unwrap(), whole.slice(first..end), "{name} {from}-{to}");
        }
        let tag = headers[header::ETAG].to_str().unwrap().to_owned();
        let again = harness::client::http().get(url).header(header::IF_NONE_MATCH, tag).send().await.unwrap();
        assert_eq!(again.status(), StatusCode::NOT_MODIFIED);
        let beyond =
            harness::client::http().get(url).header(header::RANGE, format!("bytes={size}-")).send().await.unwrap();
        assert_eq!(beyond.status(), StatusCode::RANGE_NOT_SATISFIABLE);
    }
    for name in ["v999.mp4", "audio.mp4", "v360.m4a", "..", "v360"] {
        assert_eq!(owner.get(&format!("/download/{id}/{name}")).await.status(), 404, "{name}");
    }
}

/// Of many sounds it is the default one, in the form that everybody can play.
async fn the_default_sound_is_beside_a_picture(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let media = owner.upload(&fixtures::many_sounds(false)).await;
    let id = media["id"].as_str().unwrap();
    owner.wait_for(id, &["ready"]).await;
    let list: Value = owner.get(&format!("/api/v1/media/{id}/downloads")).await.json().await.unwrap();
    let items = list["items"].as_array().unwrap();
    assert!(items.iter().any(|i| i["name"] == "surround.m4a"), "{list}");
    let film = items.iter().find(|i| i["kind"] == "video").unwrap();
    let url = film["url"].as_str().unwrap();
    let shown = ["-v", "error", "-select_streams", "a", "-show_entries", "stream=channels", "-of", "csv=p=0", url];
    let output = std::process::Command::new("ffprobe").args(shown).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "2", "{list}");
}

async fn what_is_private_or_encrypted_is_not_downloaded_by_others(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let (owner, stranger) = (stack.creator().await, stack.viewer().await);
    let answer = owner.upload_with(&fixtures::compliant(14), &[("visibility", "private")]).await;
    let early: Value = answer.json().await.unwrap();
    let early = early["id"].as_str().unwrap();
    let status = owner.get(&format!("/api/v1/media/{early}/downloads")).await.status();
    assert_eq!(status, 404, "nothing before it is ready");
    stack.add_worker();
    owner.wait_for(early, &["ready"]).await;
    let list: Value = owner.get(&format!("/api/v1/media/{early}/downloads")).await.json().await.unwrap();
    let path = format!("/download/{early}/{}", list["items"][0]["name"].as_str().unwrap());
    assert_eq!(owner.get(&path).await.status(), 200);
    assert_eq!(stranger.get(&path).await.status(), 404);
    assert_eq!(stranger.get(&format!("/api/v1/media/{early}/downloads")).await.status(), 404);
    let made = owner
        .json(Method::POST, &format!("/api/v1/media/{early}/playback-tokens"), &json!({ "expires_in": 3600 }), 201)
        .await;
    let token = made["hls_url"].as_str().unwrap().split("/p/").nth(1).unwrap().split('/').next().unwrap();
    for path in [format!("/p/{token}{path}"), format!("{path}?token={token}")] {
        assert_eq!(stranger.get(&path).await.status(), 404, "a token plays and does not download");
    }
    let secret = ready(&owner, &[("encryption", "aes-128")]).await;
    assert_eq!(owner.get(&format!("/api/v1/media/{secret}/downloads")).await.status(), 404);
    assert_eq!(owner.get(&format!("/download/{secret}/audio.m4a")).await.status(), 404);
}
