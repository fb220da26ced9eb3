//! Wake-ups through apalis: a message without content that makes an idle worker look at the tasks.
//!
//! Facts of apalis 1.0 that shape this: without a poll strategy an idle worker sleeps until its next
//! heartbeat; worker names must be unique per process; its SQLite migrations collide with ours in
//! one file, so wake-ups have a file of their own beside the database.

use crate::WakeTransport;
use apalis::prelude::*;
use apalis_postgres::{PgPool, PostgresStorage};
use apalis_sqlite::{SqliteConnectOptions, SqlitePool, SqliteStorage};
use futures::{FutureExt, future::BoxFuture};
use serde::{Deserialize, Serialize};
use sluice_db::{Db, DbError};
use std::{
    path::PathBuf,
    str::FromStr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::Notify, time::sleep};

/// The message.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Wake;

const QUEUE: &str = "sluice-wake";
/// How often an idle worker asks on SQLite, which cannot notify another process.
const POLL: Duration = Duration::from_millis(200);
const HEARTBEAT: Duration = Duration::from_secs(10);
/// How long somebody else who writes is waited for, and how SQLite says that there is one.
const BUSY: Duration = Duration::from_secs(10);
const LOCKED: &str = "database is locked";
const AGAIN: Duration = Duration::from_millis(20);
/// More wake-ups than this at once would only find an empty queue.
const MOST_AT_ONCE: usize = 16;

/// Wake-ups that apalis carries.
#[derive(Debug, Clone)]
pub(crate) enum ApalisWake {
    /// A file beside the database.
    Sqlite(SqlitePool),
    /// The database itself, with LISTEN/NOTIFY, by connections that nothing else uses.
    Postgres(PgPool),
}

impl ApalisWake {
    /// Prepares the queue that belongs to `db`, which `url` names.
    pub(crate) async fn open(db: &Db, url: &str) -> Result<Self, DbError> {
        match db {
            Db::Sqlite(_) => {
                let path = url.trim_start_matches("sqlite://").split('?').next().unwrap_or_default();
                let file = PathBuf::from(path).with_extension("wake.db");
                let options = SqliteConnectOptions::from_str(&format!("sqlite://{}", file.display()))?
                    .create_if_missing(true)
                    .busy_timeout(BUSY);
                let lock = sluice_db::lock_beside(&file)?;
                let pool = sluice_db::sqlite_pool().max_connections(2).connect_with(options).await?;
                set_up(&pool).await?;
                drop(lock);
                Ok(Self::Sqlite(pool))
            }
            Db::Postgres(server) => {
                let pool = server.wake_pool();
                PostgresStorage::setup(&pool).await.map_err(|e| other(&e))?;
                Ok(Self::Postgres(pool))
            }
        }
    }

    async fn send(&self) -> Result<(), String> {
        match self.clone() {
            Self::Sqlite(pool) => sqlite(&pool).push(Wake).await.map_err(|e| e.to_string()),
            // A task of its own: who stops waiting leaves no transaction open.
            Self::Postgres(pool) => {
                let sent = tokio::spawn(async move { postgres(&pool).push(Wake).await.map_err(|e| e.to_string()) });
                sent.await.map_err(|e| e.to_string())?
            }
        }
    }
}

impl WakeTransport for ApalisWake {
    fn push(&self, count: usize) -> BoxFuture<'_, ()> {
        async move {
            for _ in 0..count.min(MOST_AT_ONCE) {
                if let Err(error) = self.send().await {
                    tracing::warn!(error, "wake-up not sent");
                    return;
                }
            }
        }
        .boxed()
    }

    fn listen(&self, worker: String, bell: Arc<Notify>, stop: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        let stop = stop.map(|()| Ok::<(), std::io::Error>(()));
        match self {
            Self::Sqlite(pool) => {
                let backend = sqlite(pool).poll_with_interval(POLL);
                let worker = WorkerBuilder::new(worker).backend(backend).data(bell).build(ring);
                worker.run_until(stop).map(|ended| log_end(ended.err())).boxed()
            }
            Self::Postgres(pool) => {
                let backend = postgres(pool).with_pubsub();
                let worker = WorkerBuilder::new(worker).backend(backend).data(bell).build(ring);
                worker.run_until(stop).map(|ended| log_end(ended.err())).boxed()
            }
        }
    }

    fn vacuum(&self) -> BoxFuture<'_, ()> {
        async move {
            let done = match self {
                Self::Sqlite(pool) => sluice_db::purge_wakes_sqlite(pool).await,
                Self::Postgres(pool) => sluice_db::purge_wakes_postgres(pool, QUEUE).await,
            };
            if let Err(error) = done {
                tracing::warn!(%error, "delivered wake-ups not removed");
            }
        }
        .boxed()
    }
}

/// What a wake-up does.
async fn ring(_: Wake, bell: Data<Arc<Notify>>) {
    bell.notify_one();
}

fn log_end(error: Option<WorkerError>) {
    if let Some(error) = error {
        tracing::warn!(%error, "wake-ups stopped; polling goes on");
    }
}

fn sqlite(pool: &SqlitePool) -> SqliteStorage<Wake> {
    let config =
        apalis_sqlite::Config::default().queue(QUEUE).batch_size(1).heartbeat_interval(HEARTBEAT).missed_heartbeats(3);
    SqliteStorage::new(pool).with_config(config)
}

fn postgres(pool: &PgPool) -> PostgresStorage<Wake> {
    let config = apalis_postgres::Config::default()
        .queue(QUEUE)
        .batch_size(1)
        .heartbeat_interval(HEARTBEAT)
        .missed_heartbeats(3);
    PostgresStorage::new(pool).with_config(config)
}

/// Brings the file into its form. What it does begins to read and then to write, for which SQLite waits for nobody who writes
/// meanwhile: it is tried again as long as others may be waited for.
async fn set_up(pool: &SqlitePool) -> Result<(), DbError> {
    let began = Instant::now();
    loop {
        match SqliteStorage::setup(pool).await {
            Ok(()) => return Ok(()),
            Err(error) if error.to_string().contains(LOCKED) && began.elapsed() < BUSY => sleep(AGAIN).await,
            Err(error) => return Err(other(&error)),
        }
    }
}

fn other(e: &dyn std::error::Error) -> DbError {
    DbError::File(std::io::Error::other(e.to_string()))
}
