//! What a worker may claim beside what it runs.
//!
//! Invariant: the opening of a film never waits for the middle of another: one plan and one first chunk run beside
//! whatever fills the cores. Both take seconds; a chunk takes a minute, and there may be a day's worth of them. What is held back
//! takes neither of these places, nor all of those that need no core.

use sluice_db::{ClaimLimits, ClaimedTask, OPENING_CHUNK};
use sluice_model::{Priority, TaskId, TaskKind, TaskKinds, TurnId};
use std::collections::HashMap;

/// Tasks that need no core, beside those that do.
const LIGHT_TASKS: usize = 4;
/// Of these such as are held back: the others stay free for what is not.
const LIGHT_TASKS_LAST: usize = 2;
/// Imports, beside all others: they wait for other servers more than they work.
const IMPORTS: usize = 4;

/// What is running.
#[derive(Debug)]
pub struct Room {
    running: HashMap<TaskId, Taken>,
    /// Whose task was claimed last.
    after: TurnId,
}

#[derive(Debug, Clone, Copy)]
struct Taken {
    kind: TaskKind,
    opening: bool,
    /// Held back behind all others.
    last: bool,
    cores: i64,
    memory_bytes: i64,
}

impl Room {
    /// An empty one. Workers begin with the turns of different accounts.
    pub fn new() -> Self {
        Self { running: HashMap::new(), after: TurnId::random() }
    }

    /// A task begins, with so many threads.
    pub fn take(&mut self, task: &ClaimedTask, threads: i64) {
        self.after = task.turn;
        let taken = Taken {
            kind: task.kind,
            opening: task.name == OPENING_CHUNK,
            last: task.priority == Priority::Low,
            cores: task.cores,
            memory_bytes: with_threads(task.memory_bytes, threads),
        };
        self.running.insert(task.id, taken);
    }

    /// A task has ended.
    pub fn give_back(&mut self, task: TaskId) {
        self.running.remove(&task);
    }

    /// Nothing runs.
    pub fn clear(&mut self) {
        self.running.clear();
    }

    /// Threads for a chunk beside what runs, when so many tasks wait for cores: more than one at the end of the work,
    /// as far as its memory allows.
    pub fn threads(&self, task: &ClaimedTask, waiting: i64, cores: i64, memory_bytes: i64) -> i64 {
        let busy = self.running.values().map(|t| t.cores).sum::<i64>() + 1;
        let free = memory_bytes - self.running.values().map(|t| t.memory_bytes).sum::<i64>();
        let wanted = threads_beside(busy.saturating_add(waiting), cores);
        (2..=wanted).rev().find(|n| with_threads(task.memory_bytes, *n) <= free).unwrap_or(1)
    }

    fn count(&self, which: impl Fn(&Taken) -> bool) -> usize {
        self.running.values().filter(|t| which(t)).count()
    }

    /// What fits beside it on a machine of so many cores and so much memory.
    pub fn limits(&self, cores: i64, memory_bytes: i64) -> ClaimLimits {
        let plans = self.count(|t| t.kind == TaskKind::Plan && !t.last);
        let openings = self.count(|t| t.opening && !t.last);
        let is_light = |t: &Taken| t.cores == 0 && t.kind != TaskKind::Import;
        let light = self.count(is_light);
        // The first of each runs beside the cores.
        let slots = plans.min(1) + openings.min(1);
        let used: i64 = self.running.values().map(|t| t.cores).sum::<i64>() - slots as i64;
        let held: i64 = self.running.values().map(|t| t.memory_bytes).sum();
        ClaimLimits {
            cores: cores - used,
            // A task larger than the whole machine runs alone rather than never.
            memory_bytes: if self.running.is_empty() { i64::MAX } else { memory_bytes - held },
            light: light < LIGHT_TASKS,
            light_last: light < LIGHT_TASKS && self.count(|t| is_light(t) && t.last) < LIGHT_TASKS_LAST,
            imports: self.count(|t| t.kind == TaskKind::Import) < IMPORTS,
            plan: plans == 0,
            opening: openings == 0,
            kinds: TaskKinds::ALL,
            after: self.after,
        }
    }
}

/// Threads for each of the last `tasks` of the work, the running ones among them: when the first of them has ended,
/// its core is used by the others.
pub fn threads_beside(tasks: i64, cores: i64) -> i64 {
    // Up to there each has a core of its own, and others will come.
    if tasks > cores * 2 - 1 {
        return 1;
    }
    (cores * 2).div_euclid(tasks.max(1)).max(2).min(cores)
}

/// What a chunk takes with so many threads: each has a picture of its own, and they look further ahead.
fn with_threads(memory_bytes: i64, threads: i64) -> i64 {
    if threads > 1 { memory_bytes.saturating_add(memory_bytes / 20 * (threads + 4)) } else { memory_bytes }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_model::{ClaimToken, PackageId, SourceId, Timestamp};

    fn task(kind: TaskKind, name: &str) -> ClaimedTask {
        ClaimedTask {
            id: TaskId::new(),
            package_id: PackageId::new(),
            source_id: SourceId::new(),
            kind,
            name: name.to_owned(),
            payload: String::new(),
            attempts: 1,
            token: ClaimToken::random(),
            cores: i64::from(matches!(kind, TaskKind::Plan | TaskKind::Chunk)),
            memory_bytes: 100,
            due_at: Timestamp::EPOCH,
            turn: TurnId::nil(),
            priority: Priority::Normal,
        }
    }

    #[test]
    fn an_opening_has_room_beside_full_cores() {
        let mut room = Room::new();
        assert_eq!(room.limits(2, 1000).memory_bytes, i64::MAX, "whatever it is, alone");
        for n in 3..5 {
            room.take(&task(TaskKind::Chunk, &format!("chunk-00000{n}")), 1);
        }
        let full = room.limits(2, 1000);
        assert_eq!((full.cores, full.memory_bytes, full.plan, full.opening), (0, 800, true, true));
        let plan = task(TaskKind::Plan, "plan");
        room.take(&plan, 1);
        room.take(&task(TaskKind::Chunk, OPENING_CHUNK), 1);
        let fuller = room.limits(2, 1000);
        assert_eq!((fuller.cores, fuller.plan, fuller.opening), (0, false, false), "one of each");
        room.give_back(plan.id);
        assert!(room.limits(2, 1000).plan);
    }

    #[test]
    fn what_is_held_back_takes_no_place_that_is_kept() {
        let mut room = Room::new();
        let last = |kind, name| ClaimedTask { priority: Priority::Low, ..task(kind, name) };
        room.take(&last(TaskKind::Plan, "plan"), 1);
        room.take(&last(TaskKind::Chunk, OPENING_CHUNK), 1);
        let full = room.limits(2, 1000);
        assert_eq!((full.cores, full.plan, full.opening), (0, true, true), "they have the cores, not the places");
        for _ in 0..LIGHT_TASKS_LAST {
            assert!(room.limits(2, 1000).light_last);
            room.take(&last(TaskKind::Passthrough, "passthrough"), 1);
        }
        let fuller = room.limits(2, 1000);
        assert!(fuller.light && !fuller.light_last, "the others have room");
    }

    #[test]
    fn the_turn_goes_on_after_whose_it_was() {
        let mut room = Room::new();
        let task = ClaimedTask { turn: TurnId::random(), ..task(TaskKind::Chunk, "chunk-000001") };
        room.take(&task, 1);
        room.give_back(task.id);
        assert_eq!(room.limits(2, 1000).after, task.turn, "also when it has ended");
    }

    #[test]
    fn light_tasks_and_imports_are_few() {
        let mut room = Room::new();
        for _ in 0..4 {
            assert!(room.limits(1, 1000).light && room.limits(1, 1000).imports);
            room.take(&task(TaskKind::Hash, "hash"), 1);
            room.take(&task(TaskKind::Import, "import"), 1);
        }
        let full = room.limits(1, 1000);
        assert!(!full.light && !full.imports && full.cores == 1);
    }

    #[test]
    fn the_last_chunks_use_the_cores_that_are_left() {
        for (tasks, cores, threads) in [
            (1, 1, 1),
            (4, 1, 1),
            (1, 2, 2),
            (2, 2, 2),
            (3, 2, 2),
            (4, 2, 1),
            (1, 16, 16),
            (8, 16, 4),
            (16, 16, 2),
            (32, 16, 1),
        ] {
            assert_eq!(threads_beside(tasks, cores), threads, "{tasks} on {cores}");
        }
        let (mut room, last) = (Room::new(), task(TaskKind::Chunk, "chunk-000009"));
        assert_eq!(room.threads(&last, 0, 2, 1000), 2);
        assert_eq!(room.threads(&last, 9, 2, 1000), 1, "others wait");
        assert_eq!(room.threads(&last, 0, 2, 110), 1, "there is no memory for it");
        room.take(&last, 2);
        assert_eq!(room.limits(2, 1000).memory_bytes, 870);
        assert_eq!(room.limits(2, 1000).cores, 1, "who comes has a core all the same");
    }
}
