//! Rate limits, counted in the database so that all instances agree.

use crate::{
    error::ApiError,
    extract::Caller,
    state::AppState,
    uploads::tus::{Concat, concat},
};
use axum::{
    extract::{Request, State},
    http::{HeaderMap, HeaderValue},
    middleware::Next,
    response::Response,
};
use sha2::{Digest, Sha256};
use sluice_config::{LIMITS, Limit};
use sluice_db::Db;
use sluice_model::clock;
use std::collections::BTreeMap;

/// All limits of a process.
#[derive(Debug, Clone)]
pub struct Limits {
    db: Db,
    by_name: BTreeMap<&'static str, Limit>,
}

/// What is left of an allowance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Quota {
    pub name: &'static str,
    pub limit: Limit,
    /// Requests that may follow at once.
    pub remaining: u32,
    /// Seconds until the allowance is whole again; for a refusal, until one request may follow.
    pub reset_s: u64,
}

impl Limits {
    /// The defaults, but for what the settings say.
    pub fn new(db: Db, settings: &BTreeMap<String, Limit>) -> Self {
        let by_name = LIMITS.iter().map(|(name, limit)| (*name, settings.get(*name).copied().unwrap_or(*limit)));
        Self { db, by_name: by_name.collect() }
    }

    fn limit(&self, name: &str) -> Option<(&'static str, Limit)> {
        self.by_name.get_key_value(name).map(|(n, l)| (*n, *l)).filter(|(_, l)| l.count > 0)
    }

    /// Takes one request of `subject` from the limit `name`. `None` when it is lifted.
    pub async fn take(&self, name: &str, subject: &str) -> Result<Option<Quota>, ApiError> {
        let Some((name, limit)) = self.limit(name) else { return Ok(None) };
        let (now, every) = (clock::now_us(), every_us(limit));
        let burst = i64::from(limit.count);
        let (whole, taken) = self.db.take_allowance(&row(name, subject), every, burst, now).await?;
        let quota = quota(name, limit, whole - now, taken);
        if taken { Ok(Some(quota)) } else { Err(ApiError::RateLimited(quota)) }
    }

    /// Gives it back: what went well is not counted.
    pub async fn give_back(&self, name: &str, subject: &str) -> Result<(), ApiError> {
        if let Some((name, limit)) = self.limit(name) {
            self.db.return_allowance(&row(name, subject), every_us(limit)).await?;
        }
        Ok(())
    }
}

fn every_us(limit: Limit) -> i64 {
    i64::from(limit.seconds) * 1_000_000 / i64::from(limit.count.max(1))
}

/// Addresses and names are not kept, only what tells them apart.
fn row(name: &str, subject: &str) -> String {
    hex::encode(&Sha256::digest(format!("{name}\n{}", subject.to_lowercase()))[..16])
}

fn quota(name: &'static str, limit: Limit, owed_us: i64, taken: bool) -> Quota {
    let every = every_us(limit).max(1);
    let owed_us = owed_us.max(0);
    let used = (owed_us + every - 1) / every;
    let wait_us = if taken { owed_us } else { owed_us + every - i64::from(limit.count) * every };
    Quota {
        name,
        limit,
        remaining: u32::try_from(i64::from(limit.count) - used).unwrap_or(0),
        reset_s: u64::try_from((wait_us + 999_999) / 1_000_000).unwrap_or(0),
    }
}

impl Quota {
    /// `RateLimit-Policy` and `RateLimit` (draft-ietf-httpapi-ratelimit-headers).
    pub fn write(&self, headers: &mut HeaderMap) {
        let Self { name, limit, remaining, reset_s } = self;
        let lines = [
            ("ratelimit-policy", format!("\"{name}\";q={};w={}", limit.count, limit.seconds)),
            ("ratelimit", format!("\"{name}\";r={remaining};t={reset_s}")),
        ];
        for (header, text) in lines {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(header, value);
            }
        }
    }
}

/// Whether a request puts parts together (tus 1.0: concatenation), which were counted when they began: at the end of
/// all their bytes nobody is to wait.
fn joins_parts(request: &Request) -> bool {
    request.uri().path().ends_with("/uploads") && matches!(concat(request.headers()), Ok(Some(Concat::Final(_))))
}

/// Middleware: one request of the caller's address from the limit `name`.
pub async fn by_address(
    State((state, name)): State<(AppState, &'static str)>,
    caller: Caller,
    request: Request,
    next: Next,
) -> Result<Response, ApiError> {
    if joins_parts(&request) {
        return Ok(next.run(request).await);
    }
    let quota = state.limits.take(name, &caller.subject()).await?;
    let mut response = next.run(request).await;
    // A refusal by another limit overwrites it with its own.
    if let Some(quota) = quota {
        quota.write(response.headers_mut());
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_and_how_long_to_wait() {
        let limit = Limit { count: 10, seconds: 60 };
        let first = quota("x", limit, 6_000_000, true);
        assert_eq!((first.remaining, first.reset_s), (9, 6));
        let last = quota("x", limit, 60_000_000, true);
        assert_eq!((last.remaining, last.reset_s), (0, 60));
        let refused = quota("x", limit, 59_000_000, false);
        assert_eq!((refused.remaining, refused.reset_s), (0, 5), "one comes back in five seconds");
    }
}
