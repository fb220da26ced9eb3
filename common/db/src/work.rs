//! Who wants the work on a package, and what ends with the last of them.
//!
//! Invariants: the work on a package goes on while a media that people may see has, or had, that package; whoever takes
//! the last one away ends it in the same transaction. Rows are locked in one order: packages, then uploads, then
//! sources, then media, then tasks.

use super::{Result, Tx, execute_tx, query_tx};
use sluice_model::{MediaId, PackageId, Reason, Timestamp, UploadId, UserId};

/// What this domain does inside a transaction, from [`Tx::work`].
#[derive(Debug)]
pub struct WorkTx<'a>(pub(crate) &'a mut Tx);

/// Code of a package whose work was ended by moderation, and which goes on when that is lifted.
const MODERATED: &str = "moderated";

/// Packages that work may be going on for, or will be; they are locked by their `UPDATE`.
macro_rules! lock_active {
    ($which:literal) => {
        concat!(
            "UPDATE packages SET updated_us = $1 WHERE id IN (",
            $which,
            ") AND (status IN ('planning', 'encoding') OR EXISTS \
             (SELECT 1 FROM tasks t WHERE t.package_id = packages.id AND t.status IN ('queued', 'running'))) RETURNING id"
        )
    };
}

impl WorkTx<'_> {
    /// Locks the packages that a media has or had and that there may be work for.
    pub async fn lock_media(&mut self, media: MediaId, now: Timestamp) -> Result<Vec<PackageId>> {
        let sql = lock_active!("SELECT mp.package_id FROM media_packages mp WHERE mp.media_id = $2");
        Ok(query_tx!(self.0, fetch_all as (PackageId,), sql, now, media)?.into_iter().map(|r| r.0).collect())
    }

    /// The same for all media of an account.
    pub async fn lock_owner(&mut self, owner: UserId, now: Timestamp) -> Result<Vec<PackageId>> {
        let sql = lock_active!(
            "SELECT mp.package_id FROM media_packages mp JOIN media m ON m.id = mp.media_id WHERE m.owner_id = $2"
        );
        Ok(query_tx!(self.0, fetch_all as (PackageId,), sql, now, owner)?.into_iter().map(|r| r.0).collect())
    }

    /// Locks the package that an upload will be.
    pub async fn lock_upload(&mut self, upload: UploadId, now: Timestamp) -> Result<()> {
        let sql = "UPDATE packages SET updated_us = $1 WHERE id = (SELECT m.package_id FROM uploads u \
                   JOIN media m ON m.id = u.media_id WHERE u.id = $2)";
        execute_tx!(self.0, sql, now, upload)?;
        Ok(())
    }

    /// Ends the work on locked packages that nobody wants any more: where no media is left, tasks are cancelled; where
    /// those that are left are out of sight, the package has failed until they are shown again.
    pub async fn release(&mut self, packages: &[PackageId], now: Timestamp) -> Result<()> {
        for package in packages {
            self.lock_source(*package).await?;
            let sql = "SELECT COUNT(*), COUNT(CASE WHEN m.hidden_us IS NULL AND u.banned_us IS NULL THEN 1 END) \
                       FROM media_packages mp JOIN media m ON m.id = mp.media_id JOIN users u ON u.id = m.owner_id \
                       WHERE mp.package_id = $1";
            let (left, seen) = query_tx!(self.0, fetch_one as (i64, i64), sql, package)?;
            if seen > 0 {
                continue;
            }
            if left > 0 {
                let reason = Reason::new(MODERATED, "The work on it was stopped because it was taken out of sight.");
                self.0.packages().fail(*package, &reason, now).await?;
            }
            self.cancel_all(*package).await?;
        }
        Ok(())
    }

    /// Hashes too, for which a failed package otherwise goes on.
    async fn cancel_all(&mut self, package: PackageId) -> Result<()> {
        let sql = "UPDATE tasks SET status = 'cancelled', token = NULL WHERE package_id = $1 AND status IN ('queued', 'running')";
        execute_tx!(self.0, sql, package)?;
        Ok(())
    }

    /// Stops the work on a media for `reason`. `false` when there is none, or other media want it as well.
    pub async fn cancel(&mut self, media: MediaId, reason: &Reason, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE packages SET updated_us = $1 WHERE id = (SELECT package_id FROM media WHERE id = $2) \
                   AND status IN ('planning', 'encoding') RETURNING id";
        let Some((package,)) = query_tx!(self.0, fetch_optional as (PackageId,), sql, now, media)? else {
            return Ok(false);
        };
        self.lock_source(package).await?;
        let sql = "SELECT COUNT(*) FROM media WHERE package_id = $1 AND id <> $2";
        if query_tx!(self.0, fetch_one as (i64,), sql, package, media)?.0 > 0 {
            return Ok(false);
        }
        self.0.packages().fail(package, reason, now).await?;
        self.cancel_all(package).await?;
        Ok(true)
    }

    /// Stops the work on a package for `reason`, whoever wants it. `false` when there is none.
    pub async fn cancel_package(&mut self, package: PackageId, reason: &Reason, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE packages SET updated_us = $1 WHERE id = $2 AND (status IN ('planning', 'encoding') OR EXISTS \
                   (SELECT 1 FROM tasks t WHERE t.package_id = packages.id AND t.status IN ('queued', 'running')))";
        if execute_tx!(self.0, sql, now, package)? == 0 {
            return Ok(false);
        }
        self.lock_source(package).await?;
        self.0.packages().fail(package, reason, now).await?;
        self.cancel_all(package).await?;
        Ok(true)
    }

    /// Sets to work again what moderation had stopped and what people may see now: one media, or all of an account.
    pub async fn resume(&mut self, media: Option<MediaId>, owner: Option<UserId>, now: Timestamp) -> Result<()> {
        let sql = "SELECT DISTINCT p.id FROM media m JOIN users u ON u.id = m.owner_id JOIN \
                   (SELECT id AS media_id, package_id FROM media UNION ALL SELECT media_id, package_id FROM added_tracks) w \
                   ON w.media_id = m.id JOIN packages p ON p.id = w.package_id \
                   WHERE (m.id = $1 OR m.owner_id = $2) AND m.hidden_us IS NULL AND u.banned_us IS NULL \
                   AND p.status = 'failed' AND p.error_code = $3";
        for (package,) in query_tx!(self.0, fetch_all as (PackageId,), sql, media, owner, MODERATED)? {
            self.0.packages().retry(package, now).await?;
        }
        Ok(())
    }

    /// Merging equal sources locks the one that others join: they join either before what follows, or not at all.
    async fn lock_source(&mut self, package: PackageId) -> Result<()> {
        let sql = "UPDATE sources SET status = status WHERE id = (SELECT source_id FROM packages WHERE id = $1)";
        execute_tx!(self.0, sql, package)?;
        Ok(())
    }
}
