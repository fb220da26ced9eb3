//! Clips: media whose packages reuse the segments of another package.
//!
//! Invariant: while a clip is made, neither the package that it reuses nor the bytes of which its edges are encoded are
//! purged ([`super::sources`]); once it is ready it needs neither.

use super::{Db, DbError, Result, SegmentRow, Tx, execute_tx, query, query_tx};
use sluice_model::{MediaId, PackageId, SourceId, Timestamp};

/// Reads and single statements of this domain, from [`Db::clips`].
#[derive(Debug, Clone, Copy)]
pub struct Clips<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::clips`].
#[derive(Debug)]
pub struct ClipsTx<'a>(pub(crate) &'a mut Tx);

/// What a clip is cut from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClipOrigin {
    /// The package whose segments it reuses.
    pub package: PackageId,
    /// The bytes of which its edges are encoded: those of the film, also where it is cut from another clip.
    pub source: SourceId,
}

impl Clips<'_> {
    /// Some segments of a rendition in order, `first` to one before `end`, with what is known of their sound.
    pub async fn segments(&self, package: PackageId, rendition: &str, first: i64, end: i64) -> Result<Vec<SegmentRow>> {
        let sql = "SELECT sequence, object, size_bytes, sha256, start_ticks, duration_ticks, fragments, published_us, key_number, iv, \
                   peaks, loudness FROM segments WHERE package_id = $1 AND rendition = $2 AND sequence >= $3 AND sequence < $4 \
                   ORDER BY sequence";
        query!(self.0, fetch_all as SegmentRow, sql, package, rendition, first, end)
    }
}

impl ClipsTx<'_> {
    /// Stores a source that has no bytes of its own and counts as so many.
    pub async fn insert_source(&mut self, id: SourceId, counted_bytes: i64, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO sources (id, status, size_bytes, total_bytes, content_type, created_us, touched_us) \
                   VALUES ($1, 'live', $2, $2, 'video/mp4', $3, $3)";
        execute_tx!(self.0, sql, id, counted_bytes, now)?;
        Ok(())
    }

    /// Notes what a package is cut from, and keeps that from being purged. [`DbError::Missing`] when it is already.
    pub async fn set_origin(&mut self, package: PackageId, origin: ClipOrigin, now: Timestamp) -> Result<()> {
        let sql = "UPDATE packages SET clip_package_id = $1, clip_source_id = $2 WHERE id = $3";
        execute_tx!(self.0, sql, origin.package, origin.source, package)?;
        // The row locks are those that a purge takes: it comes before, and is seen here, or after, and sees the clip.
        let kept = "UPDATE sources SET touched_us = $1 WHERE status = 'live' AND id = $2";
        let reused = "UPDATE sources SET touched_us = $1 WHERE status = 'live' \
                      AND id = (SELECT p.source_id FROM packages p WHERE p.id = $2 AND p.status = 'ready')";
        let kept = execute_tx!(self.0, kept, now, origin.source)?;
        let reused = execute_tx!(self.0, reused, now, origin.package)?;
        // Asked again under the lock: a sweep may have had it, and marked the package as being deleted.
        let sql = "SELECT COUNT(*) FROM packages WHERE id = $1 AND status = 'ready'";
        let (stays,) = query_tx!(self.0, fetch_one as (i64,), sql, origin.package)?;
        if kept == 1 && reused == 1 && stays == 1 { Ok(()) } else { Err(DbError::Missing) }
    }

    /// Gives a media what was said of the tracks of another.
    pub async fn copy_tracks(&mut self, from: MediaId, to: MediaId) -> Result<()> {
        let sql = "INSERT INTO media_tracks (media_id, name, language, label, track_role, hidden, is_default) \
                   SELECT $2, name, language, label, track_role, hidden, is_default FROM media_tracks WHERE media_id = $1";
        execute_tx!(self.0, sql, from, to)?;
        Ok(())
    }
}
