//! Playlists: media in an order that their owner chooses.

use super::{Db, Result, Tx, execute, execute_tx, query, query_tx};
use sluice_model::{MediaId, PictureId, PictureKind, PlaylistId, PlaylistItemId, Timestamp, UserId, Visibility};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::playlists`].
#[derive(Debug, Clone, Copy)]
pub struct Playlists<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::playlists`].
#[derive(Debug)]
pub struct PlaylistsTx<'a>(pub(crate) &'a mut Tx);

/// A playlist as stored.
#[derive(Debug, Clone, FromRow)]
pub struct PlaylistRow {
    pub id: PlaylistId,
    pub owner_id: UserId,
    pub title: String,
    pub description: String,
    #[sqlx(try_from = "String")]
    pub visibility: Visibility,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    #[sqlx(rename = "updated_us")]
    pub updated_at: Timestamp,
    pub item_count: i64,
    /// Out of sight: its owner is banned.
    pub hidden: bool,
    pub cover_id: Option<PictureId>,
}

/// One place of a playlist.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct ItemRow {
    pub id: PlaylistItemId,
    pub media_id: MediaId,
    pub position: i64,
}

/// What of a playlist is to be changed; `None` stays.
#[derive(Debug, Default)]
pub struct PlaylistChange<'a> {
    pub title: Option<&'a str>,
    pub description: Option<&'a str>,
    pub visibility: Option<Visibility>,
}

/// Distance of neighbouring positions in a playlist: something can be put between them without moving either.
pub const POSITION_STEP: i64 = 1 << 32;

macro_rules! playlists {
    ($tail:literal) => {
        concat!(
            "SELECT l.id, l.owner_id, l.title, l.description, l.visibility, l.created_us, l.updated_us, ",
            "(SELECT COUNT(*) FROM playlist_items i WHERE i.playlist_id = l.id) AS item_count, u.banned_us IS NOT NULL AS hidden, ",
            "(SELECT c.id FROM pictures c WHERE c.owner_id = l.id AND c.kind = 'cover' AND c.doomed_us IS NULL) AS cover_id ",
            "FROM playlists l JOIN users u ON u.id = l.owner_id ",
            $tail
        )
    };
}

impl Playlists<'_> {
    /// A playlist by id.
    pub async fn find(&self, id: PlaylistId) -> Result<Option<PlaylistRow>> {
        query!(self.0, fetch_optional as PlaylistRow, playlists!("WHERE l.id = $1"), id)
    }

    /// A person's playlists, newest first; all of them, or only the public ones.
    pub async fn of_owner(
        &self,
        owner: UserId,
        all: bool,
        before: Option<PlaylistId>,
        limit: i64,
    ) -> Result<Vec<PlaylistRow>> {
        let sql = playlists!(
            "WHERE l.owner_id = $1 AND ($2 OR (l.visibility = 'public' AND u.banned_us IS NULL)) AND l.id < $3 ORDER BY l.id DESC LIMIT $4"
        );
        query!(self.0, fetch_all as PlaylistRow, sql, owner, all, before.unwrap_or(PlaylistId::max()), limit)
    }

    /// How many playlists a person has.
    pub async fn count(&self, owner: UserId) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM playlists WHERE owner_id = $1";
        Ok(query!(self.0, fetch_one as (i64,), sql, owner)?.0)
    }

    /// Places of a playlist in order, after a position.
    pub async fn items(&self, playlist: PlaylistId, after: i64, limit: i64) -> Result<Vec<ItemRow>> {
        let sql = "SELECT id, media_id, position FROM playlist_items WHERE playlist_id = $1 AND position > $2 \
                   ORDER BY position, id LIMIT $3";
        query!(self.0, fetch_all as ItemRow, sql, playlist, after, limit)
    }

    /// Stores a new playlist.
    pub async fn insert(&self, row: &PlaylistRow) -> Result<()> {
        let sql = "INSERT INTO playlists (id, owner_id, title, description, visibility, created_us, updated_us) \
                   VALUES ($1, $2, $3, $4, $5, $6, $6)";
        let visibility = row.visibility.as_str();
        execute!(self.0, sql, row.id, row.owner_id, &row.title, &row.description, visibility, row.created_at)?;
        Ok(())
    }

    /// Changes a playlist.
    pub async fn change(&self, id: PlaylistId, change: &PlaylistChange<'_>, now: Timestamp) -> Result<()> {
        let sql = "UPDATE playlists SET title = COALESCE($1, title), description = COALESCE($2, description), \
                   visibility = COALESCE($3, visibility), updated_us = $4 WHERE id = $5";
        let visibility = change.visibility.map(Visibility::as_str);
        execute!(self.0, sql, change.title, change.description, visibility, now, id)?;
        Ok(())
    }

    /// Deletes a playlist; its media stay.
    pub async fn delete(&self, id: PlaylistId, now: Timestamp) -> Result<bool> {
        let mut tx = self.0.begin().await?;
        // Its row first: nobody gives it another cover meanwhile.
        let gone = execute_tx!(&mut tx, "DELETE FROM playlists WHERE id = $1", id)? == 1;
        tx.pictures().mark_deleting(PictureKind::Cover, id.into(), now).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

impl PlaylistsTx<'_> {
    /// Takes a playlist's row lock; its places in order. Every change of the order begins with it.
    pub async fn lock(&mut self, id: PlaylistId, now: Timestamp) -> Result<Vec<ItemRow>> {
        execute_tx!(self.0, "UPDATE playlists SET updated_us = $1 WHERE id = $2", now, id)?;
        let sql = "SELECT id, media_id, position FROM playlist_items WHERE playlist_id = $1 ORDER BY position, id";
        query_tx!(self.0, fetch_all as ItemRow, sql, id)
    }

    /// Puts a media at a position. Where something is there, that and what follows make room.
    pub async fn insert_item(&mut self, playlist: PlaylistId, item: &ItemRow) -> Result<()> {
        let taken = "SELECT COUNT(*) FROM playlist_items WHERE playlist_id = $1 AND position = $2";
        if query_tx!(self.0, fetch_one as (i64,), taken, playlist, item.position)?.0 > 0 {
            let shift = "UPDATE playlist_items SET position = position + $3 WHERE playlist_id = $1 AND position >= $2";
            execute_tx!(self.0, shift, playlist, item.position, POSITION_STEP)?;
        }
        let sql = "INSERT INTO playlist_items (id, playlist_id, media_id, position) VALUES ($1, $2, $3, $4)";
        execute_tx!(self.0, sql, item.id, playlist, item.media_id, item.position)?;
        Ok(())
    }

    /// Takes a place away. `false` when there is none.
    pub async fn delete_item(&mut self, playlist: PlaylistId, item: PlaylistItemId) -> Result<bool> {
        let sql = "DELETE FROM playlist_items WHERE playlist_id = $1 AND id = $2";
        Ok(execute_tx!(self.0, sql, playlist, item)? == 1)
    }
}
