//! The one place that reads the wall clock.
//!
//! Nothing decides over leases by this clock: see the worker's `lease.rs`.

use crate::Timestamp;
use std::time::{Duration, SystemTime};

/// A day.
pub const DAY: Duration = Duration::from_secs(86_400);

/// The instant that this machine's clock shows. A clock set before 1970 reads as the Unix epoch.
pub fn now() -> Timestamp {
    SystemTime::now().into()
}
