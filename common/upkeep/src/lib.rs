//! Rows and objects held against each other: the sweep that deletes what nothing refers to, the check (`fsck`) that looks for
//! what is lost and what is left over, the list of objects that belongs to a
//! backup, and moving all of them to another store.
//!
//! Invariants: which object a row leads to is known to `sluice_db::objects` alone; objects are listed before the rows are
//! read, so that what is stored and recorded in between is never taken for left over; all of it goes through rows and store
//! in pages, and holds no more than one film in memory.

mod finding;
mod fsck;
mod manifest;
mod moving;
mod named;
mod repair;
mod sweep;

pub use finding::{Fault, Finding, Repair};
pub use fsck::{Fsck, FsckSummary};
pub use manifest::{ManifestLine, Verified, verify, write};
pub use moving::{Moved, move_objects};
pub use named::{Groups, NamedObject, everything, objects_of};
pub use sweep::{Count, Sweep, Swept, remove_orphans};

use sluice_db::DbError;
use sluice_storage::StoreError;
use std::io;

/// Why rows and objects could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum UpkeepError {
    #[error(transparent)]
    Database(#[from] DbError),
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is found cannot be told, or a list cannot be read.
    #[error("{0}")]
    File(#[from] io::Error),
}

/// Shorthand of this crate.
pub type Result<T, E = UpkeepError> = std::result::Result<T, E>;
