//! Crowds that want nothing but to be in the way: others do not notice them, and what they take is bounded. These
//! run alone: they measure time.

use harness::{
    Pair, Stack,
    crowd::{Times, Watch, address, connect, connect_narrow, raise_descriptor_limit},
    fixtures, proof,
};
use std::{
    net::Ipv4Addr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    task::JoinSet,
    time::{sleep, timeout},
};

/// Time within which `/ready` is to be answered.
const QUICK: Duration = Duration::from_millis(100);
/// The part of all questions that is answered within it: all, where the whole is tried.
fn nearly_all() -> f64 {
    proof(0.99, 1.0)
}

/// What may stay of a crowd of any size, bytes.
const KEPT: u64 = 48 << 20;
/// Time within which the rest is given back: freed memory goes back little by little, over ten seconds.
const GIVEN_BACK: Duration = Duration::from_secs(30);

/// What a member of a crowd does.
#[derive(Debug, Clone)]
enum Nuisance {
    /// Opens a connection.
    Idle,
    /// Sends the headers of a request, never the last.
    SlowHead,
    /// Sends a body byte by byte.
    SlowBody,
    /// Asks for this path, and does not read what comes.
    SlowReading(String),
}

/// Is in the way once: until the service or `done` ends it.
async fn once(url: &str, from: Ipv4Addr, nuisance: &Nuisance, done: &AtomicBool) -> std::io::Result<()> {
    let (head, more) = match nuisance {
        Nuisance::Idle => (String::new(), ""),
        Nuisance::SlowHead => ("GET /health HTTP/1.1\r\n".to_owned(), "x-more: and more\r\n"),
        Nuisance::SlowBody => {
            let body = "host: x\r\ncontent-type: application/json\r\ncontent-length: 60000";
            (format!("POST /api/v1/auth/refresh HTTP/1.1\r\n{body}\r\n\r\n"), "x")
        }
        Nuisance::SlowReading(path) => (format!("GET {path} HTTP/1.1\r\nhost: x\r\n\r\n"), ""),
    };
    let reads = !matches!(nuisance, Nuisance::SlowReading(_));
    let mut connection = if reads { connect(url, from).await } else { connect_narrow(url, from).await };
    connection.write_all(head.as_bytes()).await?;
    let mut ignored = [0; 512];
    while !done.load(Ordering::Relaxed) {
        // As rarely as the service bears it: then many cost little.
        let pause = Duration::from_millis(proof(900, 5000));
        if !reads {
            sleep(pause).await;
            if connection.take_error()?.is_some() {
                return Ok(());
            }
        } else if let Ok(read) = timeout(pause, connection.read(&mut ignored)).await
            && read? == 0
        {
            return Ok(());
        }
        connection.write_all(more.as_bytes()).await?;
    }
    Ok(())
}

/// What was seen of a crowd.
struct Seen {
    ready: Times,
    /// Resident bytes at most.
    peak: u64,
    /// Connections that were made.
    connections: usize,
}

/// A crowd of `size` that comes back whenever it is shown out.
async fn crowd(stack: &Stack, size: usize, nuisance: Nuisance, lasts: Duration) -> Seen {
    let (done, connections) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let (watch, mut members) = (Watch::over(&stack.url), JoinSet::new());
    for n in 0..size {
        let (url, nuisance, done, connections) =
            (stack.url.clone(), nuisance.clone(), done.clone(), connections.clone());
        members.spawn(async move {
            // Not all in one instant: what is measured is what they hold, not how fast they ask.
            sleep(Duration::from_secs(proof(2, 10)).mul_f64(n as f64 / size as f64)).await;
            while !done.load(Ordering::Relaxed) {
                connections.fetch_add(1, Ordering::Relaxed);
                // However it ends: whoever is shown out comes again.
                drop(once(&url, address(n % 1000), &nuisance, &done).await);
                sleep(Duration::from_millis(200)).await;
            }
        });
    }
    let (began, mut peak) = (Instant::now(), 0);
    while began.elapsed() < lasts {
        sleep(Duration::from_millis(100)).await;
        peak = peak.max(stack.api.resident_bytes());
    }
    let ready = watch.times().await;
    done.store(true, Ordering::Relaxed);
    members.join_all().await;
    Seen { ready, peak, connections: connections.load(Ordering::Relaxed) }
}

/// Resident bytes once they are below a bound, or when it is time that they were, and how long that took.
async fn settled(stack: &Stack, below: u64) -> (u64, Duration) {
    let began = Instant::now();
    loop {
        let (bytes, waited) = (stack.api.resident_bytes(), began.elapsed());
        if bytes < below || waited > GIVEN_BACK {
            return (bytes, waited);
        }
        sleep(Duration::from_millis(100)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_notices_a_crowd() {
    raise_descriptor_limit();
    let idle = ("SLUICE_IDLE_SECONDS", proof("3", "15"));
    let (size, lasts) = (proof(300, 4000), Duration::from_secs(proof(5, 30)));
    let stack = Stack::start_with(Pair::Embedded, &[idle]).await;
    let client = stack.creator().await;
    let file = stack.folder().join("large.mp4");
    std::fs::write(&file, fixtures::padded(&fixtures::silent(), 24_000_000)).unwrap();
    let id = client.upload(&file).await["id"].as_str().unwrap().to_owned();
    let before = stack.api.resident_bytes();
    let all = [Nuisance::Idle, Nuisance::SlowHead, Nuisance::SlowBody, Nuisance::SlowReading(format!("/raw/{id}"))];
    let mut faults = Vec::new();
    for nuisance in all {
        let mut seen = crowd(&stack, size, nuisance.clone(), lasts).await;
        // What else runs on this machine only adds to a time.
        for _ in 0..2 {
            if seen.ready.quantile(nearly_all()) <= QUICK {
                break;
            }
            println!("{nuisance:?}: /ready {}", seen.ready);
            seen = crowd(&stack, size, nuisance.clone(), lasts).await;
        }
        let (after, waited) = settled(&stack, before + KEPT).await;
        let line = format!(
            "{nuisance:?} of {size}, {} connections: /ready {}; MiB before {}, at most {}, after {waited:.1?} {}",
            seen.connections,
            seen.ready,
            before >> 20,
            seen.peak >> 20,
            after >> 20
        );
        println!("{line}");
        let quick = seen.ready.quantile(nearly_all()) <= QUICK;
        let small = seen.peak < before + size as u64 * (160 << 10) + (32 << 20) && after < before + KEPT;
        if !quick || !small {
            faults.push(line);
        }
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}
