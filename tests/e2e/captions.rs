//! Captions: served to players, found by search.

use harness::{
    Client, Pair, Stack, fixtures,
    platform::{act, film, get, ids, refused, start},
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(captions_are_served_and_searched, captions_are_renditions_of_the_programme);

/// One corpus, one list of answers: both databases give them.
async fn captions_are_served_and_searched(pair: Pair) {
    let stack = start(pair).await;
    let (owner, stranger) = (stack.creator().await, stack.creator().await);
    let media = film(&owner).await;
    let of_media = format!("/media/{media}");
    let put = async |client: &Client, rest: &str, body: &str| {
        let path = format!("/api/v1{of_media}/captions/{rest}");
        client.request(Method::PUT, &path).body(body.to_owned()).send().await.unwrap()
    };
    let srt = "1\r\n00:00:02,000 --> 00:00:03,000\r\nDer Flötenspieler\r\n\r\n2\r\n00:00:01,000 --> 00:00:01,500\r\nGuten Tag\r\n";
    assert_eq!(put(&owner, "DE?label=Deutsch", srt).await.status(), 200);
    assert_eq!(put(&owner, "en", "WEBVTT\n\n00:01.000 --> 00:02.000\nThe piper\n").await.status(), 200);
    let list = get(&stranger, &format!("{of_media}/captions")).await;
    assert_eq!((&list["items"][0]["language"], &list["items"][0]["label"]), (&json!("de"), &json!("Deutsch")));
    assert_eq!((&list["items"][1]["label"], &list["items"][0]["cues"]), (&json!("en"), &json!(2)));
    let url = list["items"][0]["url"].as_str().unwrap();
    let answer = harness::client::http().get(url).send().await.unwrap();
    assert_eq!(answer.headers()["content-type"], "text/vtt; charset=utf-8");
    let text = answer.text().await.unwrap();
    assert!(text.starts_with("WEBVTT\n\n00:00:01.000 --> 00:00:01.500\nGuten Tag\n"), "{text}");
    let found = async |query: &str| ids(&get(&stranger, &format!("/search?q={query}")).await) == [media.clone()];
    assert!(found("flotenspieler").await && found("pip").await && !found("WEBVTT").await && !found("00").await);
    // Another text in the same language; then none.
    assert_eq!(put(&owner, "de", "WEBVTT\n\n00:01.000 --> 00:02.000\nGute Nacht\n").await.status(), 200);
    assert!(!found("flotenspieler").await && found("nacht").await);
    act(&owner, Method::DELETE, &format!("{of_media}/captions/en"), Value::Null, 204).await;
    assert!(!found("piper").await);
    assert_eq!(refused(&owner, Method::DELETE, &format!("{of_media}/captions/en"), Value::Null).await.0, 404);
    // Private ones are nobody's business; the account that goes takes them along.
    act(&owner, Method::PATCH, &of_media, json!({ "visibility": "private" }), 200).await;
    assert_eq!(harness::client::http().get(url).send().await.unwrap().status(), 404);
    assert_eq!(put(&stranger, "de", srt).await.status(), 404);
    for (rest, body, status) in
        [("de", "hello", 422), ("german", srt, 422), ("de", "", 422), ("de", &"x".repeat(1_100_000), 413)]
    {
        assert_eq!(put(&owner, rest, body).await.status(), status, "{rest}");
    }
    // A long film is searched to its end.
    let long: String = (0..6_000).map(|i| format!("00:00.000 --> 00:01.000\nsaid{i} and\n\n")).collect();
    assert_eq!(put(&owner, "es", &long).await.status(), 200);
    act(&owner, Method::PATCH, &of_media, json!({ "visibility": "public" }), 200).await;
    assert!(found("said0").await && found("said5999").await);
    let many =
        (0..30_000).map(|i| format!("00:00.000 --> 00:01.000\nword{i} {}\n\n", "y".repeat(10))).collect::<String>();
    assert_eq!(put(&owner, "fr", &many[..1 << 20]).await.status(), 200, "more words than an index holds");
    for second in b'a'..=b'z' {
        for first in ["x", "y"] {
            let answer = put(&owner, &format!("{first}{}", second as char), srt).await;
            let known = get(&owner, &format!("{of_media}/captions")).await["items"].as_array().unwrap().len();
            assert!(answer.status() == 200 || (known == 50 && answer.status() == 409), "{known}: {answer:?}");
        }
    }
    assert_eq!(get(&owner, &format!("{of_media}/captions")).await["items"].as_array().unwrap().len(), 50);
    assert!(found("said5999").await, "no language crowds out another");
    act(&owner, Method::DELETE, &of_media, Value::Null, 204).await;
    let db = stack.database().await;
    assert!(db.captions().of_media(media.parse().unwrap()).await.unwrap().is_empty());
}

/// The media playlists of subtitles in the multivariant playlist: attributes and path.
async fn subtitles(client: &Client, media: &str) -> Vec<(String, String)> {
    let top = client.text(&format!("/hls/{media}/index.m3u8")).await;
    let tags = top.lines().filter(|l| l.starts_with("#EXT-X-MEDIA:TYPE=SUBTITLES"));
    let uri = |l: &str| l.split("URI=\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let list: Vec<_> = tags.map(|l| (l.to_owned(), format!("/hls/{media}/{}", uri(l)))).collect();
    let named =
        top.lines().filter(|l| l.starts_with("#EXT-X-STREAM-INF")).all(|l| l.contains("SUBTITLES=\"subtitles\""));
    assert!(named || list.is_empty(), "{top}");
    list
}

/// Every segment of a subtitle playlist: its length in seconds and its text.
async fn cut(client: &Client, list: &str) -> Vec<(f64, String)> {
    let text = client.text(list).await;
    assert!(text.contains("#EXT-X-PLAYLIST-TYPE:VOD") && text.ends_with("#EXT-X-ENDLIST\n"), "{text}");
    let lengths =
        text.lines().filter_map(|l| l.strip_prefix("#EXTINF:")).map(|l| l.trim_end_matches(',').parse().unwrap());
    let folder = list.rsplit_once('/').unwrap().0;
    let mut all = Vec::new();
    for (length, name) in lengths.zip(text.lines().filter(|l| l.ends_with(".vtt"))) {
        let answer = client.get(&format!("{folder}/{name}")).await;
        assert_eq!(answer.headers()["content-type"], "text/vtt; charset=utf-8");
        all.push((length, answer.text().await.unwrap()));
    }
    all
}

/// What is added, replaced and removed after the film was made is there for the next player, in segments that span the
/// programme.
async fn captions_are_renditions_of_the_programme(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let owner = stack.creator().await;
    let media = owner.upload(&fixtures::compliant(10)).await["id"].as_str().unwrap().to_owned();
    owner.wait_for(&media, &["ready"]).await;
    assert!(subtitles(&owner, &media).await.is_empty());
    let put = async |rest: &str, body: &str| {
        let path = format!("/api/v1/media/{media}/captions/{rest}");
        assert_eq!(
            owner.request(Method::PUT, &path).body(body.to_owned()).send().await.unwrap().status(),
            200,
            "{rest}"
        );
    };
    put("de?label=Deutsch", "WEBVTT\n\n00:01.000 --> 00:02.500\nErstes\n\n00:09.000 --> 00:59.000\nLetztes\n").await;
    put("de?label=Deutsch&role=sdh", "WEBVTT\n\n00:01.000 --> 00:02.500\n[Musik]\n").await;
    put("en?label=Deutsch&role=forced", "WEBVTT\n\n00:01.000 --> 00:02.500\nSign\n").await;
    put("en?label=Deutsch", "WEBVTT\n\n00:01.000 --> 00:02.500\nFirst\n").await;
    let tracks = subtitles(&owner, &media).await;
    let has = |i: usize, words: &[&str]| assert!(words.iter().all(|w| tracks[i].0.contains(w)), "{tracks:?}");
    has(0, &["LANGUAGE=\"de\"", "NAME=\"Deutsch\""]);
    has(
        1,
        &[
            "LANGUAGE=\"de\"",
            "NAME=\"Deutsch (SDH)\"",
            "CHARACTERISTICS=\"public.accessibility.transcribes-spoken-dialog",
        ],
    );
    let names: std::collections::BTreeSet<_> = tracks.iter().map(|t| t.0.split("NAME=").nth(1).unwrap()).collect();
    assert_eq!((tracks.len(), names.len()), (4, 4), "names differ: {tracks:?}");
    assert_eq!(tracks.iter().filter(|t| t.0.contains("FORCED=YES")).count(), 1);
    // The segments span the film, each with the cues that are shown in it.
    let segments = cut(&owner, &tracks[0].1).await;
    assert!((segments.iter().map(|s| s.0).sum::<f64>() - 10.0).abs() < 0.05, "{segments:?}");
    let mut at = 0.0;
    for (length, text) in &segments {
        assert!(text.starts_with("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:"), "{text}");
        let shown = |from: f64, until: f64| from < at + length && until > at;
        assert_eq!(text.contains("Erstes"), shown(1.0, 2.5), "{at}: {text}");
        assert_eq!(text.contains("Letztes"), shown(9.0, 59.0), "{at}: {text}");
        at += length;
    }
    let (compliant, report) = harness::media::verify(&format!("{}/hls/{media}/index.m3u8", stack.url));
    assert!(compliant && report.contains("5.3"), "{report}");
    // Replaced and removed.
    put("de?label=Deutsch", "WEBVTT\n\n00:01.000 --> 00:02.500\nAnderes\n").await;
    let again = cut(&owner, &tracks[0].1).await;
    assert!(again[0].1.contains("Anderes") || again[1].1.contains("Anderes"), "{again:?}");
    act(&owner, Method::DELETE, &format!("/media/{media}/captions/de?role=sdh"), Value::Null, 204).await;
    assert_eq!(subtitles(&owner, &media).await.len(), 3);
    for missing in [&tracks[1].1, &tracks[0].1.replace("text-full-de", "text-full-xx")] {
        assert_eq!(owner.get(missing).await.status(), 404);
    }
    let beyond = format!("{}/000099-x.vtt", tracks[0].1.rsplit_once('/').unwrap().0);
    assert_eq!(owner.get(&beyond).await.status(), 404);
    // Nobody else reads those of a private film.
    act(&owner, Method::PATCH, &format!("/media/{media}"), json!({ "visibility": "private" }), 200).await;
    assert_eq!(stack.creator().await.get(&tracks[0].1).await.status(), 404);
}
