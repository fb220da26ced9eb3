//! Makes deliveries: signed, repeated over a day, never to addresses that are not public.

use super::signature;
use crate::state::AppState;
use sluice_db::{DueDelivery, Tried};
use sluice_model::clock;
use sluice_net::{HeaderMap, HeaderName, HeaderValue, OutboundError};
use std::time::Duration;
use tokio::{
    sync::watch,
    task::JoinSet,
    time::{interval, sleep},
};

const LOOK: Duration = Duration::from_millis(250);
/// The same while the database is away.
const AWAY: Duration = Duration::from_secs(5);
/// For one try, all of it.
const LIMIT: Duration = Duration::from_secs(5);
/// A try that its process did not live to settle is made again after this.
const HELD: Duration = Duration::from_secs(30);
/// Taken at each look, one an endpoint and accounts in turn: who does not answer holds up nobody else.
const AT_ONCE: i64 = 16;
/// Under way in this process. In the looks of one [`LIMIT`] no more than 320 are taken: there is always a place.
const MOST_UNDER_WAY: usize = 512;
/// Pauses between tries, seconds: about a day in all.
const PAUSES_S: [u64; 9] = [5, 30, 120, 600, 1800, 3600, 7200, 21_600, 43_200];
/// Longest error that is kept.
const ERROR: usize = 200;

/// Runs until `stop` turns true. Several instances may.
pub async fn run(state: AppState, mut stop: watch::Receiver<bool>) {
    let mut ticks = interval(LOOK);
    let mut tries = JoinSet::new();
    while !*stop.borrow() {
        tokio::select! {
            _ = stop.changed() => return,
            _ = ticks.tick() => {}
            Some(_) = tries.join_next(), if !tries.is_empty() => continue,
        }
        if tries.len() >= MOST_UNDER_WAY {
            continue;
        }
        let now = clock::now();
        match state.db.webhooks().claim_deliveries(now, now + HELD, AT_ONCE).await {
            Ok(due) => {
                for delivery in due {
                    let state = state.clone();
                    tries.spawn(async move { attempt(&state, delivery).await });
                }
            }
            Err(error) => {
                tracing::warn!(%error, "webhooks were not looked for");
                tokio::select! {
                    _ = stop.changed() => return,
                    () = sleep(AWAY) => {}
                }
            }
        }
    }
}

async fn attempt(state: &AppState, delivery: DueDelivery) {
    let Ok(Some(webhook)) = state.db.webhooks().find(delivery.webhook_id).await else { return };
    let outcome = match state.outbound.check(&webhook.url) {
        Err(error) => Err(error),
        Ok(url) => {
            let headers = headers(&delivery, &webhook.secret);
            let sent = state.outbound.post(url, headers, delivery.payload.clone().into_bytes(), LIMIT).await;
            sent.map(|answer| answer.status().as_u16())
        }
    };
    let status = outcome.as_ref().ok().map(|s| i64::from(*s));
    let delivered = status.is_some_and(|s| (200..300).contains(&s));
    let error = outcome.err().map(|e| match e {
        OutboundError::Refused(why) => why.to_owned(),
        OutboundError::Unreachable(_) => "It did not answer within five seconds.".to_owned(),
    });
    let error = error.map(|e| e.chars().take(ERROR).collect::<String>());
    let now = clock::now();
    let next_at = pause(delivery.attempts).filter(|_| !delivered).map(|p| now + p);
    let tried = Tried { status, error: error.as_deref(), delivered, next_at };
    if let Err(error) = state.db.webhooks().settle_delivery(delivery.id, &tried, now).await {
        tracing::warn!(%error, delivery = %delivery.id, "a webhook's outcome was not noted");
    }
}

fn headers(delivery: &DueDelivery, secret: &str) -> HeaderMap {
    let seconds = clock::now().as_secs();
    let pairs = [
        ("content-type", "application/json".to_owned()),
        ("sluice-event", delivery.event.clone()),
        ("webhook-id", delivery.id.to_string()),
        ("webhook-timestamp", seconds.to_string()),
        ("webhook-signature", signature::sign(secret, delivery.id, seconds, &delivery.payload)),
    ];
    let pairs =
        pairs.into_iter().filter_map(|(n, v)| Some((HeaderName::from_static(n), HeaderValue::from_str(&v).ok()?)));
    pairs.collect()
}

/// The pause after so many tries, a tenth longer or shorter: what failed together is not tried again
/// together. Nothing after the last try.
fn pause(attempts: i64) -> Option<Duration> {
    let pause = usize::try_from(attempts - 1).ok().and_then(|n| PAUSES_S.get(n))?;
    Some(Duration::from_secs(*pause).mul_f64(rand::random_range(0.9..1.1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tries_go_on_for_about_a_day() {
        let hours = PAUSES_S.iter().sum::<u64>() as f64 / 3600.0;
        assert!((20.0..=25.0).contains(&hours), "{hours}");
    }

    #[test]
    fn pauses_differ_a_little_and_end() {
        let pauses: Vec<Duration> = (0..100).filter_map(|_| pause(1)).collect();
        assert!(
            pauses.iter().all(|p| (Duration::from_millis(4500)..Duration::from_millis(5500)).contains(p)),
            "{pauses:?}"
        );
        assert!(pauses.iter().any(|p| *p != pauses[0]));
        assert_eq!((pause(0), pause(10)), (None, None));
    }
}
