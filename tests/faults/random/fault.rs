//! Faults, each at one moment, healed when it is over.

use super::{
    kind::Kind,
    sender,
    world::{RECOVERY, World},
};
use harness::{
    memory::{TightGroup, refuse_more},
    process::kill_pid,
    proxy::{Network, StoreFault, TcpProxy},
};
use nix::sys::signal::Signal;
use rand::{Rng, rngs::StdRng};
use reqwest::Method;
use std::{
    process::Command,
    time::{Duration, Instant},
};
use tokio::{task::block_in_place, time::sleep};

/// Longer than a worker's lease, which is three seconds in tests and judged within another.
const PAST_LEASE: Duration = Duration::from_secs(4);
/// How long is looked for an encoder child to hurt.
const LOOK: Duration = Duration::from_secs(3);

/// Lets one fault happen and waits until the service answers again.
pub async fn inject(kind: Kind, world: &mut World, rng: &mut StdRng) {
    let lasts = Duration::from_millis(rng.random_range(100..2500));
    match kind {
        Kind::WorkerKilled => block_in_place(|| replace_worker(world, rng, Signal::SIGKILL)),
        Kind::WorkerTerminated => block_in_place(|| replace_worker(world, rng, Signal::SIGTERM)),
        Kind::EncoderKilled => hurt_encoders(world, kill_pid).await,
        Kind::EncoderLimited => hurt_encoders(world, |pid| _ = refuse_more(pid)).await,
        Kind::EncoderOutOfMemory => {
            let group = TightGroup::make().unwrap();
            hurt_encoders(world, |pid| _ = group.take(pid)).await;
            block_in_place(|| drop(group));
        }
        Kind::ForkServerKilled => {
            for worker in &world.workers {
                world.stack.workers[*worker].fork_servers().into_iter().for_each(kill_pid);
            }
        }
        Kind::WorkerStopped => {
            let worker = &world.stack.workers[world.workers[rng.random_range(0..world.workers.len())]];
            worker.signal(Signal::SIGSTOP);
            sleep(PAST_LEASE + lasts).await;
            worker.signal(Signal::SIGCONT);
        }
        Kind::WorkerUnplugged => {
            let network = world.network.as_ref().unwrap();
            network.unplug();
            sleep(PAST_LEASE + lasts).await;
            network.plug_in();
        }
        Kind::ApiKilled => block_in_place(|| world.stack.restart_api()),
        Kind::ApiTerminated => block_in_place(|| world.stack.restart_api_with(&[])),
        Kind::ApiStopped => {
            world.stack.api.signal(Signal::SIGSTOP);
            sleep(lasts).await;
            world.stack.api.signal(Signal::SIGCONT);
        }
        Kind::DeliveredTwice => {
            // One at a time: who changes many in an order of its own may meet somebody who does so in another.
            for id in world.running_tasks() {
                let sql = "UPDATE tasks SET status = 'queued', token = NULL WHERE status = 'running' AND id =";
                world.stack.run_sql(&format!("{sql} {id}"));
            }
        }
        Kind::Poisoned => sender::poison(world, rng).await,
        Kind::SentTwice => sender::send_twins(world, rng).await,
        Kind::Abandoned => sender::abandon(world, rng).await,
        Kind::HalfDeleted => half_delete(world, rng).await,
        Kind::SqliteLocked => lock_sqlite(world, lasts).await,
        Kind::DiskFull => {
            let disk = world.disk.as_ref().unwrap();
            block_in_place(|| disk.fill_but(rng.random_range(0..3) << 19));
            sleep(lasts).await;
            disk.make_room();
        }
        _ => of_servers(kind, world, lasts).await,
    }
    until_ready(kind, world).await;
}

/// What befalls servers, or the way to them.
async fn of_servers(kind: Kind, world: &mut World, lasts: Duration) {
    let (database, store) = (world.database.as_ref().unwrap(), world.store_network.as_ref().unwrap());
    match kind {
        Kind::SessionsEnded => {
            world.stack.run_sql(
                "SELECT COUNT(pg_terminate_backend(pid)) FROM pg_stat_activity \
                 WHERE datname = current_database() AND pid <> pg_backend_pid()",
            );
        }
        Kind::DatabaseRestarted => {
            let cluster = world.cluster.as_mut().unwrap();
            block_in_place(|| cluster.stop_at_once());
            sleep(lasts).await;
            block_in_place(|| cluster.start_again());
        }
        Kind::DatabaseFailedOver => {
            let cluster = world.cluster.as_mut().unwrap();
            block_in_place(|| cluster.fail_over());
            sleep(lasts).await;
            database.lead_to(cluster.address());
            until_ready(kind, world).await;
            let cluster = world.cluster.as_mut().unwrap();
            block_in_place(|| cluster.renew_standby());
        }
        Kind::DatabaseCut => weather(&[database], Network::Cut, lasts).await,
        Kind::DatabaseStalled => weather(&[database], Network::Stalled, lasts).await,
        Kind::StoreCut => weather(&[store], Network::Cut, lasts).await,
        Kind::StoreStalled => weather(&[store], Network::Stalled, lasts).await,
        Kind::NetworkSlow => weather(&[database, store], Network::Slow, lasts * 2).await,
        Kind::StoreSlowDown => misbehave(world, StoreFault::SlowDown, lasts).await,
        Kind::StoreErrorAfterCommit => misbehave(world, StoreFault::ErrorAfterCommit, lasts).await,
        Kind::StoreErrorInBody => misbehave(world, StoreFault::ErrorInBody, lasts).await,
        Kind::StoreShortBody => misbehave(world, StoreFault::ShortBody, lasts).await,
        other => panic!("{other:?} is no fault of servers"),
    }
}

async fn until_ready(kind: Kind, world: &World) {
    let ready = sender::until_answered(|| world.people[0].request(Method::GET, "/ready"), &[200]);
    let ready = tokio::time::timeout(RECOVERY, ready).await;
    assert!(ready.is_ok(), "not ready again after {kind:?}\n{}", world.stack.logs());
}

async fn weather(proxies: &[&TcpProxy], network: Network, lasts: Duration) {
    proxies.iter().for_each(|p| p.set(network));
    sleep(lasts).await;
    proxies.iter().for_each(|p| p.set(Network::Fine));
}

async fn misbehave(world: &World, fault: StoreFault, lasts: Duration) {
    let proxy = world.store.as_ref().unwrap();
    proxy.set(fault);
    sleep(lasts).await;
    proxy.set(StoreFault::None);
}

/// Hurts the encoder children of the moment, or the next ones.
async fn hurt_encoders(world: &World, hurt: impl Fn(i32)) {
    let began = Instant::now();
    loop {
        let encoders: Vec<i32> = world.workers.iter().flat_map(|w| world.stack.workers[*w].encoders()).collect();
        encoders.iter().for_each(|pid| hurt(*pid));
        if !encoders.is_empty() || began.elapsed() > LOOK {
            return;
        }
        sleep(Duration::from_millis(20)).await;
    }
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
    world.start_worker(place);
}

/// A film's bytes are due to be deleted, and whoever may be about it dies.
async fn half_delete(world: &mut World, rng: &mut StdRng) {
    if let Some(source) = sender::delete_one(world, rng).await {
        world.make_due(&source);
    }
    sleep(Duration::from_millis(rng.random_range(0..1500))).await;
    block_in_place(|| {
        for place in 0..world.workers.len() {
            world.stack.workers[world.workers[place]].kill();
        }
        world.stack.restart_api();
        for place in 0..world.workers.len() {
            world.start_worker(place);
        }
    });
}

async fn lock_sqlite(world: &World, lasts: Duration) {
    let script = "import sqlite3, sys, time\nc = sqlite3.connect(sys.argv[1], timeout=60, isolation_level=None)\n\
                  c.execute('BEGIN EXCLUSIVE')\ntime.sleep(float(sys.argv[2]))\nc.execute('ROLLBACK')";
    let file = world.stack.data_dir().join("sluice.db");
    let mut holder = Command::new("python3")
        .args(["-c", script, file.to_str().unwrap(), &lasts.as_secs_f64().to_string()])
        .spawn()
        .unwrap();
    let ended = tokio::task::spawn_blocking(move || holder.wait().unwrap()).await.unwrap();
    assert!(ended.success());
}
