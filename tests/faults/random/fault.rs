//! The kinds of faults, each at one moment, healed when it is over.

use super::{
    sender,
    world::{RECOVERY, World},
};
use harness::{
    Pair,
    process::kill_pid,
    proxy::{Network, StoreFault},
};
use nix::sys::signal::Signal;
use rand::{Rng, rngs::StdRng};
use reqwest::Method;
use std::{process::Command, time::Duration};

/// What goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// kill -9 of a worker.
    WorkerKilled,
    /// kill -9 of an encoder child.
    EncoderKilled,
    /// SIGTERM to a worker under load.
    WorkerTerminated,
    /// A worker stands still past its lease, then wakes up.
    WorkerStopped,
    /// kill -9 of the API.
    ApiKilled,
    /// SIGTERM to the API under load.
    ApiTerminated,
    /// The API stands still for a moment.
    ApiStopped,
    /// Running tasks are handed out a second time while the first run goes on.
    DeliveredTwice,
    /// Another program holds the write lock of the SQLite file.
    SqliteLocked,
    /// Every connection to the database is cut.
    DatabaseCut,
    /// The database server ends all sessions.
    SessionsEnded,
    /// The database does not answer for a while.
    DatabaseStalled,
    /// The store answers 503.
    StoreSlowDown,
    /// The store does what it is asked and answers 500.
    StoreErrorAfterCommit,
    /// The store answers 200 with an error document.
    StoreErrorInBody,
    /// Bodies from the store end early.
    StoreShortBody,
    /// Every connection to the store is cut.
    StoreCut,
    /// The store does not answer for a while.
    StoreStalled,
}

impl Kind {
    /// Every one there is.
    pub const ALL: [Self; 18] = [
        Self::WorkerKilled,
        Self::EncoderKilled,
        Self::WorkerTerminated,
        Self::WorkerStopped,
        Self::ApiKilled,
        Self::ApiTerminated,
        Self::ApiStopped,
        Self::DeliveredTwice,
        Self::SqliteLocked,
        Self::DatabaseCut,
        Self::SessionsEnded,
        Self::DatabaseStalled,
        Self::StoreSlowDown,
        Self::StoreErrorAfterCommit,
        Self::StoreErrorInBody,
        Self::StoreShortBody,
        Self::StoreCut,
        Self::StoreStalled,
    ];

    /// Whether a pair can have it.
    pub fn applies(self, pair: Pair) -> bool {
        let processes = (self as u8) <= (Self::DeliveredTwice as u8);
        processes || (self == Self::SqliteLocked) == (pair == Pair::Embedded)
    }
}

/// Lets one fault happen and waits until the service answers again.
pub async fn inject(kind: Kind, world: &mut World, rng: &mut StdRng) {
    let lasts = Duration::from_millis(rng.random_range(100..2500));
    match kind {
        Kind::WorkerKilled => replace_worker(world, rng, Signal::SIGKILL),
        Kind::WorkerTerminated => replace_worker(world, rng, Signal::SIGTERM),
        Kind::EncoderKilled => {
            let encoders = world.workers.iter().flat_map(|w| world.stack.workers[*w].encoders());
            encoders.for_each(kill_pid);
        }
        Kind::WorkerStopped => {
            let worker = &world.stack.workers[world.workers[rng.random_range(0..world.workers.len())]];
            worker.signal(Signal::SIGSTOP);
            // The lease of tests is three seconds, judged within another.
            tokio::time::sleep(Duration::from_secs(4) + lasts).await;
            worker.signal(Signal::SIGCONT);
        }
        Kind::ApiKilled => world.stack.restart_api(),
        Kind::ApiTerminated => world.stack.restart_api_with(&[]),
        Kind::ApiStopped => {
            world.stack.api.signal(Signal::SIGSTOP);
            tokio::time::sleep(lasts).await;
            world.stack.api.signal(Signal::SIGCONT);
        }
        Kind::DeliveredTwice => {
            world.stack.run_sql("UPDATE tasks SET status = 'queued', token = NULL WHERE status = 'running'");
        }
        Kind::SqliteLocked => lock_sqlite(world, lasts).await,
        Kind::SessionsEnded => {
            world.stack.run_sql(
                "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            );
        }
        Kind::DatabaseCut => weather(world.database.as_ref().unwrap(), Network::Cut, lasts).await,
        Kind::DatabaseStalled => weather(world.database.as_ref().unwrap(), Network::Stalled, lasts).await,
        Kind::StoreCut => weather(world.store_network.as_ref().unwrap(), Network::Cut, lasts).await,
        Kind::StoreStalled => weather(world.store_network.as_ref().unwrap(), Network::Stalled, lasts).await,
        Kind::StoreSlowDown => store(world, StoreFault::SlowDown, lasts).await,
        Kind::StoreErrorAfterCommit => store(world, StoreFault::ErrorAfterCommit, lasts).await,
        Kind::StoreErrorInBody => store(world, StoreFault::ErrorInBody, lasts).await,
        Kind::StoreShortBody => store(world, StoreFault::ShortBody, lasts).await,
    }
    let ready = sender::until_answered(|| world.people[0].request(Method::GET, "/ready"), &[200]);
    tokio::time::timeout(RECOVERY, ready).await.unwrap_or_else(|_| panic!("not ready again after {kind:?}"));
}

async fn weather(proxy: &harness::proxy::TcpProxy, network: Network, lasts: Duration) {
    proxy.set(network);
    tokio::time::sleep(lasts).await;
    proxy.set(Network::Fine);
}

async fn store(world: &World, fault: StoreFault, lasts: Duration) {
    let proxy = world.store.as_ref().unwrap();
    proxy.set(fault);
    tokio::time::sleep(lasts).await;
    proxy.set(StoreFault::None);
}

fn replace_worker(world: &mut World, rng: &mut StdRng, signal: Signal) {
    let place = rng.random_range(0..world.workers.len());
    let worker = &mut world.stack.workers[world.workers[place]];
    if signal == Signal::SIGKILL {
        worker.kill()
    } else {
        worker.stop()
    }
    assert!(!worker.log().contains("panicked"), "{}", worker.log());
    world.workers[place] = world.stack.add_worker();
}

async fn lock_sqlite(world: &World, lasts: Duration) {
    let script = "import sqlite3, sys, time\nc = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)\n\
                  c.execute('BEGIN EXCLUSIVE')\ntime.sleep(float(sys.argv[2]))\nc.execute('ROLLBACK')";
    let file = world.stack.folder().join("sluice.db");
    let mut holder = Command::new("python3")
        .args(["-c", script, file.to_str().unwrap(), &lasts.as_secs_f64().to_string()])
        .spawn()
        .unwrap();
    let ended = tokio::task::spawn_blocking(move || holder.wait().unwrap()).await.unwrap();
    assert!(ended.success());
}
