//! What comes with a program in a package: its manual pages and what shells complete, made of the description that `--help` is.

use clap::Command;
use clap_complete::{Shell, generate_to};
use std::{fs, io, path::Path};

/// Writes `man1/*.1`, a page for each command, and `completions/` for bash, zsh and fish into a folder.
///
/// # Errors
/// The folder cannot be written.
pub fn write(mut command: Command, name: &str, folder: &Path) -> io::Result<()> {
    let (pages, completions) = (folder.join("man1"), folder.join("completions"));
    fs::create_dir_all(&pages)?;
    fs::create_dir_all(&completions)?;
    for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
        generate_to(shell, &mut command, name, &completions)?;
    }
    clap_mangen::generate_to(command, &pages)
}
