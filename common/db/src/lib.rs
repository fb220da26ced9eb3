//! The database: one SQL text over SQLite and PostgreSQL.
//!
//! Invariants: all SQL of the project is in this folder; a transaction on SQLite begins with
//! BEGIN IMMEDIATE, because upgrading a read transaction fails at once under contention
//! whatever the busy time-out; the few places where the databases differ stand side by side.

pub mod access;
pub mod added_tracks;
pub mod audit;
pub mod backup;
pub mod captions;
pub mod catalogue;
pub mod chapters;
mod claims;
pub mod clips;
pub mod comments;
mod domains;
pub mod engagement;
pub mod images;
mod leaving_out;
pub mod limits;
pub mod media;
pub mod mending;
pub mod moderation;
pub mod news;
pub mod objects;
mod open;
pub mod operations;
pub mod packages;
pub mod people;
pub mod pictures;
pub mod playlists;
pub mod posts;
pub mod projects;
mod published_objects;
pub mod quality;
pub mod reencodes;
mod renditions;
pub mod replacements;
pub mod roles;
pub mod rounds;
pub mod search;
pub mod sessions;
pub mod sources;
pub mod tasks;
pub mod tokens;
pub mod tracks;
pub mod uploads;
pub mod usage;
pub mod users;
mod watch;
pub mod webhooks;
pub mod words;
pub mod work;

pub use access::{GrantRow, PlaybackTokenRow};
pub use added_tracks::{AddedTrackRow, NewAddedTrack};
pub use audit::{AuditPage, AuditRow};
pub use captions::{CaptionsRow, NewCaptions, NewText};
pub use catalogue::{CategoryRow, RankCursor};
pub use chapters::ChapterRow;
pub use claims::{ClaimLimits, ClaimedTask, MAX_ATTEMPTS, OPENING_CHUNK};
pub use clips::ClipOrigin;
pub use comments::{CommentPage, CommentRow, NewComment};
pub use engagement::{HistoryPage, HistoryRow, rank};
pub use images::ImageRow;
pub use media::{MediaChange, MediaPage, MediaRow, NamedMedia, NewMedia};
pub use moderation::{ActionRow, ReportRow};
pub use news::NewsListener;
pub use objects::{ExtentObjectRow, PackageObjectRow};
pub use operations::{NewWorker, QueueCountRow, QueuePage, QueuedTaskRow, StoredRow, WorkerRow};
pub use packages::{PackageRow, PlannedPackage, SegmentRow};
pub use people::{CreatorRow, OwnProfileRow, ProfileChange, SubscriptionRow};
pub use pictures::{ChosenMoment, NewPicture, PictureRow};
pub use playlists::{ItemRow, POSITION_STEP, PlaylistChange, PlaylistRow};
pub use posts::{PostChange, PostRow, PublishedCursor};
pub use projects::{ProjectChange, ProjectRow};
pub use quality::{PlaybackSessionRow, QualityDayRow};
pub use reencodes::{FilmsRow, ReencodeChoice, ReencodeRow, ReplacementRow};
pub use renditions::{NewRendition, RenditionRow, default_sound, sounds};
pub use replacements::{Begun, Replacement};
pub use roles::CreatorRequestRow;
pub use rounds::SourceSpan;
pub use search::Nearness;
pub use sessions::{RefreshRow, SessionRow, SessionUse};
pub use sources::{ExtentRow, SourceRow};
use tasks::Tasks;
pub use tasks::{NewTask, TaskCount, TaskRow};
pub use tokens::{ApiTokenRow, MailPurpose, NewApiToken};
pub use tracks::{TrackRow, overlaid};
pub use uploads::{NewUpload, UploadRow};
pub use usage::{EncodeOwner, UsageRow};
pub use users::{NewUser, UserFilter, UserRow};
pub use webhooks::{DeliveryRow, DueDelivery, Tried, WebhookChange, WebhookRow};

pub use open::{Sqlite, sqlite_pool};
pub use watch::Postgres;

use sluice_model::Timestamp;
use sqlx::{PgPool, SqlitePool, Transaction};
use std::{fs::File, path::Path, time::Duration};
use tokio::time::timeout;

/// How long the last statements of a process may take.
const CLOSING: Duration = Duration::from_secs(3);

/// A failed database call.
#[derive(Debug, thiserror::Error)]
pub enum DbError {
    /// A unique constraint said no.
    #[error("already exists")]
    Duplicate,
    /// It refers to what is no more: something was deleted meanwhile.
    #[error("refers to what is gone")]
    Missing,
    /// The task's claim was taken away: the caller must stop and change nothing more.
    #[error("the claim on the task was lost")]
    Fenced,
    /// Its disk has no room left.
    #[error("the database's disk is full")]
    Full,
    /// Anything else; worth a retry.
    #[error("database: {}", said(.0))]
    Unavailable(#[source] sqlx::Error),
    /// It cannot be opened, or its server does not answer: which, and what is wrong.
    #[error("{0}")]
    Unusable(String),
    /// A migration did not apply.
    #[error("migration: {0}")]
    Migration(#[from] sqlx::migrate::MigrateError),
    /// The database file or its folder could not be prepared.
    #[error("database file: {0}")]
    File(#[from] std::io::Error),
}

/// SQLITE_FULL, and PostgreSQL's `disk_full`.
const FULL: [&str; 2] = ["13", "53100"];

/// What went wrong, for an operator.
fn said(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::PoolTimedOut => "no connection was free in time: it does not answer, or is overloaded".to_owned(),
        other => other.to_string(),
    }
}

impl From<sqlx::Error> for DbError {
    fn from(e: sqlx::Error) -> Self {
        if e.as_database_error().is_some_and(sqlx::error::DatabaseError::is_unique_violation) {
            Self::Duplicate
        } else if e.as_database_error().is_some_and(sqlx::error::DatabaseError::is_foreign_key_violation) {
            Self::Missing
        } else if e.as_database_error().and_then(|d| d.code()).is_some_and(|c| FULL.contains(&&*c)) {
            Self::Full
        } else {
            Self::Unavailable(e)
        }
    }
}

/// Shorthand of this folder.
pub type Result<T, E = DbError> = std::result::Result<T, E>;

/// Connections to one of the two databases.
#[derive(Debug, Clone)]
pub enum Db {
    /// The embedded default.
    Sqlite(Sqlite),
    /// Several machines.
    Postgres(Postgres),
}

/// A transaction; dropped without `commit` it rolls back.
#[derive(Debug)]
pub enum Tx {
    /// On SQLite, holding the write lock.
    Sqlite(Transaction<'static, sqlx::Sqlite>),
    /// On PostgreSQL, READ COMMITTED, but for [`Db::snapshot`].
    Postgres(Transaction<'static, sqlx::Postgres>),
}

/// Runs a query that changes nothing, one text with one list of binds on whichever database it is.
/// `query!(db, fetch_all as Row, "SELECT ...", bind, ...)`.
macro_rules! query {
    ($db:expr, $method:ident as $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $db {
            $crate::Db::Sqlite(p) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.$method(&p.readers).await,
            $crate::Db::Postgres(p) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.$method(p.up()?).await,
        }.map_err($crate::DbError::from)
    };
}

/// Runs a statement that changes rows and returns them. Once it has answered, the change is committed: all rows are
/// fetched, because SQLite commits after the last one, and an error of that commit is unseen by who stops before it.
macro_rules! returning {
    ($db:expr, $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $db {
            $crate::Db::Sqlite(p) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_all(&p.writer).await,
            $crate::Db::Postgres(p) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.fetch_all(p.up()?).await,
        }.map_err($crate::DbError::from)
    };
}

/// The same inside a transaction.
macro_rules! query_tx {
    ($tx:expr, $method:ident as $row:ty, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $tx {
            $crate::Tx::Sqlite(t) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.$method(&mut **t).await,
            $crate::Tx::Postgres(t) => sqlx::query_as::<_, $row>($sql)$(.bind($bind))*.$method(&mut **t).await,
        }.map_err($crate::DbError::from)
    };
}

/// Runs a statement; the number of changed rows.
macro_rules! execute {
    ($db:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $db {
            $crate::Db::Sqlite(p) => sqlx::query($sql)$(.bind($bind))*.execute(&p.writer).await.map(|r| r.rows_affected()),
            $crate::Db::Postgres(p) => sqlx::query($sql)$(.bind($bind))*.execute(p.up()?).await.map(|r| r.rows_affected()),
        }.map_err($crate::DbError::from)
    };
}

/// The same inside a transaction.
macro_rules! execute_tx {
    ($tx:expr, $sql:expr $(, $bind:expr)* $(,)?) => {
        match $tx {
            $crate::Tx::Sqlite(t) => sqlx::query($sql)$(.bind($bind))*.execute(&mut **t).await.map(|r| r.rows_affected()),
            $crate::Tx::Postgres(t) => sqlx::query($sql)$(.bind($bind))*.execute(&mut **t).await.map(|r| r.rows_affected()),
        }.map_err($crate::DbError::from)
    };
}

use {execute, execute_tx, query, query_tx, returning};

impl Db {
    /// Begins a transaction. Who stops waiting for it leaves none behind: a connection to PostgreSQL whose `BEGIN` is
    /// given up midway would go back to the pool within a transaction of which its next user knows nothing, and what
    /// that one writes would be lost with the connection. So a task of its own waits for it, and ends it.
    pub async fn begin(&self) -> Result<Tx> {
        let _measured = sluice_metrics::database("begin");
        Ok(match self {
            Self::Sqlite(p) => Tx::Sqlite(p.writer.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres(p) => {
                let pool = p.up()?.clone();
                let begun = tokio::spawn(async move { pool.begin().await });
                Tx::Postgres(begun.await.map_err(|_| sqlx::Error::WorkerCrashed)??)
            }
        })
    }

    /// Begins a transaction that changes nothing and sees the database as it is at one moment.
    pub async fn snapshot(&self) -> Result<Tx> {
        Ok(match self {
            Self::Sqlite(p) => Tx::Sqlite(p.readers.begin().await?),
            Self::Postgres(p) => Tx::Postgres(reading(p.up()?.clone()).await?),
        })
    }

    /// The database's own clock, so that all processes agree on it.
    pub async fn now(&self) -> Result<Timestamp> {
        match self {
            // The file is on this machine: so is its clock.
            Self::Sqlite(_) => Ok(sluice_model::clock::now()),
            Self::Postgres(p) => {
                let sql = "SELECT (EXTRACT(EPOCH FROM clock_timestamp()) * 1000000)::BIGINT";
                Ok(sqlx::query_as::<_, (Timestamp,)>(sql).fetch_one(p.up()?).await?.0)
            }
        }
    }

    /// Whether the database answers.
    pub async fn ping(&self) -> Result<()> {
        let sql = "SELECT 1";
        match self {
            Self::Sqlite(p) => sqlx::query(sql).execute(&p.pulse).await.map(|_| ()),
            Self::Postgres(p) => sqlx::query(sql).execute(p.up()?).await.map(|_| ()),
        }
        .map_err(DbError::from)
    }

    /// Closes all connections, letting running statements end. A database that does not answer holds nobody up: what a
    /// process that ends had under way is undone by it, or is found by others.
    pub async fn close(&self) {
        let closed = async {
            match self {
                Self::Sqlite(p) => {
                    p.pulse.close().await;
                    p.readers.close().await;
                    p.writer.close().await;
                }
                Self::Postgres(p) => p.pool().close().await,
            }
        };
        if timeout(CLOSING, closed).await.is_err() {
            tracing::warn!("statements that the database does not end were left to it");
        }
    }
}

/// A transaction of PostgreSQL that sees one moment. Waited for by a task of its own, as in [`Db::begin`].
async fn reading(pool: PgPool) -> Result<Transaction<'static, sqlx::Postgres>> {
    let begun = tokio::spawn(async move { pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await });
    Ok(begun.await.map_err(|_| sqlx::Error::WorkerCrashed)??)
}

impl Tx {
    /// Makes it so.
    pub async fn commit(self) -> Result<()> {
        let _measured = sluice_metrics::database("commit");
        match self {
            Self::Sqlite(t) => t.commit().await?,
            Self::Postgres(t) => t.commit().await?,
        }
        Ok(())
    }
}

/// A log filter that leaves out what is news to nobody, unless it asks for it: PostgreSQL notes at every start that the tables
/// of search and queue exist.
pub fn quieted(filter: &str) -> String {
    if filter.contains("sqlx") { filter.to_owned() } else { format!("{filter},sqlx::postgres::notice=warn") }
}

/// An exclusive lock on `FILE.lock`, held until the handle is dropped.
pub fn lock_beside(file: &Path) -> std::io::Result<File> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let lock = File::create(file.with_extension("lock"))?;
    lock.lock()?;
    Ok(lock)
}

/// Removes delivered wake-ups; the file holds nothing else.
pub async fn purge_wakes_sqlite(pool: &SqlitePool) -> Result<()> {
    sqlx::query("DELETE FROM Jobs WHERE status IN ('Done', 'Killed')").execute(pool).await?;
    Ok(())
}

/// Removes delivered wake-ups in apalis' own schema.
pub async fn purge_wakes_postgres(pool: &PgPool, queue: &str) -> Result<()> {
    let sql = "DELETE FROM apalis.jobs WHERE job_type = $1 AND status IN ('Done', 'Killed')";
    sqlx::query(sql).bind(queue).execute(pool).await?;
    Ok(())
}
