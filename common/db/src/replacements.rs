//! Packages that are made to take the place of others, and those whose place was taken.
//!
//! Invariants: until a replacement is ready every media has the package before, and from then on the replacement, in one
//! transaction; a package has one replacement at a time; one that has failed, or was stopped, takes no place. What has lost its
//! place stays for the GC window, for players that began with it, and while a clip is cut from it.
//!
//! Rows are locked as [`super::work`] says; of the packages the replacement first.

use super::{Db, Result, Tx, execute_tx, query, query_tx};
use sluice_model::{LeftAs, MediaEvent, MediaId, PackageId, PackageStatus, Priority, Reason, SourceId, Timestamp};

/// Reads and single statements of this domain, from [`Db::replacements`].
#[derive(Debug, Clone, Copy)]
pub struct Replacements<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::replacements`].
#[derive(Debug)]
pub struct ReplacementsTx<'a>(pub(crate) &'a mut Tx);

/// A package that will take the place of another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Replacement {
    pub package: PackageId,
    pub source: SourceId,
    /// When its planning is due: behind the whole work on those that were begun before.
    pub due_at: Timestamp,
}

/// What becomes of the wish for a package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begun {
    Replacement(Replacement),
    /// It stays as it is.
    Left(LeftAs),
    /// Somebody else has begun it, or took the wish back.
    Nothing,
}

/// What nobody needs that is older than `$1`: packages whose place was taken, and such that will take none. What belongs to a source
/// that nobody has goes with that.
macro_rules! obsolete {
    () => {
        "(p.status <> 'deleting' AND (p.replaced_us IS NOT NULL AND p.replaced_us < $1 OR p.replaces_package_id IS NOT NULL \
           AND p.updated_us < $1 AND p.status IN ('planning', 'encoding', 'failed')) \
         AND NOT EXISTS (SELECT 1 FROM tasks t WHERE t.package_id = p.id AND t.status IN ('queued', 'running')) \
         AND NOT EXISTS (SELECT 1 FROM media m WHERE m.package_id = p.id) \
         AND NOT EXISTS (SELECT 1 FROM packages c WHERE c.clip_package_id = p.id AND c.status IN ('planning', 'encoding')) \
         AND EXISTS (SELECT 1 FROM media m WHERE m.source_id = p.source_id))"
    };
}

/// Some track that was added to a media lies over the time line of the package before.
const ADDED: (&str, &str) =
    ("added_tracks", "A track was added to it meanwhile, which lies over the film as it was made before.");

impl Replacements<'_> {
    /// How many are being made.
    pub async fn under_way(&self) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM packages p WHERE p.status IN ('planning', 'encoding') AND p.replaces_package_id IS NOT NULL \
                   AND EXISTS (SELECT 1 FROM tasks t WHERE t.package_id = p.id AND t.status IN ('queued', 'running'))";
        Ok(query!(self.0, fetch_one as (i64,), sql)?.0)
    }

    /// Those that are ready and have not taken their place: workers of older versions know of none.
    pub async fn waiting_for_place(&self) -> Result<Vec<PackageId>> {
        let sql =
            "SELECT id FROM packages WHERE status = 'ready' AND replaces_package_id IS NOT NULL ORDER BY id LIMIT 50";
        Ok(query!(self.0, fetch_all as (PackageId,), sql)?.into_iter().map(|r| r.0).collect())
    }

    /// Packages that are being deleted, and those that nobody has needed since `before`: the next after one, in order.
    pub async fn to_delete(&self, before: Timestamp, after: PackageId, limit: i64) -> Result<Vec<PackageId>> {
        // What is asked for by an index each; neither has many.
        let sql = concat!(
            "SELECT p.id FROM packages p JOIN sources s ON s.id = p.source_id WHERE p.id > $2 AND s.status <> 'deleting' AND p.id IN (\
             SELECT id FROM packages WHERE status = 'deleting' \
             UNION SELECT id FROM packages WHERE status IN ('planning', 'encoding', 'ready', 'failed') AND replaced_us IS NOT NULL AND replaced_us < $1 \
             UNION SELECT id FROM packages WHERE status IN ('planning', 'encoding', 'failed') AND replaces_package_id IS NOT NULL) \
             AND (p.status = 'deleting' OR ",
            obsolete!(),
            ") ORDER BY p.id LIMIT $3"
        );
        let rows = query!(self.0, fetch_all as (PackageId,), sql, before, after, limit)?;
        Ok(rows.into_iter().map(|r| r.0).collect())
    }

    /// Marks a package as being deleted, if nobody has needed it since `before`: no row leads to its objects any more. `false` where
    /// somebody does.
    pub async fn mark_deleting(&self, package: PackageId, before: Timestamp) -> Result<bool> {
        let mut tx = self.0.begin().await?;
        let lock = "UPDATE packages SET status = status WHERE id = $1 RETURNING source_id";
        let Some((source,)) = query_tx!(&mut tx, fetch_optional as (SourceId,), lock, package)? else {
            return Ok(false);
        };
        // Who begins to cut a clip from it locks this row: it is seen here, or sees the mark.
        execute_tx!(&mut tx, "UPDATE sources SET status = status WHERE id = $1", source)?;
        let sql = concat!(
            "UPDATE packages SET status = 'deleting' WHERE id IN (SELECT p.id FROM packages p WHERE p.id = $2 AND (p.status = 'deleting' OR ",
            obsolete!(),
            "))"
        );
        let marked = execute_tx!(&mut tx, sql, before, package)? == 1;
        tx.commit().await?;
        Ok(marked)
    }

    /// Removes a package that is being deleted, once its objects are gone.
    pub async fn purge(&self, package: PackageId) -> Result<()> {
        let mut tx = self.0.begin().await?;
        let gone = "DELETE FROM packages WHERE id = $1 AND status = 'deleting'";
        if execute_tx!(&mut tx, gone, package)? == 1 {
            execute_tx!(&mut tx, "DELETE FROM media_packages WHERE package_id = $1", package)?;
            execute_tx!(&mut tx, "DELETE FROM tasks WHERE package_id = $1", package)?;
        }
        tx.commit().await
    }
}

impl ReplacementsTx<'_> {
    /// Announces a package that will take the place of a wanted one, as encrypted as that is, for all media that have that; the
    /// caller queues its planning. Not where something stands against it, or that was made with the settings of this profile.
    pub async fn begin(&mut self, old: PackageId, profile: &str, now: Timestamp) -> Result<Begun> {
        let lock = "UPDATE packages SET status = status WHERE id = $1 RETURNING source_id";
        let Some((source,)) = query_tx!(self.0, fetch_optional as (SourceId,), lock, old)? else {
            return Ok(Begun::Nothing);
        };
        execute_tx!(self.0, "UPDATE sources SET status = status WHERE id = $1", source)?;
        let left_as = match self.0.reencodes().film(old).await? {
            None => Some(LeftAs::NotWanted),
            Some(film) if !film.is_wanted => return Ok(Begun::Nothing),
            Some(film) if film.is_being_made => {
                self.0.reencodes().forget(old).await?;
                return Ok(Begun::Nothing);
            }
            Some(film) => film.left_as(Some(profile)),
        };
        if let Some(left_as) = left_as {
            self.0.reencodes().leave(old, left_as).await?;
            return Ok(Begun::Left(left_as));
        }
        let due_at = self.next_due(now).await?;
        // One that failed before takes no place any more: nobody retries it.
        let parked = "UPDATE tasks SET status = 'cancelled' WHERE status = 'parked' \
                      AND package_id IN (SELECT id FROM packages WHERE replaces_package_id = $1)";
        execute_tx!(self.0, parked, old)?;
        let failed = "UPDATE packages SET replaces_package_id = NULL, replaced_us = $1 WHERE replaces_package_id = $2";
        execute_tx!(self.0, failed, now, old)?;
        let package = PackageId::new();
        let sql = "INSERT INTO packages (id, source_id, status, revealed, playable, encryption, created_us, updated_us, priority, \
                   replaces_package_id) SELECT $1, source_id, 'planning', 0, FALSE, encryption, $2, $2, $3, id FROM packages WHERE id = $4";
        execute_tx!(self.0, sql, package, now, Priority::Low.rank(), old)?;
        let sql = "INSERT INTO media_packages (media_id, package_id) SELECT id, $1 FROM media WHERE package_id = $2";
        execute_tx!(self.0, sql, package, old)?;
        self.0.reencodes().forget(old).await?;
        Ok(Begun::Replacement(Replacement { package, source, due_at }))
    }

    /// When the next one's planning is due: as long after the last one's as its film takes twice, in which all of its tasks are due.
    /// So films are made one after the other, and what is begun of them is little.
    async fn next_due(&mut self, now: Timestamp) -> Result<Timestamp> {
        let sql = "SELECT MAX(t.due_us + 2000 * COALESCE(o.duration_ms, 0)) FROM packages r \
                   JOIN packages o ON o.id = r.replaces_package_id JOIN tasks t ON t.package_id = r.id AND t.name = 'plan' \
                   WHERE r.status IN ('planning', 'encoding') AND r.replaces_package_id IS NOT NULL";
        let (last,) = query_tx!(self.0, fetch_one as (Option<Timestamp>,), sql)?;
        Ok(last.map_or(now, |last| last.max(now)))
    }

    /// Gives a package that is complete the place that it was made for; the caller has locked it. `false` where it was made for none,
    /// and nothing changed.
    ///
    /// Owners are not told: their media were ready all the time. Where a track was added meanwhile it has failed instead, and where
    /// nobody is left it goes with the next sweep.
    pub async fn take_place(&mut self, new: PackageId, now: Timestamp) -> Result<bool> {
        let sql = "SELECT replaces_package_id FROM packages WHERE id = $1";
        let row = query_tx!(self.0, fetch_optional as (Option<PackageId>,), sql, new)?;
        let Some(old) = row.and_then(|r| r.0) else { return Ok(false) };
        let lock = "UPDATE packages SET status = status WHERE id = $1 RETURNING source_id, status";
        let before = query_tx!(self.0, fetch_optional as (SourceId, String), lock, old)?;
        if let Some((source, _)) = &before {
            // Merging equal sources locks it: who joins the package before is seen below, or sees that its place is taken.
            execute_tx!(self.0, "UPDATE sources SET status = status WHERE id = $1", source)?;
        }
        let lock = "UPDATE media SET rank = rank WHERE package_id = $1 RETURNING id";
        let media = query_tx!(self.0, fetch_all as (MediaId,), lock, old)?;
        let sql = "SELECT COUNT(*) FROM added_tracks a JOIN media m ON m.id = a.media_id WHERE m.package_id = $1";
        if query_tx!(self.0, fetch_one as (i64,), sql, old)?.0 > 0 {
            let sql = "UPDATE packages SET status = 'failed', error_code = $1, error_message = $2, updated_us = $3 WHERE id = $4";
            execute_tx!(self.0, sql, ADDED.0, ADDED.1, now, new)?;
            return Ok(true);
        }
        self.rename_tracks(old, new).await?;
        for (media,) in &media {
            let sql = "INSERT INTO media_packages (media_id, package_id) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            execute_tx!(self.0, sql, media, new)?;
        }
        execute_tx!(self.0, "UPDATE media SET package_id = $1 WHERE package_id = $2", new, old)?;
        let was_ready = before.is_some_and(|b| b.1.parse().is_ok_and(|s: PackageStatus| s == PackageStatus::Ready));
        for (media,) in &media {
            self.0.webhooks().purge_caches(*media, now).await?;
            if !was_ready {
                self.0.webhooks().notify_owner(*media, MediaEvent::Ready, now).await?;
            }
        }
        execute_tx!(self.0, "UPDATE packages SET replaced_us = $1 WHERE id = $2", now, old)?;
        // Without media it is itself what has no place.
        let sql = "UPDATE packages SET replaces_package_id = NULL, priority = $1, replaced_us = $2 WHERE id = $3";
        let unwanted = media.is_empty().then_some(now);
        execute_tx!(self.0, sql, Priority::Normal.rank(), unwanted, new)?;
        self.move_tasks(old, new).await?;
        Ok(true)
    }

    /// Sounds have other names where other rates are set: what people said of their tracks stays with the tracks.
    async fn rename_tracks(&mut self, old: PackageId, new: PackageId) -> Result<()> {
        let (before, after) = (self.sounds(old).await?, self.sounds(new).await?);
        let sql = "UPDATE media_tracks SET name = $1 WHERE name = $2 AND media_id IN (SELECT m.id FROM media m WHERE m.package_id = $3) \
                   AND NOT EXISTS (SELECT 1 FROM media_tracks k WHERE k.media_id = media_tracks.media_id AND k.name = $1)";
        for (position, name) in before {
            let Some((_, now_called)) = after.iter().find(|a| a.0 == position) else { continue };
            execute_tx!(self.0, sql, now_called, name, old)?;
        }
        Ok(())
    }

    /// What the sounds of a package are called by people, by their place: each in the form that everybody can play.
    async fn sounds(&mut self, package: PackageId) -> Result<Vec<(i64, String)>> {
        let sql = "SELECT position, name FROM renditions WHERE package_id = $1 AND kind = 'audio' \
                   ORDER BY position, channels > 2, cap_bps DESC";
        let mut sounds = query_tx!(self.0, fetch_all as (i64, String), sql, package)?;
        sounds.dedup_by_key(|s| s.0);
        Ok(sounds)
    }

    /// Moments that were chosen as posters are the media's, whatever package they have; other work on what was before is not
    /// wanted any more.
    async fn move_tasks(&mut self, old: PackageId, new: PackageId) -> Result<()> {
        let poster = "UPDATE tasks SET package_id = $1 WHERE package_id = $2 AND kind = 'poster'";
        execute_tx!(self.0, poster, new, old)?;
        let cancel = "UPDATE tasks SET status = 'cancelled', token = NULL WHERE package_id = $1 AND kind <> 'hash' \
                      AND status IN ('queued', 'running')";
        execute_tx!(self.0, cancel, old)?;
        Ok(())
    }

    /// Has media that were just given a package want what is made in its place.
    pub(crate) async fn want_for(&mut self, source: SourceId, package: PackageId) -> Result<()> {
        let sql = "INSERT INTO media_packages (media_id, package_id) SELECT m.id, r.id FROM media m JOIN packages r \
                   ON r.replaces_package_id = $1 WHERE m.source_id = $2 ON CONFLICT DO NOTHING";
        execute_tx!(self.0, sql, package, source)?;
        Ok(())
    }

    /// Stops the making of what is to take a package's place, if it is being made: it has failed, and the package stays. `false`
    /// where there is none.
    pub async fn cancel(&mut self, old: PackageId, reason: &Reason, now: Timestamp) -> Result<bool> {
        let sql = "SELECT id FROM packages WHERE replaces_package_id = $1 AND status IN ('planning', 'encoding')";
        let found = query_tx!(self.0, fetch_optional as (PackageId,), sql, old)?;
        let Some((new,)) = found else { return Ok(false) };
        self.0.work().cancel_package(new, reason, now).await
    }
}
