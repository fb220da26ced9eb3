//! Packages, their renditions and their published segments.

use super::{Db, DbError, NewRendition, RenditionRow, Result, Tx, execute, execute_tx, query, query_tx};
use sluice_model::{
    Encryption, Measured, MediaEvent, MediaKind, PackageId, PackageStatus, Reason, SourceId, TaskId, Timestamp,
};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::packages`].
#[derive(Debug, Clone, Copy)]
pub struct Packages<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::packages`].
#[derive(Debug)]
pub struct PackagesTx<'a>(pub(crate) &'a mut Tx);

/// A package as stored.
#[derive(Debug, Clone, FromRow)]
pub struct PackageRow {
    pub id: PackageId,
    pub source_id: SourceId,
    #[sqlx(try_from = "String")]
    pub status: PackageStatus,
    pub kind: Option<String>,
    pub plan: Option<String>,
    pub duration_ms: Option<i64>,
    pub target_s: Option<i64>,
    pub revealed: i64,
    pub playable: bool,
    #[sqlx(try_from = "String")]
    pub encryption: Encryption,
    pub report: Option<String>,
    #[sqlx(rename = "encode_started_us")]
    pub encode_started_at: Option<Timestamp>,
    /// When the programme begins on the clock of the segments, microseconds; unknown of packages of older versions.
    #[sqlx(rename = "programme_start_us")]
    pub programme_start: Option<i64>,
    /// Of a clip: the package whose segments it reuses, and the bytes of which its edges are encoded.
    pub clip_package_id: Option<PackageId>,
    pub clip_source_id: Option<SourceId>,
    /// Whose place it is to take.
    pub replaces_package_id: Option<PackageId>,
    /// When its upload began; of one that is to take another's place, when it was begun.
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
}

/// What planning found out.
#[derive(Debug)]
pub struct PlannedPackage<'a> {
    pub kind: MediaKind,
    pub plan: &'a str,
    /// `None` while more of the film is to be planned.
    pub duration_ms: Option<i64>,
    pub width: Option<i64>,
    pub height: Option<i64>,
    pub target_s: i64,
    pub renditions: Vec<NewRendition>,
}

/// A published segment.
#[derive(Debug, Clone, FromRow)]
pub struct SegmentRow {
    pub sequence: i64,
    pub object: String,
    pub size_bytes: i64,
    pub sha256: Vec<u8>,
    pub start_ticks: i64,
    pub duration_ticks: i64,
    pub fragments: String,
    #[sqlx(rename = "published_us")]
    pub published_at: Timestamp,
    /// Key and initialization vector of an encrypted segment.
    pub key_number: Option<i64>,
    pub iv: Option<Vec<u8>>,
    /// Of sound: peaks of stretches of equal length. Playlists are made without them, so they are not read with the rest.
    #[sqlx(default)]
    pub peaks: Option<Vec<u8>>,
    /// Of sound that is measured: how loud it is, as the worker writes it; not read with the rest either.
    #[sqlx(default)]
    pub loudness: Option<Vec<u8>>,
}

const SEGMENT: &str = "SELECT sequence, object, size_bytes, sha256, start_ticks, duration_ticks, fragments, published_us, key_number, iv \
                       FROM segments WHERE package_id = $1 AND rendition = $2 AND sequence < $3 ORDER BY sequence";

impl Packages<'_> {
    /// A package by id.
    pub async fn find(&self, id: PackageId) -> Result<Option<PackageRow>> {
        let sql = "SELECT id, source_id, status, kind, plan, duration_ms, target_s, revealed, playable, encryption, report, encode_started_us, programme_start_us, \
                   clip_package_id, clip_source_id, replaces_package_id, CASE WHEN replaces_package_id IS NULL \
                   THEN (SELECT s.created_us FROM sources s WHERE s.id = packages.source_id) ELSE created_us END AS created_us \
                   FROM packages WHERE id = $1";
        query!(self.0, fetch_optional as PackageRow, sql, id)
    }

    /// When the last byte of its source came; `None` while some are missing.
    pub async fn arrived_at(&self, id: PackageId) -> Result<Option<Timestamp>> {
        let sql = "SELECT s.touched_us FROM packages p JOIN sources s ON s.id = p.source_id WHERE p.id = $1 AND s.status = 'live'";
        Ok(query!(self.0, fetch_optional as (Timestamp,), sql, id)?.map(|r| r.0))
    }

    /// The renditions of a package, highest first.
    pub async fn renditions(&self, package: PackageId) -> Result<Vec<RenditionRow>> {
        let sql = "SELECT package_id, name, kind, role, passthrough, width, height, rate_num, rate_den, channels, codecs, video_range, \
                   supplemental_codecs, timescale, cap_bps, peak_bps, average_bps, iframe_bps, planned, contiguous, init_object, init_bytes, init_sha256, \
                   position, language, label, track_role, integrated_lufs, loudness_range_lu, true_peak_dbtp \
                   FROM renditions WHERE package_id = $1 ORDER BY cap_bps DESC, name";
        query!(self.0, fetch_all as RenditionRow, sql, package)
    }

    /// The segments of a rendition with a sequence number below `end`, in order.
    pub async fn segments(&self, package: PackageId, rendition: &str, end: i64) -> Result<Vec<SegmentRow>> {
        query!(self.0, fetch_all as SegmentRow, SEGMENT, package, rendition, end)
    }

    /// How long the segments of the default sound are that have peaks, in ticks, and these, in order.
    pub async fn peaks(&self, package: PackageId) -> Result<Vec<(i64, Vec<u8>)>> {
        let sql = "SELECT s.duration_ticks, s.peaks FROM segments s WHERE s.package_id = $1 AND s.peaks IS NOT NULL \
                   AND s.rendition = (SELECT r.name FROM renditions r WHERE r.package_id = $1 AND r.kind = 'audio' \
                   ORDER BY r.position, r.channels > 2, r.cap_bps DESC LIMIT 1) ORDER BY s.sequence";
        query!(self.0, fetch_all as (i64, Vec<u8>), sql, package)
    }

    /// How loud each segment of a rendition is, in order; none of what was not measured.
    pub async fn loudness(&self, package: PackageId, rendition: &str) -> Result<Vec<Option<Vec<u8>>>> {
        let sql = "SELECT loudness FROM segments WHERE package_id = $1 AND rendition = $2 ORDER BY sequence";
        let rows = query!(self.0, fetch_all as (Option<Vec<u8>>,), sql, package, rendition)?;
        Ok(rows.into_iter().map(|r| r.0).collect())
    }

    /// The AES key `number` of a package; stores `offered` where there is none yet. The first one stored wins.
    pub async fn key_or_insert(&self, package: PackageId, number: i64, offered: &[u8]) -> Result<Vec<u8>> {
        // Read first: a key is made once for many segments, and a write takes a lock.
        if let Some(key) = self.key(package, number).await? {
            return Ok(key);
        }
        let sql = "INSERT INTO package_keys (package_id, number, key) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        execute!(self.0, sql, package, number, offered)?;
        let row = self.key(package, number).await?;
        // No row: the package was deleted meanwhile.
        row.ok_or(DbError::Fenced)
    }

    /// A key of a package by its number.
    pub async fn key(&self, package: PackageId, number: i64) -> Result<Option<Vec<u8>>> {
        let sql = "SELECT key FROM package_keys WHERE package_id = $1 AND number = $2";
        Ok(query!(self.0, fetch_optional as (Vec<u8>,), sql, package, number)?.map(|r| r.0))
    }

    /// Raises the number of segments that clients of the growing presentation have been shown and
    /// returns it: several API instances must never show a list that is shorter than before.
    pub async fn raise_revealed(&self, package: PackageId, at_least: i64) -> Result<i64> {
        execute!(self.0, "UPDATE packages SET revealed = $1 WHERE id = $2 AND revealed < $1", at_least, package)?;
        let row = query!(self.0, fetch_optional as (i64,), "SELECT revealed FROM packages WHERE id = $1", package)?;
        Ok(row.map_or(0, |r| r.0))
    }

    /// Says once that a package can be played.
    pub async fn mark_playable(&self, package: PackageId, now: Timestamp) -> Result<bool> {
        let mut tx = self.0.begin().await?;
        let sql = "UPDATE packages SET playable = TRUE, updated_us = $1 WHERE id = $2 AND NOT playable";
        let first = execute_tx!(&mut tx, sql, now, package)? == 1;
        if first {
            tx.webhooks().notify_owners(package, MediaEvent::Playable, now).await?;
        }
        tx.commit().await?;
        Ok(first)
    }

    /// Stores what the segments of a rendition measure.
    pub async fn set_measured(&self, package: PackageId, rendition: &str, measured: Measured) -> Result<()> {
        let sql = "UPDATE renditions SET peak_bps = $1, average_bps = $2, iframe_bps = $3, integrated_lufs = $4, \
                   loudness_range_lu = $5, true_peak_dbtp = $6 WHERE package_id = $7 AND name = $8";
        let signed = |bps: u64| i64::try_from(bps).unwrap_or(i64::MAX);
        let (peak, average, iframes) =
            (signed(measured.peak_bps), signed(measured.average_bps), measured.iframe_bps.map(signed));
        let loud = measured.loudness;
        execute!(
            self.0,
            sql,
            peak,
            average,
            iframes,
            loud.map(|l| l.integrated_lufs),
            loud.map(|l| l.range_lu),
            loud.map(|l| l.true_peak_dbtp),
            package,
            rendition
        )?;
        Ok(())
    }

    /// Finished packages that have not changed since `before` and whose orphans have not been looked for: the next after
    /// one, in order. What goes as a whole is not among them.
    pub async fn to_sweep(&self, before: Timestamp, after: PackageId) -> Result<Vec<PackageId>> {
        let sql = "SELECT id FROM packages WHERE status IN ('ready', 'failed') AND updated_us < $1 AND swept_us IS NULL \
                   AND replaces_package_id IS NULL AND replaced_us IS NULL AND id > $2 ORDER BY id LIMIT 50";
        Ok(query!(self.0, fetch_all as (PackageId,), sql, before, after)?.into_iter().map(|r| r.0).collect())
    }

    /// Notes that a package's orphans are gone.
    pub async fn mark_swept(&self, package: PackageId, now: Timestamp) -> Result<()> {
        execute!(self.0, "UPDATE packages SET swept_us = $1 WHERE id = $2", now, package)?;
        Ok(())
    }
}

impl PackagesTx<'_> {
    /// Announces a package of a source.
    pub async fn insert(
        &mut self,
        id: PackageId,
        source: SourceId,
        encryption: Encryption,
        now: Timestamp,
    ) -> Result<()> {
        let sql = "INSERT INTO packages (id, source_id, status, revealed, playable, encryption, created_us, updated_us) \
                   VALUES ($1, $2, 'planning', 0, FALSE, $3, $4, $4)";
        execute_tx!(self.0, sql, id, source, encryption.as_str(), now)?;
        Ok(())
    }

    /// Takes the package's row lock. Transactions that change a package and its tasks begin with it,
    /// so that two of them never wait for each other.
    pub async fn lock(&mut self, id: PackageId, now: Timestamp) -> Result<()> {
        execute_tx!(self.0, "UPDATE packages SET updated_us = $1 WHERE id = $2", now, id)?;
        Ok(())
    }

    /// Stores a plan and its renditions, or continues one that did not know the film's end. A plan that did is
    /// not changed.
    pub async fn store_plan(&mut self, id: PackageId, planned: &PlannedPackage<'_>, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE packages SET status = 'encoding', kind = $1, plan = $2, duration_ms = $3, width = $4, height = $5, \
                   target_s = $6, updated_us = $7, encode_started_us = COALESCE(encode_started_us, $7) WHERE id = $8 \
                   AND (status = 'planning' OR status = 'encoding' AND duration_ms IS NULL)";
        let stored = execute_tx!(
            self.0,
            sql,
            planned.kind.as_str(),
            planned.plan,
            planned.duration_ms,
            planned.width,
            planned.height,
            planned.target_s,
            now,
            id
        )?;
        if stored == 1 {
            self.insert_renditions(id, &planned.renditions).await?;
            let sql = "UPDATE renditions SET planned = $1 WHERE package_id = $2 AND name = $3";
            for r in &planned.renditions {
                execute_tx!(self.0, sql, r.planned, id, &r.name)?;
            }
        }
        Ok(stored == 1)
    }

    /// Notes what of its source is not part of a package: a JSON array of reasons.
    pub async fn set_warnings(&mut self, id: PackageId, warnings: &str) -> Result<()> {
        execute_tx!(self.0, "UPDATE packages SET warnings = $1 WHERE id = $2", warnings, id)?;
        Ok(())
    }

    /// Notes with which settings a package was planned.
    pub async fn set_profile(&mut self, id: PackageId, profile: &str) -> Result<()> {
        execute_tx!(self.0, "UPDATE packages SET profile = $1 WHERE id = $2", profile, id)?;
        Ok(())
    }

    /// Notes what the file says of itself (JSON), and when the programme begins on the clock of the segments, microseconds.
    pub async fn set_programme(&mut self, id: PackageId, tags: Option<&str>, start_micros: i64) -> Result<()> {
        execute_tx!(
            self.0,
            "UPDATE packages SET tags = $1, programme_start_us = $2 WHERE id = $3",
            tags,
            start_micros,
            id
        )?;
        Ok(())
    }

    /// Removes every plan of a source and what was made by it; of its tasks only `keep` stays.
    pub async fn delete_plans(&mut self, source: SourceId, keep: TaskId) -> Result<()> {
        execute_tx!(
            self.0,
            "DELETE FROM tasks WHERE source_id = $1 AND id <> $2 AND kind NOT IN ('import', 'hash')",
            source,
            keep
        )?;
        for sql in [
            "DELETE FROM segments WHERE package_id IN (SELECT id FROM packages WHERE source_id = $1)",
            "DELETE FROM renditions WHERE package_id IN (SELECT id FROM packages WHERE source_id = $1)",
            "DELETE FROM images WHERE package_id IN (SELECT id FROM packages WHERE source_id = $1)",
            "DELETE FROM text_tracks WHERE package_id IN (SELECT id FROM packages WHERE source_id = $1)",
            "DELETE FROM package_chapters WHERE package_id IN (SELECT id FROM packages WHERE source_id = $1)",
            "UPDATE packages SET status = 'planning', plan = NULL, warnings = NULL, tags = NULL, programme_start_us = NULL, kind = NULL, duration_ms = NULL, revealed = 0, playable = FALSE, \
             encode_started_us = NULL WHERE source_id = $1",
        ] {
            execute_tx!(self.0, sql, source)?;
        }
        Ok(())
    }

    /// Adds renditions; those that exist stay as they are.
    pub async fn insert_renditions(&mut self, package: PackageId, renditions: &[NewRendition]) -> Result<()> {
        let sql = "INSERT INTO renditions (package_id, name, kind, role, passthrough, width, height, rate_num, rate_den, channels, \
                   codecs, timescale, cap_bps, planned, video_range, supplemental_codecs, position, language, label, track_role, contiguous) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, 0) \
                   ON CONFLICT DO NOTHING";
        for r in renditions {
            execute_tx!(
                self.0,
                sql,
                package,
                &r.name,
                r.kind.as_str(),
                r.role.as_str(),
                r.passthrough,
                r.width,
                r.height,
                r.rate.map(|x| x.0),
                r.rate.map(|x| x.1),
                r.channels,
                &r.codecs,
                r.timescale,
                r.cap_bps,
                r.planned,
                r.video_range.as_str(),
                &r.supplemental_codecs,
                i64::try_from(r.track.position).unwrap_or(i64::MAX),
                &r.track.language,
                Some(&r.track.label).filter(|l| !l.is_empty()),
                r.track.role.as_str()
            )?;
        }
        Ok(())
    }

    /// Publishes the init segment of a rendition unless one is there; the published hash.
    pub async fn publish_init(
        &mut self,
        package: PackageId,
        rendition: &str,
        object: &str,
        size: i64,
        sha256: &[u8],
        codecs: &str,
    ) -> Result<Vec<u8>> {
        let sql = "UPDATE renditions SET init_object = $1, init_bytes = $2, init_sha256 = $3, codecs = $4 \
                   WHERE package_id = $5 AND name = $6 AND init_object IS NULL";
        execute_tx!(self.0, sql, object, size, sha256, codecs, package, rendition)?;
        let sql = "SELECT init_sha256 FROM renditions WHERE package_id = $1 AND name = $2";
        let row = query_tx!(self.0, fetch_optional as (Option<Vec<u8>>,), sql, package, rendition)?;
        // No row: the rendition was dropped while this task ran.
        row.and_then(|r| r.0).ok_or(DbError::Fenced)
    }

    /// Publishes a segment; `false` when its number was already published.
    pub async fn publish_segment(&mut self, package: PackageId, rendition: &str, s: &SegmentRow) -> Result<bool> {
        // The row lock first: a concurrent publication must be visible to the count below.
        let lock = "UPDATE renditions SET contiguous = contiguous WHERE package_id = $1 AND name = $2";
        if execute_tx!(self.0, lock, package, rendition)? == 0 {
            return Err(DbError::Fenced);
        }
        let sql = "INSERT INTO segments (package_id, rendition, sequence, object, size_bytes, sha256, start_ticks, duration_ticks, fragments, published_us, key_number, iv, peaks, loudness) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT DO NOTHING";
        let won = execute_tx!(
            self.0,
            sql,
            package,
            rendition,
            s.sequence,
            &s.object,
            s.size_bytes,
            &s.sha256,
            s.start_ticks,
            s.duration_ticks,
            &s.fragments,
            s.published_at,
            s.key_number,
            &s.iv,
            &s.peaks,
            &s.loudness
        )? == 1;
        let count = "UPDATE renditions SET contiguous = COALESCE( \
                       (SELECT MIN(s.sequence) + 1 FROM segments s WHERE s.package_id = $1 AND s.rendition = $2 \
                        AND s.sequence >= renditions.contiguous AND NOT EXISTS (SELECT 1 FROM segments n \
                          WHERE n.package_id = $1 AND n.rendition = $2 AND n.sequence = s.sequence + 1)), contiguous) \
                     WHERE package_id = $1 AND name = $2 AND EXISTS (SELECT 1 FROM segments f \
                        WHERE f.package_id = $1 AND f.rendition = $2 AND f.sequence = renditions.contiguous)";
        execute_tx!(self.0, count, package, rendition)?;
        Ok(won)
    }

    /// Ends a package well, with its checker's report. One that was made for the place of another takes it.
    pub async fn finish(&mut self, id: PackageId, report: &str, now: Timestamp) -> Result<()> {
        let is_another = self.0.replacements().take_place(id, now).await?;
        let sql = "UPDATE packages SET status = 'ready', playable = TRUE, report = $1, updated_us = $2, error_code = NULL, \
                   error_message = NULL WHERE id = $3 AND status = 'encoding'";
        if execute_tx!(self.0, sql, report, now, id)? == 1 && !is_another {
            self.0.webhooks().notify_owners(id, MediaEvent::Ready, now).await?;
        }
        Ok(())
    }

    /// Ends a package badly and cancels what is left of its tasks.
    pub async fn fail(&mut self, id: PackageId, reason: &Reason, now: Timestamp) -> Result<()> {
        let sql = "UPDATE packages SET status = 'failed', error_code = $1, error_message = $2, updated_us = $3 \
                   WHERE id = $4 AND status IN ('planning', 'encoding')";
        if execute_tx!(self.0, sql, &reason.code, &reason.message, now, id)? == 1 {
            self.0.webhooks().notify_owners(id, MediaEvent::Failed, now).await?;
        }
        let sql = "UPDATE tasks SET status = 'cancelled', token = NULL WHERE package_id = $1 AND kind <> 'hash' \
                   AND status IN ('queued', 'running')";
        execute_tx!(self.0, sql, id)?;
        Ok(())
    }

    /// Sets a failed package to work again with fresh attempts. `false` when it has not failed, or another was begun in its stead.
    pub async fn retry(&mut self, id: PackageId, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE packages SET status = CASE WHEN plan IS NULL THEN 'planning' ELSE 'encoding' END, \
                   error_code = NULL, error_message = NULL, updated_us = $1, swept_us = NULL WHERE id = $2 AND status = 'failed' AND replaced_us IS NULL";
        if execute_tx!(self.0, sql, now, id)? == 0 {
            return Ok(false);
        }
        let sql = "UPDATE tasks SET status = 'queued', token = NULL, attempts = 0, not_before_us = $1, error_code = NULL, error_message = NULL, \
                   due_us = CASE WHEN kind = 'import' THEN $1 ELSE due_us END \
                   WHERE package_id = $2 AND status IN ('parked', 'cancelled')";
        execute_tx!(self.0, sql, now, id)?;
        Ok(true)
    }

    /// Removes the packages of a source that is gone.
    pub(crate) async fn purge_of(&mut self, source: SourceId) -> Result<()> {
        execute_tx!(self.0, "DELETE FROM packages WHERE source_id = $1", source)?;
        Ok(())
    }
}
