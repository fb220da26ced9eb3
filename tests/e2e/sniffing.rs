//! What is no media is refused after its first kilobytes, however it comes.

use base64::{Engine, prelude::BASE64_STANDARD};
use harness::{
    Pair, Stack,
    client::problem,
    fixtures,
    tus::{begin, media_of, patch, stored, tus, usage},
};
use reqwest::{Method, multipart};
use serde_json::Value;

harness::on_both!(non_media_is_refused_by_first_bytes, small_pieces_are_sniffed_together);

async fn non_media_is_refused_by_first_bytes(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let text = std::fs::read(fixtures::text()).unwrap();
    let path = begin(&client, 50_000_000).await;
    let refused = patch(&client, &path, 0, &text).await;
    assert_eq!(problem(refused).await, (415, "unsupported_type".into()));
    assert_eq!(problem(patch(&client, &path, 0, &text).await).await.0, 404, "and it is gone");
    let brief = begin(&client, 6).await;
    assert_eq!(problem(patch(&client, &brief, 0, b"hello!").await).await, (415, "unsupported_type".into()));
    // Declared as something that no film is: refused before the bytes.
    let declared = format!("filetype {}", BASE64_STANDARD.encode("application/pdf"));
    let request = tus(&client, Method::POST, "/api/v1/uploads").header("upload-length", 50_000_000);
    let refused = request.header("upload-metadata", declared).send().await.unwrap();
    assert_eq!(problem(refused).await, (415, "unsupported_type".into()));
    for (kind, status) in [("text/html", 415), ("text/vnd.trolltech.linguist", 201)] {
        let film = std::fs::read(fixtures::silent()).unwrap();
        let part = multipart::Part::bytes(film).file_name("film.ts").mime_str(kind).unwrap();
        let form = multipart::Form::new().part("file", part);
        let answer = client.request(Method::POST, "/api/v1/media").multipart(form).send().await.unwrap();
        assert_eq!(answer.status(), status, "{kind}");
    }
    let usage = client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await;
    assert_eq!((usage["uploads"].as_i64(), usage["media"].as_i64()), (Some(0), Some(1)));
}

async fn small_pieces_are_sniffed_together(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let path = begin(&client, 1 << 30).await;
    for at in [0, 1500] {
        assert_eq!(patch(&client, &path, at, &[b'x'; 1500]).await.status(), 204);
    }
    let answer = patch(&client, &path, 3000, &[b'x'; 1500]).await;
    assert_eq!(problem(answer).await, (415, "unsupported_type".into()), "a gigabyte before its end");
    assert_eq!(usage(&client).await["uploads"], 0);
    // A film in small pieces is one.
    let film = std::fs::read(fixtures::silent()).unwrap();
    let path = begin(&client, film.len()).await;
    for at in [0, 1500, 3000] {
        assert_eq!(patch(&client, &path, at, &film[at..at + 1500]).await.status(), 204);
    }
    let done = patch(&client, &path, 4500, &film[4500..]).await;
    assert!(stored(&client, &media_of(&done)).await == film);
}
