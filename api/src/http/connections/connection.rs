//! One connection: what happens on it, since when it keeps others waiting, and how it is ended.

use super::limits::Patience;
use futures::task::AtomicWaker;
use std::{
    net::IpAddr,
    sync::{
        Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    task::Context,
    time::Instant,
};

/// Why a connection is ended by this side.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// It never sent a byte.
    Silent,
    /// It asked nothing for too long.
    Quiet,
    /// It takes no byte of an answer.
    Stuck,
    /// Somebody else needs its place, and nothing is asked on it.
    Shed,
}

/// An answer on its way.
#[derive(Debug)]
struct Answer {
    id: u64,
    /// Since when bytes of it wait to be taken, where only the protocol knows (HTTP/2).
    waiting_since: Option<Instant>,
}

/// What happens on a connection.
#[derive(Debug)]
struct Activity {
    /// Whether a byte came.
    heard: bool,
    /// Since when nothing is asked; meaningless while there are answers.
    quiet_since: Instant,
    /// Since when the peer takes no byte of what is written.
    stuck_since: Option<Instant>,
    /// It is no HTTP any more (WebSocket): the other protocol looks after its own silence.
    upgraded: bool,
    answers: Vec<Answer>,
    next: u64,
}

impl Activity {
    fn new(now: Instant) -> Self {
        Self { heard: false, quiet_since: now, stuck_since: None, upgraded: false, answers: Vec::new(), next: 0 }
    }

    /// Since when it could be ended without loss to anybody.
    fn idle_since(&self) -> Option<Instant> {
        let idle = self.answers.is_empty() && self.stuck_since.is_none() && !self.upgraded;
        idle.then_some(self.quiet_since)
    }

    /// Whether it has kept others waiting for too long.
    fn overdue(&self, patience: &Patience, from_reserve: bool, now: Instant) -> Option<Ending> {
        let longer = |since: Instant, than| now.saturating_duration_since(since) >= than;
        let stuck = self.answers.iter().filter_map(|a| a.waiting_since).chain(self.stuck_since).min();
        if stuck.is_some_and(|since| longer(since, patience.stuck)) {
            return Some(Ending::Stuck);
        }
        let quiet = self.idle_since()?;
        match self.heard {
            _ if from_reserve && longer(quiet, patience.reserve) => Some(Ending::Quiet),
            false if longer(quiet, patience.silent) => Some(Ending::Silent),
            true if longer(quiet, patience.request) => Some(Ending::Quiet),
            _ => None,
        }
    }
}

/// A connection as everybody who has to do with it shares it.
#[derive(Debug)]
pub struct Connection {
    /// As it is counted.
    pub subscriber: IpAddr,
    /// It serves health and administrators alone.
    pub from_reserve: bool,
    activity: Mutex<Activity>,
    ended: AtomicBool,
    stuck: AtomicBool,
    reader: AtomicWaker,
    writer: AtomicWaker,
}

impl Connection {
    /// One that has just been accepted.
    pub fn new(subscriber: IpAddr, from_reserve: bool) -> Self {
        Self {
            subscriber,
            from_reserve,
            activity: Mutex::new(Activity::new(Instant::now())),
            ended: AtomicBool::new(false),
            stuck: AtomicBool::new(false),
            reader: AtomicWaker::new(),
            writer: AtomicWaker::new(),
        }
    }

    fn activity(&self) -> MutexGuard<'_, Activity> {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A byte came.
    pub fn hear(&self) {
        self.activity().heard = true;
    }

    /// The peer took something of what is written, or it does not.
    pub fn written(&self, taken: bool) {
        let mut activity = self.activity();
        if taken {
            // What follows an answer begins when the answer is taken.
            if activity.stuck_since.take().is_some() && activity.answers.is_empty() {
                activity.quiet_since = Instant::now();
            }
        } else if activity.stuck_since.is_none() {
            activity.stuck_since = Some(Instant::now());
        }
    }

    /// Something was asked; its number.
    pub fn ask(&self) -> u64 {
        let mut activity = self.activity();
        let id = activity.next;
        activity.next += 1;
        activity.answers.push(Answer { id, waiting_since: None });
        id
    }

    /// Bytes of an answer wait to be taken, or have been.
    pub fn waiting(&self, id: u64, waits: bool) {
        if let Some(answer) = self.activity().answers.iter_mut().find(|a| a.id == id) {
            answer.waiting_since = waits.then(Instant::now);
        }
    }

    /// It changes to another protocol.
    pub fn upgrade(&self) {
        self.activity().upgraded = true;
    }

    /// An answer is over.
    pub fn answered(&self, id: u64) {
        let mut activity = self.activity();
        activity.answers.retain(|a| a.id != id);
        if activity.answers.is_empty() {
            activity.quiet_since = Instant::now();
        }
    }

    /// Since when it could be ended without loss to anybody.
    pub fn idle_since(&self) -> Option<Instant> {
        self.activity().idle_since()
    }

    /// Whether it has kept others waiting for too long.
    pub fn overdue(&self, patience: &Patience, now: Instant) -> Option<Ending> {
        if self.is_ended() { None } else { self.activity().overdue(patience, self.from_reserve, now) }
    }

    /// Ends it: whoever reads or writes next is told.
    pub fn end(&self, why: Ending) {
        self.stuck.store(why == Ending::Stuck, Ordering::Release);
        self.ended.store(true, Ordering::Release);
        self.reader.wake();
        self.writer.wake();
    }

    /// Whether this side has ended it.
    pub fn is_ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether it was ended because the peer takes nothing: what waits for it is thrown away.
    pub fn is_stuck(&self) -> bool {
        self.stuck.load(Ordering::Acquire)
    }

    /// Wakes who reads when it is ended. Asked for before [`Self::is_ended`], nothing is missed.
    pub fn wake_reader(&self, cx: &Context<'_>) {
        self.reader.register(cx.waker());
    }

    /// The same for who writes.
    pub fn wake_writer(&self, cx: &Context<'_>) {
        self.writer.register(cx.waker());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const PATIENCE: Patience = Patience {
        silent: Duration::from_secs(10),
        request: Duration::from_secs(30),
        stuck: Duration::from_secs(60),
        reserve: Duration::from_secs(2),
    };

    /// After how many seconds it is ended, and why.
    fn ended(from_reserve: bool, change: impl Fn(&mut Activity, Instant)) -> Option<(u64, Ending)> {
        let began = Instant::now();
        let mut activity = Activity::new(began);
        change(&mut activity, began);
        (0..1000)
            .find_map(|s| activity.overdue(&PATIENCE, from_reserve, began + Duration::from_secs(s)).map(|why| (s, why)))
    }

    fn answer(waiting_since: Option<Instant>) -> Answer {
        Answer { id: 0, waiting_since }
    }

    #[test]
    fn each_kind_of_waiting_has_its_end() {
        assert_eq!(ended(false, |_, _| {}), Some((10, Ending::Silent)));
        assert_eq!(ended(false, |a, _| a.heard = true), Some((30, Ending::Quiet)));
        assert_eq!(ended(true, |a, _| a.heard = true), Some((2, Ending::Quiet)));
        let asked = |a: &mut Activity| {
            a.heard = true;
            a.answers.push(answer(None));
        };
        assert_eq!(ended(false, |a, _| asked(a)), None, "work and event streams take their time");
        assert_eq!(ended(true, |a, _| asked(a)), None);
        let stuck = |a: &mut Activity, began| {
            asked(a);
            a.stuck_since = Some(began);
        };
        assert_eq!(ended(false, stuck), Some((60, Ending::Stuck)));
        let last_bytes = |a: &mut Activity, began| {
            a.heard = true;
            a.stuck_since = Some(began);
        };
        assert_eq!(ended(false, last_bytes), Some((60, Ending::Stuck)));
        let one_of_two = |a: &mut Activity, began| {
            asked(a);
            a.answers.push(answer(Some(began)));
        };
        assert_eq!(ended(false, one_of_two), Some((60, Ending::Stuck)), "a stream of HTTP/2 that nobody reads");
        assert_eq!(ended(false, |a, _| a.upgraded = true), None, "a WebSocket may idle");
    }

    #[test]
    fn only_what_asks_nothing_is_idle() {
        let connection = Connection::new(IpAddr::from([127, 0, 0, 1]), false);
        assert!(connection.idle_since().is_some());
        let (one, two) = (connection.ask(), connection.ask());
        assert!(connection.idle_since().is_none());
        connection.answered(one);
        assert!(connection.idle_since().is_none());
        connection.answered(two);
        assert!(connection.idle_since().is_some());
        connection.written(false);
        assert!(connection.idle_since().is_none(), "the end of an answer is on its way");
        connection.written(true);
        assert!(connection.idle_since().is_some());
        connection.upgrade();
        assert!(connection.idle_since().is_none());
    }
}
