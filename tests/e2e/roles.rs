//! Viewers, creators, administrators: how somebody becomes one, and that it acts at once.

use harness::{Client, Pair, Stack, client::PASSWORD, client::problem, fixtures};
use reqwest::Method;
use serde_json::{Value, json};

crate::on_both!(
    from_viewer_to_creator,
    the_first_administrator_by_settings,
    roles_act_at_once,
    the_audit_log,
    leaving_with_all_media,
    leaving_media_to_another,
);

async fn from_viewer_to_creator(pair: Pair) {
    let stack = Stack::start_with(pair, &[("SLUICE_OPEN_CREATORS", "false")]).await;
    let viewer = stack.creator().await;
    let admin = stack.admin().await;
    let nothing = &Value::Null;
    assert_eq!(viewer.json(Method::GET, "/api/v1/me", nothing, 200).await["role"], "viewer");
    assert_eq!(problem(viewer.try_upload(&fixtures::silent()).await).await, (403, "forbidden".into()));
    assert_eq!(problem(viewer.get("/api/v1/me/creator-request").await).await.0, 404);
    let ask = json!({ "message": "I make films" });
    let asked = viewer.json(Method::POST, "/api/v1/me/creator-request", &ask, 201).await;
    assert_eq!((asked["status"].as_str(), asked["message"].as_str()), (Some("pending"), Some("I make films")));
    let twice = viewer.send(Method::POST, "/api/v1/me/creator-request", &ask).await;
    assert_eq!(problem(twice).await, (409, "request_pending".into()));
    let list = admin.json(Method::GET, "/api/v1/admin/creator-requests", nothing, 200).await;
    assert_eq!(list["items"][0]["username"], viewer.username.as_str());
    let path = |id: &Value, end: &str| format!("/api/v1/admin/creator-requests/{}/{end}", id.as_str().unwrap());
    let no = json!({ "answer": "Not yet" });
    admin.json(Method::POST, &path(&asked["id"], "refuse"), &no, 200).await;
    let late = admin.send(Method::POST, &path(&asked["id"], "grant"), &json!({})).await;
    assert_eq!(problem(late).await, (409, "already_decided".into()));
    let answer = viewer.json(Method::GET, "/api/v1/me/creator-request", nothing, 200).await;
    assert_eq!((answer["status"].as_str(), answer["answer"].as_str()), (Some("refused"), Some("Not yet")));
    let asked = viewer.json(Method::POST, "/api/v1/me/creator-request", &json!({}), 201).await;
    admin.json(Method::POST, &path(&asked["id"], "grant"), &json!({}), 200).await;
    viewer.upload(&fixtures::silent()).await;
    let again = viewer.send(Method::POST, "/api/v1/me/creator-request", &ask).await;
    assert_eq!(problem(again).await, (409, "already_creator".into()));
}

async fn the_first_administrator_by_settings(pair: Pair) {
    let settings = [
        ("SLUICE_ADMIN_USERNAME", "root1"),
        ("SLUICE_ADMIN_EMAIL", "root@example.org"),
        ("SLUICE_ADMIN_PASSWORD", PASSWORD),
    ];
    let mut stack = Stack::start_with(pair, &settings).await;
    let root = Client::login(&stack.url, "root1").await;
    assert_eq!(root.json(Method::GET, "/api/v1/admin/users", &Value::Null, 200).await["items"][0]["role"], "admin");
    stack.restart_api_with(&[("SLUICE_ADMIN_USERNAME", "root2")]);
    let url = format!("{}/api/v1/auth/login", stack.url);
    let none = root.http.post(url).json(&json!({ "login": "root2", "password": PASSWORD })).send().await.unwrap();
    assert_eq!(none.status(), 401, "there is one already");
    let (made, said) = stack.command(&["admin", "create", "--username", "x", "--email", "nowhere"], "short\n");
    assert!(!made);
    for field in ["username", "email", "password"] {
        assert!(said.contains(field), "{said}");
    }
}

async fn roles_act_at_once(pair: Pair) {
    let stack = Stack::start(pair).await;
    let (admin, person) = (stack.admin().await, stack.creator().await);
    let (_other, url) = stack.another_api();
    let elsewhere = Client { url, ..person.clone() };
    let path = |c: &Client| format!("/api/v1/admin/users/{}/role", c.id);
    assert_eq!(problem(elsewhere.get("/api/v1/admin/users").await).await, (403, "forbidden".into()));
    admin.json(Method::PUT, &path(&person), &json!({ "role": "admin" }), 200).await;
    assert_eq!(elsewhere.get("/api/v1/admin/users").await.status(), 200, "on the other instance too");
    admin.json(Method::PUT, &path(&admin), &json!({ "role": "viewer" }), 200).await;
    let last = elsewhere.send(Method::PUT, &path(&person), &json!({ "role": "viewer" })).await;
    assert_eq!(problem(last).await, (409, "last_admin".into()));
    assert_eq!(problem(admin.get("/api/v1/admin/users").await).await.0, 403);
}

async fn the_audit_log(pair: Pair) {
    let stack = Stack::start(pair).await;
    let (admin, person, other) = (stack.admin().await, stack.creator().await, stack.creator().await);
    for _ in 0..3 {
        let wrong = json!({ "login": person.username, "password": "not the password" });
        assert_eq!(person.send(Method::POST, "/api/v1/auth/login", &wrong).await.status(), 401);
    }
    let kinds = |page: &Value| -> Vec<String> {
        page["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap().to_owned()).collect()
    };
    let mine = person.json(Method::GET, "/api/v1/me/audit", &Value::Null, 200).await;
    assert_eq!(kinds(&mine), ["login_failed", "login_failed", "login_failed", "registered"]);
    assert_eq!(mine["items"][0]["address"], "127.0.0.1");
    let theirs = other.json(Method::GET, "/api/v1/me/audit", &Value::Null, 200).await;
    assert_eq!(kinds(&theirs), ["registered"], "one's own only");
    let of = format!("/api/v1/admin/audit?user={}&kind=login_failed&limit=2", person.id);
    let page = admin.json(Method::GET, &of, &Value::Null, 200).await;
    assert_eq!(kinds(&page), ["login_failed"; 2]);
    let next = format!("{of}&cursor={}", page["next_cursor"].as_str().unwrap());
    let rest = admin.json(Method::GET, &next, &Value::Null, 200).await;
    assert_eq!((kinds(&rest).len(), rest["next_cursor"].is_null()), (1, true));
    let all = admin.json(Method::GET, "/api/v1/admin/audit", &Value::Null, 200).await;
    assert!(kinds(&all).len() >= 6);
}

async fn leaving_with_all_media(pair: Pair) {
    let stack = Stack::start(pair).await;
    let (person, admin) = (stack.creator().await, stack.admin().await);
    let id = person.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let token = person.api_token(&["read"]).await;
    let leave = |password: &str| json!({ "password": password, "media": "delete" });
    let wrong = person.send(Method::POST, "/api/v1/me/delete", &leave("not the password")).await;
    assert_eq!(problem(wrong).await, (403, "wrong_password".into()));
    person.json(Method::POST, "/api/v1/me/delete", &leave(PASSWORD), 204).await;
    for gone in [&person, &person.with_token(&token)] {
        assert_eq!(problem(gone.get("/api/v1/me").await).await.0, 401);
    }
    assert_eq!(problem(admin.get(&format!("/api/v1/media/{id}")).await).await.0, 404);
    let login = json!({ "login": person.username, "password": PASSWORD });
    assert_eq!(admin.send(Method::POST, "/api/v1/auth/login", &login).await.status(), 401);
    // What the log keeps names nobody.
    let path = format!("/api/v1/admin/audit?user={}", person.id);
    let log = admin.json(Method::GET, &path, &Value::Null, 200).await;
    let events = log["items"].as_array().unwrap();
    assert_eq!(events[0]["kind"], "account_deleted");
    for event in events {
        let place =
            (event["address"].as_str().unwrap(), event["agent"].as_str().unwrap(), event["detail"].as_str().unwrap());
        assert!(matches!(place, ("" | "0.0.0.0", "", "")), "{event}");
    }
    let last = admin.send(Method::POST, "/api/v1/me/delete", &leave(PASSWORD)).await;
    assert_eq!(problem(last).await, (409, "last_admin".into()));
    // The name is free again.
    let body = json!({ "username": person.username, "email": "again@example.org", "password": PASSWORD });
    admin.json(Method::POST, "/api/v1/auth/register", &body, 201).await;
}

async fn leaving_media_to_another(pair: Pair) {
    let stack = Stack::start(pair).await;
    let (person, heir, viewer) = (stack.creator().await, stack.creator().await, stack.viewer().await);
    let id = person.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let leave = |to: &str| json!({ "password": PASSWORD, "media": "hand_over", "hand_over_to": to });
    for no_heir in [&viewer.username, &person.username, "nobody-at-all", "not a name"] {
        let refused = person.send(Method::POST, "/api/v1/me/delete", &leave(no_heir)).await;
        assert_eq!(problem(refused).await, (422, "invalid".into()), "{no_heir}");
    }
    person.json(Method::POST, "/api/v1/me/delete", &leave(&heir.username), 204).await;
    assert_eq!(heir.media(&id).await["owner"]["username"], heir.username.as_str());
    let list = heir.json(Method::GET, "/api/v1/media", &Value::Null, 200).await;
    assert_eq!(list["items"][0]["id"], id.as_str());
}
