//! Ingest: how bytes become a source, whatever way they come. Forms, tus, presigned parts and imports use the one
//! writer, the one reader, the one quota, the one sniffing and the one completion of this crate.
//!
//! Invariants: no byte is counted that is not stored; only the holder of an upload's lease changes it; memory is
//! bounded. Nothing here knows HTTP.

pub mod codecs;
pub mod completion;
pub mod container;
mod error;
mod extents;
mod foreign;
pub mod frames;
mod identify;
mod lease;
mod listing;
mod memory;
mod parts;
pub mod quota;
pub mod sniff;
mod writer;

pub use error::{IngestError, ReceiveError};
pub use extents::{ExtentReader, extent_key};
pub use lease::{Recording, UploadLease};
pub use memory::{UploadMemory, UploadMemoryShare};
pub use parts::{PartLayout, StoredPart, part_object};
pub use writer::{Received, Target};

use sluice_config::Config;
use sluice_db::Db;
use sluice_storage::{Space, Store, StoreError};
use std::{sync::Arc, time::Duration};

/// What ingest works with. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Ingest {
    pub db: Db,
    pub store: Store,
    pub config: Arc<Config>,
    /// Shared by all uploads of this process.
    pub memory: UploadMemory,
    /// The disks that bytes come to.
    pub space: Space,
}

/// Shortest life of an upload after its last sign of life.
const LEAST_TTL: Duration = Duration::from_secs(1);

impl Ingest {
    /// Life of an upload after its last sign of life: that of unreferenced bytes.
    pub fn upload_ttl(&self) -> Duration {
        self.config.retention.gc_window.max(LEAST_TTL)
    }

    /// Bytes that any upload may have.
    pub fn max_upload_bytes(&self) -> i64 {
        i64::try_from(self.config.ingest.max_upload_bytes).unwrap_or(i64::MAX)
    }

    /// Whether there is room for anything new. What is refused may be tried again: room comes by itself, or by an
    /// operator.
    ///
    /// # Errors
    /// [`StoreError::Full`].
    pub fn check_space(&self) -> Result<(), StoreError> {
        if self.space.shortage().is_some() { Err(StoreError::Full) } else { Ok(()) }
    }

    /// Whether an upload may be this long, bytes.
    ///
    /// # Errors
    /// [`IngestError::TooLarge`].
    pub fn check_length(&self, length_bytes: i64) -> Result<(), IngestError> {
        let most = self.config.ingest.max_upload_bytes;
        if u64::try_from(length_bytes).is_ok_and(|l| l <= most) { Ok(()) } else { Err(IngestError::TooLarge(most)) }
    }
}

#[cfg(test)]
mod fixture {
    use super::*;
    use bytes::Bytes;
    use futures::{Stream, stream};
    use sluice_db::{NewMedia, NewUpload, NewUser, UploadRow};
    use sluice_model::{
        ClaimToken, Encryption, MediaId, PackageId, Role, SourceId, Timestamp, UploadId, UploadKind, UserId,
        Visibility, clock,
    };
    use sluice_storage::Prefix;
    use tempfile::TempDir;

    /// A database and a store of their own, with one account.
    pub struct World {
        pub ingest: Ingest,
        pub owner: UserId,
        pub dir: TempDir,
    }

    /// Bytes that begin like an MP4.
    pub fn film(bytes: usize) -> Vec<u8> {
        let mut data: Vec<u8> = (0..bytes).map(|i| (i * 7 % 251) as u8).collect();
        let head = b"\0\0\0\x18ftypisom";
        data[..head.len()].copy_from_slice(head);
        data
    }

    /// They come in pieces, then end, or break off.
    pub fn sent(data: &[u8], cut: Option<&'static str>) -> impl Stream<Item = Result<Bytes, &'static str>> + Unpin {
        let pieces: Vec<_> = data.chunks(50_000).map(|c| Ok(Bytes::copy_from_slice(c))).collect();
        stream::iter(pieces.into_iter().chain(cut.map(Err)))
    }

    impl World {
        pub async fn new(settings: &str) -> Self {
            let dir = tempfile::tempdir().unwrap();
            let data = format!("data_dir = {:?}\n{settings}", dir.path().display().to_string());
            let config = Config::from_parts(&Default::default(), &data).unwrap();
            let db = Db::open(&config.database_url).await.unwrap();
            let store = Store::open(&config.store).await.unwrap();
            let owner = UserId::new();
            let user = NewUser {
                id: owner,
                username: "ada",
                email: "a@b.c",
                password_hash: "x",
                role: Role::Creator,
                now: Timestamp::EPOCH,
            };
            db.users().insert(&user).await.unwrap();
            Self {
                ingest: Ingest {
                    db,
                    store,
                    space: Space::of(&config),
                    config: Arc::new(config),
                    memory: UploadMemory::default(),
                },
                owner,
                dir,
            }
        }

        /// An upload that has begun, with its media.
        pub async fn upload(&self, length_bytes: Option<i64>, kind: UploadKind, checksum: Option<&[u8]>) -> UploadRow {
            let (id, source, package, media) = (UploadId::new(), SourceId::new(), PackageId::new(), MediaId::new());
            let now = clock::now();
            let upload = NewUpload {
                id,
                owner_id: self.owner,
                source_id: source,
                length_bytes,
                metadata: "{}",
                part: false,
                track_of: None,
                kind,
                part_bytes: None,
                content_type: None,
                checksum,
                reserved_bytes: 0,
                now,
                expires_at: now + Duration::from_secs(60),
            };
            let mut tx = self.ingest.db.begin().await.unwrap();
            tx.uploads().insert(&upload).await.unwrap();
            tx.packages().insert(package, source, Encryption::None, now).await.unwrap();
            tx.media()
                .insert(&NewMedia {
                    id: media,
                    owner_id: self.owner,
                    source_id: source,
                    package_id: package,
                    title: "t",
                    description: "",
                    visibility: Visibility::Private,
                    filename: "f",
                    now,
                })
                .await
                .unwrap();
            tx.uploads().set_media(id, media).await.unwrap();
            tx.commit().await.unwrap();
            self.row(id).await
        }

        pub async fn row(&self, id: UploadId) -> UploadRow {
            self.ingest.db.uploads().find(id).await.unwrap().unwrap()
        }

        pub async fn lease(&self, id: UploadId) -> (UploadRow, UploadLease) {
            self.ingest.take_lease(id, ClaimToken::random(), Duration::from_secs(60)).await.unwrap().unwrap()
        }

        /// Goes on with an upload where it is, under a lease of its own.
        pub async fn receive(&self, id: UploadId, data: &[u8], cut: Option<&'static str>) -> Received<&'static str> {
            let (row, lease) = self.lease(id).await;
            self.ingest.receive(self.target(&row, Recording::Immediate(lease)).await, sent(data, cut)).await
        }

        pub async fn target(&self, row: &UploadRow, recording: Recording) -> Target {
            Target {
                source: row.source_id,
                recording,
                offset: row.offset_bytes.unsigned_abs(),
                limit: row.length_bytes.unwrap_or(self.ingest.max_upload_bytes()).unsigned_abs(),
                head: self.ingest.unidentified_head(row).await.unwrap(),
            }
        }

        /// Objects that are stored of a source.
        pub async fn objects(&self, source: SourceId) -> usize {
            self.ingest.store.list(&Prefix::Source(source)).await.unwrap().len()
        }

        pub async fn read(&self, source: SourceId) -> Bytes {
            let reader = ExtentReader::open(&self.ingest.db, &self.ingest.store, source).await.unwrap();
            reader.read(0..u64::MAX).await.unwrap()
        }

        /// Names of the tasks of an upload's package, in the order they were queued.
        pub async fn tasks(&self, row: &UploadRow) -> Vec<String> {
            let media = self.ingest.db.media().find(row.media_id.unwrap()).await.unwrap().unwrap();
            self.ingest.db.tasks().of_package(media.package_id).await.unwrap().into_iter().map(|t| t.name).collect()
        }
    }
}
