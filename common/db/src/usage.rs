//! What accounts use: read from the rows themselves, but for the bytes of a day, which are counted as they are announced.

use super::{Db, Result, Tx, execute, execute_tx, query, query_tx};
use sluice_model::{PackageId, Role, Timestamp, UserId};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::usage`].
#[derive(Debug, Clone, Copy)]
pub struct Usage<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::usage`].
#[derive(Debug)]
pub struct UsageTx<'a>(pub(crate) &'a mut Tx);

/// What an account uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct UsageRow {
    /// Bytes of all its media with the tracks that were added to them, and of its uploads under way as announced.
    pub stored_bytes: i64,
    /// Bytes announced today.
    pub day_bytes: i64,
    /// Encoding planned today, milliseconds of one core.
    pub encode_ms: i64,
    /// Uploads under way; all parts together are one, as nobody says which belong together.
    pub uploads: i64,
    /// Parts under way, or waiting to be joined.
    pub parts: i64,
    /// Media, and uploads that will be media.
    pub media: i64,
}

/// An upload under way: neither complete nor expired, and no import that has failed.
macro_rules! under_way {
    () => {
        "FROM uploads WHERE owner_id = $1 AND completed_us IS NULL AND expires_us > $3 AND NOT (kind = 'import' AND EXISTS \
         (SELECT 1 FROM media m JOIN packages p ON p.id = m.package_id WHERE m.id = uploads.media_id AND p.status = 'failed'))"
    };
}

const USAGE: &str = concat!(
    "SELECT CAST(COALESCE((SELECT SUM(s.size_bytes) FROM media m JOIN sources s ON s.id = m.source_id \
       WHERE m.owner_id = $1 AND s.status = 'live'), 0) \
      + COALESCE((SELECT SUM(s.size_bytes) FROM media m JOIN added_tracks a ON a.media_id = m.id JOIN sources s ON s.id = a.source_id \
       WHERE m.owner_id = $1), 0) \
      + COALESCE((SELECT SUM(COALESCE(length_bytes, CASE WHEN reserved_bytes > offset_bytes THEN reserved_bytes ELSE offset_bytes END)) ",
    under_way!(),
    "), 0) AS BIGINT) AS stored_bytes, \
    COALESCE((SELECT size_bytes FROM daily_bytes WHERE user_id = $1 AND day = $2), 0) AS day_bytes, \
    COALESCE((SELECT encode_ms FROM daily_bytes WHERE user_id = $1 AND day = $2), 0) AS encode_ms, \
    (SELECT COUNT(DISTINCT CASE WHEN part THEN owner_id ELSE id END) ",
    under_way!(),
    ") AS uploads, (SELECT COUNT(*) ",
    under_way!(),
    " AND part) AS parts, \
    (SELECT COUNT(*) FROM media m JOIN sources s ON s.id = m.source_id WHERE m.owner_id = $1 AND s.status = 'live') \
      + (SELECT COUNT(DISTINCT CASE WHEN part THEN owner_id ELSE id END) ",
    under_way!(),
    ") AS media"
);

/// Whose day the encoding of a package counts towards.
#[derive(Debug, Clone, FromRow)]
pub struct EncodeOwner {
    pub user_id: UserId,
    #[sqlx(try_from = "String")]
    pub role: Role,
    /// What was counted for the package before, milliseconds of one core.
    pub counted_ms: i64,
}

/// Encoding that was counted and will not be done.
#[derive(Debug, Clone, Copy, FromRow)]
pub(crate) struct UnmadeEncode {
    user_id: UserId,
    /// When its plan was counted.
    #[sqlx(rename = "encode_started_us")]
    counted_at: Timestamp,
    cost_ms: i64,
    planned: i64,
    published: i64,
}

impl Usage<'_> {
    /// What an account uses.
    pub async fn of(&self, user: UserId, now: Timestamp) -> Result<UsageRow> {
        query!(self.0, fetch_one as UsageRow, USAGE, user, now.as_days(), now)
    }

    /// Removes the counts of days that are over.
    pub async fn purge_past_days(&self, now: Timestamp) -> Result<()> {
        execute!(self.0, "DELETE FROM daily_bytes WHERE day < $1", now.as_days() - 1)?;
        Ok(())
    }
}

impl UsageTx<'_> {
    /// What an account uses, read under its row lock.
    pub async fn of(&mut self, user: UserId, now: Timestamp) -> Result<UsageRow> {
        query_tx!(self.0, fetch_one as UsageRow, USAGE, user, now.as_days(), now)
    }

    /// Whom the encoding of a package is for: the owner of its first media, or of the one that it is a track of. `None` when
    /// nobody has it any more.
    pub async fn encode_owner(&mut self, package: PackageId) -> Result<Option<EncodeOwner>> {
        let sql = "SELECT u.id AS user_id, u.role, p.cost_ms AS counted_ms FROM packages p JOIN media m ON m.id IN \
                   (SELECT id FROM media WHERE package_id = $1 UNION ALL SELECT media_id FROM added_tracks WHERE package_id = $1) \
                   JOIN users u ON u.id = m.owner_id WHERE p.id = $1 ORDER BY m.id LIMIT 1";
        query_tx!(self.0, fetch_optional as EncodeOwner, sql, package)
    }

    /// Counts encoding towards the day of an instant and notes it with its package; what the day has then, milliseconds
    /// of one core. The row is locked until the transaction ends.
    pub async fn count_encode(
        &mut self,
        owner: &EncodeOwner,
        package: PackageId,
        cost_ms: i64,
        now: Timestamp,
    ) -> Result<i64> {
        let sql = "INSERT INTO daily_bytes AS d (user_id, day, size_bytes, encode_ms) VALUES ($1, $2, 0, $3) \
                   ON CONFLICT (user_id, day) DO UPDATE SET encode_ms = d.encode_ms + $3 RETURNING encode_ms";
        let more = cost_ms - owner.counted_ms;
        let (day_ms,) = query_tx!(self.0, fetch_one as (i64,), sql, owner.user_id, now.as_days(), more)?;
        execute_tx!(self.0, "UPDATE packages SET cost_ms = $1 WHERE id = $2", cost_ms, package)?;
        Ok(day_ms)
    }

    /// Notes what encoding a package costs, milliseconds of one core, without counting it towards anybody's day.
    pub async fn note_encode(&mut self, package: PackageId, cost_ms: i64) -> Result<()> {
        execute_tx!(self.0, "UPDATE packages SET cost_ms = $1 WHERE id = $2", cost_ms, package)?;
        Ok(())
    }

    /// What was counted for a package and is not made yet, while somebody has it.
    pub(crate) async fn unmade_encode(&mut self, package: PackageId) -> Result<Option<UnmadeEncode>> {
        let sql = "SELECT m.owner_id AS user_id, p.encode_started_us, p.cost_ms, \
                   CAST(COALESCE((SELECT SUM(r.planned) FROM renditions r WHERE r.package_id = p.id), 0) AS BIGINT) AS planned, \
                   (SELECT COUNT(*) FROM segments s WHERE s.package_id = p.id) AS published \
                   FROM packages p JOIN media m ON m.package_id = p.id \
                   WHERE p.id = $1 AND p.cost_ms > 0 AND p.encode_started_us IS NOT NULL ORDER BY m.id LIMIT 1";
        query_tx!(self.0, fetch_optional as UnmadeEncode, sql, package)
    }

    /// Gives encoding that will not be done back to the day that it was counted towards, in proportion to its segments.
    pub(crate) async fn give_back(&mut self, unmade: UnmadeEncode) -> Result<()> {
        let left = (unmade.planned - unmade.published).max(0);
        let back_ms = i128::from(unmade.cost_ms) * i128::from(left) / i128::from(unmade.planned.max(1));
        let back_ms = i64::try_from(back_ms).unwrap_or(0);
        let sql = "UPDATE daily_bytes SET encode_ms = CASE WHEN encode_ms < $1 THEN 0 ELSE encode_ms - $1 END \
                   WHERE user_id = $2 AND day = $3";
        execute_tx!(self.0, sql, back_ms, unmade.user_id, unmade.counted_at.as_days())?;
        Ok(())
    }

    /// Counts announced bytes towards the day of an instant; fewer than none takes some back.
    pub async fn count_daily(&mut self, user: UserId, size_bytes: i64, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO daily_bytes AS d (user_id, day, size_bytes) VALUES ($1, $2, CASE WHEN $3 < 0 THEN 0 ELSE $3 END) \
                   ON CONFLICT (user_id, day) DO UPDATE SET size_bytes = CASE WHEN d.size_bytes + $3 < 0 THEN 0 ELSE d.size_bytes + $3 END";
        execute_tx!(self.0, sql, user, now.as_days(), size_bytes)?;
        Ok(())
    }
}
