//! When tasks run: which goes first, and how long a failed one waits.

use rand::Rng;
use sluice_model::Timestamp;
use std::time::Duration;

/// Earliest-deadline key of work that belongs to second `offset_s` of a film whose upload completed
/// at `completed_at`: of films that were completed together, all openings come before any middle.
pub fn due_at(completed_at: Timestamp, offset_s: f64) -> Timestamp {
    completed_at + Duration::try_from_secs_f64(offset_s).unwrap_or_default()
}

/// Backoff before the next run of a task whose `attempts`-th run failed: doubled at each attempt up
/// to a minute, of which a random part between half and all is waited, so that what failed together does not
/// come back together.
pub fn backoff(attempts: i64) -> Duration {
    let whole = Duration::from_secs(1 << attempts.clamp(0, 6));
    rand::rng().random_range(whole / 2..=whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_and_is_spread() {
        for (attempts, whole_s) in [(1, 2), (3, 8), (60, 64)] {
            let whole = Duration::from_secs(whole_s);
            let waits: Vec<Duration> = (0..100).map(|_| backoff(attempts)).collect();
            assert!(waits.iter().all(|w| (whole / 2..=whole).contains(w)), "{attempts}: {waits:?}");
            assert!(waits.iter().any(|w| *w != waits[0]), "all the same");
        }
    }
}
