//! The objects that belong to a backup of the database, one a line, and whether a store has them.

use crate::{Count, Fault, Finding, Groups, Result, objects_of};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sluice_db::Tx;
use sluice_storage::{Key, Prefix, Store};
use std::{
    collections::HashMap,
    io::{self, BufRead, Write},
};

/// An object that a row of the backup names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ManifestLine {
    pub key: String,
    pub bytes: u64,
    /// In hexadecimal digits, where it is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

/// What came of looking for the objects of a backup.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Verified {
    pub objects: u64,
    pub bytes: u64,
    /// Those that are not there, or not as they were.
    pub lost: u64,
}

/// Writes down every object that rows name, folder by folder; how many there are.
pub async fn write(tx: &mut Tx, out: &mut impl Write) -> Result<Count> {
    let (mut groups, mut count) = (Groups::default(), Count::default());
    loop {
        let page = groups.next(tx).await?;
        if page.is_empty() {
            return Ok(count);
        }
        for folder in page {
            for object in objects_of(tx, folder).await? {
                let line = ManifestLine {
                    key: object.key.to_string(),
                    bytes: object.size_bytes,
                    sha256: object.sha256.map(hex::encode),
                };
                serde_json::to_writer(&mut *out, &line).map_err(io::Error::from)?;
                out.write_all(b"\n")?;
                count.objects += 1;
                count.bytes += object.size_bytes;
            }
        }
    }
}

/// Looks for every object of a manifest; `tell` is told of each that is not there or has another length, and with
/// `checksums` of each that has other bytes, which reads all that have one.
///
/// # Errors
/// Where the store does not answer, or the list cannot be read.
pub async fn verify(
    store: &Store,
    lines: impl BufRead,
    checksums: bool,
    mut tell: impl FnMut(&Finding) -> io::Result<()>,
) -> Result<Verified> {
    let mut verified = Verified::default();
    // Lines of a folder follow each other: it is listed once.
    let (mut folder, mut there): (Option<Prefix>, HashMap<Key, u64>) = (None, HashMap::new());
    for line in lines.lines() {
        let line: ManifestLine = serde_json::from_str(&line?).map_err(io::Error::from)?;
        let key = Key::parse(&line.key).ok_or_else(|| io::Error::other(format!("{} is no object's name", line.key)))?;
        if let Some(next) = key.prefix().filter(|next| Some(*next) != folder) {
            there = store.list_objects(&next).await?.into_iter().map(|o| (o.key, o.size_bytes)).collect();
            folder = Some(next);
        }
        verified.objects += 1;
        verified.bytes += line.bytes;
        let found = there.get(&key).copied();
        let fault = match found {
            None => Some(Fault::Missing),
            Some(bytes) if bytes != line.bytes => Some(Fault::WrongLength),
            Some(_) if checksums && !has_checksum(store, &key, &line).await? => Some(Fault::WrongBytes),
            Some(_) => None,
        };
        if let Some(fault) = fault {
            verified.lost += 1;
            tell(&Finding::new(fault, &key, Some(line.bytes), found))?;
        }
    }
    Ok(verified)
}

/// Whether an object has the checksum that is recorded, if one is. Only what encoders made has one, which is small.
async fn has_checksum(store: &Store, key: &Key, line: &ManifestLine) -> Result<bool> {
    let Some(expected) = &line.sha256 else { return Ok(true) };
    let data = store.read(key, 0..line.bytes).await?;
    Ok(hex::encode(Sha256::digest(&data)) == *expected)
}
