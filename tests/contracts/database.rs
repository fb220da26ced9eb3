//! The contract of the queue's truth: claims, fences, attempts, publication, merging.

use harness::Pair;
use sluice_db::{
    AuditPage, AuditRow, ClaimLimits, ClaimedTask, Db, DbError, ExtentRow, MAX_ATTEMPTS, MailPurpose, NewApiToken,
    NewMedia, NewRendition, NewTask, NewUpload, NewUser, PlannedPackage, PlaybackTokenRow, SegmentRow, SessionUse,
    WebhookChange, WebhookRow,
};
use sluice_model::{
    Encryption, MediaKind, PackageStatus, Reason, RenditionRole, Role, TaskKind, TaskStatus, UploadKind, Visibility,
};
use uuid::Uuid;

const ROOM: ClaimLimits = ClaimLimits { cores: 8, memory_bytes: i64::MAX, imports: true };

/// A fresh database with all migrations, which goes with its folder.
struct Fresh {
    db: Db,
    _folder: tempfile::TempDir,
}

async fn fresh(pair: Pair) -> Fresh {
    let folder = tempfile::tempdir().unwrap();
    let url = harness::database::fresh(pair, folder.path());
    Fresh { db: Db::open(&url).await.unwrap(), _folder: folder }
}

harness::on_both!(fresh =>     task_is_claimed_once_and_in_order,
    lost_claim_changes_nothing,
    infrastructure_errors_give_attempts_back,
    first_publication_wins_and_prefix_has_no_hole,
    concurrent_publications_count_right,
    same_bytes_become_one_source,
    ready_is_not_merged_into_unready,
    plan_grows_until_its_end_is_known,
    bytes_are_not_merged_into_idle_packages,
    abandoned_upload_is_found,
    only_the_newest_request_advances,
    expired_rows_are_purged,
    names_are_taken_and_addresses_are_claimed,
    session_has_one_live_refresh_token,
    rate_limit_is_taken_exactly,
    views_are_counted_exactly,
    last_administrator_stays,
    webhook_accounts_take_turns,
);

struct World {
    db: Db,
    owner: Uuid,
}

impl World {
    async fn new(db: Db) -> Self {
        let owner = Uuid::now_v7();
        db.insert_user(&user(owner, "Ada", "ada@example.org")).await.unwrap();
        Self { db, owner }
    }

    /// A complete source with a package and a media.
    async fn film(&self, now: i64) -> (Uuid, Uuid, Uuid) {
        let (source, package, media) = (Uuid::now_v7(), Uuid::now_v7(), Uuid::now_v7());
        let (upload, holder) = (Uuid::now_v7(), Uuid::new_v4());
        let mut tx = self.db.begin().await.unwrap();
        tx.insert_upload(&new_upload(upload, self.owner, source, now)).await.unwrap();
        tx.commit().await.unwrap();
        self.db.take_upload(upload, holder, now, now + 1).await.unwrap().unwrap();
        assert!(advance(&self.db, upload, holder, &extent(source, 0, 5), now).await);
        let mut tx = self.db.begin().await.unwrap();
        assert!(tx.complete_source(source, 5, now).await.unwrap());
        tx.insert_package(package, source, Encryption::None, now).await.unwrap();
        tx.insert_media(&NewMedia {
            id: media,
            owner_id: self.owner,
            source_id: source,
            package_id: package,
            title: "t",
            description: "",
            visibility: Visibility::Private,
            filename: "f",
            now_us: now,
        })
        .await
        .unwrap();
        tx.set_upload_media(upload, media).await.unwrap();
        tx.finish_upload(upload, now).await.unwrap();
        tx.commit().await.unwrap();
        (source, package, media)
    }

    async fn enqueue(&self, source: Uuid, package: Uuid, name: &str, due_us: i64) {
        let task = NewTask {
            package_id: package,
            source_id: source,
            kind: TaskKind::Chunk,
            name: name.to_owned(),
            payload: "{}".to_owned(),
            due_us,
            cores: 1,
            memory_bytes: 1,
            needs_bytes: 0,
            not_before_us: 0,
        };
        let mut tx = self.db.begin().await.unwrap();
        tx.enqueue(&[task], 1).await.unwrap();
        tx.commit().await.unwrap();
    }

    async fn claim(&self) -> Option<ClaimedTask> {
        self.db.claim_task("w", Uuid::new_v4(), ROOM).await.unwrap()
    }
}

fn new_upload(id: Uuid, owner_id: Uuid, source_id: Uuid, now_us: i64) -> NewUpload<'static> {
    let length_bytes = Some(10);
    NewUpload {
        id,
        owner_id,
        source_id,
        length_bytes,
        metadata: "{}",
        part: false,
        kind: UploadKind::Tus,
        part_bytes: None,
        content_type: None,
        checksum: None,
        reserved_bytes: 0,
        now_us,
        expires_us: now_us + 1,
    }
}

fn extent(source: Uuid, offset_bytes: i64, size_bytes: i64) -> ExtentRow {
    ExtentRow { offset_bytes, size_bytes, number: offset_bytes, home: source }
}

async fn advance(db: &Db, upload: Uuid, holder: Uuid, extent: &ExtentRow, now_us: i64) -> bool {
    let mut tx = db.begin().await.unwrap();
    let one = std::slice::from_ref(extent);
    let done = tx.advance_upload(upload, holder, extent.offset_bytes, one, now_us, now_us + 1).await.unwrap();
    // As its callers do: what was not recorded is rolled back.
    if done {
        tx.commit().await.unwrap();
    }
    done
}

fn user<'a>(id: Uuid, username: &'a str, email: &'a str) -> NewUser<'a> {
    NewUser { id, username, email, password_hash: "x", role: Role::Creator, now_us: 1 }
}

fn segment(sequence: i64) -> SegmentRow {
    SegmentRow {
        sequence,
        object: format!("{sequence}"),
        size_bytes: 1,
        sha256: vec![0],
        start_ticks: 0,
        duration_ticks: 1,
        fragments: "[]".into(),
        published_us: 1,
        key_number: None,
        iv: None,
    }
}

fn rendition() -> NewRendition {
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
        timescale: 25_000,
        cap_bps: 3_000_000,
        planned: 40,
    }
}

async fn planned(world: &World) -> (Uuid, Uuid) {
    let (source, package, _) = world.film(1).await;
    let plan = PlannedPackage {
        kind: MediaKind::Video,
        plan: "{}",
        duration_ms: Some(1),
        width: None,
        height: None,
        target_s: 6,
        renditions: vec![rendition()],
    };
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.store_plan(package, &plan, 1).await.unwrap());
    assert!(!tx.store_plan(package, &plan, 1).await.unwrap(), "a second plan changes nothing");
    tx.commit().await.unwrap();
    (source, package)
}

async fn task_is_claimed_once_and_in_order(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, _) = world.film(1).await;
    for i in 0..20 {
        world.enqueue(source, package, &format!("t{i}"), 100 - i).await;
        world.enqueue(source, package, &format!("t{i}"), 0).await;
    }
    let first = world.claim().await.unwrap();
    assert_eq!(first.name, "t19", "the earliest deadline");
    let claims = (0..40).map(|_| {
        let db = world.db.clone();
        tokio::spawn(async move { db.claim_task("w", Uuid::new_v4(), ROOM).await.unwrap().map(|t| t.name) })
    });
    let mut names = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        names.extend(claim.await.unwrap());
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!((count, names.len()), (19, 19), "each exactly once");
    let none = ClaimLimits { cores: 0, memory_bytes: i64::MAX, imports: true };
    world.enqueue(source, package, "late", 1).await;
    assert!(world.db.claim_task("w", Uuid::new_v4(), none).await.unwrap().is_none(), "it needs a core");
}

async fn lost_claim_changes_nothing(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package) = planned(&world).await;
    world.enqueue(source, package, "t", 1).await;
    let stale = world.claim().await.unwrap();
    let running = world.db.running_tasks().await.unwrap();
    assert!(world.db.free_lease(&running[0]).await.unwrap());
    assert!(!world.db.free_lease(&running[0]).await.unwrap(), "only once");
    let fresh = world.claim().await.unwrap();
    assert_eq!((fresh.id, fresh.attempts), (stale.id, 2));
    assert!(matches!(world.db.beat_task(stale.id, stale.token).await, Err(DbError::Fenced)));
    let mut tx = world.db.begin().await.unwrap();
    assert!(matches!(tx.hold_claim(stale.id, stale.token, 1.0).await, Err(DbError::Fenced)));
    drop(tx);
    world.db.release_task(stale.id, stale.token, 0).await.unwrap();
    world.db.beat_task(fresh.id, fresh.token).await.unwrap();
    assert_eq!(world.db.tasks_of(package).await.unwrap()[0].status, TaskStatus::Running);
}

async fn infrastructure_errors_give_attempts_back(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, _) = world.film(1).await;
    world.enqueue(source, package, "t", 1).await;
    for _ in 0..5 {
        let task = world.claim().await.unwrap();
        assert_eq!(task.attempts, 1);
        world.db.release_task(task.id, task.token, 0).await.unwrap();
    }
    for attempt in 1..=MAX_ATTEMPTS {
        let task = world.claim().await.unwrap();
        assert_eq!(task.attempts, attempt);
        let running = world.db.running_tasks().await.unwrap();
        assert!(world.db.free_lease(&running[0]).await.unwrap());
    }
    assert!(world.claim().await.is_none(), "no fourth run");
    let exhausted = world.db.exhausted_tasks().await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.park_if_exhausted(exhausted[0].id, &Reason::new("worker_lost", "x"), 1).await.unwrap());
    tx.fail_package(package, &Reason::new("worker_lost", "x"), 1).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.db.package(package).await.unwrap().unwrap().status, PackageStatus::Failed);
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.retry_package(package, 1).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(world.claim().await.unwrap().attempts, 1, "a fresh start");
}

async fn first_publication_wins_and_prefix_has_no_hole(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, package) = planned(&world).await;
    for (sequence, won, contiguous) in [(1, true, 0), (0, true, 2), (0, false, 2), (3, true, 2), (2, true, 4)] {
        let mut tx = world.db.begin().await.unwrap();
        assert_eq!(tx.publish_segment(package, "v720", &segment(sequence)).await.unwrap(), won);
        tx.commit().await.unwrap();
        assert_eq!(world.db.renditions(package).await.unwrap()[0].contiguous, contiguous, "after {sequence}");
    }
    let mut tx = world.db.begin().await.unwrap();
    assert!(matches!(tx.publish_segment(package, "gone", &segment(0)).await, Err(DbError::Fenced)));
    drop(tx);
    assert_eq!(world.db.reveal(package, 3).await.unwrap(), 3);
    assert_eq!(world.db.reveal(package, 2).await.unwrap(), 3, "never fewer than before");
}

async fn concurrent_publications_count_right(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, package) = planned(&world).await;
    let all = (0..40).rev().map(|n| {
        let db = world.db.clone();
        tokio::spawn(async move {
            let mut tx = db.begin().await.unwrap();
            tx.publish_segment(package, "v720", &segment(n)).await.unwrap();
            tx.commit().await.unwrap();
        })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    assert_eq!(world.db.renditions(package).await.unwrap()[0].contiguous, 40);
}

async fn same_bytes_become_one_source(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (first, package, one) = world.film(1).await;
    let (second, old_package, two) = world.film(2).await;
    world.enqueue(first, package, "s", 1).await;
    world.enqueue(second, old_package, "t", 2).await;
    // The later upload may be hashed first.
    for (source, merged) in [(second, 0), (first, 1)] {
        let mut tx = world.db.begin().await.unwrap();
        assert_eq!(tx.merge_twins(source, b"hash", 10).await.unwrap(), merged);
        tx.commit().await.unwrap();
    }
    for media in [one, two] {
        let row = world.db.media(media).await.unwrap().unwrap();
        assert_eq!((row.source_id, row.package_id), (first, package));
    }
    assert!(world.db.media_has_package(two, old_package).await.unwrap(), "running players go on");
    assert!(!world.db.media_has_package(one, old_package).await.unwrap());
    assert_eq!(world.claim().await.unwrap().name, "s");
    assert!(world.claim().await.is_none(), "the merged one's work is cancelled");
    assert_eq!(world.db.condemn_sources(5, 5).await.unwrap(), [] as [Uuid; 0]);
    assert_eq!(world.db.condemn_sources(50, 50).await.unwrap(), [second]);
    world.db.forget_source(second).await.unwrap();
    assert!(world.db.source(second).await.unwrap().is_none());
    assert!(world.db.media(two).await.unwrap().is_some());
}

/// A slow upload that was begun first does not take a film away that plays already.
async fn ready_is_not_merged_into_unready(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (slow, growing, one) = world.film(1).await;
    world.enqueue(slow, growing, "s", 1).await;
    let (quick, ready) = planned(&world).await;
    let mut tx = world.db.begin().await.unwrap();
    tx.finish_package(ready, "{}", 1).await.unwrap();
    tx.commit().await.unwrap();
    for (source, merged) in [(quick, 0), (slow, 1)] {
        let mut tx = world.db.begin().await.unwrap();
        assert_eq!(tx.merge_twins(source, b"hash", 10).await.unwrap(), merged);
        tx.commit().await.unwrap();
    }
    let row = world.db.media(one).await.unwrap().unwrap();
    assert_eq!((row.source_id, row.package_id), (quick, ready));
}

async fn plan_grows_until_its_end_is_known(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, _) = world.film(1).await;
    let store = async |plan: &'static str, duration_ms: Option<i64>, planned: i64| {
        let rendition = NewRendition { planned, ..rendition() };
        let (kind, renditions) = (MediaKind::Video, vec![rendition]);
        let plan = PlannedPackage { kind, plan, duration_ms, width: None, height: None, target_s: 6, renditions };
        let mut tx = world.db.begin().await.unwrap();
        let stored = tx.store_plan(package, &plan, 1).await.unwrap();
        tx.commit().await.unwrap();
        stored
    };
    let planned = async || world.db.renditions(package).await.unwrap()[0].planned;
    assert!(store("a", None, 5).await && store("b", None, 8).await);
    assert_eq!(planned().await, 8);
    world.enqueue(source, package, "chunk-1", 1).await;
    let kept = world.claim().await.unwrap();
    world.enqueue(source, package, "chunk-2", 2).await;
    // Forgotten, but for the task that does it; then planned as if nothing had been.
    let mut tx = world.db.begin().await.unwrap();
    tx.forget_plans(source, kept.id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(world.db.renditions(package).await.unwrap().is_empty());
    assert_eq!(world.db.tasks_of(package).await.unwrap().len(), 1);
    assert!(world.db.package(package).await.unwrap().unwrap().plan.is_none());
    assert!(store("c", Some(9_000), 3).await);
    assert!(!store("d", None, 9).await, "its end is known");
    assert_eq!((planned().await, world.db.package(package).await.unwrap().unwrap().plan.unwrap().as_str()), (3, "c"));
    // What waits for bytes has done what it could: earlier failures count no more.
    let token = kept.token;
    world.db.postpone_task(kept.id, token, 10).await.unwrap();
    assert_eq!(world.db.tasks_of(package).await.unwrap()[0].attempts, 0);
}

async fn bytes_are_not_merged_into_idle_packages(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let merge = async |source| {
        let mut tx = world.db.begin().await.unwrap();
        let merged = tx.merge_twins(source, b"hash", 10).await.unwrap();
        tx.commit().await.unwrap();
        merged
    };
    let (first, failing, _) = world.film(1).await;
    world.enqueue(first, failing, "a", 1).await;
    assert_eq!(merge(first).await, 0);
    // The second joins the first, and its own tasks are cancelled.
    let (second, cancelled, _) = world.film(2).await;
    world.enqueue(second, cancelled, "b", 1).await;
    assert_eq!(merge(second).await, 1);
    let mut tx = world.db.begin().await.unwrap();
    tx.fail_package(failing, &Reason::new("x", "x"), 1).await.unwrap();
    tx.commit().await.unwrap();
    // The third must not end on the second's package, which nobody will finish.
    let (third, package, media) = world.film(3).await;
    world.enqueue(third, package, "c", 1).await;
    assert_eq!(merge(third).await, 0);
    assert_eq!(world.db.media(media).await.unwrap().unwrap().package_id, package);
    assert_eq!(world.claim().await.unwrap().name, "c");
}

async fn abandoned_upload_is_found(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (db, upload, source, holder) = (&world.db, Uuid::now_v7(), Uuid::now_v7(), Uuid::new_v4());
    let mut tx = db.begin().await.unwrap();
    tx.insert_upload(&new_upload(upload, world.owner, source, 5)).await.unwrap();
    tx.commit().await.unwrap();
    db.take_upload(upload, holder, 5, 10).await.unwrap().unwrap();
    assert_eq!(db.condemn_sources(5, 20).await.unwrap(), [] as [Uuid; 0], "a sign of life");
    assert_eq!(db.condemn_sources(6, 9).await.unwrap(), [] as [Uuid; 0], "it can still be resumed");
    assert_eq!(db.condemn_sources(6, 10).await.unwrap(), [source]);
    assert!(!advance(db, upload, holder, &extent(source, 0, 1), 11).await, "given up is given up");
    assert_eq!(db.upload(upload).await.unwrap().unwrap().offset_bytes, 0);
}

async fn only_the_newest_request_advances(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (db, upload, source) = (&world.db, Uuid::now_v7(), Uuid::now_v7());
    let mut tx = db.begin().await.unwrap();
    tx.insert_upload(&new_upload(upload, world.owner, source, 5)).await.unwrap();
    tx.commit().await.unwrap();
    let (old, new) = (Uuid::new_v4(), Uuid::new_v4());
    db.take_upload(upload, old, 5, 10).await.unwrap().unwrap();
    assert!(advance(db, upload, old, &extent(source, 0, 4), 5).await);
    db.take_upload(upload, new, 5, 10).await.unwrap().unwrap();
    assert!(!advance(db, upload, old, &extent(source, 4, 3), 5).await, "it was taken over");
    assert!(!advance(db, upload, new, &extent(source, 0, 4), 5).await, "these bytes are there");
    assert!(advance(db, upload, new, &extent(source, 4, 6), 5).await);
    assert_eq!(db.extents(source).await.unwrap().iter().map(|e| e.size_bytes).sum::<i64>(), 10);
    assert_eq!(db.uploads_to_complete().await.unwrap().len(), 1, "whole, and no media yet");
    assert!(db.take_upload(upload, old, 10, 20).await.unwrap().is_none(), "expired");
}

/// What the clean-up on a schedule leaves and takes.
async fn expired_rows_are_purged(Fresh { db, _folder }: Fresh) {
    const DAY: i64 = 86_400_000_000;
    let world = World::new(db).await;
    let (db, now) = (&world.db, 100 * DAY);
    let (live, over) = (Uuid::now_v7(), Uuid::now_v7());
    let mut tx = db.begin().await.unwrap();
    tx.insert_session(live, world.owner, b"live", &used(now, now + 1)).await.unwrap();
    tx.insert_session(over, world.owner, b"over", &used(1, now - 1)).await.unwrap();
    tx.insert_mail_token(b"code", world.owner, MailPurpose::Reset, "ada@example.org", now - 1).await.unwrap();
    let (upload, source) = (Uuid::now_v7(), Uuid::now_v7());
    tx.insert_upload(&new_upload(upload, world.owner, source, now - 2)).await.unwrap();
    tx.count_daily(world.owner, 7, now).await.unwrap();
    tx.commit().await.unwrap();
    for (id, expires_us) in [(1, Some(now - 31 * DAY)), (2, Some(now + 1)), (3, None)] {
        let id = Uuid::from_u128(id);
        let token = NewApiToken {
            id,
            user_id: world.owner,
            name: "t",
            scopes: "read",
            hash: id.as_bytes(),
            hint: "x",
            now_us: 1,
            expires_us,
        };
        assert!(db.insert_api_token(&token, 50).await.unwrap());
    }
    for at_us in [1, now] {
        let event = AuditRow {
            id: Uuid::now_v7(),
            user_id: Some(world.owner),
            actor_id: None,
            kind: "logged_in".into(),
            address: String::new(),
            agent: String::new(),
            detail: String::new(),
            at_us,
        };
        db.insert_audit(&event).await.unwrap();
    }
    db.forget_expired(now, now - DAY).await.unwrap();
    assert!(db.refresh_token(b"live").await.unwrap().is_some());
    assert!(db.refresh_token(b"over").await.unwrap().is_none(), "its tokens went with it");
    assert_eq!(db.api_tokens(world.owner, now).await.unwrap().len(), 2);
    let events = AuditPage { user: Some(world.owner), kind: None, before: None, limit: 10 };
    assert_eq!(db.audit(events).await.unwrap().len(), 1);
    assert!(db.upload(upload).await.unwrap().is_none());
    assert_eq!(db.usage(world.owner, now).await.unwrap().day_bytes, 7, "today still counts");
    let mut tx = db.begin().await.unwrap();
    assert!(tx.take_mail_token(b"code", MailPurpose::Reset, 1).await.unwrap().is_none());
}

async fn names_are_taken_and_addresses_are_claimed(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let taken = world.db.insert_user(&user(Uuid::now_v7(), "ADA", "other@example.org")).await;
    assert!(matches!(taken, Err(DbError::Duplicate)), "whatever its case");
    let second = Uuid::now_v7();
    world.db.insert_user(&user(second, "other", "Ada@Example.org")).await.unwrap();
    let found = |login: &'static str| {
        let db = world.db.clone();
        async move { db.user_by_login(login).await.unwrap().map(|u| u.id) }
    };
    assert_eq!(found("aDa").await, Some(world.owner));
    assert_eq!(found("ADA@example.org").await, None, "a claim logs nobody in");
    let oldest = world.db.user_by_email("ADA@example.org").await.unwrap().unwrap();
    assert_eq!(oldest.id, world.owner, "but it may be recovered: the oldest");
    let mut tx = world.db.begin().await.unwrap();
    assert!(!tx.verify_email(second, "else@example.org", 1).await.unwrap(), "another address");
    assert!(tx.verify_email(second, "ada@example.org", 1).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(found("ada@example.org").await, Some(second), "who proved it has it");
    let first = world.db.user(world.owner).await.unwrap().unwrap();
    assert_eq!((first.email.as_str(), first.email_verified_us), ("ada@example.org", None), "it is not told");
    let mut tx = world.db.begin().await.unwrap();
    assert!(!tx.verify_email(world.owner, "ada@example.org", 2).await.unwrap(), "its claim is over");
    drop(tx);
    let third = Uuid::now_v7();
    world.db.insert_user(&user(third, "third", "ada@example.org")).await.unwrap();
    assert!(!tx_verify(&world.db, third).await, "somebody has proved it");
    assert_eq!(world.db.user(second).await.unwrap().unwrap().email_verified_us, Some(1));
}

async fn tx_verify(db: &Db, user: Uuid) -> bool {
    let mut tx = db.begin().await.unwrap();
    tx.verify_email(user, "ada@example.org", 3).await.unwrap()
}

fn used(now_us: i64, expires_us: i64) -> SessionUse<'static> {
    SessionUse { address: "192.0.2.1", agent: "a test", now_us, expires_us }
}

async fn session_has_one_live_refresh_token(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let session = Uuid::now_v7();
    let mut tx = world.db.begin().await.unwrap();
    tx.insert_session(session, world.owner, b"a", &used(1, 100)).await.unwrap();
    tx.commit().await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    let row = tx.use_session(session, &used(2, 200), 150).await.unwrap().unwrap();
    assert_eq!((row.expires_us, row.last_used_us), (151, 2), "it lives no longer than a session may");
    tx.spend_refresh_token(b"a", b"b", 2).await.unwrap();
    tx.insert_refresh_token(session, b"b", 2).await.unwrap();
    tx.supersede_refresh_token(b"a", b"b", b"c", 3).await.unwrap();
    tx.insert_refresh_token(session, b"c", 3).await.unwrap();
    tx.commit().await.unwrap();
    let mut states = Vec::new();
    for hash in [b"a", b"b", b"c"] {
        states.push(world.db.refresh_token(hash).await.unwrap().unwrap().status);
    }
    assert_eq!(states, ["spent", "superseded", "live"]);
    assert!(world.db.user_of_session(session, 3).await.unwrap().is_some());
    assert!(world.db.user_of_session(session, 151).await.unwrap().is_none(), "expired");
    assert!(!world.db.revoke_session(Uuid::now_v7(), session, 4).await.unwrap(), "somebody else's");
    assert!(world.db.revoke_session(world.owner, session, 4).await.unwrap());
    assert!(world.db.user_of_session(session, 5).await.unwrap().is_none());
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.use_session(session, &used(5, 200), 150).await.unwrap().is_none());
}

async fn rate_limit_is_taken_exactly(Fresh { db, _folder }: Fresh) {
    let take = |now: i64| {
        let db = db.clone();
        tokio::spawn(async move { db.take_allowance("x", 1000, 5, now).await.unwrap().1 })
    };
    let mut taken = 0;
    for t in (0..40).map(|_| take(1_000_000)).collect::<Vec<_>>() {
        taken += usize::from(t.await.unwrap());
    }
    assert_eq!(taken, 5, "of forty at once");
    assert!(!take(1_000_899).await.unwrap());
    assert!(take(1_001_000).await.unwrap(), "one comes back");
    assert!(!take(1_001_000).await.unwrap());
    db.return_allowance("x", 1000).await.unwrap();
    assert!(take(1_001_000).await.unwrap());
    assert!(db.take_allowance("y", 1000, 5, 1_001_000).await.unwrap().1, "another subject");
    // Requests do not reach the database in the order of their instants: the latest may come first.
    for (n, now) in [1_000_050, 1_000_000, 1_000_020, 1_000_000, 1_000_030].into_iter().enumerate() {
        assert!(db.take_allowance("z", 1000, 5, now).await.unwrap().1, "{n} of five");
    }
    assert!(!db.take_allowance("z", 1000, 5, 1_000_050).await.unwrap().1, "and no sixth");
}

async fn views_are_counted_exactly(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, _, media) = world.film(1).await;
    let token = PlaybackTokenRow {
        id: Uuid::now_v7(),
        media_id: media,
        viewer: None,
        max_views: Some(3),
        views: 0,
        allowed_origins: String::new(),
        created_us: 1,
        expires_us: 100,
    };
    world.db.insert_playback_token(&token).await.unwrap();
    let tries = (0..20).map(|_| {
        let (db, id) = (world.db.clone(), token.id);
        tokio::spawn(async move { db.count_view(id).await.unwrap() })
    });
    let mut counted = 0;
    for t in tries.collect::<Vec<_>>() {
        counted += usize::from(t.await.unwrap());
    }
    assert_eq!(counted, 3);
    assert_eq!(world.db.playback_token(token.id, 2).await.unwrap().unwrap().views, 3);
    assert!(world.db.playback_token(token.id, 100).await.unwrap().is_none(), "expired");
    assert!(world.db.revoke_playback_token(media, token.id, 3).await.unwrap());
    assert!(world.db.playback_token(token.id, 2).await.unwrap().is_none(), "revoked");
}

async fn last_administrator_stays(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let other = Uuid::now_v7();
    world.db.insert_user(&user(other, "other", "o@example.org")).await.unwrap();
    let set = |id: Uuid, role: Role| {
        let db = world.db.clone();
        async move {
            let mut tx = db.begin().await.unwrap();
            tx.lock_user(id).await.unwrap();
            let done = tx.set_role(id, role).await.unwrap();
            tx.commit().await.unwrap();
            done
        }
    };
    assert!(set(world.owner, Role::Admin).await);
    assert!(!set(world.owner, Role::Viewer).await, "the last one");
    assert!(set(other, Role::Admin).await);
    let (a, b) = tokio::join!(set(world.owner, Role::Viewer), set(other, Role::Viewer));
    assert!(a != b, "of two at once one stays");
    assert!(world.db.has_admin().await.unwrap());
}

async fn webhook_accounts_take_turns(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let other = Uuid::now_v7();
    world.db.insert_user(&user(other, "Bea", "bea@example.org")).await.unwrap();
    let hook = async |owner_id: Uuid, told: i64, since: i64| {
        let id = Uuid::now_v7();
        let (url, secret, events) = ("https://example.org/".to_owned(), "x".to_owned(), "media.ready".to_owned());
        let row = WebhookRow { id, owner_id, url, secret, events, active: true, created_us: 0 };
        world.db.insert_webhook(&row).await.unwrap();
        let mut tx = world.db.begin().await.unwrap();
        for i in 0..told {
            tx.queue_delivery(id, "test", None, since + i).await.unwrap();
        }
        tx.commit().await.unwrap();
        id
    };
    let mut many = Vec::new();
    for i in 0..20 {
        many.push(hook(world.owner, 10, i).await);
    }
    let late = hook(other, 2, 1000).await;
    // Sixteen at a look: one of each endpoint, and nobody waits for another account's.
    let taken = world.db.claim_deliveries(2000, 9000, 16).await.unwrap();
    let mut hooks: Vec<Uuid> = taken.iter().map(|d| d.webhook_id).collect();
    hooks.sort_unstable();
    hooks.dedup();
    assert_eq!((taken.len(), hooks.len()), (16, 16));
    assert!(hooks.contains(&late));
    // Taken is taken; those of the others have their turn at the next look.
    let next = world.db.claim_deliveries(2000, 9000, 16).await.unwrap();
    assert!(next.iter().all(|d| !taken.iter().any(|t| t.id == d.id)));
    assert!(next.iter().any(|d| d.webhook_id == late));
    assert!(many.iter().filter(|h| taken.iter().chain(&next).any(|d| d.webhook_id == **h)).count() >= 15);
    // Switched off, it is told nothing, nor later.
    let off = WebhookChange { active: Some(false), ..Default::default() };
    world.db.change_webhook(many[0], &off, 2000).await.unwrap();
    let log = world.db.deliveries(many[0], None, 100).await.unwrap();
    assert!(log.len() == 10 && log.iter().all(|d| d.status == "failed"));
}
