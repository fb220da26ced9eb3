//! Starts the shipped binaries and talks to them as clients do.
//!
//! The servers come from `tests/with-servers.sh`; every stack gets a database and a prefix of its own.

pub mod client;
pub mod fixtures;
pub mod media;
pub mod process;
pub mod stack;

pub use client::Client;
pub use stack::{Pair, Stack};

use std::{
    future::Future,
    time::{Duration, Instant},
};

/// Polls `probe` until it gives something, at most for `patience`.
///
/// # Panics
/// When the deadline passes; `what` says for what.
pub async fn eventually<T, F: Future<Output = Option<T>>>(
    what: &str,
    patience: Duration,
    mut probe: impl FnMut() -> F,
) -> T {
    let end = Instant::now() + patience;
    loop {
        if let Some(found) = probe().await {
            return found;
        }
        assert!(Instant::now() < end, "not within {patience:?}: {what}");
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
}
