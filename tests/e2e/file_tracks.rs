//! What a file has beside picture and sound: its text becomes subtitles, its chapters and tags are kept.

use harness::{
    Client, Pair, Stack, fixtures,
    platform::{act, get, ids},
};
use reqwest::Method;
use serde_json::{Value, json};
use std::path::Path;

harness::on_both!(text_chapters_and_tags_of_a_file_are_kept, what_people_say_comes_before_what_the_file_says);

async fn ready(client: &Client, file: &Path, fields: &[(&'static str, &'static str)]) -> Value {
    let answer = client.upload_with(file, fields).await;
    assert_eq!(answer.status(), 201);
    let id = answer.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await
}

async fn text_chapters_and_tags_of_a_file_are_kept(pair: Pair) {
    if !harness::in_sample(pair, 1) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    for ending in ["mkv", "mp4"] {
        let media = ready(&owner, &fixtures::annotated(ending), &[("title", ""), ("visibility", "unlisted")]).await;
        let id = media["id"].as_str().unwrap();
        assert_eq!(media["title"], "A film about onions", "{ending}");
        let tags = json!({ "title": "A film about onions", "artist": "Ada", "album": null, "date": "2024" });
        assert_eq!(media["file_tags"], tags, "{ending}");
        assert_eq!(media["warnings"], json!([]), "nothing is left out of {ending}");
        let list = get(&owner, &format!("/media/{id}/captions")).await["items"].clone();
        let told: Vec<_> = list
            .as_array()
            .unwrap()
            .iter()
            .map(|t| (&t["language"], &t["role"], &t["cues"], &t["from_file"]))
            .collect();
        let (yes, sdh) = (json!(true), json!("sdh"));
        let (de, en, full) = (json!("de"), json!("en"), json!("full"));
        assert_eq!(told, [(&de, &full, &json!(2), &yes), (&en, &sdh, &json!(1), &yes)], "{ending}");
        let body = owner.text(&format!("/api/v1/media/{id}/captions/de")).await;
        assert_eq!(
            body,
            "WEBVTT\n\n00:00:01.000 --> 00:00:02.500\n<i>Guten</i> Tag &amp; mehr\n\n00:00:07.200 --> 00:00:08.000\nZwiebelfisch\n",
            "{ending}"
        );
        let body = owner.text(&format!("/api/v1/media/{id}/captions/en?role=sdh")).await;
        assert!(body.ends_with("00:00:01.000 --> 00:00:02.500\n[door]\nHello, you\n"), "{body}");
        let chapters = get(&owner, &format!("/media/{id}/chapters")).await;
        let marks = chapters["items"].as_array().unwrap();
        let titles: Vec<&str> = marks.iter().map(|c| c["title"].as_str().unwrap()).collect();
        assert_eq!(titles, ["Begin", "Middle", "End"], "{ending}");
        // Pictures and sound are moved by the priming of the sound when they are put into Matroska, marks are not.
        let near = |mark: &Value, at: i64| (mark["start_ms"].as_i64().unwrap() - at).abs() < 30;
        assert!(near(&marks[0], 0) && near(&marks[1], 4000) && near(&marks[2], 9500), "{ending}: {chapters}");
        let top = owner.text(&format!("/hls/{id}/index.m3u8")).await;
        let tracks: Vec<&str> = top.lines().filter(|l| l.starts_with("#EXT-X-MEDIA:TYPE=SUBTITLES")).collect();
        assert!(
            tracks.len() == 2 && tracks[0].contains("LANGUAGE=\"de\"") && tracks[0].contains("NAME=\"Deutsch\""),
            "{top}"
        );
        assert!(top.contains("#EXT-X-SESSION-DATA"), "{top}");
        let (whole, said) = harness::media::verify(media["playback"]["hls_url"].as_str().unwrap());
        assert!(whole, "{said}");
    }
}

async fn what_people_say_comes_before_what_the_file_says(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let file = fixtures::annotated("mkv");
    let media = ready(&owner, &file, &[("title", "Mine"), ("visibility", "public")]).await;
    let id = media["id"].as_str().unwrap().to_owned();
    assert_eq!(media["title"], "Mine");
    let found = async |query: &str| ids(&get(&owner, &format!("/search?q={query}")).await) == [id.clone()];
    assert!(found("zwiebelfisch").await, "what is said in the file is searched");
    let captions = format!("/media/{id}/captions");
    let languages = async || {
        let list = get(&owner, &captions).await["items"].clone();
        list.as_array()
            .unwrap()
            .iter()
            .map(|t| format!("{}:{}", t["language"].as_str().unwrap(), t["from_file"]))
            .collect::<Vec<_>>()
    };
    let put = owner
        .request(Method::PUT, &format!("/api/v1{captions}/de"))
        .body("WEBVTT\n\n00:01.000 --> 00:02.000\nBesser\n");
    assert_eq!(put.send().await.unwrap().status(), 200);
    assert_eq!(languages().await, ["de:false", "en:true"]);
    assert!(!found("zwiebelfisch").await && found("besser").await);
    act(&owner, Method::DELETE, &format!("{captions}/de"), Value::Null, 204).await;
    assert_eq!(languages().await, ["en:true"], "that of the file does not come back");
    assert_eq!(owner.get(&format!("/api/v1{captions}/de")).await.status(), 404);
    assert_eq!(owner.request(Method::DELETE, &format!("/api/v1{captions}/de")).send().await.unwrap().status(), 404);
    act(&owner, Method::DELETE, &format!("{captions}/en?role=sdh"), Value::Null, 204).await;
    assert!(languages().await.is_empty());
    let top = owner.text(&format!("/hls/{id}/index.m3u8")).await;
    assert!(!top.contains("TYPE=SUBTITLES"), "{top}");
    let chapters = format!("/media/{id}/chapters");
    act(&owner, Method::PUT, &chapters, json!({ "items": [{ "start_ms": 100, "title": "One" }] }), 200).await;
    assert_eq!(get(&owner, &chapters).await["items"][0]["title"], "One");
    act(&owner, Method::PUT, &chapters, json!({ "items": [] }), 200).await;
    assert_eq!(get(&owner, &chapters).await["items"], json!([]));
}
