//! `sluice-api backup`: the database of one moment in a file, and the list of the objects that its rows name.
//!
//! Invariant: a folder without its manifest is no backup. It is written last and given its name by a rename, after all else
//! is on the disk; so a backup that was cut is never taken for a whole one.

use super::folder;
use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sluice_config::{Config, telemetry::say};
use sluice_db::backup::{self as database, Written};
use sluice_model::{Timestamp, clock};
use std::{
    fs::File,
    io::{self, BufWriter, Read},
    path::Path,
};

/// Makes a folder a backup.
pub const MANIFEST: &str = "manifest.json";
/// The objects that the rows name, one a line.
const OBJECTS: &str = "objects.jsonl";
/// Of the manifest; another number is another form.
pub const FORMAT: u32 = 1;

/// What a backup is.
#[derive(Debug, Serialize, Deserialize)]
pub struct Manifest {
    pub format: u32,
    /// The version that wrote it.
    pub version: String,
    /// When it was complete.
    pub made_at: Timestamp,
    pub database: DatabaseEntry,
    pub objects: ObjectsEntry,
}

/// The database of a backup.
#[derive(Debug, Serialize, Deserialize)]
pub struct DatabaseEntry {
    pub kind: String,
    pub schema: i64,
    /// Major version of the program that is needed to read it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub program: Option<u32>,
    pub file: FileEntry,
}

/// The list of objects.
#[derive(Debug, Serialize, Deserialize)]
pub struct ObjectsEntry {
    pub objects: u64,
    pub bytes: u64,
    pub file: FileEntry,
}

/// A file of a backup.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileEntry {
    pub name: String,
    pub bytes: u64,
    pub sha256: String,
}

impl FileEntry {
    /// A file as it is now.
    pub fn of(folder: &Path, name: &str) -> io::Result<Self> {
        let (mut file, mut hash, mut bytes) = (File::open(folder.join(name))?, Sha256::new(), 0);
        let mut buffer = vec![0; 1 << 20];
        loop {
            let read = file.read(&mut buffer)?;
            if read == 0 {
                break;
            }
            hash.update(&buffer[..read]);
            bytes += read as u64;
        }
        Ok(Self { name: name.to_owned(), bytes, sha256: hex::encode(hash.finalize()) })
    }
}

pub async fn run(config: &Config, path: &Path) -> anyhow::Result<()> {
    // Password hashes and keys will be in it.
    folder::prepare(path)?;
    let Written { mut rows, description } = database::write(&config.database_url, path).await.context("database")?;
    let mut list = BufWriter::new(folder::private_file(&path.join(OBJECTS))?);
    let count = sluice_upkeep::write(&mut rows, &mut list).await?;
    drop(rows);
    list.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
    let manifest = Manifest {
        format: FORMAT,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        made_at: clock::now(),
        database: DatabaseEntry {
            kind: description.kind.to_owned(),
            schema: description.schema,
            program: description.program,
            file: FileEntry::of(path, description.file)?,
        },
        objects: ObjectsEntry { objects: count.objects, bytes: count.bytes, file: FileEntry::of(path, OBJECTS)? },
    };
    folder::finish(path, MANIFEST, &manifest)?;
    say(format!(
        "{}: a database of {} bytes, whose rows name {} objects with {} bytes; the store is not copied",
        path.display(),
        manifest.database.file.bytes,
        count.objects,
        count.bytes
    ));
    Ok(())
}
