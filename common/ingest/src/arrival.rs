//! The step that makes work of bytes: the same for every way in which they come, and safe to repeat.

use serde::{Deserialize, Serialize};
use sluice_db::{Db, NewTask, Result, Tx, UploadRow};
use sluice_model::{TaskKind, UploadKind, clock};
use uuid::Uuid;

/// Memory that planning, hashing and importing are admitted with.
pub const LIGHT_BYTES: i64 = 96 << 20;
/// Hashing takes disk and a core away from the first picture: its turn comes a moment later.
const HASH_LATER_US: i64 = 1_000_000;
/// Beyond the end of the last signed URL, for clocks that differ.
const CLOSED_LATER_US: i64 = 2_000_000;

/// Payload of a hash task.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct HashPayload {
    /// What the bytes must hash to before anything is made of them, in hexadecimal.
    pub sha256: Option<String>,
}

/// Payload of an import task.
#[derive(Debug, Serialize, Deserialize)]
pub struct ImportPayload {
    pub url: String,
}

/// A task that belongs to the source of an upload.
pub fn task(package_id: Uuid, source_id: Uuid, kind: TaskKind, due_us: i64) -> NewTask {
    NewTask {
        package_id,
        source_id,
        kind,
        name: kind.to_string(),
        payload: "{}".to_owned(),
        due_us,
        cores: i64::from(kind == TaskKind::Plan),
        memory_bytes: LIGHT_BYTES,
        needs_bytes: 0,
        not_before_us: 0,
    }
}

/// Completes an upload whose bytes are all there and recorded: the source is live, its first tasks are queued.
/// `false` when it was complete before, or is gone. The caller commits.
pub async fn complete_in(tx: &mut Tx, upload: Uuid, now_us: i64) -> Result<bool> {
    let Some(row) = tx.lock_upload(upload).await? else { return Ok(false) };
    let Some(media) = row.media_id.filter(|_| row.completed_us.is_none()) else { return Ok(false) };
    let Some(package) = tx.package_of(media).await? else { return Ok(false) };
    if !tx.complete_source(row.source_id, row.offset_bytes, now_us).await? {
        return Ok(false);
    }
    tx.finish_upload(row.id, now_us).await?;
    let open_until_us = tx.open_until(row.source_id).await?;
    tx.enqueue(&first_tasks(&row, package, open_until_us, now_us), now_us).await?;
    Ok(true)
}

fn first_tasks(row: &UploadRow, package: Uuid, open_until_us: i64, now_us: i64) -> Vec<NewTask> {
    let of = |kind, due_us| task(package, row.source_id, kind, due_us);
    let hash = of(TaskKind::Hash, now_us + HASH_LATER_US);
    // Bytes that must have an announced hash are not worked with before they are known to.
    let mut tasks = match &row.checksum {
        Some(sha256) => {
            let payload = HashPayload { sha256: Some(hex::encode(sha256)) };
            vec![NewTask { due_us: now_us, payload: serde_json::to_string(&payload).unwrap_or_default(), ..hash }]
        }
        None => vec![of(TaskKind::Plan, now_us), hash],
    };
    if row.kind == UploadKind::Presigned {
        // While a signed URL lives, its holder may write: what is hashed after that stays so.
        let again = of(TaskKind::Hash, now_us + HASH_LATER_US);
        let not_before_us = open_until_us + CLOSED_LATER_US;
        tasks.push(NewTask { name: "hash-closed".to_owned(), not_before_us, ..again });
    }
    tasks
}

/// Lets planning begin on what has arrived.
pub async fn plan_early(db: &Db, upload: Uuid) -> Result<()> {
    db.plan_early(upload, Uuid::now_v7(), LIGHT_BYTES, clock::now_us()).await
}
