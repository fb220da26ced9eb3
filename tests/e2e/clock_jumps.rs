//! The wall clock is set back and forth under a service: nobody is locked out, and films become ready.

use harness::{Client, Pair, Stack, client::PASSWORD, client::http, eventually, fixtures};
use serde_json::{Value, json};
use std::{path::PathBuf, time::Duration};

harness::on_both!(a_clock_that_was_set_back_locks_nobody_out, a_clock_that_goes_ahead_takes_nothing_away);

/// The library of the package `faketime`.
fn faketime() -> PathBuf {
    let found = std::fs::read_dir("/usr/lib").unwrap().flatten().map(|e| e.path().join("faketime/libfaketimeMT.so.1"));
    found.into_iter().find(|p| p.exists()).expect("the package faketime is installed by `make test`")
}

/// Settings of a process whose clock differs.
fn clock<'a>(library: &'a str, offset: &'a str) -> [(&'a str, &'a str); 3] {
    [("LD_PRELOAD", library), ("FAKETIME", offset), ("FAKETIME_DONT_FAKE_MONOTONIC", "1")]
}

async fn login(url: &str, name: &str, password: &str) -> u16 {
    let body = json!({ "login": name, "password": password });
    http().post(format!("{url}/api/v1/auth/login")).json(&body).send().await.unwrap().status().as_u16()
}

async fn a_clock_that_was_set_back_locks_nobody_out(pair: Pair) {
    let mut stack = Stack::start_with(pair, &[("SLUICE_LIMITS", "login_account=4/600")]).await;
    let client = stack.creator().await;
    while login(&stack.url, &client.username, "a wrong password").await != 429 {}
    let library = faketime().display().to_string();
    for offset in ["-2h", "-1d", "-365d"] {
        stack.restart_api_with(&clock(&library, offset));
        assert_eq!(login(&stack.url, &client.username, PASSWORD).await, 200, "{offset}");
        let again = Client::login(&stack.url, &client.username).await;
        assert_eq!(again.get("/api/v1/me").await.status(), 200, "{offset}");
        // And it is a limit all the same.
        let mut tries = 0;
        while login(&stack.url, &client.username, "a wrong password").await != 429 {
            tries += 1;
            assert!(tries <= 6, "{offset}: no limit any more");
        }
    }
    stack.add_worker();
    let owner = stack.creator().await;
    let id = owner.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    owner.wait_for(&id, &["ready"]).await;
}

async fn a_clock_that_goes_ahead_takes_nothing_away(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    let client = stack.creator().await;
    let token = client.api_token(&["read"]).await;
    let library = faketime().display().to_string();
    let id = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    stack.restart_api_with(&clock(&library, "+1d"));
    // Access tokens have ended, sessions have not: they go on by themselves.
    let client = Client { url: stack.url.clone(), ..client };
    assert_eq!(client.get("/api/v1/me").await.status(), 401);
    let body = json!({ "refresh_token": client.refresh_token });
    let fresh: Value = http()
        .post(format!("{}/api/v1/auth/refresh", stack.url))
        .json(&body)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let client = client.with_token(fresh["access_token"].as_str().unwrap());
    assert_eq!(client.get("/api/v1/me").await.status(), 200);
    stack.add_worker();
    client.wait_for(&id, &["ready"]).await;
    // Back in the present, all of it is there.
    stack.restart_api_with(&clock(&library, "+0"));
    let machine = Client { url: stack.url.clone(), ..client.with_token(&token) };
    eventually("the film is served", Duration::from_secs(20), || async {
        (machine.get(&format!("/api/v1/media/{id}")).await.status() == 200).then_some(())
    })
    .await;
}
