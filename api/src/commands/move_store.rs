//! `sluice-api move-store`: from one store to another, while the service serves from both.

use anyhow::Context;
use sluice_config::{Config, telemetry::say};
use sluice_storage::Store;
use sluice_upkeep::{Moved, move_objects};
use std::time::{Duration, Instant};

/// How often is said how far it is.
const OFTEN: Duration = Duration::from_secs(10);

pub async fn run(config: &Config) -> anyhow::Result<()> {
    let store = Store::open(&config.store).await.context("store")?;
    let (from, to) = store.moving().context("SLUICE_STORE_MOVES_FROM is not set: needed is the store before")?;
    to.ping().await.context("SLUICE_STORE_URL")?;
    let began = Instant::now();
    loop {
        let moved = round(&from, &to).await?;
        say(format!(
            "{} objects with {} bytes were copied, {} were there; {:.0} s",
            moved.copied.objects,
            moved.copied.bytes,
            moved.there.objects,
            began.elapsed().as_secs_f64()
        ));
        // What a process wrote that had not been restarted yet is found by another round.
        if moved.copied.objects == 0 {
            break;
        }
    }
    say("all of it is there: once every process runs without SLUICE_STORE_MOVES_FROM, the store before is not needed any more".to_owned());
    Ok(())
}

async fn round(from: &Store, to: &Store) -> anyhow::Result<Moved> {
    let mut told = Instant::now();
    let tell = |moved: &Moved| {
        if told.elapsed() >= OFTEN {
            told = Instant::now();
            say(format!("{} objects with {} bytes so far", moved.copied.objects, moved.copied.bytes));
        }
    };
    Ok(move_objects(from, to, tell).await?)
}
