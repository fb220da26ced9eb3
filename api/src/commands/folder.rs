//! Folders that commands write: new, for this user alone, and named whole by the file that is written last.

use anyhow::bail;
use serde::Serialize;
use std::{
    fs::{self, File, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::Path,
};

/// Makes a folder, or takes an empty one.
pub fn prepare(folder: &Path) -> anyhow::Result<()> {
    let made = fs::DirBuilder::new().recursive(true).mode(0o700).create(folder);
    let mut entries =
        made.and_then(|()| fs::read_dir(folder)).map_err(|e| anyhow::anyhow!("{}: {e}", folder.display()))?;
    if entries.next().is_some() {
        bail!("{}: there is something in it already: name a new folder", folder.display());
    }
    Ok(())
}

/// A new file that nobody else may read.
pub fn private_file(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)
}

/// Writes the file that makes a folder whole: under another name first, and after all else is on the disk.
pub fn finish(folder: &Path, name: &str, content: &impl Serialize) -> anyhow::Result<()> {
    let draft = folder.join(format!("{name}.draft"));
    let mut file = private_file(&draft)?;
    serde_json::to_writer_pretty(&mut file, content)?;
    file.write_all(b"\n")?;
    file.sync_all()?;
    File::open(folder)?.sync_all()?;
    fs::rename(draft, folder.join(name))?;
    File::open(folder)?.sync_all()?;
    Ok(())
}
