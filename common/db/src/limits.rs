//! Rate limits that all instances agree on: the generic cell rate algorithm in one statement.

use super::{Db, Result, execute, query, returning};
use sluice_model::Timestamp;

/// By how much the clocks of instances may differ without a limit being lifted, microseconds.
const CLOCKS_US: i64 = 300_000_000;

/// Reads and single statements of this domain, from [`Db::rate_limits`].
#[derive(Debug, Clone, Copy)]
pub struct RateLimits<'a>(pub(crate) &'a Db);

impl RateLimits<'_> {
    /// Takes one from the allowance of `subject`, which regains one every `every_us` and holds
    /// `burst` at most. Instants of requests that run at once do not come in order, so a tenth of `every_us` is
    /// forgiven: without it the last of a burst is refused where the latest came first. Returns the instant at which
    /// the allowance is whole again, and whether one was there.
    ///
    /// An allowance that would be whole later than one that is used up was counted by a clock that was set back since:
    /// it counts as whole now, so nobody is locked out for longer than a window and five minutes.
    pub async fn take(&self, subject: &str, every_us: i64, burst: i64, now: Timestamp) -> Result<(Timestamp, bool)> {
        let sql = "INSERT INTO rate_limits AS r (subject, whole_us) VALUES ($1, $2 + $3) \
                   ON CONFLICT (subject) DO UPDATE SET \
                     whole_us = CASE WHEN r.whole_us > $2 AND r.whole_us <= $2 + $3 * $4 + $5 THEN r.whole_us ELSE $2 END + $3 \
                   WHERE CASE WHEN r.whole_us > $2 AND r.whole_us <= $2 + $3 * $4 + $5 THEN r.whole_us ELSE $2 END + $3 - $2 \
                     <= $3 * $4 + $3 / 10 \
                   RETURNING whole_us";
        let clocks_us = CLOCKS_US + every_us / 10;
        let taken = returning!(self.0, (Timestamp,), sql, subject, now, every_us, burst, clocks_us)?;
        if let Some((whole,)) = taken.into_iter().next() {
            return Ok((whole, true));
        }
        let sql = "SELECT whole_us FROM rate_limits WHERE subject = $1";
        let row = query!(self.0, fetch_optional as (Timestamp,), sql, subject)?;
        Ok((row.map_or(now, |r| r.0), false))
    }

    /// Gives one back, because what it was taken for went well.
    pub async fn give_back(&self, subject: &str, every_us: i64) -> Result<()> {
        execute!(self.0, "UPDATE rate_limits SET whole_us = whole_us - $1 WHERE subject = $2", every_us, subject)?;
        Ok(())
    }

    /// Removes allowances that are whole again.
    pub async fn purge_whole(&self, now: Timestamp) -> Result<()> {
        execute!(self.0, "DELETE FROM rate_limits WHERE whole_us < $1", now)?;
        Ok(())
    }
}
