//! The database as a file: written while it is used, and read into a database that is empty.
//!
//! Invariants: what is written is the database of one moment, and whoever wrote it gets the rows of that moment to read;
//! nothing is restored over anything; a restore that is cut leaves the database as empty as it was.

mod postgres;
mod sqlite;

use crate::{DbError, Result, Tx, open::MIGRATIONS};
use std::{fs::File, path::Path};

/// What was written.
#[derive(Debug)]
pub struct Written {
    /// Its rows, as they are in the file.
    pub rows: Tx,
    pub description: Description,
}

/// What is known of a database that was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Description {
    /// `sqlite` or `postgres`: one cannot be read into the other.
    pub kind: &'static str,
    /// Its name in the folder.
    pub file: &'static str,
    /// Version of the schema: the number of its last migration.
    pub schema: i64,
    /// Major version of the program that wrote it, where one did: an older one cannot read it.
    pub program: Option<u32>,
}

/// What a database at this URL is written as.
pub fn kind_of(url: &str) -> &'static str {
    if url.starts_with("sqlite:") { sqlite::KIND } else { postgres::KIND }
}

/// The version of the schema that this program works with.
pub fn schema_version() -> i64 {
    MIGRATIONS.iter().map(|m| m.version).max().unwrap_or(0)
}

/// Writes the database into a folder. Nobody who uses it waits for that, and nothing of it is changed.
///
/// # Errors
/// [`DbError::Unusable`] where it is not there, has the schema of another version, or a program that is needed is missing
/// or too old.
pub async fn write(url: &str, folder: &Path) -> Result<Written> {
    let written = if kind_of(url) == sqlite::KIND {
        sqlite::write(url, folder).await?
    } else {
        postgres::write(url, folder).await?
    };
    // Neither SQLite nor pg_dump waits for the disk.
    File::open(folder.join(written.description.file))?.sync_all()?;
    Ok(written)
}

/// Reads a file that [`write()`] wrote into the database of `url`, which must be empty. `program` as it was described.
///
/// # Errors
/// [`DbError::Unusable`] where it is not empty, or a program that is needed is missing or too old.
pub async fn restore(url: &str, file: &Path, program: Option<u32>) -> Result<()> {
    if kind_of(url) == sqlite::KIND { sqlite::restore(url, file) } else { postgres::restore(url, file, program).await }
}

/// Refuses the schema of another version: its rows may mean something else.
fn check_schema(place: &str, found: Option<i64>) -> Result<i64> {
    let ours = schema_version();
    match found {
        Some(schema) if schema == ours => Ok(schema),
        Some(schema) => Err(DbError::Unusable(format!(
            "{place}: its schema is {schema}, that of this version {ours}: back it up with the version that serves it"
        ))),
        None => Err(DbError::Unusable(format!("{place}: there is no database of this service"))),
    }
}

/// The last migration that a database has.
const SCHEMA: &str = "SELECT MAX(version) FROM _sqlx_migrations WHERE success";
