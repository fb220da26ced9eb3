//! A database that is away is named at start, answered for at once, and taken up again when it is back.

use harness::{
    Client, Pair, Stack,
    client::{PATIENCE, http, problem},
    database, eventually, fixtures,
    process::bin_dir,
    proxy::{Network, TcpProxy},
    stack::need,
};
use nix::sys::signal::Signal;
use reqwest::Method;
use serde_json::json;
use std::{
    net::TcpListener,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

#[test]
fn both_binaries_name_a_database_that_does_not_answer() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let dir = tempfile::tempdir().unwrap();
    let foreign = dir.path().join("notes.db");
    std::fs::write(&foreign, "my notes").unwrap();
    let port = silent.local_addr().unwrap().port();
    let cases = [
        (format!("postgres://sluice:hush@127.0.0.1:{port}/films"), format!("127.0.0.1:{port}, database \"films\"")),
        ("postgres://sluice:hush@127.0.0.1:1/films".to_owned(), "127.0.0.1:1, database \"films\"".to_owned()),
        (format!("sqlite://{}", foreign.display()), format!("{}: is no SQLite database", foreign.display())),
    ];
    for program in ["sluice-api", "sluice-worker"] {
        for (url, said) in &cases {
            let began = Instant::now();
            let mut command = Command::new(bin_dir().join(program));
            command.env_clear().env("SLUICE_DATA_DIR", dir.path()).env("SLUICE_DATABASE_URL", url).stdin(Stdio::null());
            let output = command.output().unwrap();
            let text = String::from_utf8_lossy(&output.stderr);
            assert!(!output.status.success() && text.contains(said), "{program} {url}: {text}");
            assert!(!text.contains("hush"), "{text}");
            // It is named after a second, and given up after five; the rest is for a machine with much to do.
            assert!(began.elapsed() < Duration::from_secs(9), "{program} {url}: {:?}", began.elapsed());
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn requests_are_refused_at_once_while_the_server_is_away_and_work_goes_on_after_it() {
    let dir = tempfile::tempdir().unwrap();
    let url = database::fresh(Pair::Servers, dir.path());
    let server = need("SLUICE_TEST_POSTGRES");
    let (_, host) = server.rsplit_once('@').unwrap();
    let proxy = TcpProxy::start(host).await;
    let url = url.replace(host, &proxy.address.to_string());
    let mut stack = Stack::start_with(Pair::Embedded, &[("SLUICE_DATABASE_URL", &url)]).await;
    stack.add_worker();
    let client = stack.creator().await;
    eventually("the worker runs", PATIENCE, || async {
        stack.workers[0].log().contains("worker starts").then_some(())
    })
    .await;
    proxy.set(Network::Cut);
    eventually("it is noticed", Duration::from_secs(10), || async {
        stack.api.log().contains("the database does not answer").then_some(())
    })
    .await;
    for _ in 0..20 {
        let began = Instant::now();
        let answer = client.get("/api/v1/media").await;
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
        assert_eq!(problem(answer).await, (503, "unavailable".into()));
    }
    // A refusal arrives although its body was never looked at.
    assert_eq!(problem(client.try_upload(&fixtures::compliant(10)).await).await, (503, "unavailable".into()));
    assert_eq!(http().get(format!("{}/ready", stack.url)).send().await.unwrap().status(), 503);
    assert_eq!(http().get(format!("{}/health", stack.url)).send().await.unwrap().status(), 200);
    proxy.set(Network::Fine);
    eventually("it is back", Duration::from_secs(10), || async {
        (client.get("/api/v1/media").await.status() == 200).then_some(())
    })
    .await;
    let id = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&id, &["ready"]).await;
    // What is logged while it is away grows with time, not with turns of a loop.
    let complaints = stack.workers[0].log().matches("cannot claim tasks").count();
    assert!(complaints < 40, "{complaints}");
}

#[tokio::test]
async fn a_locked_file_is_read_and_not_written() {
    let stack = Stack::start(Pair::Embedded).await;
    let client = stack.creator().await;
    let token = client.api_token(&["read"]).await;
    let machine = client.with_token(&token);
    let script = "import sqlite3, sys\nc = sqlite3.connect(sys.argv[1], isolation_level=None)\nc.execute('BEGIN EXCLUSIVE')\n\
                  print('locked', flush=True)\nsys.stdin.read()\nc.execute('ROLLBACK')";
    let file = stack.folder().join("sluice.db");
    let mut command = Command::new("python3");
    command.args(["-c", script, file.to_str().unwrap()]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut lock = command.spawn().unwrap();
    let mut line = String::new();
    std::io::BufRead::read_line(&mut std::io::BufReader::new(lock.stdout.take().unwrap()), &mut line).unwrap();
    assert_eq!(line, "locked\n");
    let writing = tokio::spawn({
        let client = client.clone();
        async move { client.send(Method::PATCH, "/api/v1/me/profile", &json!({ "display_name": "Ada" })).await }
    });
    let began = Instant::now();
    for who in [&client, &machine, &client.anonymous()] {
        for path in ["/api/v1/me/usage", "/api/v1/media", "/api/v1/feed", "/ready"] {
            let status = who.get(path).await.status().as_u16();
            assert!(status < 500, "{path}: {status}");
        }
    }
    assert!(began.elapsed() < Duration::from_secs(3), "{:?}", began.elapsed());
    // Who writes waits a while, and is refused rather than half done.
    let began = Instant::now();
    let answer = writing.await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
    assert_eq!(problem(answer).await.0, 503);
    drop(lock.stdin.take());
    lock.wait().unwrap();
    let again = Client::login(&stack.url, &client.username).await;
    eventually("it can be written again", PATIENCE, || async {
        (again.get("/api/v1/me").await.status() == 200).then_some(())
    })
    .await;
}

/// Statements that never end keep no process from ending: what it has is found by others when its lease is over.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_stop_ends_in_time_while_statements_hang() {
    let slow = fixtures::slow_preset();
    let settings = [("SLUICE_WORKER_CORES", "1"), ("SLUICE_CONFIG", &*slow)];
    let mut stack = Stack::start_with(Pair::Servers, &settings).await;
    stack.add_worker();
    let client = stack.creator().await;
    client.upload(&fixtures::foreign(14)).await;
    eventually("it is being encoded", PATIENCE, || async {
        stack.workers[0].log().contains("chunk-000000").then_some(())
    })
    .await;
    let url = stack.setting("SLUICE_DATABASE_URL").unwrap();
    let lock = "BEGIN; LOCK TABLE tasks, users IN ACCESS EXCLUSIVE MODE; SELECT 'locked'; SELECT pg_sleep(120)";
    let mut holder = Command::new("psql").args(["-qAt", "-c", lock, &url]).stdout(Stdio::null()).spawn().unwrap();
    let locked =
        "SELECT COUNT(*) FROM pg_locks WHERE mode = 'AccessExclusiveLock' AND granted AND relation = 'tasks'::regclass";
    eventually("the lock is had", PATIENCE, || async { (stack.run_sql(locked).trim() == "1").then_some(()) }).await;
    tokio::spawn(async move { client.get("/api/v1/me").await });
    let ended = tokio::task::block_in_place(|| {
        stack.api.signal(Signal::SIGTERM);
        let worker = stack.workers[0].ends_by(Signal::SIGTERM);
        (worker, stack.api.ends_by(Signal::SIGTERM))
    });
    holder.kill().unwrap();
    holder.wait().unwrap();
    assert_eq!(ended, (true, true), "{}", stack.logs());
}
