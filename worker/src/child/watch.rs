//! The clock of a run: how long the child may work in all, and how long without getting further.
//!
//! Invariant: only time that the worker waits for the child counts; a slow store or database is not the child's fault.

use super::{ChildError, Death};
use std::{future::Future, io, time::Duration};
use tokio::time::{Instant, timeout};

/// Source bytes that are progress, when they have not been asked for before.
const PROGRESS_BYTES: u64 = 64 << 10;

/// Bounds of one run's time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TimeLimits {
    /// From start to end.
    pub wall: Duration,
    /// Between two steps forward.
    pub stall: Duration,
}

/// What a run has used, and how far it is.
#[derive(Debug)]
pub struct Watch {
    limits: TimeLimits,
    spent: Duration,
    still: Duration,
    furthest: u64,
    pictures: u64,
    most_pictures: u64,
}

impl Watch {
    /// A clock for a run in which at most `most_pictures` are decoded and encoded.
    pub fn new(limits: TimeLimits, most_pictures: u64) -> Self {
        Self { limits, spent: Duration::ZERO, still: Duration::ZERO, furthest: 0, pictures: 0, most_pictures }
    }

    /// Waits for the child, as long as it may be waited for.
    pub async fn wait<T>(&mut self, waiting: impl Future<Output = io::Result<T>>) -> Result<io::Result<T>, ChildError> {
        let began = Instant::now();
        let outcome = timeout(self.left(), waiting).await;
        self.spend(began.elapsed());
        outcome.map_err(|_| ChildError::died(Death::TimedOut, self.what_is_over()))
    }

    /// How long it may be waited for now.
    fn left(&self) -> Duration {
        let (whole, step) = (self.limits.wall.saturating_sub(self.spent), self.limits.stall.saturating_sub(self.still));
        whole.min(step)
    }

    fn spend(&mut self, time: Duration) {
        self.spent += time;
        self.still += time;
    }

    fn what_is_over(&self) -> String {
        if self.spent >= self.limits.wall {
            format!("{:?} are over", self.limits.wall)
        } else {
            format!("no progress for {:?}", self.limits.stall)
        }
    }

    /// It handed something over.
    pub fn progressed(&mut self) {
        self.still = Duration::ZERO;
    }

    /// It asked for these bytes of the source. Whoever reads the same again and again gets nowhere.
    pub fn read(&mut self, offset: u64, length: u64) {
        let end = offset.saturating_add(length);
        if end >= self.furthest.saturating_add(PROGRESS_BYTES) {
            self.furthest = end;
            self.progressed();
        }
    }

    /// It says that it has worked on so many pictures. A sign of life alone is no progress, and neither are more
    /// pictures than the work has.
    pub fn worked_on(&mut self, pictures: u64) {
        if pictures > self.pictures && pictures <= self.most_pictures {
            self.pictures = pictures;
            self.progressed();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: TimeLimits = TimeLimits { wall: Duration::from_secs(100), stall: Duration::from_secs(10) };

    const STEP: Duration = Duration::from_secs(3);

    #[test]
    fn signs_of_life_without_progress_end_in_time() {
        let mut watch = Watch::new(LIMITS, 100);
        watch.worked_on(1);
        for _ in 0..4 {
            assert!(!watch.left().is_zero());
            watch.spend(STEP);
            watch.worked_on(1);
            watch.read(0, 100);
            watch.worked_on(101);
        }
        assert!(watch.left().is_zero());
        assert_eq!(watch.what_is_over(), "no progress for 10s");
    }

    #[test]
    fn progress_lasts_until_the_wall() {
        let mut watch = Watch::new(LIMITS, 1000);
        for n in 1..=34 {
            assert!(!watch.left().is_zero());
            watch.spend(STEP);
            match n % 3 {
                0 => watch.progressed(),
                1 => watch.worked_on(n),
                _ => watch.read(n * PROGRESS_BYTES, PROGRESS_BYTES),
            }
        }
        assert!(watch.left().is_zero());
        assert_eq!(watch.what_is_over(), "100s are over");
    }

    #[tokio::test]
    async fn waiting_ends_with_the_limit() {
        let mut watch = Watch::new(TimeLimits { stall: Duration::from_millis(20), ..LIMITS }, 0);
        let ended = watch.wait(std::future::pending::<io::Result<()>>()).await.unwrap_err();
        assert_eq!(ended.to_string(), "timed_out: no progress for 20ms");
    }
}
