//! Rate limits, counted in the database so that all instances agree.

use sha2::{Digest, Sha256};
use sluice_config::{Limit, default_limit};
use sluice_db::{Db, DbError};
use sluice_model::{RateLimit, clock};
use std::{collections::BTreeMap, time::Duration};

/// All limits of a process.
#[derive(Debug, Clone)]
pub struct RateLimits {
    db: Db,
    configured: BTreeMap<RateLimit, Limit>,
}

/// What is left of an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimitStatus {
    pub name: RateLimit,
    pub limit: Limit,
    /// Requests that may follow at once.
    pub remaining: u32,
    /// Seconds until the allowance is whole again; for a refusal, until one request may follow.
    pub reset_s: u64,
}

/// Why a request may not go on.
#[derive(Debug, thiserror::Error)]
pub enum RateLimitError {
    /// There were too many.
    #[error("too many requests")]
    Exceeded(RateLimitStatus),
    /// They could not be counted.
    #[error("{0}")]
    Database(#[from] DbError),
}

impl RateLimits {
    /// The defaults, but for what the settings say.
    pub fn new(db: Db, configured: &BTreeMap<RateLimit, Limit>) -> Self {
        Self { db, configured: configured.clone() }
    }

    /// `None` when it is lifted.
    fn limit(&self, name: RateLimit) -> Option<Limit> {
        let limit = self.configured.get(&name).copied().unwrap_or_else(|| default_limit(name));
        (limit.count > 0).then_some(limit)
    }

    /// Takes one request of `subject` from the limit `name`. `None` when it is lifted.
    pub async fn take(&self, name: RateLimit, subject: &str) -> Result<Option<RateLimitStatus>, RateLimitError> {
        let Some(limit) = self.limit(name) else { return Ok(None) };
        let (now, every) = (clock::now(), every_us(limit));
        let burst = i64::from(limit.count);
        let (whole, taken) = self.db.rate_limits().take(&row(name, subject), every, burst, now).await?;
        let status = status(name, limit, whole.duration_since(now), taken);
        if taken { Ok(Some(status)) } else { Err(RateLimitError::Exceeded(status)) }
    }

    /// Gives it back: what went well is not counted.
    pub async fn give_back(&self, name: RateLimit, subject: &str) -> Result<(), DbError> {
        if let Some(limit) = self.limit(name) {
            self.db.rate_limits().give_back(&row(name, subject), every_us(limit)).await?;
        }
        Ok(())
    }
}

fn every_us(limit: Limit) -> i64 {
    i64::from(limit.seconds) * 1_000_000 / i64::from(limit.count.max(1))
}

/// Addresses and names are not kept, only what tells them apart.
fn row(name: RateLimit, subject: &str) -> String {
    hex::encode(&Sha256::digest(format!("{name}\n{}", subject.to_lowercase()))[..16])
}

fn status(name: RateLimit, limit: Limit, owed: Duration, taken: bool) -> RateLimitStatus {
    let every = every_us(limit).max(1);
    let owed_us = i64::try_from(owed.as_micros()).unwrap_or(i64::MAX / 2);
    let used = (owed_us + every - 1) / every;
    let wait_us = if taken { owed_us } else { owed_us + every - i64::from(limit.count) * every };
    RateLimitStatus {
        name,
        limit,
        remaining: u32::try_from(i64::from(limit.count) - used).unwrap_or(0),
        reset_s: u64::try_from((wait_us + 999_999) / 1_000_000).unwrap_or(0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_and_how_long_to_wait() {
        let limit = Limit { count: 10, seconds: 60 };
        let first = status(RateLimit::Login, limit, Duration::from_secs(6), true);
        assert_eq!((first.remaining, first.reset_s), (9, 6));
        let last = status(RateLimit::Login, limit, Duration::from_secs(60), true);
        assert_eq!((last.remaining, last.reset_s), (0, 60));
        let refused = status(RateLimit::Login, limit, Duration::from_secs(59), false);
        assert_eq!((refused.remaining, refused.reset_s), (0, 5), "one comes back in five seconds");
    }
}
