//! A person with an account.

use super::eventually;
use reqwest::{Method, RequestBuilder, Response, StatusCode, multipart};
use serde_json::{Value, json};
use std::{path::Path, time::Duration};
use uuid::Uuid;

/// Longest wait for anything that encodes.
pub const PATIENCE: Duration = Duration::from_secs(180);

/// Connections that were not used for so long are not used again: the service ends them a little later, and what is
/// asked at that moment is not answered.
const IDLE: Duration = Duration::from_secs(10);

/// A client of the services under test, with connections of its own. Without certificates: reading the system's
/// takes longer than most requests.
pub fn http() -> reqwest::Client {
    reqwest::Client::builder().tls_certs_only([]).pool_idle_timeout(IDLE).build().unwrap()
}

/// Everybody's password.
pub const PASSWORD: &str = "correct horse battery";

/// A logged-in client.
#[derive(Debug, Clone)]
pub struct Client {
    pub url: String,
    pub username: String,
    pub id: String,
    pub token: String,
    pub refresh_token: String,
    pub http: reqwest::Client,
}

impl Client {
    /// Registers somebody new.
    pub async fn register(url: &str) -> Self {
        Self::register_as(url, None).await
    }

    /// Registers somebody new in a role.
    pub async fn register_as(url: &str, role: Option<&str>) -> Self {
        let name = format!("u{}", &Uuid::new_v4().simple().to_string()[..12]);
        let mail = format!("{name}@example.org");
        let body = json!({ "username": name, "email": mail, "password": PASSWORD, "role": role });
        let http = http();
        let response = http.post(format!("{url}/api/v1/auth/register")).json(&body).send().await.unwrap();
        Self::from_answer(url, http, response, StatusCode::CREATED).await
    }

    /// Logs in by name with everybody's password.
    pub async fn login(url: &str, name: &str) -> Self {
        let http = http();
        let body = json!({ "login": name, "password": PASSWORD });
        let response = http.post(format!("{url}/api/v1/auth/login")).json(&body).send().await.unwrap();
        Self::from_answer(url, http, response, StatusCode::OK).await
    }

    async fn from_answer(url: &str, http: reqwest::Client, response: Response, expected: StatusCode) -> Self {
        let status = response.status();
        let answer: Value = response.json().await.unwrap();
        assert_eq!(status, expected, "{answer}");
        let text = |v: &Value| v.as_str().unwrap().to_owned();
        Self {
            url: url.to_owned(),
            username: text(&answer["user"]["username"]),
            id: text(&answer["user"]["id"]),
            token: text(&answer["access_token"]),
            refresh_token: text(&answer["refresh_token"]),
            http,
        }
    }

    /// The same person with another bearer token.
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Sends JSON as this person.
    pub async fn send(&self, method: Method, path: &str, body: &Value) -> Response {
        self.request(method, path).json(body).send().await.unwrap()
    }

    /// Sends JSON as this person and reads JSON, expecting a status.
    pub async fn json(&self, method: Method, path: &str, body: &Value, expected: u16) -> Value {
        let response = self.send(method, path, body).await;
        let status = response.status().as_u16();
        let text = response.text().await.unwrap();
        assert_eq!(status, expected, "{path}: {text}");
        if text.is_empty() { Value::Null } else { serde_json::from_str(&text).unwrap() }
    }

    /// A token of a machine with these scopes.
    pub async fn api_token(&self, scopes: &[&str]) -> String {
        let made = self
            .json(Method::POST, "/api/v1/me/api-tokens", &json!({ "name": "a machine", "scopes": scopes }), 201)
            .await;
        made["token"].as_str().unwrap().to_owned()
    }

    /// Nobody, on the same server.
    pub fn anonymous(&self) -> Self {
        Self { http: http(), ..self.with_token("") }
    }

    /// A request as this person; `path` begins with `/`.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.url));
        if self.token.is_empty() { request } else { request.bearer_auth(&self.token) }
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
        self.upload_with(file, &[("visibility", "unlisted")]).await
    }

    /// Uploads a file with further fields.
    pub async fn upload_with(&self, file: &Path, fields: &[(&'static str, &'static str)]) -> Response {
        let name = file.file_name().unwrap().to_string_lossy().into_owned();
        let data = tokio::fs::File::open(file).await.unwrap();
        let part = multipart::Part::stream(data).file_name(name);
        let form = fields.iter().fold(multipart::Form::new().text("title", "A film"), |f, (n, v)| f.text(*n, *v));
        let form = form.part("file", part);
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
