//! Free space: what begins is refused while there is little left, so that what runs can end and the database can
//! write. It goes on by itself when there is room again.

use super::StoreError;
use nix::sys::statvfs::statvfs;
use sluice_config::{Config, StoreUrl};
use sluice_model::Reason;
use std::{
    fmt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Kept free on large disks, bytes.
const MOST_KEPT: u64 = 1 << 30;
/// Share of a small disk that is kept free: one in so many.
const SHARE_KEPT: u64 = 50;

/// The disks that a service writes to. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Space(Arc<Disks>);

#[derive(Debug)]
struct Disks {
    folders: Vec<PathBuf>,
    /// As configured.
    min_free_bytes: Option<u64>,
    /// Whether there was too little when somebody last looked: a change is logged, a state is not.
    short: AtomicBool,
}

/// How full a disk is that a service writes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskSpace {
    pub folder: PathBuf,
    /// What this process may still write there, bytes.
    pub free_bytes: u64,
    pub total_bytes: u64,
    /// What must be free for anything new to begin, bytes.
    pub kept_bytes: u64,
}

/// Too little space.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shortage {
    /// A folder on the disk that is short of it.
    pub folder: PathBuf,
    /// What this process may still write there, bytes.
    pub free_bytes: u64,
    /// What must be free, bytes.
    pub needed_bytes: u64,
}

impl fmt::Display for Shortage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { folder, free_bytes, needed_bytes } = self;
        write!(f, "{} has {free_bytes} bytes free, {needed_bytes} are needed", folder.display())
    }
}

impl Shortage {
    /// What people are told who wait for room.
    pub fn reason(&self) -> Reason {
        Reason::new("disk_full", "The disk is nearly full. Nothing new begins until there is room; nothing is lost.")
    }
}

impl Space {
    /// Disks that are never short of anything.
    pub fn unbounded() -> Self {
        Self(Arc::new(Disks { folders: Vec::new(), min_free_bytes: Some(0), short: AtomicBool::new(false) }))
    }

    /// The disks of a local store and of SQLite. Other databases and stores look after their own.
    pub fn of(config: &Config) -> Self {
        let mut folders = Vec::new();
        if let StoreUrl::Local(root) = &config.store {
            folders.push(root.clone());
        }
        if let Some(rest) = config.database_url.strip_prefix("sqlite:") {
            let file = Path::new(rest.trim_start_matches("//").split('?').next().unwrap_or_default());
            folders.extend(file.parent().map(Path::to_owned));
        }
        Self(Arc::new(Disks { folders, min_free_bytes: config.min_free_bytes, short: AtomicBool::new(false) }))
    }

    /// Whether nothing new may begin, and why. A change is logged, once.
    pub fn shortage(&self) -> Option<Shortage> {
        let found = self.0.folders.iter().find_map(|f| self.below(f, 1));
        if self.0.short.swap(found.is_some(), Ordering::Relaxed) != found.is_some() {
            match &found {
                Some(shortage) => tracing::warn!(%shortage, "the disk is nearly full: nothing new begins"),
                None => tracing::info!("there is room on the disk again"),
            }
        }
        found
    }

    /// How full the disks are; what cannot be asked is left out.
    pub fn disks(&self) -> Vec<DiskSpace> {
        self.0.folders.iter().filter_map(|f| self.measured(f)).collect()
    }

    fn measured(&self, folder: &Path) -> Option<DiskSpace> {
        let disk = statvfs(folder).ok()?;
        // Types differ between systems.
        #[allow(clippy::useless_conversion, reason = "c_ulong is narrower elsewhere")]
        let (block, free, all) =
            (u64::from(disk.fragment_size()), u64::from(disk.blocks_available()), u64::from(disk.blocks()));
        let (free_bytes, total_bytes) = (free.saturating_mul(block), all.saturating_mul(block));
        let kept_bytes = self.0.min_free_bytes.unwrap_or((total_bytes / SHARE_KEPT).min(MOST_KEPT));
        Some(DiskSpace { folder: folder.to_owned(), free_bytes, total_bytes, kept_bytes })
    }

    /// Refuses what would eat up what the database needs: half of what is kept free is its own.
    pub(crate) fn check_write(&self, root: &Path) -> Result<(), StoreError> {
        if self.below(root, 2).is_some() { Err(StoreError::Full) } else { Ok(()) }
    }

    /// Whether a disk has less than the `part`th part of what should be free. What cannot be asked has room: whoever
    /// writes there sees what is wrong.
    fn below(&self, folder: &Path, part: u64) -> Option<Shortage> {
        let DiskSpace { folder, free_bytes, kept_bytes, .. } = self.measured(folder)?;
        let needed_bytes = kept_bytes / part;
        (free_bytes < needed_bytes).then_some(Shortage { folder, free_bytes, needed_bytes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(min_free_bytes: Option<u64>) -> Space {
        let folders = vec![std::env::temp_dir()];
        Space(Arc::new(Disks { folders, min_free_bytes, short: AtomicBool::new(false) }))
    }

    #[test]
    fn a_disk_is_short_below_the_mark_and_writing_ends_at_half_of_it() {
        let free = space(Some(u64::MAX)).shortage().unwrap().free_bytes;
        assert_eq!(space(Some(0)).shortage(), None);
        let nearly = space(Some(free + free / 2));
        assert!(nearly.shortage().is_some());
        assert!(nearly.check_write(&std::env::temp_dir()).is_ok());
        assert!(space(Some(u64::MAX)).check_write(&std::env::temp_dir()).is_err());
        let folders = vec!["/no/such/folder".into()];
        let absent = Disks { folders, min_free_bytes: None, short: AtomicBool::new(false) };
        assert_eq!(Space(Arc::new(absent)).shortage(), None);
    }
}
