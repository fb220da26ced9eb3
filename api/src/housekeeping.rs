//! Forgets what has expired and completes what a dying process left, on a schedule. Several instances may do it at once.

use crate::{
    pipeline::uploads,
    state::{AppState, mail},
};
use sluice_model::clock;
use tokio::{sync::watch, time::interval};

/// Runs until `stop` turns true.
pub async fn run(state: AppState, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(state.config.retention.sweep_interval);
    while !*stop.borrow() {
        tokio::select! {
            _ = stop.changed() => return,
            _ = ticks.tick() => {}
        }
        let now = clock::now_us();
        let kept = i64::try_from(state.config.retention.audit.as_micros()).unwrap_or(now);
        if let Err(error) = state.db.sessions().purge_expired(now, now - kept.min(now)).await {
            tracing::warn!(%error, "expired rows were not forgotten");
        }
        mail::forget_files(&state.config.data_dir);
        if let Err(error) = uploads::service::heal(&state).await {
            tracing::warn!(%error, "complete uploads were not looked for");
        }
    }
}
