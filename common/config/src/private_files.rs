//! The files of a service are its own: whatever the umask it was started with, and whatever an older version left.
//!
//! New directories get mode 0700 and new files 0600 by the umask. Of what exists, the directories at the top are closed,
//! behind which nobody else reaches the rest, and the files beside the database.

use crate::Config;
use nix::sys::stat::{Mode, umask};
use std::{
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

/// Mode of directories.
const FOLDER: u32 = 0o700;
/// Mode of files.
const FILE: u32 = 0o600;

/// Sets the umask of this process, and closes what exists to others. What does not exist is made by whoever needs it: a
/// service that has its database and its store elsewhere may run where nothing can be written.
///
/// # Errors
/// A folder or a file cannot be looked at.
pub fn keep_private(config: &Config) -> io::Result<()> {
    umask(Mode::from_bits_truncate(0o077));
    close(&config.data_dir, FOLDER)?;
    for root in config.store.folders() {
        close(root, FOLDER)?;
    }
    let beside: Vec<PathBuf> = match fs::read_dir(&config.data_dir) {
        Ok(entries) => entries.flatten().map(|e| e.path()).filter(|p| p.is_file()).collect(),
        Err(e) if e.kind() == io::ErrorKind::NotFound => Vec::new(),
        Err(e) => return Err(e),
    };
    for file in beside.into_iter().chain(of_database(&config.database_url)) {
        close(&file, FILE)?;
    }
    Ok(())
}

/// Files of SQLite that lie elsewhere: the database, its log and index, the wake-ups beside it.
fn of_database(url: &str) -> Vec<PathBuf> {
    let Some(rest) = url.strip_prefix("sqlite:") else { return Vec::new() };
    let file = Path::new(rest.trim_start_matches("//").split('?').next().unwrap_or_default());
    let wake = file.with_extension("wake.db");
    let all = [file, &wake].map(|f| ["", "-wal", "-shm"].map(|end| PathBuf::from(format!("{}{end}", f.display()))));
    all.into_iter().flatten().filter(|f| f.is_file()).collect()
}

fn close(path: &Path, mode: u32) -> io::Result<()> {
    let now = match fs::metadata(path) {
        Ok(data) => data.permissions().mode() & 0o777,
        // Not made yet; or replaced meanwhile, by a process with the same umask.
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(e) => return Err(e),
    };
    // Closed further by hand, it stays so.
    if now & !mode == 0 {
        return Ok(());
    }
    match fs::set_permissions(path, Permissions::from_mode(now & mode)) {
        // A volume that is lent to a group: its owner decides.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => {
            tracing::warn!(path = %path.display(), mode = format!("{now:o}"), "others may read this, and it is not ours to close");
            Ok(())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_older_version_left_open_is_closed() {
        let dir = tempfile::tempdir().unwrap();
        let (data, elsewhere) = (dir.path().join("data"), dir.path().join("elsewhere"));
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        for folder in [&data, &data.join("store"), &elsewhere] {
            fs::create_dir_all(folder).unwrap();
            fs::set_permissions(folder, Permissions::from_mode(0o755)).unwrap();
        }
        let files = [data.join("secret"), elsewhere.join("a.db"), elsewhere.join("a.db-wal"), elsewhere.join("other")];
        for file in &files {
            fs::write(file, "").unwrap();
            fs::set_permissions(file, Permissions::from_mode(0o644)).unwrap();
        }
        let settings = [
            ("SLUICE_DATA_DIR", data.display().to_string()),
            ("SLUICE_DATABASE_URL", format!("sqlite://{}/a.db", elsewhere.display())),
        ];
        let settings = settings.map(|(k, v)| (k.to_owned(), v)).into();
        let config = Config::from_parts(&settings, "").unwrap();
        let before = umask(Mode::from_bits_truncate(0o022));
        keep_private(&config).unwrap();
        fs::write(data.join("new"), "").unwrap();
        fs::create_dir_all(data.join("folder/deep")).unwrap();
        umask(before);
        for folder in [data.clone(), data.join("store"), data.join("folder"), data.join("folder/deep")] {
            assert_eq!(mode(&folder), 0o700, "{}", folder.display());
        }
        for file in files[..3].iter().chain([&data.join("new")]) {
            assert_eq!(mode(file), 0o600, "{}", file.display());
        }
        assert_eq!(mode(&files[3]), 0o644, "not ours");
        assert_eq!(mode(&elsewhere), 0o755, "a folder that others may use too");
    }
}
