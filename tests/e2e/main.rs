//! Journeys through the shipped binaries, each on both pairs of database and store.

mod access;
mod duplicates;
mod films;
mod latency;
mod offline;
mod raw;
mod readme;
mod requests;
mod sync;

/// Runs a journey on SQLite with a directory, and on PostgreSQL with an S3 server.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod embedded { $(#[tokio::test] async fn $name() { super::$name(harness::Pair::Embedded).await; })+ }
        mod servers { $(#[tokio::test] async fn $name() { super::$name(harness::Pair::Servers).await; })+ }
    };
}
pub(crate) use on_both;
