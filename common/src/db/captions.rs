//! Captions: one text for each language of a media, which search knows too.

use super::{Db, Result, Tx, execute_tx, query, query_tx};
use sqlx::FromRow;
use uuid::Uuid;

/// A track without its text.
#[derive(Debug, Clone, FromRow)]
pub struct CaptionsRow {
    pub language: String,
    pub label: String,
    pub cues: i64,
    pub updated_us: i64,
}

/// A track to be stored.
#[derive(Debug, Clone, Copy)]
pub struct NewCaptions<'a> {
    pub media: Uuid,
    pub language: &'a str,
    pub label: &'a str,
    /// WebVTT.
    pub body: &'a str,
    pub cues: i64,
}

impl Db {
    /// The tracks of a media by language.
    pub async fn captions(&self, media: Uuid) -> Result<Vec<CaptionsRow>> {
        let sql = "SELECT language, label, cues, updated_us FROM captions WHERE media_id = $1 ORDER BY language";
        query!(self, fetch_all as CaptionsRow, sql, media)
    }

    /// The text of a track.
    pub async fn captions_body(&self, media: Uuid, language: &str) -> Result<Option<String>> {
        let sql = "SELECT body FROM captions WHERE media_id = $1 AND language = $2";
        Ok(query!(self, fetch_optional as (String,), sql, media, language)?.map(|r| r.0))
    }
}

impl Tx {
    /// Stores a track instead of the one in its language, unless the media has `most` others. `false` then.
    pub async fn put_captions(&mut self, new: &NewCaptions<'_>, most: i64, now_us: i64) -> Result<bool> {
        // The media's row lock: two tracks are counted one after the other.
        execute_tx!(self, "UPDATE media SET rank = rank WHERE id = $1", new.media)?;
        let sql = "SELECT COUNT(*) FROM captions WHERE media_id = $1 AND language <> $2";
        if query_tx!(self, fetch_one as (i64,), sql, new.media, new.language)?.0 >= most {
            return Ok(false);
        }
        let sql = "INSERT INTO captions (media_id, language, label, body, cues, updated_us) VALUES ($1, $2, $3, $4, $5, $6) \
                   ON CONFLICT (media_id, language) DO UPDATE SET label = $3, body = $4, cues = $5, updated_us = $6";
        execute_tx!(self, sql, new.media, new.language, new.label, new.body, new.cues, now_us)?;
        self.index_media(new.media).await?;
        Ok(true)
    }

    /// Deletes a track. `false` when there is none.
    pub async fn delete_captions(&mut self, media: Uuid, language: &str) -> Result<bool> {
        let sql = "DELETE FROM captions WHERE media_id = $1 AND language = $2";
        let gone = execute_tx!(self, sql, media, language)? == 1;
        self.index_media(media).await?;
        Ok(gone)
    }

    /// All that is said in a media, for search.
    pub(super) async fn said_in(&mut self, media: Uuid) -> Result<String> {
        let sql = "SELECT body FROM captions WHERE media_id = $1 ORDER BY language";
        let bodies = query_tx!(self, fetch_all as (String,), sql, media)?;
        let lines = bodies.iter().flat_map(|(body,)| body.lines());
        // What is between the signature, the cues' times and empty lines.
        let said = lines.filter(|l| !l.contains("-->") && *l != "WEBVTT");
        Ok(said.collect::<Vec<_>>().join(" "))
    }
}
