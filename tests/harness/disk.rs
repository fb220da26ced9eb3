//! A small disk of its own, to be filled.

use nix::sys::statvfs::statvfs;
use std::{
    fs::File,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
};
use tempfile::TempDir;

/// A file system in memory; gone with this.
#[derive(Debug)]
pub struct SmallDisk {
    folder: TempDir,
}

impl SmallDisk {
    /// A disk of so many MiB. `None`, with a word on standard error, where none may be mounted.
    pub fn mount(mib: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &format!("size={mib}m"), "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|o| o.status.success());
        if !mounted {
            eprintln!("SKIPPED: a full disk needs a file system to be mounted, which takes root");
            return None;
        }
        Some(Self { folder })
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Bytes that are free.
    pub fn free_bytes(&self) -> u64 {
        let disk = statvfs(self.path()).unwrap();
        disk.blocks_available() * disk.fragment_size()
    }

    /// Fills it but for so many bytes.
    pub fn fill_but(&self, left_bytes: u64) {
        let mut file = File::options().create(true).append(true).open(self.ballast()).unwrap();
        while self.free_bytes() > left_bytes {
            let block = vec![1; (self.free_bytes() - left_bytes).min(1 << 20) as usize];
            if file.write_all(&block).is_err() {
                return;
            }
        }
    }

    /// Removes what it was filled with.
    pub fn make_room(&self) {
        std::fs::remove_file(self.ballast()).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // Processes that still write there may be about to end.
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}
