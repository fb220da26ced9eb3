//! Every operation of the API document against every kind of caller.
//!
//! The table is the specification: an operation that is missing from it, or a line without an
//! operation, fails the test.

use harness::{Client, NO_QUOTAS, Pair, Stack, client::PASSWORD, fixtures};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

harness::on_both!(every_operation_for_every_caller);

/// Media are private and belong to `owner`. `wrong-scope` is the owner's machine with a scope that the
/// operation does not take, where there is such a scope; what only a person may do is asked with `admin`.
const TABLE: &str = "
# operation                                               anonymous viewer owner other admin expired revoked wrong-scope
GET    /health                                                  200    200   200   200   200     200     200         200
GET    /ready                                                   200    200   200   200   200     200     200         200
GET    /api/v1/formats                                          200    200   200   200   200     200     200         200
GET    /api/v1/openapi.json                                     200    200   200   200   200     200     200         200
POST   /api/v1/auth/register                                    201    201   201   201   201     201     201         201
POST   /api/v1/auth/login                                       200    200   200   200   200     200     200         200
POST   /api/v1/auth/refresh                                     401    200   200   200   200     200     401         200
POST   /api/v1/auth/logout                                      401    204   204   204   204     401     401         403
POST   /api/v1/auth/logout-everywhere                           401    204   204   204   204     401     401         403
POST   /api/v1/auth/forgot-password                             202    202   202   202   202     202     202         202
POST   /api/v1/auth/reset-password                              422    422   422   422   422     422     422         422
POST   /api/v1/auth/verify-email                                422    422   422   422   422     422     422         422
GET    /api/v1/me                                               401    200   200   200   200     401     401         403
POST   /api/v1/me/delete                                        401    204   204   204   204     401     401         403
PUT    /api/v1/me/password                                      401    204   204   204   204     401     401         403
PUT    /api/v1/me/email                                         401    202   202   202   202     401     401         403
POST   /api/v1/me/verify-email                                  401    202   202   202   202     401     401         403
GET    /api/v1/me/sessions                                      401    200   200   200   200     401     401         403
DELETE /api/v1/me/sessions/{id}                                 401    204   204   204   204     401     401         403
GET    /api/v1/me/audit                                         401    200   200   200   200     401     401         403
POST   /api/v1/me/creator-request                               401    201   409   409   409     401     401         403
GET    /api/v1/me/creator-request                               401    200   404   404   404     401     401         403
POST   /api/v1/me/api-tokens                                    401    201   201   201   201     401     401         403
GET    /api/v1/me/api-tokens                                    401    200   200   200   200     401     401         403
DELETE /api/v1/me/api-tokens/{id}                               401    204   204   204   204     401     401         403
GET    /api/v1/admin/users                                      401    403   403   403   200     401     401         403
DELETE /api/v1/admin/users/{id}                                 401    403   403   403   204     401     401         403
POST   /api/v1/admin/users/{id}/ban                             401    403   403   403   204     401     401         403
PUT    /api/v1/admin/users/{id}/role                            401    403   403   403   200     401     401         403
GET    /api/v1/admin/creator-requests                           401    403   403   403   200     401     401         403
POST   /api/v1/admin/creator-requests/{id}/grant                401    403   403   403   200     401     401         403
POST   /api/v1/admin/creator-requests/{id}/refuse               401    403   403   403   200     401     401         403
GET    /api/v1/admin/audit                                      401    403   403   403   200     401     401         403
GET    /api/v1/admin/queue                                      401    403   403   403   200     401     401         403
POST   /api/v1/admin/queue/{id}/retry                           401    403   403   403   404     401     401         403
POST   /api/v1/admin/queue/{id}/cancel                          401    403   403   403   404     401     401         403
PUT    /api/v1/admin/queue/{id}/priority                        401    403   403   403   404     401     401         403
GET    /api/v1/admin/workers                                    401    403   403   403   200     401     401         403
GET    /api/v1/admin/storage                                    401    403   403   403   200     401     401         403
GET    /api/v1/admin/settings                                   401    403   403   403   200     401     401         403
GET    /api/v1/media                                            401    200   200   200   200     401     401         403
POST   /api/v1/media                                            401    403   201   201   201     401     401         403
PUT    /api/v1/me/pictures/{kind}                               401    200   200   200   200     401     401         403
DELETE /api/v1/me/pictures/{kind}                               401    204   204   204   204     401     401         403
PUT    /api/v1/playlists/{id}/cover                             401    404   200   404   200     401     401         403
DELETE /api/v1/playlists/{id}/cover                             401    404   204   404   204     401     401         403
PUT    /api/v1/admin/categories/{slug}/picture                  401    403   403   403   200     401     401         403
DELETE /api/v1/admin/categories/{slug}/picture                  401    403   403   403   204     401     401         403
GET    /api/v1/pictures/{id}                                    200    200   200   200   200     401     401         200
GET    /api/v1/me/usage                                         401    200   200   200   200     401     401         403
POST   /api/v1/uploads                                          401    403   201   201   201     401     401         403
GET    /api/v1/uploads/{id}                                     401    403   200   404   404     401     401         403
PATCH  /api/v1/uploads/{id}                                     401    403   204   404   404     401     401         403
DELETE /api/v1/uploads/{id}                                     401    403   204   404   404     401     401         403
POST   /api/v1/uploads/presigned                                401    403   201   201   201     401     401         403
POST   /api/v1/uploads/presigned/{id}/parts                     401    403   200   404   404     401     401         403
GET    /api/v1/uploads/presigned/{id}/parts                     401    403   200   404   404     401     401         403
PUT    /api/v1/uploads/presigned/{id}/parts/{number}            403    403   403   403   403     403     403         403
POST   /api/v1/uploads/presigned/{id}/complete                  401    403   409   404   404     401     401         403
DELETE /api/v1/uploads/presigned/{id}                           401    403   204   404   404     401     401         403
POST   /api/v1/media/import                                     401    403   202   202   202     401     401         403
GET    /api/v1/media/{id}                                       404    404   200   404   200     401     401         200
GET    /api/v1/media/{id}/captions                              404    404   200   404   200     401     401         200
GET    /api/v1/media/{id}/captions/{language}                   404    404   200   404   200     401     401         200
PUT    /api/v1/media/{id}/captions/{language}                   401    404   200   404   200     401     401         403
DELETE /api/v1/media/{id}/captions/{language}                   401    404   204   404   204     401     401         403
GET    /api/v1/media/{id}/chapters                              404    404   200   404   200     401     401         200
GET    /api/v1/media/{id}/downloads                             404    404   200   404   200     401     401         200
GET    /api/v1/media/{id}/chapters.vtt                          404    404   200   404   200     401     401         200
PUT    /api/v1/media/{id}/chapters                              401    404   200   404   200     401     401         403
PUT    /api/v1/media/{id}/poster                                401    404   200   404   200     401     401         403
GET    /api/v1/media/{id}/poster                                401    404   200   404   200     401     401         403
DELETE /api/v1/media/{id}/poster                                401    404   204   404   204     401     401         403
GET    /api/v1/media/{id}/status                                404    404   200   404   200     401     401         200
GET    /api/v1/media/{id}/events                                404    404   200   404   200     401     401         200
PATCH  /api/v1/media/{id}                                       401    404   200   404   200     401     401         403
DELETE /api/v1/media/{id}                                       401    404   204   404   204     401     401         403
POST   /api/v1/media/{id}/tracks                                401    403   201   404   201     401     401         403
PUT    /api/v1/media/{id}/tracks/{track}                        401    404   404   404   404     401     401         403
DELETE /api/v1/media/{id}/tracks/{track}                        401    404   204   404   204     401     401         403
POST   /api/v1/media/{id}/tracks/{track}/retry                  401    404   404   404   404     401     401         403
GET    /api/v1/media/{id}/report                                401    404   200   404   200     401     401         403
GET    /api/v1/media/{id}/quality                               401    404   200   404   200     401     401         403
POST   /api/v1/media/{id}/clips                                 401    403   201   404   201     401     401         403
POST   /api/v1/media/{id}/cancel                                401    404   409   404   409     401     401         403
POST   /api/v1/media/{id}/retry                                 401    404   409   404   409     401     401         403
GET    /api/v1/media/{id}/grants                                401    404   200   404   200     401     401         403
PUT    /api/v1/media/{id}/grants/{username}                     401    404   204   404   204     401     401         403
DELETE /api/v1/media/{id}/grants/{username}                     401    404   204   404   204     401     401         403
GET    /api/v1/media/{id}/playback-tokens                       401    404   200   404   200     401     401         403
POST   /api/v1/media/{id}/playback-tokens                       401    404   201   404   201     401     401         403
DELETE /api/v1/media/{id}/playback-tokens/{token_id}            401    404   204   404   204     401     401         403
GET    /api/v1/creators                                         200    200   200   200   200     401     401         200
GET    /api/v1/creators/{id}                                    200    200   200   200   200     401     401         200
GET    /api/v1/creators/{id}/media                              200    200   200   200   200     401     401         200
GET    /api/v1/me/profile                                       401    200   200   200   200     401     401         403
PATCH  /api/v1/me/profile                                       401    204   204   204   204     401     401         403
GET    /api/v1/subscriptions                                    401    200   200   200   200     401     401         403
POST   /api/v1/subscriptions/{id}                               401    204   204   204   204     401     401         403
DELETE /api/v1/subscriptions/{id}                               401    204   204   204   204     401     401         403
GET    /api/v1/me/blocks                                        401    200   200   200   200     401     401         403
PUT    /api/v1/me/blocks/{id}                                   401    204   204   204   204     401     401         403
DELETE /api/v1/me/blocks/{id}                                   401    204   204   204   204     401     401         403
GET    /api/v1/feed                                             200    200   200   200   200     401     401         200
GET    /api/v1/media/{id}/comments                              404    404   200   404   200     401     401         200
POST   /api/v1/media/{id}/comments                              401    404   201   404   201     401     401         403
GET    /api/v1/comments/{id}/replies                            404    404   200   404   200     401     401         200
PATCH  /api/v1/comments/{id}                                    401    404   200   404   403     401     401         403
DELETE /api/v1/comments/{id}                                    401    404   204   404   204     401     401         403
GET    /api/v1/media/{id}/like                                  401    404   200   404   200     401     401         403
PUT    /api/v1/media/{id}/like                                  401    404   200   404   200     401     401         403
DELETE /api/v1/media/{id}/like                                  401    404   200   404   200     401     401         403
POST   /api/v1/media/{id}/views                                 404    404   200   404   200     401     401         200
GET    /api/v1/me/history                                       401    200   200   200   200     401     401         403
DELETE /api/v1/me/history                                       401    204   204   204   204     401     401         403
GET    /api/v1/me/history/{id}                                  401    404   200   404   404     401     401         403
PUT    /api/v1/me/history/{id}                                  401    404   200   404   200     401     401         403
DELETE /api/v1/me/history/{id}                                  401    204   204   204   204     401     401         403
POST   /api/v1/reports                                          401    404   201   404   201     401     401         403
GET    /api/v1/admin/reports                                    401    403   403   403   200     401     401         403
POST   /api/v1/admin/reports/{id}/decide                        401    403   403   403   204     401     401         403
GET    /api/v1/admin/moderation                                 401    403   403   403   200     401     401         403
POST   /api/v1/admin/moderation/{id}/lift                       401    403   403   403   204     401     401         403
GET    /api/v1/me/moderation                                    401    200   200   200   200     401     401         403
POST   /api/v1/me/moderation/{id}/appeal                        401    404   204   404   404     401     401         403
GET    /api/v1/oembed                                           404    404   404   404   404     404     404         404
GET    /api/v1/search                                           200    200   200   200   200     401     401         200
GET    /api/v1/categories                                       200    200   200   200   200     401     401         200
GET    /api/v1/categories/{slug}/media                          200    200   200   200   200     401     401         200
GET    /api/v1/tags/{tag}/media                                 200    200   200   200   200     401     401         200
PUT    /api/v1/admin/categories/{slug}                          401    403   403   403   204     401     401         403
DELETE /api/v1/admin/categories/{slug}                          401    403   403   403   204     401     401         403
GET    /api/v1/playlists                                        401    200   200   200   200     401     401         403
POST   /api/v1/playlists                                        401    201   201   201   201     401     401         403
GET    /api/v1/creators/{id}/playlists                          200    200   200   200   200     401     401         200
GET    /api/v1/playlists/{id}                                   404    404   200   404   200     401     401         200
PATCH  /api/v1/playlists/{id}                                   401    404   200   404   200     401     401         403
DELETE /api/v1/playlists/{id}                                   401    404   204   404   204     401     401         403
GET    /api/v1/playlists/{id}/items                             404    404   200   404   200     401     401         200
POST   /api/v1/playlists/{id}/items                             401    404   201   404   201     401     401         403
GET    /api/v1/playlists/{id}/items/{item}                      404    404   200   404   200     401     401         200
PATCH  /api/v1/playlists/{id}/items/{item}                      401    404   204   404   204     401     401         403
DELETE /api/v1/playlists/{id}/items/{item}                      401    404   204   404   204     401     401         403
GET    /api/v1/playlists/{id}/playlist.m3u8                     404    404   200   404   200     401     401         200
GET    /api/v1/projects                                         401    200   200   200   200     401     401         403
POST   /api/v1/projects                                         401    201   201   201   201     401     401         403
GET    /api/v1/projects/{id}                                    401    404   200   404   404     401     401         403
PATCH  /api/v1/projects/{id}                                    401    404   200   404   404     401     401         403
DELETE /api/v1/projects/{id}                                    401    404   204   404   404     401     401         403
GET    /api/v1/projects/{id}/document                           401    404   200   404   404     401     401         403
PUT    /api/v1/projects/{id}/document                           401    404   200   404   404     401     401         403
GET    /api/v1/projects/{id}/moments                            401    404   200   404   404     401     401         403
GET    /api/v1/posts                                            200    200   200   200   200     401     401         200
POST   /api/v1/posts                                            401    403   201   201   201     401     401         403
GET    /api/v1/creators/{id}/posts                              200    200   200   200   200     401     401         200
GET    /api/v1/me/posts                                         401    200   200   200   200     401     401         403
GET    /api/v1/posts/{id}                                       404    404   200   404   200     401     401         200
PATCH  /api/v1/posts/{id}                                       401    404   200   404   200     401     401         403
DELETE /api/v1/posts/{id}                                       401    404   204   404   204     401     401         403
GET    /api/v1/creators/{id}/feed.atom                          200    200   200   200   200     401     401         200
GET    /api/v1/creators/{id}/podcast.rss                        200    200   200   200   200     401     401         200
GET    /api/v1/webhooks                                         401    200   200   200   200     401     401         403
POST   /api/v1/webhooks                                         401    201   201   201   201     401     401         403
GET    /api/v1/webhooks/{id}                                    401    404   200   404   404     401     401         403
PATCH  /api/v1/webhooks/{id}                                    401    404   200   404   404     401     401         403
DELETE /api/v1/webhooks/{id}                                    401    404   204   404   404     401     401         403
GET    /api/v1/webhooks/{id}/deliveries                         401    404   200   404   404     401     401         403
POST   /api/v1/webhooks/{id}/test                               401    404   202   404   404     401     401         403
GET    /hls/{media}/index.m3u8                                  404    404   200   404   200     401     401         403
GET    /hls/{media}/manifest.mpd                                404    404   200   404   200     401     401         403
GET    /hls/{media}/{package}/{rendition}/{file}                404    404   200   404   200     401     401         403
GET    /p/{token}/hls/{media}/index.m3u8                        200    200   200   200   200     200     200         200
POST   /hls/{media}/cmcd                                        404    404   204   404   204     401     401         403
POST   /p/{token}/hls/{media}/cmcd                              204    204   204   204   204     204     204         204
GET    /p/{token}/hls/{media}/manifest.mpd                      200    200   200   200   200     200     200         200
GET    /p/{token}/hls/{media}/{package}/{rendition}/{file}      200    200   200   200   200     200     200         200
GET    /raw/{media}                                             404    404   200   404   200     401     401         403
GET    /raw/{media}/{name}                                      404    404   200   404   200     401     401         403
GET    /download/{media}/{name}                                 404    404   200   404   200     401     401         403
";

const CALLERS: [&str; 8] = ["anonymous", "viewer", "owner", "other", "admin", "expired", "revoked", "wrong-scope"];
const SECRET: &str = "the secret of this test's service, long";

/// The same people for all operations but those that end accounts and sessions.
struct World {
    stack: Stack,
    root: Client,
    people: People,
    film: String,
    package: String,
    rendition: String,
    link: String,
    hook: String,
}

#[derive(Clone)]
struct People {
    viewer: Client,
    owner: Client,
    other: Client,
    admin: Client,
    /// The owner's session that was ended.
    revoked: Client,
}

async fn people(stack: &Stack, root: &Client) -> People {
    let admin = stack.creator().await;
    let path = format!("/api/v1/admin/users/{}/role", admin.id);
    root.json(Method::PUT, &path, &json!({ "role": "admin" }), 200).await;
    let owner = stack.creator().await;
    let revoked = Client::login(&stack.url, &owner.username).await;
    revoked.json(Method::POST, "/api/v1/auth/logout", &Value::Null, 204).await;
    People { viewer: stack.viewer().await, owner, other: stack.creator().await, admin, revoked }
}

impl World {
    async fn new(pair: Pair) -> Self {
        let lifted = "login=0/1,login_account=0/1,register=0/1,reset=0/1,reset_account=0/1,comment=0/1,report=0/1";
        let settings = [("SLUICE_LIMITS", lifted), ("SLUICE_SECRET", SECRET), NO_QUOTAS];
        let mut stack = Stack::start_with(pair, &settings).await;
        stack.add_worker();
        let root = stack.admin().await;
        let people = people(&stack, &root).await;
        let film = upload(&people.owner).await;
        people.owner.wait_for(&film, &["ready"]).await;
        let top = people.owner.text(&format!("/hls/{film}/index.m3u8")).await;
        let parts: Vec<String> =
            top.lines().find(|l| l.ends_with(".m3u8")).unwrap().split('/').map(ToOwned::to_owned).collect();
        let link =
            made(&people.owner, &format!("/api/v1/media/{film}/playback-tokens"), json!({ "expires_in": 3600 })).await;
        let hook = made(&people.owner, "/api/v1/webhooks", hook()).await["id"].as_str().unwrap().to_owned();
        let link = link["token"].as_str().unwrap().to_owned();
        Self { stack, root, people, film, package: parts[0].clone(), rendition: parts[1].clone(), link, hook }
    }

    /// A comment of the owner's that an administrator was told of; the report.
    async fn reported(&self, owner: &Client) -> String {
        let all = format!("/api/v1/media/{}/comments", self.film);
        let comment = made(owner, &all, json!({ "body": "x" })).await["id"].clone();
        let report = json!({ "target": "comment", "id": comment, "reason": "spam" });
        self.root.send(Method::POST, "/api/v1/reports", &report).await;
        let mut after = String::new();
        loop {
            let path = format!("/api/v1/admin/reports?limit=100{after}");
            let queue = self.root.json(Method::GET, &path, &Value::Null, 200).await;
            let found = queue["items"].as_array().unwrap().iter().find(|r| r["target_id"] == comment);
            if let Some(found) = found {
                return found["id"].as_str().unwrap().to_owned();
            }
            after = format!("&cursor={}", queue["next_cursor"].as_str().unwrap());
        }
    }

    /// The path of one cell, with everything made that it refers to.
    async fn path(&self, operation: &str, people: &People, account: &Client) -> String {
        let (method, path) = operation.split_once(' ').unwrap();
        let owner = &people.owner;
        let media = match method {
            "DELETE" if path == "/api/v1/media/{id}" => upload(owner).await,
            _ => self.film.clone(),
        };
        let id = match path {
            "/api/v1/admin/users/{id}/role" => people.viewer.id.clone(),
            p if p.starts_with("/api/v1/admin/users/") => self.stack.viewer().await.id,
            p if p.starts_with("/api/v1/admin/creator-requests/") => {
                let asking = self.stack.viewer().await;
                made(&asking, "/api/v1/me/creator-request", json!({})).await["id"].as_str().unwrap().to_owned()
            }
            "/api/v1/uploads/{id}" => {
                let begin = owner.request(Method::POST, "/api/v1/uploads").header("tus-resumable", "1.0.0");
                let begun = begin.header("upload-length", 9).send().await.unwrap();
                begun.headers()["location"].to_str().unwrap().rsplit('/').next().unwrap().to_owned()
            }
            p if p.starts_with("/api/v1/creators/")
                || p.starts_with("/api/v1/subscriptions/")
                || p.contains("/blocks/") =>
            {
                self.root.id.clone()
            }
            p if p.starts_with("/api/v1/pictures/") => {
                let request = owner.request(Method::PUT, "/api/v1/me/pictures/avatar").body(picture());
                let shown: Value = request.send().await.unwrap().json().await.unwrap();
                shown["url"].as_str().unwrap().rsplit('/').next().unwrap().to_owned()
            }
            p if p.starts_with("/api/v1/admin/reports/") => self.reported(owner).await,
            p if p.contains("/moderation/") => {
                let report = self.reported(owner).await;
                let decide = format!("/api/v1/admin/reports/{report}/decide");
                self.root.json(Method::POST, &decide, &json!({ "decision": "hide" }), 204).await;
                let all = self.root.json(Method::GET, "/api/v1/admin/moderation", &Value::Null, 200).await;
                all["items"][0]["id"].as_str().unwrap().to_owned()
            }
            p if p.starts_with("/api/v1/comments/") => {
                let all = format!("/api/v1/media/{}/comments", self.film);
                made(owner, &all, json!({ "body": "x" })).await["id"].as_str().unwrap().to_owned()
            }
            p if p.starts_with("/api/v1/playlists/") => {
                made(owner, "/api/v1/playlists", json!({ "title": "x" })).await["id"].as_str().unwrap().to_owned()
            }
            "/api/v1/webhooks/{id}" if method == "DELETE" => {
                made(owner, "/api/v1/webhooks", hook()).await["id"].as_str().unwrap().to_owned()
            }
            p if p.starts_with("/api/v1/webhooks/") => self.hook.clone(),
            p if p.starts_with("/api/v1/projects/") => {
                made(owner, "/api/v1/projects", json!({ "title": "x" })).await["id"].as_str().unwrap().to_owned()
            }
            p if p.starts_with("/api/v1/posts/") => {
                let draft = json!({ "title": "x", "body": "" });
                made(owner, "/api/v1/posts", draft).await["id"].as_str().unwrap().to_owned()
            }
            "/api/v1/me/history/{id}" if method == "GET" => {
                let path = format!("/api/v1/me/history/{}", self.film);
                owner.json(Method::PUT, &path, &json!({ "position_ms": 1 }), 200).await;
                self.film.clone()
            }
            p if p.contains("{slug}") => {
                let path = "/api/v1/admin/categories/films";
                self.root.json(Method::PUT, path, &json!({ "name": "Films" }), 204).await;
                String::new()
            }
            p if p.starts_with("/api/v1/uploads/presigned/") => {
                made(owner, "/api/v1/uploads/presigned", presigned()).await["upload_id"].as_str().unwrap().to_owned()
            }
            "/api/v1/me/sessions/{id}" => {
                Client::login(&self.stack.url, &account.username).await;
                let list = account.json(Method::GET, "/api/v1/me/sessions", &Value::Null, 200).await;
                let others = list["items"].as_array().unwrap().iter().filter(|s| s["current"] == false);
                others.map(|s| s["id"].as_str().unwrap().to_owned()).next().unwrap()
            }
            "/api/v1/me/api-tokens/{id}" => {
                let body = json!({ "name": "x", "scopes": ["read"] });
                made(account, "/api/v1/me/api-tokens", body).await["id"].as_str().unwrap().to_owned()
            }
            _ => media.clone(),
        };
        let mut item = String::new();
        if path.contains("{item}") {
            let all = format!("/api/v1/playlists/{id}/items");
            item = made(owner, &all, json!({ "media_id": self.film })).await["id"].as_str().unwrap().to_owned();
        }
        if path.contains("{language}") && method != "PUT" {
            let request =
                owner.request(Method::PUT, &format!("/api/v1/media/{}/captions/de", self.film)).body(CAPTIONS);
            assert_eq!(request.send().await.unwrap().status(), 200);
        }
        let mut token_id = String::new();
        if path.contains("{token_id}") {
            let all = format!("/api/v1/media/{media}/playback-tokens");
            token_id = made(owner, &all, json!({ "expires_in": 60 })).await["id"].as_str().unwrap().to_owned();
        }
        if path.contains("{username}") && method == "DELETE" {
            let grant = format!("/api/v1/media/{media}/grants/{}", people.other.username);
            owner.json(Method::PUT, &grant, &Value::Null, 204).await;
            // Whoever was granted it may see it: the other creator must not be that one here.
            owner.json(Method::DELETE, &grant, &Value::Null, 204).await;
            let grant = format!("/api/v1/media/{media}/grants/{}", self.root.username);
            owner.json(Method::PUT, &grant, &Value::Null, 204).await;
        }
        let path = match path {
            "/api/v1/search" => "/api/v1/search?q=film".to_owned(),
            // Links are read by sites, which are nobody.
            "/api/v1/oembed" => format!("/api/v1/oembed?url={}/watch/{}", self.stack.url, self.film),
            other => other.to_owned(),
        };
        // A download is named by its rendition; an original has any name.
        let path = path.replace("/download/{media}/{name}", &format!("/download/{{media}}/{}.mp4", self.rendition));
        path.replace("{id}", &id)
            .replace("{media}", &self.film)
            .replace("{name}", "film.mp4")
            .replace("{username}", &self.root.username)
            .replace("{token_id}", &token_id)
            .replace("{token}", &self.link)
            .replace("{package}", &self.package)
            .replace("{rendition}", &self.rendition)
            .replace("{file}", "index.m3u8")
            .replace("{item}", &item)
            .replace("{slug}", "films")
            .replace("{track}", "audio")
            .replace("{tag}", "live")
            .replace("{kind}", "avatar")
            .replace("{language}", "de")
            .replace("{number}", "1?object=1&expires=1&signature=00")
    }
}

async fn upload(owner: &Client) -> String {
    let response = owner.upload_with(&fixtures::silent(), &[("visibility", "private")]).await;
    response.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

async fn made(client: &Client, path: &str, body: Value) -> Value {
    client.json(Method::POST, path, &body, 201).await
}

const CAPTIONS: &str = "WEBVTT\n\n00:01.000 --> 00:02.000\nGuten Tag\n";

fn picture() -> Vec<u8> {
    std::fs::read(fixtures::picture(64, 32)).unwrap()
}

fn hook() -> Value {
    json!({ "url": "https://hook.invalid/", "events": ["media.ready"] })
}

fn presigned() -> Value {
    json!({ "size": 9, "content_type": "video/mp4" })
}

/// The body that a caller who may do it would send.
fn body(operation: &str, account: &Client, refresh_token: &str) -> Option<Value> {
    let (method, path) = operation.split_once(' ').unwrap();
    let name = format!("n{}", &uuid::Uuid::new_v4().simple().to_string()[..12]);
    Some(match (method, path) {
        ("POST", "/api/v1/auth/register") => {
            json!({ "username": name, "email": format!("{name}@example.org"), "password": PASSWORD })
        }
        ("POST", "/api/v1/auth/login") => json!({ "login": account.username, "password": PASSWORD }),
        ("POST", "/api/v1/auth/refresh") => json!({ "refresh_token": refresh_token }),
        ("POST", "/api/v1/auth/forgot-password") => json!({ "email": "a@example.org" }),
        ("POST", "/api/v1/auth/reset-password") => json!({ "token": "slm_x", "password": PASSWORD }),
        ("POST", "/api/v1/auth/verify-email") => json!({ "token": "slm_x" }),
        ("POST", "/api/v1/me/delete") => json!({ "password": PASSWORD, "media": "delete" }),
        ("PUT", "/api/v1/me/password") => json!({ "current_password": PASSWORD, "new_password": PASSWORD }),
        ("POST", "/api/v1/me/creator-request") => json!({}),
        ("POST", "/api/v1/me/api-tokens") => json!({ "name": "x", "scopes": ["read"] }),
        ("PUT", "/api/v1/me/email") => json!({ "email": format!("{name}@example.org"), "password": PASSWORD }),
        ("POST", "/api/v1/admin/users/{id}/ban") => json!({}),
        ("PUT", "/api/v1/admin/queue/{id}/priority") => json!({ "priority": "high" }),
        ("PUT", "/api/v1/admin/users/{id}/role") => json!({ "role": "viewer" }),
        ("POST", p) if p.starts_with("/api/v1/admin/creator-requests/") => json!({}),
        ("PATCH", "/api/v1/media/{id}") => json!({ "title": "another" }),
        ("POST", "/api/v1/uploads/presigned") => presigned(),
        ("POST", "/api/v1/uploads/presigned/{id}/parts") => json!({ "numbers": [1] }),
        ("POST", "/api/v1/playlists" | "/api/v1/projects") => json!({ "title": "x" }),
        ("PATCH", "/api/v1/playlists/{id}" | "/api/v1/projects/{id}" | "/api/v1/posts/{id}") => json!({ "title": "y" }),
        ("PATCH", "/api/v1/playlists/{id}/items/{item}") => json!({ "index": 0 }),
        ("POST", "/api/v1/posts") => json!({ "title": "x", "body": "" }),
        ("POST", "/api/v1/admin/reports/{id}/decide") => json!({ "decision": "dismiss" }),
        ("POST", "/api/v1/me/moderation/{id}/appeal") => json!({ "text": "why?" }),
        ("POST", "/api/v1/webhooks") => hook(),
        ("PATCH", "/api/v1/webhooks/{id}") => json!({ "active": false }),
        ("PATCH", "/api/v1/me/profile") => json!({ "bio": "x" }),
        ("POST", "/api/v1/media/{id}/comments") | ("PATCH", "/api/v1/comments/{id}") => json!({ "body": "x" }),
        ("PUT", "/api/v1/me/history/{id}") => json!({ "position_ms": 1 }),
        ("PUT", "/api/v1/media/{id}/tracks/{track}") => json!({ "label": "x" }),
        ("PUT", "/api/v1/admin/categories/{slug}") => json!({ "name": "Films" }),
        ("POST", "/api/v1/media/import") => json!({ "url": "https://film.invalid/a.mp4" }),
        ("POST", "/api/v1/media/{id}/clips") => json!({ "start_ms": 0, "end_ms": 1000 }),
        ("POST", "/api/v1/media/{id}/playback-tokens") => json!({ "expires_in": 60 }),
        _ => return None,
    })
}

fn scopes(document: &Value, operation: &str) -> Vec<String> {
    let (method, path) = operation.split_once(' ').unwrap();
    let security = &document["paths"][path][method.to_lowercase()]["security"];
    let lists = security.as_array().into_iter().flatten().filter_map(|s| s["api_token"].as_array());
    lists.flatten().map(|s| s.as_str().unwrap().to_owned()).collect()
}

/// One token for each account and scope: there may be fifty.
async fn machine(owner: &Client, scope: &'static str) -> String {
    static MADE: Mutex<BTreeMap<(String, &'static str), String>> = Mutex::new(BTreeMap::new());
    let key = (owner.id.clone(), scope);
    let known = MADE.lock().unwrap().get(&key).cloned();
    match known {
        Some(token) => token,
        None => {
            let token = owner.api_token(&[scope]).await;
            MADE.lock().unwrap().insert(key, token.clone());
            token
        }
    }
}

async fn request(world: &World, document: &Value, people: &People, operation: &str, caller: &str) -> RequestBuilder {
    let account = match caller {
        "viewer" => &people.viewer,
        "other" => &people.other,
        "admin" => &people.admin,
        _ => &people.owner,
    };
    let token = match caller {
        "anonymous" => None,
        "expired" => {
            let mut claims = harness::jwt::claims(&people.owner.token);
            claims["exp"] = json!(claims["iat"].as_i64().unwrap() - 60);
            let (key, kid) = harness::jwt::key_of(SECRET);
            Some(harness::jwt::sign(&json!({ "alg": "HS256", "typ": "JWT", "kid": kid }), &claims, &key))
        }
        "revoked" => Some(people.revoked.token.clone()),
        "wrong-scope" => {
            let taken = scopes(document, operation);
            let scope = match taken.is_empty() {
                true => "admin",
                false => ["upload", "read"].into_iter().find(|s| !taken.iter().any(|t| t == s)).unwrap_or("read"),
            };
            Some(machine(&people.owner, scope).await)
        }
        _ => Some(account.token.clone()),
    };
    let refresh_token = match caller {
        "anonymous" => "slr_nobody",
        "revoked" => &people.revoked.refresh_token,
        // Each of the owner's own would end the family. What is about something else needs none.
        "expired" | "wrong-scope" if operation.contains("/auth/") => {
            &Client::login(&world.stack.url, &account.username).await.refresh_token
        }
        _ => &account.refresh_token,
    };
    let method: Method = operation.split(' ').next().unwrap().parse().unwrap();
    let path = world.path(operation, people, account).await;
    let mut request = account.http.request(method, format!("{}{path}", world.stack.url));
    if let Some(token) = token {
        request = request.bearer_auth(token);
    }
    if ["POST /api/v1/media", "POST /api/v1/media/{id}/tracks"].contains(&operation) {
        let file = if operation.ends_with("/tracks") { fixtures::sound() } else { fixtures::silent() };
        let part = reqwest::multipart::Part::bytes(std::fs::read(file).unwrap()).file_name("file");
        return request.multipart(reqwest::multipart::Form::new().part("file", part));
    }
    if operation.starts_with("PUT")
        && ["/pictures/", "/cover", "/picture", "/poster"].iter().any(|p| operation.contains(p))
    {
        return request.body(picture());
    }
    if operation.contains("/uploads") && !operation.contains("/presigned") {
        request = request.header("tus-resumable", "1.0.0");
        match operation.split(' ').next() {
            Some("POST") => request = request.header("upload-length", 9),
            Some("PATCH") => {
                let chunk =
                    request.header("upload-offset", 0).header("content-type", "application/offset+octet-stream");
                return chunk.body("\0\0\0\x18ft");
            }
            _ => {}
        }
    }
    if operation == "PUT /api/v1/media/{id}/chapters" {
        return request.json(&json!({ "items": [{ "start_ms": 0, "title": "x" }] }));
    }
    if operation == "PUT /api/v1/media/{id}/captions/{language}" {
        return request.body(CAPTIONS);
    }
    if operation.ends_with("/cmcd") {
        return request.body("e=t,sid=\"7a\",ts=1,v=2\n");
    }
    if operation == "PUT /api/v1/projects/{id}/document" {
        return request.header("if-match", "\"0\"").body("text");
    }
    if operation == "POST /api/v1/reports" {
        return request.json(&json!({ "target": "media", "id": world.film, "reason": "other" }));
    }
    if operation == "POST /api/v1/playlists/{id}/items" {
        return request.json(&json!({ "media_id": world.film }));
    }
    match body(operation, account, refresh_token) {
        Some(body) => request.json(&body),
        None => request,
    }
}

/// Operations that end sessions or accounts get people of their own, the owner last.
fn is_final(operation: &str) -> bool {
    let last = ["/auth/logout", "/auth/logout-everywhere", "/auth/refresh", "/me/delete", "/me/password", "/role"];
    last.iter().any(|l| operation.ends_with(l))
}

async fn every_operation_for_every_caller(pair: Pair) {
    let world = World::new(pair).await;
    let document: Value = world.root.get("/api/v1/openapi.json").await.json().await.unwrap();
    let documented: BTreeSet<String> = document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(move |m| format!("{} {path}", m.to_uppercase())))
        .collect();
    let lines = TABLE.lines().filter(|l| !l.is_empty() && !l.starts_with('#'));
    let table: Vec<(String, Vec<u16>)> = lines
        .map(|l| {
            let words: Vec<&str> = l.split_whitespace().collect();
            (format!("{} {}", words[0], words[1]), words[2..].iter().map(|w| w.parse().unwrap()).collect())
        })
        .collect();
    let listed: BTreeSet<String> = table.iter().map(|t| t.0.clone()).collect();
    assert_eq!(documented, listed, "the table and the document name the same operations");
    let mut wrong = Vec::new();
    for (operation, expected) in &table {
        assert_eq!(expected.len(), CALLERS.len(), "{operation}");
        let people = if is_final(operation) { people(&world.stack, &world.root).await } else { world.people.clone() };
        let mut order: Vec<usize> = (0..CALLERS.len()).collect();
        order.sort_by_key(|i| CALLERS[*i] == "owner");
        for i in order {
            let answer = request(&world, &document, &people, operation, CALLERS[i]).await.send().await.unwrap();
            let status = answer.status().as_u16();
            if status != expected[i] {
                let text = answer.text().await.unwrap();
                wrong.push(format!("{operation} as {}: {status} instead of {}: {text:.300}", CALLERS[i], expected[i]));
            }
            let (method, path) = operation.split_once(' ').unwrap();
            let responses = &document["paths"][path][method.to_lowercase()]["responses"];
            assert!(responses.get(status.to_string()).is_some(), "{operation}: {status} is not documented");
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
