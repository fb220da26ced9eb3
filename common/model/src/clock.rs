//! The one place that reads the wall clock.
//!
//! Instants are microseconds since the Unix epoch (`_us`), which both databases order and
//! compare exactly. Nothing decides over leases by this clock: see the worker's `lease.rs`. What a clock that is set
//! does to everything else stands in ARCHITECTURE.md, "When the clock jumps".

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A day, microseconds.
pub const DAY_US: i64 = 86_400_000_000;

/// A clock that went ahead by more than this, beside the time that passed, was set.
const JUMP_US: i64 = 300_000_000;
/// So long after it nothing is removed for having expired: time to set a wrong clock right.
const HOLD: Duration = Duration::from_secs(3600);

/// Microseconds since the Unix epoch. A clock set before 1970 reads as 0.
pub fn now_us() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |d| i64::try_from(d.as_micros()).unwrap_or(i64::MAX))
}

/// Watches the wall clock beside the one that only goes forward, for whoever removes what has expired. A process that
/// starts when the clock is wrong already does not notice.
#[derive(Debug)]
pub struct ClockWatch {
    wall_us: i64,
    at: Instant,
    held_until: Option<Instant>,
}

impl Default for ClockWatch {
    fn default() -> Self {
        Self { wall_us: now_us(), at: Instant::now(), held_until: None }
    }
}

impl ClockWatch {
    /// Whether what has expired may be removed: not in the hour after the clock went ahead by itself.
    pub fn may_purge(&mut self) -> bool {
        self.observe(now_us(), Instant::now())
    }

    fn observe(&mut self, wall_us: i64, at: Instant) -> bool {
        let passed_us = i64::try_from(at.duration_since(self.at).as_micros()).unwrap_or(i64::MAX);
        let ahead_us = wall_us - self.wall_us - passed_us;
        (self.wall_us, self.at) = (wall_us, at);
        if ahead_us > JUMP_US {
            tracing::warn!(
                seconds = ahead_us / 1_000_000,
                "the clock went ahead: for an hour nothing expired is removed"
            );
            self.held_until = Some(at + HOLD);
        } else if ahead_us < -JUMP_US {
            tracing::warn!(seconds = -ahead_us / 1_000_000, "the clock was set back");
            self.held_until = None;
        }
        self.held_until.is_none_or(|until| at >= until)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_expires_in_the_hour_after_a_jump_ahead() {
        const S: i64 = 1_000_000;
        let (start, s) = (Instant::now(), Duration::from_secs);
        let mut watch = ClockWatch { wall_us: 0, at: start, held_until: None };
        assert!(watch.observe(60 * S, start + s(60)));
        assert!(watch.observe(180 * S, start + s(120)), "a minute is set by a time server");
        assert!(!watch.observe(86_400 * S, start + s(180)), "a day");
        assert!(!watch.observe(86_400 * S + 3599 * S, start + s(180 + 3599)));
        assert!(watch.observe(86_400 * S + 3600 * S, start + s(180 + 3600)), "it seems to be right");
        assert!(!watch.observe(400 * 86_400 * S, start + s(4000)), "a year");
        assert!(watch.observe(4100 * S, start + s(4100)), "it was set right");
    }
}
