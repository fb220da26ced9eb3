//! What is taken, what is left out, and how a client is told.

use harness::{Pair, Stack, client::problem, fixtures};
use reqwest::{Method, multipart};
use serde_json::Value;

harness::on_both!(formats_are_listed_and_refusals_name_them, what_is_left_out_of_a_media_is_told);

async fn formats_are_listed_and_refusals_name_them(pair: Pair) {
    let stack = Stack::start(pair).await;
    let listed = harness::client::http().get(format!("{}/api/v1/formats", stack.url)).send().await.unwrap();
    assert_eq!(
        (listed.status().as_u16(), &listed.headers()["cache-control"]),
        (200, &"public, max-age=3600".parse().unwrap())
    );
    let listed: Value = listed.json().await.unwrap();
    let names = |key: &str| -> Vec<&str> {
        listed[key].as_array().unwrap().iter().map(|c| c["name"].as_str().unwrap()).collect()
    };
    assert!(names("containers").contains(&"MXF") && names("video_codecs").contains(&"ProRes"));
    assert!(names("audio_codecs").contains(&"DTS"));
    let client = stack.creator().await;
    let part = multipart::Part::bytes(std::fs::read(fixtures::picture(64, 64)).unwrap()).file_name("x.mp4");
    let form = multipart::Form::new().part("file", part);
    let refused = client.request(Method::POST, "/api/v1/media").multipart(form).send().await.unwrap();
    assert_eq!(refused.status(), 415);
    let text = refused.text().await.unwrap();
    assert!(
        text.contains("The file is a PNG picture. Accepted are MP4, ") && text.contains("/api/v1/formats"),
        "{text}"
    );
    // An animation is a film.
    let part = multipart::Part::bytes(std::fs::read(fixtures::animation()).unwrap()).file_name("x.gif");
    let form = multipart::Form::new().part("file", part.mime_str("image/gif").unwrap());
    let taken = client.request(Method::POST, "/api/v1/media").multipart(form).send().await.unwrap();
    assert_eq!(taken.status(), 201);
    let part = multipart::Part::bytes(vec![0; 100]).file_name("x.gif").mime_str("image/gif").unwrap();
    let form = multipart::Form::new().part("file", part);
    let empty = client.request(Method::POST, "/api/v1/media").multipart(form).send().await.unwrap();
    assert_eq!(problem(empty).await, (415, "unsupported_type".into()));
}

async fn what_is_left_out_of_a_media_is_told(pair: Pair) {
    if !harness::in_sample(pair, 0) {
        return;
    }
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let media = client.upload(&fixtures::two_pictures()).await;
    let id = media["id"].as_str().unwrap();
    client.wait_for(id, &["ready"]).await;
    let media = client.json(Method::GET, &format!("/api/v1/media/{id}"), &Value::Null, 200).await;
    let warnings = media["warnings"].as_array().unwrap();
    assert_eq!(warnings.len(), 1, "{media}");
    assert_eq!(warnings[0]["code"], "extra_video");
    assert_eq!(warnings[0]["message"], "Left out is 1 further picture track: mpeg4.");
    // Where nothing is left out, nothing is said.
    let whole = client.upload(&fixtures::many_sounds(true)).await;
    let id = whole["id"].as_str().unwrap();
    client.wait_for(id, &["ready"]).await;
    let media = client.json(Method::GET, &format!("/api/v1/media/{id}"), &Value::Null, 200).await;
    assert_eq!(media["warnings"], serde_json::json!([]));
}
