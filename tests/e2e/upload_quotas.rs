//! What an account may upload: places, bytes, bytes a day, counted once however they come.

use harness::{
    Client, Pair, Stack,
    client::problem,
    fixtures,
    tus::{CHUNK, begin, media_of, number, patch, stored, tus, usage},
};
use reqwest::{Method, Response, multipart};
use serde_json::{Value, json};

harness::on_both!(
    concurrent_uploads_stop_at_quota,
    stored_and_daily_bytes_are_limited,
    refused_creation_uses_no_quota,
    deferred_length_stays_within_quota,
    parts_reserve_quota_and_rate_at_creation,
    day_is_limited_and_deletion_gives_none_back,
    expired_uploads_are_not_listed
);

async fn concurrent_uploads_stop_at_quota(pair: Pair) {
    let settings = [("SLUICE_QUOTAS", "creator.uploads=10"), ("SLUICE_LIMITS", "upload=0/1,upload_account=0/1")];
    let stack = Stack::start_with(pair, &settings).await;
    let client = stack.creator().await;
    let (_other, url) = stack.another_api();
    let tries: Vec<_> = (0..100)
        .map(|i| {
            let client = if i % 2 == 0 { client.clone() } else { Client { url: url.clone(), ..client.clone() } };
            tokio::spawn(async move {
                let answer =
                    tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", 9).send().await.unwrap();
                (answer.status().as_u16(), answer.headers().get("location").map(|l| l.to_str().unwrap().to_owned()))
            })
        })
        .collect();
    let mut paths = Vec::new();
    for t in tries {
        match t.await.unwrap() {
            (201, Some(location)) => paths.push(url::Url::parse(&location).unwrap().path().to_owned()),
            (status, _) => assert_eq!(status, 403),
        }
    }
    assert_eq!(paths.len(), 10);
    let usage = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!(
        (usage["uploads"].as_i64(), usage["uploads_limit"].as_i64(), usage["media"].as_i64()),
        (Some(10), Some(10), Some(10))
    );
    let full = client.try_upload(&fixtures::silent()).await;
    assert_eq!(problem(full).await, (403, "quota_exceeded".into()), "forms count alike");
    assert_eq!(tus(&client, Method::DELETE, &paths[0]).send().await.unwrap().status(), 204);
    assert_eq!(client.try_upload(&fixtures::silent()).await.status(), 201, "a slot is free again");
    begin(&client, 9).await;
}

async fn stored_and_daily_bytes_are_limited(pair: Pair) {
    let day = harness::today();
    let film = fixtures::silent();
    let size = std::fs::metadata(&film).unwrap().len() as i64;
    let quotas = format!("creator.stored={},creator.day={},creator.media=2", size * 5 / 2, size * 6);
    let stack = Stack::start_with(pair, &[("SLUICE_QUOTAS", &quotas)]).await;
    let client = stack.creator().await;
    let first = client.upload(&film).await;
    client.upload(&film).await;
    let third = client.try_upload(&film).await;
    assert_eq!(problem(third).await, (403, "quota_exceeded".into()));
    let id = first["id"].as_str().unwrap();
    client.json(Method::DELETE, &format!("/api/v1/media/{id}"), &Value::Null, 204).await;
    let large = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", size * 2).send().await.unwrap();
    assert_eq!(problem(large).await, (403, "quota_exceeded".into()), "announced bytes are reserved");
    client.upload(&film).await;
    let usage = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!((usage["media"].as_i64(), usage["stored_bytes"].as_i64()), (Some(2), Some(size * 2)));
    assert!(stack.daily_bytes() >= size * 3, "a deletion gives no day back: {usage}");
    if harness::today() == day {
        assert_eq!(usage["day_bytes"], stack.daily_bytes());
    }
    assert_eq!(usage["stored_bytes_limit"], json!(size * 5 / 2));
}

async fn refused_creation_uses_no_quota(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let request = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", film.len());
    let request = request.header("content-type", CHUNK).header("upload-checksum", "sha256 AAAA");
    assert_eq!(problem(request.body(film).send().await.unwrap()).await, (460, "checksum_mismatch".into()));
    let now = usage(&client).await;
    assert_eq!((&now["uploads"], &now["media"], &now["stored_bytes"]), (&0.into(), &0.into(), &0.into()), "{now}");
}

async fn deferred_length_stays_within_quota(pair: Pair) {
    let film = fixtures::compliant(10);
    let size = std::fs::metadata(&film).unwrap().len();
    let quotas = format!("creator.stored={}", size * 3 / 2);
    let stack = Stack::start_with(pair, &[("SLUICE_QUOTAS", &quotas)]).await;
    let client = stack.creator().await;
    let mut data = std::fs::read(&film).unwrap();
    data.resize(size as usize * 2, 0);
    let request = tus(&client, Method::POST, "/api/v1/uploads").header("upload-defer-length", "1");
    let begun = request.send().await.unwrap();
    let path = begun.headers()["location"].to_str().unwrap().strip_prefix(&client.url).unwrap().to_owned();
    let answer = patch(&client, &path, 0, &data).await;
    assert_eq!(problem(answer).await, (413, "too_large".into()), "more than there is room for");
    assert_eq!(number(&tus(&client, Method::HEAD, &path).send().await.unwrap(), "upload-offset"), 0);
    // Of two forms at once there is room for one; the other learns it at its beginning, not at its end.
    assert_eq!(tus(&client, Method::DELETE, &path).send().await.unwrap().status(), 204);
    let form = || {
        let file = multipart::Part::bytes(std::fs::read(&film).unwrap()).file_name("film.mp4");
        client.request(Method::POST, "/api/v1/media").multipart(multipart::Form::new().part("file", file)).send()
    };
    let both: Vec<Response> = futures::future::try_join_all([form(), form()]).await.unwrap();
    let mut codes: Vec<u16> = both.iter().map(|r| r.status().as_u16()).collect();
    codes.sort_unstable();
    assert_eq!(codes, [201, 403]);
    assert_eq!(usage(&client).await["stored_bytes"], size);
}

/// Parts have their place in quotas and limits from their beginning: at the end of their bytes nothing is in the way.
async fn parts_reserve_quota_and_rate_at_creation(pair: Pair) {
    let settings = [
        ("SLUICE_LIMITS", "upload=2/3600,upload_account=2/3600"),
        ("SLUICE_QUOTAS", "creator.media=1,creator.uploads=1"),
    ];
    let stack = Stack::start_with(pair, &settings).await;
    let client = stack.creator().await;
    let film = std::fs::read(fixtures::silent()).unwrap();
    let mut urls = Vec::new();
    for data in film.chunks(film.len().div_ceil(2)) {
        let request = tus(&client, Method::POST, "/api/v1/uploads").header("upload-concat", "partial");
        let request = request.header("upload-length", data.len()).header("content-type", CHUNK);
        let made = request.body(data.to_vec()).send().await.unwrap();
        assert_eq!(made.status(), 201);
        urls.push(made.headers()["location"].to_str().unwrap().to_owned());
    }
    let now = usage(&client).await;
    assert_eq!((&now["uploads"], &now["media"]), (&1.into(), &1.into()), "they will be one: {now}");
    let third = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", 9).send().await.unwrap();
    assert_eq!(problem(third).await, (429, "rate_limited".into()));
    let list = format!("final;{}", urls.join(" "));
    let whole = tus(&client, Method::POST, "/api/v1/uploads").header("upload-concat", list).send().await.unwrap();
    assert_eq!(whole.status(), 201);
    assert!(stored(&client, &media_of(&whole)).await == film);
}

/// What was announced today counts, whatever became of it.
async fn day_is_limited_and_deletion_gives_none_back(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_QUOTAS", "creator.day=1000")]).await;
    let client = stack.creator().await;
    // At midnight a day begins that has room for everything.
    let day = harness::today();
    let path = begin(&client, 900).await;
    assert_eq!(tus(&client, Method::DELETE, &path).send().await.unwrap().status(), 204);
    let more = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", 200).send().await.unwrap();
    if harness::today() == day {
        assert_eq!(problem(more).await, (403, "quota_exceeded".into()));
        begin(&client, 100).await;
        assert_eq!(usage(&client).await["day_bytes"], 1000);
    }
}

/// An upload that has expired is gone when it has, not when a sweep comes by.
async fn expired_uploads_are_not_listed(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_SWEEP_SECONDS", "3600")]).await;
    let client = stack.creator().await;
    begin(&client, 9).await;
    let listed = async || client.json(Method::GET, "/api/v1/media", &Value::Null, 200).await["items"].clone();
    assert_eq!(listed().await.as_array().unwrap().len(), 1);
    stack.pass(std::time::Duration::from_secs(2 * 86_400));
    assert_eq!(listed().await, json!([]));
    assert_eq!(stack.run_sql("SELECT COUNT(*) FROM uploads").trim(), "1", "no sweep was there");
}
