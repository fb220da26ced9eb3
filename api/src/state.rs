//! What every request may use.

use crate::{
    auth::{Keys, password::Hashing},
    limits::Limits,
    live::hub::Hub,
    mail::Mailer,
    uploads::budget::Budget,
};
use sluice_config::Config;
use sluice_db::Db;
use sluice_net::Outbound;
use sluice_queue::WakeQueue;
use sluice_storage::Store;
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
    pub limits: Limits,
    pub mailer: Mailer,
    pub budget: Budget,
    pub outbound: Outbound,
    pub hub: Hub,
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
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            limits: Limits::new(db.clone(), &config.limits),
            config: Arc::new(config),
            db,
            store,
            wake,
            keys: Arc::new(keys),
            hashing: Hashing::new(cores),
            mailer,
            budget: Budget::default(),
            outbound,
            hub: Hub::default(),
        }
    }
}
