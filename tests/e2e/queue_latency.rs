//! New work starts soon: an idle worker hears of it.

use harness::{Pair, Stack, client::PATIENCE, eventually, fixtures};
use std::time::{Duration, Instant};

harness::on_both!(idle_worker_starts_a_task_at_once, plan_waits_for_no_chunk);

/// Median over several uploads of the time from the answer to the first line about the task.
async fn idle_worker_starts_a_task_at_once(pair: Pair) {
    let mut stack = Stack::start(pair).await;
    stack.add_worker();
    let client = stack.creator().await;
    let begun = |stack: &Stack| stack.workers[0].log().matches("\"name\":\"plan\"").count();
    let warm = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
    client.wait_for(&warm, &["ready"]).await;
    let mut waits = Vec::new();
    for n in 1..=5 {
        let id = client.upload(&fixtures::silent()).await["id"].as_str().unwrap().to_owned();
        let answered = Instant::now();
        eventually("the plan begins", Duration::from_secs(10), || async { (begun(&stack) > n).then_some(()) }).await;
        waits.push(answered.elapsed());
        client.wait_for(&id, &["ready"]).await;
    }
    waits.sort();
    // The probe itself looks every 40 ms.
    let bound = if pair == Pair::Embedded { Duration::from_secs(1) } else { Duration::from_millis(100) };
    assert!(waits[2] <= bound, "{waits:?}");
}

/// A film that is uploaded while another one keeps all cores busy is planned and begun at once.
async fn plan_waits_for_no_chunk(pair: Pair) {
    let settings = fixtures::settings("slower", "[encode]\npreset = \"slower\"\n");
    let mut stack = Stack::start_with(pair, &[("SLUICE_WORKER_CORES", "1"), ("SLUICE_CONFIG", &settings)]).await;
    stack.add_worker();
    let client = stack.creator().await;
    client.upload(&fixtures::foreign(24)).await;
    eventually("a later chunk keeps the core", PATIENCE, || async {
        stack.workers[0].log().contains("\"name\":\"chunk-000003\"").then_some(())
    })
    .await;
    let begun = |name: &str| stack.workers[0].log().matches(&format!("\"name\":\"{name}\"")).count();
    let first = begun("chunk-000000");
    client.upload(&fixtures::silent()).await;
    let answered = Instant::now();
    eventually("the plan begins", Duration::from_secs(10), || async { (begun("plan") > 1).then_some(()) }).await;
    let waited = answered.elapsed();
    assert!(waited <= Duration::from_secs(1), "{waited:?}");
    // The first segment follows while the chunk is still running.
    eventually("the first chunk begins", Duration::from_secs(10), || async {
        (begun("chunk-000000") > first).then_some(())
    })
    .await;
    let busy = stack.run_sql("SELECT COUNT(*) FROM tasks WHERE status = 'running' AND name = 'chunk-000003'");
    assert_eq!(busy.trim(), "1", "it had no core to itself");
}
