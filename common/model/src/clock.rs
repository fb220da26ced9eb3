//! The one place that reads the wall clock.
//!
//! Instants are microseconds since the Unix epoch (`_us`), which both databases order and
//! compare exactly. Nothing decides over leases by this clock: see the worker's `lease.rs`.

use std::time::{SystemTime, UNIX_EPOCH};

/// A day, microseconds.
pub const DAY_US: i64 = 86_400_000_000;

/// Microseconds since the Unix epoch. A clock set before 1970 reads as 0.
pub fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}
