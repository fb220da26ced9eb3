//! What strangers find: public media by rank, creator, category and tag.

use super::{Db, MediaRow, Result, Tx, execute, execute_tx, media::media_columns, query, query_tx};
use sluice_model::{CategoryId, MediaId, PictureId, PictureKind, PublicationId, SourceId, Timestamp, UserId};
use sqlx::FromRow;
use std::collections::HashMap;

/// Reads and single statements of this domain, from [`Db::catalogue`].
#[derive(Debug, Clone, Copy)]
pub struct Catalogue<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::catalogue`].
#[derive(Debug)]
pub struct CatalogueTx<'a>(pub(crate) &'a mut Tx);

/// A category.
#[derive(Debug, Clone, FromRow)]
pub struct CategoryRow {
    pub id: CategoryId,
    pub slug: String,
    pub name: String,
    pub picture_id: Option<PictureId>,
}

/// A place in the order of ranks.
pub type RankCursor = (i64, MediaId);

macro_rules! categories {
    ($tail:literal) => {
        concat!(
            "SELECT k.id, k.slug, k.name, (SELECT c.id FROM pictures c WHERE c.owner_id = k.id AND c.kind = 'category' \
             AND c.doomed_us IS NULL) AS picture_id FROM categories k ",
            $tail
        )
    };
}

/// Public, in sight, and there is something to play.
macro_rules! shown {
    () => {
        "m.visibility = 'public' AND (p.playable OR p.status = 'ready') AND m.hidden_us IS NULL AND u.banned_us IS NULL "
    };
}

pub(super) use shown;

impl Catalogue<'_> {
    /// Public media of others than `viewer` and those they followed before `since`, by rank.
    pub async fn discover(
        &self,
        viewer: UserId,
        since: Timestamp,
        before: Option<RankCursor>,
        limit: i64,
    ) -> Result<Vec<MediaRow>> {
        let (rank, id) = before.unwrap_or((i64::MAX, MediaId::max()));
        let sql = media_columns!(concat!(
            "WHERE ",
            shown!(),
            "AND (m.rank, m.id) < ($1, $2) AND m.owner_id <> $3 AND NOT EXISTS (SELECT 1 FROM subscriptions f \
             WHERE f.subscriber_id = $3 AND f.creator_id = m.owner_id AND f.created_us <= $4) AND NOT EXISTS (SELECT 1 \
             FROM past_subscriptions g WHERE g.subscriber_id = $3 AND g.creator_id = m.owner_id AND g.created_us <= $4 \
             AND g.ended_us > $4) \
             ORDER BY m.rank DESC, m.id DESC LIMIT $5"
        ));
        query!(self.0, fetch_all as MediaRow, sql, rank, id, viewer, since, limit)
    }

    /// Public media of those that `viewer` followed before `since`, the latest published first.
    pub async fn followed(
        &self,
        viewer: UserId,
        since: Timestamp,
        before: Option<PublicationId>,
        limit: i64,
    ) -> Result<Vec<MediaRow>> {
        let before = before.unwrap_or(PublicationId::max());
        // From those who are followed to their newest, never through all media: whom one follows may have none.
        match self.0 {
            // Here CROSS JOIN means the order in which the tables are read.
            Db::Sqlite(p) => {
                // The newest first, whether shown or not: nearly all are, and looking that up for everything that
                // a thousand creators ever made is most of the time.
                let newest = media_columns!(concat!(
                    "WHERE m.id IN (SELECT c.id FROM subscriptions f CROSS JOIN media c ON c.owner_id = f.creator_id \
                       AND c.visibility = 'public' AND c.published_id < $3 WHERE f.subscriber_id = $1 AND f.created_us <= $2 \
                       ORDER BY c.published_id DESC LIMIT 2 * $4) AND ",
                    shown!(),
                    "ORDER BY m.published_id DESC LIMIT $4"
                ));
                let query = sqlx::query_as(newest).bind(viewer).bind(since);
                let rows: Vec<MediaRow> = query.bind(before).bind(limit).fetch_all(&p.readers).await?;
                if rows.len() as i64 == limit {
                    return Ok(rows);
                }
                let sql = media_columns!(concat!(
                    "WHERE m.id IN (SELECT c.id FROM subscriptions f CROSS JOIN media c ON c.owner_id = f.creator_id \
                       AND c.visibility = 'public' AND c.published_id < $3 JOIN packages q ON q.id = c.package_id \
                       JOIN users o ON o.id = f.creator_id \
                       WHERE f.subscriber_id = $1 AND f.created_us <= $2 AND o.banned_us IS NULL AND (q.playable OR q.status = 'ready') \
                       AND c.hidden_us IS NULL ORDER BY c.published_id DESC LIMIT $4) AND ",
                    shown!(),
                    "ORDER BY m.published_id DESC"
                ));
                let query = sqlx::query_as(sql).bind(viewer).bind(since);
                Ok(query.bind(before).bind(limit).fetch_all(&p.readers).await?)
            }
            Db::Postgres(p) => {
                let sql = media_columns!(concat!(
                    "WHERE m.id = ANY(ARRAY(SELECT n.id FROM subscriptions f CROSS JOIN LATERAL (SELECT c.id, c.published_id FROM media c \
                       JOIN packages q ON q.id = c.package_id WHERE c.owner_id = f.creator_id AND c.visibility = 'public' \
                       AND c.published_id < $3 AND (q.playable OR q.status = 'ready') AND c.hidden_us IS NULL ORDER BY c.published_id DESC LIMIT $4) n \
                       JOIN users o ON o.id = f.creator_id \
                       WHERE f.subscriber_id = $1 AND f.created_us <= $2 AND o.banned_us IS NULL ORDER BY n.published_id DESC LIMIT $4)) AND ",
                    shown!(),
                    "ORDER BY m.published_id DESC"
                ));
                let query = sqlx::query_as(sql).bind(viewer).bind(since);
                Ok(query.bind(before).bind(limit).fetch_all(p.up()?).await?)
            }
        }
    }

    /// Public media of a creator, the latest published first.
    pub async fn public_media_of(
        &self,
        owner: UserId,
        before: Option<PublicationId>,
        limit: i64,
    ) -> Result<Vec<MediaRow>> {
        let sql = media_columns!(concat!(
            "WHERE m.owner_id = $1 AND ",
            shown!(),
            "AND m.published_id < $2 ORDER BY m.published_id DESC LIMIT $3"
        ));
        query!(self.0, fetch_all as MediaRow, sql, owner, before.unwrap_or(PublicationId::max()), limit)
    }

    /// Public sound of a creator, the latest published first.
    pub async fn public_sound_of(&self, owner: UserId, limit: i64) -> Result<Vec<(MediaRow, String)>> {
        let sql = media_columns!(concat!(
            "WHERE m.owner_id = $1 AND ",
            shown!(),
            "AND p.kind = 'audio' AND p.status = 'ready' AND p.encryption = 'none' ORDER BY m.published_id DESC LIMIT $2"
        ));
        let rows = query!(self.0, fetch_all as MediaRow, sql, owner, limit)?;
        let sql = "SELECT s.id, s.content_type FROM media m JOIN packages p ON p.id = m.package_id JOIN sources s ON s.id = m.source_id \
                   WHERE m.owner_id = $1 AND m.visibility = 'public' AND p.kind = 'audio' AND s.status = 'live'";
        let types: HashMap<SourceId, String> =
            query!(self.0, fetch_all as (SourceId, String), sql, owner)?.into_iter().collect();
        Ok(rows.into_iter().filter_map(|r| types.get(&r.source_id).cloned().map(|t| (r, t))).collect())
    }

    /// Public media of a category, newest first.
    pub async fn media_of_category(
        &self,
        category: CategoryId,
        before: Option<MediaId>,
        limit: i64,
    ) -> Result<Vec<MediaRow>> {
        let sql = media_columns!(concat!(
            "WHERE m.category_id = $1 AND ",
            shown!(),
            "AND m.id < $2 ORDER BY m.id DESC LIMIT $3"
        ));
        query!(self.0, fetch_all as MediaRow, sql, category, before.unwrap_or(MediaId::max()), limit)
    }

    /// Public media with a tag, newest first.
    pub async fn media_with_tag(&self, tag: &str, before: Option<MediaId>, limit: i64) -> Result<Vec<MediaRow>> {
        let sql = media_columns!(concat!(
            "JOIN media_tags t ON t.media_id = m.id WHERE t.tag = $1 AND ",
            shown!(),
            "AND t.media_id < $2 ORDER BY t.media_id DESC LIMIT $3"
        ));
        query!(self.0, fetch_all as MediaRow, sql, tag, before.unwrap_or(MediaId::max()), limit)
    }

    /// All categories by name; there are few.
    pub async fn categories(&self) -> Result<Vec<CategoryRow>> {
        query!(self.0, fetch_all as CategoryRow, categories!("ORDER BY k.name, k.id LIMIT 500"))
    }

    /// A category by its slug.
    pub async fn category(&self, slug: &str) -> Result<Option<CategoryRow>> {
        query!(self.0, fetch_optional as CategoryRow, categories!("WHERE k.slug = $1"), slug)
    }

    /// Makes a category, or names it anew.
    pub async fn put_category(&self, slug: &str, name: &str) -> Result<()> {
        let sql =
            "INSERT INTO categories (id, slug, name) VALUES ($1, $2, $3) ON CONFLICT (slug) DO UPDATE SET name = $3";
        execute!(self.0, sql, CategoryId::new(), slug, name)?;
        Ok(())
    }

    /// Removes a category; its media have none then. `false` when there is none.
    pub async fn delete_category(&self, slug: &str, now: Timestamp) -> Result<bool> {
        let mut tx = self.0.begin().await?;
        let sql = "DELETE FROM categories WHERE slug = $1 RETURNING id";
        let gone = query_tx!(&mut tx, fetch_optional as (CategoryId,), sql, slug)?;
        if let Some((id,)) = gone {
            tx.pictures().mark_deleting(PictureKind::Category, id.into(), now).await?;
        }
        tx.commit().await?;
        Ok(gone.is_some())
    }
}

impl CatalogueTx<'_> {
    /// Sets or clears a media's category.
    pub async fn set_category(&mut self, media: MediaId, category: Option<CategoryId>) -> Result<()> {
        execute_tx!(self.0, "UPDATE media SET category_id = $1 WHERE id = $2", category, media)?;
        Ok(())
    }

    /// Sets a media's tags.
    pub async fn set_tags(&mut self, media: MediaId, tags: &[String]) -> Result<()> {
        execute_tx!(self.0, "UPDATE media SET tags = $1 WHERE id = $2", tags.join(" "), media)?;
        execute_tx!(self.0, "DELETE FROM media_tags WHERE media_id = $1", media)?;
        for tag in tags {
            let sql = "INSERT INTO media_tags (media_id, tag) VALUES ($1, $2) ON CONFLICT DO NOTHING";
            execute_tx!(self.0, sql, media, tag)?;
        }
        Ok(())
    }
}
