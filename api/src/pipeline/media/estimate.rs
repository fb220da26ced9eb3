//! When a media can be played and when it is ready: what is left of its tasks, at the speed of what was done.
//!
//! Invariant: pure. The tasks are run through in their order, side by side as the fleet's cores would, and the rule
//! that calls a package playable is asked at every segment that would come out.

use sluice_db::TaskRow;
use sluice_model::{AudioPayload, ChunkPayload, TaskKind, TaskStatus, Tier, is_playable};

/// So many seconds of the time spent, a fleet is believed to be as quick as it was; then what was measured counts.
const PRIOR_S: f64 = 2.0;
/// Checking and writing down a finished package, seconds.
const FINALIZE_S: f64 = 0.5;
/// How old what is known of a running task is, seconds: workers say it every two.
const KNOWN_SINCE_S: f64 = 1.0;
/// What is remuxed in a second, seconds of film.
const REMUXED_S: f64 = 200.0;
/// Lengths of the segments of a film by plan: three short ones, then longer ones; seconds.
const OPENINGS: usize = 3;
const OPENING_S: f64 = 2.0;
pub const SEGMENT_S: f64 = 6.0;

/// What is known of a package that is being made.
#[derive(Debug, Clone, Copy)]
pub struct Known {
    /// Since its first plan, seconds.
    pub spent_s: f64,
    /// Its length, seconds; guessed while more is arriving.
    pub film_s: f64,
    /// How much of the film has tasks, 0 to 1.
    pub planned: f64,
    /// Segments of a rendition that were published, of those of the growing presentation: the fewest.
    pub prefix: usize,
    /// Whether what can be watched first is the source itself, passed through.
    pub source_grows: bool,
    /// Cores of all workers.
    pub cores: usize,
    /// Seconds of one core that all workers together did in a second lately.
    pub speed: f64,
}

/// Seconds from now.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Estimate {
    pub playable_s: f64,
    pub ready_s: f64,
}

/// A task with what it costs.
#[derive(Debug, Clone, Copy)]
struct Work {
    /// Seconds of one core in all.
    cost_s: f64,
    /// Of these, what is left.
    left_s: f64,
    segments: (usize, usize),
    /// Whether its segments are in the growing presentation, and it makes the picture.
    shows: bool,
    running: bool,
}

/// The estimate; nothing where tasks say nothing of their cost, or there are none.
pub fn estimate(tasks: &[TaskRow], known: &Known) -> Option<Estimate> {
    let work: Vec<Work> = tasks.iter().filter_map(|t| work_of(t, known)).collect();
    let cost_s: f64 = work.iter().map(|w| w.cost_s).sum();
    if cost_s <= 0.0 {
        return None;
    }
    let done_s = cost_s - work.iter().map(|w| w.left_s).sum::<f64>();
    // Seconds of one core that are done in a second.
    let speed = (done_s + PRIOR_S * known.speed) / (known.spent_s.max(0.0) + PRIOR_S);
    let (segments, end_s) = run_through(&work, known.cores.max(1), speed.max(1e-6));
    let unplanned_s = cost_s * (1.0 / known.planned.clamp(0.01, 1.0) - 1.0) / speed.max(1e-6);
    let known_since_s = if work.iter().any(|w| w.running) { KNOWN_SINCE_S } else { 0.0 };
    let ready_s = (end_s + unplanned_s - known_since_s).max(0.0) + FINALIZE_S;
    let playable_s = playable_s(segments, known).map_or(ready_s, |s| (s - known_since_s).max(0.0)).min(ready_s);
    Some(Estimate { playable_s, ready_s })
}

fn work_of(task: &TaskRow, known: &Known) -> Option<Work> {
    if task.status == TaskStatus::Cancelled {
        return None;
    }
    let (cost_ms, segments, shows) = match task.kind {
        TaskKind::Chunk => {
            let chunk: ChunkPayload = serde_json::from_str(&task.payload).ok()?;
            (chunk.cost_ms as f64, (chunk.first, chunk.end), chunk.tier != Tier::Upper && !known.source_grows)
        }
        TaskKind::Audio => {
            let audio: AudioPayload = serde_json::from_str(&task.payload).ok()?;
            (audio.cost_ms as f64, (0, 0), false)
        }
        TaskKind::Passthrough => {
            let segments = cuts_s(known.film_s).len() - 1;
            (known.film_s * 1000.0 / REMUXED_S, (0, segments), known.source_grows)
        }
        TaskKind::Images
        | TaskKind::Poster
        | TaskKind::Import
        | TaskKind::Plan
        | TaskKind::Hash
        | TaskKind::Subtitles
        | TaskKind::Copy
        | TaskKind::Finalize => return None,
    };
    let done = if task.status == TaskStatus::Done { 1.0 } else { task.progress.clamp(0.0, 1.0) };
    let cost_s = cost_ms / 1000.0;
    let running = task.status == TaskStatus::Running;
    Some(Work { cost_s, left_s: cost_s * (1.0 - done), segments, shows, running })
}

/// Runs the tasks through; when which segment would be published, and when the last task would end.
fn run_through(work: &[Work], cores: usize, speed: f64) -> (Vec<(f64, usize)>, f64) {
    let mut waiting: Vec<Work> = work.iter().copied().filter(|w| w.left_s > 0.0).collect();
    // They are made in the order in which they run; what runs already comes first.
    waiting.sort_by_key(|w| !w.running);
    let mut waiting = waiting.into_iter();
    let (mut active, mut segments, mut now_s) = (Vec::<Work>::new(), Vec::new(), 0.0);
    loop {
        active.extend(waiting.by_ref().take(cores.saturating_sub(active.len())));
        let Some(next_s) = active.iter().map(|w| w.left_s).min_by(f64::total_cmp) else { break };
        // What is left at the end has the other cores as well.
        let each = speed / active.len() as f64;
        for w in active.iter_mut().filter(|w| w.shows) {
            let (first, end) = w.segments;
            let share = |left_s: f64| (1.0 - left_s / w.cost_s) * (end - first) as f64;
            let (before, after) = (share(w.left_s), share(w.left_s - next_s) + 1e-9);
            let published = (first + before as usize)..(first + after as usize);
            segments.extend(published.map(|n| {
                let left_s = w.cost_s * (1.0 - (n + 1 - first) as f64 / (end - first) as f64);
                (now_s + (w.left_s - left_s).max(0.0) / each, n)
            }));
        }
        active.iter_mut().for_each(|w| w.left_s -= next_s);
        active.retain(|w| w.left_s > 1e-9);
        now_s += next_s / each;
    }
    segments.sort_by(|a, b| a.0.total_cmp(&b.0));
    (segments, now_s)
}

/// When the rule would say that it can be played.
fn playable_s(segments: Vec<(f64, usize)>, known: &Known) -> Option<f64> {
    let cuts_s = cuts_s(known.film_s);
    let mut published = vec![false; cuts_s.len()];
    let mut prefix = known.prefix;
    for (at_s, segment) in segments {
        if let Some(place) = published.get_mut(segment) {
            *place = true;
        }
        while published.get(prefix).copied().unwrap_or(false) {
            prefix += 1;
        }
        if is_playable(&cuts_s, None, prefix, known.spent_s + at_s) {
            return Some(at_s);
        }
    }
    None
}

/// Where the segments of a film of this length begin and end, about.
fn cuts_s(film_s: f64) -> Vec<f64> {
    let mut cuts = vec![0.0];
    let mut at_s = 0.0;
    loop {
        at_s += if cuts.len() <= OPENINGS { OPENING_S } else { SEGMENT_S };
        // The last one takes what would be too short for one of its own.
        if at_s >= film_s - 0.45 {
            cuts.push(film_s.max(0.0));
            return cuts;
        }
        cuts.push(at_s);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_model::{PackageId, TaskId};

    fn task(kind: TaskKind, payload: String, progress: f64) -> TaskRow {
        TaskRow {
            id: TaskId::nil(),
            package_id: PackageId::nil(),
            kind,
            name: String::new(),
            payload,
            status: match progress {
                p if p >= 1.0 => TaskStatus::Done,
                p if p > 0.0 => TaskStatus::Running,
                _ => TaskStatus::Queued,
            },
            attempts: 1,
            token: None,
            beat: 0,
            worker: None,
            error_code: None,
            progress,
        }
    }

    fn chunk(first: usize, end: usize, tier: Tier, cost_s: u64, progress: f64) -> TaskRow {
        let payload = ChunkPayload { first, end, fallback: false, tier, cost_ms: cost_s * 1000 };
        task(TaskKind::Chunk, serde_json::to_string(&payload).unwrap(), progress)
    }

    fn known(spent_s: f64, prefix: usize) -> Known {
        // Twelve segments: three of two seconds, nine of six.
        Known { spent_s, film_s: 60.0, planned: 1.0, prefix, source_grows: false, cores: 2, speed: 2.0 }
    }

    fn near(said: f64, expected: f64) -> bool {
        (said - expected).abs() <= 0.05 * expected + 0.01
    }

    #[test]
    fn what_is_left_is_run_through_at_the_speed_of_what_was_done() {
        let film = |done: f64| vec![chunk(0, 6, Tier::All, 100, done), chunk(6, 12, Tier::All, 100, done)];
        let begun = estimate(&film(0.0), &known(0.0, 0)).unwrap();
        assert!(near(begun.ready_s, 100.5), "as fast as it should be: {begun:?}");
        // A quarter in a hundred seconds: it works at a quarter of the speed.
        let slow = estimate(&film(0.25), &known(100.0, 1)).unwrap();
        assert!(near(slow.ready_s, 300.0 * 0.95), "{slow:?}");
        let old = estimate(&film(0.0), &Known { speed: 0.5, ..known(0.0, 0) }).unwrap();
        assert!(near(old.ready_s, 400.5), "a machine that was slow: {old:?}");
        assert!(estimate(&[task(TaskKind::Plan, "{}".into(), 0.5)], &known(9.0, 0)).is_none());
        assert!(estimate(&[chunk(0, 6, Tier::All, 0, 0.5)], &known(9.0, 0)).is_none(), "of another version");
        let half = estimate(&film(0.0), &Known { planned: 0.5, ..known(0.0, 0) }).unwrap();
        assert!(near(half.ready_s, 200.5), "the rest is arriving: {half:?}");
    }

    #[test]
    fn it_can_be_played_when_the_first_tier_is_far_enough() {
        let tiers = [
            chunk(0, 6, Tier::Lower, 20, 0.0),
            chunk(6, 12, Tier::Lower, 30, 0.0),
            chunk(0, 6, Tier::Upper, 200, 0.0),
            chunk(6, 12, Tier::Upper, 300, 0.0),
        ];
        let said = estimate(&tiers, &known(0.0, 0)).unwrap();
        assert!(said.playable_s < 18.0 && said.ready_s > 270.0, "{said:?}");
        let one = [chunk(0, 12, Tier::All, 550, 0.0)];
        let said = estimate(&one, &known(0.0, 0)).unwrap();
        // 60 s of film in 275 s: all but 48 s of what it takes must be waited for.
        assert!((240.0..260.0).contains(&said.playable_s), "{said:?}");
        let passed = [task(TaskKind::Passthrough, "{}".into(), 0.0), chunk(0, 12, Tier::All, 100, 0.0)];
        let said = estimate(&passed, &Known { source_grows: true, ..known(0.0, 0) }).unwrap();
        assert!(said.playable_s < 1.0, "its own picture is there at once: {said:?}");
    }

    #[test]
    fn segments_are_as_long_as_they_are_planned() {
        assert_eq!(cuts_s(20.0), [0.0, 2.0, 4.0, 6.0, 12.0, 18.0, 20.0]);
        assert_eq!(cuts_s(1.0), [0.0, 1.0]);
    }
}
