//! What operators see: signs of life, the queue, what comes before a film.

use crate::world::{Fresh, World, fresh};
use sluice_db::{NewWorker, QueuePage};
use sluice_model::{TaskKind, TaskKinds, TaskStatus, WorkerTrouble};
use std::time::Duration;

harness::on_both!(fresh =>
    workers_are_known_by_their_signs,
    queue_tells_whose_work_it_is_and_what_comes_first
);

fn worker(name: &str) -> NewWorker<'_> {
    NewWorker {
        name,
        host: "host",
        version: "1",
        cores: 2,
        memory_bytes: 1 << 30,
        kinds: TaskKinds::ALL,
        lease: Duration::from_secs(60),
    }
}

async fn workers_are_known_by_their_signs(Fresh { db, _folder }: Fresh) {
    let operations = db.operations();
    operations.sign(&worker("a"), None, None).await.unwrap();
    operations.sign(&worker("b"), Some(WorkerTrouble::StoreUnreachable), None).await.unwrap();
    let of = async |name: &str| {
        let (workers, now) = operations.workers().await.unwrap();
        workers.into_iter().find(|w| w.name == name).map(|w| (w.is_alive(now), w.trouble(), w.trouble_at))
    };
    assert_eq!(of("a").await, Some((true, None, None)));
    let (alive, trouble, since) = of("b").await.unwrap();
    assert_eq!((alive, trouble), (true, Some(WorkerTrouble::StoreUnreachable)));
    assert!(since.is_some());
    operations.sign(&worker("b"), Some(WorkerTrouble::StoreUnreachable), None).await.unwrap();
    assert_eq!(of("b").await.unwrap().2, since, "it lasts since it began");
    operations.sign(&worker("b"), Some(WorkerTrouble::DiskFull), None).await.unwrap();
    assert!(of("b").await.unwrap().2 > since, "another trouble");
    operations.sign(&worker("b"), None, None).await.unwrap();
    assert_eq!(of("b").await, Some((true, None, None)));
    let speed = async |name: &str| {
        let (workers, _) = operations.workers().await.unwrap();
        workers.into_iter().find(|w| w.name == name).unwrap().speed
    };
    assert_eq!(speed("b").await, None, "it has done nothing yet");
    operations.sign(&worker("b"), None, Some(1.5)).await.unwrap();
    assert_eq!(speed("b").await, Some(1.5));
    let short = NewWorker { lease: Duration::ZERO, ..worker("c") };
    operations.sign(&short, None, None).await.unwrap();
    assert_eq!(of("c").await.map(|w| w.0), Some(false), "silent for two of its leases");
    operations.sign_off("a").await.unwrap();
    operations.purge_workers().await.unwrap();
    assert_eq!(of("a").await, None);
    assert!(of("c").await.is_some(), "shown for an hour");
}

async fn queue_tells_whose_work_it_is_and_what_comes_first(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let operations = world.db.operations();
    let (first, second, third) = (world.film(1).await, world.film(2).await, world.film(3).await);
    world.enqueue(second.0, second.1, "late", 20).await;
    world.enqueue(first.0, first.1, "early", 10).await;
    world.enqueue_kind(third.0, third.1, TaskKind::Hash, "last", 30).await;
    world.enqueue(first.0, first.1, "middle", 15).await;
    for (film, ahead) in [(&first, 0), (&second, 1), (&third, 2)] {
        assert_eq!(operations.films_ahead(film.1).await.unwrap(), ahead);
    }
    assert_eq!(operations.next_of(first.1).await.unwrap().unwrap().name, "early");
    let queued = QueuePage { status: TaskStatus::Queued, kind: None, after: None, limit: 2 };
    let page = operations.queue(queued).await.unwrap();
    let names: Vec<_> = page.iter().map(|t| (t.name.as_str(), t.media_id, t.owner_name.as_deref())).collect();
    assert_eq!(names, [("late", Some(second.2), Some("Ada")), ("early", Some(first.2), Some("Ada"))]);
    let rest = operations.queue(QueuePage { after: page.last().map(|t| t.id), ..queued }).await.unwrap();
    assert_eq!(rest.iter().map(|t| t.name.as_str()).collect::<Vec<_>>(), ["last", "middle"]);
    let hashes = operations.queue(QueuePage { kind: Some(TaskKind::Hash), ..queued }).await.unwrap();
    assert_eq!(hashes.len(), 1);
    // What runs is ahead of everything else, and knows since when.
    let claimed = world.claim().await.unwrap();
    let running = operations.task(claimed.id).await.unwrap().unwrap();
    assert_eq!((running.status, running.worker.as_deref()), (TaskStatus::Running, Some("w")));
    assert!(running.claimed_at.is_some());
    assert_eq!(operations.films_ahead(second.1).await.unwrap(), 1);
    let counts = operations.queue_counts().await.unwrap();
    let of = |kind, status| counts.iter().find(|c| c.kind == kind && c.status == status).map(|c| c.tasks);
    assert_eq!(of(TaskKind::Chunk, TaskStatus::Queued), Some(2));
    assert_eq!(of(TaskKind::Chunk, TaskStatus::Running), Some(1));
    assert_eq!(of(TaskKind::Hash, TaskStatus::Queued), Some(1));
    let originals = operations.stored().await.unwrap().into_iter().find(|s| s.kind == "originals").unwrap();
    assert_eq!((originals.objects, originals.bytes), (3, 15));
}
