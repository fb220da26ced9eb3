//! Notices which claims of this worker were taken away, so that what they run ends within two seconds: its media was
//! deleted, hidden or cancelled, or its package failed elsewhere.
//!
//! One read a second for all claims together; heartbeats come too rarely for this, and each of them is a write.

use sluice_db::{Db, DbError};
use sluice_model::{ClaimToken, TaskId};
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
pub struct Claims(Arc<Mutex<HashMap<ClaimToken, Claim>>>);

#[derive(Debug, Clone)]
struct Claim {
    task: TaskId,
    lost: Arc<Notify>,
}

impl Claims {
    /// Begins to look after a claim; what is returned is notified when it is lost.
    pub fn add(&self, task: TaskId, token: ClaimToken) -> Arc<Notify> {
        let lost = Arc::new(Notify::new());
        let claim = Claim { task, lost: lost.clone() };
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(token, claim);
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
            if let Err(error) = notify_lost(&db, &worker, &running).await {
                tracing::warn!(%error, "claims not looked at");
            }
        }
    }
}

async fn notify_lost(db: &Db, worker: &str, running: &HashMap<ClaimToken, Claim>) -> Result<(), DbError> {
    let held = db.tasks().claims_of(worker).await?;
    for (_, claim) in running.iter().filter(|(token, _)| !held.contains(token)) {
        // What has just completed has no claim either, and is about to say so itself.
        if !db.tasks().is_done(claim.task).await? {
            claim.lost.notify_one();
        }
    }
    Ok(())
}
