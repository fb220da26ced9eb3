//! Instants that cannot be taken for durations, numbers or media times.

use serde::{Deserialize, Serialize};
use std::{
    ops::{Add, Sub},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// An instant, exact to the microsecond: both databases store and compare it as a number of microseconds since the
/// Unix epoch, and so does JSON. Arithmetic stops at the first and the last instant instead of overflowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize, sqlx::Type)]
#[serde(transparent)]
#[sqlx(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The Unix epoch, 1970-01-01T00:00:00Z.
    pub const EPOCH: Self = Self(0);
    /// After every other.
    pub const MAX: Self = Self(i64::MAX);

    /// So many microseconds after the Unix epoch.
    pub const fn from_micros(micros: i64) -> Self {
        Self(micros)
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Milliseconds since the Unix epoch, as the API writes instants.
    pub const fn as_millis(self) -> i64 {
        self.0 / 1000
    }

    /// Whole seconds since the Unix epoch.
    pub const fn as_secs(self) -> i64 {
        self.0 / 1_000_000
    }

    /// Whole days (UTC) since the Unix epoch.
    pub const fn as_days(self) -> i64 {
        self.0 / 86_400_000_000
    }

    /// The time that has passed since `earlier`; none if that is still to come.
    pub fn duration_since(self, earlier: Self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(earlier.0)).unwrap_or(0))
    }

    /// The last multiple of `step` (counted from the Unix epoch) that is not after this instant. With a step of zero
    /// it is the instant itself.
    pub fn round_down(self, step: Duration) -> Self {
        Self(self.0 - self.0.checked_rem_euclid(micros(step)).unwrap_or(0))
    }
}

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(micros(duration)))
    }
}

impl Sub<Duration> for Timestamp {
    type Output = Self;

    fn sub(self, duration: Duration) -> Self {
        Self(self.0.saturating_sub(micros(duration)))
    }
}

/// An instant before 1970 reads as the Unix epoch.
impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        Self(time.duration_since(UNIX_EPOCH).map_or(0, micros))
    }
}

/// An instant before 1970 becomes the Unix epoch.
impl From<Timestamp> for SystemTime {
    fn from(at: Timestamp) -> Self {
        UNIX_EPOCH + Duration::from_micros(u64::try_from(at.0).unwrap_or(0))
    }
}

fn micros(duration: Duration) -> i64 {
    i64::try_from(duration.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn arithmetic_is_exact_and_never_overflows() {
        let at = Timestamp::from_micros(86_400_000_001);
        assert_eq!((at + SECOND).as_micros(), 86_401_000_001);
        assert_eq!((at - SECOND).as_micros(), 86_399_000_001);
        assert_eq!((at.as_millis(), at.as_secs(), at.as_days()), (86_400_000, 86_400, 1));
        assert_eq!(Timestamp::MAX + SECOND, Timestamp::MAX);
        assert_eq!(Timestamp::from_micros(i64::MIN) - Duration::MAX, Timestamp::from_micros(i64::MIN));
    }

    #[test]
    fn what_is_still_to_come_has_lasted_no_time() {
        let (early, late) = (Timestamp::from_micros(5), Timestamp::from_micros(8));
        assert_eq!(late.duration_since(early), Duration::from_micros(3));
        assert_eq!(early.duration_since(late), Duration::ZERO);
    }

    #[test]
    fn rounding_goes_back_to_a_whole_step() {
        let at = Timestamp::from_micros(7_500_000);
        assert_eq!(at.round_down(Duration::from_secs(2)).as_micros(), 6_000_000);
        assert_eq!(Timestamp::from_micros(-1).round_down(SECOND).as_micros(), -1_000_000);
        assert_eq!(at.round_down(Duration::ZERO), at);
    }

    #[test]
    fn conversions_to_the_system_clock_and_back_lose_nothing() {
        let at = Timestamp::from_micros(1_700_000_000_123_456);
        assert_eq!(Timestamp::from(SystemTime::from(at)), at);
        assert_eq!(SystemTime::from(Timestamp::from_micros(-1)), UNIX_EPOCH);
    }
}
