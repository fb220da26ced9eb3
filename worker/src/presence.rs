//! Signs of life: who works, on which machine, and why it does not get on, for operators and for people whose media wait.
//!
//! Invariant: no claim and no lease depends on them; a sign that is not written costs an entry in a list.

use crate::{consumer::Capacity, task::Context};
use sluice_db::NewWorker;
use sluice_model::WorkerTrouble;
use std::{fs, time::Duration};
use tokio::time::{interval, timeout};

/// How long the store may take to answer before it counts as away.
const PATIENCE: Duration = Duration::from_secs(5);

/// Signs until it is dropped, five times in a lease.
pub async fn sign(context: Context, capacity: Capacity) {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let worker = NewWorker {
        name: &capacity.name,
        host: host.trim(),
        version: env!("CARGO_PKG_VERSION"),
        cores: capacity.cores,
        memory_bytes: capacity.memory_bytes,
        kinds: capacity.kinds,
        lease: capacity.lease,
    };
    let mut ticks = interval(capacity.lease / 5);
    loop {
        ticks.tick().await;
        let trouble = trouble(&context).await;
        if let Err(error) = context.db.operations().sign(&worker, trouble, context.throughput.speed()).await {
            tracing::debug!(%error, "a sign of life was not written");
        }
    }
}

/// The last sign: it ends.
pub async fn sign_off(context: &Context, name: &str) {
    // A database that is away hears of it by silence.
    drop(timeout(PATIENCE, context.db.operations().sign_off(name)).await);
}

/// Why this worker does not get on. The store is asked only after tasks found something away.
async fn trouble(context: &Context) -> Option<WorkerTrouble> {
    if context.ingest.space.shortage().is_some() {
        return Some(WorkerTrouble::DiskFull);
    }
    if !context.outage.is_on() {
        return None;
    }
    let answers = matches!(timeout(PATIENCE, context.store.ping()).await, Ok(Ok(())));
    (!answers).then_some(WorkerTrouble::StoreUnreachable)
}
