//! When tasks run: which goes first, and how long a failed one waits.

use rand::Rng;

/// Earliest-deadline key of work that belongs to `offset_us` of a film whose upload completed
/// at `created_us`: of films that were completed together, all openings come before any middle.
pub fn due_us(created_us: i64, offset_us: i64) -> i64 {
    created_us.saturating_add(offset_us)
}

/// Backoff before the next run of a task whose `attempts`-th run failed, microseconds: doubled at each attempt up
/// to a minute, of which a random part between half and all is waited, so that what failed together does not
/// come back together.
pub fn backoff_us(attempts: i64) -> i64 {
    let whole_us = (1_i64 << attempts.clamp(0, 6)) * 1_000_000;
    rand::rng().random_range(whole_us / 2..=whole_us)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn backoff_doubles_and_is_spread() {
        for (attempts, whole_us) in [(1, 2_000_000), (3, 8_000_000), (60, 64_000_000)] {
            let waits: Vec<i64> = (0..100).map(|_| backoff_us(attempts)).collect();
            assert!(waits.iter().all(|w| (whole_us / 2..=whole_us).contains(w)), "{attempts}: {waits:?}");
            assert!(waits.iter().any(|w| *w != waits[0]), "all the same");
        }
    }
}
