//! Who a socket belongs to, and what it is to have.

use crate::{
    identity::{IdentityError, Viewer, authentication::authenticate},
    state::AppState,
};
use sluice_model::{CommentId, MediaId, Timestamp, clock};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Messages a second that a socket may send, and how many at once.
const RATE: f64 = 20.0;
/// Whoever comes back joins all rooms at once.
const BURST: f64 = 150.0;
/// News of a change may have been this long on its way.
const CHANGES: Duration = Duration::from_secs(10);

/// Who a socket belongs to. Cheap to clone; clones share what is kept of the socket.
#[derive(Debug, Clone)]
pub struct Guest {
    /// Its login; anybody where there is none.
    login: Option<(Viewer, Arc<str>)>,
    /// The service's external URL, as this socket knows it, without a trailing slash.
    base: Arc<str>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    /// Messages that it may send, and when that was counted.
    allowance: (f64, Instant),
    /// Rooms that it is in, and where it is behind: its queue was full, or it comes back to much.
    rooms: HashMap<MediaId, Option<Behind>>,
}

/// What a socket has not had of a room.
#[derive(Debug, Clone, Copy)]
pub struct Behind {
    /// Comments after this one.
    pub after: CommentId,
    /// Changes since then.
    pub since: Timestamp,
}

impl Behind {
    /// What comes from now on.
    fn now(after: CommentId) -> Self {
        Self { after, since: clock::now() - CHANGES }
    }
}

impl Guest {
    /// Somebody with a login, or anybody.
    pub fn new(login: Option<(Viewer, Arc<str>)>, base: String) -> Self {
        let kept = Kept { allowance: (BURST, Instant::now()), rooms: HashMap::new() };
        Self { login, base: base.into(), kept: Arc::new(Mutex::new(kept)) }
    }

    /// Where the URLs of its messages begin.
    pub fn base(&self) -> Arc<str> {
        self.base.clone()
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The person behind it.
    pub fn viewer(&self) -> Option<Viewer> {
        self.login.as_ref().map(|l| l.0.clone())
    }

    /// The same as the database has it now: a session that has ended, a role that was taken and a ban act at once.
    pub async fn now(&self, state: &AppState) -> Result<Option<Viewer>, IdentityError> {
        match &self.login {
            None => Ok(None),
            Some((_, token)) => authenticate(state, token).await.map(Some),
        }
    }

    /// With the person as they are now.
    pub fn renewed(&self, viewer: Viewer) -> Self {
        let login = self.login.as_ref().map(|l| (viewer, l.1.clone()));
        Self { login, base: self.base.clone(), kept: self.kept.clone() }
    }

    /// The token it came with.
    pub fn token(&self) -> Option<Arc<str>> {
        self.login.as_ref().map(|l| l.1.clone())
    }

    /// Whether it may send another message now, which costs as much as so many.
    pub fn may_speak(&self, cost: f64) -> bool {
        let mut kept = self.kept();
        let (left, at) = kept.allowance;
        let left = (left + at.elapsed().as_secs_f64() * RATE).min(BURST);
        kept.allowance = ((left - cost).max(0.0), Instant::now());
        left >= cost
    }

    /// Comes into a room.
    pub fn enter(&self, media: MediaId) {
        self.kept().rooms.insert(media, None);
    }

    /// Leaves a room.
    pub fn leave(&self, media: MediaId) {
        self.kept().rooms.remove(&media);
    }

    /// Whether it has not had all comments of a room.
    pub fn is_behind(&self, media: MediaId) -> bool {
        self.behind(media).is_some()
    }

    /// Rooms where it is behind.
    pub fn rooms_behind(&self) -> Vec<MediaId> {
        self.kept().rooms.iter().filter(|(_, behind)| behind.is_some()).map(|(media, _)| *media).collect()
    }

    /// Where it is behind in a room.
    pub fn behind(&self, media: MediaId) -> Option<Behind> {
        self.kept().rooms.get(&media).copied().flatten()
    }

    /// It has not had what came after a comment, perhaps more.
    pub fn fall_behind(&self, media: MediaId, after: CommentId) {
        if let Some(behind) = self.kept().rooms.get_mut(&media) {
            let now = Behind::now(after);
            let earlier = |b: Behind| Behind { after: b.after.min(now.after), since: b.since.min(now.since) };
            *behind = Some(behind.map_or(now, earlier));
        }
    }

    /// It is behind, or not any more.
    pub fn set_behind(&self, media: MediaId, now: Option<Behind>) {
        if let Some(behind) = self.kept().rooms.get_mut(&media) {
            *behind = now;
        }
    }
}
