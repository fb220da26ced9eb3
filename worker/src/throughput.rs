//! How quickly a worker does what was estimated, so that estimates know the machines they are for.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::Instant,
};

/// Seconds of work that are remembered; of older work half is forgotten each time.
const MEMORY_S: f64 = 60.0;

/// The speed of what ran lately.
#[derive(Debug, Default)]
pub struct Throughput(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    running: usize,
    changed: Option<Instant>,
    /// Time by a clock that runs the slower the more tasks share the machine: what a task takes by it, it would take alone.
    shared_s: f64,
    /// Estimated cost of what was done, seconds of one core ...
    cost_s: f64,
    /// ... and what it took by that clock, seconds.
    took_s: f64,
}

impl State {
    fn advance(&mut self, now: Instant) {
        if let Some(changed) = self.changed.replace(now) {
            self.shared_s += now.duration_since(changed).as_secs_f64() / self.running.max(1) as f64;
        }
    }

    /// A task begins; when by the shared clock.
    fn begin(&mut self, now: Instant) -> f64 {
        self.advance(now);
        self.running += 1;
        self.shared_s
    }

    /// It ends. What was not done to its end counts for nothing.
    fn end(&mut self, began_s: f64, cost_s: Option<f64>, now: Instant) {
        self.advance(now);
        self.running = self.running.saturating_sub(1);
        let Some(cost_s) = cost_s else { return };
        if self.took_s > MEMORY_S {
            (self.cost_s, self.took_s) = (self.cost_s / 2.0, self.took_s / 2.0);
        }
        (self.cost_s, self.took_s) = (self.cost_s + cost_s, self.took_s + self.shared_s - began_s);
    }

    fn speed(&self) -> Option<f64> {
        (self.took_s > 0.0).then(|| self.cost_s / self.took_s)
    }
}

/// A task that is under way until this is dropped.
#[derive(Debug)]
pub struct UnderWay<'a> {
    throughput: &'a Throughput,
    began_s: f64,
    /// Of what was done to its end.
    cost_s: Option<f64>,
}

impl Throughput {
    /// A task begins that keeps the machine busy.
    pub fn begin(&self) -> UnderWay<'_> {
        UnderWay { throughput: self, began_s: self.state().begin(Instant::now()), cost_s: None }
    }

    /// Seconds of one core, as they are estimated, that this worker does in a second; nothing before it has done any.
    pub fn speed(&self) -> Option<f64> {
        self.state().speed()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl UnderWay<'_> {
    /// It is done to its end, and that cost so much by estimate, seconds of one core; 0 where nobody has said.
    pub fn done(mut self, cost_s: f64) {
        self.cost_s = Some(cost_s).filter(|c| *c > 0.0);
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.throughput.state().end(self.began_s, self.cost_s, Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn tasks_that_share_a_machine_show_the_speed_of_all_of_it() {
        let (mut state, mut now) = (State::default(), Instant::now());
        assert_eq!(state.speed(), None);
        let (one, other) = (state.begin(now), state.begin(now));
        now += Duration::from_secs(10);
        state.end(one, Some(10.0), now);
        assert_eq!(state.speed(), Some(2.0), "two cores, each as fast as it should be");
        now += Duration::from_secs(5);
        state.end(other, Some(20.0), now);
        assert_eq!(state.speed(), Some(2.0), "the other one had the whole machine at the end");
        now += Duration::from_secs(3600);
        for _ in 0..20 {
            let slow = state.begin(now);
            now += Duration::from_secs(20);
            state.end(slow, Some(10.0), now);
        }
        let speed = state.speed().unwrap();
        assert!((0.5..0.55).contains(&speed), "what is done now counts, and rest does not: {speed}");
    }

    #[test]
    fn what_is_given_up_counts_for_nothing() {
        let (mut state, now) = (State::default(), Instant::now());
        let (one, other) = (state.begin(now), state.begin(now));
        state.end(other, None, now + Duration::from_secs(10));
        state.end(one, Some(10.0), now + Duration::from_secs(15));
        assert_eq!(state.speed(), Some(1.0));
    }
}
