//! A transaction that is given up while it begins is over: what others write on the same connection afterwards is kept.

use crate::world::user;
use futures::{FutureExt, future::pending, poll};
use harness::Pair;
use sluice_db::Db;
use sluice_model::UserId;
use sluice_queue::WakeQueue;
use std::{
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::task::yield_now;
use uuid::Uuid;

harness::on_both!(
    what_is_given_up_while_it_begins_holds_nothing,
    a_wake_up_that_is_given_up_holds_nothing,
    a_listener_that_is_given_up_holds_nothing,
);

/// Whoever starts beside a service that is used waits for its turn in the file of wake-ups.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_queue_opens_while_others_write_in_it() {
    let folder = tempfile::tempdir().unwrap();
    let url = harness::database::fresh(Pair::Embedded, folder.path());
    let db = Db::open(&url).await.unwrap();
    let busy = WakeQueue::open(&db, &url).await.unwrap();
    let until = Instant::now() + Duration::from_secs(2);
    let writing = tokio::spawn(async move {
        while Instant::now() < until {
            busy.push(4).await;
            busy.vacuum().await;
        }
    });
    for _ in 0..20 {
        WakeQueue::open(&db, &url).await.unwrap();
    }
    writing.await.unwrap();
}

async fn what_is_given_up_while_it_begins_holds_nothing(pair: Pair) {
    let folder = tempfile::tempdir().unwrap();
    let url = harness::database::fresh(pair, folder.path());
    let (db, other) = (Db::open(&url).await.unwrap(), Db::open(&url).await.unwrap());
    given_up(&db, &other, || db.begin()).await;
}

/// What is sent when an upload is complete, by a client that goes away.
async fn a_wake_up_that_is_given_up_holds_nothing(pair: Pair) {
    let folder = tempfile::tempdir().unwrap();
    let url = harness::database::fresh(pair, folder.path());
    let (db, other) = (Db::open(&url).await.unwrap(), Db::open(&url).await.unwrap());
    let queue = WakeQueue::open(&db, &url).await.unwrap();
    given_up(&db, &other, || queue.push(1)).await;
}

/// What waits for wake-ups takes transactions of its own.
async fn a_listener_that_is_given_up_holds_nothing(pair: Pair) {
    let folder = tempfile::tempdir().unwrap();
    let url = harness::database::fresh(pair, folder.path());
    let (db, other) = (Db::open(&url).await.unwrap(), Db::open(&url).await.unwrap());
    let queue = WakeQueue::open(&db, &url).await.unwrap();
    let listen = || queue.listen(Uuid::new_v4().to_string(), Arc::default(), pending().boxed());
    given_up(&db, &other, listen).await;
}

/// Gives up at any moment what `start` gives, as the request of a client that goes away and the task of a worker that loses its
/// claim; what is written in between through `db` is there for another process.
async fn given_up<F: Future>(db: &Db, other: &Db, start: impl Fn() -> F) {
    let mut written = Vec::new();
    for round in 0..100 {
        let (patience, began) = (Duration::from_micros(40 * round), Instant::now());
        {
            let mut under_way = pin!(start());
            while began.elapsed() < patience && poll!(&mut under_way).is_pending() {
                yield_now().await;
            }
        }
        // Connections take turns: one of these soon has the one on which that was.
        for number in 0..3 {
            let (id, name) = (UserId::new(), format!("u{round}-{number}"));
            db.users().insert(&user(id, &name, &format!("{name}@example.org"))).await.unwrap();
            written.push(id);
        }
    }
    db.close().await;
    for id in written {
        assert!(other.users().find(id).await.unwrap().is_some(), "{id} was written, and is not there");
    }
}
