//! PostgreSQL: `pg_dump` writes what one transaction sees (REPEATABLE READ), and `pg_restore` reads it in one transaction.
//!
//! Invariant: no password stands on a command line, where every user of the machine could read it; the programs have it in
//! their environment, as libpq wants it.

use super::{Description, SCHEMA, Written, check_schema};
use crate::{
    DbError, Result, Tx,
    open::{first_connection, place},
    reading,
};
use percent_encoding::percent_decode_str;
use sqlx::{
    Connection, PgPool, Transaction,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{io::ErrorKind, path::Path, process::Stdio, str::FromStr};
use tokio::process::Command;
use url::Url;

pub const KIND: &str = "postgres";
const FILE: &str = "database.dump";
/// Where the programs come from.
const PACKAGE: &str = "it comes with PostgreSQL's client programs (on Debian and Ubuntu the package postgresql-client)";

/// Settings of a URL, and how libpq calls them; those that are not here are for this program alone.
const SETTINGS: [(&str, &str); 12] = [
    ("host", "host"),
    ("hostaddr", "hostaddr"),
    ("port", "port"),
    ("dbname", "dbname"),
    ("user", "user"),
    ("sslmode", "sslmode"),
    ("ssl-mode", "sslmode"),
    ("sslrootcert", "sslrootcert"),
    ("ssl-root-cert", "sslrootcert"),
    ("ssl-ca", "sslrootcert"),
    ("options", "options"),
    ("application_name", "application_name"),
];
/// The same of certificates that a client shows.
const CERTIFICATES: [(&str, &str); 4] =
    [("sslcert", "sslcert"), ("ssl-cert", "sslcert"), ("sslkey", "sslkey"), ("ssl-key", "sslkey")];

pub async fn write(url: &str, folder: &Path) -> Result<Written> {
    let (pool, place, server) = connect(url).await?;
    let program = Program::find("pg_dump", &place, server).await?;
    let mut rows = reading(pool.clone()).await?;
    let exists = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
    let is_ours = sqlx::query_as::<_, (bool,)>(exists).fetch_one(&mut *rows).await?.0;
    let found = if is_ours { schema_of(&mut rows).await? } else { None };
    let schema = check_schema(&place, found)?;
    let (snapshot,): (String,) = sqlx::query_as("SELECT pg_export_snapshot()").fetch_one(&mut *rows).await?;
    let file = format!("--file={}", folder.join(FILE).display());
    let snapshot = format!("--snapshot={snapshot}");
    program.run(url, &["--format=custom", "--no-owner", "--no-privileges", &snapshot, &file], &[]).await?;
    let description = Description { kind: KIND, file: FILE, schema, program: Some(program.major) };
    Ok(Written { rows: Tx::Postgres(rows), description })
}

async fn schema_of(rows: &mut Transaction<'static, sqlx::Postgres>) -> Result<Option<i64>> {
    Ok(sqlx::query_as::<_, (Option<i64>,)>(SCHEMA).fetch_one(&mut **rows).await?.0)
}

/// In one transaction: a restore that is cut has done nothing.
pub async fn restore(url: &str, file: &Path, written_by: Option<u32>) -> Result<()> {
    let (pool, place, server) = connect(url).await?;
    let needed = server.max(written_by.unwrap_or(0));
    let program = Program::find("pg_restore", &place, needed).await?;
    let sql = "SELECT COUNT(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
               WHERE c.relkind IN ('r', 'p') AND n.nspname NOT IN ('pg_catalog', 'information_schema') \
               AND n.nspname NOT LIKE 'pg\\_%'";
    let (tables,): (i64,) = sqlx::query_as(sql).fetch_one(&pool).await?;
    pool.close().await;
    if tables > 0 {
        let what = "there are tables already: name an empty database in SLUICE_DATABASE_URL";
        return Err(DbError::Unusable(format!("{place}: {what}")));
    }
    let file = file.display().to_string();
    let how = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", "--no-comments"];
    program.run(url, &how, &[&file]).await
}

/// A connection, where it leads, and the server's major version.
async fn connect(url: &str) -> Result<(PgPool, String, u32)> {
    let options = PgConnectOptions::from_str(url)?;
    let place = place(&options);
    drop(first_connection(&options, &place).await?.close().await);
    let pool = PgPoolOptions::new().max_connections(2).connect_with(options).await?;
    let (number,): (String,) = sqlx::query_as("SHOW server_version_num").fetch_one(&pool).await?;
    // 150014 is 15.14.
    let major = number.parse::<u32>().unwrap_or(0) / 10_000;
    Ok((pool, place, major))
}

/// A client program that is there and new enough.
#[derive(Debug)]
struct Program {
    name: &'static str,
    major: u32,
}

impl Program {
    async fn find(name: &'static str, place: &str, needed: u32) -> Result<Self> {
        let unusable = |what: String| DbError::Unusable(format!("{place}: {what}"));
        let asked = Command::new(name).arg("--version").stdin(Stdio::null()).output().await;
        let said = match asked {
            Ok(output) => String::from_utf8_lossy(&output.stdout).into_owned(),
            Err(e) if e.kind() == ErrorKind::NotFound => {
                return Err(unusable(format!(
                    "{name} is needed and not installed: {PACKAGE}, version {needed} or newer"
                )));
            }
            Err(e) => return Err(unusable(format!("{name}: {e}"))),
        };
        match major(&said) {
            Some(major) if major >= needed => Ok(Self { name, major }),
            Some(major) => Err(unusable(format!("{name} has version {major}, needed is {needed} or newer: {PACKAGE}"))),
            None => Err(unusable(format!("{name} does not say which version it is: {:?}", said.trim()))),
        }
    }

    async fn run(&self, url: &str, options: &[&str], files: &[&str]) -> Result<()> {
        let (place, password) = without_password(url)?;
        let mut command = Command::new(self.name);
        command.args(options).arg(format!("--dbname={place}")).arg("--no-password").args(files);
        if let Some(password) = password {
            command.env("PGPASSWORD", password);
        }
        let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
        if output.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&output.stderr);
        let said: Vec<&str> = said.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
        Err(DbError::Unusable(format!("{} failed: {}", self.name, said.join("; "))))
    }
}

/// "pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)" is 15.
fn major(said: &str) -> Option<u32> {
    let version = said.split_once("(PostgreSQL) ")?.1;
    version.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

/// A URL that libpq reads, and the password that was in it.
fn without_password(url: &str) -> Result<(String, Option<String>)> {
    let unreadable = |e: &dyn std::fmt::Display| DbError::Unusable(format!("the URL of the database: {e}"));
    let mut url = Url::parse(url).map_err(|e| unreadable(&e))?;
    let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(|t| t.into_owned());
    let mut password = url.password().map(decoded).transpose().map_err(|e| unreadable(&e))?;
    if password.is_some() {
        url.set_password(None).map_err(|()| unreadable(&"it has no host"))?;
    }
    let mut kept = Vec::new();
    for (name, value) in url.query_pairs() {
        if name == "password" {
            password = Some(value.into_owned());
        } else if let Some((_, known)) = SETTINGS.iter().chain(&CERTIFICATES).find(|(ours, _)| *ours == name) {
            kept.push(((*known).to_owned(), value.into_owned()));
        }
    }
    url.set_query(None);
    // Not as a form is written: libpq takes a plus for a plus.
    let encoded: Vec<String> = kept
        .iter()
        .map(|(name, value)| {
            let value = percent_encoding::utf8_percent_encode(value, percent_encoding::NON_ALPHANUMERIC);
            format!("{name}={value}")
        })
        .collect();
    if !encoded.is_empty() {
        url.set_query(Some(&encoded.join("&")));
    }
    Ok((url.to_string(), password))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_password_goes_and_what_libpq_does_not_know() {
        let split = |url: &str| without_password(url).unwrap();
        let plain = "postgres://ada@db.example.org:5433/films";
        assert_eq!(split(plain), (plain.to_owned(), None));
        assert_eq!(
            split("postgres://ada:a%20b%2F@h/films"),
            ("postgres://ada@h/films".to_owned(), Some("a b/".to_owned()))
        );
        let (url, password) =
            split("postgres://ada@h/films?ssl-mode=require&statement-cache-capacity=5&password=a+b&options=-c%20x%3D1");
        assert_eq!(url, "postgres://ada@h/films?sslmode=require&options=%2Dc%20x%3D1");
        assert_eq!(password.as_deref(), Some("a b"));
    }

    #[test]
    fn versions_are_read() {
        assert_eq!(major("pg_dump (PostgreSQL) 15.14 (Debian 15.14-0+deb12u1)\n"), Some(15));
        assert_eq!(major("pg_restore (PostgreSQL) 18beta1\n"), Some(18));
        assert_eq!(major("something else"), None);
    }

    #[tokio::test]
    async fn a_program_that_is_missing_or_too_old_is_named() {
        let said = Program::find("pg_no_such_program", "here", 15).await.unwrap_err().to_string();
        assert!(said.contains("pg_no_such_program is needed and not installed") && said.contains("15"), "{said}");
        let said = Program::find("pg_dump", "here", 999).await.unwrap_err().to_string();
        assert!(said.contains("needed is 999 or newer"), "{said}");
    }
}
