//! Sessions begin, go on and end: rotation, reuse, lost answers, other devices, other keys.

use harness::{Client, Pair, Stack, client::PASSWORD, client::problem};
use reqwest::{Method, Response};
use serde_json::{Value, json};
use std::{collections::BTreeSet, time::Duration};

harness::on_both!(
    reused_refresh_token_ends_its_family,
    concurrent_refreshes_share_one_successor,
    lost_refresh_answer_is_repeated_then_replaced,
    sessions_are_listed_and_revoked,
    password_change_ends_other_sessions,
    secret_rotation_keeps_sessions,
    forged_access_tokens_are_refused,
);

async fn refresh(client: &Client, token: &str) -> Response {
    let url = format!("{}/api/v1/auth/refresh", client.url);
    client.http.post(url).json(&json!({ "refresh_token": token })).send().await.unwrap()
}

async fn refreshed(client: &Client, token: &str) -> Value {
    let response = refresh(client, token).await;
    assert_eq!(response.status(), 200);
    response.json().await.unwrap()
}

fn next(answer: &Value) -> &str {
    answer["refresh_token"].as_str().unwrap()
}

async fn reused_refresh_token_ends_its_family(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let first = client.refresh_token.clone();
    let second = refreshed(&client, &first).await;
    let third = refreshed(&client, next(&second)).await;
    let live = client.with_token(third["access_token"].as_str().unwrap());
    assert_eq!(live.get("/api/v1/me").await.status(), 200);
    // Whoever comes with the first now is a second holder.
    assert_eq!(problem(refresh(&client, &first).await).await, (401, "unauthenticated".into()));
    assert_eq!(problem(refresh(&client, next(&third)).await).await.0, 401, "the newest is dead too");
    assert_eq!(problem(live.get("/api/v1/me").await).await.0, 401, "and so is the access token, at once");
    let again = Client::login(&stack.url, &client.username).await;
    let audit = again.json(Method::GET, "/api/v1/me/audit", &Value::Null, 200).await;
    let kinds: Vec<&str> = audit["items"].as_array().unwrap().iter().map(|e| e["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["logged_in", "refresh_token_reused", "registered"]);
    for unknown in ["", "slr_x", &"x".repeat(5000), "nul\0"] {
        assert_eq!(problem(refresh(&client, unknown).await).await.0, 401, "{unknown:?}");
    }
}

async fn concurrent_refreshes_share_one_successor(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let tries: Vec<_> = (0..50)
        .map(|_| {
            let client = client.clone();
            tokio::spawn(async move { refreshed(&client, &client.refresh_token).await })
        })
        .collect();
    let mut successors = BTreeSet::new();
    for t in tries {
        successors.insert(next(&t.await.unwrap()).to_owned());
    }
    assert_eq!(successors.len(), 1, "all were given the same");
    let successor = successors.first().unwrap();
    assert_ne!(*successor, client.refresh_token);
    let after = refreshed(&client, successor).await;
    assert_eq!(problem(refresh(&client, &client.refresh_token).await).await.0, 401);
    assert_eq!(problem(refresh(&client, next(&after)).await).await.0, 401);
}

/// The pause is the service's own: within half a minute the same question gets the same answer.
async fn lost_refresh_answer_is_repeated_then_replaced(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let lost = refreshed(&client, &client.refresh_token).await;
    stack.pass(Duration::from_secs(20));
    let same = refreshed(&client, &client.refresh_token).await;
    assert_eq!(next(&same), next(&lost), "the answer may still be on its way");
    stack.pass(Duration::from_secs(11));
    let replaced = refreshed(&client, &client.refresh_token).await;
    assert_ne!(next(&replaced), next(&lost), "a replacement");
    let twice = refreshed(&client, &client.refresh_token).await;
    assert_eq!(next(&twice), next(&replaced), "two tabs that wake up together");
    // The replaced token was never delivered: who has it took it on the way.
    assert_eq!(problem(refresh(&client, next(&lost)).await).await.0, 401);
    assert_eq!(problem(refresh(&client, next(&replaced)).await).await.0, 401, "so the family ends");
}

async fn sessions_are_listed_and_revoked(pair: Pair) {
    let stack = Stack::start(pair).await;
    let one = stack.creator().await;
    let two = Client::login(&stack.url, &one.username).await;
    let three = Client::login(&stack.url, &one.username).await;
    let stranger = stack.creator().await;
    let list = one.json(Method::GET, "/api/v1/me/sessions", &Value::Null, 200).await;
    let items = list["items"].as_array().unwrap();
    assert_eq!(items.len(), 3);
    assert_eq!(items.iter().map(|s| s["current"].as_bool().unwrap()).collect::<Vec<_>>(), [false, false, true]);
    assert_eq!(items[0]["address"], "127.0.0.1");
    let second = items[1]["id"].as_str().unwrap();
    let path = format!("/api/v1/me/sessions/{second}");
    assert_eq!(problem(stranger.send(Method::DELETE, &path, &Value::Null).await).await.0, 404);
    one.json(Method::DELETE, &path, &Value::Null, 204).await;
    assert_eq!(problem(two.get("/api/v1/me").await).await.0, 401);
    assert_eq!(problem(refresh(&two, &two.refresh_token).await).await.0, 401);
    assert_eq!(three.get("/api/v1/me").await.status(), 200);
    three.json(Method::POST, "/api/v1/auth/logout-everywhere", &Value::Null, 204).await;
    for ended in [&one, &three] {
        assert_eq!(problem(ended.get("/api/v1/me").await).await.0, 401);
        assert_eq!(problem(refresh(ended, &ended.refresh_token).await).await.0, 401);
    }
    assert_eq!(stranger.get("/api/v1/me").await.status(), 200);
}

async fn password_change_ends_other_sessions(pair: Pair) {
    let stack = Stack::start(pair).await;
    let here = stack.creator().await;
    let there = Client::login(&stack.url, &here.username).await;
    let change = |current: &str, new: &str| json!({ "current_password": current, "new_password": new });
    let path = "/api/v1/me/password";
    let wrong = here.send(Method::PUT, path, &change("not my password", "another long phrase")).await;
    assert_eq!(problem(wrong).await, (403, "wrong_password".into()));
    let common = here.send(Method::PUT, path, &change(PASSWORD, "password123")).await;
    assert_eq!(problem(common).await, (422, "invalid".into()));
    here.json(Method::PUT, path, &change(PASSWORD, "another long phrase"), 204).await;
    assert_eq!(here.get("/api/v1/me").await.status(), 200, "this session goes on");
    assert_eq!(problem(there.get("/api/v1/me").await).await.0, 401);
    let login = |password: &str| json!({ "login": here.username, "password": password });
    let url = "/api/v1/auth/login";
    assert_eq!(problem(here.send(Method::POST, url, &login(PASSWORD)).await).await.0, 401);
    here.json(Method::POST, url, &login("another long phrase"), 200).await;
}

const FIRST: &str = "the first secret of a service, long enough";
const SECOND: &str = "the second secret of a service, long enough";

async fn secret_rotation_keeps_sessions(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_SECRET", FIRST)]).await;
    let mut client = stack.creator().await;
    stack.restart_api_with(&[("SLUICE_SECRET", SECOND), ("SLUICE_SECRET_PREVIOUS", FIRST)]);
    client.url = stack.url.clone();
    assert_eq!(client.get("/api/v1/me").await.status(), 200);
    let renewed = refreshed(&client, &client.refresh_token).await;
    stack.restart_api_with(&[("SLUICE_SECRET_PREVIOUS", "")]);
    client.url = stack.url.clone();
    assert_eq!(problem(client.get("/api/v1/me").await).await.0, 401, "the first key is gone");
    let after = client.with_token(renewed["access_token"].as_str().unwrap());
    assert_eq!(after.get("/api/v1/me").await.status(), 200);
    // The same for the secret that is kept in the data directory.
    let mut kept = Stack::start(pair).await;
    let mut client = kept.creator().await;
    let (rotated, said) = kept.command(&["secret", "rotate"], "");
    assert!(rotated, "{said}");
    kept.restart_api_with(&[]);
    client.url = kept.url.clone();
    assert_eq!(client.get("/api/v1/me").await.status(), 200);
    let renewed = refreshed(&client, &client.refresh_token).await;
    let header = |token: &str| token.split('.').next().unwrap().to_owned();
    assert_ne!(header(&client.token), header(renewed["access_token"].as_str().unwrap()), "another kid");
}

/// The confusions of RFC 8725: every one of them is signed as well as an attacker could, most even with the right key.
async fn forged_access_tokens_are_refused(pair: Pair) {
    use harness::jwt::{claims, key_of, sign};
    let stack = Stack::start_with(pair, &[("SLUICE_SECRET", FIRST)]).await;
    let client = stack.creator().await;
    let (key, kid) = key_of(FIRST);
    let good = claims(&client.token);
    let header = |alg: &str| json!({ "alg": alg, "typ": "JWT", "kid": kid });
    let now = good["iat"].as_i64().unwrap();
    let with = |name: &str, value: Value| {
        let mut changed = good.clone();
        changed[name] = value;
        changed
    };
    let without = |name: &str| {
        let mut changed = good.clone();
        changed.as_object_mut().unwrap().remove(name);
        changed
    };
    let right = sign(&header("HS256"), &good, &key);
    assert_eq!(client.with_token(&right).get("/api/v1/me").await.status(), 200, "the key is the right one");
    let parts: Vec<&str> = client.token.split('.').collect();
    let mut forged = vec![
        ("alg none", sign(&header("none"), &good, b"")),
        ("alg none without signature", format!("{}.{}.", harness::jwt::part(&header("none")), parts[1])),
        ("alg None", sign(&header("None"), &good, &key)),
        ("another algorithm", sign(&header("HS512"), &good, &key)),
        ("RS256 with the same key", sign(&header("RS256"), &good, &key)),
        ("no kid", sign(&json!({ "alg": "HS256" }), &good, &key)),
        ("another kid", sign(&json!({ "alg": "HS256", "kid": "00000000" }), &good, &key)),
        ("kid as a path", sign(&json!({ "alg": "HS256", "kid": "../../../../dev/null" }), &good, b"")),
        ("kid as SQL", sign(&json!({ "alg": "HS256", "kid": "x' UNION SELECT 'k" }), &good, b"k")),
        (
            "jwk in the header",
            sign(&json!({ "alg": "HS256", "kid": "x", "jwk": { "kty": "oct", "k": "aw" } }), &good, b"k"),
        ),
        ("jku in the header", sign(&json!({ "alg": "HS256", "kid": "x", "jku": "http://127.0.0.1:1/k" }), &good, b"k")),
        ("expired 61 seconds ago", sign(&header("HS256"), &with("exp", json!(now - 61)), &key)),
        ("expired 10 seconds ago", sign(&header("HS256"), &with("exp", json!(now - 10)), &key)),
        ("not yet valid", sign(&header("HS256"), &with("nbf", json!(now + 3600)), &key)),
        ("another audience", sign(&header("HS256"), &with("aud", json!("elsewhere")), &key)),
        ("another issuer", sign(&header("HS256"), &with("iss", json!("elsewhere")), &key)),
        ("another type", sign(&header("HS256"), &with("typ", json!("refresh")), &key)),
        ("another person's session", sign(&header("HS256"), &with("sub", json!(uuid::Uuid::now_v7())), &key)),
        ("a session that never was", sign(&header("HS256"), &with("sid", json!(uuid::Uuid::now_v7())), &key)),
        ("signed with the bare secret", sign(&header("HS256"), &good, FIRST.as_bytes())),
        (
            "a changed payload",
            format!("{}.{}.{}", parts[0], harness::jwt::part(&with("exp", json!(now + 999_999))), parts[2]),
        ),
        ("a refresh token", client.refresh_token.clone()),
        ("nothing", String::new()),
        ("five parts", "a.b.c.d.e".to_owned()),
    ];
    for name in ["exp", "nbf", "iss", "aud", "sub", "sid", "typ"] {
        forged.push((name, sign(&header("HS256"), &without(name), &key)));
    }
    for (what, token) in forged {
        let answer = client.with_token(&token).get("/api/v1/me").await;
        assert_eq!(problem(answer).await, (401, "unauthenticated".into()), "{what}");
    }
    assert_eq!(problem(refresh(&client, &client.token).await).await.0, 401, "an access token is no refresh token");
}
