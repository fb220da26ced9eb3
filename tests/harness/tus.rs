//! The protocol of resumable uploads (tus 1.0), spoken by hand.

use super::Client;
use base64::{Engine, prelude::BASE64_STANDARD};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::Value;
use std::path::Path;

/// Content type of a PATCH.
pub const CHUNK: &str = "application/offset+octet-stream";

/// A request of the protocol.
pub fn tus(client: &Client, method: Method, path: &str) -> RequestBuilder {
    client.request(method, path).header("tus-resumable", "1.0.0")
}

/// A number among the headers.
pub fn number(response: &Response, name: &str) -> i64 {
    response.headers()[name].to_str().unwrap().parse().unwrap()
}

/// Begins an upload; its path.
pub async fn begin(client: &Client, length: usize) -> String {
    let title = BASE64_STANDARD.encode("A resumed film");
    let request = tus(client, Method::POST, "/api/v1/uploads").header("upload-length", length);
    let answer =
        request.header("upload-metadata", format!("title {title},filename ZmlsbS5tcDQ=")).send().await.unwrap();
    assert_eq!(answer.status(), 201, "{answer:?}");
    location(client, &answer)
}

/// The path that an answer names as the place of an upload.
pub fn location(client: &Client, answer: &Response) -> String {
    let location = answer.headers()["location"].to_str().unwrap();
    location.strip_prefix(&client.url).unwrap().to_owned()
}

/// Begins an upload; its path and its media.
pub async fn begin_media(client: &Client, length: usize) -> (String, String) {
    let path = begin(client, length).await;
    let media = media_of(&tus(client, Method::HEAD, &path).send().await.unwrap());
    (path, media)
}

/// Sends bytes at an offset.
pub async fn patch(client: &Client, path: &str, offset: usize, data: &[u8]) -> Response {
    let request = tus(client, Method::PATCH, path).header("upload-offset", offset).header("content-type", CHUNK);
    request.body(data.to_vec()).send().await.unwrap()
}

/// Where an upload goes on.
pub async fn offset(client: &Client, path: &str) -> usize {
    let answer = tus(client, Method::HEAD, path).send().await.unwrap();
    assert_eq!(answer.status(), 200, "{path}");
    assert_eq!(answer.headers()["cache-control"], "no-store");
    number(&answer, "upload-offset") as usize
}

/// The media that an answer names.
pub fn media_of(answer: &Response) -> String {
    answer.headers()["sluice-media-id"].to_str().unwrap().to_owned()
}

/// All stored bytes of a media.
pub async fn stored(client: &Client, media: &str) -> Vec<u8> {
    client.get(&format!("/raw/{media}")).await.bytes().await.unwrap().to_vec()
}

/// What an account uses.
pub async fn usage(client: &Client) -> Value {
    client.json(Method::GET, "/api/v1/me/usage", &Value::Null, 200).await
}

/// Files below a folder.
pub fn files(folder: &Path) -> usize {
    let Ok(entries) = std::fs::read_dir(folder) else { return 0 };
    entries.flatten().map(|e| if e.path().is_dir() { files(&e.path()) } else { 1 }).sum()
}
