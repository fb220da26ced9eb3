//! Uploads: the newest request advances them, abandoned ones are found, what has expired is purged.

use crate::world::{Fresh, World, advance, at, extent, fresh, new_media, new_upload, used};
use sluice_db::{AuditPage, AuditRow, MailPurpose, NewApiToken, SourceSpan};
use sluice_model::{
    AuditEventId, ClaimToken, Encryption, MediaId, PackageId, SessionId, SourceId, SourceStatus, TaskKind, Timestamp,
    UploadId, clock::DAY,
};
use std::time::Duration;
use uuid::Uuid;

harness::on_both!(fresh => abandoned_upload_is_found, only_the_newest_request_advances, expired_rows_are_purged, an_import_ends_while_its_upload_expires);

async fn abandoned_upload_is_found(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (db, upload, source, holder) = (&world.db, UploadId::new(), SourceId::new(), ClaimToken::random());
    let mut tx = db.begin().await.unwrap();
    tx.uploads().insert(&new_upload(upload, world.owner, source, 5)).await.unwrap();
    tx.commit().await.unwrap();
    db.uploads().take_lease(upload, holder, at(5), at(10)).await.unwrap().unwrap();
    assert_eq!(
        db.sources().mark_deleting(at(5), at(20), SourceSpan::all()).await.unwrap(),
        [] as [SourceId; 0],
        "a sign of life"
    );
    assert_eq!(
        db.sources().mark_deleting(at(6), at(9), SourceSpan::all()).await.unwrap(),
        [] as [SourceId; 0],
        "it can still be resumed"
    );
    assert_eq!(db.sources().mark_deleting(at(6), at(10), SourceSpan::all()).await.unwrap(), [source]);
    assert!(!advance(db, upload, holder, &extent(source, 0, 1), 11).await, "given up is given up");
    assert_eq!(db.uploads().find(upload).await.unwrap().unwrap().offset_bytes, 0);
}

async fn only_the_newest_request_advances(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (db, upload, source) = (&world.db, UploadId::new(), SourceId::new());
    let mut tx = db.begin().await.unwrap();
    tx.uploads().insert(&new_upload(upload, world.owner, source, 5)).await.unwrap();
    tx.commit().await.unwrap();
    let (old, new) = (ClaimToken::random(), ClaimToken::random());
    db.uploads().take_lease(upload, old, at(5), at(10)).await.unwrap().unwrap();
    assert!(advance(db, upload, old, &extent(source, 0, 4), 5).await);
    db.uploads().take_lease(upload, new, at(5), at(10)).await.unwrap().unwrap();
    assert!(!advance(db, upload, old, &extent(source, 4, 3), 5).await, "it was taken over");
    assert!(!advance(db, upload, new, &extent(source, 0, 4), 5).await, "these bytes are there");
    assert!(advance(db, upload, new, &extent(source, 4, 6), 5).await);
    assert_eq!(db.sources().extents(source).await.unwrap().iter().map(|e| e.size_bytes).sum::<i64>(), 10);
    assert_eq!(db.uploads().to_complete().await.unwrap().len(), 1, "whole, and no media yet");
    assert!(db.uploads().take_lease(upload, old, at(10), at(20)).await.unwrap().is_none(), "expired");
}

/// Who ends an import has its package and its task, and wants its upload; who purges it waits for the package before
/// it takes the upload.
async fn an_import_ends_while_its_upload_expires(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (upload, source, package, media) = (UploadId::new(), SourceId::new(), PackageId::new(), MediaId::new());
    let mut tx = world.db.begin().await.unwrap();
    tx.uploads().insert(&new_upload(upload, world.owner, source, 5)).await.unwrap();
    tx.packages().insert(package, source, Encryption::None, at(5)).await.unwrap();
    tx.media().insert(&new_media(media, world.owner, source, package, at(5))).await.unwrap();
    tx.uploads().set_media(upload, media).await.unwrap();
    tx.commit().await.unwrap();
    world.enqueue_kind(source, package, TaskKind::Import, "import", 1).await;
    let import = world.claim().await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    tx.packages().lock(package, at(6)).await.unwrap();
    tx.tasks().hold_claim(import.id, import.token, 1.0).await.unwrap();
    let db = world.db.clone();
    let mut purge = tokio::spawn(async move { db.uploads().purge_expired(at(100)).await });
    assert!(tokio::time::timeout(Duration::from_millis(500), &mut purge).await.is_err(), "it waits for the import");
    assert!(tx.uploads().lock(upload).await.unwrap().is_some());
    assert!(tx.sources().complete(source, 10, at(6)).await.unwrap());
    tx.uploads().finish(upload, at(6)).await.unwrap();
    tx.tasks().complete(import.id, at(6)).await.unwrap();
    tx.commit().await.unwrap();
    purge.await.unwrap().unwrap();
    assert!(world.db.media().find(media).await.unwrap().is_some(), "it was there in time");
    assert_eq!(world.db.sources().find(source).await.unwrap().unwrap().status, SourceStatus::Live);
}

/// What the clean-up on a schedule leaves and takes.
async fn expired_rows_are_purged(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (db, now) = (&world.db, Timestamp::EPOCH + 100 * DAY);
    let (now_us, tick) = (now.as_micros(), Duration::from_micros(1));
    let (live, over) = (SessionId::new(), SessionId::new());
    let mut tx = db.begin().await.unwrap();
    tx.sessions().insert(live, world.owner, b"live", &used(now_us, now_us + 1)).await.unwrap();
    tx.sessions().insert(over, world.owner, b"over", &used(1, now_us - 1)).await.unwrap();
    tx.tokens()
        .insert_mail_token(b"code", world.owner, MailPurpose::Reset, "ada@example.org", now - tick)
        .await
        .unwrap();
    let (upload, source) = (UploadId::new(), SourceId::new());
    tx.uploads().insert(&new_upload(upload, world.owner, source, now_us - 2)).await.unwrap();
    tx.usage().count_daily(world.owner, 7, now).await.unwrap();
    tx.commit().await.unwrap();
    for (id, expires_at) in [(1, Some(now - 31 * DAY)), (2, Some(now + tick)), (3, None)] {
        let id = Uuid::from_u128(id);
        let token = NewApiToken {
            id: id.into(),
            user_id: world.owner,
            name: "t",
            scopes: "read",
            hash: id.as_bytes(),
            hint: "x",
            now: at(1),
            expires_at,
        };
        assert!(db.tokens().insert_api_token(&token, 50).await.unwrap());
    }
    for at in [at(1), now] {
        let event = AuditRow {
            id: AuditEventId::new(),
            user_id: Some(world.owner),
            actor_id: None,
            kind: "logged_in".into(),
            address: String::new(),
            agent: String::new(),
            detail: String::new(),
            at,
        };
        db.audit().insert(&event).await.unwrap();
    }
    db.sessions().purge_expired(now).await.unwrap();
    db.tokens().purge_expired(now).await.unwrap();
    db.access().purge_expired(now).await.unwrap();
    db.uploads().purge_expired(now).await.unwrap();
    db.usage().purge_past_days(now).await.unwrap();
    db.audit().purge(now - DAY).await.unwrap();
    db.moderation().purge_reports().await.unwrap();
    db.people().purge_past_subscriptions(now).await.unwrap();
    db.engagement().purge_views(now).await.unwrap();
    db.webhooks().purge_deliveries(now - 30 * DAY).await.unwrap();
    db.rate_limits().purge_whole(now).await.unwrap();
    assert!(db.sessions().refresh_token(b"live").await.unwrap().is_some());
    assert!(db.sessions().refresh_token(b"over").await.unwrap().is_none(), "its tokens went with it");
    assert_eq!(db.tokens().api_tokens(world.owner, now).await.unwrap().len(), 2);
    let events = AuditPage { user: Some(world.owner), kind: None, before: None, limit: 10 };
    assert_eq!(db.audit().page(events).await.unwrap().len(), 1);
    assert!(db.uploads().find(upload).await.unwrap().is_none());
    assert_eq!(db.usage().of(world.owner, now).await.unwrap().day_bytes, 7, "today still counts");
    let mut tx = db.begin().await.unwrap();
    assert!(tx.tokens().take_mail_token(b"code", MailPurpose::Reset, at(1)).await.unwrap().is_none());
}
