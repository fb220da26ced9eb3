//! When tasks run: which goes first, and how long a failed one waits.

use rand::Rng;
use sluice_model::Timestamp;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

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

/// Longest pause while something is away.
const LONGEST: Duration = Duration::from_secs(15);
/// The first one.
const SHORTEST: Duration = Duration::from_secs(1);

/// How long something has been away that is needed: pauses double up to 15 s, and begin anew once it is back.
#[derive(Debug, Default)]
pub struct Outage(Mutex<Option<(Instant, Duration)>>);

impl Outage {
    /// It failed: what to wait for, a random part between half and all of the pause. Failures of many tasks at once
    /// are one.
    pub fn failed(&self) -> Duration {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let now = Instant::now();
        let pause = match *state {
            None => SHORTEST,
            Some((since, pause)) if now.duration_since(since) < pause / 2 => pause,
            Some((_, pause)) => (pause * 2).min(LONGEST),
        };
        if state.is_none_or(|(_, before)| before != pause) || pause == LONGEST {
            *state = Some((now, pause));
        }
        pause.mul_f64(rand::rng().random_range(0.5..=1.0))
    }

    /// Whether something that is needed was away when it was last asked for.
    pub fn is_on(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }

    /// It worked.
    pub fn over(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }
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

    #[test]
    fn an_outage_is_asked_after_less_and_less_and_then_begins_anew() {
        let outage = Outage::default();
        let many: Vec<Duration> = (0..100).map(|_| outage.failed()).collect();
        assert!(many.iter().all(|p| *p >= SHORTEST / 2 && *p <= SHORTEST), "at once is once: {many:?}");
        let mut pauses = Vec::new();
        for _ in 0..8 {
            let past = outage.0.lock().unwrap().map(|(at, pause)| (at.checked_sub(pause).unwrap_or(at), pause));
            *outage.0.lock().unwrap() = past;
            pauses.push(outage.failed());
        }
        assert!(pauses[1] > SHORTEST && pauses[7] >= LONGEST / 2 && pauses[7] <= LONGEST, "{pauses:?}");
        outage.over();
        assert!(outage.failed() <= SHORTEST);
    }
}
