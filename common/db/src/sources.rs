//! Uploaded bytes and their extents.

use super::{Db, Result, SourceSpan, Tx, execute, execute_tx, query, query_tx};
use sluice_model::{MediaEvent, MediaId, PackageId, SourceId, SourceStatus, Timestamp};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::sources`].
#[derive(Debug, Clone, Copy)]
pub struct Sources<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::sources`].
#[derive(Debug)]
pub struct SourcesTx<'a>(pub(crate) &'a mut Tx);

/// A source as stored.
#[derive(Debug, Clone, FromRow)]
pub struct SourceRow {
    pub id: SourceId,
    #[sqlx(try_from = "String")]
    pub status: SourceStatus,
    /// Bytes that are there; while it is receiving, a prefix.
    pub size_bytes: i64,
    /// Bytes that were announced, where they were.
    pub total_bytes: Option<i64>,
    /// Until then a signed URL may write below its prefix.
    #[sqlx(rename = "open_until_us")]
    pub open_until: Timestamp,
    pub sha256: Option<Vec<u8>>,
    pub content_type: String,
}

/// One immutable piece of a source.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ExtentRow {
    /// Where it begins in the source, bytes.
    pub offset_bytes: i64,
    /// Its length, bytes.
    pub size_bytes: i64,
    /// Its object's number within its home.
    pub number: i64,
    /// The source under whose prefix the object is stored: another one after concatenation.
    pub home: SourceId,
}

/// Uploads that have expired by `$2` and shown no sign of life since `$1`.
macro_rules! abandoned {
    () => {
        "status = 'receiving' AND touched_us < $1 \
         AND NOT EXISTS (SELECT 1 FROM uploads u WHERE u.source_id = sources.id AND u.expires_us > $2)"
    };
}

/// Complete sources that are older than `$1` and that no media, added track or unfinished clip needs.
macro_rules! unused {
    () => {
        "status = 'live' AND touched_us < $1 \
         AND NOT EXISTS (SELECT 1 FROM media m WHERE m.source_id = sources.id) \
         AND NOT EXISTS (SELECT 1 FROM packages c WHERE c.clip_source_id = sources.id AND c.status IN ('planning', 'encoding')) \
         AND NOT EXISTS (SELECT 1 FROM packages p JOIN packages c ON c.clip_package_id = p.id \
           WHERE p.source_id = sources.id AND c.status IN ('planning', 'encoding')) \
         AND NOT EXISTS (SELECT 1 FROM added_tracks a WHERE a.source_id = sources.id)"
    };
}

impl Sources<'_> {
    /// A source by id.
    pub async fn find(&self, id: SourceId) -> Result<Option<SourceRow>> {
        query!(
            self.0,
            fetch_optional as SourceRow,
            "SELECT id, status, size_bytes, total_bytes, open_until_us, sha256, content_type FROM sources WHERE id = $1",
            id
        )
    }

    /// The extents of a source in order.
    pub async fn extents(&self, source: SourceId) -> Result<Vec<ExtentRow>> {
        let sql = "SELECT offset_bytes, size_bytes, number, COALESCE(home, source_id) AS home FROM extents \
                   WHERE source_id = $1 ORDER BY offset_bytes";
        query!(self.0, fetch_all as ExtentRow, sql, source)
    }

    /// Marks for deletion what nothing refers to any more: uploads that have expired and shown no sign of
    /// life since `stale_before`, and live sources without media that are older than that, unless a clip is being cut from
    /// them; of the latter those in a span. Returns all marked.
    pub async fn mark_deleting(
        &self,
        stale_before: Timestamp,
        now: Timestamp,
        span: SourceSpan,
    ) -> Result<Vec<SourceId>> {
        let abandoned = concat!("UPDATE sources SET status = 'deleting' WHERE ", abandoned!());
        execute!(self.0, abandoned, stale_before, now)?;
        let unused = concat!("UPDATE sources SET status = 'deleting' WHERE id > $2 AND id <= $3 AND ", unused!());
        execute!(self.0, unused, stale_before, span.after, span.last)?;
        // While a signed URL may still write below a prefix, what is deleted there could come back.
        let sql = "SELECT id FROM sources WHERE status = 'deleting' AND open_until_us <= $1 LIMIT 100";
        let rows = query!(self.0, fetch_all as (SourceId,), sql, now)?;
        Ok(rows.into_iter().map(|r| r.0).collect())
    }

    /// The next of those that [`Self::mark_deleting`] would return if it were asked until there are none, in order; nothing is
    /// marked.
    pub async fn to_delete(
        &self,
        stale_before: Timestamp,
        now: Timestamp,
        after: SourceId,
        limit: i64,
    ) -> Result<Vec<SourceId>> {
        let sql = concat!(
            "SELECT id FROM sources WHERE id > $3 AND open_until_us <= $2 AND (status = 'deleting' OR (",
            abandoned!(),
            ") OR (",
            unused!(),
            ")) ORDER BY id LIMIT $4"
        );
        let rows = query!(self.0, fetch_all as (SourceId,), sql, stale_before, now, after, limit)?;
        Ok(rows.into_iter().map(|r| r.0).collect())
    }

    /// The prefixes under which a source's objects are stored: its own, and those of concatenated parts.
    pub async fn extent_homes(&self, source: SourceId) -> Result<Vec<SourceId>> {
        let sql = "SELECT DISTINCT home FROM extents WHERE source_id = $1 AND home IS NOT NULL";
        let rows = query!(self.0, fetch_all as (SourceId,), sql, source)?;
        Ok(std::iter::once(source).chain(rows.into_iter().map(|r| r.0)).collect())
    }

    /// Complete sources that nothing has written to since `before`, whose unrecorded extents were not looked for: the
    /// next after one, in order.
    pub async fn to_sweep(&self, before: Timestamp, after: SourceId) -> Result<Vec<SourceId>> {
        let sql = "SELECT id FROM sources WHERE status = 'live' AND touched_us < $1 AND open_until_us < $1 \
                   AND swept_us IS NULL AND id > $2 ORDER BY id LIMIT 50";
        Ok(query!(self.0, fetch_all as (SourceId,), sql, before, after)?.into_iter().map(|r| r.0).collect())
    }

    /// Notes that a source's unrecorded extents are gone.
    pub async fn mark_swept(&self, source: SourceId, now: Timestamp) -> Result<()> {
        execute!(self.0, "UPDATE sources SET swept_us = $1 WHERE id = $2", now, source)?;
        Ok(())
    }

    /// The packages of a source.
    pub async fn packages_of(&self, source: SourceId) -> Result<Vec<PackageId>> {
        let rows = query!(self.0, fetch_all as (PackageId,), "SELECT id FROM packages WHERE source_id = $1", source)?;
        Ok(rows.into_iter().map(|r| r.0).collect())
    }

    /// Removes a source that is being deleted, its packages and tasks, once their objects are gone.
    pub async fn purge(&self, source: SourceId) -> Result<()> {
        let mut tx = self.0.begin().await?;
        tx.tasks().purge_of(source).await?;
        // Only of bytes that never all arrived: new media join live sources alone.
        tx.media().purge_of(source).await?;
        tx.uploads().purge_of(source).await?;
        tx.packages().purge_of(source).await?;
        execute_tx!(&mut tx, "DELETE FROM sources WHERE id = $1 AND status = 'deleting'", source)?;
        tx.commit().await
    }
}

impl SourcesTx<'_> {
    /// Announces bytes that will come, so that a sweep finds their objects if they never all do.
    pub async fn insert(&mut self, id: SourceId, total_bytes: Option<i64>, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO sources (id, status, size_bytes, total_bytes, content_type, created_us, touched_us) \
                   VALUES ($1, 'receiving', 0, $2, 'application/octet-stream', $3, $3)";
        execute_tx!(self.0, sql, id, total_bytes, now)?;
        Ok(())
    }

    /// Until when a signed URL may write below a source's prefix.
    pub async fn signed_until(&mut self, id: SourceId) -> Result<Timestamp> {
        let sql = "SELECT open_until_us FROM sources WHERE id = $1";
        Ok(query_tx!(self.0, fetch_optional as (Timestamp,), sql, id)?.map_or(Timestamp::EPOCH, |r| r.0))
    }

    /// Completes an upload. `false` when the sweep has already given it up.
    pub async fn complete(&mut self, id: SourceId, size_bytes: i64, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE sources SET status = 'live', size_bytes = $1, touched_us = $2 WHERE id = $3 AND status = 'receiving'";
        Ok(execute_tx!(self.0, sql, size_bytes, now, id)? == 1)
    }

    /// Records the hash of a source and merges all live sources with these bytes and the same
    /// encryption into the oldest whose package is ready, or else into the oldest that is worked on: their media are re-pointed, their tasks cancelled. Returns how
    /// many were merged. Their objects stay for the GC window, so running players go on.
    ///
    /// A source that a signed URL may still write to is never the one that others are merged into.
    pub async fn merge_twins(&mut self, source: SourceId, sha256: &[u8], now: Timestamp) -> Result<u64> {
        // One merge at a time: two that do not see each other would both find nothing.
        if let Tx::Postgres(t) = self.0 {
            sqlx::query("SELECT pg_advisory_xact_lock(7103401)").execute(&mut **t).await?;
        }
        let sql = "UPDATE sources SET sha256 = $1 WHERE id = $2 AND open_until_us <= $3";
        let closed = execute_tx!(self.0, sql, sha256, source, now)? == 1;
        let sql = "SELECT s.id, p.id FROM sources s JOIN packages p ON p.source_id = s.id \
                   WHERE (s.sha256 = $1 OR s.id = $2) AND s.status = 'live' \
                   AND p.replaces_package_id IS NULL AND p.replaced_us IS NULL \
                   AND p.encryption = (SELECT MIN(o.encryption) FROM packages o WHERE o.source_id = $2) AND (p.status = 'ready' OR \
                     (p.status IN ('planning', 'encoding') AND EXISTS (SELECT 1 FROM tasks t WHERE t.package_id = p.id \
                       AND t.kind <> 'hash' AND t.status IN ('queued', 'running')))) \
                   ORDER BY CASE WHEN p.status = 'ready' THEN 0 ELSE 1 END, s.id";
        let mut twins = query_tx!(self.0, fetch_all as (SourceId, PackageId), sql, sha256, source)?;
        if !closed {
            twins.sort_by_key(|t| t.0 == source);
        }
        let Some(((oldest, package), others)) = twins.split_first() else { return Ok(0) };
        // Joining is safe against deletion: this update locks the row and finds it live.
        let touch = "UPDATE sources SET touched_us = $1 WHERE id = $2 AND status = 'live'";
        if execute_tx!(self.0, touch, now, oldest)? == 0 {
            return Ok(0);
        }
        // Whoever took the last media away since it was found has ended its work under the same lock.
        let worked = "SELECT COUNT(*) FROM packages p WHERE p.id = $1 AND p.replaced_us IS NULL AND (p.status = 'ready' \
                      OR p.status IN ('planning', 'encoding') AND EXISTS (SELECT 1 FROM tasks t \
                      WHERE t.package_id = p.id AND t.kind <> 'hash' AND t.status IN ('queued', 'running')))";
        if query_tx!(self.0, fetch_one as (i64,), worked, package)?.0 == 0 {
            return Ok(0);
        }
        let state = "SELECT playable, status = 'ready' FROM packages WHERE id = $1";
        let (playable, ready) = query_tx!(self.0, fetch_one as (bool, bool), state, package)?;
        let mut unmade = Vec::new();
        for (other, own) in others {
            let counted = self.0.usage().unmade_encode(*own).await?;
            execute_tx!(self.0, "UPDATE sources SET touched_us = $1 WHERE id = $2", now, other)?;
            let history = "INSERT INTO media_packages (media_id, package_id) \
                           SELECT id, $1 FROM media WHERE source_id = $2 ON CONFLICT DO NOTHING";
            execute_tx!(self.0, history, package, other)?;
            self.0.replacements().want_for(*other, *package).await?;
            let waiting = "SELECT m.id, p.playable, p.status = 'ready' FROM media m JOIN packages p ON p.id = m.package_id \
                           WHERE m.source_id = $1";
            let waiting = query_tx!(self.0, fetch_all as (MediaId, bool, bool), waiting, other)?;
            let point = "UPDATE media SET source_id = $1, package_id = $2 WHERE source_id = $3";
            execute_tx!(self.0, point, oldest, package, other)?;
            for (media, was_playable, was_ready) in waiting {
                if !was_playable && playable {
                    self.0.webhooks().notify_owner(media, MediaEvent::Playable, now).await?;
                }
                if !was_ready && ready {
                    self.0.webhooks().notify_owner(media, MediaEvent::Ready, now).await?;
                }
            }
            // What is playable has players, whose list must go on growing to its end.
            let cancel = "UPDATE tasks SET status = 'cancelled', token = NULL \
                          WHERE source_id = $1 AND kind <> 'hash' AND status IN ('queued', 'running') \
                          AND NOT EXISTS (SELECT 1 FROM packages p WHERE p.id = tasks.package_id AND p.playable)";
            if execute_tx!(self.0, cancel, other)? > 0 {
                unmade.extend(counted);
            }
        }
        // Rows of accounts last: plans lock them behind their tasks.
        for counted in unmade {
            self.0.usage().give_back(counted).await?;
        }
        Ok(others.len() as u64)
    }
}
