//! What people own and see.

use super::{Db, Result, Tx, execute_tx, query, query_tx, rank};
use sluice_model::{
    Encryption, MediaEvent, MediaId, MediaKind, MediaStatus, PackageId, PackageStatus, PictureId, PublicationId,
    Reason, SourceId, SourceStatus, Timestamp, UserId, Visibility, clock,
};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::media`].
#[derive(Debug, Clone, Copy)]
pub struct Media<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::media`].
#[derive(Debug)]
pub struct MediaTx<'a>(pub(crate) &'a mut Tx);

/// A media joined with what its package says of it.
#[derive(Debug, Clone, FromRow)]
pub struct MediaRow {
    pub id: MediaId,
    pub owner_id: UserId,
    pub owner_name: String,
    pub source_id: SourceId,
    pub package_id: PackageId,
    pub title: String,
    pub description: String,
    #[sqlx(try_from = "String")]
    pub visibility: Visibility,
    pub filename: String,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    /// Bytes that are there; while they arrive, fewer than `total_bytes`.
    pub size_bytes: i64,
    pub total_bytes: Option<i64>,
    #[sqlx(try_from = "String")]
    pub source_status: SourceStatus,
    pub sha256: Option<Vec<u8>>,
    #[sqlx(try_from = "String")]
    pub status: PackageStatus,
    pub kind: Option<String>,
    pub duration_ms: Option<i64>,
    pub width: Option<i64>,
    pub height: Option<i64>,
    pub playable: bool,
    #[sqlx(try_from = "String")]
    pub encryption: Encryption,
    pub error_code: Option<String>,
    pub error_message: Option<String>,
    /// What of the source is not part of the package: a JSON array of reasons.
    pub warnings: Option<String>,
    /// What the file says of itself: JSON.
    pub file_tags: Option<String>,
    /// Segments that are published, by their pixels, over those that are planned.
    pub published: i64,
    pub planned: i64,
    /// Joined by blanks.
    pub tags: String,
    /// Slug of its category.
    pub category: Option<String>,
    pub like_count: i64,
    pub view_count: i64,
    pub comment_count: i64,
    /// Out of sight by moderation: it, or its owner.
    pub hidden: bool,
    /// Its place in the order of recency and engagement.
    pub rank: i64,
    /// UUIDv7 of when it became public for the first time: its place in the order of feeds.
    pub published_id: Option<PublicationId>,
    /// The poster that its owner has chosen.
    pub own_poster: Option<PictureId>,
    /// File name of the one that was chosen from the film.
    pub poster: Option<String>,
    /// Whether there are pictures for the seek bar.
    pub has_storyboard: bool,
    /// Whether there are pictures of the animated preview.
    pub has_preview: bool,
    /// Whether the shape of its sound is known.
    pub has_waveform: bool,
    /// Sites that may show its player, joined by blanks; every site where there is none.
    pub embed_origins: String,
    /// Whether it was cut from another media, and so has no original of its own.
    pub is_clip: bool,
}

/// When a media became public.
pub(super) fn made_at(id: PublicationId) -> Timestamp {
    id.uuid().get_timestamp().map_or(Timestamp::EPOCH, |t| {
        let (seconds, nanos) = t.to_unix();
        Timestamp::from_micros(seconds as i64 * 1_000_000 + i64::from(nanos / 1000))
    })
}

impl MediaRow {
    /// When it became public for the first time.
    pub fn published_at(&self) -> Option<Timestamp> {
        self.published_id.map(made_at)
    }

    /// Why it failed.
    pub fn reason(&self) -> Option<Reason> {
        self.error_code.clone().zip(self.error_message.clone()).map(|(code, message)| Reason { code, message })
    }

    /// The kind, once planned.
    pub fn kind(&self) -> Option<MediaKind> {
        self.kind.as_deref().and_then(|k| k.parse().ok())
    }
}

/// What an upload stores.
#[derive(Debug)]
pub struct NewMedia<'a> {
    pub id: MediaId,
    pub owner_id: UserId,
    pub source_id: SourceId,
    pub package_id: PackageId,
    pub title: &'a str,
    pub description: &'a str,
    pub visibility: Visibility,
    pub filename: &'a str,
    pub now: Timestamp,
}

/// What of a media is to be changed; `None` stays.
#[derive(Debug, Default)]
pub struct MediaChange<'a> {
    pub title: Option<&'a str>,
    pub description: Option<&'a str>,
    pub visibility: Option<Visibility>,
    /// Joined by blanks.
    pub embed_origins: Option<&'a str>,
}

/// A keyset page request: newest first, strictly older than `before`.
#[derive(Debug, Clone, Copy)]
pub struct MediaPage<'a> {
    pub owner: UserId,
    /// Those that stand so only.
    pub status: Option<MediaStatus>,
    /// Those that have all these words only, as search knows them.
    pub words: &'a [String],
    pub before: Option<MediaId>,
    pub limit: i64,
    /// Uploads that expired before are left out.
    pub now: Timestamp,
}

macro_rules! media_columns {
    ($tail:expr) => {
        concat!(
            "SELECT m.id, m.owner_id, u.username AS owner_name, m.source_id, m.package_id, m.title, m.description, ",
            "m.visibility, m.filename, m.created_us, s.size_bytes, s.total_bytes, s.status AS source_status, s.sha256, p.status, p.kind, p.duration_ms, p.width, p.height, ",
            "p.playable, p.encryption, p.error_code, p.error_message, p.warnings, p.tags AS file_tags, ",
            "(SELECT CAST(COALESCE(SUM(r.contiguous * COALESCE(r.width * r.height, 10000)), 0) AS BIGINT) ",
            "FROM renditions r WHERE r.package_id = p.id) AS published, ",
            "(SELECT CAST(COALESCE(SUM(r.planned * COALESCE(r.width * r.height, 10000)), 0) AS BIGINT) ",
            "FROM renditions r WHERE r.package_id = p.id) AS planned, ",
            "m.tags, (SELECT k.slug FROM categories k WHERE k.id = m.category_id) AS category, ",
            "m.like_count, m.view_count, m.comment_count, m.rank, m.published_id, m.embed_origins, ",
            "(SELECT c.id FROM pictures c WHERE c.owner_id = m.id AND c.kind = 'poster' AND c.doomed_us IS NULL) AS own_poster, ",
            "(SELECT i.object FROM images i WHERE i.package_id = p.id AND i.kind = 'poster') AS poster, ",
            "EXISTS (SELECT 1 FROM images i WHERE i.package_id = p.id AND i.kind = 'sheet') AS has_storyboard, ",
            "EXISTS (SELECT 1 FROM images i WHERE i.package_id = p.id AND i.kind = 'preview') AS has_preview, ",
            "EXISTS (SELECT 1 FROM renditions r JOIN segments g ON g.package_id = r.package_id AND g.rendition = r.name AND g.sequence = 0 ",
            "WHERE r.package_id = p.id AND r.kind = 'audio' AND g.peaks IS NOT NULL) AS has_waveform, ",
            "p.clip_package_id IS NOT NULL AS is_clip, ",
            "(m.hidden_us IS NOT NULL OR u.banned_us IS NOT NULL) AS hidden ",
            "FROM media m JOIN users u ON u.id = m.owner_id JOIN sources s ON s.id = m.source_id ",
            "JOIN packages p ON p.id = m.package_id ",
            $tail
        )
    };
}

pub(super) use media_columns;

/// A page of an owner's media; `$has_words` is the condition for those that have all words of a query.
macro_rules! own_page {
    ($has_words:literal) => {
        media_columns!(concat!(
            "WHERE m.owner_id = $1 AND m.id < $2 AND NOT EXISTS (SELECT 1 FROM uploads x WHERE x.media_id = m.id \
             AND x.expires_us < $4 AND x.completed_us IS NULL AND (x.length_bytes IS NULL OR x.offset_bytes < x.length_bytes)) \
             AND ($5 = '' OR $5 = CASE WHEN p.status = 'ready' THEN 'ready' WHEN p.status IN ('failed', 'deleting') THEN 'failed' \
             WHEN p.playable THEN 'playable' WHEN s.status = 'receiving' THEN 'uploading' ELSE 'processing' END) \
             AND ($6 IS NULL OR ",
            $has_words,
            ") ORDER BY m.id DESC LIMIT $3"
        ))
    };
}

impl Media<'_> {
    /// A media by id.
    pub async fn find(&self, id: MediaId) -> Result<Option<MediaRow>> {
        query!(self.0, fetch_optional as MediaRow, media_columns!("WHERE m.id = $1"), id)
    }

    /// Those of these media that there are, in no particular order.
    pub async fn find_many(&self, ids: &[MediaId]) -> Result<Vec<MediaRow>> {
        match self.0 {
            Db::Sqlite(p) => {
                let list: Vec<String> = ids.iter().map(|i| format!("\"{}\"", i.uuid().simple())).collect();
                let sql = media_columns!("WHERE m.id IN (SELECT unhex(value) FROM json_each($1))");
                Ok(sqlx::query_as(sql).bind(format!("[{}]", list.join(","))).fetch_all(&p.readers).await?)
            }
            Db::Postgres(p) => {
                let sql = media_columns!("WHERE m.id = ANY($1)");
                Ok(sqlx::query_as(sql)
                    .bind(ids.iter().map(|i| i.uuid()).collect::<Vec<_>>())
                    .fetch_all(p.up()?)
                    .await?)
            }
        }
    }

    /// How far a package is that is or was this media's; `None` of any other.
    pub async fn package_status(&self, media: MediaId, package: PackageId) -> Result<Option<PackageStatus>> {
        let sql = "SELECT p.status FROM media_packages h JOIN packages p ON p.id = h.package_id \
                   WHERE h.media_id = $1 AND h.package_id = $2 AND p.status <> 'deleting'";
        let found = query!(self.0, fetch_optional as (String,), sql, media, package)?;
        Ok(found.and_then(|r| r.0.parse().ok()))
    }

    /// One page of an owner's media. UUIDv7 ids order by creation. An upload that has expired is none, whether or not a
    /// sweep has been there.
    pub async fn of_owner(&self, page: MediaPage<'_>) -> Result<Vec<MediaRow>> {
        let before = page.before.unwrap_or(MediaId::max());
        let status = page.status.map_or("", MediaStatus::as_str);
        let words = if page.words.is_empty() { None } else { Some(self.0.search().query_of(page.words)) };
        match self.0 {
            Db::Sqlite(p) => {
                let sql = own_page!(
                    "m.id IN (SELECT r.media_id FROM search_index x JOIN search_rows r ON r.number = x.rowid \
                     WHERE x.search_index MATCH $6)"
                );
                let query = sqlx::query_as(sql).bind(page.owner).bind(before).bind(page.limit).bind(page.now);
                Ok(query.bind(status).bind(words).fetch_all(&p.readers).await?)
            }
            Db::Postgres(p) => {
                let sql = own_page!(
                    "EXISTS (SELECT 1 FROM search_index x WHERE x.media_id = m.id AND x.document @@ $6::tsquery)"
                );
                let query = sqlx::query_as(sql).bind(page.owner).bind(before).bind(page.limit).bind(page.now);
                Ok(query.bind(status).bind(words).fetch_all(p.up()?).await?)
            }
        }
    }

    /// Deletes a media. Work that nobody else wants ends; its source and package go with a later sweep when nothing
    /// else refers to them. `false` when there was none.
    pub async fn delete(&self, id: MediaId, now: Timestamp) -> Result<bool> {
        let mut tx = self.0.begin().await?;
        let packages = tx.work().lock_media(id, now).await?;
        // Its upload next, as requests lock them.
        execute_tx!(&mut tx, "UPDATE uploads SET part = part WHERE media_id = $1", id)?;
        // The source is touched so that its bytes stay for the whole GC window.
        let touch =
            "UPDATE sources SET touched_us = $1 WHERE id = (SELECT source_id FROM media WHERE id = $2) RETURNING id";
        let Some((source,)) = query_tx!(&mut tx, fetch_optional as (SourceId,), touch, now, id)? else {
            return Ok(false);
        };
        tx.added_tracks().touch_sources(id, now).await?;
        tx.webhooks().notify_owner(id, MediaEvent::Deleted, now).await?;
        tx.webhooks().purge_caches(id, now).await?;
        let gone = execute_tx!(&mut tx, "DELETE FROM media WHERE id = $1", id)? == 1;
        tx.pictures().mark_posters_deleting(&[(id,)], now).await?;
        // Bytes that are still arriving have no other media.
        tx.uploads().mark_source_deleting(source, now).await?;
        tx.work().release(&packages, now).await?;
        tx.commit().await?;
        Ok(gone)
    }
}

/// What a media is called, and its file.
#[derive(Debug, Clone, FromRow)]
pub struct NamedMedia {
    pub id: MediaId,
    pub title: String,
    pub filename: String,
}

impl MediaTx<'_> {
    /// What the media of a package are called.
    pub async fn names_of(&mut self, package: PackageId) -> Result<Vec<NamedMedia>> {
        let sql = "SELECT id, title, filename FROM media WHERE package_id = $1 ORDER BY id";
        query_tx!(self.0, fetch_all as NamedMedia, sql, package)
    }

    /// The package a media points to.
    pub async fn package_of(&mut self, media: MediaId) -> Result<Option<PackageId>> {
        let sql = "SELECT package_id FROM media WHERE id = $1";
        Ok(query_tx!(self.0, fetch_optional as (PackageId,), sql, media)?.map(|r| r.0))
    }

    /// Changes a media.
    pub async fn change(&mut self, id: MediaId, change: &MediaChange<'_>) -> Result<()> {
        if change.visibility == Some(Visibility::Private) {
            self.0.webhooks().purge_caches(id, clock::now()).await?;
        }
        let sql = "UPDATE media SET title = COALESCE($1, title), description = COALESCE($2, description), \
                   visibility = COALESCE($3, visibility), published_id = COALESCE(published_id, $4), \
                   embed_origins = COALESCE($5, embed_origins) WHERE id = $6";
        let visibility = change.visibility.map(Visibility::as_str);
        let published = (change.visibility == Some(Visibility::Public)).then(PublicationId::new);
        execute_tx!(self.0, sql, change.title, change.description, visibility, published, change.embed_origins, id)?;
        self.0.engagement().update_rank(id).await?;
        self.0.search().index_media(id).await
    }

    /// Stores a media.
    pub async fn insert(&mut self, m: &NewMedia<'_>) -> Result<()> {
        let sql = "INSERT INTO media (id, owner_id, source_id, package_id, title, description, visibility, filename, created_us, rank, published_id) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
        execute_tx!(
            self.0,
            sql,
            m.id,
            m.owner_id,
            m.source_id,
            m.package_id,
            m.title,
            m.description,
            m.visibility.as_str(),
            m.filename,
            m.now,
            rank(m.now, 0, 0, 0),
            (m.visibility == Visibility::Public).then_some(m.id)
        )?;
        execute_tx!(self.0, "INSERT INTO media_packages (media_id, package_id) VALUES ($1, $2)", m.id, m.package_id)?;
        self.0.search().index_media(m.id).await
    }

    /// Removes the media of a source that is gone.
    pub(crate) async fn purge_of(&mut self, source: SourceId) -> Result<()> {
        let gone = "DELETE FROM media WHERE source_id = $1 RETURNING id";
        let media = query_tx!(self.0, fetch_all as (MediaId,), gone, source)?;
        self.0.pictures().mark_posters_deleting(&media, Timestamp::EPOCH).await
    }
}
