//! What every request may use.

use crate::auth::Tokens;
use secrecy::SecretString;
use sluice_common::{config::Config, db::Db, queue::WakeQueue, storage::Store};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Shared, cheap to clone.
#[derive(Debug, Clone)]
pub struct AppState {
    pub config: Arc<Config>,
    pub db: Db,
    pub store: Store,
    pub wake: WakeQueue,
    pub tokens: Arc<Tokens>,
    /// Password hashing takes 19 MiB and a core each: as many at once as there are cores.
    pub hashing: Arc<Semaphore>,
}

impl AppState {
    /// Puts the parts together.
    pub fn new(config: Config, db: Db, store: Store, wake: WakeQueue, secret: &SecretString) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        Self {
            config: Arc::new(config),
            db,
            store,
            wake,
            tokens: Arc::new(Tokens::new(secret)),
            hashing: Arc::new(Semaphore::new(cores)),
        }
    }
}
