//! Viewers, creators, administrators: how somebody becomes one, and that it acts at once.

use harness::{
    Client, Pair, Stack,
    client::{PASSWORD, problem},
    fixtures,
};
use reqwest::Method;
use serde_json::{Value, json};

harness::on_both!(
    viewer_becomes_creator_by_request,
    first_administrator_comes_from_settings,
    role_change_acts_at_once,
    administrators_find_ban_and_remove,
    audit_log_pages_and_filters
);

async fn viewer_becomes_creator_by_request(pair: Pair) {
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

async fn first_administrator_comes_from_settings(pair: Pair) {
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

async fn role_change_acts_at_once(pair: Pair) {
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

async fn administrators_find_ban_and_remove(pair: Pair) {
    let stack = Stack::start(pair).await;
    let (admin, person, other) = (stack.admin().await, stack.creator().await, stack.viewer().await);
    let nothing = &Value::Null;
    let found = async |query: &str| {
        let page = admin.json(Method::GET, &format!("/api/v1/admin/users?{query}"), nothing, 200).await;
        let names = page["items"].as_array().unwrap().iter().map(|u| u["username"].as_str().unwrap().to_owned());
        names.collect::<Vec<_>>()
    };
    assert_eq!(found(&format!("q={}", person.username[3..9].to_uppercase())).await, [person.username.as_str()]);
    assert_eq!(found(&format!("q={}@EXAMPLE", other.username)).await, [other.username.as_str()]);
    assert_eq!(found("q=%25").await, [] as [&str; 0], "a percent sign is one");
    assert_eq!(found("role=viewer").await, [other.username.as_str()]);
    let film = person.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let ban = |c: &Client| format!("/api/v1/admin/users/{}/ban", c.id);
    for _ in 0..2 {
        admin.json(Method::POST, &ban(&person), &json!({ "reason": "spam" }), 204).await;
    }
    assert_eq!(found("banned=true").await, [person.username.as_str()]);
    assert_eq!(problem(other.get(&format!("/api/v1/media/{film}")).await).await.0, 404);
    let told = person.json(Method::GET, "/api/v1/me/moderation", nothing, 200).await;
    assert_eq!((told["items"].as_array().unwrap().len(), &told["items"][0]["reason"]), (1, &json!("spam")));
    let lift = format!("/api/v1/admin/moderation/{}/lift", told["items"][0]["id"].as_str().unwrap());
    admin.json(Method::POST, &lift, nothing, 204).await;
    assert_eq!(other.get(&format!("/api/v1/media/{film}")).await.status(), 200);
    let remove = |c: &Client| format!("/api/v1/admin/users/{}", c.id);
    admin.json(Method::DELETE, &remove(&person), nothing, 204).await;
    assert_eq!(problem(other.get(&format!("/api/v1/media/{film}")).await).await.0, 404);
    assert_eq!(problem(person.get("/api/v1/me").await).await.0, 401);
    // Who looks after the service is asked to step down first; at the machine itself too.
    let (made, said) = stack.command(&["admin", "role", "--username", &other.username, "--role", "admin"], "");
    assert!(made && said.contains("has the role admin"), "{said}");
    assert_eq!(other.get("/api/v1/admin/users").await.status(), 200, "it acts at once");
    for (method, path) in [(Method::POST, ban(&other)), (Method::DELETE, remove(&other))] {
        assert_eq!(problem(admin.send(method, &path, &json!({})).await).await, (403, "forbidden".into()), "{path}");
    }
    let step_down = |name: &str| stack.command(&["admin", "role", "--username", name, "--role", "viewer"], "");
    assert!(step_down(&other.username).0);
    let (left, said) = step_down(&admin.username);
    assert!(!left && said.contains("Somebody must stay administrator"), "{said}");
    assert!(!step_down("nobody-at-all").0);
}

async fn audit_log_pages_and_filters(pair: Pair) {
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
