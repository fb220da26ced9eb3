//! Chapters of media, in the order of the film: those that somebody has typed, else those of the file.

use super::{Db, DbError, Result, Tx, execute_tx, query};
use sluice_model::{ChapterMark, MediaId, PackageId};
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
        let sql = "SELECT start_ms, title FROM chapters WHERE media_id = $1 \
                   UNION ALL SELECT c.start_ms, c.title FROM package_chapters c JOIN media m ON m.package_id = c.package_id \
                   WHERE m.id = $1 AND NOT m.chapters_edited ORDER BY start_ms";
        query!(self.0, fetch_all as ChapterRow, sql, media)
    }
}

impl ChaptersTx<'_> {
    /// Stores these chapters, each with another begin, instead of what there was. [`DbError::Fenced`] when the media is gone.
    pub async fn replace(&mut self, media: MediaId, chapters: &[ChapterRow]) -> Result<()> {
        // Two lists at once come one after the other.
        if execute_tx!(self.0, "UPDATE media SET chapters_edited = TRUE WHERE id = $1", media)? == 0 {
            return Err(DbError::Fenced);
        }
        execute_tx!(self.0, "DELETE FROM chapters WHERE media_id = $1", media)?;
        for c in chapters {
            let sql = "INSERT INTO chapters (media_id, start_ms, title) VALUES ($1, $2, $3)";
            execute_tx!(self.0, sql, media, c.start_ms, &c.title)?;
        }
        Ok(())
    }

    /// Stores the chapters of a package's file, each with another begin, instead of what there was.
    pub async fn replace_of_file(&mut self, package: PackageId, chapters: &[ChapterMark]) -> Result<()> {
        execute_tx!(self.0, "DELETE FROM package_chapters WHERE package_id = $1", package)?;
        for c in chapters {
            let sql = "INSERT INTO package_chapters (package_id, start_ms, title) VALUES ($1, $2, $3)";
            let start_ms = i64::try_from(c.start_ms).unwrap_or(i64::MAX);
            execute_tx!(self.0, sql, package, start_ms, &c.title)?;
        }
        Ok(())
    }
}
