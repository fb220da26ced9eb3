//! What has happened, told to every instance.

use super::decisions::Stale;
use serde::{Deserialize, Serialize};
use sluice_db::{Db, DbError, Tx};
use sluice_model::{CommentId, InstanceId, MediaId};
use std::{
    collections::{HashMap, HashSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::{OwnedRwLockReadGuard, RwLock, RwLockWriteGuard, broadcast};

/// News of this instance to itself that are buffered.
const NEWS_BUFFER: usize = 4096;
/// Viewer counts of an instance that was not heard of for so long are dropped.
const INSTANCE_TIMEOUT: Duration = Duration::from_secs(60);

/// Something that sockets want to know. Rows are named, not sent: who may see them is decided where they are shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum News {
    Created {
        media: MediaId,
    },
    Updated {
        media: MediaId,
        comment: CommentId,
    },
    Deleted {
        media: MediaId,
        comment: CommentId,
    },
    /// How many watch a media at one instance.
    Viewers {
        media: MediaId,
        instance: InstanceId,
        count: usize,
    },
    /// Something has changed that decides about playback.
    Stale {
        what: Stale,
    },
}

/// The way to all instances. Cheap to clone.
#[derive(Debug, Clone)]
pub struct LiveHub(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    /// Of this process.
    instance: InstanceId,
    own: broadcast::Sender<News>,
    /// Held by whoever joins until it has its answer, and by whoever passes a comment on: so a comment is either
    /// answered to who joins or passed on to it, never both.
    joining: Arc<RwLock<()>>,
    rooms: Mutex<Rooms>,
}

#[derive(Debug, Default)]
struct Rooms {
    /// Rooms whose number of viewers here has changed.
    changed: HashSet<MediaId>,
    /// Viewers by media and instance, and when that was said.
    counts: HashMap<MediaId, HashMap<InstanceId, (usize, Instant)>>,
    /// The newest comment that was passed on, by media with sockets here. Comments come in the order of their
    /// identifiers, so this tells news from what is known, and what to look up after an interruption.
    told: HashMap<MediaId, CommentId>,
}

impl Default for LiveHub {
    fn default() -> Self {
        let inner = Inner {
            instance: InstanceId::random(),
            own: broadcast::channel(NEWS_BUFFER).0,
            joining: Arc::default(),
            rooms: Mutex::new(Rooms::default()),
        };
        Self(Arc::new(inner))
    }
}

impl LiveHub {
    /// Commits a transaction and tells what it changed: neither without the other.
    pub async fn commit(&self, mut tx: Tx, news: News) -> Result<(), DbError> {
        let told = tx.news().notify(&text(&news)).await?;
        tx.commit().await?;
        if !told {
            self.tell_self(news);
        }
        Ok(())
    }

    /// Tells how many watch a media here.
    pub async fn tell_viewers(&self, db: &Db, media: MediaId, count: usize) -> Result<(), DbError> {
        let news = News::Viewers { media, instance: self.0.instance, count };
        if !self.tell(db, &news).await? {
            self.tell_self(news);
        }
        Ok(())
    }

    /// Tells all instances what needs no transaction; `false` where there is but this one.
    pub async fn tell(&self, db: &Db, news: &News) -> Result<bool, DbError> {
        db.news().notify(&text(news)).await
    }

    fn tell_self(&self, news: News) {
        // Nobody listens while the process starts or ends.
        drop(self.0.own.send(news));
    }

    /// What this instance tells itself.
    pub fn own(&self) -> broadcast::Receiver<News> {
        self.0.own.subscribe()
    }

    /// While this is held nothing is passed on.
    pub async fn join(&self) -> OwnedRwLockReadGuard<()> {
        self.0.joining.clone().read_owned().await
    }

    /// While this is held nobody joins.
    pub async fn pass_on(&self) -> RwLockWriteGuard<'_, ()> {
        self.0.joining.write().await
    }

    fn rooms(&self) -> MutexGuard<'_, Rooms> {
        self.0.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that somebody came or went.
    pub fn changed(&self, media: MediaId) {
        self.rooms().changed.insert(media);
    }

    /// Rooms whose viewers are to be counted again.
    pub fn take_changed(&self) -> HashSet<MediaId> {
        std::mem::take(&mut self.rooms().changed)
    }

    /// The newest comment that was passed on in a room; in a new one that is `newest`.
    pub fn enter(&self, media: MediaId, newest: CommentId) -> CommentId {
        *self.rooms().told.entry(media).or_insert(newest)
    }

    /// The newest comment that was passed on in a room.
    pub fn told(&self, media: MediaId) -> Option<CommentId> {
        self.rooms().told.get(&media).copied()
    }

    /// Notes that a comment was passed on.
    pub fn has_told(&self, media: MediaId, comment: CommentId) {
        self.rooms().told.insert(media, comment);
    }

    /// Forgets a room without sockets.
    pub fn leave(&self, media: MediaId) {
        self.rooms().told.remove(&media);
    }

    /// Takes in what an instance says; how many watch in all.
    pub fn count(&self, media: MediaId, instance: InstanceId, count: usize) -> usize {
        let mut rooms = self.rooms();
        let by_instance = rooms.counts.entry(media).or_default();
        by_instance.insert(instance, (count, Instant::now()));
        by_instance.retain(|_, (n, at)| *n > 0 && at.elapsed() < INSTANCE_TIMEOUT);
        let all = by_instance.values().map(|c| c.0).sum();
        if all == 0 {
            rooms.counts.remove(&media);
        }
        all
    }

    /// How many watch a media in all.
    pub fn viewers(&self, media: MediaId) -> usize {
        self.rooms().counts.get(&media).map_or(0, |c| c.values().map(|v| v.0).sum())
    }
}

fn text(news: &News) -> String {
    serde_json::to_string(news).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn viewers_are_summed_over_instances() {
        let (hub, media, a, b) = (LiveHub::default(), MediaId::new(), InstanceId::random(), InstanceId::random());
        assert_eq!(hub.count(media, a, 2), 2);
        assert_eq!(hub.count(media, b, 3), 5);
        assert_eq!(hub.count(media, a, 0), 3);
        assert_eq!((hub.viewers(media), hub.viewers(MediaId::new())), (3, 0));
    }

    #[test]
    fn news_read_back() {
        let news = News::Deleted { media: MediaId::nil(), comment: CommentId::max() };
        assert_eq!(serde_json::from_str::<News>(&text(&news)).unwrap(), news);
    }
}
