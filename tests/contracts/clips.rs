//! What a clip is cut from stays while it is cut, and no longer.

use crate::world::{Fresh, World, at, fresh, new_media, planned};
use sluice_db::{ClipOrigin, DbError, SourceSpan};
use sluice_model::{Encryption, MediaId, PackageId, Reason, SourceId};

harness::on_both!(fresh => what_a_clip_is_cut_from_stays_until_it_is_ready);

async fn clip_of(world: &World, origin: ClipOrigin) -> Result<(SourceId, PackageId), DbError> {
    let (source, package, now) = (SourceId::new(), PackageId::new(), at(10));
    let mut tx = world.db.begin().await.unwrap();
    tx.clips().insert_source(source, 2, now).await.unwrap();
    tx.packages().insert(package, source, Encryption::None, now).await.unwrap();
    tx.clips().set_origin(package, origin, now).await?;
    tx.media().insert(&new_media(MediaId::new(), world.owner, source, package, now)).await.unwrap();
    tx.commit().await.unwrap();
    Ok((source, package))
}

async fn what_a_clip_is_cut_from_stays_until_it_is_ready(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (film, package) = planned(&world).await;
    let origin = ClipOrigin { package, source: film };
    assert!(matches!(clip_of(&world, origin).await, Err(DbError::Missing)), "it is not complete");
    let mut tx = world.db.begin().await.unwrap();
    tx.packages().finish(package, "{}", at(2)).await.unwrap();
    tx.commit().await.unwrap();
    let (clip, of_clip) = clip_of(&world, origin).await.unwrap();
    let used = world.db.usage().of(world.owner, at(10)).await.unwrap();
    assert_eq!(used.stored_bytes, 5 + 2, "a clip counts as what it was stored with");
    let mut tx = world.db.begin().await.unwrap();
    let media = tx.media().names_of(package).await.unwrap()[0].id;
    tx.commit().await.unwrap();
    assert!(world.db.media().delete(media, at(20)).await.unwrap());
    let doomed =
        async |now_us| world.db.sources().mark_deleting(at(now_us), at(now_us), SourceSpan::all()).await.unwrap();
    assert_eq!(doomed(100).await, [] as [SourceId; 0], "the clip is being made");
    let mut tx = world.db.begin().await.unwrap();
    tx.packages().fail(of_clip, &Reason::new("x", "x"), at(30)).await.unwrap();
    assert!(tx.packages().retry(of_clip, at(31)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(doomed(200).await, [] as [SourceId; 0], "and made again");
    let mut tx = world.db.begin().await.unwrap();
    tx.packages().fail(of_clip, &Reason::new("x", "x"), at(40)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(doomed(300).await, [film], "whoever waits longer than the window has no film");
    world.db.sources().purge(film).await.unwrap();
    assert!(world.db.sources().find(clip).await.unwrap().is_some());
    let gone = clip_of(&world, origin).await;
    assert!(matches!(gone, Err(DbError::Missing)), "{gone:?}");
}
