//! The queue: tasks are rows of `sluice_db`; what is carried here only says that there are new ones.
//!
//! Invariant: losing every wake-up costs a poll interval, never a task. So the transport can be exchanged for any
//! other behind [`WakeTransport`], and nothing else names it.

mod apalis_wake;

use apalis_wake::ApalisWake;
use futures::future::BoxFuture;
use sluice_db::{Db, DbError};
use std::{fmt::Debug, sync::Arc};
use tokio::sync::Notify;

/// How idle workers are woken.
pub trait WakeTransport: Debug + Send + Sync {
    /// Wakes up to `count` idle workers. A failure is logged and otherwise ignored: workers also look for themselves.
    fn push(&self, count: usize) -> BoxFuture<'_, ()>;

    /// Notifies `bell` at every wake-up until `stop` completes. `worker` must be unique to this process.
    fn listen(&self, worker: String, bell: Arc<Notify>, stop: BoxFuture<'static, ()>) -> BoxFuture<'static, ()>;

    /// Removes delivered wake-ups.
    fn vacuum(&self) -> BoxFuture<'_, ()>;
}

/// The way to reach idle workers. Cheap to clone.
#[derive(Debug, Clone)]
pub struct WakeQueue(Arc<dyn WakeTransport>);

impl WakeQueue {
    /// Prepares the queue that belongs to `db`, which `url` names.
    pub async fn open(db: &Db, url: &str) -> Result<Self, DbError> {
        Ok(Self(Arc::new(ApalisWake::open(db, url).await?)))
    }

    /// As [`WakeTransport::push`].
    pub async fn push(&self, count: usize) {
        self.0.push(count).await;
    }

    /// As [`WakeTransport::listen`].
    pub fn listen(&self, worker: String, bell: Arc<Notify>, stop: BoxFuture<'static, ()>) -> BoxFuture<'static, ()> {
        self.0.listen(worker, bell, stop)
    }

    /// As [`WakeTransport::vacuum`].
    pub async fn vacuum(&self) {
        self.0.vacuum().await;
    }
}
