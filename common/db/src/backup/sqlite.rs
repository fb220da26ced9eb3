//! SQLite: `VACUUM INTO` writes a whole file from a read transaction, beside which others write on (WAL).

use super::{Description, SCHEMA, Written, check_schema};
use crate::{DbError, Result, Tx, lock_beside, open::check_header};
use sqlx::{
    ConnectOptions, Connection,
    sqlite::{SqliteConnectOptions, SqlitePoolOptions},
};
use std::{
    fs::{self, File},
    io,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
    str::FromStr,
};

pub const KIND: &str = "sqlite";
const FILE: &str = "database.sqlite";

fn file_of(url: &str) -> Result<PathBuf> {
    Ok(SqliteConnectOptions::from_str(url)?.get_filename().to_owned())
}

pub async fn write(url: &str, folder: &Path) -> Result<Written> {
    let (from, to) = (file_of(url)?, folder.join(FILE));
    let place = from.display().to_string();
    check_header(&from).map_err(|e| DbError::Unusable(format!("{place}: {e}")))?;
    if !from.exists() {
        check_schema(&place, None)?;
    }
    let mut connection = SqliteConnectOptions::from_str(url)?.create_if_missing(false).connect().await?;
    let name = to.to_str().ok_or_else(|| DbError::Unusable(format!("{}: not UTF-8", to.display())))?;
    sqlx::query("VACUUM INTO $1").bind(name).execute(&mut connection).await?;
    connection.close().await?;
    fs::set_permissions(&to, fs::Permissions::from_mode(0o600))?;
    let copy = SqliteConnectOptions::new().filename(&to).read_only(true);
    let pool = SqlitePoolOptions::new().max_connections(1).connect_with(copy).await?;
    let mut rows = pool.begin().await?;
    let schema = sqlx::query_as::<_, (Option<i64>,)>(SCHEMA).fetch_one(&mut *rows).await?.0;
    let schema = check_schema(&place, schema)?;
    Ok(Written { rows: Tx::Sqlite(rows), description: Description { kind: KIND, file: FILE, schema, program: None } })
}

/// Copies the file beside the place where it is to be, and links it there: it is whole or not there at all.
pub fn restore(url: &str, file: &Path) -> Result<()> {
    let to = file_of(url)?;
    let refused = |what: &str| DbError::Unusable(format!("{}: {what}", to.display()));
    // Whoever starts the service meanwhile waits, and finds a database.
    let _lock = lock_beside(&to).map_err(|e| refused(&e.to_string()))?;
    let beside = |ending: &str| PathBuf::from(format!("{}{ending}", to.display()));
    let taken = [to.clone(), beside("-wal"), beside("-shm"), beside("-journal")];
    if taken.iter().any(|f| fs::metadata(f).is_ok_and(|m| m.len() > 0)) {
        return Err(refused(
            "there is a database already: move its files away, or name another one in SLUICE_DATABASE_URL",
        ));
    }
    for left in &taken {
        remove(left)?;
    }
    let draft = beside(".restoring");
    remove(&draft)?;
    let mut written = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    io::copy(&mut File::open(file)?, &mut written)?;
    written.sync_all()?;
    fs::hard_link(&draft, &to)?;
    fs::remove_file(&draft)?;
    if let Some(folder) = to.parent() {
        File::open(folder)?.sync_all()?;
    }
    Ok(())
}

fn remove(file: &Path) -> io::Result<()> {
    match fs::remove_file(file) {
        Err(e) if e.kind() != io::ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}
