//! Who a socket belongs to, and what it is to have.

use crate::{
    auth::{self, Viewer},
    error::ApiError,
    state::AppState,
};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Instant,
};
use uuid::Uuid;

/// Messages a second that a socket may send, and how many at once.
const RATE: f64 = 20.0;
const BURST: f64 = 60.0;

/// Who a socket belongs to. Cheap to clone; clones share what is kept of the socket.
#[derive(Debug, Clone)]
pub struct Guest {
    /// Its login; anybody where there is none.
    login: Option<(Viewer, Arc<str>)>,
    kept: Arc<Mutex<Kept>>,
}

#[derive(Debug)]
struct Kept {
    /// Messages that it may send, and when that was counted.
    allowance: (f64, Instant),
    /// Rooms that it is in. Where it is behind, because its queue was full or it comes back to much: what comes after
    /// this comment it has not had.
    rooms: HashMap<Uuid, Option<Uuid>>,
}

impl Guest {
    /// Somebody with a login, or anybody.
    pub fn new(login: Option<(Viewer, Arc<str>)>) -> Self {
        let kept = Kept { allowance: (BURST, Instant::now()), rooms: HashMap::new() };
        Self { login, kept: Arc::new(Mutex::new(kept)) }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The person behind it.
    pub fn viewer(&self) -> Option<Viewer> {
        self.login.as_ref().map(|l| l.0.clone())
    }

    /// The same as the database has it now: a session that has ended, a role that was taken and a ban act at once.
    pub async fn now(&self, state: &AppState) -> Result<Option<Viewer>, ApiError> {
        match &self.login {
            None => Ok(None),
            Some((_, token)) => auth::service::authenticate(state, token).await.map(Some),
        }
    }

    /// With the person as they are now.
    pub fn renewed(&self, viewer: Viewer) -> Self {
        let login = self.login.as_ref().map(|l| (viewer, l.1.clone()));
        Self { login, kept: self.kept.clone() }
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

    /// Comes into a room, perhaps behind.
    pub fn enter(&self, media: Uuid, behind: Option<Uuid>) {
        self.kept().rooms.insert(media, behind);
    }

    /// Leaves a room.
    pub fn leave(&self, media: Uuid) {
        self.kept().rooms.remove(&media);
    }

    /// Whether it has not had all comments of a room.
    pub fn is_behind(&self, media: Uuid) -> bool {
        self.kept().rooms.get(&media).is_some_and(Option::is_some)
    }

    /// Rooms where it is behind, and the last comment it has had of each.
    pub fn behind(&self) -> Vec<(Uuid, Uuid)> {
        self.kept().rooms.iter().filter_map(|(media, behind)| Some((*media, (*behind)?))).collect()
    }

    /// It is behind from here, or nowhere.
    pub fn set_behind(&self, media: Uuid, after: Option<Uuid>) {
        if let Some(behind) = self.kept().rooms.get_mut(&media) {
            *behind = after;
        }
    }
}
