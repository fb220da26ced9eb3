//! A database with somebody in it, and short ways to what tests of the contract begin with.

use harness::Pair;
use sluice_db::{
    ClaimLimits, ClaimedTask, Db, ExtentRow, NewMedia, NewRendition, NewTask, NewUpload, NewUser, PlannedPackage,
    SegmentRow, SessionUse,
};
use sluice_model::{
    ClaimToken, Encryption, MediaId, MediaKind, PackageId, RenditionRole, Role, SoundTrack, SourceId, TaskKind,
    TaskKinds, Timestamp, TurnId, UploadId, UploadKind, UserId, VideoRange, Visibility,
};

pub const ROOM: ClaimLimits = ClaimLimits {
    cores: 8,
    memory_bytes: i64::MAX,
    light: true,
    light_last: true,
    imports: true,
    plan: true,
    opening: true,
    kinds: TaskKinds::ALL,
    after: TurnId::nil(),
};

/// A fresh database with all migrations, which goes with its folder.
pub struct Fresh {
    pub db: Db,
    pub _folder: tempfile::TempDir,
}

pub async fn fresh(pair: Pair) -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let url = harness::database::fresh(pair, folder.path());
    Fresh { db: Db::open(&url).await.unwrap(), _folder: folder }
}

pub struct World {
    pub db: Db,
    pub owner: UserId,
}

impl World {
    pub async fn new(db: Db) -> Self {
        let owner = UserId::new();
        db.users().insert(&user(owner, "Ada", "ada@example.org")).await.unwrap();
        Self { db, owner }
    }

    /// The same database with somebody else in it.
    pub async fn another(&self, username: &str) -> Self {
        let owner = UserId::new();
        self.db.users().insert(&user(owner, username, &format!("{username}@example.org"))).await.unwrap();
        Self { db: self.db.clone(), owner }
    }

    /// A complete source with a package and a media.
    pub async fn film(&self, begun_us: i64) -> (SourceId, PackageId, MediaId) {
        let now = at(begun_us);
        let (source, package, media) = (SourceId::new(), PackageId::new(), MediaId::new());
        let (upload, holder) = (UploadId::new(), ClaimToken::random());
        let mut tx = self.db.begin().await.unwrap();
        tx.uploads().insert(&new_upload(upload, self.owner, source, begun_us)).await.unwrap();
        tx.commit().await.unwrap();
        self.db.uploads().take_lease(upload, holder, now, at(begun_us + 1)).await.unwrap().unwrap();
        assert!(advance(&self.db, upload, holder, &extent(source, 0, 5), begun_us).await);
        let mut tx = self.db.begin().await.unwrap();
        assert!(tx.sources().complete(source, 5, now).await.unwrap());
        tx.packages().insert(package, source, Encryption::None, now).await.unwrap();
        tx.media().insert(&new_media(media, self.owner, source, package, now)).await.unwrap();
        tx.uploads().set_media(upload, media).await.unwrap();
        tx.uploads().finish(upload, now).await.unwrap();
        tx.commit().await.unwrap();
        (source, package, media)
    }

    pub async fn enqueue(&self, source: SourceId, package: PackageId, name: &str, due: i64) {
        self.enqueue_kind(source, package, TaskKind::Chunk, name, due).await;
    }

    /// Queues a task that needs a core.
    pub async fn enqueue_kind(&self, source: SourceId, package: PackageId, kind: TaskKind, name: &str, due: i64) {
        self.enqueue_task(NewTask { due_at: at(due), ..task(source, package, kind, name) }).await;
    }

    pub async fn enqueue_task(&self, task: NewTask) {
        let mut tx = self.db.begin().await.unwrap();
        tx.tasks().enqueue(&[task], at(1)).await.unwrap();
        tx.commit().await.unwrap();
    }

    pub async fn claim(&self) -> Option<ClaimedTask> {
        self.db.tasks().claim("w", ClaimToken::random(), ROOM).await.unwrap()
    }
}

/// A task that needs a core, and that anybody may claim.
pub fn task(source_id: SourceId, package_id: PackageId, kind: TaskKind, name: &str) -> NewTask {
    NewTask {
        package_id,
        source_id,
        kind,
        name: name.to_owned(),
        payload: "{}".to_owned(),
        due_at: at(1),
        cores: 1,
        memory_bytes: 1,
        needs_bytes: 0,
        not_before: Timestamp::EPOCH,
    }
}

/// So many microseconds after the Unix epoch: what is compared is easier to read in small numbers.
pub fn at(micros: i64) -> Timestamp {
    Timestamp::from_micros(micros)
}

pub fn new_upload(id: UploadId, owner_id: UserId, source_id: SourceId, begun_us: i64) -> NewUpload<'static> {
    let length_bytes = Some(10);
    NewUpload {
        id,
        owner_id,
        source_id,
        length_bytes,
        metadata: "{}",
        part: false,
        track_of: None,
        kind: UploadKind::Tus,
        part_bytes: None,
        content_type: None,
        checksum: None,
        reserved_bytes: 0,
        now: at(begun_us),
        expires_at: at(begun_us + 1),
    }
}

pub fn new_media(
    id: MediaId,
    owner_id: UserId,
    source_id: SourceId,
    package_id: PackageId,
    now: Timestamp,
) -> NewMedia<'static> {
    let (title, description, filename, visibility) = ("t", "", "f", Visibility::Private);
    NewMedia { id, owner_id, source_id, package_id, title, description, visibility, filename, now }
}

pub fn extent(source: SourceId, offset_bytes: i64, size_bytes: i64) -> ExtentRow {
    ExtentRow { offset_bytes, size_bytes, number: offset_bytes, home: source }
}

pub async fn advance(db: &Db, upload: UploadId, holder: ClaimToken, extent: &ExtentRow, now_us: i64) -> bool {
    let mut tx = db.begin().await.unwrap();
    let one = std::slice::from_ref(extent);
    let done =
        tx.uploads().advance(upload, holder, extent.offset_bytes, one, at(now_us), at(now_us + 1)).await.unwrap();
    // As its callers do: what was not recorded is rolled back.
    if done {
        tx.commit().await.unwrap();
    }
    done
}

pub fn user<'a>(id: UserId, username: &'a str, email: &'a str) -> NewUser<'a> {
    NewUser { id, username, email, password_hash: "x", role: Role::Creator, now: at(1) }
}

pub fn segment(sequence: i64) -> SegmentRow {
    SegmentRow {
        sequence,
        object: format!("{sequence}"),
        size_bytes: 1,
        sha256: vec![0],
        start_ticks: 0,
        duration_ticks: 1,
        fragments: "[]".into(),
        published_at: at(1),
        key_number: None,
        iv: None,
        peaks: None,
        loudness: None,
    }
}

pub fn rendition() -> NewRendition {
    NewRendition {
        name: "v720".into(),
        kind: MediaKind::Video,
        role: RenditionRole::Both,
        passthrough: false,
        width: Some(1280),
        height: Some(720),
        rate: Some((25, 1)),
        channels: None,
        codecs: "avc1.64001f".into(),
        video_range: VideoRange::Sdr,
        supplemental_codecs: None,
        timescale: 25_000,
        cap_bps: 3_000_000,
        planned: 40,
        track: SoundTrack::default(),
    }
}

/// A plan of a picture.
pub fn plan() -> PlannedPackage<'static> {
    PlannedPackage {
        kind: MediaKind::Video,
        plan: "{}",
        duration_ms: Some(1),
        width: None,
        height: None,
        target_s: 6,
        renditions: vec![rendition()],
    }
}

pub async fn planned(world: &World) -> (SourceId, PackageId) {
    let (source, package, _) = world.film(1).await;
    let plan = plan();
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.packages().store_plan(package, &plan, at(1)).await.unwrap());
    assert!(!tx.packages().store_plan(package, &plan, at(1)).await.unwrap(), "a second plan changes nothing");
    tx.commit().await.unwrap();
    (source, package)
}

pub fn used(now_us: i64, expires_us: i64) -> SessionUse<'static> {
    SessionUse { address: "192.0.2.1", agent: "a test", now: at(now_us), expires_at: at(expires_us) }
}
