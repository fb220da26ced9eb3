//! Every track of sound: what it is called, and that it is the right one.

use harness::{
    Client, Pair, Stack, fixtures,
    fixtures::{MANY_SOUNDS_S, SOUNDS_ALONE_S, SURROUND_TONES, TONES},
    media,
    tus::patch,
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(
    every_track_is_a_rendition_of_its_own,
    tracks_that_can_be_kept_are,
    a_track_that_cannot_be_decoded_is_left_out,
    every_track_of_sound_alone_can_be_chosen
);

/// A media with these many sounds, ready.
async fn ready(stack: &mut Stack, client: &Client, file: &std::path::Path) -> (String, Value) {
    stack.add_worker();
    let id = client.upload(file).await["id"].as_str().unwrap().to_owned();
    let media = client.wait_for(&id, &["ready"]).await;
    (id, media)
}

/// Attributes of the sounds of a group, and where each is.
async fn members(client: &Client, id: &str, group: &str) -> Vec<(String, String)> {
    let top = client.text(&format!("/hls/{id}/index.m3u8")).await;
    let group = format!("GROUP-ID=\"{group}\"");
    let lines = top.lines().filter(|l| l.starts_with("#EXT-X-MEDIA:TYPE=AUDIO") && l.contains(&group));
    let uri =
        |l: &str| format!("{}/hls/{id}/{}", client.url, l.split("URI=\"").nth(1).unwrap().split('"').next().unwrap());
    lines.map(|l| (l.to_owned(), uri(l))).collect()
}

/// Each sound is the one it is said to be, begins with the others and lasts as long.
fn check_tones(members: &[(String, String)]) {
    let frames: Vec<u64> = members.iter().map(|(_, uri)| media::decoded_frames(uri, "a:0")).collect();
    for (n, (line, uri)) in members.iter().enumerate() {
        assert_eq!(media::tone(uri, 0, &TONES), TONES[n], "{line}");
        let begins = media::beep(uri);
        assert!((begins - 4.0).abs() < 0.03, "{line}: at {begins} s");
        assert!(frames[n].abs_diff(MANY_SOUNDS_S * 48_000 / 1024) <= 1, "{frames:?}");
    }
}

/// Each track is said to be as loud as FFmpeg finds the sound that is played.
fn check_loudness(said: &[Value], uris: &[&String]) {
    assert_eq!(said.len(), uris.len());
    for (said, uri) in said.iter().zip(uris) {
        let found = media::loudness(uri);
        // Where a sound sets in, AAC adds to its peaks.
        for (name, found, most) in
            [("integrated_lufs", found[0], 0.2), ("range_lu", found[1], 1.0), ("true_peak_dbtp", found[2], 3.0)]
        {
            let told = said[name].as_f64().unwrap();
            assert!((told - found).abs() < most, "{uri}: {name} {told}, not {found}");
        }
    }
}

/// Matroska is begun before its last byte: the default sound grows with the picture, the others come with the end.
async fn every_track_is_a_rendition_of_its_own(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::many_sounds(false)).unwrap();
    let (path, id, at) = super::progressive::all_but_the_last_piece(&stack, &client, &film).await;
    let growing = client.text(&format!("/hls/{id}/index.m3u8")).await;
    // The default track alone: that for narrow lines follows with the others.
    assert_eq!((growing.matches("TYPE=AUDIO").count(), growing.contains("/event.m3u8")), (1, true), "{growing}");
    assert_eq!(patch(&client, &path, at, &film[at..]).await.status(), 204);
    client.wait_for(&id, &["ready"]).await;
    let unlisted = json!({ "visibility": "unlisted" });
    client.json(Method::PATCH, &format!("/api/v1/media/{id}"), &unlisted, 200).await;
    let media = client.media(&id).await;
    assert_eq!(media["warnings"], json!([]));
    let track = |name: &str, language: &str, label: &str, channels: u64, role: &str| json!({ "name": name, "language": language, "label": label, "channels": channels, "role": role, "default": name == "audio", "hidden": false, "added": false, "status": "ready", "error": null });
    let expected = [
        track("audio", "de", "Deutsch", 6, "main"),
        track("audio-2", "en", "English", 2, "main"),
        track("audio-3", "fr", "Français", 2, "main"),
        track("audio-4", "en", "Director's remarks", 2, "commentary"),
    ];
    let (mut tracks, mut loudness) = (media["tracks"].clone(), Vec::new());
    for track in tracks.as_array_mut().unwrap() {
        loudness.extend(track.as_object_mut().unwrap().remove("loudness"));
    }
    assert_eq!(tracks, json!(expected));
    let (sound, report) = media::verify(&format!("{}/hls/{id}/index.m3u8", client.url));
    assert!(sound && report.contains("ok   9.6"), "{report}");
    let stereo = members(&client, &id, "audio").await;
    check_tones(&stereo);
    let said = [
        "LANGUAGE=\"de\",NAME=\"Deutsch\",DEFAULT=YES,AUTOSELECT=YES",
        "LANGUAGE=\"en\",NAME=\"English\",AUTOSELECT=YES",
        "LANGUAGE=\"fr\",NAME=\"Français\",AUTOSELECT=YES",
        "LANGUAGE=\"en\",NAME=\"Director's remarks\",CHANNELS=\"2\"",
    ];
    assert!(stereo.iter().zip(said).all(|((line, _), said)| line.contains(said)), "{stereo:?}");
    let surround = members(&client, &id, "surround").await;
    assert!(surround[0].0.contains("CHANNELS=\"6\"") && surround[1].1 == stereo[1].1, "{surround:?}");
    check_loudness(&loudness, &[&surround[0].1, &stereo[1].1, &stereo[2].1, &stereo[3].1]);
    for (channel, tone) in SURROUND_TONES.iter().enumerate() {
        assert_eq!(media::tone(&surround[0].1, channel as u32, &SURROUND_TONES), *tone, "channel {channel}");
    }
    let low = members(&client, &id, "low").await;
    assert!(low.iter().all(|(line, _)| line.contains("CHANNELS=\"1\"")), "{low:?}");
    check_tones(&low);
    let manifest = client.text(&format!("/hls/{id}/manifest.mpd")).await;
    for (set, count) in
        [("lang=\"de\"", 2), ("lang=\"en\"", 2), ("value=\"commentary\"", 1), ("contentType=\"audio\"", 5)]
    {
        assert_eq!(manifest.matches(set).count(), count, "{set}: {manifest}");
    }
}

async fn tracks_that_can_be_kept_are(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let (id, media) = ready(&mut stack, &client, &fixtures::many_sounds(true)).await;
    let top = client.text(&format!("/hls/{id}/index.m3u8")).await;
    assert!(top.contains("/source/") && !top.contains("surround"), "{top}");
    assert_eq!(media["tracks"].as_array().unwrap().len(), 4, "{media}");
    let (sound, report) = media::verify(&format!("{}/hls/{id}/index.m3u8", client.url));
    assert!(sound, "{report}");
    let stereo = members(&client, &id, "audio").await;
    check_tones(&stereo);
    let loudness: Vec<Value> = media["tracks"].as_array().unwrap().iter().map(|t| t["loudness"].clone()).collect();
    check_loudness(&loudness, &stereo.iter().map(|m| &m.1).collect::<Vec<_>>());
    let report = client.json(Method::GET, &format!("/api/v1/media/{id}/report"), &Value::Null, 200).await;
    let told = report["renditions"].as_array().unwrap().iter().find(|r| r["name"] == "audio").unwrap();
    assert_eq!(told["loudness"]["integrated_lufs"], loudness[0]["integrated_lufs"], "{report}");
    check_tones(&members(&client, &id, "low").await);
    change_tracks(&client, &id).await;
}

/// The rest is a film as it was before anybody knew of further sounds.
async fn a_track_that_cannot_be_decoded_is_left_out(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let (id, media) = ready(&mut stack, &client, &fixtures::broken_sound()).await;
    let warnings = json!([{ "code": "undecodable_audio", "message": "Left out is a sound track that cannot be decoded: Broken." }]);
    assert_eq!((&media["warnings"], media["tracks"].as_array().unwrap().len()), (&warnings, 1), "{media}");
    assert_eq!(members(&client, &id, "audio").await.len(), 1);
    assert_eq!(media::play(&format!("{}/hls/{id}/index.m3u8", client.url)), "");
    let kept = client.json(Method::GET, &format!("/api/v1/media/{id}/report"), &Value::Null, 200).await;
    assert!(kept["findings"].as_array().is_some(), "{kept}");
}

/// A player that changes its rate stays with its language.
async fn every_track_of_sound_alone_can_be_chosen(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let (id, media) = ready(&mut stack, &client, &fixtures::sounds_alone()).await;
    let labels: Vec<&str> = media["tracks"].as_array().unwrap().iter().map(|t| t["label"].as_str().unwrap()).collect();
    assert_eq!((labels, &media["warnings"]), (vec!["Deutsch", "English", "Français"], &json!([])), "{media}");
    let url = format!("{}/hls/{id}/index.m3u8", client.url);
    let top = client.text(&format!("/hls/{id}/index.m3u8")).await;
    let variants: Vec<&str> = top.lines().filter(|l| l.starts_with("#EXT-X-STREAM-INF")).collect();
    assert!(variants.len() > 1, "{top}");
    for variant in variants {
        let group = variant.split("AUDIO=\"").nth(1).unwrap().split('"').next().unwrap();
        let members = members(&client, &id, group).await;
        for (n, (line, uri)) in members.iter().enumerate() {
            assert_eq!(media::tone(uri, 0, &TONES), TONES[n], "{line}");
            assert!((media::beep(uri) - 4.0).abs() < 0.03, "{line}");
            let rate = if n == 1 { 44_100 } else { 48_000 };
            let frames = media::decoded_frames(uri, "a:0");
            assert!(frames.abs_diff(SOUNDS_ALONE_S * rate / 1024) <= 1, "{line}: {frames}");
        }
        let names = ["NAME=\"Deutsch\",DEFAULT=YES", "NAME=\"English\"", "NAME=\"Français\""];
        assert!(members.iter().zip(names).all(|((line, _), name)| line.contains(name)), "{members:?}");
        assert_eq!(members.len(), 3, "{top}");
    }
    let (compliant, report) = media::verify(&url);
    assert!(compliant, "{report}");
    assert_eq!(media::play(&url), "");
    let manifest = client.text(&format!("/hls/{id}/manifest.mpd")).await;
    assert_eq!(manifest.matches("contentType=\"audio\"").count(), 3, "{manifest}");
}

/// Tracks are renamed, chosen and hidden for the next player; nothing is encoded for it.
async fn change_tracks(client: &Client, id: &str) {
    let put = async |name: &str, body: Value, status: u16| -> Value {
        client.json(Method::PUT, &format!("/api/v1/media/{id}/tracks/{name}"), &body, status).await
    };
    put("audio-2", json!({ "label": "Original \"1\"", "language": "en-gb", "default": true }), 200).await;
    put("audio-3", json!({ "hidden": true }), 200).await;
    let media = put("audio-4", json!({ "role": "audio-description" }), 200).await;
    let names = |media: &Value| -> Vec<(String, bool, bool)> {
        let tracks = media["tracks"].as_array().unwrap();
        tracks.iter().map(|t| (t["name"].as_str().unwrap().into(), t["default"] == true, t["hidden"] == true)).collect()
    };
    let expected =
        [("audio-2", true, false), ("audio", false, false), ("audio-4", false, false), ("audio-3", false, true)];
    assert_eq!(names(&media), expected.map(|(name, default, hidden)| (name.to_owned(), default, hidden)));
    let listed = members(client, id, "audio").await;
    let said = [
        "LANGUAGE=\"en-GB\",NAME=\"Original '1'\",DEFAULT=YES",
        "LANGUAGE=\"de\",NAME=\"Deutsch\",AUTOSELECT=YES",
        "AUTOSELECT=YES,CHARACTERISTICS=\"public.accessibility.describes-video\"",
    ];
    assert_eq!(listed.len(), 3, "{listed:?}");
    assert!(listed.iter().zip(said).all(|((line, _), said)| line.contains(said)), "{listed:?}");
    assert_eq!(media::tone(&listed[0].1, 0, &TONES), TONES[1]);
    assert!(!client.text(&format!("/hls/{id}/manifest.mpd")).await.contains("Français"));
    for (name, body, status) in [
        ("audio-9", json!({}), 404),
        ("audio", json!({ "language": "x y" }), 422),
        ("audio", json!({ "hidden": true, "default": true }), 422),
    ] {
        put(name, body, status).await;
    }
    put("audio", json!({ "hidden": true }), 200).await;
    put("audio-4", json!({ "hidden": true }), 200).await;
    put("audio-2", json!({ "hidden": true }), 422).await;
    for name in ["audio", "audio-2", "audio-3", "audio-4"] {
        client.json(Method::DELETE, &format!("/api/v1/media/{id}/tracks/{name}"), &Value::Null, 204).await;
    }
    assert_eq!(members(client, id, "audio").await.len(), 4);
}
