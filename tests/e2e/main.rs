//! Journeys through the shipped binaries, each on both pairs of database and store.

mod access;
mod arriving;
mod browsers;
mod crowd;
mod duplicates;
mod encryption;
mod events;
mod films;
mod imports;
mod jwt;
mod latency;
mod leaving;
mod library;
mod limits;
mod live;
mod matrix;
mod mishaps;
mod moderation;
mod offline;
mod paging;
mod people;
mod pictures;
mod private;
mod raw;
mod readme;
mod recovery;
mod requests;
mod roles;
mod scale;
mod schema;
mod secrets;
mod sessions;
mod sync;
mod uploads;
mod webhooks;

/// Runs a journey on SQLite with a directory, and on PostgreSQL with an S3 server.
macro_rules! on_both {
    ($($name:ident),+ $(,)?) => {
        mod embedded { $(#[tokio::test] async fn $name() { super::$name(harness::Pair::Embedded).await; })+ }
        mod servers { $(#[tokio::test] async fn $name() { super::$name(harness::Pair::Servers).await; })+ }
    };
}
pub(crate) use on_both;
