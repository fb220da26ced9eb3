//! Finds claims whose worker stands still.
//!
//! A lease is over when the heartbeat *count* has not moved for a lease on this process's own
//! monotonic clock. So a jump of the wall clock neither frees a healthy claim nor freezes a dead one,
//! and a sweeper that has just started waits one lease before it judges.

use sluice_db::TaskRow;
use sluice_model::{ClaimToken, TaskId};
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// What the sweeper has seen of running claims.
#[derive(Debug)]
pub struct LeaseSweep {
    lease: Duration,
    seen: HashMap<TaskId, Seen>,
}

#[derive(Debug)]
struct Seen {
    token: Option<ClaimToken>,
    beat: i64,
    since: Instant,
}

impl LeaseSweep {
    /// A sweeper that frees a claim after `lease` without a heartbeat.
    pub fn new(lease: Duration) -> Self {
        Self { lease, seen: HashMap::new() }
    }

    /// Starts over: every lease is observed in full again.
    pub fn forget(&mut self) {
        self.seen.clear();
    }

    /// Takes in the running claims at `now` and returns those whose lease is over.
    pub fn observe(&mut self, running: Vec<TaskRow>, now: Instant) -> Vec<TaskRow> {
        self.seen.retain(|id, _| running.iter().any(|t| t.id == *id));
        let mut over = Vec::new();
        for task in running {
            let fresh = Seen { token: task.token, beat: task.beat, since: now };
            let seen = self.seen.entry(task.id).or_insert(fresh);
            if seen.token != task.token || seen.beat != task.beat {
                *seen = Seen { token: task.token, beat: task.beat, since: now };
            } else if now.duration_since(seen.since) >= self.lease {
                over.push(task);
            }
        }
        over
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_model::{PackageId, TaskKind, TaskStatus};

    fn task(beat: i64) -> TaskRow {
        TaskRow {
            id: TaskId::nil(),
            package_id: PackageId::nil(),
            kind: TaskKind::Chunk,
            name: "chunk-0".into(),
            payload: String::new(),
            status: TaskStatus::Running,
            attempts: 1,
            token: Some(ClaimToken::nil()),
            beat,
            worker: None,
            error_code: None,
            progress: 0.0,
        }
    }

    #[test]
    fn only_a_standing_heartbeat_ends_a_lease() {
        let (start, lease) = (Instant::now(), Duration::from_secs(10));
        let mut sweep = LeaseSweep::new(lease);
        assert_eq!(sweep.observe(vec![task(1)], start).len(), 0);
        assert_eq!(sweep.observe(vec![task(2)], start + lease).len(), 0, "the count moved");
        assert_eq!(sweep.observe(vec![task(2)], start + lease + lease / 2).len(), 0);
        assert_eq!(sweep.observe(vec![task(2)], start + lease + lease).len(), 1);
        sweep.forget();
        assert_eq!(sweep.observe(vec![task(2)], start + lease * 4).len(), 0, "the database was away");
    }
}
