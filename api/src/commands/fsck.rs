//! `sluice-api fsck`.

use anyhow::{Context, bail};
use sluice_config::Config;
use sluice_db::Db;
use sluice_queue::WakeQueue;
use sluice_storage::Store;
use sluice_upkeep::{Finding, Fsck, FsckSummary};
use std::io::{self, Write, stdout};

/// More lost objects than this, and more than [`SHARE`], and the store may be another one, or a disk that is not there.
const FEW: u64 = 20;
/// One in so many.
const SHARE: u64 = 10;

/// Whether nothing was found.
pub async fn run(config: &Config, repair: bool, force: bool, json: bool) -> anyhow::Result<bool> {
    let db = Db::open(&config.database_url).await.context("database")?;
    let store = Store::open(&config.store).await.context("store")?;
    store.ping().await.context("store")?;
    let look = Fsck { db: &db, store: &store, window: config.retention.gc_window, repair: false };
    if repair && !force {
        refuse_another_store(&look.run(|_| Ok(())).await?)?;
    }
    let summary = Fsck { repair, ..look }.run(|finding| tell(finding, json)).await?;
    if summary.made_again > 0 {
        WakeQueue::open(&db, &config.database_url).await.context("queue")?.push(4).await;
    }
    db.close().await;
    conclude(&summary, json)?;
    Ok(summary.is_clean())
}

/// Nothing is made again for a store that was named wrongly.
fn refuse_another_store(found: &FsckSummary) -> anyhow::Result<()> {
    let FsckSummary { missing, objects, .. } = *found;
    if missing > FEW && missing.saturating_mul(SHARE) > objects {
        bail!(
            "{missing} of {objects} objects are missing: is this the store of this database? Nothing was repaired; \
             --force repairs nevertheless"
        );
    }
    Ok(())
}

fn tell(finding: &Finding, json: bool) -> io::Result<()> {
    if json { writeln!(stdout(), "{}", serde_json::to_string(finding)?) } else { writeln!(stdout(), "{finding}") }
}

fn conclude(summary: &FsckSummary, json: bool) -> io::Result<()> {
    if json {
        return writeln!(stdout(), "{}", serde_json::json!({ "summary": summary }));
    }
    let s = summary;
    writeln!(stdout(), "{} objects with {} bytes are named by rows", s.objects, s.bytes)?;
    writeln!(
        stdout(),
        "{} missing, {} of another length, {} left over with {} bytes",
        s.missing,
        s.wrong_length,
        s.orphans,
        s.orphan_bytes
    )?;
    if s.made_again + s.marked_failed > 0 {
        writeln!(stdout(), "{} packages are made again, {} have failed", s.made_again, s.marked_failed)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_in_which_nearly_all_is_missing_is_another_one() {
        let found = |missing, objects| FsckSummary { missing, objects, ..FsckSummary::default() };
        for fine in [found(0, 0), found(20, 20), found(100, 1000)] {
            assert!(refuse_another_store(&fine).is_ok(), "{fine:?}");
        }
        for odd in [found(21, 21), found(101, 1000)] {
            assert!(refuse_another_store(&odd).is_err(), "{odd:?}");
        }
    }
}
