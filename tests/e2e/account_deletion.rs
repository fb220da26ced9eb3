//! Who leaves, and what is deleted, leaves no row and no object behind.

use harness::{
    Client, Pair, Stack,
    client::{PASSWORD, problem},
    eventually, fixtures,
    platform::{act, comment, film, get, ids, refused, start},
};
use reqwest::Method;
use serde_json::{Value, json};
use sluice_storage::Prefix;
use std::{
    collections::BTreeSet,
    io::Write,
    process::{Command, Stdio},
    time::Duration,
};

harness::on_both!(
    no_row_and_no_object_stays,
    media_are_deleted_with_the_account,
    media_are_handed_over,
    counts_and_threads_follow
);

/// Looks for identifiers in every column of every table; `TABLE.COLUMN` where there is one.
fn rows_with(stack: &Stack, pair: Pair, ids: &[&str]) -> BTreeSet<String> {
    let sqlite = "import sqlite3, sys, uuid\n\
        c = sqlite3.connect(sys.argv[1], timeout=60)\n\
        for (t,) in c.execute(\"SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'search_index%'\").fetchall():\n\
        \x20for k in c.execute(f'PRAGMA table_info({t})').fetchall():\n\
        \x20\x20for i in sys.argv[2:]:\n\
        \x20\x20\x20if c.execute(f'SELECT 1 FROM {t} WHERE \"{k[1]}\" = ? OR \"{k[1]}\" = ? LIMIT 1', (uuid.UUID(i).bytes, i)).fetchone(): print(f'{t}.{k[1]}')\n";
    let output = match pair {
        Pair::Embedded => {
            let file = stack.folder().join("sluice.db");
            Command::new("python3").args(["-c", sqlite, file.to_str().unwrap()]).args(ids).output().unwrap()
        }
        Pair::Servers => {
            let list = ids.iter().map(|i| format!("'{i}'")).collect::<Vec<_>>().join(", ");
            let script = format!(
                "SELECT format('SELECT %L WHERE EXISTS (SELECT 1 FROM %I WHERE %I::text IN ({})) ', table_name || '.' || column_name, \
                 table_name, column_name) FROM information_schema.columns WHERE table_schema = current_schema() \
                 AND data_type IN ('uuid', 'text') \\gexec\n",
                list.replace('\'', "''")
            );
            let database = stack.setting("SLUICE_DATABASE_URL").unwrap();
            let mut child = Command::new("psql")
                .args([&database, "-v", "ON_ERROR_STOP=1", "-qAt"])
                .stdin(Stdio::piped())
                .stdout(Stdio::piped())
                .stderr(Stdio::piped())
                .spawn()
                .unwrap();
            child.stdin.take().unwrap().write_all(script.as_bytes()).unwrap();
            child.wait_with_output().unwrap()
        }
    };
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().map(ToOwned::to_owned).collect()
}

fn id(value: &Value) -> String {
    value["id"].as_str().unwrap().to_owned()
}

async fn put(client: &Client, path: &str, body: Vec<u8>) {
    let answer = client.request(Method::PUT, &format!("/api/v1{path}")).body(body).send().await.unwrap();
    assert!(answer.status().is_success(), "{path}: {}", answer.status());
}

async fn no_row_and_no_object_stays(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let (leaving, staying) = (stack.creator().await, stack.creator().await);
    let (mine, theirs) = (film(&leaving).await, film(&staying).await);
    // What nobody else has.
    let alone = leaving.upload(&fixtures::sound()).await["id"].as_str().unwrap().to_owned();
    leaving.wait_for(&alone, &["ready"]).await;
    let row = stack.database().await.media().find(alone.parse().unwrap()).await.unwrap().unwrap();
    let mut objects = vec![Prefix::Source(row.source_id), Prefix::Package(row.package_id)];
    // Everything that one can have, say and do.
    let picture = std::fs::read(fixtures::picture(640, 360)).unwrap();
    put(&leaving, "/me/pictures/avatar", picture.clone()).await;
    put(&leaving, &format!("/media/{mine}/captions/en"), b"WEBVTT\n\n00:01.000 --> 00:02.000\nHello\n".to_vec()).await;
    let list = id(&act(&leaving, Method::POST, "/playlists", json!({ "title": "x" }), 201).await);
    put(&leaving, &format!("/playlists/{list}/cover"), picture).await;
    for media in [&mine, &theirs] {
        act(&leaving, Method::POST, &format!("/playlists/{list}/items"), json!({ "media_id": media }), 201).await;
    }
    let other = id(&act(&staying, Method::POST, "/playlists", json!({ "title": "x" }), 201).await);
    act(&staying, Method::POST, &format!("/playlists/{other}/items"), json!({ "media_id": mine }), 201).await;
    act(
        &leaving,
        Method::POST,
        "/posts",
        json!({ "title": "x", "body": format!("![x](media:{mine})"), "published": true }),
        201,
    )
    .await;
    let project = id(&act(&leaving, Method::POST, "/projects", json!({ "title": "x", "media_id": mine }), 201).await);
    let document =
        leaving.request(Method::PUT, &format!("/api/v1/projects/{project}/document")).header("if-match", "\"0\"");
    assert_eq!(document.body("notes").send().await.unwrap().status(), 200);
    act(&staying, Method::POST, "/projects", json!({ "title": "x", "media_id": mine }), 201).await;
    let thread = comment(&leaving, &theirs, json!({ "body": "x" }), 201).await;
    comment(&staying, &theirs, json!({ "body": "x", "parent_id": thread["id"] }), 201).await;
    comment(&staying, &mine, json!({ "body": "x" }), 201).await;
    for (one, media) in [(&leaving, &theirs), (&staying, &mine)] {
        act(one, Method::PUT, &format!("/media/{media}/like"), Value::Null, 200).await;
        act(one, Method::POST, &format!("/media/{media}/views"), Value::Null, 200).await;
        act(one, Method::PUT, &format!("/me/history/{media}"), json!({ "position_ms": 1 }), 200).await;
    }
    for (one, two) in [(&leaving, &staying), (&staying, &leaving)] {
        act(one, Method::POST, &format!("/subscriptions/{}", two.id), Value::Null, 204).await;
    }
    act(&leaving, Method::DELETE, &format!("/subscriptions/{}", staying.id), Value::Null, 204).await;
    act(&leaving, Method::PUT, &format!("/me/blocks/{}", staying.id), Value::Null, 204).await;
    act(&leaving, Method::POST, "/me/api-tokens", json!({ "name": "x", "scopes": ["read"] }), 201).await;
    let hook = json!({ "url": "https://example.org/", "events": ["media.ready"] });
    act(&leaving, Method::POST, "/webhooks", hook, 201).await;
    act(&leaving, Method::POST, &format!("/media/{mine}/playback-tokens"), json!({ "expires_in": 3600 }), 201).await;
    act(&leaving, Method::PUT, &format!("/media/{mine}/grants/{}", staying.username), Value::Null, 204).await;
    for target in [("media", &mine), ("user", &leaving.id)] {
        act(&staying, Method::POST, "/reports", json!({ "target": target.0, "id": target.1, "reason": "spam" }), 201)
            .await;
    }
    let ids = [leaving.id.as_str(), mine.as_str(), list.as_str(), project.as_str(), thread["id"].as_str().unwrap()];
    let before = rows_with(&stack, pair, &ids);
    for known in
        ["users.id", "media.id", "comments.author_id", "likes.user_id", "playlist_items.media_id", "posts.author_id"]
    {
        assert!(before.contains(known), "the search finds what is there: {before:?}");
    }
    let store = stack.store().await;
    for prefix in &objects {
        assert!(!store.list(prefix).await.unwrap().is_empty(), "{prefix}");
    }
    act(&leaving, Method::POST, "/me/delete", json!({ "password": PASSWORD, "media": "delete" }), 204).await;
    stack.pass(Duration::from_secs(2 * 86_400));
    // What the security log keeps are kinds and instants, without anything personal.
    eventually("nothing is left", Duration::from_secs(60), || async {
        let left = rows_with(&stack, pair, &ids);
        left.iter().all(|l| l.starts_with("audit_events.")).then_some(())
    })
    .await;
    assert_eq!(get(&staying, &format!("/playlists/{other}")).await["item_count"], 0);
    objects.push(Prefix::Project(project.parse().unwrap()));
    for prefix in objects {
        eventually("its objects are gone", Duration::from_secs(60), || async {
            store.list(&prefix).await.unwrap().is_empty().then_some(())
        })
        .await;
    }
}

async fn media_are_deleted_with_the_account(pair: Pair) {
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

async fn media_are_handed_over(pair: Pair) {
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

async fn counts_and_threads_follow(pair: Pair) {
    let stack = start(pair).await;
    let (owner, friend) = (stack.creator().await, stack.creator().await);
    let media = film(&owner).await;
    act(&friend, Method::POST, &format!("/subscriptions/{}", owner.id), Value::Null, 204).await;
    act(&friend, Method::PUT, &format!("/media/{media}/like"), Value::Null, 200).await;
    let thread = comment(&friend, &media, json!({ "body": "mine" }), 201).await;
    comment(&owner, &media, json!({ "body": "an answer", "parent_id": thread["id"] }), 201).await;
    let other = comment(&owner, &media, json!({ "body": "another" }), 201).await;
    comment(&friend, &media, json!({ "body": "mine too", "parent_id": other["id"] }), 201).await;
    act(&friend, Method::PUT, &format!("/me/history/{media}"), json!({ "position_ms": 1 }), 200).await;
    let gone = json!({ "password": harness::client::PASSWORD, "media": "delete" });
    act(&friend, Method::POST, "/me/delete", gone, 204).await;
    let now = owner.media(&media).await;
    assert_eq!((&now["like_count"], &now["comment_count"]), (&json!(0), &json!(1)), "{now}");
    assert_eq!(get(&owner, &format!("/creators/{}", owner.id)).await["subscriber_count"], 0);
    let left = get(&owner, &format!("/media/{media}/comments")).await;
    assert_eq!((ids(&left).len(), &left["items"][0]["reply_count"]), (1, &json!(0)), "{left}");
    act(&owner, Method::DELETE, &format!("/media/{media}"), Value::Null, 204).await;
    assert_eq!(
        refused(&owner, Method::GET, &format!("/comments/{}/replies", other["id"].as_str().unwrap()), Value::Null)
            .await
            .0,
        404
    );
}
