//! Resumable uploads.
//!
//! Invariants: `offset_bytes` counts only bytes whose extents are recorded; whoever does not hold the
//! lease changes nothing.

use super::{Db, DbError, ExtentRow, Result, Tx, execute, execute_tx, query, query_tx, returning};
use sluice_model::{ClaimToken, MediaId, SourceId, TaskId, Timestamp, UploadId, UploadKind, UserId};
use sqlx::FromRow;
use std::time::Duration;

/// Reads and single statements of this domain, from [`Db::uploads`].
#[derive(Debug, Clone, Copy)]
pub struct Uploads<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::uploads`].
#[derive(Debug)]
pub struct UploadsTx<'a>(pub(crate) &'a mut Tx);

/// An upload as stored.
#[derive(Debug, Clone, FromRow)]
pub struct UploadRow {
    pub id: UploadId,
    pub owner_id: UserId,
    pub source_id: SourceId,
    pub length_bytes: Option<i64>,
    pub offset_bytes: i64,
    pub metadata: String,
    pub part: bool,
    #[sqlx(try_from = "String")]
    pub kind: UploadKind,
    /// There from the start, but for a part, which has none, and a form, whose is made at its end.
    pub media_id: Option<MediaId>,
    /// The media that it will be a track of; it becomes none of its own then.
    pub track_of: Option<MediaId>,
    /// Bytes of every part but the last (presigned).
    pub part_bytes: Option<i64>,
    /// URLs that were signed for its parts.
    pub signed: i64,
    /// As announced (presigned).
    pub content_type: Option<String>,
    /// Announced SHA-256 of the whole.
    pub checksum: Option<Vec<u8>>,
    /// Strong ETag of what is imported.
    pub validator: Option<String>,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    #[sqlx(rename = "expires_us")]
    pub expires_at: Timestamp,
    /// When all bytes were there and the media went to work; of a part, when it became part of the whole.
    #[sqlx(rename = "completed_us")]
    pub completed_at: Option<Timestamp>,
    /// The whole that a part has become.
    pub joined: Option<UploadId>,
    /// Bytes that it is counted with while its length is unknown.
    pub reserved_bytes: i64,
}

/// What creation stores.
#[derive(Debug)]
pub struct NewUpload<'a> {
    pub id: UploadId,
    pub owner_id: UserId,
    pub source_id: SourceId,
    pub length_bytes: Option<i64>,
    pub metadata: &'a str,
    pub part: bool,
    /// The media that it will be a track of.
    pub track_of: Option<MediaId>,
    pub kind: UploadKind,
    pub part_bytes: Option<i64>,
    pub content_type: Option<&'a str>,
    pub checksum: Option<&'a [u8]>,
    /// Bytes that it is counted with while its length is unknown.
    pub reserved_bytes: i64,
    pub now: Timestamp,
    pub expires_at: Timestamp,
}

macro_rules! upload_columns {
    () => {
        "id, owner_id, source_id, length_bytes, offset_bytes, metadata, part, kind, media_id, track_of, part_bytes, signed, content_type, checksum, \
         validator, created_us, expires_us, completed_us, joined, reserved_bytes"
    };
}

/// An upload that never all arrived; what did is about to be completed.
macro_rules! expired {
    () => {
        "expires_us < $1 AND completed_us IS NULL AND (part OR length_bytes IS NULL OR offset_bytes < length_bytes)"
    };
}

/// Grace before objects are deleted. A worker learns within a second or two that its claim is gone, whatever the lease,
/// and stores at most the segment that it has in hand.
const STILL_WORKING: Duration = Duration::from_secs(30);

impl Uploads<'_> {
    /// What is said of an upload that is not complete.
    pub async fn set_metadata(&self, id: UploadId, metadata: &str) -> Result<()> {
        execute!(self.0, "UPDATE uploads SET metadata = $1 WHERE id = $2 AND completed_us IS NULL", metadata, id)?;
        Ok(())
    }

    /// An upload by id.
    pub async fn find(&self, id: UploadId) -> Result<Option<UploadRow>> {
        let sql = concat!("SELECT ", upload_columns!(), " FROM uploads WHERE id = $1");
        query!(self.0, fetch_optional as UploadRow, sql, id)
    }

    /// Makes `holder` the one request that may change an upload, whoever had it before. `None` when it
    /// is complete, expired or gone.
    pub async fn take_lease(
        &self,
        id: UploadId,
        holder: ClaimToken,
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<Option<UploadRow>> {
        let sql = concat!(
            "UPDATE uploads SET holder = $1, expires_us = $2 WHERE id = $3 AND completed_us IS NULL AND expires_us > $4 RETURNING ",
            upload_columns!()
        );
        Ok(returning!(self.0, UploadRow, sql, holder, expires_at, id, now)?.into_iter().next())
    }

    /// Uploads whose bytes are all there but which are no media yet: the process died in between.
    pub async fn to_complete(&self) -> Result<Vec<UploadRow>> {
        let sql = concat!(
            "SELECT ",
            upload_columns!(),
            " FROM uploads WHERE completed_us IS NULL AND NOT part AND length_bytes = offset_bytes LIMIT 50"
        );
        query!(self.0, fetch_all as UploadRow, sql)
    }

    /// Gives an upload up: its media is gone, its bytes go with the next sweep. `false` when there was none
    /// under way.
    pub async fn delete(&self, id: UploadId, now: Timestamp) -> Result<bool> {
        self.delete_if_leased(id, None, now).await
    }

    /// The same, unless somebody else than `holder` has taken it over.
    pub async fn delete_if_leased(&self, id: UploadId, holder: Option<ClaimToken>, now: Timestamp) -> Result<bool> {
        let mut tx = self.0.begin().await?;
        tx.work().lock_upload(id, now).await?;
        let sql = "DELETE FROM uploads WHERE id = $1 AND completed_us IS NULL AND (CAST($2 AS UUID) IS NULL OR holder = $2) RETURNING source_id";
        let Some((source,)) = query_tx!(&mut tx, fetch_optional as (SourceId,), sql, id, holder)? else {
            return Ok(false);
        };
        tx.uploads().mark_source_deleting(source, now).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// Removes a complete upload whose media is gone.
    pub async fn purge(&self, id: UploadId) -> Result<()> {
        execute!(self.0, "DELETE FROM uploads WHERE id = $1 AND completed_us IS NOT NULL", id)?;
        Ok(())
    }

    /// Queues planning on what has arrived: where the container permits, work begins before the upload ends.
    /// Once; and not for an upload that is a part, complete or of unknown length, or whose work was stopped.
    pub async fn plan_early(&self, upload: UploadId, task: TaskId, memory_bytes: i64, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO tasks (id, package_id, source_id, kind, name, payload, status, attempts, beat, due_us, \
                   not_before_us, cores, memory_bytes, progress, created_us, needs_bytes, priority, owner_id) \
                   SELECT $1, m.package_id, m.source_id, 'plan', 'plan', '{}', 'queued', 0, 0, $2, 0, 1, $3, 0, $2, 1, \
                   p.priority, m.owner_id \
                   FROM uploads u JOIN media m ON m.id = u.media_id JOIN packages p ON p.id = m.package_id \
                   WHERE u.id = $4 AND u.offset_bytes < u.length_bytes AND p.status <> 'failed' ON CONFLICT DO NOTHING";
        execute!(self.0, sql, task, now, memory_bytes, upload)?;
        Ok(())
    }

    /// Uploads of which some bytes are there and nobody has queued planning: the process died in between.
    pub async fn to_plan(&self) -> Result<Vec<UploadId>> {
        let sql = "SELECT u.id FROM uploads u JOIN media m ON m.id = u.media_id JOIN packages p ON p.id = m.package_id \
                   WHERE u.completed_us IS NULL AND u.offset_bytes > 0 AND p.status <> 'failed' \
                   AND u.offset_bytes < u.length_bytes AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.package_id = m.package_id AND \
                   t.kind = 'plan') LIMIT 50";
        Ok(query!(self.0, fetch_all as (UploadId,), sql)?.into_iter().map(|r| r.0).collect())
    }

    /// The upload whose bytes a source is.
    pub async fn of_source(&self, source: SourceId) -> Result<Option<UploadRow>> {
        let sql = concat!("SELECT ", upload_columns!(), " FROM uploads WHERE source_id = $1 AND joined IS NULL");
        query!(self.0, fetch_optional as UploadRow, sql, source)
    }

    /// Counts signed URLs anew, where none of them lives any more: those that stored something.
    pub async fn recount_signed(&self, id: UploadId, was: i64, stored: i64, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE uploads SET signed = $1 WHERE id = $2 AND signed = $3 \
                   AND (SELECT s.open_until_us FROM sources s WHERE s.id = uploads.source_id) <= $4";
        Ok(execute!(self.0, sql, stored, id, was, now)? == 1)
    }

    /// Puts an upload's expiry off and keeps its prefix open for `signed` more URLs. `false` when it is complete,
    /// expired or gone.
    pub async fn extend_signed_until(
        &self,
        id: UploadId,
        signed: i64,
        now: Timestamp,
        expires_at: Timestamp,
        most_signed: i64,
        open_until: Timestamp,
    ) -> Result<bool> {
        let mut tx = self.0.begin().await?;
        let sql = "UPDATE uploads SET expires_us = CASE WHEN expires_us < $1 THEN $1 ELSE expires_us END, signed = signed + $4 \
                   WHERE id = $2 AND completed_us IS NULL AND expires_us > $3 AND signed + $4 <= $5 RETURNING source_id";
        let Some((source,)) =
            query_tx!(&mut tx, fetch_optional as (SourceId,), sql, expires_at, id, now, signed, most_signed)?
        else {
            return Ok(false);
        };
        let sql = "UPDATE sources SET touched_us = $1, \
                   open_until_us = CASE WHEN open_until_us < $2 THEN $2 ELSE open_until_us END WHERE id = $3";
        execute_tx!(&mut tx, sql, now, open_until, source)?;
        tx.commit().await?;
        Ok(true)
    }

    /// Notes what a source's first bytes say it is.
    pub async fn set_content_type(&self, source: SourceId, content_type: &str) -> Result<()> {
        execute!(self.0, "UPDATE sources SET content_type = $1 WHERE id = $2", content_type, source)?;
        Ok(())
    }

    /// Ends uploads that expired: complete ones are forgotten, unfinished ones go with their media, and the sweep takes
    /// their bytes.
    pub async fn purge_expired(&self, now: Timestamp) -> Result<()> {
        execute!(self.0, "DELETE FROM uploads WHERE expires_us < $1 AND completed_us IS NOT NULL", now)?;
        let sql = concat!("SELECT id FROM uploads WHERE ", expired!());
        for (id,) in query!(self.0, fetch_all as (UploadId,), sql, now)? {
            // One at a time, its package first, as all who change it lock them: an import may be at its end just now.
            let mut tx = self.0.begin().await?;
            tx.work().lock_upload(id, now).await?;
            let sql = concat!("DELETE FROM uploads WHERE ", expired!(), " AND id = $2 RETURNING source_id");
            if let Some((source,)) = query_tx!(&mut tx, fetch_optional as (SourceId,), sql, now, id)? {
                // Its media goes with it: nobody plays what never arrived.
                tx.uploads().mark_source_deleting(source, now).await?;
                tx.commit().await?;
            }
        }
        Ok(())
    }
}

impl UploadsTx<'_> {
    /// Announces an upload and its source.
    pub async fn insert(&mut self, u: &NewUpload<'_>) -> Result<()> {
        self.0.sources().insert(u.source_id, u.length_bytes, u.now).await?;
        let sql = "INSERT INTO uploads (id, owner_id, source_id, length_bytes, offset_bytes, metadata, part, created_us, expires_us, \
                   kind, part_bytes, content_type, checksum, reserved_bytes, track_of) VALUES ($1, $2, $3, $4, 0, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
        execute_tx!(
            self.0,
            sql,
            u.id,
            u.owner_id,
            u.source_id,
            u.length_bytes,
            u.metadata,
            u.part,
            u.now,
            u.expires_at,
            u.kind.as_str(),
            u.part_bytes,
            u.content_type,
            u.checksum,
            u.reserved_bytes,
            u.track_of
        )?;
        Ok(())
    }

    /// Ends what was to become of bytes that are still arriving: their media goes, their tasks end, the sweep
    /// takes the objects.
    pub async fn mark_source_deleting(&mut self, source: SourceId, now: Timestamp) -> Result<()> {
        let sql = "UPDATE sources SET status = 'deleting', \
                   open_until_us = CASE WHEN open_until_us < $1 THEN $1 ELSE open_until_us END WHERE id = $2 AND status = 'receiving'";
        if execute_tx!(self.0, sql, now + STILL_WORKING, source)? == 1 {
            let gone = "DELETE FROM media WHERE source_id = $1 RETURNING id";
            let media = query_tx!(self.0, fetch_all as (MediaId,), gone, source)?;
            self.0.pictures().mark_posters_deleting(&media, now).await?;
            execute_tx!(self.0, "DELETE FROM uploads WHERE source_id = $1", source)?;
            let sql = "UPDATE tasks SET status = 'cancelled', token = NULL WHERE source_id = $1 AND status IN ('queued', 'running')";
            execute_tx!(self.0, sql, source)?;
        }
        Ok(())
    }

    /// Ends all uploads of an account that are under way.
    pub(crate) async fn end_all_of(&mut self, owner: UserId, now: Timestamp) -> Result<()> {
        let sql = "SELECT source_id FROM uploads WHERE owner_id = $1 AND completed_us IS NULL";
        for (source,) in query_tx!(self.0, fetch_all as (SourceId,), sql, owner)? {
            self.mark_source_deleting(source, now).await?;
        }
        Ok(())
    }

    /// Notes which media an upload will be.
    pub async fn set_media(&mut self, id: UploadId, media: MediaId) -> Result<()> {
        execute_tx!(self.0, "UPDATE uploads SET media_id = $1 WHERE id = $2", media, id)?;
        Ok(())
    }

    /// Takes an upload's row lock.
    pub async fn lock(&mut self, id: UploadId) -> Result<Option<UploadRow>> {
        let sql = concat!("UPDATE uploads SET part = part WHERE id = $1 RETURNING ", upload_columns!());
        query_tx!(self.0, fetch_optional as UploadRow, sql, id)
    }

    /// Records stored extents, which continue the upload at `from`. `false` when somebody else holds it
    /// by now, or the sweep gave it up: then nothing is recorded.
    pub async fn advance(
        &mut self,
        id: UploadId,
        holder: ClaimToken,
        from: i64,
        extents: &[ExtentRow],
        now: Timestamp,
        expires_at: Timestamp,
    ) -> Result<bool> {
        let bytes: i64 = extents.iter().map(|e| e.size_bytes).sum();
        let sql = "UPDATE uploads SET offset_bytes = offset_bytes + $1, \
                   expires_us = CASE WHEN expires_us < $5 THEN $5 ELSE expires_us END WHERE id = $2 AND holder = $3 AND offset_bytes = $4 \
                   AND (length_bytes IS NULL OR offset_bytes + $1 <= length_bytes) \
                   AND completed_us IS NULL RETURNING source_id";
        let Some((source,)) =
            query_tx!(self.0, fetch_optional as (SourceId,), sql, bytes, id, holder, from, expires_at)?
        else {
            return Ok(false);
        };
        let sql = "UPDATE sources SET touched_us = $1, size_bytes = $2 WHERE id = $3 AND status = 'receiving'";
        if execute_tx!(self.0, sql, now, from + bytes, source)? == 0 {
            return Ok(false);
        }
        self.insert_extents(source, extents).await?;
        Ok(true)
    }

    /// Records all extents of an upload whose parts went straight to the store.
    pub async fn record_parts(&mut self, upload: &UploadRow, extents: &[ExtentRow]) -> Result<()> {
        self.insert_extents(upload.source_id, extents).await?;
        execute_tx!(self.0, "UPDATE uploads SET offset_bytes = length_bytes WHERE id = $1", upload.id)?;
        Ok(())
    }

    /// Removes what was recorded of an upload: it starts again.
    pub async fn restart(&mut self, upload: &UploadRow, holder: ClaimToken) -> Result<Vec<ExtentRow>> {
        let sql = "UPDATE uploads SET offset_bytes = 0, length_bytes = NULL, validator = NULL \
                   WHERE id = $2 AND holder = $1 AND completed_us IS NULL";
        if execute_tx!(self.0, sql, holder, upload.id)? == 0 {
            return Err(DbError::Fenced);
        }
        let sql = "UPDATE sources SET size_bytes = 0, total_bytes = NULL, content_type = 'application/octet-stream' \
                   WHERE id = $1 AND status = 'receiving'";
        if execute_tx!(self.0, sql, upload.source_id)? == 0 {
            return Err(DbError::Fenced);
        }
        // Nothing that was made of the bytes before may stand beside what is made of these.
        execute_tx!(self.0, "DELETE FROM tasks WHERE source_id = $1 AND kind = 'hash'", upload.source_id)?;
        self.0.packages().delete_plans(upload.source_id, TaskId::nil()).await?;
        let sql = "DELETE FROM extents WHERE source_id = $1 RETURNING offset_bytes, size_bytes, number, \
                   COALESCE(home, source_id) AS home";
        query_tx!(self.0, fetch_all as ExtentRow, sql, upload.source_id)
    }

    /// Notes the validator of what is imported.
    pub async fn set_validator(&mut self, id: UploadId, validator: Option<&str>) -> Result<()> {
        execute_tx!(self.0, "UPDATE uploads SET validator = $1 WHERE id = $2", validator, id)?;
        Ok(())
    }

    async fn insert_extents(&mut self, source: SourceId, extents: &[ExtentRow]) -> Result<()> {
        let sql = "INSERT INTO extents (source_id, offset_bytes, size_bytes, number, home) VALUES ($1, $2, $3, $4, $5)";
        for e in extents {
            let home = (e.home != source).then_some(e.home);
            execute_tx!(self.0, sql, source, e.offset_bytes, e.size_bytes, e.number, home)?;
        }
        Ok(())
    }

    /// Says how long a deferred upload is. `false` when it was said before, or is less than what is there.
    pub async fn set_length(&mut self, id: UploadId, length_bytes: i64) -> Result<bool> {
        let sql = "UPDATE uploads SET length_bytes = $1 WHERE id = $2 AND length_bytes IS NULL AND offset_bytes <= $1";
        let set = execute_tx!(self.0, sql, length_bytes, id)? == 1;
        let sql = "UPDATE sources SET total_bytes = $1 WHERE id = (SELECT source_id FROM uploads WHERE id = $2)";
        execute_tx!(self.0, sql, length_bytes, id)?;
        Ok(set)
    }

    /// Moves the extents of finished parts, in order, into an upload's source, and notes what the parts have become.
    /// How many bytes they are.
    pub async fn concatenate(
        &mut self,
        id: UploadId,
        source: SourceId,
        parts: &[UploadRow],
        now: Timestamp,
    ) -> Result<i64> {
        let mut at = 0;
        for part in parts {
            let sql = "SELECT offset_bytes, size_bytes, number, COALESCE(home, source_id) AS home FROM extents \
                       WHERE source_id = $1 ORDER BY offset_bytes";
            let rows = query_tx!(self.0, fetch_all as ExtentRow, sql, part.source_id)?;
            let moved: Vec<ExtentRow> =
                rows.into_iter().map(|e| ExtentRow { offset_bytes: e.offset_bytes + at, ..e }).collect();
            self.insert_extents(source, &moved).await?;
            let sql = "UPDATE uploads SET joined = $1, source_id = $2, completed_us = $3, holder = NULL WHERE id = $4";
            execute_tx!(self.0, sql, id, source, now, part.id)?;
            // Not marked as deleting: its objects live on under their own prefix, and go with the whole.
            execute_tx!(self.0, "DELETE FROM sources WHERE id = $1", part.source_id)?;
            at += part.offset_bytes;
        }
        execute_tx!(self.0, "UPDATE uploads SET offset_bytes = $1, length_bytes = $1 WHERE id = $2", at, id)?;
        let sql = "UPDATE sources SET size_bytes = $1, touched_us = $2 WHERE id = $3";
        execute_tx!(self.0, sql, at, now, source)?;
        Ok(at)
    }

    /// Notes that an upload has become its media.
    pub async fn finish(&mut self, id: UploadId, now: Timestamp) -> Result<()> {
        execute_tx!(self.0, "UPDATE uploads SET completed_us = $1, holder = NULL WHERE id = $2", now, id)?;
        Ok(())
    }

    /// Removes the upload of a source that is gone. What was completed is kept until it expires: clients may ask for it.
    pub(crate) async fn purge_of(&mut self, source: SourceId) -> Result<()> {
        execute_tx!(self.0, "DELETE FROM uploads WHERE source_id = $1 AND completed_us IS NULL", source)?;
        Ok(())
    }
}
