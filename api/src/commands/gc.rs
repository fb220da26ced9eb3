//! `sluice-api gc`: the sweep of workers, at once, or what it would delete.

use anyhow::Context;
use sluice_config::Config;
use sluice_db::{Db, SourceSpan};
use sluice_storage::Store;
use sluice_upkeep::{Count, Sweep, Swept};
use std::io::{self, Write, stdout};

pub async fn run(config: &Config, dry_run: bool, json: bool) -> anyhow::Result<bool> {
    let db = Db::open(&config.database_url).await.context("database")?;
    let store = Store::open(&config.store).await.context("store")?;
    let sweep = Sweep { db: &db, store: &store, window: config.retention.gc_window };
    let swept = if dry_run { sweep.survey().await? } else { all_rounds(&sweep).await? };
    db.close().await;
    tell(&swept, dry_run, json)?;
    Ok(true)
}

/// Until nothing is left that is older than the window now.
async fn all_rounds(sweep: &Sweep<'_>) -> anyhow::Result<Swept> {
    let mut all = Swept::default();
    loop {
        let round = sweep.round(SourceSpan::all()).await?;
        if round.groups == 0 {
            return Ok(all);
        }
        all.add(&round);
    }
}

fn tell(swept: &Swept, dry_run: bool, json: bool) -> io::Result<()> {
    if json {
        return writeln!(
            stdout(),
            "{}",
            serde_json::json!({ "dry_run": dry_run, "swept": swept, "total": swept.total() })
        );
    }
    let lines = [
        ("uploads and packages that nobody has", swept.unreferenced),
        ("packages that were encoded again", swept.replaced),
        ("left by lost attempts of workers", swept.orphans),
        ("left by lost requests of uploads", swept.unrecorded),
        ("documents of deleted projects", swept.documents),
        ("pictures that are not shown any more", swept.pictures),
        (if dry_run { "would be deleted in all" } else { "deleted in all" }, swept.total()),
    ];
    for (what, Count { objects, bytes }) in lines {
        writeln!(stdout(), "{what:<38} {objects:>9} objects {bytes:>15} bytes")?;
    }
    Ok(())
}
