//! Whoever reads the log may end or stand still: the service goes on, and ends when it is told to.

use harness::{Pair, Stack, client::http, eventually, fixtures, process::Process};
use std::{
    io::{Write, pipe},
    process::Stdio,
    time::{Duration, Instant},
};

harness::on_both!(a_log_that_nobody_reads_stops_nothing, nobody_hears_where_it_listens);

/// A pipe whose reader has ended.
fn ended() -> Stdio {
    let (reader, writer) = pipe().unwrap();
    drop(reader);
    writer.into()
}

/// Stops within what an idle service needs.
fn stops(process: &mut Process) {
    let began = Instant::now();
    process.stop();
    assert!(began.elapsed() < Duration::from_secs(10), "{:?}", began.elapsed());
}

async fn a_log_that_nobody_reads_stops_nothing(pair: Pair) {
    let stack = Stack::start(pair).await;
    let client = stack.creator().await;
    // A full pipe whose reader stands still: its writer waits from the first byte on.
    let (standing, full) = pipe().unwrap();
    let mut filling = full.try_clone().unwrap();
    std::thread::spawn(move || while filling.write_all(&[b'.'; 4096]).is_ok() {});
    for err in [ended(), full.into()] {
        let mut api = stack.beside("sluice-api", &[], Stdio::piped(), err);
        let url = api.line_after("listening on ");
        let http = http();
        for _ in 0..200 {
            let answer = http.get(format!("{url}/ready")).timeout(Duration::from_secs(5)).send().await.unwrap();
            assert_eq!(answer.status(), 200);
        }
        stops(&mut api);
    }
    let id = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    let mut worker = stack.beside("sluice-worker", &[], Stdio::null(), ended());
    client.wait_for(&id, &["ready"]).await;
    stops(&mut worker);
    drop(standing);
}

async fn nobody_hears_where_it_listens(pair: Pair) {
    let stack = Stack::start(pair).await;
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let mut api = stack.beside("sluice-api", &[("SLUICE_LISTEN", &free)], ended(), ended());
    eventually("it serves", Duration::from_secs(30), || async {
        http().get(format!("http://{free}/health")).send().await.ok().filter(|a| a.status() == 200).map(drop)
    })
    .await;
    stops(&mut api);
}
