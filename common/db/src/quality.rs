//! How well films play, as their players tell: what is being watched now, and what it came to by day.

use super::{Db, Result, Tx, execute, execute_tx, query, query_tx};
use sluice_model::{MediaId, Timestamp};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::quality`].
#[derive(Debug, Clone, Copy)]
pub struct Quality<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::quality`].
#[derive(Debug)]
pub struct QualityTx<'a>(pub(crate) &'a mut Tx);

/// What one player is doing, as it said last.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PlaybackSessionRow {
    /// A CMCD player state (`sta`), a single letter; empty before the first.
    pub player_state: String,
    /// When it said so, milliseconds by its own clock.
    pub at_ms: i64,
    /// Events with a lower sequence number (`sn`) have been counted.
    pub next_sequence: i64,
    /// The rendition that it was loading.
    pub rung: Option<String>,
    /// Milliseconds that it has been starting.
    pub startup_ms: i64,
    /// Whether it has shown a picture.
    pub started: bool,
    /// Whether it has given up.
    pub failed: bool,
}

/// What players came to on one day.
#[derive(Debug, Clone, Default, PartialEq, Eq, FromRow)]
pub struct QualityDayRow {
    /// UTC, days since the Unix epoch.
    pub day: i64,
    /// Players that said anything.
    pub sessions: i64,
    /// Those that showed a picture.
    pub starts: i64,
    /// Milliseconds until they did, of all together.
    pub startup_ms: i64,
    /// How often they had to wait in the middle.
    pub stalls: i64,
    pub stalled_ms: i64,
    pub watched_ms: i64,
    /// Players that gave up.
    pub failures: i64,
}

impl Quality<'_> {
    /// The days of a media from `first` on, the earliest first.
    pub async fn days(&self, media: MediaId, first: i64) -> Result<Vec<QualityDayRow>> {
        let sql = "SELECT day, sessions, starts, startup_ms, stalls, stalled_ms, watched_ms, failures FROM playback_quality \
                   WHERE media_id = $1 AND day >= $2 ORDER BY day";
        query!(self.0, fetch_all as QualityDayRow, sql, media, first)
    }

    /// The parts of those days added up, by name.
    pub async fn parts(&self, media: MediaId, first: i64) -> Result<Vec<(String, i64)>> {
        let sql = "SELECT part, CAST(SUM(amount) AS BIGINT) FROM playback_quality_parts \
                   WHERE media_id = $1 AND day >= $2 GROUP BY part ORDER BY part";
        query!(self.0, fetch_all as (String, i64), sql, media, first)
    }

    /// Removes players that have been silent for long, and days before `first`.
    pub async fn purge(&self, now: Timestamp, first: i64) -> Result<()> {
        execute!(self.0, "DELETE FROM playback_sessions WHERE expires_us < $1", now)?;
        execute!(self.0, "DELETE FROM playback_quality_parts WHERE day < $1", first)?;
        execute!(self.0, "DELETE FROM playback_quality WHERE day < $1", first)?;
        Ok(())
    }
}

impl QualityTx<'_> {
    /// What a player said last, held until the transaction ends; of a new one an empty state and number 0.
    pub async fn hold_session(
        &mut self,
        media: MediaId,
        session: &[u8],
        expires_at: Timestamp,
    ) -> Result<PlaybackSessionRow> {
        let sql = "INSERT INTO playback_sessions (media_id, session, player_state, at_ms, next_sequence, expires_us) \
                   VALUES ($1, $2, '', 0, 0, $3) ON CONFLICT (media_id, session) DO UPDATE SET expires_us = $3 \
                   RETURNING player_state, at_ms, next_sequence, rung, startup_ms, started, failed";
        query_tx!(self.0, fetch_one as PlaybackSessionRow, sql, media, session, expires_at)
    }

    /// Keeps what a player said.
    pub async fn save_session(&mut self, media: MediaId, session: &[u8], row: &PlaybackSessionRow) -> Result<()> {
        let sql = "UPDATE playback_sessions SET player_state = $3, at_ms = $4, next_sequence = $5, rung = $6, startup_ms = $7, \
                   started = $8, failed = $9 WHERE media_id = $1 AND session = $2";
        execute_tx!(
            self.0,
            sql,
            media,
            session,
            &row.player_state,
            row.at_ms,
            row.next_sequence,
            &row.rung,
            row.startup_ms,
            row.started,
            row.failed,
        )?;
        Ok(())
    }

    /// Adds to a day (`more.day`), and to its parts by name.
    pub async fn add(&mut self, media: MediaId, more: &QualityDayRow, parts: &[(String, i64)]) -> Result<()> {
        let sql = "INSERT INTO playback_quality AS q \
                   (media_id, day, sessions, starts, startup_ms, stalls, stalled_ms, watched_ms, failures) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (media_id, day) DO UPDATE SET \
                   sessions = q.sessions + $3, starts = q.starts + $4, startup_ms = q.startup_ms + $5, stalls = q.stalls + $6, \
                   stalled_ms = q.stalled_ms + $7, watched_ms = q.watched_ms + $8, failures = q.failures + $9";
        execute_tx!(
            self.0,
            sql,
            media,
            more.day,
            more.sessions,
            more.starts,
            more.startup_ms,
            more.stalls,
            more.stalled_ms,
            more.watched_ms,
            more.failures,
        )?;
        for (part, amount) in parts {
            let sql = "INSERT INTO playback_quality_parts AS p (media_id, day, part, amount) VALUES ($1, $2, $3, $4) \
                       ON CONFLICT (media_id, day, part) DO UPDATE SET amount = p.amount + $4";
            execute_tx!(self.0, sql, media, more.day, part, amount)?;
        }
        Ok(())
    }
}
