//! The queue: tasks are rows of `sluice_db`, apalis only says that there are new ones.
//!
//! Invariant: losing every wake-up costs a poll interval, never a task.

mod wake;

pub use wake::{Wake, WakeQueue};
