//! Notices which claims of this worker were taken away, so that what they run ends within two seconds: its media was
//! deleted, hidden or cancelled, or its package failed elsewhere.
//!
//! One read a second for all claims together; heartbeats come too rarely for this, and each of them is a write.

use sluice_db::Db;
use sluice_model::ClaimToken;
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::{sync::Notify, time::interval};

/// How often the database is asked.
const LOOK: Duration = Duration::from_secs(1);

/// The claims that this worker runs.
#[derive(Debug, Clone, Default)]
pub struct Claims(Arc<Mutex<HashMap<ClaimToken, Arc<Notify>>>>);

impl Claims {
    /// Begins to look after a claim; what is returned is notified when it is lost.
    pub fn add(&self, token: ClaimToken) -> Arc<Notify> {
        let lost = Arc::new(Notify::new());
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token, lost.clone());
        lost
    }

    /// Forgets a claim that has ended.
    pub fn remove(&self, token: ClaimToken) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&token);
    }

    /// Looks for lost claims of `worker` until it is dropped. A database that does not answer is no loss: the fence
    /// decides.
    pub async fn watch(self, db: Db, worker: String) {
        let mut ticks = interval(LOOK);
        loop {
            ticks.tick().await;
            // Taken before the database is asked: what is claimed meanwhile is not in it.
            let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
            if running.is_empty() {
                continue;
            }
            match db.tasks().claims_of(&worker).await {
                Ok(held) => {
                    running.iter().filter(|(token, _)| !held.contains(token)).for_each(|(_, lost)| lost.notify_one());
                }
                Err(error) => tracing::warn!(%error, "claims not looked at"),
            }
        }
    }
}
