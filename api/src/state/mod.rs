//! What every request may use. The services here know their own parts, never the whole of it.

mod hashing;
mod keys;
mod live_hub;
pub mod mail;
mod rate_limits;

pub use hashing::{BusyError, Hashing};
pub use keys::{ACCESS_S, Keys, SESSION_MOST_S, SESSION_S};
pub use live_hub::{LiveHub, News};
pub use rate_limits::{RateLimitError, RateLimitStatus, RateLimits};

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
        }
    }
}
