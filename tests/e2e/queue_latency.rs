//! New work starts soon: an idle worker hears of it.

use harness::{Pair, Stack, eventually, fixtures};
use std::time::{Duration, Instant};

harness::on_both!(idle_worker_starts_a_task_at_once);

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
