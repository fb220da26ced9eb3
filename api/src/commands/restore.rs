//! `sluice-api restore`: reads what `backup` wrote.
//!
//! Invariant: everything is looked at before anything is changed: the manifest, the files, whether the database is empty.

use super::backup::{FORMAT, FileEntry, MANIFEST, Manifest};
use anyhow::{Context, ensure};
use sluice_config::{Config, telemetry::say};
use sluice_db::{Db, backup as database};
use sluice_storage::Store;
use sluice_upkeep::Verified;
use std::{
    fs::{self, File},
    io::{BufReader, ErrorKind, Write, stdout},
    path::Path,
};

/// Whether the store has every object of the backup.
pub async fn run(config: &Config, folder: &Path, checksums: bool) -> anyhow::Result<bool> {
    let manifest = read(folder)?;
    check(&manifest, database::kind_of(&config.database_url))?;
    for file in [&manifest.database.file, &manifest.objects.file] {
        check_file(folder, file)?;
    }
    let store = Store::open(&config.store).await.context("store")?;
    store.ping().await.context("store")?;
    let file = folder.join(&manifest.database.file.name);
    database::restore(&config.database_url, &file, manifest.database.program).await.context("database")?;
    // Brings an older schema up to date, and shows that it can be opened.
    Db::open(&config.database_url).await.context("database")?.close().await;
    say(format!("the database of {} is restored", folder.display()));
    let list = BufReader::new(File::open(folder.join(&manifest.objects.file.name))?);
    let found = sluice_upkeep::verify(&store, list, checksums, |lost| writeln!(stdout(), "{lost}")).await?;
    let Verified { objects, bytes, lost } = found;
    say(format!("of {objects} objects with {bytes} bytes {lost} are lost"));
    if lost > 0 {
        say("copy them into the store, or have `sluice-api fsck --repair` see to their media");
    }
    Ok(lost == 0)
}

fn read(folder: &Path) -> anyhow::Result<Manifest> {
    let path = folder.join(MANIFEST);
    match fs::read(&path) {
        Ok(text) => serde_json::from_slice(&text).with_context(|| path.display().to_string()),
        Err(e) if e.kind() == ErrorKind::NotFound => {
            anyhow::bail!("{}: no backup, or one that was cut: it has no {MANIFEST}", folder.display())
        }
        Err(e) => Err(e).with_context(|| path.display().to_string()),
    }
}

/// Whether a backup fits this program and the database that is named.
fn check(manifest: &Manifest, kind: &str) -> anyhow::Result<()> {
    let Manifest { format, version, database, .. } = manifest;
    let newer = *format > FORMAT || database.schema > database::schema_version();
    ensure!(!newer, "the backup was written by version {version}, which is newer than this one: restore it with that");
    ensure!(
        database.kind == kind,
        "the backup is of a database of kind {}, and SLUICE_DATABASE_URL names one of kind {kind}",
        database.kind
    );
    Ok(())
}

fn check_file(folder: &Path, expected: &FileEntry) -> anyhow::Result<()> {
    // The name becomes a path.
    ensure!(!expected.name.contains('/'), "{}: a file of a backup lies in its folder", expected.name);
    let found = FileEntry::of(folder, &expected.name).with_context(|| expected.name.clone())?;
    ensure!(found == *expected, "{}: damaged: it is not as it was written", folder.join(&expected.name).display());
    Ok(())
}
