//! The queue's truth: claims, fences, attempts.

use crate::world::{Fresh, ROOM, World, advance, at, extent, fresh, new_upload, planned, task};
use sluice_db::{ClaimLimits, DbError, MAX_ATTEMPTS, NewTask, OPENING_CHUNK};
use sluice_model::{
    ClaimToken, Encryption, PackageId, PackageStatus, Priority, Reason, SourceId, TaskKind, TaskKinds, TaskStatus,
    Timestamp, TurnId, UploadId, clock,
};
use std::time::Duration;

harness::on_both!(fresh =>
    task_is_claimed_once_and_in_order,
    lost_claim_changes_nothing,
    infrastructure_errors_give_attempts_back,
    openings_have_places_of_their_own,
    accounts_take_turns,
    administrators_bring_work_forward_and_hold_it_back,
    a_worker_is_given_its_kinds_only,
    what_waits_for_bytes_is_not_overdue,
);

async fn task_is_claimed_once_and_in_order(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, _) = world.film(1).await;
    for i in 0..20 {
        world.enqueue(source, package, &format!("t{i}"), 100 - i).await;
        world.enqueue(source, package, &format!("t{i}"), 0).await;
    }
    let first = world.claim().await.unwrap();
    assert_eq!(first.name, "t19", "the earliest deadline");
    assert_eq!(world.db.tasks().waiting_for_cores(30).await.unwrap(), 19);
    assert_eq!(world.db.tasks().waiting_for_cores(4).await.unwrap(), 4, "more are not asked for");
    let claims = (0..40).map(|_| {
        let db = world.db.clone();
        tokio::spawn(async move { db.tasks().claim("w", ClaimToken::random(), ROOM).await.unwrap().map(|t| t.name) })
    });
    let mut names = Vec::new();
    for claim in claims.collect::<Vec<_>>() {
        names.extend(claim.await.unwrap());
    }
    let count = names.len();
    names.sort();
    names.dedup();
    assert_eq!((count, names.len()), (19, 19), "each exactly once");
    let none = ClaimLimits { cores: 0, ..ROOM };
    world.enqueue(source, package, "late", 1).await;
    assert!(world.db.tasks().claim("w", ClaimToken::random(), none).await.unwrap().is_none(), "it needs a core");
}

async fn lost_claim_changes_nothing(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package) = planned(&world).await;
    world.enqueue(source, package, "t", 1).await;
    let stale = world.claim().await.unwrap();
    let running = world.db.tasks().running().await.unwrap();
    assert!(world.db.tasks().free_lease(&running[0]).await.unwrap());
    assert!(!world.db.tasks().free_lease(&running[0]).await.unwrap(), "only once");
    let fresh = world.claim().await.unwrap();
    assert_eq!((fresh.id, fresh.attempts), (stale.id, 2));
    assert!(matches!(world.db.tasks().heartbeat(stale.id, stale.token).await, Err(DbError::Fenced)));
    let said = world.db.tasks().report_progress(stale.id, stale.token, 0.9).await;
    assert!(matches!(said, Err(DbError::Fenced)));
    world.db.tasks().report_progress(fresh.id, fresh.token, 0.5).await.unwrap();
    assert_eq!(world.db.tasks().of_package(package).await.unwrap()[0].progress, 0.5);
    let mut tx = world.db.begin().await.unwrap();
    assert!(matches!(tx.tasks().hold_claim(stale.id, stale.token, 1.0).await, Err(DbError::Fenced)));
    drop(tx);
    world.db.tasks().release(stale.id, stale.token, Timestamp::EPOCH).await.unwrap();
    world.db.tasks().heartbeat(fresh.id, fresh.token).await.unwrap();
    assert_eq!(world.db.tasks().of_package(package).await.unwrap()[0].status, TaskStatus::Running);
}

async fn infrastructure_errors_give_attempts_back(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, _) = world.film(1).await;
    world.enqueue(source, package, "t", 1).await;
    for _ in 0..5 {
        let task = world.claim().await.unwrap();
        assert_eq!(task.attempts, 1);
        world.db.tasks().release(task.id, task.token, Timestamp::EPOCH).await.unwrap();
    }
    for attempt in 1..=MAX_ATTEMPTS {
        let task = world.claim().await.unwrap();
        assert_eq!(task.attempts, attempt);
        let running = world.db.tasks().running().await.unwrap();
        assert!(world.db.tasks().free_lease(&running[0]).await.unwrap());
    }
    assert!(world.claim().await.is_none(), "no fourth run");
    let exhausted = world.db.tasks().exhausted().await.unwrap();
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.tasks().park_if_exhausted(exhausted[0].id, &Reason::new("worker_lost", "x"), at(1)).await.unwrap());
    tx.packages().fail(package, &Reason::new("worker_lost", "x"), at(1)).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(world.db.packages().find(package).await.unwrap().unwrap().status, PackageStatus::Failed);
    let mut tx = world.db.begin().await.unwrap();
    assert!(tx.packages().retry(package, at(1)).await.unwrap());
    tx.commit().await.unwrap();
    assert_eq!(world.claim().await.unwrap().attempts, 1, "a fresh start");
}

/// What begins a film needs no free core, if its place is free.
async fn openings_have_places_of_their_own(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, _) = world.film(1).await;
    world.enqueue(source, package, "chunk-000001", 1).await;
    world.enqueue(source, package, OPENING_CHUNK, 2).await;
    world.enqueue_kind(source, package, TaskKind::Plan, "plan", 3).await;
    world.enqueue_kind(source, package, TaskKind::Plan, "plan-2", 4).await;
    let full = ClaimLimits { cores: 0, ..ROOM };
    let claim = async |limits| {
        let task = world.db.tasks().claim("w", ClaimToken::random(), limits).await.unwrap();
        task.map(|t| t.name)
    };
    assert_eq!(claim(ClaimLimits { opening: false, plan: false, ..full }).await, None);
    assert_eq!(claim(ClaimLimits { opening: false, memory_bytes: 0, ..full }).await.as_deref(), Some("plan"));
    assert_eq!(claim(ClaimLimits { plan: false, ..full }).await.as_deref(), Some(OPENING_CHUNK));
    assert_eq!(claim(ClaimLimits { plan: false, ..full }).await, None, "a middle waits for a core");
    assert_eq!(claim(ROOM).await.as_deref(), Some("chunk-000001"));
}

/// Of what is due, each account's most urgent task goes round; what is not due yet goes by deadline.
async fn accounts_take_turns(Fresh { db, _folder }: Fresh) {
    let ada = World::new(db).await;
    let bob = ada.another("Bob").await;
    let (source, package, _) = ada.film(1).await;
    for n in 0..6 {
        ada.enqueue(source, package, &format!("ada-{n}"), 10 + n).await;
    }
    let (source, package, _) = bob.film(2).await;
    for n in 0..2 {
        bob.enqueue(source, package, &format!("bob-{n}"), 500 + n).await;
    }
    assert_eq!(bob.db.operations().films_ahead(package).await.unwrap(), 1, "one film of Ada's, however much it has");
    let order = claim_all(&ada, TurnId::nil()).await;
    assert_eq!(order.iter().filter(|n| n.starts_with("ada")).count(), 6);
    let place = |name: &str| order.iter().position(|n| n == name).unwrap();
    assert!(place("bob-0") < 2 && place("bob-1") < 4, "{order:?}");
    let of_ada: Vec<_> = order.iter().filter(|n| n.starts_with("ada")).cloned().collect();
    assert!(of_ada.is_sorted(), "each account's by deadline: {order:?}");

    let later = clock::now() + Duration::from_secs(3600);
    let due = |n| (later + Duration::from_secs(n)).as_micros();
    let (source, package, _) = ada.film(3).await;
    ada.enqueue(source, package, "first", due(1)).await;
    ada.enqueue(source, package, "second", due(2)).await;
    let (source, package, _) = bob.film(4).await;
    bob.enqueue(source, package, "third", due(3)).await;
    assert_eq!(claim_all(&ada, TurnId::max()).await, ["first", "second", "third"]);
}

/// A worker that has one task after the other.
async fn claim_all(world: &World, after: TurnId) -> Vec<String> {
    let (mut names, mut limits) = (Vec::new(), ClaimLimits { after, ..ROOM });
    while let Some(task) = world.db.tasks().claim("w", ClaimToken::random(), limits).await.unwrap() {
        limits.after = task.turn;
        names.push(task.name);
    }
    names
}

async fn administrators_bring_work_forward_and_hold_it_back(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let mut films = Vec::new();
    for n in 1..=3 {
        let (source, package, _) = world.film(n).await;
        world.enqueue(source, package, &format!("film-{n}"), n).await;
        films.push((source, package));
    }
    let prefer = async |package, priority| {
        let mut tx = world.db.begin().await.unwrap();
        assert!(tx.tasks().prefer(package, priority).await.unwrap());
        tx.commit().await.unwrap();
    };
    prefer(films[0].1, Priority::Low).await;
    prefer(films[2].1, Priority::High).await;
    // What is queued later is as its film.
    world.enqueue(films[2].0, films[2].1, "film-3-later", 9).await;
    assert_eq!(world.db.operations().films_ahead(films[0].1).await.unwrap(), 2);
    assert_eq!(world.db.operations().films_ahead(films[2].1).await.unwrap(), 0);
    assert_eq!(claim_all(&world, TurnId::nil()).await, ["film-3", "film-3-later", "film-2", "film-1"]);
    let mut tx = world.db.begin().await.unwrap();
    assert!(!tx.tasks().prefer(sluice_model::PackageId::new(), Priority::High).await.unwrap());
}

/// Also where another kind is more urgent, and whatever its place is.
async fn a_worker_is_given_its_kinds_only(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, _) = world.film(1).await;
    world.enqueue(source, package, OPENING_CHUNK, 1).await;
    world.enqueue_kind(source, package, TaskKind::Plan, "plan", 2).await;
    world.enqueue_kind(source, package, TaskKind::Audio, "audio", 3).await;
    let kinds: TaskKinds = "plan,hash".parse().unwrap();
    let claim = async |cores| {
        let limits = ClaimLimits { kinds, cores, ..ROOM };
        world.db.tasks().claim("w", ClaimToken::random(), limits).await.unwrap().map(|t| t.name)
    };
    assert_eq!(claim(8).await.as_deref(), Some("plan"));
    assert_eq!((claim(8).await, claim(0).await), (None, None), "the others are for other workers");
    assert_eq!(world.claim().await.unwrap().name, OPENING_CHUNK);
}

/// An upload may take days, and no worker can do anything about it.
async fn what_waits_for_bytes_is_not_overdue(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (source, package, upload) = (SourceId::new(), PackageId::new(), UploadId::new());
    let holder = ClaimToken::random();
    let mut tx = world.db.begin().await.unwrap();
    tx.uploads().insert(&new_upload(upload, world.owner, source, 1)).await.unwrap();
    tx.packages().insert(package, source, Encryption::None, at(1)).await.unwrap();
    tx.commit().await.unwrap();
    let queued = NewTask { needs_bytes: 5, due_at: at(7), ..task(source, package, TaskKind::Plan, "plan") };
    world.enqueue_task(queued).await;
    let due = async || {
        let counts = world.db.tasks().counts().await.unwrap();
        let [count] = &counts[..] else { panic!("{counts:?}") };
        assert_eq!((count.kind, count.status, count.tasks), (TaskKind::Plan, TaskStatus::Queued, 1));
        count.due
    };
    assert_eq!(due().await, None);
    world.db.uploads().take_lease(upload, holder, at(1), at(2)).await.unwrap().unwrap();
    assert!(advance(&world.db, upload, holder, &extent(source, 0, 5), 1).await);
    assert_eq!(due().await, Some(at(7)), "now it is the workers' turn");
}
