//! Segments are published once; a plan grows until its end is known.

use crate::world::{Fresh, World, at, fresh, planned, rendition, segment};
use sluice_db::{DbError, NewRendition, PlannedPackage};
use sluice_model::{MediaKind, Reason, RenditionRole, SoundTrack, TrackRole};

harness::on_both!(fresh => first_publication_wins_and_prefix_has_no_hole, concurrent_publications_count_right, plan_grows_until_its_end_is_known, what_is_left_out_is_told, what_is_dropped_stays_where_it_is_watched, objects_of_a_rendition_are_listed);

async fn first_publication_wins_and_prefix_has_no_hole(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, package) = planned(&world).await;
    for (sequence, won, contiguous) in [(1, true, 0), (0, true, 2), (0, false, 2), (3, true, 2), (2, true, 4)] {
        let mut tx = world.db.begin().await.unwrap();
        assert_eq!(tx.packages().publish_segment(package, "v720", &segment(sequence)).await.unwrap(), won);
        tx.commit().await.unwrap();
        assert_eq!(
            world.db.packages().renditions(package).await.unwrap()[0].contiguous,
            contiguous,
            "after {sequence}"
        );
    }
    let mut tx = world.db.begin().await.unwrap();
    assert!(matches!(tx.packages().publish_segment(package, "gone", &segment(0)).await, Err(DbError::Fenced)));
    drop(tx);
    assert_eq!(world.db.packages().raise_revealed(package, 3).await.unwrap(), 3);
    assert_eq!(world.db.packages().raise_revealed(package, 2).await.unwrap(), 3, "never fewer than before");
}

async fn objects_of_a_rendition_are_listed(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, package) = planned(&world).await;
    assert_eq!(world.db.packages().objects(package, "v720").await.unwrap(), []);
    let mut tx = world.db.begin().await.unwrap();
    for sequence in [1, 0] {
        assert!(tx.packages().publish_segment(package, "v720", &segment(sequence)).await.unwrap());
    }
    tx.packages().publish_init(package, "v720", "init.mp4", 800, b"hash", "avc1").await.unwrap();
    tx.commit().await.unwrap();
    let of = |n: i64| (Some(n), segment(n).object, segment(n).size_bytes);
    let all = world.db.packages().objects(package, "v720").await.unwrap();
    assert_eq!(all, [(None, "init.mp4".to_owned(), 800), of(0), of(1)]);
    assert_eq!(world.db.packages().objects(package, "v999").await.unwrap(), []);
}

async fn concurrent_publications_count_right(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, package) = planned(&world).await;
    let all = (0..40).rev().map(|n| {
        let db = world.db.clone();
        tokio::spawn(async move {
            let mut tx = db.begin().await.unwrap();
            tx.packages().publish_segment(package, "v720", &segment(n)).await.unwrap();
            tx.commit().await.unwrap();
        })
    });
    for one in all.collect::<Vec<_>>() {
        one.await.unwrap();
    }
    assert_eq!(world.db.packages().renditions(package).await.unwrap()[0].contiguous, 40);
}

async fn what_is_dropped_stays_where_it_is_watched(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, package) = planned(&world).await;
    let lower = NewRendition { name: "v360".into(), role: RenditionRole::Final, ..rendition() };
    let mut tx = world.db.begin().await.unwrap();
    tx.packages().insert_renditions(package, &[lower]).await.unwrap();
    for name in ["v720", "v360"] {
        assert!(tx.packages().publish_segment(package, name, &segment(0)).await.unwrap());
        tx.packages().drop_from_final(package, name).await.unwrap();
    }
    tx.commit().await.unwrap();
    let packages = world.db.packages();
    let left = packages.renditions(package).await.unwrap();
    assert_eq!(left.iter().map(|r| (r.name.as_str(), r.role)).collect::<Vec<_>>(), [("v720", RenditionRole::Growing)]);
    assert_eq!(packages.segments(package, "v720", 10).await.unwrap().len(), 1);
    assert_eq!(packages.segments(package, "v360", 10).await.unwrap().len(), 0);
}

async fn what_is_left_out_is_told(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (_, package, media) = world.film(1).await;
    let track = SoundTrack { position: 2, language: Some("de".into()), label: "Deutsch".into(), role: TrackRole::Dub };
    let sound = |name: &str, track: &SoundTrack| NewRendition {
        name: name.into(),
        kind: MediaKind::Audio,
        role: RenditionRole::Final,
        track: track.clone(),
        ..rendition()
    };
    let mut tx = world.db.begin().await.unwrap();
    let sounds = [sound("audio-2", &SoundTrack::default()), sound("audio-3", &track)];
    tx.packages().insert_renditions(package, &sounds).await.unwrap();
    tx.packages().set_warnings(package, "[{\"code\":\"a\",\"message\":\"b\"}]").await.unwrap();
    assert!(tx.packages().publish_segment(package, "audio-2", &segment(0)).await.unwrap());
    tx.packages().leave_out(package, &["audio-2".to_owned()], &Reason::new("c", "d")).await.unwrap();
    tx.commit().await.unwrap();
    let left = world.db.packages().renditions(package).await.unwrap();
    assert_eq!(left.iter().map(|r| r.track()).collect::<Vec<_>>(), [track]);
    assert!(world.db.packages().segments(package, "audio-2", 9).await.unwrap().is_empty());
    let warnings = world.db.media().find(media).await.unwrap().unwrap().warnings.unwrap();
    let warnings: Vec<Reason> = serde_json::from_str(&warnings).unwrap();
    assert_eq!(warnings.iter().map(|w| w.code.as_str()).collect::<Vec<_>>(), ["a", "c"]);
}

async fn plan_grows_until_its_end_is_known(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, _) = world.film(1).await;
    let store = async |plan: &'static str, duration_ms: Option<i64>, planned: i64| {
        let rendition = NewRendition { planned, ..rendition() };
        let (kind, renditions) = (MediaKind::Video, vec![rendition]);
        let plan = PlannedPackage { kind, plan, duration_ms, width: None, height: None, target_s: 6, renditions };
        let mut tx = world.db.begin().await.unwrap();
        let stored = tx.packages().store_plan(package, &plan, at(1)).await.unwrap();
        tx.commit().await.unwrap();
        stored
    };
    let planned = async || world.db.packages().renditions(package).await.unwrap()[0].planned;
    assert!(store("a", None, 5).await && store("b", None, 8).await);
    assert_eq!(planned().await, 8);
    world.enqueue(source, package, "chunk-1", 1).await;
    let kept = world.claim().await.unwrap();
    world.enqueue(source, package, "chunk-2", 2).await;
    // Forgotten, but for the task that does it; then planned as if nothing had been.
    let mut tx = world.db.begin().await.unwrap();
    tx.packages().delete_plans(source, kept.id).await.unwrap();
    tx.commit().await.unwrap();
    assert!(world.db.packages().renditions(package).await.unwrap().is_empty());
    assert_eq!(world.db.tasks().of_package(package).await.unwrap().len(), 1);
    assert!(world.db.packages().find(package).await.unwrap().unwrap().plan.is_none());
    assert!(store("c", Some(9_000), 3).await);
    assert!(!store("d", None, 9).await, "its end is known");
    assert_eq!(
        (planned().await, world.db.packages().find(package).await.unwrap().unwrap().plan.unwrap().as_str()),
        (3, "c")
    );
    // What waits for bytes has done what it could: earlier failures count no more.
    let token = kept.token;
    world.db.tasks().postpone(kept.id, token, 10).await.unwrap();
    assert_eq!(world.db.tasks().of_package(package).await.unwrap()[0].attempts, 0);
}
