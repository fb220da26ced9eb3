//! A storm of claims: simulated workers of some processes claim, beat and complete until nothing is left. Each task is done
//! once, and the end of each film is seen by one of them. The proof has a thousand workers; the figures that it prints belong
//! into `tests/bench/scale.json`.

use crate::world::{ROOM, World, task};
use harness::Pair;
use sluice_db::{ClaimLimits, ClaimedTask, Db, DbError, NewTask};
use sluice_model::{ClaimToken, PackageId, SourceId, TaskId, TaskKind, TurnId, clock};
use std::{
    collections::HashSet,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::{
    task::JoinSet,
    time::{sleep, timeout},
};

harness::on_both!(processes => each_task_is_done_once_in_a_storm_of_claims);

/// Tasks of a film, about as many as one of four minutes has.
const TASKS_OF_FILM: usize = 25;
/// Films of an account.
const FILMS_OF_ACCOUNT: usize = 8;
/// Tasks that are queued in one transaction.
const BATCH: usize = 5000;
/// Who found nothing, or no connection in time, asks again after this.
const PAUSE: Duration = Duration::from_millis(50);

/// Processes at one database: each has connections of its own, which its workers share.
struct Processes {
    pair: Pair,
    databases: Vec<Db>,
    _folder: tempfile::TempDir,
}

async fn processes(pair: Pair) -> Processes {
    let folder = tempfile::tempdir().unwrap();
    let url = harness::database::fresh(pair, folder.path());
    // More processes than two have no file of SQLite in common: an API and a worker.
    let count = if pair == Pair::Embedded { 2 } else { harness::proof(2, 8) };
    let mut databases = Vec::new();
    for _ in 0..count {
        databases.push(Db::open(&url).await.unwrap());
    }
    Processes { pair, databases, _folder: folder }
}

/// What the workers did.
#[derive(Default)]
struct Tally {
    left: AtomicUsize,
    /// Claims that found nothing.
    empty: AtomicUsize,
    /// Times that no connection was free.
    refused: AtomicUsize,
    /// Tasks after which nothing of their film was left.
    last: AtomicUsize,
    done: Mutex<Vec<TaskId>>,
    /// What each claim took that found something, with the wait for a connection.
    took: Mutex<Vec<Duration>>,
}

impl Tally {
    /// A worker goes on when no connection was free in time; anything else is a fault.
    async fn wait_after(&self, error: DbError) {
        assert!(matches!(error, DbError::Unavailable(_) | DbError::Unusable(_)), "{error}");
        self.refused.fetch_add(1, Ordering::Relaxed);
        sleep(PAUSE).await;
    }
}

async fn each_task_is_done_once_in_a_storm_of_claims(Processes { pair, databases, _folder }: Processes) {
    let world = World::new(databases[0].clone()).await;
    let storms = harness::proof(vec![(50, 300)], vec![(50, 5000), (200, 5000), (1000, 20_000)]);
    for (workers, tasks) in storms {
        let films = films(&world, tasks / TASKS_OF_FILM, workers).await;
        let ids = enqueue(&world, &films).await;
        let began = Instant::now();
        let tally = storm(&databases, workers, tasks).await;
        tell(pair, workers, &databases, &tally, began.elapsed());

        let done = tally.done.lock().unwrap().clone();
        assert_eq!(done.len(), tasks, "as many as there were");
        assert!(done.into_iter().collect::<HashSet<TaskId>>() == ids, "each of them, and once");
        assert_eq!(tally.last.load(Ordering::Relaxed), films.len(), "the end of a film is seen once");
        assert!(world.db.tasks().counts().await.unwrap().is_empty(), "nothing waits, runs or is parked");
    }
}

/// Films of several accounts; `round` keeps their names apart.
async fn films(world: &World, count: usize, round: usize) -> Vec<(SourceId, PackageId)> {
    let mut films = Vec::new();
    for account in 0..count.div_ceil(FILMS_OF_ACCOUNT) {
        let owner = world.another(&format!("account{round}x{account}")).await;
        for _ in films.len()..count.min((account + 1) * FILMS_OF_ACCOUNT) {
            let (source, package, _) = owner.film(1).await;
            films.push((source, package));
        }
    }
    films
}

/// Queues the tasks of films; their ids.
async fn enqueue(world: &World, films: &[(SourceId, PackageId)]) -> HashSet<TaskId> {
    let now = clock::now();
    let of_film = |(source, package): &(SourceId, PackageId)| -> Vec<NewTask> {
        let new =
            |n: usize| NewTask { due_at: now, ..task(*source, *package, TaskKind::Chunk, &format!("chunk-{n:06}")) };
        (1..=TASKS_OF_FILM).map(new).collect()
    };
    let tasks: Vec<NewTask> = films.iter().flat_map(of_film).collect();
    for some in tasks.chunks(BATCH) {
        let mut tx = world.db.begin().await.unwrap();
        tx.tasks().enqueue(some, now).await.unwrap();
        tx.commit().await.unwrap();
    }
    let mut ids = HashSet::new();
    for (_, package) in films {
        ids.extend(world.db.tasks().of_package(*package).await.unwrap().iter().map(|t| t.id));
    }
    assert_eq!(ids.len(), tasks.len());
    ids
}

/// Lets so many workers loose on so many tasks, until all are done.
async fn storm(databases: &[Db], workers: usize, tasks: usize) -> Arc<Tally> {
    let tally = Arc::new(Tally { left: AtomicUsize::new(tasks), ..Tally::default() });
    let mut running = JoinSet::new();
    for worker in 0..workers {
        let db = databases[worker % databases.len()].clone();
        running.spawn(work(db, format!("worker-{worker}"), tally.clone()));
    }
    let ended = async {
        while let Some(ended) = running.join_next().await {
            ended.unwrap();
        }
    };
    let patience = harness::proof(Duration::from_secs(60), Duration::from_secs(1800));
    assert!(timeout(patience, ended).await.is_ok(), "{} tasks are left", tally.left.load(Ordering::Relaxed));
    tally
}

/// A worker whose tasks take no time.
async fn work(db: Db, name: String, tally: Arc<Tally>) {
    let mut limits = ClaimLimits { after: TurnId::random(), ..ROOM };
    while tally.left.load(Ordering::Relaxed) > 0 {
        let began = Instant::now();
        match db.tasks().claim(&name, ClaimToken::random(), limits).await {
            Ok(Some(task)) => {
                tally.took.lock().unwrap().push(began.elapsed());
                assert_eq!(task.attempts, 1, "{} was claimed before", task.name);
                limits.after = task.turn;
                finish(&db, &task, &tally).await;
            }
            Ok(None) => {
                tally.empty.fetch_add(1, Ordering::Relaxed);
                sleep(PAUSE).await;
            }
            Err(error) => tally.wait_after(error).await,
        }
    }
}

async fn finish(db: &Db, task: &ClaimedTask, tally: &Tally) {
    while let Err(error) = db.tasks().heartbeat(task.id, task.token).await {
        tally.wait_after(error).await;
    }
    let last = loop {
        match complete(db, task).await {
            Ok(last) => break last,
            Err(error) => tally.wait_after(error).await,
        }
    };
    tally.last.fetch_add(usize::from(last), Ordering::Relaxed);
    tally.done.lock().unwrap().push(task.id);
    tally.left.fetch_sub(1, Ordering::Relaxed);
}

/// Ends a task by the statements with which a worker does; whether it was the last of its film.
async fn complete(db: &Db, task: &ClaimedTask) -> Result<bool, DbError> {
    let now = clock::now();
    let mut tx = db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 1.0).await?;
    tx.tasks().complete(task.id, now).await?;
    let last = tx.tasks().unfinished(task.package_id).await? == 0;
    tx.commit().await?;
    Ok(last)
}

/// Prints what a storm measured.
fn tell(pair: Pair, workers: usize, databases: &[Db], tally: &Tally, took: Duration) {
    let mut claims = tally.took.lock().unwrap().clone();
    claims.sort();
    let at = |percent: usize| claims[(claims.len() * percent / 100).min(claims.len() - 1)];
    let (done, empty) = (claims.len(), tally.empty.load(Ordering::Relaxed));
    let all = done + empty;
    // PostgreSQL is asked for its clock before each claim. A heartbeat, and of a completion BEGIN, four and COMMIT.
    let statements = all * if pair == Pair::Embedded { 1 } else { 2 } + done * (1 + 6);
    let per_s = |count: usize| count as f64 / took.as_secs_f64();
    println!(
        "{pair:?}, {workers} workers of {} processes: {done} tasks in {took:.1?}, {:.0} done/s, {:.0} claims/s ({empty} found nothing), \
         {:.0} statements/s; a claim takes {:.1?} (p50), {:.1?} (p99) with the wait for a connection; none was free {} times",
        databases.len(),
        per_s(done),
        per_s(all),
        per_s(statements),
        at(50),
        at(99),
        tally.refused.load(Ordering::Relaxed),
    );
}
