//! Every track of sound: what it is called, and that it is the right one.

use harness::{
    Client, Pair, Stack, fixtures,
    fixtures::{MANY_SOUNDS_S, SURROUND_TONES, TONES},
    media,
    tus::patch,
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(
    every_track_is_a_rendition_of_its_own,
    tracks_that_can_be_kept_are,
    tracks_of_a_film_that_grows_are_there_at_its_end,
    a_track_that_cannot_be_decoded_is_left_out
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

async fn every_track_is_a_rendition_of_its_own(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let (id, media) = ready(&mut stack, &client, &fixtures::many_sounds(false)).await;
    assert_eq!(media["warnings"], json!([]));
    let track = |name: &str, language: &str, label: &str, channels: u64, role: &str| json!({ "name": name, "language": language, "label": label, "channels": channels, "role": role, "default": name == "audio" });
    let expected = [
        track("audio", "de", "Deutsch", 6, "main"),
        track("audio-2", "en", "English", 2, "main"),
        track("audio-3", "fr", "Français", 2, "main"),
        track("audio-4", "en", "Director's remarks", 2, "commentary"),
    ];
    assert_eq!(media["tracks"], json!(expected));
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
    for (channel, tone) in SURROUND_TONES.iter().enumerate() {
        assert_eq!(media::tone(&surround[0].1, channel as u32, &SURROUND_TONES), *tone, "channel {channel}");
    }
    let manifest = client.text(&format!("/hls/{id}/manifest.mpd")).await;
    for (set, count) in
        [("lang=\"de\"", 2), ("lang=\"en\"", 2), ("value=\"commentary\"", 1), ("contentType=\"audio\"", 5)]
    {
        assert_eq!(manifest.matches(set).count(), count, "{set}: {manifest}");
    }
}

async fn tracks_that_can_be_kept_are(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let (id, media) = ready(&mut stack, &client, &fixtures::many_sounds(true)).await;
    let top = client.text(&format!("/hls/{id}/index.m3u8")).await;
    assert!(top.contains("/source/") && !top.contains("surround"), "{top}");
    assert_eq!(media["tracks"].as_array().unwrap().len(), 4, "{media}");
    let (sound, report) = media::verify(&format!("{}/hls/{id}/index.m3u8", client.url));
    assert!(sound, "{report}");
    check_tones(&members(&client, &id, "audio").await);
}

/// Matroska is begun before its last byte: the default sound grows with the picture, the others come with the end.
async fn tracks_of_a_film_that_grows_are_there_at_its_end(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::many_sounds(false)).unwrap();
    let (path, id, at) = super::progressive::all_but_the_last_piece(&stack, &client, &film).await;
    let growing = client.text(&format!("/hls/{id}/index.m3u8")).await;
    assert_eq!((growing.matches("TYPE=AUDIO").count(), growing.contains("/event.m3u8")), (1, true), "{growing}");
    assert_eq!(patch(&client, &path, at, &film[at..]).await.status(), 204);
    client.wait_for(&id, &["ready"]).await;
    client.json(Method::PATCH, &format!("/api/v1/media/{id}"), &json!({ "visibility": "unlisted" }), 200).await;
    let top = client.text(&format!("/hls/{id}/index.m3u8")).await;
    assert!(!top.contains("/source/"), "{top}");
    check_tones(&members(&client, &id, "audio").await);
}

/// The rest is a film as it was before anybody knew of further sounds.
async fn a_track_that_cannot_be_decoded_is_left_out(pair: Pair) {
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
