//! What every request may use. The services here know their own parts, never the whole of it.

mod decisions;
mod hashing;
mod keys;
mod live_hub;
pub mod mail;
mod objects;
mod rate_limits;
mod segments;

pub use decisions::{DecisionCache, Stale, Text};
pub use hashing::{BusyError, Hashing};
pub use keys::{ACCESS_S, Keys, SESSION_MOST_S, SESSION_S};
pub use live_hub::{LiveHub, News};
pub use objects::ObjectIndex;
pub use rate_limits::{RateLimitError, RateLimitStatus, RateLimits};
pub use segments::SegmentCache;

use mail::Mailer;
use sluice_config::Config;
use sluice_db::Db;
use sluice_ingest::{Ingest, UploadMemory};
use sluice_net::Outbound;
use sluice_queue::WakeQueue;
use sluice_storage::{Space, Store};
use std::sync::Arc;

/// Shared, cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub config: Arc<Config>,
    pub db: Db,
    pub store: Store,
    pub wake: WakeQueue,
    pub keys: Arc<Keys>,
    pub hashing: Hashing,
    pub limits: RateLimits,
    pub mailer: Mailer,
    pub ingest: Ingest,
    pub outbound: Outbound,
    pub hub: LiveHub,
    pub decisions: DecisionCache,
    pub objects: ObjectIndex,
    pub segments: SegmentCache,
}

impl AppState {
    /// Puts the parts together.
    pub fn new(
        config: Config,
        db: Db,
        store: Store,
        wake: WakeQueue,
        keys: Keys,
        mailer: Mailer,
        outbound: Outbound,
    ) -> Self {
        let space = Space::of(&config);
        let store = store.keeping(&space);
        let config = Arc::new(config);
        let ingest = Ingest {
            db: db.clone(),
            store: store.clone(),
            config: config.clone(),
            memory: UploadMemory::default(),
            space,
        };
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            limits: RateLimits::new(db.clone(), &config.http.rate_limits),
            segments: SegmentCache::new(config.playback.segment_cache_bytes),
            config,
            ingest,
            db,
            store,
            wake,
            keys: Arc::new(keys),
            hashing: Hashing::new(cores),
            mailer,
            outbound,
            hub: LiveHub::default(),
            decisions: DecisionCache::default(),
            objects: ObjectIndex::default(),
        }
    }

    /// Forgets what was remembered of something that has just changed: here at once, on other instances as soon as they hear of
    /// it, and where they do not, a second later.
    pub async fn forget(&self, what: Stale) {
        self.decisions.forget(what);
        if let Err(error) = self.hub.tell(&self.db, &News::Stale { what }).await {
            tracing::debug!(%error, "other instances were not told of a change");
        }
    }
}
