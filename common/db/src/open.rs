//! Opening the database: what is wrong with it is said at once, in words, and before anything is changed.
//!
//! SQLite: many connections that only read and one that writes, so that nobody who reads waits for who writes. The log
//! of changes (WAL) lets them go on together; a reader that tried to write would be refused by SQLite itself.

use crate::{Db, DbError, Result, lock_beside, search, watch::Postgres};
use sqlx::{
    ConnectOptions, Connection, PgConnection, SqliteConnection, SqlitePool,
    migrate::Migrator,
    postgres::{PgConnectOptions, PgPoolOptions},
    sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous},
};
use std::{
    fs::File,
    io::Read,
    path::Path,
    pin::pin,
    str::FromStr,
    time::{Duration, Instant},
};
use tokio::time::timeout;

/// The schema, step by step.
pub(crate) static MIGRATIONS: Migrator = sqlx::migrate!("../../migrations");

/// Connections of a process that read from SQLite.
const READERS: u32 = 8;
/// How long one who writes waits for another process, and in the queue of its own.
const WRITE_WAIT: Duration = Duration::from_secs(10);
/// Connections of a process to PostgreSQL.
const POSTGRES_CONNECTIONS: u32 = 16;
/// How long a request waits for one of them.
pub(crate) const POSTGRES_WAIT: Duration = Duration::from_secs(5);
/// A server that does not answer at start is named after this.
const FIRST_ANSWER: Duration = Duration::from_secs(1);
/// And given up after so long more.
const LAST_ANSWER: Duration = Duration::from_secs(4);
/// How long a file of SQLite is looked over at start: a large one in part.
const LOOK: Duration = Duration::from_secs(2);
/// In the header of our files (`PRAGMA application_id`): "SLUC".
const APPLICATION_ID: i64 = 0x534c_5543;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The connections to a file of SQLite.
#[derive(Debug, Clone)]
pub struct Sqlite {
    /// For everything that changes nothing.
    pub(crate) readers: SqlitePool,
    /// A connection that only says whether the file answers, which it does however many read.
    pub(crate) pulse: SqlitePool,
    /// A single connection: SQLite has one writer at a time, and a queue is fairer than its busy handler.
    pub(crate) writer: SqlitePool,
}

impl Db {
    /// Opens the database and brings its schema up to date. Two processes may do so at once:
    /// PostgreSQL takes an advisory lock, SQLite a lock file beside the database.
    ///
    /// # Errors
    /// [`DbError::Unusable`] when it does not answer, is damaged, or is somebody else's: at once, and after five seconds
    /// of silence.
    pub async fn open(url: &str) -> Result<Self> {
        let db = if url.starts_with("sqlite:") {
            open_sqlite(SqliteConnectOptions::from_str(url)?).await?
        } else {
            open_postgres(PgConnectOptions::from_str(url)?).await?
        };
        Ok(db)
    }
}

async fn open_sqlite(options: SqliteConnectOptions) -> Result<Db> {
    let file = options.get_filename().to_owned();
    let unusable = |what: &str| DbError::Unusable(format!("{}: {what}", file.display()));
    check_header(&file).map_err(|e| unusable(&e))?;
    let lock = lock_beside(&file).map_err(|e| unusable(&e.to_string()))?;
    let options = options
        .create_if_missing(true)
        // Acknowledged uploads must survive a power cut, so every commit is synced.
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(WRITE_WAIT);
    let mut first = options.connect().await.map_err(|e| unusable(&damaged(&e)))?;
    let marked = look_over(&mut first).await.map_err(|e| unusable(&e))?;
    drop(first.close().await);
    let writing = options.clone().journal_mode(SqliteJournalMode::Wal);
    let pool = sqlite_pool().acquire_timeout(WRITE_WAIT);
    let writer = pool.clone().max_connections(1).connect_with(writing).await?;
    MIGRATIONS.run(&writer).await?;
    if !marked {
        // The number in decimals: a pragma takes no bound parameter.
        sqlx::query("PRAGMA application_id = 1397511491").execute(&writer).await?;
    }
    search::prepare_sqlite(&writer).await?;
    let reading = options.pragma("query_only", "ON");
    let pulse = pool.clone().max_connections(1).connect_with(reading.clone()).await?;
    let readers = pool.max_connections(READERS).connect_with(reading).await?;
    let db = Db::Sqlite(Sqlite { readers, pulse, writer });
    db.search().index_missing().await?;
    drop(lock);
    Ok(db)
}

/// A pool of connections to a file of SQLite that takes none back which is in a transaction.
pub fn sqlite_pool() -> SqlitePoolOptions {
    SqlitePoolOptions::new().after_release(|connection, _| Box::pin(is_at_rest(connection)))
}

/// Whether a connection that is given back is in no transaction; if it is, it is closed. SQLite ends a transaction by itself
/// where it cannot go on (SQLITE_FULL, SQLITE_IOERR, SQLITE_NOMEM), the rollback fails that comes after it, and sqlx believes
/// in the transaction ever after: nothing more could be begun on this connection, though the disk has room again.
async fn is_at_rest(connection: &mut SqliteConnection) -> sqlx::Result<bool> {
    if connection.is_in_transaction() {
        // The rollback of what was dropped is under way: answers come in the order of what was asked.
        connection.ping().await?;
    }
    Ok(!connection.is_in_transaction())
}

/// Whether a file is SQLite's at all, before SQLite makes anything beside it.
pub(crate) fn check_header(file: &Path) -> Result<(), String> {
    let mut head = Vec::new();
    match File::open(file) {
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(()),
        opened => opened.and_then(|f| f.take(16).read_to_end(&mut head)).map_err(|e| e.to_string())?,
    };
    if head.is_empty() || head == MAGIC {
        return Ok(());
    }
    Err("is no SQLite database: move it away, or name another file in SLUICE_DATABASE_URL".to_owned())
}

fn damaged(e: &dyn std::fmt::Display) -> String {
    format!("the database cannot be read or is damaged ({e}): restore it from a backup")
}

/// Whether it is marked as this program's. It is whole as far as can be seen in two seconds.
async fn look_over(db: &mut SqliteConnection) -> Result<bool, String> {
    let (id,): (i64,) = sqlx::query_as("PRAGMA application_id").fetch_one(&mut *db).await.map_err(|e| damaged(&e))?;
    let tables: Vec<(String,)> =
        sqlx::query_as("SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")
            .fetch_all(&mut *db)
            .await
            .map_err(|e| damaged(&e))?;
    // Versions before this check left no number.
    let ours = id == APPLICATION_ID || (id == 0 && tables.iter().any(|t| t.0 == "_sqlx_migrations"));
    if !ours && (id != 0 || !tables.is_empty()) {
        return Err("is the database of another program: name another file in SLUICE_DATABASE_URL".to_owned());
    }
    let end = Instant::now() + LOOK;
    db.lock_handle().await.map_err(|e| damaged(&e))?.set_progress_handler(10_000, move || Instant::now() < end);
    let found: Result<Vec<(String,)>, _> = sqlx::query_as("PRAGMA quick_check(1)").fetch_all(&mut *db).await;
    match found {
        Ok(lines) => match lines.iter().find(|l| l.0 != "ok") {
            Some(line) => Err(damaged(&line.0.replace('\n', " "))),
            None => Ok(id == APPLICATION_ID),
        },
        // There was more to look at than there was time.
        Err(_) if Instant::now() >= end => Ok(id == APPLICATION_ID),
        Err(e) => Err(damaged(&e)),
    }
}

async fn open_postgres(options: PgConnectOptions) -> Result<Db> {
    let place = place(&options);
    drop(first_connection(&options, &place).await?.close().await);
    let pool = PgPoolOptions::new()
        .max_connections(POSTGRES_CONNECTIONS)
        .acquire_timeout(POSTGRES_WAIT)
        .connect_with(options.clone())
        .await?;
    MIGRATIONS.run(&pool).await?;
    search::prepare_postgres(&pool).await?;
    let db = Db::Postgres(Postgres::watched(pool, options, place));
    db.search().index_missing().await?;
    Ok(db)
}

pub(crate) async fn first_connection(options: &PgConnectOptions, place: &str) -> Result<PgConnection> {
    let unusable = |what: &str| DbError::Unusable(format!("{place}: {what}"));
    let mut connect = pin!(PgConnection::connect_with(options));
    let mut answer = timeout(FIRST_ANSWER, &mut connect).await;
    if answer.is_err() {
        tracing::warn!(database = place, "no answer within a second");
        answer = timeout(LAST_ANSWER, connect).await;
    }
    answer.map_err(|_| unusable("no answer within five seconds"))?.map_err(|e| unusable(&e.to_string()))
}

/// Where a server is, without its password.
pub(crate) fn place(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    match options.get_socket() {
        Some(socket) => format!("PostgreSQL at {}, database {database:?}", socket.display()),
        None => format!("PostgreSQL at {}:{}, database {database:?}", options.get_host(), options.get_port()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn refusal(url: &str) -> String {
        let began = Instant::now();
        let error = Db::open(url).await.expect_err(url).to_string();
        assert!(began.elapsed() < Duration::from_secs(7), "{:?}: {error}", began.elapsed());
        error
    }

    #[tokio::test]
    async fn a_server_that_does_not_answer_is_named_at_once() {
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let silent = free.local_addr().unwrap().port();
        let said = refusal(&format!("postgres://u:hush@127.0.0.1:{silent}/films")).await;
        assert!(said.contains(&format!("127.0.0.1:{silent}, database \"films\": no answer")), "{said}");
        drop(free);
        let said = refusal(&format!("postgres://u:hush@127.0.0.1:{silent}/films")).await;
        assert!(said.contains("refused") && !said.contains("hush"), "{said}");
    }

    #[tokio::test]
    async fn a_file_of_somebody_else_or_damaged_is_refused_and_left_as_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let (file, url) = (dir.path().join("a.db"), format!("sqlite://{}", dir.path().join("a.db").display()));
        std::fs::write(&file, "my notes, no database at all").unwrap();
        let said = refusal(&url).await;
        assert!(said.contains("a.db: is no SQLite database"), "{said}");
        assert_eq!(std::fs::read(&file).unwrap(), b"my notes, no database at all");
        std::fs::remove_file(&file).unwrap();

        let mut other = SqliteConnectOptions::from_str(&url).unwrap().create_if_missing(true).connect().await.unwrap();
        sqlx::query("CREATE TABLE notes (text TEXT)").execute(&mut other).await.unwrap();
        other.close().await.unwrap();
        let said = refusal(&url).await;
        assert!(said.contains("another program"), "{said}");
        std::fs::remove_file(&file).unwrap();

        Db::open(&url).await.unwrap().close().await;
        Db::open(&url).await.unwrap().close().await;
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[4096..middle].fill(0xa5);
        std::fs::write(&file, &bytes).unwrap();
        let said = refusal(&url).await;
        assert!(said.contains("damaged"), "{said}");
        std::fs::write(&file, &bytes[..700]).unwrap();
        assert!(refusal(&url).await.contains("damaged"));
    }

    #[tokio::test]
    async fn who_reads_does_not_wait_for_who_writes_and_cannot_write() {
        let dir = tempfile::tempdir().unwrap();
        let url = format!("sqlite://{}", dir.path().join("a.db").display());
        let db = Db::open(&url).await.unwrap();
        let mut other = SqliteConnectOptions::from_str(&url).unwrap().connect().await.unwrap();
        sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
        let write = tokio::spawn({
            let db = db.clone();
            async move { db.limits_for_test().await }
        });
        let began = Instant::now();
        for _ in 0..20 {
            db.ping().await.unwrap();
            db.tasks().running().await.unwrap();
        }
        assert!(began.elapsed() < Duration::from_secs(1), "{:?}", began.elapsed());
        sqlx::query("COMMIT").execute(&mut other).await.unwrap();
        write.await.unwrap();
        let Db::Sqlite(pools) = &db else { panic!("not SQLite") };
        let refused = sqlx::query("DELETE FROM tasks").execute(&pools.readers).await.unwrap_err().to_string();
        assert!(refused.contains("readonly"), "{refused}");
    }

    /// As on a disk that was full for a moment.
    #[tokio::test]
    async fn a_transaction_that_sqlite_ends_by_itself_is_the_last_of_its_connection_only() {
        let dir = tempfile::tempdir().unwrap();
        let db = Db::open(&format!("sqlite://{}", dir.path().join("a.db").display())).await.unwrap();
        let Db::Sqlite(pools) = &db else { panic!("not SQLite") };
        for _ in 0..3 {
            let crate::Tx::Sqlite(mut tx) = db.begin().await.unwrap() else { panic!("not SQLite") };
            let sql = "INSERT OR ROLLBACK INTO rounds (name, next_us) VALUES ('twice', 1), ('twice', 1)";
            sqlx::query(sql).execute(&mut *tx).await.unwrap_err();
            drop(tx);
            db.begin().await.unwrap().commit().await.unwrap();
            let mut given_up = pools.readers.begin().await.unwrap();
            sqlx::query("ROLLBACK").execute(&mut *given_up).await.unwrap();
            drop(given_up);
            drop(db.snapshot().await.unwrap());
        }
    }

    impl Db {
        async fn limits_for_test(&self) {
            assert!(self.rate_limits().take("x", 1, 1, sluice_model::Timestamp::from_micros(1)).await.unwrap().1);
        }
    }
}
