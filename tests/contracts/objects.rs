//! What rows lead to, and what is done when it is lost.

use crate::world::{Fresh, World, at, fresh, planned, segment, task};
use sluice_db::{Db, SourceSpan, TaskRow};
use sluice_model::{
    DocumentFormat, DocumentId, PackageId, PackageStatus, PictureId, ProjectId, Reason, SourceId, TaskKind, TaskStatus,
};
use sluice_storage::{Key, Prefix};

harness::on_both!(fresh => rows_lead_to_their_objects_until_they_are_deleted, what_is_lost_is_made_again_once);

async fn keys(db: &Db) -> Vec<String> {
    let mut keys: Vec<String> =
        sluice_upkeep::everything(db).await.unwrap().into_iter().map(|n| n.key.to_string()).collect();
    keys.sort_unstable();
    keys
}

/// A package with an init segment and a segment.
async fn published(world: &World) -> (SourceId, PackageId) {
    let (source, package) = planned(world).await;
    let mut tx = world.db.begin().await.unwrap();
    tx.packages().publish_init(package, "v720", "init-a.mp4", 9, &[7; 32], "avc1").await.unwrap();
    assert!(tx.packages().publish_segment(package, "v720", &segment(0)).await.unwrap());
    tx.commit().await.unwrap();
    (source, package)
}

async fn rows_lead_to_their_objects_until_they_are_deleted(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package) = published(&world).await;
    let project = ProjectId::new();
    world
        .db
        .projects()
        .insert(&sluice_db::ProjectRow {
            id: project,
            owner_id: world.owner,
            media_id: None,
            title: "Notes".to_owned(),
            format: DocumentFormat::Markdown,
            version: 0,
            object: None,
            size_bytes: 0,
            created_at: at(1),
            updated_at: at(1),
        })
        .await
        .unwrap();
    let document = DocumentId::random();
    assert!(world.db.projects().save_document(project, 0, document, 3, at(2)).await.unwrap());
    let film = [
        Key::RenditionFile { package, rendition: "v720".into(), file: "0".into() },
        Key::RenditionFile { package, rendition: "v720".into(), file: "init-a.mp4".into() },
        Key::Extent { source, number: 0 },
    ];
    let mut expected: Vec<String> =
        film.iter().chain([&Key::Document { project, object: document }]).map(ToString::to_string).collect();
    expected.sort_unstable();
    assert_eq!(keys(&world.db).await, expected);
    let named = sluice_upkeep::objects_of(&mut world.db.snapshot().await.unwrap(), Prefix::Package(package)).await;
    let named = named.unwrap();
    let init = named.iter().find(|n| n.sequence.is_none()).unwrap();
    assert_eq!((init.size_bytes, init.sha256.as_deref()), (9, Some(&[7; 32][..])));

    let mut tx = world.db.snapshot().await.unwrap();
    assert_eq!(tx.objects().is_package_settled(package, at(9)).await.unwrap(), Some(false), "it is worked on");
    assert_eq!(tx.objects().is_source_settled(source, at(1)).await.unwrap(), Some(false), "it is not older");
    assert_eq!(tx.objects().is_source_settled(source, at(9)).await.unwrap(), Some(true));
    assert_eq!(tx.objects().is_source_settled(SourceId::new(), at(9)).await.unwrap(), None);
    assert_eq!(tx.objects().is_package_settled(PackageId::new(), at(9)).await.unwrap(), None);
    drop(tx);
    // What is to go has a row, and leads to nothing.
    let (stray, picture) = (PackageId::new(), PictureId::random());
    for _ in 0..2 {
        let mut tx = world.db.begin().await.unwrap();
        tx.mending().doom_package(stray, at(10)).await.unwrap();
        tx.mending().doom_picture(picture, at(10)).await.unwrap();
        tx.mending().doom_project(project, at(10)).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(keys(&world.db).await, expected);
    assert_eq!(world.db.pictures().deleting(at(10), PictureId::nil()).await.unwrap(), [picture]);
    let doomed = world.db.sources().to_delete(at(1), at(10), SourceId::nil(), 9).await.unwrap();
    assert_eq!(world.db.sources().packages_of(doomed[0]).await.unwrap(), [stray]);
    for media in names(&world, package).await {
        assert!(world.db.media().delete(media, at(20)).await.unwrap());
    }
    assert!(
        world.db.sources().to_delete(at(20), at(20), SourceId::nil(), 9).await.unwrap().iter().all(|s| *s != source)
    );
    let to_delete = world.db.sources().to_delete(at(30), at(30), SourceId::nil(), 9).await.unwrap();
    assert_eq!(to_delete, world.db.sources().to_delete(at(30), at(30), SourceId::nil(), 9).await.unwrap());
    assert!(to_delete.contains(&source), "nothing was marked by asking");
    let mut marked = world.db.sources().mark_deleting(at(30), at(30), SourceSpan::all()).await.unwrap();
    marked.sort_unstable();
    assert_eq!(marked, to_delete);
    assert_eq!(keys(&world.db).await, [Key::Document { project, object: document }.to_string()]);
}

async fn names(world: &World, package: PackageId) -> Vec<sluice_model::MediaId> {
    let mut tx = world.db.begin().await.unwrap();
    tx.media().names_of(package).await.unwrap().into_iter().map(|n| n.id).collect()
}

async fn tasks(world: &World, package: PackageId) -> Vec<(String, TaskStatus)> {
    let rows: Vec<TaskRow> = world.db.tasks().of_package(package).await.unwrap();
    rows.into_iter().map(|t| (t.name, t.status)).collect()
}

async fn make_again(world: &World, package: PackageId, lost: Option<&Reason>) -> bool {
    let mut tx = world.db.begin().await.unwrap();
    let done = tx.mending().make_again(package, lost, at(50)).await.unwrap();
    tx.commit().await.unwrap();
    done
}

async fn what_is_lost_is_made_again_once(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package) = published(&world).await;
    assert!(!make_again(&world, package, None).await, "there is no plan to be made again");
    for (kind, name) in [(TaskKind::Plan, "plan"), (TaskKind::Hash, "hash"), (TaskKind::Chunk, "chunk-000000")] {
        world.enqueue_task(task(source, package, kind, name)).await;
    }
    let running = world.claim().await.unwrap();
    assert!(make_again(&world, package, None).await);
    let row = world.db.packages().find(package).await.unwrap().unwrap();
    assert_eq!((row.status, row.plan, row.playable), (PackageStatus::Planning, None, false));
    let left = [("hash".to_owned(), TaskStatus::Queued), ("plan".to_owned(), TaskStatus::Queued)];
    let mut found = tasks(&world, package).await;
    found.sort_by(|a, b| a.0.cmp(&b.0));
    if running.name != "hash" {
        assert_eq!(found, left);
    }
    assert_eq!(keys(&world.db).await, [Key::Extent { source, number: 0 }.to_string()]);
    // Whoever was at work has lost its claim.
    let mut tx = world.db.begin().await.unwrap();
    let held = tx.tasks().hold_claim(running.id, running.token, 0.5).await;
    assert!(held.is_err() || running.name == "hash", "{held:?}");
    drop(tx);
    let lost = Reason::new("original_damaged", "x");
    assert!(make_again(&world, package, Some(&lost)).await);
    let row = world.db.packages().find(package).await.unwrap().unwrap();
    assert_eq!(row.status, PackageStatus::Failed);
    assert!(tasks(&world, package).await.contains(&("plan".to_owned(), TaskStatus::Parked)));
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.packages().retry(package, at(60)).await.unwrap(), "it is tried again when somebody asks for it");
    tx.commit().await.unwrap();
    assert!(tasks(&world, package).await.contains(&("plan".to_owned(), TaskStatus::Queued)));
}
