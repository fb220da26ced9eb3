//! Completion: the step that makes work of bytes, the same for every way in which they come. Idempotent.

use sluice_db::{Db, NewAddedTrack, NewTask, Result, Tx, UploadRow};
use sluice_model::{
    HashPayload, PackageId, SoundTrack, SourceId, TaskId, TaskKind, Timestamp, UploadId, UploadKind, clock,
};
use std::time::Duration;

/// Memory that planning, hashing and importing are admitted with.
pub const LIGHT_BYTES: i64 = 96 << 20;
/// Hashing takes disk and a core away from the first picture: it is due so much later.
const HASH_DELAY: Duration = Duration::from_secs(1);
/// Time after the end of the last signed URL, for clocks that differ.
const CLOCK_SKEW: Duration = Duration::from_secs(2);

/// A task that belongs to the source of an upload.
pub fn source_task(package_id: PackageId, source_id: SourceId, kind: TaskKind, due_at: Timestamp) -> NewTask {
    NewTask {
        package_id,
        source_id,
        kind,
        name: kind.to_string(),
        payload: "{}".to_owned(),
        due_at,
        cores: i64::from(kind == TaskKind::Plan),
        memory_bytes: LIGHT_BYTES,
        needs_bytes: 0,
        not_before: Timestamp::EPOCH,
    }
}

/// Completes an upload whose bytes are all there and recorded: the source is live, its first tasks are queued.
/// `false` when it was complete before, or is gone. The caller commits.
pub async fn complete_in(tx: &mut Tx, upload: UploadId, now: Timestamp) -> Result<bool> {
    let Some(row) = tx.uploads().lock(upload).await? else { return Ok(false) };
    let Some(media) = row.media_id.filter(|_| row.completed_at.is_none()) else { return Ok(false) };
    let Some(package) = tx.media().package_of(media).await? else { return Ok(false) };
    if !tx.sources().complete(row.source_id, row.offset_bytes, now).await? {
        return Ok(false);
    }
    tx.uploads().finish(row.id, now).await?;
    let said = [("sluice.bytes", row.offset_bytes.into()), ("sluice.kind", row.kind.as_str().into())];
    sluice_trace::part(package, "upload", (row.created_at, now), said);
    let open_until = tx.sources().signed_until(row.source_id).await?;
    tx.tasks().enqueue(&first_tasks(&row, package, open_until, now), now).await?;
    tx.tasks().cancel_if_failed(package).await?;
    Ok(true)
}

/// The same of an upload that will be a track of a media: its source is live, its package is announced, its plan is queued.
/// Its bytes are compared with no others: what is one owner's stays with their media. The caller commits.
///
/// # Errors
/// [`sluice_db::DbError::Fenced`] when the media is gone.
pub async fn complete_track_in(tx: &mut Tx, upload: UploadId, said: &SoundTrack, now: Timestamp) -> Result<bool> {
    let Some(row) = tx.uploads().lock(upload).await? else { return Ok(false) };
    let Some(media_id) = row.track_of.filter(|_| row.completed_at.is_none()) else { return Ok(false) };
    if !tx.sources().complete(row.source_id, row.offset_bytes, now).await? {
        return Ok(false);
    }
    tx.uploads().finish(row.id, now).await?;
    let (source_id, package_id) = (row.source_id, PackageId::new());
    let (language, label, role) = (said.language.as_deref(), said.label.as_str(), said.role);
    tx.added_tracks().insert(&NewAddedTrack { media_id, source_id, package_id, language, label, role }, now).await?;
    tx.tasks().enqueue(&[source_task(package_id, source_id, TaskKind::Plan, now)], now).await?;
    Ok(true)
}

fn first_tasks(row: &UploadRow, package: PackageId, open_until: Timestamp, now: Timestamp) -> Vec<NewTask> {
    let of = |kind, due_at| source_task(package, row.source_id, kind, due_at);
    let hash = of(TaskKind::Hash, now + HASH_DELAY);
    // Bytes that must have an announced hash are not worked with before they are known to.
    let mut tasks = match &row.checksum {
        Some(sha256) => {
            let payload = HashPayload { sha256: Some(hex::encode(sha256)) };
            vec![NewTask { due_at: now, payload: serde_json::to_string(&payload).unwrap_or_default(), ..hash }]
        }
        None => vec![of(TaskKind::Plan, now), hash],
    };
    if row.kind == UploadKind::Presigned {
        // While a signed URL lives, its holder may write: what is hashed after that stays so.
        let again = of(TaskKind::Hash, now + HASH_DELAY);
        let not_before = open_until + CLOCK_SKEW;
        tasks.push(NewTask { name: "hash-closed".to_owned(), not_before, ..again });
    }
    tasks
}

/// Queues planning on what was delivered, once: where the container permits, encoding begins before the upload ends.
pub async fn plan_early(db: &Db, upload: UploadId) -> Result<()> {
    db.uploads().plan_early(upload, TaskId::new(), LIGHT_BYTES, clock::now()).await
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{World, film};

    async fn complete(world: &World, row: &UploadRow) -> bool {
        let mut tx = world.ingest.db.begin().await.unwrap();
        let done = complete_in(&mut tx, row.id, clock::now()).await.unwrap();
        tx.commit().await.unwrap();
        done
    }

    #[tokio::test]
    async fn an_upload_becomes_work_once() {
        let world = World::new("").await;
        let upload = world.upload(Some(5000), UploadKind::Tus, None).await;
        world.receive(upload.id, &film(5000), None).await.end.unwrap();
        assert!(complete(&world, &upload).await);
        assert!(!complete(&world, &upload).await);
        assert_eq!(world.tasks(&upload).await, ["plan", "hash"]);
        assert!(world.row(upload.id).await.completed_at.is_some());
    }

    #[tokio::test]
    async fn an_announced_hash_is_checked_before_anything_is_made() {
        let world = World::new("").await;
        let upload = world.upload(Some(5000), UploadKind::Presigned, Some(&[7; 32])).await;
        assert!(complete(&world, &upload).await);
        assert_eq!(world.tasks(&upload).await, ["hash", "hash-closed"]);
    }

    #[tokio::test]
    async fn planning_is_queued_with_the_first_extent() {
        let world = World::new("").await;
        let upload = world.upload(Some(9000), UploadKind::Tus, None).await;
        world.receive(upload.id, &film(5000), Some("cut")).await;
        world.receive(upload.id, &[1; 1000], Some("cut")).await;
        assert_eq!(world.tasks(&upload).await, ["plan"]);
    }
}
