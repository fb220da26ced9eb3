//! `sluice-api check`: whether what the service needs is there, before it serves. It does what a start does (the schema
//! of the database is brought up to date), writes one small object, takes it away again, and sends nothing.

use crate::state::mail::Mailer;
use bytes::Bytes;
use sluice_config::{Config, StoreUrl, keep_private, signing_secrets};
use sluice_db::Db;
use sluice_model::clock;
use sluice_storage::{Key, Space, Store};
use std::{fmt, time::Duration};

/// Clocks that differ by more than this spoil what ends at some instant: tokens, links, leases.
const CLOCKS_DIFFER: Duration = Duration::from_secs(5);

/// What became of one check.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    Good(String),
    /// The service runs, and people will miss something.
    Odd(String),
    /// The service cannot run.
    Bad(String),
}

/// Every check with its outcome, as a table.
#[derive(Debug)]
pub struct Findings(Vec<(&'static str, Outcome)>);

impl Findings {
    /// Whether the service can run.
    pub fn good(&self) -> bool {
        !self.0.iter().any(|f| matches!(f.1, Outcome::Bad(_)))
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (what, outcome) in &self.0 {
            let (word, said) = match outcome {
                Outcome::Good(said) => ("ok", said),
                Outcome::Odd(said) => ("note", said),
                Outcome::Bad(said) => ("FAILED", said),
            };
            writeln!(f, "{word:<7} {what:<15} {said}")?;
        }
        Ok(())
    }
}

/// A step that is needed: its error is for people, and no secret is in it.
fn needed<E: fmt::Display>(result: Result<String, E>) -> Outcome {
    match result {
        Ok(said) => Outcome::Good(said),
        Err(error) => Outcome::Bad(error.to_string()),
    }
}

/// Tries everything, one after the other. The settings have been read, so they are good.
pub async fn run(config: &Config) -> Findings {
    let mut found = vec![("settings", Outcome::Good("every one fits".to_owned()))];
    found.push(("data directory", needed(keep_private(config).map(|()| config.data_dir.display().to_string()))));
    found.push(("signing secret", needed(signing_secrets(config).map(|_| "there, and long enough".to_owned()))));
    found.push(("free space", space(config)));
    let db = match Db::open(&config.database_url).await {
        Ok(db) => {
            let which = if matches!(db, Db::Sqlite(_)) { "SQLite" } else { "PostgreSQL" };
            found.push(("database", Outcome::Good(format!("{which}, its schema is up to date"))));
            Some(db)
        }
        Err(error) => {
            found.push(("database", Outcome::Bad(error.to_string())));
            None
        }
    };
    if let Some(db) = db {
        found.push(("clock", clocks(&db).await));
        db.close().await;
    }
    found.push(("object store", store(config).await));
    found.push(("e-mail", mail(config).await));
    found.push(("links", links(config)));
    Findings(found)
}

fn space(config: &Config) -> Outcome {
    match Space::of(config).shortage() {
        None => Outcome::Good("enough".to_owned()),
        Some(shortage) => Outcome::Bad(shortage.to_string()),
    }
}

/// This machine's clock beside the database's, by which all instances go.
async fn clocks(db: &Db) -> Outcome {
    match db.now().await {
        Err(error) => Outcome::Bad(error.to_string()),
        Ok(theirs) => {
            let ours = clock::now();
            let apart = ours.duration_since(theirs).max(theirs.duration_since(ours));
            if apart > CLOCKS_DIFFER {
                Outcome::Bad(format!("is {:.0} s from that of the database: let both follow NTP", apart.as_secs_f64()))
            } else {
                Outcome::Good("as that of the database".to_owned())
            }
        }
    }
}

/// Writes, reads and deletes an object.
async fn store(config: &Config) -> Outcome {
    let tried = async {
        let store = Store::open(&config.store).await?;
        let (key, data) = (Key::Probe, Bytes::from_static(b"probe"));
        store.put(&key, data.clone()).await?;
        let read = store.read(&key, 0..data.len() as u64).await?;
        store.delete(&key).await?;
        Ok::<bool, sluice_storage::StoreError>(read == data)
    };
    let what = match &config.store {
        StoreUrl::Local(_) => "local directory",
        StoreUrl::S3(_) => "S3",
        StoreUrl::Moving(_) => "store that moves",
    };
    match tried.await {
        Ok(true) => Outcome::Good(format!("{what}: an object was written, read and deleted")),
        Ok(false) => Outcome::Bad(format!("{what}: other bytes came back than were written")),
        Err(error) => Outcome::Bad(format!("{what}: {error}")),
    }
}

async fn mail(config: &Config) -> Outcome {
    let mailer = match Mailer::new(config) {
        Ok(mailer) => mailer,
        Err(error) => return Outcome::Bad(format!("{error:#}")),
    };
    match mailer.reaches_server().await {
        None => Outcome::Odd("files in the data directory: SLUICE_SMTP_URL names no server".to_owned()),
        Some(Ok(())) => Outcome::Good("the SMTP server answers".to_owned()),
        Some(Err(error)) => Outcome::Bad(error),
    }
}

fn links(config: &Config) -> Outcome {
    match &config.http.public_url {
        Some(url) => Outcome::Good(format!("begin with {url}")),
        None => Outcome::Odd("e-mails have codes in place of links: SLUICE_PUBLIC_URL is not set".to_owned()),
    }
}
