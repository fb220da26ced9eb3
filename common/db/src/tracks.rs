//! What people say of the tracks of their media instead of what the files say. Packages are shared by media; this is not.

use super::{Db, DbError, RenditionRow, Result, Tx, execute_tx, query};
use sluice_model::{MediaId, MediaKind, TrackRole};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::tracks`].
#[derive(Debug, Clone, Copy)]
pub struct Tracks<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::tracks`].
#[derive(Debug)]
pub struct TracksTx<'a>(pub(crate) &'a mut Tx);

/// A track as its media's owner wants it.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct TrackRow {
    /// Of its rendition for all players.
    pub name: String,
    /// BCP 47.
    pub language: Option<String>,
    pub label: String,
    #[sqlx(rename = "track_role", try_from = "String")]
    pub role: TrackRole,
    /// Whether no playlist lists it.
    pub hidden: bool,
    /// Whether it is heard unless another is chosen.
    pub is_default: bool,
}

impl Tracks<'_> {
    /// What was said of the tracks of a media.
    pub async fn of_media(&self, media: MediaId) -> Result<Vec<TrackRow>> {
        let sql = "SELECT name, language, label, track_role, hidden, is_default FROM media_tracks WHERE media_id = $1 ORDER BY name";
        query!(self.0, fetch_all as TrackRow, sql, media)
    }
}

impl TracksTx<'_> {
    /// Stores what is said of a track; a default takes the place of the one before. [`DbError::Fenced`] when the media is gone.
    pub async fn put(&mut self, media: MediaId, track: &TrackRow) -> Result<()> {
        self.lock_media(media).await?;
        if track.is_default {
            execute_tx!(self.0, "UPDATE media_tracks SET is_default = FALSE WHERE media_id = $1", media)?;
        }
        let sql = "INSERT INTO media_tracks (media_id, name, language, label, track_role, hidden, is_default) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (media_id, name) DO UPDATE \
                   SET language = $3, label = $4, track_role = $5, hidden = $6, is_default = $7";
        let TrackRow { name, language, label, role, hidden, is_default } = track;
        execute_tx!(self.0, sql, media, name, language, label, role.as_str(), *hidden, *is_default)?;
        Ok(())
    }

    /// Forgets what was said of a track. [`DbError::Fenced`] when the media is gone.
    pub async fn forget(&mut self, media: MediaId, name: &str) -> Result<()> {
        self.lock_media(media).await?;
        execute_tx!(self.0, "DELETE FROM media_tracks WHERE media_id = $1 AND name = $2", media, name)?;
        Ok(())
    }

    /// Changes of a media's tracks come one after the other.
    async fn lock_media(&mut self, media: MediaId) -> Result<()> {
        let locked = execute_tx!(self.0, "UPDATE media SET rank = rank WHERE id = $1", media)?;
        if locked == 1 { Ok(()) } else { Err(DbError::Fenced) }
    }
}

/// Renditions with what was said of their tracks. Only a complete presentation has all tracks: there hidden ones are left
/// out, unless none would stay, and the default comes first.
pub fn overlaid(mut renditions: Vec<RenditionRow>, said: &[TrackRow], complete: bool) -> Vec<RenditionRow> {
    let sounds = renditions.iter().filter(|r| r.kind == MediaKind::Audio);
    let places: Vec<(i64, &TrackRow)> =
        sounds.clone().filter_map(|r| Some((r.track_position, said.iter().find(|t| t.name == r.name)?))).collect();
    let of = |position: i64| places.iter().find(|p| p.0 == position).map(|p| p.1);
    let is_hidden = |position: i64| complete && of(position).is_some_and(|t| t.hidden);
    let any_left = sounds.clone().any(|r| !is_hidden(r.track_position));
    let first = places.iter().find(|p| complete && p.1.is_default && !p.1.hidden).map(|p| p.0);
    renditions.retain(|r| r.kind != MediaKind::Audio || !any_left || !is_hidden(r.track_position));
    for r in renditions.iter_mut().filter(|r| r.kind == MediaKind::Audio) {
        if let Some(said) = of(r.track_position) {
            (r.language, r.label, r.track_role) = (said.language.clone(), Some(said.label.clone()), said.role);
        }
        if let Some(first) = first {
            r.track_position = if r.track_position == first { 0 } else { r.track_position + 1 };
        }
    }
    renditions
}
