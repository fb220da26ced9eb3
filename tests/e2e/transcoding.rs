//! A source becomes HLS that plays: all its frames, all its time, in sync, by the rules; or fails with a reason.

use harness::{Client, Pair, Stack, client::problem, fixtures, media};
use reqwest::Method;
use serde_json::Value;
use std::path::Path;

harness::on_both!(
    compliant_source_passes_through,
    other_codecs_are_encoded,
    heavy_picture_has_a_lean_one_beside_it,
    video_without_audio,
    audio_without_video,
    real_source_has_every_frame,
    passthrough_keeps_audio_in_sync,
    encoding_keeps_audio_in_sync,
    damaged_source_fails_with_reason,
    iframe_playlists_show_pictures_of_their_time
);

/// Uploads, waits, and checks what every package must be. Returns the media and its base URL.
async fn journey(pair: Pair, file: &Path) -> (Stack, Value, String) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_CONFIG", &fixtures::default_preset())]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let id = client.upload(file).await["id"].as_str().unwrap().to_owned();
    let ready = client.wait_for(&id, &["ready"]).await;
    assert_eq!(ready["progress"], 1.0);
    assert_eq!(ready["error"], Value::Null);
    let url = ready["playback"]["hls_url"].as_str().unwrap().to_owned();
    let (compliant, report) = media::verify(&url);
    assert!(compliant, "{report}");
    assert!(!report.contains("warn 8.22"), "boundaries differ between rungs: {report}");
    assert_eq!(media::play(&url), "", "ffmpeg complains");
    let report = client.json(Method::GET, &format!("/api/v1/media/{id}/report"), &Value::Null, 200).await;
    assert!(report["findings"].as_array().unwrap().iter().any(|f| f["rule"] == "7.3" && f["outcome"] == "pass"));
    assert_sizes(&client, &url, &report, ready["duration_ms"].as_i64().unwrap()).await;
    (stack, ready, url)
}

/// A report says of each segment how long and how large it is.
async fn assert_sizes(client: &Client, url: &str, report: &Value, duration_ms: i64) {
    let mut listed = std::collections::BTreeMap::new();
    let (mut lists, sound) = media_playlists(url).await;
    lists.extend(sound);
    for list in lists {
        let text = client.text(list.strip_prefix(&client.url).unwrap()).await;
        let folder = list.rsplit_once('/').unwrap().0;
        let mut sizes = Vec::new();
        for segment in text.lines().filter(|l| l.ends_with(".m4s")) {
            let head = client.http.head(format!("{folder}/{segment}")).bearer_auth(&client.token).send().await.unwrap();
            sizes.push(head.headers()["content-length"].to_str().unwrap().parse::<i64>().unwrap());
        }
        listed.insert(folder.rsplit_once('/').unwrap().1.to_owned(), sizes);
    }
    for rendition in report["renditions"].as_array().unwrap() {
        let numbers =
            |key: &str| rendition[key].as_array().unwrap().iter().map(|n| n.as_i64().unwrap()).collect::<Vec<_>>();
        if let Some(sizes) = listed.remove(rendition["name"].as_str().unwrap()) {
            assert_eq!(numbers("segment_bytes"), sizes, "{rendition}");
        }
        assert!((numbers("segment_ms").iter().sum::<i64>() - duration_ms).abs() < 100, "{rendition}");
        let (begin_ms, end_ms) = (rendition["begin_ms"].as_f64().unwrap(), rendition["end_ms"].as_f64().unwrap());
        assert!(
            begin_ms.abs() < 22.0 && (end_ms - duration_ms as f64).abs() < 100.0,
            "picture and sound in step: {rendition}"
        );
    }
    assert!(listed.is_empty(), "{listed:?}");
}

/// URLs of the media playlists that a multivariant playlist names, video first.
async fn media_playlists(url: &str) -> (Vec<String>, Option<String>) {
    let text = harness::client::http().get(url).send().await.unwrap().text().await.unwrap();
    let base = url.rsplit_once('/').unwrap().0;
    let mut variants: Vec<String> = Vec::new();
    for uri in text.lines().filter(|l| !l.starts_with('#') && !l.is_empty()).map(|l| format!("{base}/{l}")) {
        // One may stand beside several groups of sound.
        if !variants.contains(&uri) {
            variants.push(uri);
        }
    }
    let sound = text.lines().find(|l| l.starts_with("#EXT-X-MEDIA:TYPE=AUDIO"));
    let audio = sound.map(|l| format!("{base}/{}", l.split("URI=\"").nth(1).unwrap().split('"').next().unwrap()));
    (variants, audio)
}

/// Every video rendition has exactly the source's frames.
async fn assert_frames(file: &Path, url: &str, renditions: usize) {
    let expected = media::decoded_frames(file.to_str().unwrap(), "v:0");
    let (variants, _) = media_playlists(url).await;
    assert_eq!(variants.len(), renditions, "{variants:?}");
    for variant in variants {
        assert_eq!(media::decoded_frames(&variant, "v:0"), expected, "{variant}");
    }
}

async fn compliant_source_passes_through(pair: Pair) {
    let file = fixtures::compliant(10);
    let (stack, ready, url) = journey(pair, &file).await;
    assert_eq!((&ready["duration_ms"], &ready["width"], &ready["height"]), (&10_000.into(), &640.into(), &360.into()));
    assert_frames(&file, &url, 3).await;
    let text = harness::client::http().get(&url).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("/source/"), "its own picture is a rung: {text}");
    drop(stack);
}

async fn other_codecs_are_encoded(pair: Pair) {
    let file = fixtures::foreign(14);
    let (_stack, ready, url) = journey(pair, &file).await;
    assert_eq!(ready["kind"], "video");
    assert_frames(&file, &url, 3).await;
    let text = harness::client::http().get(&url).send().await.unwrap().text().await.unwrap();
    assert!(text.contains("FRAME-RATE=29.97") && !text.contains("/source/"), "{text}");
}

/// Who has a screen for the picture and no line for the source's bits sees it whole all the same.
async fn heavy_picture_has_a_lean_one_beside_it(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let file = fixtures::heavy(4);
    let (stack, ready, url) = journey(pair, &file).await;
    let text = harness::client::http().get(&url).send().await.unwrap().text().await.unwrap();
    let rate = |name: &str| {
        let lines: Vec<&str> = text.lines().collect();
        let at = lines.iter().position(|l| l.contains(&format!("/{name}/index.m3u8")) && !l.starts_with('#'));
        let line = lines[at.unwrap_or_else(|| panic!("no {name}: {text}")) - 1];
        assert!(line.contains("RESOLUTION=1280x720"), "{line}");
        line.split("AVERAGE-BANDWIDTH=").nth(1).unwrap().split(',').next().unwrap().parse::<u64>().unwrap()
    };
    assert!(rate("source") > 3 * rate("v720-lean") && rate("v720-lean") > 1_000_000, "{text}");
    let pictures = media::decoded_frames(file.to_str().unwrap(), "v:0");
    let lean =
        format!("{}/v720-lean/index.m3u8", url.rsplit_once('/').unwrap().0.to_owned() + "/" + &package_of(&text));
    assert_eq!(media::decoded_frames(&lean, "v:0"), pictures);
    assert_eq!(ready["height"], 720);
    let (_, report) = media::verify(&url);
    assert!(report.contains("ok   9.10"), "{report}");
    drop(stack);
}

/// The package that a multivariant playlist leads to.
fn package_of(playlist: &str) -> String {
    let line = playlist.lines().find(|l| !l.starts_with('#') && !l.is_empty()).unwrap();
    line.split('/').next().unwrap().to_owned()
}

async fn video_without_audio(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let file = fixtures::silent();
    let (_stack, _, url) = journey(pair, &file).await;
    let (variants, audio) = media_playlists(&url).await;
    assert_eq!(audio, None);
    assert_eq!(media::decoded_frames(&variants[0], "v:0"), 120);
}

async fn audio_without_video(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let (_stack, ready, url) = journey(pair, &fixtures::sound()).await;
    assert_eq!(ready["kind"], "audio");
    let (variants, _) = media_playlists(&url).await;
    assert_eq!(variants.len(), 3, "64, 128 and 256 kb/s");
    // 20 s at 44.1 kHz in frames of 1024 samples.
    assert_eq!(media::decoded_frames(&variants[0], "a:0"), 861);
}

async fn real_source_has_every_frame(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let Some(file) = fixtures::real("bbb_480x270_25fps_33s.mp4") else {
        eprintln!("not run: the shared media are not at hand");
        return;
    };
    let (_stack, _, url) = journey(pair, &file).await;
    // Its sound ends half a second after its picture: the last one stands, once for long or for some frames.
    let pictures = media::decoded_frames(file.to_str().unwrap(), "v:0");
    let (variants, _) = media_playlists(&url).await;
    assert_eq!(variants.len(), 2, "{variants:?}");
    for variant in variants {
        let standing = media::decoded_frames(&variant, "v:0") - pictures;
        assert!(standing == 0 || standing == 15, "{variant}: {standing}");
    }
}

async fn in_sync(pair: Pair, compliant: bool) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_CONFIG", &fixtures::default_preset())]).await;
    stack.add_worker();
    let client = stack.creator().await;
    let file = fixtures::flash(compliant);
    let source = file.to_str().unwrap();
    let (flash, _, source_beep) = media::flash_and_beep(source, source);
    // Matroska moves everything later by the sound's priming; what counts is the distance to the picture.
    let source_beep = source_beep - media::video_start(source);
    assert_eq!(flash, 100, "the fixture");
    let id = client.upload(&file).await["id"].as_str().unwrap().to_owned();
    let ready = client.wait_for(&id, &["ready"]).await;
    let url = ready["playback"]["hls_url"].as_str().unwrap();
    let (compliant, report) = media::verify(url);
    assert!(compliant, "times on boxes: {report}");
    let (flash, shown, beep) = media::flash_and_beep(url, url);
    assert_eq!(flash, 100, "picture 100 is shown at 4 s");
    assert!((shown - 4.0).abs() < 0.02, "FFmpeg shows it at {shown}");
    // One audio frame at 48 kHz.
    assert!((beep - source_beep).abs() <= 1024.0 / 48_000.0, "the beep moved from {source_beep} to {beep}");
    assert!((beep - 4.0).abs() <= 1024.0 / 48_000.0, "the beep is at {beep}");
}

async fn passthrough_keeps_audio_in_sync(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    in_sync(pair, true).await;
}

async fn encoding_keeps_audio_in_sync(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    in_sync(pair, false).await;
}

/// A file that begins like a film and is none fails with a reason, and the worker goes on.
async fn damaged_source_fails_with_reason(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let file = stack.folder().join("broken.mp4");
    let mut data = std::fs::read(fixtures::compliant(10)).unwrap();
    data.truncate(1000);
    std::fs::write(&file, data).unwrap();
    let id = client.upload(&file).await["id"].as_str().unwrap().to_owned();
    let failed = client.wait_for(&id, &["failed"]).await;
    assert_eq!(failed["error"]["code"], "corrupt_input", "{failed}");
    assert!(failed["error"]["message"].as_str().unwrap().ends_with('.'), "{failed}");
    assert_eq!(problem(client.get(&format!("/hls/{id}/index.m3u8")).await).await, (404, "not_playable".into()));
    let good = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&good, &["ready"]).await;
    let retried = client.request(Method::POST, &format!("/api/v1/media/{id}/retry")).send().await.unwrap();
    assert_eq!(retried.status(), 200);
    client.wait_for(&id, &["failed"]).await;
    let not_failed = client.request(Method::POST, &format!("/api/v1/media/{good}/retry")).send().await.unwrap();
    assert_eq!(problem(not_failed).await, (409, "not_failed".into()));
}

/// Each range of an I-frame playlist is one picture, that of its time: passed through and encoded, plain and encrypted.
async fn iframe_playlists_show_pictures_of_their_time(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    for encryption in ["none", "aes-128"] {
        let fields = [("visibility", "unlisted"), ("encryption", encryption)];
        let made: Value = client.upload_with(&fixtures::compliant(10), &fields).await.json().await.unwrap();
        let ready = client.wait_for(made["id"].as_str().unwrap(), &["ready"]).await;
        let url = ready["playback"]["hls_url"].as_str().unwrap();
        let top = harness::client::http().get(url).send().await.unwrap().text().await.unwrap();
        let lists: Vec<&str> = top.lines().filter_map(|l| l.strip_prefix("#EXT-X-I-FRAME-STREAM-INF:")).collect();
        let (variants, _) = media_playlists(url).await;
        assert_eq!(lists.len(), variants.len(), "one for each rung: {top}");
        for variant in variants {
            let folder = variant.rsplit_once('/').unwrap().0;
            let pictures = iframes(folder, encryption == "none").await;
            assert!((pictures.iter().map(|p| p.0).sum::<f64>() - 10.0).abs() < 0.01, "{pictures:?}");
            let mut at = 0.0;
            for (seconds, bytes) in pictures {
                if let Some(bytes) = bytes {
                    let file = stack.folder().join("picture.mp4");
                    std::fs::write(&file, bytes).unwrap();
                    let likeness = media::likeness_at(file.to_str().unwrap(), &variant, at);
                    assert!(likeness > 35.0, "{variant} at {at}: {likeness} dB");
                }
                at += seconds;
            }
        }
    }
}

/// Duration of every entry of the I-frame playlist in `folder`, and, where it is plain, the init segment with the entry's range.
async fn iframes(folder: &str, plain: bool) -> Vec<(f64, Option<Vec<u8>>)> {
    let http = harness::client::http();
    let list = http.get(format!("{folder}/iframes.m3u8")).send().await.unwrap().text().await.unwrap();
    assert!(list.contains("#EXT-X-I-FRAMES-ONLY") && list.ends_with("#EXT-X-ENDLIST\n"), "{list}");
    assert_eq!(list.contains("#EXT-X-KEY:METHOD=AES-128"), !plain, "{list}");
    let init = list.split("#EXT-X-MAP:URI=\"").nth(1).unwrap().split('"').next().unwrap();
    let init = http.get(format!("{folder}/{init}")).send().await.unwrap().bytes().await.unwrap();
    let (mut all, mut range, mut seconds) = (Vec::new(), (0, 0), 0.0);
    for line in list.lines() {
        if let Some(value) = line.strip_prefix("#EXT-X-BYTERANGE:") {
            let (length, offset) = value.split_once('@').unwrap();
            range = (offset.parse::<u64>().unwrap(), length.parse::<u64>().unwrap());
        } else if let Some(value) = line.strip_prefix("#EXTINF:") {
            seconds = value.trim_end_matches(',').parse().unwrap();
        } else if line.ends_with(".m4s") {
            let wanted = format!("bytes={}-{}", range.0, range.0 + range.1 - 1);
            let answer = http.get(format!("{folder}/{line}")).header("range", wanted).send().await.unwrap();
            assert_eq!(answer.status(), 206);
            let part = answer.bytes().await.unwrap();
            assert_eq!(part.len() as u64, range.1);
            all.push((seconds, plain.then(|| [&init[..], &part[..]].concat())));
        }
    }
    all
}
