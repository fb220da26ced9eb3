//! Short ways to what is around the player.

use super::{Client, NO_QUOTAS, Pair, Stack, client::problem, fixtures};
use reqwest::Method;
use serde_json::Value;

const LIFTED: (&str, &str) =
    ("SLUICE_LIMITS", "captions=0/1,comment=0/1,register=0/1,login=0/1,upload=0/1,upload_account=0/1");

/// A service with a worker, without the rate limits that a test would meet.
pub async fn start(pair: Pair) -> Stack {
    let mut stack = Stack::start_with(pair, &[LIFTED, NO_QUOTAS]).await;
    stack.add_worker();
    stack
}

/// A media that everybody may find, ready to be played.
pub async fn film(client: &Client) -> String {
    film_with(client, "public").await
}

/// A media of some visibility, ready to be played.
pub async fn film_with(client: &Client, visibility: &'static str) -> String {
    let fields = [("visibility", visibility)];
    let made: Value = client.upload_with(&fixtures::silent(), &fields).await.json().await.unwrap();
    let id = text(&made["id"]);
    client.wait_for(&id, &["ready"]).await;
    id
}

/// Reads below `/api/v1`.
pub async fn get(client: &Client, path: &str) -> Value {
    client.json(Method::GET, &format!("/api/v1{path}"), &Value::Null, 200).await
}

/// Changes below `/api/v1`, expecting a status.
pub async fn act(client: &Client, method: Method, path: &str, body: Value, status: u16) -> Value {
    client.json(method, &format!("/api/v1{path}"), &body, status).await
}

/// Status and code of a request below `/api/v1` that is refused.
pub async fn refused(client: &Client, method: Method, path: &str, body: Value) -> (u16, String) {
    problem(client.send(method, &format!("/api/v1{path}"), &body).await).await
}

/// Comments on a media, expecting a status.
pub async fn comment(client: &Client, media: &str, body: Value, status: u16) -> Value {
    act(client, Method::POST, &format!("/media/{media}/comments"), body, status).await
}

/// The identifiers on a page.
pub fn ids(page: &Value) -> Vec<String> {
    page["items"].as_array().unwrap().iter().map(|i| i["id"].as_str().unwrap().to_owned()).collect()
}

/// A string.
pub fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}
