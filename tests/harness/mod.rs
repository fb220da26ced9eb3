//! Starts the shipped binaries and talks to them as clients do.
//!
//! The servers come from `tests/with-servers.sh`; every stack gets a database and a prefix of its own.

pub mod bombs;
pub mod burned;
pub mod captioned;
pub mod client;
pub mod crowd;
pub mod database;
pub mod disk;
pub mod fixtures;
pub mod jwt;
pub mod media;
pub mod memory;
pub mod namespace;
pub mod origin;
pub mod platform;
pub mod postgres;
pub mod process;
pub mod proxy;
pub mod stack;
pub mod storyboard;
pub mod teletext;
pub mod tus;

pub use client::Client;
pub use stack::{NO_QUOTAS, Pair, Stack};

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Runs journeys, functions of a [`Pair`], on SQLite with a directory and on PostgreSQL with an S3 server. With
/// `open =>` in front, they are functions of what `open` makes of the pair.
#[macro_export]
macro_rules! on_both {
    ($open:ident => $($name:ident),+ $(,)?) => {
        mod embedded {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() { super::$name(super::$open($crate::Pair::Embedded).await).await; })+
        }
        mod servers {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
            async fn $name() { super::$name(super::$open($crate::Pair::Servers).await).await; })+
        }
    };
    ($($name:ident),+ $(,)?) => {
        mod embedded { $(#[tokio::test] async fn $name() { super::$name($crate::Pair::Embedded).await; })+ }
        mod servers { $(#[tokio::test] async fn $name() { super::$name($crate::Pair::Servers).await; })+ }
    };
}

/// How much of something is tried: a sample by `make test`, the whole by `make proof`.
pub fn proof<T>(sample: T, whole: T) -> T {
    if std::env::var("SLUICE_TEST_PROOF").is_ok_and(|on| on == "1") { whole } else { sample }
}

/// Whether one of several like journeys is made on `pair`: of a sample each one on one pair, in turn; of a proof all on
/// both. Whoever is told `false` has printed why.
pub fn in_sample(pair: Pair, number: usize) -> bool {
    let chosen = if number.is_multiple_of(2) { Pair::Embedded } else { Pair::Servers };
    let here = proof(pair == chosen, true);
    if !here {
        println!("not run: the sample has this one on {chosen:?}; `make proof` has it on both pairs");
    }
    here
}

/// The day (UTC) that it is, by which some counts begin anew.
pub fn today() -> u64 {
    std::time::UNIX_EPOCH.elapsed().unwrap().as_secs() / 86_400
}

/// Polls `probe` until it gives something, at most for `patience`.
///
/// # Panics
/// When the deadline passes; `what` says for what.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    patience: Duration,
    mut probe: impl FnMut() -> F,
) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        let waited = began.elapsed();
        assert!(waited < patience, "not within {patience:?}: {what}");
        // Asking costs what is waited for a part of its processor.
        let pause = if waited < Duration::from_secs(1) { 40 } else { 150 };
        tokio::time::sleep(Duration::from_millis(pause)).await;
    }
}
