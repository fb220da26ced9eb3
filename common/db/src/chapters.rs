//! Chapters of media, in the order of the film.

use super::{Db, DbError, Result, Tx, execute_tx, query};
use sluice_model::{ChapterMark, MediaId};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::chapters`].
#[derive(Debug, Clone, Copy)]
pub struct Chapters<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::chapters`].
#[derive(Debug)]
pub struct ChaptersTx<'a>(pub(crate) &'a mut Tx);

/// A chapter; it ends where the next one begins.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ChapterRow {
    /// From the begin of the film.
    pub start_ms: i64,
    pub title: String,
}

impl From<ChapterRow> for ChapterMark {
    fn from(row: ChapterRow) -> Self {
        Self { start_ms: row.start_ms.unsigned_abs(), title: row.title }
    }
}

impl Chapters<'_> {
    /// The chapters of a media by their begin.
    pub async fn of_media(&self, media: MediaId) -> Result<Vec<ChapterRow>> {
        let sql = "SELECT start_ms, title FROM chapters WHERE media_id = $1 ORDER BY start_ms";
        query!(self.0, fetch_all as ChapterRow, sql, media)
    }
}

impl ChaptersTx<'_> {
    /// Stores these chapters, each with another begin, instead of what there was. [`DbError::Fenced`] when the media is gone.
    pub async fn replace(&mut self, media: MediaId, chapters: &[ChapterRow]) -> Result<()> {
        // Two lists at once come one after the other.
        if execute_tx!(self.0, "UPDATE media SET rank = rank WHERE id = $1", media)? == 0 {
            return Err(DbError::Fenced);
        }
        execute_tx!(self.0, "DELETE FROM chapters WHERE media_id = $1", media)?;
        for c in chapters {
            let sql = "INSERT INTO chapters (media_id, start_ms, title) VALUES ($1, $2, $3)";
            execute_tx!(self.0, sql, media, c.start_ms, &c.title)?;
        }
        Ok(())
    }
}
