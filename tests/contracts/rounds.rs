//! Rounds that one process does for all.

use crate::world::{Fresh, World, at, fresh};
use sluice_db::{Db, SourceSpan};
use sluice_model::SourceId;
use std::{collections::BTreeSet, time::Duration};

harness::on_both!(fresh => one_process_does_a_round_for_all, a_round_in_parts_comes_to_every_source);

const EVERY: Duration = Duration::from_secs(60);
const S: i64 = 1_000_000;

async fn begins(db: &Db, seconds: i64) -> bool {
    db.rounds().begin("garbage", EVERY, at(seconds * S)).await.unwrap()
}

async fn one_process_does_a_round_for_all(Fresh { db, _folder }: Fresh) {
    let all = futures::future::join_all((0..10).map(|_| begins(&db, 1_000))).await;
    assert_eq!(all.into_iter().filter(|begun| *begun).count(), 1);
    assert!(!begins(&db, 1_030).await);
    assert!(begins(&db, 1_060).await, "once in an interval");
    assert!(db.rounds().begin("another", EVERY, at(1_060 * S)).await.unwrap(), "each has turns of its own");
    // A clock that was a day ahead and is right again locks nobody out.
    assert!(begins(&db, 1_060 + 86_400).await);
    assert!(begins(&db, 1_100).await);
    assert!(!begins(&db, 1_101).await);
}

async fn a_round_in_parts_comes_to_every_source(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let next = async || world.db.rounds().next_sources("garbage", 3).await.unwrap();
    assert_eq!(next().await, SourceSpan::all(), "before its first turn, and where there is nothing");
    assert!(begins(&world.db, 1).await);
    let mut sources = BTreeSet::new();
    for n in 1..=7 {
        sources.insert(world.film(n).await.0);
    }
    for _ in 0..2 {
        let mut seen = Vec::new();
        loop {
            let span = next().await;
            seen.extend(sources.iter().copied().filter(|id| *id > span.after && *id <= span.last));
            if span.last == SourceId::max() {
                break;
            }
        }
        assert!(seen.iter().eq(sources.iter()), "each once, in order: {seen:?}");
    }
}
