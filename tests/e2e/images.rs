//! Still pictures of a film: the poster, and what is shown on the seek bar.

use harness::{
    Client, Pair, Stack,
    client::problem,
    fixtures,
    process::bin_dir,
    storyboard::{assert_matches, assert_preview, by_seconds, cues, lightness},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::{collections::BTreeMap, path::Path, process::Command, time::Duration};

harness::on_both!(
    pictures_show_the_film_and_are_there_when_it_can_be_played,
    pictures_are_as_private_as_the_film,
    a_chosen_poster_takes_the_place_of_the_films_own,
    a_moment_of_the_film_becomes_its_poster,
    waveform_shows_when_it_is_loud,
    cover_of_a_sound_is_its_poster,
);

const SECONDS: u32 = 14;

/// A path of the service from an URL of it.
fn path(client: &Client, url: &Value) -> String {
    url.as_str().unwrap().strip_prefix(&client.url).unwrap().to_owned()
}

async fn bytes(client: &Client, path: &str) -> Vec<u8> {
    let answer = client.get(path).await;
    assert_eq!(answer.status(), 200, "{path}");
    answer.bytes().await.unwrap().to_vec()
}

/// The whole storyboard of a film shows it.
async fn assert_storyboard(client: &Client, media: &Value, film: &Path) {
    let board = path(client, &media["playback"]["storyboard_url"]);
    let cues = cues(&client.text(&board).await);
    assert_eq!(cues.len(), SECONDS as usize / 2);
    let folder = board.rsplit_once('/').unwrap().0;
    let mut sheets = BTreeMap::new();
    for cue in &cues {
        if !sheets.contains_key(&cue.picture) {
            sheets.insert(cue.picture.clone(), bytes(client, &format!("{folder}/{}", cue.picture)).await);
        }
    }
    assert_matches(&cues, film, |name| sheets[name].clone());
}

async fn pictures_show_the_film_and_are_there_when_it_can_be_played(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    for passed in [false, true] {
        let film = fixtures::by_second(SECONDS, passed);
        let id = client.upload(&film).await["id"].as_str().unwrap().to_owned();
        let playable = client.wait_for(&id, &["playable", "ready"]).await;
        let first = bytes(&client, &path(&client, &playable["playback"]["poster_url"])).await;
        assert!(first.starts_with(&[0xff, 0xd8, 0xff]));
        let ready = client.wait_for(&id, &["ready"]).await;
        assert_storyboard(&client, &ready, &film).await;
        let preview = bytes(&client, &path(&client, &ready["playback"]["preview_url"])).await;
        assert_preview(&preview, &film, 0.1);
        // Its first seconds are half black.
        let poster = bytes(&client, &path(&client, &ready["playback"]["poster_url"])).await;
        assert!(lightness(&poster, [0, 0, 320, 90]) > 60.0);
        let list = client.json(Method::GET, "/api/v1/media", &Value::Null, 200).await;
        assert_eq!(list["items"][0]["playback"]["poster_url"], ready["playback"]["poster_url"]);
    }
}

async fn pictures_are_as_private_as_the_film(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (owner, stranger) = (stack.creator().await, stack.creator().await);
    let id = owner.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let ready = owner.wait_for(&id, &["ready"]).await;
    let (poster, board) =
        (path(&owner, &ready["playback"]["poster_url"]), path(&owner, &ready["playback"]["storyboard_url"]));
    let sheet = format!("{}/{}", board.rsplit_once('/').unwrap().0, cues(&owner.text(&board).await)[0].picture);
    let open = stranger.anonymous().get(&poster).await;
    assert_eq!(open.headers()["content-type"], "image/jpeg");
    assert_eq!(open.headers()["cache-control"], "public, max-age=3600, immutable");
    assert_eq!(open.headers()["cross-origin-resource-policy"], "cross-origin");
    let tag = open.headers()["etag"].to_str().unwrap().to_owned();
    let again = owner.request(Method::GET, &poster).header("if-none-match", tag).send().await.unwrap();
    assert_eq!(again.status(), 304);
    assert_eq!(stranger.get(&board).await.headers()["content-type"], "text/vtt; charset=utf-8");
    let preview = path(&owner, &ready["playback"]["preview_url"]);
    let moving = stranger.get(&preview).await;
    assert_eq!(moving.headers()["content-type"], "image/webp");
    let part = owner.request(Method::GET, &preview).header("range", "bytes=0-3").send().await.unwrap();
    assert_eq!((part.status().as_u16(), &part.bytes().await.unwrap()[..]), (206, &b"RIFF"[..]));
    let link = owner
        .json(Method::POST, &format!("/api/v1/media/{id}/playback-tokens"), &json!({ "expires_in": 60 }), 201)
        .await;
    owner.json(Method::PATCH, &format!("/api/v1/media/{id}"), &json!({ "visibility": "private" }), 200).await;
    let by_link = format!("/p/{}{}", link["token"].as_str().unwrap(), poster);
    for file in [&poster, &board, &sheet, &preview] {
        assert_eq!(problem(stranger.get(file).await).await.0, 404, "{file}");
        assert_eq!(problem(stranger.anonymous().get(file).await).await.0, 404, "{file}");
        let own = owner.get(file).await;
        assert_eq!(own.status(), 200);
        assert!(own.headers()["cache-control"].to_str().unwrap().starts_with("private"));
    }
    assert_eq!(stranger.anonymous().get(&by_link).await.status(), 200);
    // Under another film's name they are nothing.
    let other = stranger.upload(&fixtures::sound()).await["id"].as_str().unwrap().to_owned();
    assert_eq!(problem(stranger.get(&poster.replace(&id, &other)).await).await.0, 404);
    let folder = board.rsplit_once('/').unwrap().0;
    for none in ["poster.jpg", "sheet-000000-x.jpg", "storyboard.txt", "00000000-0000-0000-0000-000000000000.jpg"] {
        assert_eq!(problem(owner.get(&format!("{folder}/{none}")).await).await.0, 404, "{none}");
    }
    owner.json(Method::DELETE, &format!("/api/v1/media/{id}"), &Value::Null, 204).await;
    assert_eq!(problem(owner.get(&poster).await).await.0, 404);
}

async fn a_chosen_poster_takes_the_place_of_the_films_own(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (owner, stranger) = (stack.creator().await, stack.creator().await);
    let id = owner.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let own = owner.wait_for(&id, &["ready"]).await["playback"]["poster_url"].clone();
    let of_media = format!("/api/v1/media/{id}/poster");
    let put = async |client: &Client| {
        let body = std::fs::read(fixtures::picture(1600, 800)).unwrap();
        client.request(Method::PUT, &of_media).body(body).send().await.unwrap()
    };
    assert_eq!(put(&stranger).await.status(), 403);
    let answer = put(&owner).await;
    assert_eq!(answer.status(), 200);
    let shown: Value = answer.json().await.unwrap();
    assert_eq!((&shown["width"], &shown["height"]), (&json!(1280), &json!(640)));
    let chosen = owner.media(&id).await["playback"]["poster_url"].clone();
    assert_eq!(shown["url"], chosen);
    let chosen_path = path(&owner, &chosen);
    assert_eq!(stranger.get(&chosen_path).await.headers()["content-type"], "image/jpeg");
    let picture = format!("/api/v1/pictures/{}", chosen_path.rsplit('/').next().unwrap().trim_end_matches(".jpg"));
    assert_eq!(stranger.get(&picture).await.status(), 200);
    owner.json(Method::PATCH, &format!("/api/v1/media/{id}"), &json!({ "visibility": "private" }), 200).await;
    for file in [&chosen_path, &picture] {
        assert_eq!(stranger.get(file).await.status(), 404);
        assert_eq!(owner.get(file).await.status(), 200);
    }
    owner.json(Method::DELETE, &of_media, &Value::Null, 204).await;
    assert_eq!(owner.media(&id).await["playback"]["poster_url"], own);
    assert_eq!(owner.get(&chosen_path).await.status(), 404);
    // With its media a chosen one goes too.
    let again: Value = put(&owner).await.json().await.unwrap();
    let last = path(&owner, &again["url"]).rsplit('/').next().unwrap().trim_end_matches(".jpg").to_owned();
    owner.json(Method::DELETE, &format!("/api/v1/media/{id}"), &Value::Null, 204).await;
    let db = stack.database().await;
    assert!(db.pictures().find(last.parse().unwrap()).await.unwrap().is_none());
}

/// Waits until the moment that was last chosen is the poster of a film.
async fn shown_moment(client: &Client, of_media: &str) -> Value {
    harness::eventually("the moment is shown", Duration::from_secs(60), || async {
        let poster = client.json(Method::GET, of_media, &Value::Null, 200).await;
        assert_ne!(poster["chosen"]["status"], "failed", "{poster}");
        (poster["chosen"]["status"] == "ready").then_some(poster)
    })
    .await
}

/// Of what is encoded and of what is kept: exact to the picture, and the last choice stays.
async fn a_moment_of_the_film_becomes_its_poster(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let worker = stack.add_worker();
    let (owner, stranger) = (stack.creator().await, stack.creator().await);
    let mut ids = Vec::new();
    for passed in [false, true] {
        let film = fixtures::by_second(SECONDS, passed);
        let id = owner.upload(&film).await["id"].as_str().unwrap().to_owned();
        let of_media = format!("/api/v1/media/{id}/poster");
        let own = owner.wait_for(&id, &["ready"]).await["playback"]["poster_url"].clone();
        let shades = by_seconds(&film);
        for (at_ms, second) in [(6_960, 6), (7_000, 7), (0, 0), (SECONDS * 1000 - 1, SECONDS as usize - 1)] {
            let asked = owner.json(Method::PUT, &of_media, &json!({ "at_ms": at_ms }), 202).await;
            assert_eq!(asked["chosen"]["at_ms"], at_ms);
            let url = shown_moment(&owner, &of_media).await["url"].clone();
            assert_eq!(owner.media(&id).await["playback"]["poster_url"], url);
            let shade = lightness(&bytes(&stranger, &path(&owner, &url)).await, [0, 112, 320, 44]);
            assert!((shade - shades[second]).abs() < 2.0, "{at_ms} ms: {shade} of {shades:?}");
        }
        let beyond = owner.send(Method::PUT, &of_media, &json!({ "at_ms": SECONDS * 1000 })).await;
        assert_eq!(problem(beyond).await, (422, "invalid".to_owned()));
        owner.json(Method::DELETE, &of_media, &Value::Null, 204).await;
        let again = owner.json(Method::GET, &of_media, &Value::Null, 200).await;
        assert_eq!((&again["url"], &again["chosen"]), (&own, &Value::Null));
        ids.push(id);
    }
    let sound = owner.upload(&fixtures::sound()).await["id"].as_str().unwrap().to_owned();
    owner.wait_for(&sound, &["ready"]).await;
    let moment = json!({ "at_ms": 2_000 });
    let refused = owner.send(Method::PUT, &format!("/api/v1/media/{sound}/poster"), &moment).await;
    assert_eq!(problem(refused).await, (409, "no_picture".to_owned()));
    // What was asked while nobody worked is done later, but for what was asked anew since.
    stack.workers[worker].kill();
    let of_media = format!("/api/v1/media/{}/poster", ids[0]);
    for at_ms in [2_000, 9_500] {
        owner.json(Method::PUT, &of_media, &json!({ "at_ms": at_ms }), 202).await;
    }
    let unseen = format!("/api/v1/media/{}/poster", ids[1]);
    owner.json(Method::PUT, &unseen, &moment, 202).await;
    let picture = std::fs::read(fixtures::picture(160, 80)).unwrap();
    let put = owner.request(Method::PUT, &unseen).body(picture).send().await.unwrap();
    let put: Value = put.json().await.unwrap();
    stack.add_worker();
    let url = shown_moment(&owner, &of_media).await["url"].clone();
    let shade = lightness(&bytes(&owner, &path(&owner, &url)).await, [0, 112, 320, 44]);
    let film = fixtures::by_second(SECONDS, false);
    assert!((shade - by_seconds(&film)[9]).abs() < 2.0, "{shade}");
    let kept = owner.json(Method::GET, &unseen, &Value::Null, 200).await;
    assert_eq!((&kept["url"], &kept["chosen"]), (&put["url"], &Value::Null));
}

/// A drawing of that sound is high where the beep is.
fn assert_drawn(svg: &str, seconds: f64) {
    let outline = svg.split_once(" d=\"M0 64V").unwrap().1;
    // From left to right above the middle, then back below it.
    let points =
        outline.trim_end().trim_end_matches("Z\"/></svg>").split('V').map(|step| step.split_once('H').unwrap());
    let heights: Vec<u32> = points.map(|(y, _)| y.parse::<u32>().unwrap().abs_diff(64)).collect();
    let (above, below) = heights.split_at(heights.len() / 2);
    assert!(above.iter().eq(below.iter().rev()), "{svg}");
    assert!(svg.contains(&format!("viewBox=\"0 0 {} 128\"", above.len())), "{svg}");
    let at = |i: usize| i as f64 / above.len() as f64 * seconds;
    let loud: Vec<f64> = (0..above.len()).filter(|i| above[*i] > 4).map(at).collect();
    assert!((3.7..4.1).contains(&loud[0]) && (4.2..4.6).contains(loud.last().unwrap()), "{loud:?}");
}

/// Of what is encoded and of what is kept: ten seconds of silence but for one beep.
async fn waveform_shows_when_it_is_loud(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    for kept in [false, true] {
        let id = client.upload(&fixtures::flash(kept)).await["id"].as_str().unwrap().to_owned();
        let ready = client.wait_for(&id, &["ready"]).await;
        let answer = client.get(&path(&client, &ready["playback"]["waveform_url"])).await;
        assert_eq!(answer.headers()["content-type"], "application/json");
        let wave: Value = answer.json().await.unwrap();
        assert_eq!(wave["duration_ms"], ready["duration_ms"]);
        let peaks: Vec<u64> = wave["peaks"].as_array().unwrap().iter().map(|p| p.as_u64().unwrap()).collect();
        assert!((60..=1800).contains(&peaks.len()), "{}", peaks.len());
        let drawn = client.get(&path(&client, &ready["playback"]["waveform_image_url"])).await;
        assert_eq!(drawn.headers()["content-type"], "image/svg+xml");
        assert_drawn(&drawn.text().await.unwrap(), wave["duration_ms"].as_f64().unwrap() / 1000.0);
        let at = |i: usize| i as f64 / peaks.len() as f64 * wave["duration_ms"].as_f64().unwrap() / 1000.0;
        let loud: Vec<f64> = (0..peaks.len()).filter(|i| peaks[*i] > 16).map(at).collect();
        assert!((3.7..4.1).contains(&loud[0]) && (4.2..4.6).contains(loud.last().unwrap()), "kept {kept}: {loud:?}");
    }
}

async fn cover_of_a_sound_is_its_poster(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let mut made = Vec::new();
    for file in [fixtures::covered_sound(), fixtures::sound()] {
        let id = client.upload(&file).await["id"].as_str().unwrap().to_owned();
        made.push(client.wait_for(&id, &["ready"]).await);
    }
    let cover = bytes(&client, &path(&client, &made[0]["playback"]["poster_url"])).await;
    let shade = lightness(&cover, [0, 0, 600, 600]);
    assert!((110.0..145.0).contains(&shade), "{shade}");
    assert_eq!(made[1]["playback"]["poster_url"], Value::Null);
    assert!(made.iter().all(|m| m["playback"]["storyboard_url"] == Value::Null));
}

/// Without a server, and where nothing of the film is decoded but key frames.
#[test]
fn transcode_writes_pictures_of_what_is_encoded_and_of_what_is_passed_through() {
    let dir = tempfile::tempdir().unwrap();
    for (name, passed) in [("encoded", false), ("passed", true)] {
        let (film, out) = (fixtures::by_second(SECONDS, passed), dir.path().join(name));
        let done = Command::new(bin_dir().join("sluice-worker"))
            .args(["transcode", "--preset", "ultrafast", "--ladder", "360:30:500"])
            .arg(&film)
            .arg(&out)
            .output()
            .unwrap();
        assert!(done.status.success(), "{}", String::from_utf8_lossy(&done.stderr));
        assert_eq!(out.join("source").exists(), passed);
        let cues = cues(&std::fs::read_to_string(out.join("storyboard.vtt")).unwrap());
        assert_eq!(cues.len(), SECONDS as usize / 2);
        assert_matches(&cues, &film, |picture| std::fs::read(out.join(picture)).unwrap());
        // Where nothing is decoded, entry points are shown, which are two seconds apart.
        assert_preview(&std::fs::read(out.join("preview.webp")).unwrap(), &film, if passed { 2.0 } else { 0.1 });
        assert!(std::fs::read_to_string(out.join("waveform.json")).unwrap().contains("\"peaks\":["));
        assert!(lightness(&std::fs::read(out.join("poster.jpg")).unwrap(), [0, 0, 320, 90]) > 60.0);
    }
}
