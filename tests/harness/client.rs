//! A person with an account.

use super::eventually;
use reqwest::{Method, RequestBuilder, Response, StatusCode, multipart};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use uuid::Uuid;

/// Longest wait for anything that encodes.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// A logged-in client.
#[derive(Debug, Clone)]
pub struct Client {
    pub url: String,
    pub token: String,
    pub http: reqwest::Client,
}

impl Client {
    /// Registers somebody new.
    pub async fn register(url: &str) -> Self {
        let name = format!("u{}", &Uuid::new_v4().simple().to_string()[..12]);
        let http = reqwest::Client::new();
        let body =
            json!({ "username": name, "email": format!("{name}@example.org"), "password": "correct horse battery" });
        let response = http.post(format!("{url}/api/v1/auth/register")).json(&body).send().await.unwrap();
        assert_eq!(response.status(), StatusCode::CREATED);
        let answer: Value = response.json().await.unwrap();
        Self { url: url.to_owned(), token: answer["access_token"].as_str().unwrap().to_owned(), http }
    }

    /// A request as this person; `path` begins with `/`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.url)).bearer_auth(&self.token)
    }

    /// GET as this person.
    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }

    /// Uploads a file and expects to succeed; the media.
    pub async fn upload(&self, file: &Path) -> Value {
        let response = self.try_upload(file).await;
        let status = response.status();
        let body: Value = response.json().await.unwrap();
        assert_eq!(status, StatusCode::CREATED, "{body}");
        body
    }

    /// Uploads a file.
    pub async fn try_upload(&self, file: &Path) -> Response {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let data = tokio::fs::File::open(file).await.unwrap();
        let part = multipart::Part::stream(data).file_name(name);
        let form = multipart::Form::new().text("title", "A film").text("visibility", "unlisted").part("file", part);
        self.request(Method::POST, "/api/v1/media").multipart(form).send().await.unwrap()
    }

    /// The media as it is now.
    pub async fn media(&self, id: &str) -> Value {
        self.get(&format!("/api/v1/media/{id}")).await.json().await.unwrap()
    }

    /// Waits until the media has one of the given states; `failed` otherwise panics.
    pub async fn wait_for(&self, id: &str, states: &[&str]) -> Value {
        eventually(&format!("{id} is {states:?}"), PATIENCE, || async {
            let media = self.media(id).await;
            let status = media["status"].as_str().unwrap_or_default().to_owned();
            assert!(status != "failed" || states.contains(&"failed"), "{media}");
            states.contains(&status.as_str()).then_some(media)
        })
        .await
    }

    /// The text behind a URL of the service.
    pub async fn text(&self, path: &str) -> String {
        let response = self.get(path).await;
        assert_eq!(response.status(), StatusCode::OK, "{path}");
        response.text().await.unwrap()
    }
}

/// Status and stable code of a problem document.
pub async fn problem(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json", "status {status}");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"], id.as_str());
    (status, body["code"].as_str().unwrap().to_owned())
}
