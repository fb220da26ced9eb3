//! Real players from npm: hls.js in headless Chromium, hls-parser in strict mode; and the web app.

mod app;
mod sync;

use harness::{NO_QUOTAS, Pair, Stack, client::PATIENCE, fixtures, in_sample, storyboard::by_seconds};
use reqwest::Method;
use serde_json::Value;
use std::path::Path;
use tokio::process::Command;

harness::on_both!(
    hls_js_plays_and_switches_renditions,
    hls_js_plays_through_a_narrow_line,
    hls_js_starts_growing_media_at_zero,
    hls_js_plays_low_rungs_while_the_others_are_made,
    hls_js_plays_encrypted_media_by_token,
    hls_js_shows_subtitles_in_time,
    hls_js_winds_by_key_frames_alone,
    chromium_seeks_in_a_download_and_animates_a_preview,
    players_choose_every_sound,
    shaka_plays_hls_and_dash_with_subtitles,
    uppy_uploads_parts_to_the_store,
    user_input_never_executes,
);

/// Runs a script of this folder with node; its JSON.
async fn node(script: &str, arguments: &[&str]) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("browser");
    let run = Command::new("node").current_dir(&folder).arg(script).args(arguments).kill_on_drop(true).output();
    let output = tokio::time::timeout(PATIENCE, run).await.expect("the browser hangs").unwrap();
    let text = |b: &[u8]| String::from_utf8_lossy(b).into_owned();
    assert!(output.status.success(), "{script}: {}{}", text(&output.stdout), text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

async fn hls_js_plays_and_switches_renditions(pair: Pair) {
    if !in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    for (film, seconds) in [(fixtures::compliant(10), 10.0), (fixtures::foreign(14), 14.0)] {
        let id = client.upload(&film).await["id"].as_str().unwrap().to_owned();
        let ready = client.wait_for(&id, &["ready"]).await;
        let url = ready["playback"]["hls_url"].as_str().unwrap();
        assert_eq!(node("parse.mjs", &[url]).await["playlists"], 5, "three pictures and two sounds");
        let seen = node("play.mjs", &[url, "2", "switch"]).await;
        assert_eq!(seen["variants"], 4, "the smallest picture with both sounds: {seen}");
        assert!(seen["levels"].as_array().unwrap().len() >= 2, "no switch: {seen}");
        assert!(seen["heights"].as_array().unwrap().len() >= 2, "the picture did not change: {seen}");
        assert!((seen["ended"].as_f64().unwrap() - seconds).abs() < 0.2, "{seen}");
        assert_eq!(seen["errors"], serde_json::json!([]), "{seen}");
        assert!(seen["started"].as_f64().unwrap() < 0.3, "{seen}");
        // What the player itself told of it.
        let told: Value = client.json(Method::GET, &format!("/api/v1/media/{id}/quality"), &Value::Null, 200).await;
        let day = &told["days"][0];
        assert_eq!((&day["sessions"], &day["starts"], &day["failures"]), (&1.into(), &1.into(), &0.into()), "{told}");
        let watched = day["watched_ms"].as_f64().unwrap() / 1000.0;
        assert!((watched - seconds / 2.0).abs() < 1.5 + day["stalled_ms"].as_f64().unwrap() / 1000.0, "{told}");
        assert!(told["rungs"].as_array().unwrap().len() >= 2, "both rungs: {told}");
    }
}

/// Through a line that carries no other variant: the smallest picture, the low sound, and no pause.
async fn hls_js_plays_through_a_narrow_line(pair: Pair) {
    if !in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let id = client.upload(&fixtures::foreign(14)).await["id"].as_str().unwrap().to_owned();
    let ready = client.wait_for(&id, &["ready"]).await;
    let seen = node("play.mjs", &[ready["playback"]["hls_url"].as_str().unwrap(), "1", "narrow"]).await;
    assert_eq!(seen["errors"], serde_json::json!([]), "{seen}");
    assert_eq!(seen["stalls"], serde_json::json!([]), "{seen}");
    let loaded: Vec<&str> = seen["loaded"].as_array().unwrap().iter().map(|l| l.as_str().unwrap()).collect();
    assert!(loaded.contains(&"v144") && loaded.contains(&"low"), "{seen}");
    assert!(loaded.iter().all(|l| ["v144", "low"].contains(l)), "{seen}");
}

/// A downloaded file is not read to its end to be seen in the middle.
async fn chromium_seeks_in_a_download_and_animates_a_preview(pair: Pair) {
    if !in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = fixtures::compliant(30);
    let answer = client.upload_with(&film, &[("visibility", "public")]).await;
    let id = answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    let ready = client.wait_for(&id, &["ready"]).await;
    let moving = node("preview.mjs", &[ready["playback"]["preview_url"].as_str().unwrap()]).await;
    assert_eq!((&moving["animated"], &moving["endless"]), (&Value::Bool(true), &Value::Bool(true)), "{moving}");
    assert_eq!(moving["sizes"], serde_json::json!(vec![[320, 180]; 12]), "{moving}");
    assert_eq!(moving["shown"], serde_json::json!(vec![250; 12]), "{moving}");
    let list: Value = client.get(&format!("/api/v1/media/{id}/downloads")).await.json().await.unwrap();
    let seen = node("download.mjs", &[list["items"][0]["url"].as_str().unwrap(), "21.5"]).await;
    assert!((seen["duration"].as_f64().unwrap() - 30.0).abs() < 0.2, "{seen}");
    assert!((seen["shown"].as_f64().unwrap() - 21.5).abs() < 0.1 && seen["size"] == 360, "{seen}");
    let ranges = seen["ranges"].as_array().unwrap();
    assert!(!ranges.is_empty() && ranges.iter().all(|r| r.as_str().unwrap().starts_with("206 bytes=")), "{seen}");
}

async fn hls_js_starts_growing_media_at_zero(pair: Pair) {
    if !in_sample(pair, 0) {
        return;
    }
    // One core and a slow preset, so that the film is still being encoded for a while after `playable`.
    let slow = fixtures::slow_preset();
    let mut stack = Stack::start_with(pair, &[("SLUICE_WORKER_CORES", "1"), ("SLUICE_CONFIG", &slow)]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let id = client.upload(&fixtures::foreign(18)).await["id"].as_str().unwrap().to_owned();
    let playable = client.wait_for(&id, &["playable"]).await;
    let url = playable["playback"]["hls_url"].as_str().unwrap();
    assert!(client.text(&format!("/hls/{id}/index.m3u8")).await.contains("/event.m3u8"), "the growing presentation");
    assert_eq!(node("parse.mjs", &[url]).await["playlists"], 4, "the low sound comes when the film is made");
    let seen = node("play.mjs", &[url, "1", ""]).await;
    assert!(seen["started"].as_f64().unwrap() < 0.3, "{seen}");
    assert!((seen["ended"].as_f64().unwrap() - 18.0).abs() < 0.2, "{seen}");
    assert_eq!(seen["stalls"], serde_json::json!([]), "{seen}");
    let jumps: Vec<&Value> = seen["seeks"].as_array().unwrap().iter().filter(|s| !s[0].is_null()).collect();
    assert_eq!(jumps, [] as [&Value; 0], "{seen}");
    assert_eq!(seen["errors"], serde_json::json!([]), "{seen}");
}

async fn hls_js_plays_low_rungs_while_the_others_are_made(pair: Pair) {
    if !in_sample(pair, 1) {
        return;
    }
    let slower = fixtures::settings("slower", "[encode]\npreset = \"slower\"\n");
    let mut stack = Stack::start_with(pair, &[("SLUICE_WORKER_CORES", "1"), ("SLUICE_CONFIG", &slower)]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let id = client.upload(&fixtures::still(24)).await["id"].as_str().unwrap().to_owned();
    let playable = client.wait_for(&id, &["playable"]).await;
    let seen = node("play.mjs", &[playable["playback"]["hls_url"].as_str().unwrap(), "2", ""]).await;
    assert_eq!(seen["variants"], 2, "the growing presentation has the rungs that keep ahead: {seen}");
    assert!((seen["ended"].as_f64().unwrap() - 24.0).abs() < 0.2, "{seen}");
    assert_eq!(seen["errors"], serde_json::json!([]), "{seen}");
    let ready = client.wait_for(&id, &["ready"]).await;
    assert_eq!(node("parse.mjs", &[ready["playback"]["hls_url"].as_str().unwrap()]).await["playlists"], 5);
}

/// A page that knows nothing but the link: playlists, segments and keys all carry it. On an S3 server the
/// segments come straight from there.
async fn hls_js_plays_encrypted_media_by_token(pair: Pair) {
    if !in_sample(pair, 1) {
        return;
    }
    let direct = if pair == Pair::Servers { "true" } else { "false" };
    let mut stack = Stack::start_with(pair, &[("SLUICE_DIRECT", direct)]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let fields = [("visibility", "private"), ("encryption", "aes-128")];
    let media: Value = client.upload_with(&fixtures::compliant(10), &fields).await.json().await.unwrap();
    let id = media["id"].as_str().unwrap();
    client.wait_for(id, &["ready"]).await;
    let body = serde_json::json!({ "expires_in": 600, "max_views": 2 });
    let link = client.json(reqwest::Method::POST, &format!("/api/v1/media/{id}/playback-tokens"), &body, 201).await;
    let seen = node("play.mjs", &[link["hls_url"].as_str().unwrap(), "2", "switch"]).await;
    assert!((seen["ended"].as_f64().unwrap() - 10.0).abs() < 0.2, "{seen}");
    assert!(seen["heights"].as_array().unwrap().len() >= 2, "both rungs were shown: {seen}");
    assert_eq!(seen["errors"], serde_json::json!([]), "{seen}");
    let tokens =
        client.json(reqwest::Method::GET, &format!("/api/v1/media/{id}/playback-tokens"), &Value::Null, 200).await;
    assert_eq!(tokens["items"][0]["views"], 1, "playing it once is one view");
}

/// Words are shown with the pictures they belong to, to within one, of sources with and without passthrough.
async fn hls_js_shows_subtitles_in_time(pair: Pair) {
    if !in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    for film in [fixtures::compliant(10), fixtures::foreign(14)] {
        let id = client.upload(&film).await["id"].as_str().unwrap().to_owned();
        let ready = client.wait_for(&id, &["ready"]).await;
        for (track, words) in [("de?label=Deutsch", "Hallo"), ("en?label=English", "Hello")] {
            let text =
                format!("WEBVTT\n\n00:01.000 --> 00:01.500\n{words}\n\n00:05.900 --> 00:06.300\n{words} again\n");
            let path = format!("/api/v1/media/{id}/captions/{track}");
            assert_eq!(client.request(reqwest::Method::PUT, &path).body(text).send().await.unwrap().status(), 200);
        }
        let url = ready["playback"]["hls_url"].as_str().unwrap();
        assert_eq!(node("parse.mjs", &[url]).await["playlists"], 7);
        let seen = node("captions.mjs", &[url, "English"]).await;
        assert_eq!(seen["tracks"][0]["language"], "de", "{seen}");
        assert_eq!(seen["errors"], serde_json::json!([]), "{seen}");
        let first = seen["first"].as_f64().unwrap();
        for (words, start) in [("Hello", 1.0), ("Hello again", 5.9)] {
            let at = seen["cues"][words]["start"].as_f64().unwrap_or_else(|| panic!("{words}: {seen}"));
            assert!((at - first - start).abs() <= 0.041, "{words}: {seen}");
        }
        assert_eq!(seen["cues"].as_object().unwrap().len(), 2, "one language alone: {seen}");
    }
}

/// Winding shows the key frame of each place, of plain and of encrypted segments, and asks for nothing but key frames.
async fn hls_js_winds_by_key_frames_alone(pair: Pair) {
    if !in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = fixtures::by_second(14, false);
    let shades = by_seconds(&film);
    for encryption in ["none", "aes-128"] {
        let fields = [("visibility", "unlisted"), ("encryption", encryption)];
        let media: Value = client.upload_with(&film, &fields).await.json().await.unwrap();
        let ready = client.wait_for(media["id"].as_str().unwrap(), &["ready"]).await;
        let seen = node("trickplay.mjs", &[ready["playback"]["hls_url"].as_str().unwrap(), "[0.5,3.2,9.5,12.9]"]).await;
        assert_eq!(seen["errors"], serde_json::json!([]), "{encryption}: {seen}");
        // Key frames are two seconds apart.
        for (n, key) in [0, 2, 8, 12].into_iter().enumerate() {
            let shade = seen["shades"][n].as_f64().unwrap();
            let off = |second: usize| (shades[second] - shade).abs();
            let nearest = (0..shades.len()).min_by(|a, b| off(*a).total_cmp(&off(*b))).unwrap();
            assert_eq!(nearest, key, "{encryption}: {shade} of {shades:?}: {seen}");
        }
        let asked = seen["asked"].as_array().unwrap();
        let of =
            |ending: &str| asked.iter().filter(|a| a["path"].as_str().unwrap().ends_with(ending)).collect::<Vec<_>>();
        assert!(!of("/iframes.m3u8").is_empty(), "{encryption}: {seen}");
        let segments = of(".m4s");
        assert!(segments.len() >= 3, "{encryption}: {seen}");
        assert!(
            segments.iter().all(|s| s["range"].as_str().is_some_and(|r| r.starts_with("bytes="))),
            "{encryption}: {seen}"
        );
    }
}

/// Each sound can be chosen and is the right one, in both players.
async fn players_choose_every_sound(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let id = client.upload(&fixtures::many_sounds(false)).await["id"].as_str().unwrap().to_owned();
    let ready = client.wait_for(&id, &["ready"]).await;
    let url = |key: &str| ready["playback"][key].as_str().unwrap().to_owned();
    assert_eq!(node("parse.mjs", &[&url("hls_url")]).await["playlists"], 11, "two rungs, five sounds, four low ones");
    // Each takes its time: one with each pair.
    let key = if pair == Pair::Servers { "dash_url" } else { "hls_url" };
    let seen = node("tracks.mjs", &[&url(key)]).await;
    assert_eq!(seen["errors"], serde_json::json!([]), "{key}: {seen}");
    let tracks = seen["tracks"].as_array().unwrap();
    for (n, label) in ["Deutsch", "English", "Français", "Director's remarks"].into_iter().enumerate() {
        let of: Vec<&Value> = tracks.iter().filter(|t| t["label"] == label).collect();
        assert!(!of.is_empty(), "{key} {label}: {seen}");
        for track in of {
            let tone = track["tone"].as_f64().unwrap();
            assert!((tone - f64::from(fixtures::TONES[n])).abs() < 12.0, "{key} {label}: {seen}");
        }
    }
}

/// The other widespread player: the same pictures and words by playlist and by manifest.
async fn shaka_plays_hls_and_dash_with_subtitles(pair: Pair) {
    if !in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let id = client.upload(&fixtures::foreign(14)).await["id"].as_str().unwrap().to_owned();
    let ready = client.wait_for(&id, &["ready"]).await;
    for (track, words) in [("de?label=Deutsch", "Hallo"), ("en?label=English&role=sdh", "Hello")] {
        let text = format!("WEBVTT\n\n00:01.000 --> 00:01.500\n{words}\n\n00:07.000 --> 00:07.500\n{words} again\n");
        let path = format!("/api/v1/media/{id}/captions/{track}");
        assert_eq!(client.request(reqwest::Method::PUT, &path).body(text).send().await.unwrap().status(), 200);
    }
    for url in ["hls_url", "dash_url"] {
        let seen = node("shaka.mjs", &[ready["playback"][url].as_str().unwrap(), "en"]).await;
        assert_eq!(seen["errors"], serde_json::json!([]), "{url}: {seen}");
        assert_eq!(seen["heights"].as_array().unwrap().len(), 3, "{url}: {seen}");
        assert_eq!(seen["texts"].as_array().unwrap().len(), 2, "{url}: {seen}");
        assert!((seen["ended"].as_f64().unwrap() - 14.0).abs() < 0.3, "{url}: {seen}");
        let first = seen["first"].as_f64().unwrap();
        for (words, start) in [("Hello", 1.0), ("Hello again", 7.0)] {
            let at = seen["cues"][words]["start"].as_f64().unwrap_or_else(|| panic!("{url} {words}: {seen}"));
            assert!((at - first - start).abs() <= 0.041, "{url} {words}: {seen}");
        }
    }
}

/// Uppy's S3 plug-in on a page of another origin, which knows nothing of us but five requests.
async fn uppy_uploads_parts_to_the_store(pair: Pair) {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let origin = format!("http://127.0.0.1:{port}");
    let mut stack = Stack::start_with(pair, &[("SLUICE_ALLOWED_ORIGINS", origin.as_str())]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = stack.folder().join("film.mp4");
    let data = fixtures::padded(&fixtures::compliant(10), 24 << 20);
    std::fs::write(&film, &data).unwrap();
    let seen = node("uppy.mjs", &[&stack.url, &client.token, film.to_str().unwrap(), &origin]).await;
    assert_eq!(seen["failed"], serde_json::json!([]), "{seen}");
    assert!(seen["listed"].as_u64() > Some(0), "it was paused and went on: {seen}");
    let media = seen["media"].as_str().unwrap();
    assert_eq!(client.wait_for(media, &["ready"]).await["title"], "By Uppy");
    assert!(client.get(&format!("/raw/{media}")).await.bytes().await.unwrap() == data, "other bytes");
}

/// Everything that people may type, typed with bad intent.
async fn user_input_never_executes(pair: Pair) {
    if !in_sample(pair, 1) {
        return;
    }
    const BAD: [&str; 14] = [
        "<script>xss(1)</script>",
        "\"><script>xss(2)</script>",
        "<img src=x onerror=xss(3)>",
        "<svg onload=xss(4)>",
        "'-xss(5)-'",
        "</title></textarea><script>xss(6)</script>",
        "]]><script>xss(7)</script>",
        "[a](javascript:xss(8))",
        "![a](x\" onerror=\"xss(9))",
        "<a href=\"javas\tcript:xss(10)\">a</a>",
        "[a](data:text/html;base64,PHNjcmlwdD54c3MoMTEpPC9zY3JpcHQ+)",
        "<math><mtext><table><mglyph><style><img src=x onerror=xss(12)>",
        "<iframe srcdoc=\"<script>parent.xss(13)</script>\"></iframe>",
        "`<script>xss(14)</script>`\n\n    <script>xss(15)</script>",
    ];
    let mut stack = Stack::start_with(pair, &[("SLUICE_LIMITS", "comment=0/1,report=0/1,upload=0/1"), NO_QUOTAS]).await;
    stack.add_worker();
    let (root, client) = (stack.admin().await, stack.creator().await);
    let bad = BAD.join(" ");
    let lines = BAD.join("\n\n");
    let post = async |path: &str, body: Value| -> String {
        let made = client.json(reqwest::Method::POST, &format!("/api/v1{path}"), &body, 201).await;
        made["id"].as_str().unwrap_or_default().to_owned()
    };
    let media: Value = client.upload_with(&fixtures::sound(), &[("visibility", "public")]).await.json().await.unwrap();
    let media = media["id"].as_str().unwrap().to_owned();
    client.wait_for(&media, &["ready"]).await;
    let title: String = bad.chars().take(200).collect();
    let change = serde_json::json!({ "title": title, "description": lines });
    client.json(reqwest::Method::PATCH, &format!("/api/v1/media/{media}"), &change, 200).await;
    let profile = serde_json::json!({ "display_name": bad.chars().take(80).collect::<String>(), "bio": lines });
    client.json(reqwest::Method::PATCH, "/api/v1/me/profile", &profile, 204).await;
    let name = serde_json::json!({ "name": bad.chars().take(80).collect::<String>() });
    root.json(reqwest::Method::PUT, "/api/v1/admin/categories/films", &name, 204).await;
    let cues: String =
        BAD.iter().map(|b| format!("\n\n00:01.000 --> 00:02.000\n{}", b.replace("\n\n", "\n"))).collect();
    let label: String = url::form_urlencoded::byte_serialize(BAD[1].as_bytes()).collect();
    let captions = format!("/api/v1/media/{media}/captions");
    let request = client.request(reqwest::Method::PUT, &format!("{captions}/de?label={label}"));
    assert_eq!(request.body(format!("WEBVTT{cues}\n")).send().await.unwrap().status(), 200);
    let mut htmls = Vec::new();
    for one in BAD {
        post(&format!("/media/{media}/comments"), serde_json::json!({ "body": one })).await;
        let draft = serde_json::json!({ "title": one, "body": one, "published": true });
        let made = client.json(reqwest::Method::POST, "/api/v1/posts", &draft, 201).await;
        htmls.push(made["html"].as_str().unwrap().to_owned());
    }
    let whole = client
        .json(
            reqwest::Method::POST,
            "/api/v1/posts",
            &serde_json::json!({ "title": title, "body": lines, "published": true }),
            201,
        )
        .await;
    htmls.push(whole["html"].as_str().unwrap().to_owned());
    let playlist =
        post("/playlists", serde_json::json!({ "title": title, "description": lines, "visibility": "public" })).await;
    post(&format!("/playlists/{playlist}/items"), serde_json::json!({ "media_id": media })).await;
    let project = post("/projects", serde_json::json!({ "title": title, "format": "json" })).await;
    let document = format!("/api/v1/projects/{project}/document");
    let saved = client.request(reqwest::Method::PUT, &document).header("if-match", "\"0\"");
    let saved = saved.body(serde_json::json!({ "at_ms": 1, "text": lines }).to_string()).send().await.unwrap();
    assert_eq!(saved.status(), 200);
    post("/reports", serde_json::json!({ "target": "media", "id": media, "reason": "other", "note": lines })).await;
    let id = &client.id;
    let urls: Vec<String> = [
        format!("/api/v1/media/{media}"),
        format!("/api/v1/media/{media}/comments"),
        "/api/v1/media".to_owned(),
        format!("{captions}/de"),
        captions,
        "/api/v1/feed".to_owned(),
        "/api/v1/search?q=%3Cscript%3Exss(16)%3C/script%3E".to_owned(),
        "/api/v1/categories".to_owned(),
        format!("/api/v1/creators/{id}"),
        "/api/v1/posts".to_owned(),
        format!("/api/v1/creators/{id}/feed.atom"),
        format!("/api/v1/creators/{id}/podcast.rss"),
        format!("/api/v1/playlists/{playlist}"),
        format!("/api/v1/playlists/{playlist}/playlist.m3u8"),
        format!("/api/v1/projects/{project}"),
        document,
        format!("/api/v1/projects/{project}/moments"),
        format!("/raw/{media}"),
        format!("/hls/{media}/index.m3u8"),
        format!("/api/v1/oembed?url={}/watch/{media}", stack.url),
        format!("/watch/{media}"),
        format!("/embed/{media}"),
    ]
    .iter()
    .map(|p| format!("{}{p}", stack.url))
    .collect();
    let asked = serde_json::json!({ "urls": urls, "token": client.token, "htmls": htmls });
    let seen = node("xss.mjs", &[&asked.to_string()]).await;
    assert_eq!(seen["ran"], serde_json::json!([]), "{seen}");
    assert_eq!(seen["opened"], urls.len() + htmls.len());
    let queue = serde_json::json!({ "urls": [format!("{}/api/v1/admin/reports", stack.url)], "token": root.token, "htmls": [] });
    assert_eq!(node("xss.mjs", &[&queue.to_string()]).await["ran"], serde_json::json!([]));
}
