//! The work on a package ends with the last media that wants it, and never before.

use crate::world::{Fresh, World, at, fresh, user};
use sluice_db::{ActionRow, DbError};
use sluice_model::{
    ActionId, ActionKind, MediaId, PackageId, PackageStatus, Reason, SourceId, TargetId, TaskStatus, UserId,
};
use uuid::Uuid;

harness::on_both!(fresh =>
    last_media_takes_its_work_along,
    hidden_media_want_nothing_until_they_are_shown,
    merging_finds_no_work_that_ends_meanwhile,
    stopped_upload_queues_nothing_at_its_end
);

/// A film whose one task is running, beside one that waits.
async fn worked_on(world: &World) -> (SourceId, PackageId, MediaId) {
    let (source, package, media) = world.film(1).await;
    world.enqueue(source, package, "a", 1).await;
    world.enqueue(source, package, "b", 2).await;
    (source, package, media)
}

async fn statuses(world: &World, package: PackageId) -> Vec<TaskStatus> {
    world.db.tasks().of_package(package).await.unwrap().into_iter().map(|t| t.status).collect()
}

/// Points another media at the package of the first, as merging does.
async fn merged(world: &World, source: SourceId) -> MediaId {
    let (twin, package, media) = world.film(2).await;
    world.enqueue(twin, package, "t", 1).await;
    for source in [source, twin] {
        let mut tx = world.db.begin().await.unwrap();
        tx.sources().merge_twins(source, b"same", at(10)).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(world.db.media().find(media).await.unwrap().unwrap().source_id, source);
    media
}

pub async fn act(world: &World, kind: ActionKind, target: impl Into<TargetId>) -> ActionId {
    let action = ActionRow {
        id: ActionId::new(),
        kind,
        target_id: target.into(),
        affected_id: world.owner,
        reason: String::new(),
        appeal: None,
        appealed_at: None,
        created_at: at(5),
        lifted_at: None,
    };
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.moderation().act(&action).await.unwrap());
    tx.commit().await.unwrap();
    action.id
}

async fn last_media_takes_its_work_along(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, first) = worked_on(&world).await;
    let second = merged(&world, source).await;
    let running = world.claim().await.unwrap();
    assert_eq!(world.db.tasks().claims_of("w").await.unwrap(), [running.token]);
    assert!(world.db.media().delete(first, at(5)).await.unwrap());
    assert_eq!(statuses(&world, package).await, [TaskStatus::Running, TaskStatus::Queued]);
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.work().cancel(second, &Reason::new("cancelled", "x"), at(5)).await.unwrap());
    drop(tx);
    assert!(world.db.media().delete(second, at(5)).await.unwrap());
    assert_eq!(statuses(&world, package).await, [TaskStatus::Cancelled; 2]);
    assert!(world.db.tasks().claims_of("w").await.unwrap().is_empty());
    assert!(matches!(world.db.tasks().heartbeat(running.id, running.token).await, Err(DbError::Fenced)));
}

async fn hidden_media_want_nothing_until_they_are_shown(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, package, media) = worked_on(&world).await;
    world.claim().await.unwrap();
    let hidden = act(&world, ActionKind::HideMedia, media).await;
    assert_eq!(statuses(&world, package).await, [TaskStatus::Cancelled; 2]);
    let row = world.db.media().find(media).await.unwrap().unwrap();
    assert_eq!((row.status, row.error_code.as_deref()), (PackageStatus::Failed, Some("moderated")));
    let banned = act(&world, ActionKind::Ban, world.owner).await;
    for (action, expected) in [(hidden, TaskStatus::Cancelled), (banned, TaskStatus::Queued)] {
        let mut tx = world.db.begin().await.unwrap();
        assert!(tx.moderation().lift(action, at(6)).await.unwrap().is_some());
        tx.commit().await.unwrap();
        assert_eq!(statuses(&world, package).await, [expected; 2], "after the last of them was lifted");
    }
    let mut tx = world.db.begin().await.unwrap();
    tx.users().delete_media_of(world.owner, at(7)).await.unwrap();
    tx.users().delete(world.owner, at(7)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(statuses(&world, package).await, [TaskStatus::Cancelled; 2], "who leaves takes it along");
}

/// Whoever deletes the last media, and whoever joins it at that moment: one of them sees the other.
async fn merging_finds_no_work_that_ends_meanwhile(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let heir = UserId::new();
    world.db.users().insert(&user(heir, "Bob", "bob@example.org")).await.unwrap();
    for _ in 0..20 {
        let (source, _, first) = worked_on(&world).await;
        let (twin, own, second) = world.film(2).await;
        world.enqueue(twin, own, "t", 1).await;
        let hash = *Uuid::new_v4().as_bytes();
        let mut tx = world.db.begin().await.unwrap();
        tx.sources().merge_twins(source, &hash, at(10)).await.unwrap();
        tx.commit().await.unwrap();
        let db = world.db.clone();
        let merge = tokio::spawn(async move {
            let mut tx = db.begin().await.unwrap();
            tx.sources().merge_twins(twin, &hash, at(10)).await.unwrap();
            tx.commit().await.unwrap();
        });
        world.db.media().delete(first, at(5)).await.unwrap();
        merge.await.unwrap();
        let package = world.db.media().find(second).await.unwrap().unwrap().package_id;
        let left = statuses(&world, package).await;
        assert!(left.contains(&TaskStatus::Queued), "nobody works on what was joined: {left:?}");
        world.db.media().delete(second, at(5)).await.unwrap();
    }
}

async fn stopped_upload_queues_nothing_at_its_end(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, media) = world.film(1).await;
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.work().cancel(media, &Reason::new("cancelled", "x"), at(5)).await.unwrap());
    tx.commit().await.unwrap();
    world.enqueue(source, package, "plan", 1).await;
    let mut tx = world.db.begin().await.unwrap();
    tx.tasks().cancel_if_failed(package).await.unwrap();
    tx.commit().await.unwrap();
    assert!(world.claim().await.is_none());
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.packages().retry(package, at(6)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(world.claim().await.unwrap().name, "plan");
}
