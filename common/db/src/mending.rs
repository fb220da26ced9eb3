//! What a check of rows against objects does about what it finds: packages are made again, and what no row leads to gets a
//! row that is being deleted, so that the sweep which deletes everything else deletes it too.
//!
//! Invariant: nothing here deletes an object. A package that is made again loses its rows first, and its claims with them.

use super::{Result, Tx, execute_tx, query_tx};
use sluice_model::{
    Encryption, MediaEvent, PackageId, PackageStatus, PictureId, PictureKind, PictureOwnerId, ProjectId, Reason,
    SourceId, TaskStatus, Timestamp,
};

/// What this domain does inside a transaction, from [`Tx::mending`].
#[derive(Debug)]
pub struct MendingTx<'a>(pub(crate) &'a mut Tx);

/// What was made of a package, but for its row.
const MADE: [&str; 5] = [
    "DELETE FROM segments WHERE package_id = $1",
    "DELETE FROM renditions WHERE package_id = $1",
    "DELETE FROM images WHERE package_id = $1",
    "DELETE FROM text_tracks WHERE package_id = $1",
    "DELETE FROM package_chapters WHERE package_id = $1",
];

impl MendingTx<'_> {
    /// Whether a package is that of a media, or of a track that was added to one.
    pub async fn is_wanted(&mut self, package: PackageId) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM (SELECT id FROM media WHERE package_id = $1 \
                   UNION ALL SELECT media_id FROM added_tracks WHERE package_id = $1) w";
        Ok(query_tx!(self.0, fetch_one as (i64,), sql, package)?.0 > 0)
    }

    /// Has a package made again from its plan on: nobody is shown it until it can be played. With a reason it cannot be
    /// made, has failed, and is made when somebody tries it again. What has failed before stays as it is, but for what was
    /// made of it. `false` when it is gone, or was never planned.
    pub async fn make_again(&mut self, package: PackageId, lost: Option<&Reason>, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE packages SET updated_us = $1 WHERE id = $2 RETURNING status";
        let Some((status,)) = query_tx!(self.0, fetch_optional as (String,), sql, now, package)? else {
            return Ok(false);
        };
        let had_failed = status.parse().is_ok_and(|s: PackageStatus| s == PackageStatus::Failed);
        let task = match lost {
            _ if had_failed => TaskStatus::Cancelled,
            Some(_) => TaskStatus::Parked,
            None => TaskStatus::Queued,
        };
        let plan = "UPDATE tasks SET status = $1, token = NULL, attempts = 0, not_before_us = $2, due_us = $2, progress = 0, \
                    finished_us = NULL, error_code = $3, error_message = $4 WHERE package_id = $5 AND name = 'plan'";
        let (code, message) = (lost.map(|l| l.code.as_str()), lost.map(|l| l.message.as_str()));
        if execute_tx!(self.0, plan, task.as_str(), now, code, message, package)? == 0 {
            return Ok(false);
        }
        let others = "DELETE FROM tasks WHERE package_id = $1 AND kind NOT IN ('import', 'hash') AND name <> 'plan' \
                      AND (kind <> 'poster' OR status IN ('queued', 'running'))";
        execute_tx!(self.0, others, package)?;
        for sql in MADE {
            execute_tx!(self.0, sql, package)?;
        }
        let empty = "UPDATE packages SET plan = NULL, warnings = NULL, tags = NULL, programme_start_us = NULL, kind = NULL, \
                     duration_ms = NULL, revealed = 0, playable = FALSE, encode_started_us = NULL, report = NULL, swept_us = NULL \
                     WHERE id = $1";
        execute_tx!(self.0, empty, package)?;
        match lost {
            _ if had_failed => {}
            Some(reason) => {
                let sql = "UPDATE packages SET status = 'failed', error_code = $1, error_message = $2, updated_us = $3 WHERE id = $4";
                execute_tx!(self.0, sql, &reason.code, &reason.message, now, package)?;
                self.0.webhooks().notify_owners(package, MediaEvent::Failed, now).await?;
            }
            None => {
                execute_tx!(self.0, "UPDATE packages SET status = 'planning' WHERE id = $1", package)?;
            }
        }
        Ok(true)
    }

    /// Has the next sweep look for what no row names below the prefix of a source.
    pub async fn sweep_source(&mut self, home: SourceId) -> Result<()> {
        let sql = "UPDATE sources SET swept_us = NULL WHERE status = 'live' \
                   AND (id = $1 OR id IN (SELECT e.source_id FROM extents e WHERE e.home = $1))";
        execute_tx!(self.0, sql, home)?;
        Ok(())
    }

    /// The same of a package.
    pub async fn sweep_package(&mut self, package: PackageId) -> Result<()> {
        let sql = "UPDATE packages SET swept_us = NULL WHERE id = $1 AND status IN ('ready', 'failed')";
        execute_tx!(self.0, sql, package)?;
        Ok(())
    }

    /// Has the next sweep delete all below the prefix of a source that has no row.
    pub async fn doom_source(&mut self, id: SourceId, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO sources (id, status, size_bytes, total_bytes, content_type, created_us, touched_us) \
                   VALUES ($1, 'deleting', 0, 0, 'application/octet-stream', $2, $2) ON CONFLICT DO NOTHING";
        execute_tx!(self.0, sql, id, now)?;
        Ok(())
    }

    /// The same of a package that has no row: it goes with a source that never had bytes.
    pub async fn doom_package(&mut self, id: PackageId, now: Timestamp) -> Result<()> {
        let source = SourceId::new();
        self.doom_source(source, now).await?;
        let sql = "INSERT INTO packages (id, source_id, status, revealed, playable, encryption, created_us, updated_us) \
                   VALUES ($1, $2, 'failed', 0, FALSE, $3, $4, $4) ON CONFLICT DO NOTHING";
        execute_tx!(self.0, sql, id, source, Encryption::None.as_str(), now)?;
        Ok(())
    }

    /// The same of the documents of a project that has no row.
    pub async fn doom_project(&mut self, id: ProjectId, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO doomed_documents (project_id, at_us) VALUES ($1, $2) ON CONFLICT DO NOTHING";
        execute_tx!(self.0, sql, id, now)?;
        Ok(())
    }

    /// The same of a picture that has no row, or one whose object is lost: nobody is shown it any more.
    pub async fn doom_picture(&mut self, id: PictureId, now: Timestamp) -> Result<()> {
        let nobody = PictureOwnerId::nil();
        let sql = "INSERT INTO pictures (id, kind, owner_id, width, height, size_bytes, doomed_us) VALUES ($1, $2, $3, 0, 0, 0, $4) \
                   ON CONFLICT (id) DO UPDATE SET doomed_us = COALESCE(pictures.doomed_us, excluded.doomed_us)";
        execute_tx!(self.0, sql, id, PictureKind::Avatar.as_str(), nobody, now)?;
        Ok(())
    }
}
