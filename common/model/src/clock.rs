//! The one place that reads the wall clock.
//!
//! Nothing decides over leases by this clock: see the worker's `lease.rs`. What a clock that is set does to everything
//! else stands in ARCHITECTURE.md, "When the clock jumps".

use crate::Timestamp;
use std::time::{Duration, Instant, SystemTime};

/// An hour.
pub const HOUR: Duration = Duration::from_secs(3600);
/// A day.
pub const DAY: Duration = Duration::from_secs(86_400);

/// A clock that went ahead by more than this, beside the time that passed, was set.
const JUMP: Duration = Duration::from_secs(300);
/// So long after it nothing is removed for having expired: time to set a wrong clock right.
const HOLD: Duration = Duration::from_secs(3600);

/// The instant that this machine's clock shows. A clock set before 1970 reads as the Unix epoch.
pub fn now() -> Timestamp {
    SystemTime::now().into()
}

/// Watches the wall clock beside the one that only goes forward, for whoever removes what has expired. A process that
/// starts when the clock is wrong already does not notice.
#[derive(Debug)]
pub struct ClockWatch {
    wall: Timestamp,
    at: Instant,
    held_until: Option<Instant>,
}

impl Default for ClockWatch {
    fn default() -> Self {
        Self { wall: now(), at: Instant::now(), held_until: None }
    }
}

impl ClockWatch {
    /// Whether what has expired may be removed: not in the hour after the clock went ahead by itself.
    pub fn may_purge(&mut self) -> bool {
        self.observe(now(), Instant::now())
    }

    fn observe(&mut self, wall: Timestamp, at: Instant) -> bool {
        let expected = self.wall + at.duration_since(self.at);
        (self.wall, self.at) = (wall, at);
        let (ahead, behind) = (wall.duration_since(expected), expected.duration_since(wall));
        if ahead > JUMP {
            tracing::warn!(seconds = ahead.as_secs(), "the clock went ahead: for an hour nothing expired is removed");
            self.held_until = Some(at + HOLD);
        } else if behind > JUMP {
            tracing::warn!(seconds = behind.as_secs(), "the clock was set back");
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
        let (start, s) = (Instant::now(), Duration::from_secs);
        let wall = |seconds: i64| Timestamp::from_micros(seconds * 1_000_000);
        let mut watch = ClockWatch { wall: wall(0), at: start, held_until: None };
        assert!(watch.observe(wall(60), start + s(60)));
        assert!(watch.observe(wall(180), start + s(120)), "a minute is set by a time server");
        assert!(!watch.observe(wall(86_400), start + s(180)), "a day");
        assert!(!watch.observe(wall(86_400 + 3599), start + s(180 + 3599)));
        assert!(watch.observe(wall(86_400 + 3600), start + s(180 + 3600)), "it seems to be right");
        assert!(!watch.observe(wall(400 * 86_400), start + s(4000)), "a year");
        assert!(watch.observe(wall(4100), start + s(4100)), "it was set right");
    }
}
