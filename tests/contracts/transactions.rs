//! A transaction that is given up while it begins is over: what others write on the same connection afterwards is kept.

use crate::world::user;
use futures::poll;
use harness::Pair;
use sluice_db::Db;
use sluice_model::UserId;
use std::{
    pin::pin,
    time::{Duration, Instant},
};
use tokio::task::yield_now;

harness::on_both!(what_is_given_up_while_it_begins_holds_nothing);

async fn what_is_given_up_while_it_begins_holds_nothing(pair: Pair) {
    let folder = tempfile::tempdir().unwrap();
    let url = harness::database::fresh(pair, folder.path());
    let (db, other) = (Db::open(&url).await.unwrap(), Db::open(&url).await.unwrap());
    let mut written = Vec::new();
    for round in 0..100 {
        // As the request of a client that goes away, and the task of a worker that loses its claim: at any moment.
        let (patience, began) = (Duration::from_micros(40 * round), Instant::now());
        {
            let mut begin = pin!(db.begin());
            while began.elapsed() < patience && poll!(&mut begin).is_pending() {
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
