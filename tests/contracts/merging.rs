//! The same bytes become one source, and never one that nobody works on.

use crate::world::{Fresh, World, at, fresh, planned, segment};
use sluice_db::SourceSpan;
use sluice_model::{Reason, SourceId};

harness::on_both!(fresh => same_bytes_become_one_source, merged_bytes_are_encoded_and_counted_once, ready_is_not_merged_into_unready, bytes_are_not_merged_into_idle_packages);

async fn same_bytes_become_one_source(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (first, package, one) = world.film(1).await;
    let (second, old_package, two) = world.film(2).await;
    world.enqueue(first, package, "s", 1).await;
    world.enqueue(second, old_package, "t", 2).await;
    // The later upload may be hashed first.
    for (source, merged) in [(second, 0), (first, 1)] {
        let mut tx = world.db.begin().await.unwrap();
        assert_eq!(tx.sources().merge_twins(source, b"hash", at(10)).await.unwrap(), merged);
        tx.commit().await.unwrap();
    }
    for media in [one, two] {
        let row = world.db.media().find(media).await.unwrap().unwrap();
        assert_eq!((row.source_id, row.package_id), (first, package));
    }
    assert!(world.db.media().package_status(two, old_package).await.unwrap().is_some(), "running players go on");
    assert!(world.db.media().package_status(one, old_package).await.unwrap().is_none());
    assert_eq!(world.claim().await.unwrap().name, "s");
    assert!(world.claim().await.is_none(), "the merged one's work is cancelled");
    assert_eq!(world.db.sources().mark_deleting(at(5), at(5), SourceSpan::all()).await.unwrap(), [] as [SourceId; 0]);
    assert_eq!(world.db.sources().mark_deleting(at(50), at(50), SourceSpan::all()).await.unwrap(), [second]);
    world.db.sources().purge(second).await.unwrap();
    assert!(world.db.sources().find(second).await.unwrap().is_none());
    assert!(world.db.media().find(two).await.unwrap().is_some());
}

/// Of a film that joins another only what was made by then counts; what counted for the other stays.
async fn merged_bytes_are_encoded_and_counted_once(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let ((first, one), (second, two)) = (planned(&world).await, planned(&world).await);
    for (source, package) in [(first, one), (second, two)] {
        world.enqueue(source, package, "s", 1).await;
        let mut tx = world.db.begin().await.unwrap();
        let owner = tx.usage().encode_owner(package).await.unwrap().unwrap();
        tx.usage().count_encode(&owner, package, 8000, at(1)).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut tx = world.db.begin().await.unwrap();
    for sequence in 0..10 {
        assert!(tx.packages().publish_segment(two, "v720", &segment(sequence)).await.unwrap(), "of 40");
    }
    tx.commit().await.unwrap();
    let counted = async || world.db.usage().of(world.owner, at(1)).await.unwrap().encode_ms;
    assert_eq!(counted().await, 16_000);
    for source in [first, second, second] {
        let mut tx = world.db.begin().await.unwrap();
        tx.sources().merge_twins(source, b"hash", at(10)).await.unwrap();
        tx.commit().await.unwrap();
    }
    assert_eq!(counted().await, 8000 + 2000, "given back once");
}

/// A slow upload that was begun first does not take a film away that plays already.
async fn ready_is_not_merged_into_unready(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (slow, growing, one) = world.film(1).await;
    world.enqueue(slow, growing, "s", 1).await;
    let (quick, ready) = planned(&world).await;
    let mut tx = world.db.begin().await.unwrap();
    tx.packages().finish(ready, "{}", at(1)).await.unwrap();
    tx.commit().await.unwrap();
    for (source, merged) in [(quick, 0), (slow, 1)] {
        let mut tx = world.db.begin().await.unwrap();
        assert_eq!(tx.sources().merge_twins(source, b"hash", at(10)).await.unwrap(), merged);
        tx.commit().await.unwrap();
    }
    let row = world.db.media().find(one).await.unwrap().unwrap();
    assert_eq!((row.source_id, row.package_id), (quick, ready));
}

async fn bytes_are_not_merged_into_idle_packages(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let merge = async |source| {
        let mut tx = world.db.begin().await.unwrap();
        let merged = tx.sources().merge_twins(source, b"hash", at(10)).await.unwrap();
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
    tx.packages().fail(failing, &Reason::new("x", "x"), at(1)).await.unwrap();
    tx.commit().await.unwrap();
    // The third must not end on the second's package, which nobody will finish.
    let (third, package, media) = world.film(3).await;
    world.enqueue(third, package, "c", 1).await;
    assert_eq!(merge(third).await, 0);
    assert_eq!(world.db.media().find(media).await.unwrap().unwrap().package_id, package);
    assert_eq!(world.claim().await.unwrap().name, "c");
}
