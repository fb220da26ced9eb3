//! Crowds and stopwatches. These run alone: they measure time.

use harness::{Pair, Stack, client::PASSWORD, proof};
use reqwest::StatusCode;
use serde_json::json;
use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

harness::on_both!(burst_of_logins_keeps_health_and_memory, login_time_hides_accounts);

const LIFTED: (&str, &str) = ("SLUICE_LIMITS", "login=0/1,login_account=0/1");

async fn burst_of_logins_keeps_health_and_memory(pair: Pair) {
    let stack = Stack::start_with(pair, &[LIFTED]).await;
    let client = stack.creator().await;
    let body = json!({ "login": client.username, "password": PASSWORD });
    let done = Arc::new(AtomicBool::new(false));
    let logins: Vec<_> = (0..proof(250, 500))
        .map(|_| {
            let request = client.http.post(format!("{}/api/v1/auth/login", stack.url)).json(&body);
            tokio::spawn(async move { request.send().await.unwrap().status() })
        })
        .collect();
    let watch = tokio::spawn({
        let (done, url, http) = (done.clone(), format!("{}/health", stack.url), harness::client::http());
        async move {
            let mut times = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let began = Instant::now();
                assert_eq!(http.get(&url).send().await.unwrap().status(), 200);
                times.push(began.elapsed());
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            times
        }
    });
    let mut most = 0;
    let (mut through, mut later) = (0, 0);
    for login in logins {
        match login.await.unwrap() {
            StatusCode::OK => through += 1,
            StatusCode::TOO_MANY_REQUESTS => later += 1,
            other => panic!("{other}"),
        }
        most = most.max(stack.api.resident_bytes());
    }
    done.store(true, Ordering::Relaxed);
    let mut times = watch.await.unwrap();
    times.sort();
    let p99 = times[times.len() * 99 / 100];
    println!("{through} in, {later} told to wait; /health p99 {p99:?} of {}; {} MiB", times.len(), most >> 20);
    assert!(times.len() > 20 && p99 < Duration::from_millis(100), "/health p99 {p99:?}");
    assert!(most < 300 << 20, "{} MiB resident", most >> 20);
    assert!(through > 100, "{through} got in, {later} were told to wait");
    let large = json!({ "login": client.username, "password": "x".repeat(1 << 20) });
    let refused = client.http.post(format!("{}/api/v1/auth/login", stack.url)).json(&large).send().await.unwrap();
    assert_eq!(refused.status(), 413);
}

async fn login_time_hides_accounts(pair: Pair) {
    let stack = Stack::start_with(pair, &[LIFTED]).await;
    let client = stack.creator().await;
    let url = format!("{}/api/v1/auth/login", stack.url);
    let (mut known, mut unknown) = (Vec::new(), Vec::new());
    let tries = proof(200, 1000);
    for i in 0..tries {
        let nobody = format!("n{i:011x}");
        // Interleaved, in turn first and second, so that whatever else the machine does falls on both.
        let pair = [(&client.username, &mut known), (&nobody, &mut unknown)];
        let order: Vec<_> = if i % 2 == 0 { pair.into_iter().collect() } else { pair.into_iter().rev().collect() };
        for (name, times) in order {
            let began = Instant::now();
            let body = json!({ "login": name, "password": "not the password" });
            let answer = client.http.post(&url).json(&body).send().await.unwrap();
            assert_eq!(answer.status(), 401);
            answer.bytes().await.unwrap();
            times.push(began.elapsed());
        }
    }
    known.sort();
    unknown.sort();
    let (known, unknown) = (known[tries / 2], unknown[tries / 2]);
    println!("medians: known {known:?}, unknown {unknown:?}");
    assert!(known.abs_diff(unknown) < Duration::from_millis(2), "known {known:?}, unknown {unknown:?}");
}
