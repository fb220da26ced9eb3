//! The queue: tasks are rows of `common::db`, apalis only says that there are new ones.
//!
//! Invariant: losing every wake-up costs a poll interval, never a task.

mod sweep;
mod wake;

pub use sweep::LeaseSweep;
pub use wake::{Wake, WakeQueue};

/// Earliest-deadline key of work that belongs to `offset_us` of a film whose upload completed
/// at `created_us`: openings of every film come before the middles of any.
pub fn due_us(created_us: i64, offset_us: i64) -> i64 {
    created_us.saturating_add(offset_us)
}

/// Backoff before the next run of a task whose `attempts`-th run failed, microseconds.
pub fn backoff_us(attempts: i64) -> i64 {
    let seconds = 1_i64 << attempts.clamp(0, 6);
    seconds * 1_000_000
}
