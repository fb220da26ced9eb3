//! Pictures of people, playlists, categories and media.
//!
//! Invariant: a row is there before its object and goes after it, so no object is ever without a row.

use super::{Db, DbError, NewTask, Result, Tx, execute, execute_tx, query, query_tx};
use sluice_model::{
    MediaId, PictureId, PictureKind, PictureOwnerId, PlaylistId, Reason, TaskKind, TaskStatus, Timestamp, UserId,
};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::pictures`].
#[derive(Debug, Clone, Copy)]
pub struct Pictures<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::pictures`].
#[derive(Debug)]
pub struct PicturesTx<'a>(pub(crate) &'a mut Tx);

/// A picture that is shown.
#[derive(Debug, Clone, FromRow)]
pub struct PictureRow {
    pub id: PictureId,
    #[sqlx(try_from = "String")]
    pub kind: PictureKind,
    /// The user, playlist, category or media that shows it.
    pub owner_id: PictureOwnerId,
    pub size_bytes: i64,
    /// Out of sight: the person is banned.
    pub hidden: bool,
}

/// What is stored of a new one.
#[derive(Debug, Clone, Copy)]
pub struct NewPicture {
    pub id: PictureId,
    pub kind: PictureKind,
    pub owner: PictureOwnerId,
    /// Pixels.
    pub size: (u32, u32),
    pub size_bytes: i64,
    /// When it goes unless it is shown by then.
    pub delete_after: Timestamp,
}

/// A moment of a film that was chosen as its poster.
#[derive(Debug, Clone, FromRow)]
pub struct ChosenMoment {
    #[sqlx(try_from = "String")]
    pub status: TaskStatus,
    pub payload: String,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
}

impl ChosenMoment {
    /// Why it could not be made.
    pub fn reason(&self) -> Option<Reason> {
        self.error_code.clone().zip(self.error_message.clone()).map(|(code, message)| Reason { code, message })
    }
}

/// Name of the task that makes a poster of a moment: of a media there is one.
fn moment_task(media: MediaId) -> String {
    format!("{}-{media}", TaskKind::Poster)
}

impl Pictures<'_> {
    /// The moment that was last chosen as poster of a media, unless a picture took its place.
    pub async fn chosen_moment(&self, media: MediaId) -> Result<Option<ChosenMoment>> {
        let sql = "SELECT status, payload, error_code, error_message FROM tasks WHERE name = $1 \
                   AND package_id IN (SELECT package_id FROM media_packages WHERE media_id = $2) ORDER BY id DESC LIMIT 1";
        query!(self.0, fetch_optional as ChosenMoment, sql, moment_task(media), media)
    }

    /// A picture that is shown, by id.
    pub async fn find(&self, id: PictureId) -> Result<Option<PictureRow>> {
        let sql = "SELECT p.id, p.kind, p.owner_id, p.size_bytes, u.banned_us IS NOT NULL AS hidden FROM pictures p \
                   LEFT JOIN users u ON u.id = p.owner_id WHERE p.id = $1 AND p.doomed_us IS NULL";
        query!(self.0, fetch_optional as PictureRow, sql, id)
    }

    /// Width and height of a picture that is shown.
    pub async fn pixels(&self, id: PictureId) -> Result<Option<(i64, i64)>> {
        let sql = "SELECT width, height FROM pictures WHERE id = $1 AND doomed_us IS NULL";
        query!(self.0, fetch_optional as (i64, i64), sql, id)
    }

    /// Announces a picture before its object is stored.
    pub async fn announce(&self, new: &NewPicture) -> Result<()> {
        let sql = "INSERT INTO pictures (id, kind, owner_id, width, height, size_bytes, doomed_us) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let (width, height) = (i64::from(new.size.0), i64::from(new.size.1));
        execute!(self.0, sql, new.id, new.kind.as_str(), new.owner, width, height, new.size_bytes, new.delete_after)?;
        Ok(())
    }

    /// Pictures whose objects are to be removed: the next after one, in order.
    pub async fn deleting(&self, now: Timestamp, after: PictureId) -> Result<Vec<PictureId>> {
        let sql = "SELECT id FROM pictures WHERE doomed_us <= $1 AND id > $2 ORDER BY id LIMIT 100";
        Ok(query!(self.0, fetch_all as (PictureId,), sql, now, after)?.into_iter().map(|r| r.0).collect())
    }

    /// Notes that an object is gone.
    pub async fn purge(&self, id: PictureId) -> Result<()> {
        execute!(self.0, "DELETE FROM pictures WHERE id = $1 AND doomed_us IS NOT NULL", id)?;
        Ok(())
    }
}

impl PicturesTx<'_> {
    /// Shows a stored picture instead of the one before. [`DbError::Fenced`] when its owner is gone, or it is.
    pub async fn publish(&mut self, new: &NewPicture, now: Timestamp) -> Result<()> {
        // The owner's row lock first: two pictures for one place come one after the other.
        let lock = match new.kind {
            PictureKind::Avatar | PictureKind::Banner => "UPDATE users SET bio = bio WHERE id = $1",
            PictureKind::Cover => "UPDATE playlists SET updated_us = $2 WHERE id = $1",
            PictureKind::Category => "UPDATE categories SET name = name WHERE id = $1",
            PictureKind::Poster => "UPDATE media SET rank = rank WHERE id = $1",
        };
        let found = match new.kind {
            PictureKind::Cover => execute_tx!(self.0, lock, new.owner, now)?,
            _ => execute_tx!(self.0, lock, new.owner)?,
        };
        self.mark_deleting(new.kind, new.owner, now).await?;
        let shown =
            execute_tx!(self.0, "UPDATE pictures SET doomed_us = NULL WHERE id = $1 AND doomed_us > $2", new.id, now)?;
        if found == 1 && shown == 1 { Ok(()) } else { Err(DbError::Fenced) }
    }

    /// Has a moment of a film made its poster, by a task of the film's package that needs no more memory than those which
    /// made it. A moment that was chosen before is forgotten, and the claim of who works on it is lost.
    pub async fn choose_moment(&mut self, media: MediaId, task: NewTask, now: Timestamp) -> Result<()> {
        self.forget_moment(media, now).await?;
        self.0.packages().lock(task.package_id, now).await?;
        let sql = "SELECT CAST(COALESCE(MAX(memory_bytes), 0) AS BIGINT) FROM tasks WHERE package_id = $1";
        let (memory_bytes,) = query_tx!(self.0, fetch_one as (i64,), sql, task.package_id)?;
        let task = NewTask { name: moment_task(media), memory_bytes, ..task };
        self.0.tasks().enqueue(&[task], now).await
    }

    /// Forgets the moment that was chosen as poster of a media: what is done for it comes to nothing.
    pub async fn forget_moment(&mut self, media: MediaId, now: Timestamp) -> Result<()> {
        self.0.work().lock_media(media, now).await?;
        let sql = "DELETE FROM tasks WHERE name = $1 \
                   AND package_id IN (SELECT package_id FROM media_packages WHERE media_id = $2)";
        execute_tx!(self.0, sql, moment_task(media), media)?;
        Ok(())
    }

    /// Takes a picture out of sight; its object goes with the next sweep. `false` when there is none.
    pub async fn mark_deleting(&mut self, kind: PictureKind, owner: PictureOwnerId, now: Timestamp) -> Result<bool> {
        let sql = "UPDATE pictures SET doomed_us = $1 WHERE owner_id = $2 AND kind = $3 AND doomed_us IS NULL";
        Ok(execute_tx!(self.0, sql, now, owner, kind.as_str())? == 1)
    }

    /// Takes the chosen posters of media out of sight that were just deleted: whoever is giving one a poster waits for its
    /// row, and finds it gone.
    pub(crate) async fn mark_posters_deleting(&mut self, media: &[(MediaId,)], now: Timestamp) -> Result<()> {
        for (id,) in media {
            self.mark_deleting(PictureKind::Poster, (*id).into(), now).await?;
        }
        Ok(())
    }

    /// Dooms the pictures of a leaving person, and deletes their playlists with their covers.
    pub async fn mark_deleting_of(&mut self, user: UserId, now: Timestamp) -> Result<()> {
        // The playlists first: who is giving one a cover waits for its row, and finds it gone.
        let gone = "DELETE FROM playlists WHERE owner_id = $1 RETURNING id";
        for (playlist,) in query_tx!(self.0, fetch_all as (PlaylistId,), gone, user)? {
            self.mark_deleting(PictureKind::Cover, playlist.into(), now).await?;
        }
        for kind in [PictureKind::Avatar, PictureKind::Banner] {
            self.mark_deleting(kind, user.into(), now).await?;
        }
        Ok(())
    }
}
