//! What people who run the service do beside it: look whether rows and objects agree, delete what nothing refers to, have films
//! encoded again, back up and restore. Each may run while the service does, but for a restore.

mod backup;
pub mod export;
mod folder;
mod fsck;
mod gc;
pub mod import;
mod move_store;
mod reencode;
mod restore;

use clap::Subcommand;
use sluice_config::{Config, keep_private, telemetry::complain};
use std::{path::PathBuf, process::ExitCode};

/// Commands of people who run the service.
#[derive(Debug, Subcommand)]
pub enum Upkeep {
    /// Look whether every object that the database names is in the store, and whether anything else is; status 1 if something is
    /// wrong, 2 if not all could be looked at.
    Fsck {
        /// Have packages made again whose objects are lost, and left over objects deleted by the next sweep.
        #[arg(long)]
        repair: bool,
        /// Repair also where so much is missing that the store may be the wrong one.
        #[arg(long, requires = "repair")]
        force: bool,
        /// One line of JSON for each finding, and one with the numbers.
        #[arg(long)]
        json: bool,
    },
    /// Delete what nothing refers to and what is older than SLUICE_GC_SECONDS, as workers do by themselves.
    Gc {
        /// Only say what would be deleted.
        #[arg(long)]
        dry_run: bool,
        /// The numbers as JSON.
        #[arg(long)]
        json: bool,
    },
    /// Have films made again from their originals with the settings that workers have now, when there is nothing else to do. They
    /// play as they are until then; whoever watches goes on with what was before for SLUICE_GC_SECONDS.
    Reencode(reencode::Request),
    /// Copy every object of SLUICE_STORE_MOVES_FROM to SLUICE_STORE_URL while the service runs with both; may be stopped and begun
    /// again.
    MoveStore,
    /// Write the database, and the list of the objects that belong to it, into a new folder while the service runs.
    Backup {
        /// The folder; it must be empty, or not be there.
        folder: PathBuf,
    },
    /// Read a backup into an empty database, and look whether the store has its objects; status 1 if some are lost, 2 if it could
    /// not be restored.
    Restore {
        /// The folder that `backup` wrote.
        folder: PathBuf,
        /// Read the objects whose checksum is known, and compare it.
        #[arg(long)]
        checksums: bool,
    },
}

/// Rows and objects do not agree.
const FINDINGS: u8 = 1;
/// It could not be done, or not all could be looked at.
const UNDONE: u8 = 2;

/// Does what was asked for.
pub async fn run(command: &Upkeep, config: &Config) -> ExitCode {
    // What is written belongs to this user alone.
    if let Err(error) = keep_private(config) {
        complain(format!("{}: {error}", config.data_dir.display()));
        return ExitCode::from(UNDONE);
    }
    let done = match command {
        Upkeep::Fsck { repair, force, json } => fsck::run(config, *repair, *force, *json).await,
        Upkeep::Gc { dry_run, json } => gc::run(config, *dry_run, *json).await,
        Upkeep::Reencode(request) => reencode::run(config, request).await.map(|()| true),
        Upkeep::MoveStore => move_store::run(config).await.map(|()| true),
        Upkeep::Backup { folder } => backup::run(config, folder).await.map(|()| true),
        Upkeep::Restore { folder, checksums } => restore::run(config, folder, *checksums).await,
    };
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(FINDINGS),
        Err(error) => {
            complain(format!("{error:#}"));
            ExitCode::from(UNDONE)
        }
    }
}
