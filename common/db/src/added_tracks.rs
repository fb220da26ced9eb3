//! Tracks of sound that were added to a media after its upload: each is a source and a package of its own.
//!
//! Invariants: they belong to their media alone, whoever else has the package of its film; the media has their packages too
//! (`media_packages`), by which their objects are authorised and the work on them ends.

use super::{Db, DbError, Result, Tx, execute_tx, query, query_tx};
use sluice_model::{
    Encryption, MediaId, PackageId, PackageStatus, PartStatus, Reason, SoundTrack, SourceId, Timestamp, TrackRole,
};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::added_tracks`].
#[derive(Debug, Clone, Copy)]
pub struct AddedTracks<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::added_tracks`].
#[derive(Debug)]
pub struct AddedTracksTx<'a>(pub(crate) &'a mut Tx);

/// A track that was added.
#[derive(Debug, Clone, FromRow)]
pub struct AddedTrackRow {
    pub media_id: MediaId,
    /// Of its rendition for all players.
    pub name: String,
    pub package_id: PackageId,
    /// BCP 47.
    pub language: Option<String>,
    pub label: String,
    #[sqlx(rename = "track_role", try_from = "String")]
    pub role: TrackRole,
    /// Of its package.
    #[sqlx(try_from = "String")]
    pub package_status: PackageStatus,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
}

impl AddedTrackRow {
    /// What its owner said of it, at a place among the tracks of its media.
    pub fn track(&self, position: u64) -> SoundTrack {
        SoundTrack { position, language: self.language.clone(), label: self.label.clone(), role: self.role }
    }

    /// How far it is.
    pub fn status(&self) -> PartStatus {
        match self.package_status {
            PackageStatus::Planning | PackageStatus::Encoding => PartStatus::Processing,
            PackageStatus::Ready => PartStatus::Ready,
            PackageStatus::Failed | PackageStatus::Deleting => PartStatus::Failed,
        }
    }

    /// Why it could not be made.
    pub fn reason(&self) -> Option<Reason> {
        self.error_code.clone().zip(self.error_message.clone()).map(|(code, message)| Reason { code, message })
    }
}

/// A track whose bytes are all there.
#[derive(Debug)]
pub struct NewAddedTrack<'a> {
    pub media_id: MediaId,
    pub source_id: SourceId,
    pub package_id: PackageId,
    pub language: Option<&'a str>,
    pub label: &'a str,
    pub role: TrackRole,
}

macro_rules! added {
    ($tail:literal) => {
        concat!(
            "SELECT t.media_id, t.name, t.package_id, t.language, t.label, t.track_role, p.status AS package_status, \
             p.error_code, p.error_message FROM added_tracks t JOIN packages p ON p.id = t.package_id ",
            $tail
        )
    };
}

impl AddedTracks<'_> {
    /// The tracks that were added to a media, in order.
    pub async fn of_media(&self, media: MediaId) -> Result<Vec<AddedTrackRow>> {
        let sql = added!("WHERE t.media_id = $1 ORDER BY t.created_us, t.name");
        query!(self.0, fetch_all as AddedTrackRow, sql, media)
    }

    /// The track that a package is, if it is one.
    pub async fn of_package(&self, package: PackageId) -> Result<Option<AddedTrackRow>> {
        query!(self.0, fetch_optional as AddedTrackRow, added!("WHERE t.package_id = $1"), package)
    }
}

impl AddedTracksTx<'_> {
    /// Adds a track to a media, with the package that it will be, encrypted as its film is. [`DbError::Fenced`] when the media
    /// is gone.
    pub async fn insert(&mut self, new: &NewAddedTrack<'_>, now: Timestamp) -> Result<()> {
        let sql = "UPDATE media SET rank = rank WHERE id = $1 RETURNING package_id";
        let found = query_tx!(self.0, fetch_optional as (PackageId,), sql, new.media_id)?;
        let (film,) = found.ok_or(DbError::Fenced)?;
        let sql = "SELECT encryption FROM packages WHERE id = $1";
        let (encryption,) = query_tx!(self.0, fetch_one as (String,), sql, film)?;
        let encryption = encryption.parse().unwrap_or(Encryption::Aes128);
        self.0.packages().insert(new.package_id, new.source_id, encryption, now).await?;
        let sql = "INSERT INTO media_packages (media_id, package_id) VALUES ($1, $2)";
        execute_tx!(self.0, sql, new.media_id, new.package_id)?;
        let name = self.free_name(new.media_id).await?;
        let sql = "INSERT INTO added_tracks (media_id, name, source_id, package_id, language, label, track_role, created_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
        execute_tx!(
            self.0,
            sql,
            new.media_id,
            name,
            new.source_id,
            new.package_id,
            new.language,
            new.label,
            new.role.as_str(),
            now
        )?;
        Ok(())
    }

    /// The first name that no added track of a media has, nor anything that is said of one.
    async fn free_name(&mut self, media: MediaId) -> Result<String> {
        let sql = "SELECT name FROM added_tracks WHERE media_id = $1";
        let taken = query_tx!(self.0, fetch_all as (String,), sql, media)?;
        let mut names = (1..).map(|n| format!("added-{n}"));
        Ok(names.find(|name| taken.iter().all(|t| t.0 != *name)).unwrap_or_default())
    }

    /// Removes an added track: no player finds it any more, the work on it ends, its bytes go with a later sweep. `false` when
    /// there is none of this name.
    pub async fn remove(&mut self, media: MediaId, name: &str, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE packages SET updated_us = $1 \
                   WHERE id = (SELECT package_id FROM added_tracks WHERE media_id = $2 AND name = $3) RETURNING id";
        let Some((package,)) = query_tx!(self.0, fetch_optional as (PackageId,), sql, now, media, name)? else {
            return Ok(false);
        };
        for sql in [
            "DELETE FROM added_tracks WHERE media_id = $1 AND package_id = $2",
            "DELETE FROM media_packages WHERE media_id = $1 AND package_id = $2",
        ] {
            execute_tx!(self.0, sql, media, package)?;
        }
        execute_tx!(self.0, "DELETE FROM media_tracks WHERE media_id = $1 AND name = $2", media, name)?;
        self.0.work().release(&[package], now).await?;
        Ok(true)
    }

    /// Has the bytes of all added tracks of a media stay for the GC window.
    pub(crate) async fn touch_sources(&mut self, media: MediaId, now: Timestamp) -> Result<()> {
        let sql =
            "UPDATE sources SET touched_us = $1 WHERE id IN (SELECT source_id FROM added_tracks WHERE media_id = $2)";
        execute_tx!(self.0, sql, now, media)?;
        Ok(())
    }
}
