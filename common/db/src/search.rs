//! Full-text search: FTS5 on SQLite, tsvector on PostgreSQL. What is stored and asked are words that
//! [`crate::words`] made, so both find the same; the order is ours, so both show the same.
//!
//! The index is made beside the migrations, because the two databases have nothing in common here.

use super::{Db, MediaRow, RankCursor, Result, Tx, catalogue::shown, media::media_columns};
use crate::words;
use sluice_model::{MediaId, UserId};
use sqlx::{Connection, Executor, PgPool, SqlitePool};

/// Reads and single statements of this domain, from [`Db::search`].
#[derive(Debug, Clone, Copy)]
pub struct Search<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::search`].
#[derive(Debug)]
pub struct SearchTx<'a>(pub(crate) &'a mut Tx);

/// Rows that are indexed at once when an older database is opened.
const BATCH: i64 = 200;

const SQLITE: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS search_rows (number INTEGER PRIMARY KEY, media_id BLOB NOT NULL UNIQUE)",
    // `near` are title, tags and creator, `far` are description and captions.
    "CREATE VIRTUAL TABLE IF NOT EXISTS search_index USING fts5(near, far, tokenize = 'unicode61')",
    "CREATE TRIGGER IF NOT EXISTS search_gone AFTER DELETE ON media BEGIN \
       DELETE FROM search_index WHERE rowid = (SELECT number FROM search_rows WHERE media_id = OLD.id); \
       DELETE FROM search_rows WHERE media_id = OLD.id; END",
];

const POSTGRES: &[&str] = &[
    "CREATE TABLE IF NOT EXISTS search_index (media_id UUID PRIMARY KEY REFERENCES media (id) ON DELETE CASCADE, \
       document tsvector NOT NULL)",
    "CREATE INDEX IF NOT EXISTS search_index_document ON search_index USING gin (document)",
];

/// Where a result stands: title, tags or creator have all words, or only together with the description.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nearness {
    Near,
    Far,
}

/// Makes what search needs. Safe to repeat.
pub(super) async fn prepare_sqlite(pool: &SqlitePool) -> Result<()> {
    for sql in SQLITE {
        pool.execute(*sql).await?;
    }
    Ok(())
}

/// The same, and names in the order of their bytes, as SQLite has them: ranges of prefixes rely on it.
pub(super) async fn prepare_postgres(pool: &PgPool) -> Result<()> {
    let mut connection = pool.acquire().await?;
    let mut tx = connection.begin().await?;
    // Two starts at once.
    tx.execute("SELECT pg_advisory_xact_lock(7103403)").await?;
    for sql in POSTGRES {
        tx.execute(*sql).await?;
    }
    let sql = "SELECT COALESCE(MAX(collation_name), '') FROM information_schema.columns \
               WHERE table_schema = current_schema() AND table_name = 'users' AND column_name = 'username_key'";
    let (collation,): (String,) = sqlx::query_as(sql).fetch_one(&mut *tx).await?;
    if collation != "C" {
        tx.execute("ALTER TABLE users ALTER COLUMN username_key TYPE TEXT COLLATE \"C\"").await?;
    }
    Ok(tx.commit().await?)
}

/// A query for FTS5: every word as a prefix.
fn fts5(words: &[String], nearness: Nearness) -> String {
    let all = words.iter().map(|w| format!("\"{w}\"*")).collect::<Vec<_>>().join(" ");
    match nearness {
        Nearness::Near => format!("near : ({all})"),
        Nearness::Far => all,
    }
}

/// The same for PostgreSQL.
fn tsquery(words: &[String], nearness: Nearness) -> String {
    let mark = if nearness == Nearness::Near { ":*A" } else { ":*" };
    words.iter().map(|w| format!("'{w}'{mark}")).collect::<Vec<_>>().join(" & ")
}

/// Media that SQLite has no index of. The plus takes the declared type from the column: without it the two are compared as numbers,
/// for which the index of `search_rows` is of no use, and each start would look at every pair.
const SQLITE_MISSING: &str =
    "SELECT id FROM media WHERE NOT EXISTS (SELECT 1 FROM search_rows r WHERE r.media_id = +media.id) LIMIT $1";

impl Search<'_> {
    /// Public media that have all words, each as the beginning of one; by rank, strictly after `before`.
    pub async fn find(
        &self,
        words: &[String],
        nearness: Nearness,
        before: Option<RankCursor>,
        limit: i64,
    ) -> Result<Vec<MediaRow>> {
        let (rank, id) = before.unwrap_or((i64::MAX, MediaId::max()));
        let far = nearness == Nearness::Far;
        match self.0 {
            Db::Sqlite(p) => {
                let sql = media_columns!(concat!(
                    "WHERE m.id IN (SELECT r.media_id FROM search_index x JOIN search_rows r ON r.number = x.rowid \
                       WHERE x.search_index MATCH $1) AND NOT ($2 AND m.id IN (SELECT r.media_id FROM search_index x \
                       JOIN search_rows r ON r.number = x.rowid WHERE x.search_index MATCH $3)) AND ",
                    shown!(),
                    "AND (m.rank, m.id) < ($4, $5) ORDER BY m.rank DESC, m.id DESC LIMIT $6"
                ));
                let query = sqlx::query_as(sql).bind(fts5(words, nearness)).bind(far);
                Ok(query
                    .bind(fts5(words, Nearness::Near))
                    .bind(rank)
                    .bind(id)
                    .bind(limit)
                    .fetch_all(&p.readers)
                    .await?)
            }
            Db::Postgres(p) => {
                let sql = media_columns!(concat!(
                    // An array is found first, by the index of words, whatever the planner thinks of the order.
                    "WHERE m.id = ANY(ARRAY(SELECT x.media_id FROM search_index x WHERE x.document @@ $1::tsquery \
                       AND NOT ($2 AND x.document @@ $3::tsquery))) AND ",
                    shown!(),
                    "AND (m.rank, m.id) < ($4, $5) ORDER BY m.rank DESC, m.id DESC LIMIT $6"
                ));
                let query = sqlx::query_as(sql).bind(tsquery(words, nearness)).bind(far);
                Ok(query
                    .bind(tsquery(words, Nearness::Near))
                    .bind(rank)
                    .bind(id)
                    .bind(limit)
                    .fetch_all(p.up()?)
                    .await?)
            }
        }
    }

    /// What this database's index is asked for media that have all these words, wherever they stand.
    pub(super) fn query_of(&self, words: &[String]) -> String {
        match self.0 {
            Db::Sqlite(_) => fts5(words, Nearness::Far),
            Db::Postgres(_) => tsquery(words, Nearness::Far),
        }
    }

    /// Indexes what an older version stored.
    pub(super) async fn index_missing(&self) -> Result<()> {
        loop {
            let ids: Vec<(MediaId,)> = match self.0 {
                Db::Sqlite(p) => sqlx::query_as(SQLITE_MISSING).bind(BATCH).fetch_all(&p.readers).await?,
                Db::Postgres(p) => {
                    let sql = "SELECT id FROM media WHERE NOT EXISTS (SELECT 1 FROM search_index x WHERE x.media_id = media.id) LIMIT $1";
                    sqlx::query_as(sql).bind(BATCH).fetch_all(p.up()?).await?
                }
            };
            if ids.is_empty() {
                return Ok(());
            }
            let mut tx = self.0.begin().await?;
            for (id,) in ids {
                tx.search().index_media(id).await?;
            }
            tx.commit().await?;
        }
    }
}

impl SearchTx<'_> {
    /// Brings the index of a media up to date with its row and its owner's names.
    pub async fn index_media(&mut self, media: MediaId) -> Result<()> {
        // Locked, so that what is read is not older than what somebody else is indexing.
        super::execute_tx!(self.0, "UPDATE media SET rank = rank WHERE id = $1", media)?;
        let sql = "SELECT m.title, m.tags, u.username, u.display_name, m.description FROM media m JOIN users u ON u.id = m.owner_id \
                   WHERE m.id = $1";
        type Texts = (String, String, String, String, String);
        let found: Option<Texts> = super::query_tx!(self.0, fetch_optional as Texts, sql, media)?;
        let Some((title, tags, username, display_name, description)) = found else { return Ok(()) };
        let near = words::normal(&format!("{title} {tags} {username} {display_name}"));
        let far = format!("{} {}", words::normal(&description), self.0.captions().said_in(media).await?);
        match self.0 {
            Tx::Sqlite(t) => {
                let number = "INSERT INTO search_rows (media_id) VALUES ($1) ON CONFLICT (media_id) DO UPDATE SET media_id = $1 \
                              RETURNING number";
                let (number,): (i64,) = sqlx::query_as(number).bind(media).fetch_one(&mut **t).await?;
                sqlx::query("DELETE FROM search_index WHERE rowid = $1").bind(number).execute(&mut **t).await?;
                let sql = "INSERT INTO search_index (rowid, near, far) VALUES ($1, $2, $3)";
                sqlx::query(sql).bind(number).bind(near).bind(far).execute(&mut **t).await?;
            }
            Tx::Postgres(t) => {
                let sql = "INSERT INTO search_index (media_id, document) \
                           VALUES ($1, setweight(to_tsvector('simple', $2), 'A') || setweight(to_tsvector('simple', $3), 'D')) \
                           ON CONFLICT (media_id) DO UPDATE SET document = EXCLUDED.document";
                sqlx::query(sql).bind(media).bind(near).bind(far).execute(&mut **t).await?;
            }
        }
        Ok(())
    }

    /// The same for all media of a person whose name has changed.
    pub async fn index_media_of(&mut self, owner: UserId) -> Result<()> {
        let ids = super::query_tx!(self.0, fetch_all as (MediaId,), "SELECT id FROM media WHERE owner_id = $1", owner)?;
        for (id,) in ids {
            self.index_media(id).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a start costs grows with the media, not with their square.
    #[tokio::test]
    async fn media_without_an_index_are_found_by_an_index() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("a.db").display());
        let db = Db::open(&url).await.unwrap();
        let Db::Sqlite(p) = &db else { panic!("{url}") };
        type Step = (i64, i64, i64, String);
        let plan: Vec<Step> = sqlx::query_as(sqlx::AssertSqlSafe(format!("EXPLAIN QUERY PLAN {SQLITE_MISSING}")))
            .bind(BATCH)
            .fetch_all(&p.readers)
            .await
            .unwrap();
        let steps: Vec<&str> = plan.iter().map(|s| s.3.as_str()).collect();
        assert!(
            steps.iter().any(|s| s.starts_with("SEARCH r ")) && !steps.iter().any(|s| s.starts_with("SCAN r")),
            "{steps:?}"
        );
    }
}
