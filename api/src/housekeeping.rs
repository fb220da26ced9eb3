//! Removes what has expired and completes what a dying process left, on a schedule. Several instances may do it at once.

use crate::{
    pipeline::uploads,
    state::{AppState, mail},
};
use sluice_model::clock::{self, ClockWatch, DAY};
use tokio::{sync::watch, time::interval};

/// Runs until `stop` turns true.
pub async fn run(state: AppState, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(state.config.retention.sweep_interval);
    let mut clock = ClockWatch::default();
    while !*stop.borrow() {
        tokio::select! {
            _ = stop.changed() => return,
            _ = ticks.tick() => {}
        }
        if clock.may_purge() {
            purge(&state).await;
            mail::forget_files(&state.config.data_dir);
        }
        if let Err(error) = state.db.webhooks().mend_pauses(clock::now()).await {
            tracing::warn!(%error, "pauses of webhooks were not looked at");
        }
        if let Err(error) = uploads::service::heal(&state).await {
            tracing::warn!(%error, "complete uploads were not looked for");
        }
    }
}

/// Removes what has ended in every domain; a domain that cannot be reached does not keep the others waiting.
async fn purge(state: &AppState) {
    let (db, now) = (&state.db, clock::now());
    let results = [
        ("sessions", db.sessions().purge_expired(now).await),
        ("tokens", db.tokens().purge_expired(now).await),
        ("playback tokens", db.access().purge_expired(now).await),
        ("uploads", db.uploads().purge_expired(now).await),
        ("usage", db.usage().purge_past_days(now).await),
        ("reports", db.moderation().purge_reports().await),
        ("subscriptions", db.people().purge_past_subscriptions(now).await),
        ("views", db.engagement().purge_views(now).await),
        ("playback quality", db.quality().purge(now, now.as_days() - 400).await),
        ("deliveries", db.webhooks().purge_deliveries(now - 30 * DAY).await),
        ("rate limits", db.rate_limits().purge_whole(now).await),
        ("audit", db.audit().purge(now - state.config.retention.audit).await),
    ];
    for (domain, result) in results {
        if let Err(error) = result {
            tracing::warn!(domain, %error, "expired rows were not removed");
        }
    }
}
