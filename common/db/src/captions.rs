//! Captions: one text for each language and role of a media, which search knows too.

use super::{Db, DbError, Result, Tx, execute_tx, query, query_tx};
use sluice_model::{MediaId, SubtitleRole, Timestamp};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::captions`].
#[derive(Debug, Clone, Copy)]
pub struct Captions<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::captions`].
#[derive(Debug)]
pub struct CaptionsTx<'a>(pub(crate) &'a mut Tx);

/// Bytes of what is said that search is told of a media: PostgreSQL takes a mebibyte of words and places at most.
const MOST_SAID: usize = 256 << 10;

/// A track without its text.
#[derive(Debug, Clone, FromRow)]
pub struct CaptionsRow {
    pub language: String,
    #[sqlx(try_from = "String")]
    pub role: SubtitleRole,
    pub label: String,
    pub cues: i64,
    #[sqlx(rename = "updated_us")]
    pub updated_at: Timestamp,
}

/// A track to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewCaptions<'a> {
    pub media: MediaId,
    pub language: &'a str,
    pub role: SubtitleRole,
    pub label: &'a str,
    /// WebVTT.
    pub body: &'a str,
    /// What is said in it, each word once.
    pub words: &'a str,
    pub cues: i64,
}

impl Captions<'_> {
    /// The tracks of a media by language and role.
    pub async fn of_media(&self, media: MediaId) -> Result<Vec<CaptionsRow>> {
        let sql =
            "SELECT language, role, label, cues, updated_us FROM captions WHERE media_id = $1 ORDER BY language, role";
        query!(self.0, fetch_all as CaptionsRow, sql, media)
    }

    /// The text of a track.
    pub async fn body(&self, media: MediaId, language: &str, role: SubtitleRole) -> Result<Option<String>> {
        let sql = "SELECT body FROM captions WHERE media_id = $1 AND language = $2 AND role = $3";
        Ok(query!(self.0, fetch_optional as (String,), sql, media, language, role.as_str())?.map(|r| r.0))
    }
}

impl CaptionsTx<'_> {
    /// Stores a track instead of the one in its language and role, unless the media has `most` others. `false` then.
    /// [`DbError::Fenced`] when the media is gone.
    pub async fn put(&mut self, new: &NewCaptions<'_>, most: i64, now: Timestamp) -> Result<bool> {
        self.lock_media(new.media).await?;
        let sql = "SELECT COUNT(*) FROM captions WHERE media_id = $1 AND NOT (language = $2 AND role = $3)";
        if query_tx!(self.0, fetch_one as (i64,), sql, new.media, new.language, new.role.as_str())?.0 >= most {
            return Ok(false);
        }
        let sql = "INSERT INTO captions (media_id, language, role, label, body, cues, updated_us, words) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                   ON CONFLICT (media_id, language, role) DO UPDATE SET label = $4, body = $5, cues = $6, updated_us = $7, words = $8";
        let (language, role, label) = (new.language, new.role.as_str(), new.label);
        execute_tx!(self.0, sql, new.media, language, role, label, new.body, new.cues, now, new.words)?;
        self.0.search().index_media(new.media).await?;
        Ok(true)
    }

    /// Deletes a track. `false` when there is none.
    pub async fn delete(&mut self, media: MediaId, language: &str, role: SubtitleRole) -> Result<bool> {
        self.lock_media(media).await?;
        let sql = "DELETE FROM captions WHERE media_id = $1 AND language = $2 AND role = $3";
        let gone = execute_tx!(self.0, sql, media, language, role.as_str())? == 1;
        self.0.search().index_media(media).await?;
        Ok(gone)
    }

    /// Changes of a media's tracks come one after the other, and before what they change in its index.
    async fn lock_media(&mut self, media: MediaId) -> Result<()> {
        let locked = execute_tx!(self.0, "UPDATE media SET rank = rank WHERE id = $1", media)?;
        if locked == 1 { Ok(()) } else { Err(DbError::Fenced) }
    }

    /// The words that are said in a media, for search. Where they are too many, languages with few keep all of
    /// theirs, and the others share what is left.
    pub(super) async fn said_in(&mut self, media: MediaId) -> Result<String> {
        let sql = "SELECT words FROM captions WHERE media_id = $1";
        let mut tracks = query_tx!(self.0, fetch_all as (String,), sql, media)?;
        tracks.sort_by_key(|t| t.0.len());
        let (mut said, mut left) = (String::new(), MOST_SAID);
        for (i, (words,)) in tracks.iter().enumerate() {
            let share = left / (tracks.len() - i);
            // At the end of a word.
            let kept = if words.len() <= share {
                words.as_str()
            } else {
                words.get(..words.floor_char_boundary(share)).and_then(|w| w.rsplit_once(' ')).map_or("", |w| w.0)
            };
            left -= kept.len();
            said.push_str(kept);
            said.push(' ');
        }
        Ok(said)
    }
}
