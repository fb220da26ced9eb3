//! The hash of a source: compared with the announced one, used to merge sources with equal bytes; and the objects
//! that no extent names are removed.

use crate::task::{Context, Running, TaskError};
use sha2::{Digest, Sha256};
use sluice_ingest::{completion, extent_key};
use sluice_model::{HashPayload, Reason, SourceId, SourceStatus, TaskKind, clock};
use sluice_storage::{Key, Prefix};
use std::collections::HashSet;

/// Bytes hashed at once.
const HASH_BYTES: u64 = 1 << 20;

/// Hashes a source.
pub async fn hash(running: &Running) -> Result<(), TaskError> {
    let (db, task) = (&running.context.db, &running.task);
    let announced: HashPayload = serde_json::from_str(&task.payload).map_err(TaskError::corrupt)?;
    let source = running.source().await?;
    let mut digest = Sha256::new();
    let mut at = 0;
    while at < source.size() {
        let data = source.read_at(at, HASH_BYTES).await?;
        at += data.len() as u64;
        digest.update(&data);
    }
    let digest = digest.finalize();
    let now = clock::now();
    let mut tx = db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 1.0).await?;
    if announced.sha256.as_ref().is_some_and(|hex| *hex != hex::encode(digest)) {
        let reason = Reason::new("checksum_mismatch", "The bytes that arrived are not those that were announced.");
        tx.tasks().park(task.id, &reason, now).await?;
        tx.packages().fail(task.package_id, &reason, now).await?;
        return Ok(tx.commit().await?);
    }
    if announced.sha256.is_some() {
        tx.tasks()
            .enqueue(&[completion::source_task(task.package_id, task.source_id, TaskKind::Plan, task.due_at)], now)
            .await?;
    }
    let merged = tx.sources().merge_twins(task.source_id, &digest, now).await?;
    tx.tasks().complete(task.id, now).await?;
    tx.commit().await?;
    running.context.wake.push(1).await;
    remove_unreferenced(&running.context, task.source_id).await?;
    if merged > 0 {
        tracing::info!(source = %task.source_id, merged, "the same bytes were here already");
    }
    Ok(())
}

/// Removes objects below a source's prefixes that no row names: stored by a process that died before it
/// could record them, or by a signed URL that was used again. Dying in between leaves them to the source's end.
async fn remove_unreferenced(context: &Context, source: SourceId) -> Result<(), TaskError> {
    let row = context.db.sources().find(source).await?.ok_or(TaskError::Fenced)?;
    if row.status != SourceStatus::Live || row.open_until > clock::now() {
        return Ok(());
    }
    let named: HashSet<Key> = context.db.sources().extents(source).await?.iter().map(extent_key).collect();
    for home in context.db.sources().extent_homes(source).await? {
        for key in context.store.list(&Prefix::Source(home)).await?.into_iter().filter(|k| !named.contains(k)) {
            context.store.delete(&key).await?;
        }
    }
    Ok(())
}
