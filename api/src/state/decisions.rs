//! What decides about playback, remembered for a moment: so a segment or a playlist that many ask for costs no reads.
//!
//! Invariants: only what is allowed and complete is remembered, so nothing that becomes allowed or complete is late; for
//! [`LONGEST`] at most, so what is taken away is late by no more, on any instance and whatever was lost on the way to it; what this
//! process changes it forgets before it says that it is changed. Equal questions at one moment are one read.

use crate::text;
use bytes::Bytes;
use flate2::{Compression, write::GzEncoder};
use futures::future::BoxFuture;
use moka::future::Cache;
use serde::{Deserialize, Serialize};
use sluice_db::{Db, DbError, MediaRow, PlaybackTokenRow, UserRow};
use sluice_model::{MediaId, PackageId, PackageStatus, PlaybackTokenId, SessionId, Timestamp, UserId};
use std::{
    hash::Hash,
    io::Write,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

/// How long anything is remembered.
pub const LONGEST: Duration = Duration::from_secs(1);
/// Answers of each kind that are remembered at once.
const ENTRIES: u64 = 16_384;
/// Media among them, which hold texts of several kilobytes.
const MEDIA: u64 = 4096;
/// Memory of playlists, bytes.
const TEXT_BYTES: u64 = 32 << 20;
/// What a remembered text costs beside its own bytes.
const TEXT_COST: u32 = 256;
/// Media whose changes are not told apart share a place: so what remembers changes does not grow with them.
const PLACES: usize = 4096;

/// What has changed, and is to be forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "of", rename_all = "snake_case")]
pub enum Stale {
    /// A media: who may see it, or what its playlists say.
    Media { media: MediaId },
    /// A playback token that was revoked.
    PlaybackToken { token: PlaybackTokenId },
    /// Sessions, roles or API tokens.
    People,
    /// All of it.
    Everything,
}

/// A text as it is sent, with what tells it from another.
#[derive(Debug)]
pub struct Text {
    pub body: Bytes,
    pub tag: String,
    gzipped: OnceLock<Bytes>,
}

impl From<String> for Text {
    fn from(body: String) -> Self {
        Self { tag: text::fingerprint(&body), body: body.into(), gzipped: OnceLock::new() }
    }
}

impl Text {
    /// The same compressed (RFC 1952), which is done once.
    pub fn gzipped(&self) -> Bytes {
        let pack = || {
            let mut packed = GzEncoder::new(Vec::new(), Compression::default());
            // Writing into memory does not fail; if it did, what came of it would not be a text.
            packed.write_all(&self.body).and_then(|()| packed.finish()).unwrap_or_default().into()
        };
        self.gzipped.get_or_init(pack).clone()
    }
}

/// What is remembered. Cheap to clone.
///
/// Every entry is filed under the number of changes that were known when it was asked for: after a change nobody asks for it any
/// more, and what was being read meanwhile is filed where nobody looks.
#[derive(Debug, Clone)]
pub struct DecisionCache(Arc<Inner>);

/// The account of an API token, and what the token may do.
type Machine = Arc<(UserRow, String)>;

#[derive(Debug)]
struct Inner {
    changes: Box<[AtomicU64]>,
    changes_of_people: AtomicU64,
    media: Cache<(MediaId, u64), Arc<MediaRow>>,
    packages: Cache<(MediaId, PackageId, u64), PackageStatus>,
    grants: Cache<(MediaId, UserId, u64), ()>,
    tokens: Cache<(PlaybackTokenId, u64), Arc<PlaybackTokenRow>>,
    people: Cache<(SessionId, u64), Arc<UserRow>>,
    machines: Cache<(Vec<u8>, u64), Machine>,
    texts: Cache<(MediaId, u64, String), Arc<Text>>,
}

fn cache<K, V>(entries: u64) -> Cache<K, V>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
{
    Cache::builder().max_capacity(entries).time_to_live(LONGEST).build()
}

impl Default for DecisionCache {
    fn default() -> Self {
        let weight = |key: &(MediaId, u64, String), text: &Arc<Text>| {
            // Compressed it is there a second time, and smaller.
            u32::try_from(2 * text.body.len() + key.2.len()).unwrap_or(u32::MAX).saturating_add(TEXT_COST)
        };
        let texts = Cache::builder().max_capacity(TEXT_BYTES).weigher(weight).time_to_live(LONGEST).build();
        Self(Arc::new(Inner {
            changes: (0..PLACES).map(|_| AtomicU64::new(0)).collect(),
            changes_of_people: AtomicU64::new(0),
            media: cache(MEDIA),
            packages: cache(ENTRIES),
            grants: cache(ENTRIES),
            tokens: cache(ENTRIES),
            people: cache(ENTRIES),
            machines: cache(ENTRIES),
            texts,
        }))
    }
}

/// Why a question was not answered by something that is remembered.
#[derive(Debug)]
enum Miss<V, E> {
    /// There is nothing.
    Absent,
    /// It may be another the next moment.
    Passing(V),
    Failed(E),
}

/// An answer, from memory or by `load`, which says whether it lasts. Equal questions wait for one `load`.
async fn remembered<K, V, E>(
    cache: &Cache<K, V>,
    key: K,
    load: impl Future<Output = Result<Option<(V, bool)>, E>>,
    again: impl Fn(&E) -> E,
) -> Result<Option<V>, E>
where
    K: Hash + Eq + Send + Sync + 'static,
    V: Clone + Send + Sync + 'static,
    E: Send + Sync + 'static,
{
    if let Some(found) = cache.get(&key).await {
        return Ok(Some(found));
    }
    // Boxed: what reads is large, and would be moved from hand to hand.
    let load = Box::pin(load);
    let loaded = cache.try_get_with(key, async {
        match load.await {
            Ok(Some((found, true))) => Ok(found),
            Ok(Some((found, false))) => Err(Miss::Passing(found)),
            Ok(None) => Err(Miss::Absent),
            Err(error) => Err(Miss::Failed(error)),
        }
    });
    match loaded.await {
        Ok(found) => Ok(Some(found)),
        Err(miss) => match &*miss {
            Miss::Absent => Ok(None),
            Miss::Passing(found) => Ok(Some(found.clone())),
            Miss::Failed(error) => Err(again(error)),
        },
    }
}

/// The same error for whoever waited for the same read.
fn again(error: &DbError) -> DbError {
    match error {
        DbError::Missing => DbError::Missing,
        DbError::Full => DbError::Full,
        other => DbError::Unusable(other.to_string()),
    }
}

impl DecisionCache {
    fn place(&self, id: &[u8; 16]) -> &AtomicU64 {
        // The end of an identifier is random.
        let number = usize::from(u16::from_be_bytes([id[14], id[15]]));
        &self.0.changes[number % PLACES]
    }

    fn changes(&self, media: MediaId) -> u64 {
        self.place(media.uuid().as_bytes()).load(Ordering::Acquire)
    }

    /// Forgets what has changed. What was asked before this and is still being read is forgotten too.
    pub fn forget(&self, what: Stale) {
        let count = |changes: &AtomicU64| {
            changes.fetch_add(1, Ordering::AcqRel);
        };
        match what {
            Stale::Media { media } => count(self.place(media.uuid().as_bytes())),
            Stale::PlaybackToken { token } => count(self.place(token.uuid().as_bytes())),
            Stale::People => count(&self.0.changes_of_people),
            Stale::Everything => {
                self.0.changes.iter().for_each(count);
                count(&self.0.changes_of_people);
            }
        }
    }

    /// A media, remembered once it is complete.
    pub async fn media(&self, db: &Db, id: MediaId) -> Result<Option<Arc<MediaRow>>, DbError> {
        let load = async {
            let found = db.media().find(id).await?;
            Ok(found.map(|row| {
                let complete = row.status == PackageStatus::Ready;
                (Arc::new(row), complete)
            }))
        };
        remembered(&self.0.media, (id, self.changes(id)), load, again).await
    }

    /// How far a package is that is or was a media's; remembered once it is ready.
    pub async fn package(&self, db: &Db, media: MediaId, package: PackageId) -> Result<Option<PackageStatus>, DbError> {
        let load = async {
            let found = db.media().package_status(media, package).await?;
            Ok(found.map(|status| (status, status == PackageStatus::Ready)))
        };
        remembered(&self.0.packages, (media, package, self.changes(media)), load, again).await
    }

    /// Whether a person was granted a media.
    pub async fn is_granted(&self, db: &Db, media: MediaId, user: UserId) -> Result<bool, DbError> {
        let load = async { Ok(db.access().is_granted(media, user).await?.then_some(((), true))) };
        Ok(remembered(&self.0.grants, (media, user, self.changes(media)), load, again).await?.is_some())
    }

    /// A playback token that is neither revoked nor expired.
    pub async fn playback_token(
        &self,
        db: &Db,
        id: PlaybackTokenId,
        now: Timestamp,
    ) -> Result<Option<Arc<PlaybackTokenRow>>, DbError> {
        let load = async { Ok(db.access().playback_token(id, now).await?.map(|row| (Arc::new(row), true))) };
        let changes = self.place(id.uuid().as_bytes()).load(Ordering::Acquire);
        let found = remembered(&self.0.tokens, (id, changes), load, again).await?;
        Ok(found.filter(|row| row.expires_at > now))
    }

    fn changes_of_people(&self) -> u64 {
        self.0.changes_of_people.load(Ordering::Acquire)
    }

    /// The account behind a live session.
    pub async fn person(&self, db: &Db, session: SessionId, now: Timestamp) -> Result<Option<Arc<UserRow>>, DbError> {
        let load = async { Ok(db.sessions().user_of(session, now).await?.map(|row| (Arc::new(row), true))) };
        remembered(&self.0.people, (session, self.changes_of_people()), load, again).await
    }

    /// The account and the scopes behind the hash of a machine's token.
    pub async fn machine(&self, db: &Db, hash: Vec<u8>, now: Timestamp) -> Result<Option<Machine>, DbError> {
        let asked = hash.clone();
        let load = async { Ok(db.tokens().user_of_api_token(&asked, now).await?.map(|found| (Arc::new(found), true))) };
        remembered(&self.0.machines, (hash, self.changes_of_people()), load, again).await
    }

    /// A text of a media under a name; `make` says whether it lasts.
    pub async fn text<'a, E>(
        &self,
        media: MediaId,
        name: String,
        make: impl FnOnce() -> BoxFuture<'a, Result<(String, bool), E>>,
    ) -> Result<Option<Arc<Text>>, E>
    where
        E: Clone + Send + Sync + 'static,
    {
        let load = async {
            let (body, lasts) = make().await?;
            Ok::<_, E>(Some((Arc::new(Text::from(body)), lasts)))
        };
        remembered(&self.0.texts, (media, self.changes(media), name), load, E::clone).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures::FutureExt;
    use std::sync::atomic::AtomicUsize;
    use tokio::sync::Notify;

    /// Asks for the same text, counting how often it is made.
    async fn ask(cache: &DecisionCache, media: MediaId, made: &AtomicUsize, lasts: bool) -> String {
        let make = || {
            async {
                tokio::task::yield_now().await;
                Ok::<_, ()>((format!("{}", made.fetch_add(1, Ordering::SeqCst)), lasts))
            }
            .boxed()
        };
        let text = cache.text(media, "list".to_owned(), make).await.unwrap().unwrap();
        String::from_utf8(text.body.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn equal_questions_are_one_read_until_something_changes() {
        let (cache, media, made) = (DecisionCache::default(), MediaId::new(), AtomicUsize::new(0));
        let all = futures::future::join_all((0..100).map(|_| ask(&cache, media, &made, true))).await;
        assert!(all.iter().all(|t| t == "0"), "{all:?}");
        let nothing = [Stale::People, Stale::PlaybackToken { token: PlaybackTokenId::nil() }];
        for other in nothing {
            cache.forget(other);
            assert_eq!(ask(&cache, media, &made, true).await, "0", "{other:?}");
        }
        for change in [Stale::Media { media }, Stale::Everything] {
            let before: usize = ask(&cache, media, &made, true).await.parse().unwrap();
            cache.forget(change);
            assert_eq!(ask(&cache, media, &made, true).await, (before + 1).to_string(), "{change:?}");
        }
    }

    #[tokio::test]
    async fn what_passes_is_asked_for_each_time_and_nothing_is_kept_longer_than_a_second() {
        let (cache, media, made) = (DecisionCache::default(), MediaId::new(), AtomicUsize::new(0));
        for n in 0..3 {
            assert_eq!(ask(&cache, media, &made, false).await, n.to_string());
        }
        assert_eq!(ask(&cache, media, &made, true).await, "3");
        tokio::time::sleep(LONGEST + Duration::from_millis(50)).await;
        assert_eq!(ask(&cache, media, &made, true).await, "4");
    }

    #[tokio::test]
    async fn what_was_being_read_while_it_changed_is_forgotten_too() {
        let (cache, media) = (DecisionCache::default(), MediaId::new());
        let (begun, go_on) = (Arc::new(Notify::new()), Arc::new(Notify::new()));
        let slow = tokio::spawn({
            let (cache, begun, go_on) = (cache.clone(), begun.clone(), go_on.clone());
            async move {
                let make = || {
                    async {
                        begun.notify_one();
                        go_on.notified().await;
                        Ok::<_, ()>(("old".to_owned(), true))
                    }
                    .boxed()
                };
                cache.text(media, "list".to_owned(), make).await.unwrap().unwrap()
            }
        });
        begun.notified().await;
        cache.forget(Stale::Media { media });
        let made = AtomicUsize::new(7);
        assert_eq!(ask(&cache, media, &made, true).await, "7", "it does not wait for what is old");
        go_on.notify_one();
        assert_eq!(slow.await.unwrap().body, "old");
        assert_eq!(ask(&cache, media, &made, true).await, "7");
    }

    #[test]
    fn changes_are_told_to_other_instances() {
        for what in [
            Stale::Media { media: MediaId::max() },
            Stale::PlaybackToken { token: PlaybackTokenId::nil() },
            Stale::People,
            Stale::Everything,
        ] {
            let told = serde_json::to_string(&what).unwrap();
            assert_eq!(serde_json::from_str::<Stale>(&told).unwrap(), what);
        }
    }
}
