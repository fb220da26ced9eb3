//! Rounds that one process does for all: whose turn it is, and which part of the rows comes next.

use super::{Db, Result, execute, query};
use sluice_model::{SourceId, Timestamp};
use std::time::Duration;

/// Reads and single statements of this domain, from [`Db::rounds`].
#[derive(Debug, Clone, Copy)]
pub struct Rounds<'a>(pub(crate) &'a Db);

/// Sources whose identifiers are greater than the first and not greater than the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceSpan {
    pub after: SourceId,
    pub last: SourceId,
}

impl SourceSpan {
    /// Every source.
    pub fn all() -> Self {
        Self { after: SourceId::nil(), last: SourceId::max() }
    }
}

impl Rounds<'_> {
    /// Takes the turn of a round that is due once in `every` for all processes together; `false` when it is not due. A tenth of the
    /// interval is forgiven, so that who asks once in `every` does not miss every other turn. Who takes it and dies is followed by the next one an interval later. A turn that lies further ahead than two intervals was noted by
    /// a clock that has been set back since, and is due.
    pub async fn begin(&self, name: &str, every: Duration, now: Timestamp) -> Result<bool> {
        let sql = "INSERT INTO rounds AS r (name, next_us) VALUES ($1, $3) \
                   ON CONFLICT (name) DO UPDATE SET next_us = $3 WHERE r.next_us <= $2 OR r.next_us > $4";
        Ok(execute!(self.0, sql, name, now, now + every - every / 10, now + every * 2)? == 1)
    }

    /// The next `count` sources of a round that goes through all of them in parts, in the order of their identifiers; after the
    /// last it begins again. Two that ask at once may get the same ones; those of who dies are looked at when the round comes by again.
    pub async fn next_sources(&self, name: &str, count: i64) -> Result<SourceSpan> {
        let sql = "SELECT after_id FROM rounds WHERE name = $1";
        let row = query!(self.0, fetch_optional as (Option<SourceId>,), sql, name)?;
        let after = row.and_then(|r| r.0).unwrap_or_else(SourceId::nil);
        let sql = "SELECT id FROM sources WHERE id > $1 ORDER BY id LIMIT 1 OFFSET $2";
        let end = query!(self.0, fetch_optional as (SourceId,), sql, after, count - 1)?.map(|r| r.0);
        execute!(self.0, "UPDATE rounds SET after_id = $1 WHERE name = $2", end, name)?;
        Ok(SourceSpan { after, last: end.unwrap_or_else(SourceId::max) })
    }
}
