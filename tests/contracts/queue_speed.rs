//! How quick claims are, however much waits: the proof tries a hundred thousand tasks of a thousand accounts.

use crate::world::{Fresh, ROOM, World, fresh, task};
use sluice_db::{ClaimLimits, NewTask};
use sluice_model::{ClaimToken, PackageId, SourceId, TaskKind, TurnId, clock};
use std::time::{Duration, Instant};

harness::on_both!(fresh => claims_are_as_quick_however_much_waits);

/// Claims of each kind that are timed.
const TIMED: usize = 40;
/// Tasks that are queued in one transaction.
const BATCH: usize = 5000;

async fn claims_are_as_quick_however_much_waits(Fresh { db, _folder }: Fresh) {
    let world = World::new(db).await;
    let (accounts, sizes) = harness::proof((10, vec![100, 2000]), (1000, vec![1000, 10_000, 100_000]));
    let mut films = Vec::new();
    for n in 0..accounts {
        let owner = world.another(&format!("account{n}")).await;
        let (source, package, _) = owner.film(1).await;
        films.push((source, package));
    }
    let (mut queued, mut first) = (0, None);
    for size in sizes {
        enqueue(&world, &films, queued..size).await;
        queued = size;
        let due = median(&world, ROOM, true).await;
        let busy = ClaimLimits { cores: 0, ..ROOM };
        let full = median(&world, busy, false).await;
        println!("{size} waiting: a claim takes {due:?}, one that finds nothing for busy cores {full:?}");
        let (due_before, full_before) = *first.get_or_insert((due, full));
        // Ten times the first is far below what a look through all of the rows takes, and above what chance does.
        let slack = Duration::from_millis(10);
        assert!(due <= 10 * due_before + slack && full <= 10 * full_before + slack, "{size}: {due:?} and {full:?}");
    }
}

async fn enqueue(world: &World, films: &[(SourceId, PackageId)], numbers: std::ops::Range<usize>) {
    let now = clock::now();
    let new = |n: usize| {
        let (source, package) = films[n % films.len()];
        NewTask { due_at: now, ..task(source, package, TaskKind::Chunk, &format!("chunk-{:06}", n + 1)) }
    };
    let tasks: Vec<NewTask> = numbers.map(new).collect();
    for some in tasks.chunks(BATCH) {
        let mut tx = world.db.begin().await.unwrap();
        tx.tasks().enqueue(some, now).await.unwrap();
        tx.commit().await.unwrap();
    }
    world.db.tasks().counts().await.unwrap();
}

/// The median of what a claim takes. What was claimed goes back.
async fn median(world: &World, limits: ClaimLimits, finds: bool) -> Duration {
    let (mut taken, mut limits) = (Vec::new(), ClaimLimits { after: TurnId::random(), ..limits });
    for _ in 0..TIMED {
        let began = Instant::now();
        let task = world.db.tasks().claim("w", ClaimToken::random(), limits).await.unwrap();
        taken.push(began.elapsed());
        assert_eq!(task.is_some(), finds);
        if let Some(task) = task {
            limits.after = task.turn;
            world.db.tasks().release(task.id, task.token, task.due_at).await.unwrap();
        }
    }
    taken.sort();
    taken[TIMED / 2]
}
