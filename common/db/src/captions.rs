//! Captions: one text for each language and role of a media, which search knows too. Those that somebody has given it come
//! before the text tracks of its file, and one without a cue hides the file's.

use super::{Db, DbError, Result, Tx, execute_tx, query, query_tx};
use sluice_model::{MediaId, PackageId, SubtitleRole, Timestamp};
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
    /// Whether it was in the file.
    pub from_file: bool,
}

/// A track to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewCaptions<'a> {
    pub media: MediaId,
    pub text: NewText<'a>,
}

/// The text of a track.
#[derive(Debug, Clone, Copy)]
pub struct NewText<'a> {
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
        let sql = "SELECT language, role, label, cues, updated_us, FALSE AS from_file FROM captions \
                   WHERE media_id = $1 AND cues > 0 \
                   UNION ALL SELECT t.language, t.role, t.label, t.cues, t.created_us, TRUE \
                   FROM text_tracks t JOIN media m ON m.package_id = t.package_id WHERE m.id = $1 AND NOT EXISTS \
                     (SELECT 1 FROM captions c WHERE c.media_id = $1 AND c.language = t.language AND c.role = t.role) \
                   ORDER BY language, role";
        query!(self.0, fetch_all as CaptionsRow, sql, media)
    }

    /// The text of a track.
    pub async fn body(&self, media: MediaId, language: &str, role: SubtitleRole) -> Result<Option<String>> {
        let sql = "SELECT body, cues FROM captions WHERE media_id = $1 AND language = $2 AND role = $3";
        if let Some((body, cues)) =
            query!(self.0, fetch_optional as (String, i64), sql, media, language, role.as_str())?
        {
            return Ok((cues > 0).then_some(body));
        }
        let sql = "SELECT t.body FROM text_tracks t JOIN media m ON m.package_id = t.package_id \
                   WHERE m.id = $1 AND t.language = $2 AND t.role = $3";
        Ok(query!(self.0, fetch_optional as (String,), sql, media, language, role.as_str())?.map(|r| r.0))
    }
}

impl CaptionsTx<'_> {
    /// Stores a track instead of the one in its language and role, unless the media has `most` others. `false` then.
    /// [`DbError::Fenced`] when the media is gone.
    pub async fn put(&mut self, new: &NewCaptions<'_>, most: i64, now: Timestamp) -> Result<bool> {
        let NewCaptions { media, text } = *new;
        self.lock_media(media).await?;
        let sql =
            "SELECT COUNT(*) FROM captions WHERE media_id = $1 AND cues > 0 AND NOT (language = $2 AND role = $3)";
        if query_tx!(self.0, fetch_one as (i64,), sql, media, text.language, text.role.as_str())?.0 >= most {
            return Ok(false);
        }
        let sql = "INSERT INTO captions (media_id, language, role, label, body, cues, updated_us, words) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) \
                   ON CONFLICT (media_id, language, role) DO UPDATE SET label = $4, body = $5, cues = $6, updated_us = $7, words = $8";
        let (language, role, label) = (text.language, text.role.as_str(), text.label);
        execute_tx!(self.0, sql, media, language, role, label, text.body, text.cues, now, text.words)?;
        self.0.search().index_media(media).await?;
        Ok(true)
    }

    /// Deletes a track, and hides that of the file. `false` when there is none.
    pub async fn delete(&mut self, media: MediaId, language: &str, role: SubtitleRole, now: Timestamp) -> Result<bool> {
        self.lock_media(media).await?;
        let sql = "DELETE FROM captions WHERE media_id = $1 AND language = $2 AND role = $3 AND cues > 0";
        let given = execute_tx!(self.0, sql, media, language, role.as_str())? == 1;
        let sql = "INSERT INTO captions (media_id, language, role, label, body, words, cues, updated_us) \
                   SELECT m.id, t.language, t.role, t.label, '', '', 0, $4 FROM text_tracks t \
                   JOIN media m ON m.package_id = t.package_id WHERE m.id = $1 AND t.language = $2 AND t.role = $3 \
                   ON CONFLICT DO NOTHING";
        let hidden = execute_tx!(self.0, sql, media, language, role.as_str(), now)? == 1;
        self.0.search().index_media(media).await?;
        Ok(given || hidden)
    }

    /// Stores the text tracks of a package's file, instead of those that an earlier run stored.
    pub async fn put_of_file(&mut self, package: PackageId, texts: &[NewText<'_>], now: Timestamp) -> Result<()> {
        execute_tx!(self.0, "DELETE FROM text_tracks WHERE package_id = $1", package)?;
        for t in texts {
            let sql = "INSERT INTO text_tracks (package_id, language, role, label, body, words, cues, created_us) \
                       VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
            let (language, role, label) = (t.language, t.role.as_str(), t.label);
            execute_tx!(self.0, sql, package, language, role, label, t.body, t.words, t.cues, now)?;
        }
        let media = query_tx!(self.0, fetch_all as (MediaId,), "SELECT id FROM media WHERE package_id = $1", package)?;
        for (id,) in media {
            self.0.search().index_media(id).await?;
        }
        Ok(())
    }

    /// Changes of a media's tracks come one after the other, and before what they change in its index.
    async fn lock_media(&mut self, media: MediaId) -> Result<()> {
        let locked = execute_tx!(self.0, "UPDATE media SET rank = rank WHERE id = $1", media)?;
        if locked == 1 { Ok(()) } else { Err(DbError::Fenced) }
    }

    /// The words that are said in a media, for search. Where they are too many, languages with few keep all of
    /// theirs, and the others share what is left.
    pub(super) async fn said_in(&mut self, media: MediaId) -> Result<String> {
        let sql = "SELECT words FROM captions WHERE media_id = $1 UNION ALL SELECT t.words FROM text_tracks t \
                   JOIN media m ON m.package_id = t.package_id WHERE m.id = $1 AND NOT EXISTS (SELECT 1 FROM captions c \
                     WHERE c.media_id = $1 AND c.language = t.language AND c.role = t.role)";
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
