//! Signing secrets: configured, or made once and kept in the data directory, one a line, newest first.

use super::Config;
use rand::Rng;
use secrecy::{ExposeSecret, SecretString};
use std::{fs, io, io::Write, os::unix::fs::OpenOptionsExt, path::Path};

/// Secrets that are kept: the one that signs, and those whose signatures are still accepted.
const KEPT: usize = 4;

/// The secrets, of which the first signs and all verify. Two processes that start at once on one
/// directory agree: the file is created exclusively under a temporary name and linked into place.
pub fn signing_secrets(config: &Config) -> io::Result<Vec<SecretString>> {
    let mut secrets: Vec<SecretString> = config.accounts.secret.iter().cloned().collect();
    if secrets.is_empty() {
        let path = config.data_dir.join("secret");
        if !path.exists() {
            fs::create_dir_all(&config.data_dir)?;
            let draft = draft(&config.data_dir, &[fresh()])?;
            match fs::hard_link(&draft, &path) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
                _ => fs::remove_file(&draft)?,
            }
        }
        secrets = read(&path)?;
    }
    secrets.extend(config.accounts.previous_secret.iter().cloned());
    Ok(secrets)
}

/// Puts a fresh secret before those of the data directory. Processes take it up when they start again.
pub fn rotate_secret(config: &Config) -> io::Result<()> {
    if config.accounts.secret.is_some() {
        let hint = "SLUICE_SECRET is set: move its value to SLUICE_SECRET_PREVIOUS and set a new one";
        return Err(io::Error::new(io::ErrorKind::InvalidInput, hint));
    }
    signing_secrets(config)?;
    let path = config.data_dir.join("secret");
    let old = read(&path)?;
    let lines: Vec<String> =
        std::iter::once(fresh()).chain(old.iter().map(|s| s.expose_secret().to_owned())).take(KEPT).collect();
    fs::rename(draft(&config.data_dir, &lines)?, &path)
}

fn fresh() -> String {
    hex::encode(rand::rng().random::<[u8; 32]>())
}

fn read(path: &Path) -> io::Result<Vec<SecretString>> {
    let text = fs::read_to_string(path)?;
    let secrets: Vec<_> = text.split_whitespace().map(|l| SecretString::from(l.to_owned())).collect();
    if secrets.is_empty() {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("{} is empty", path.display())));
    }
    Ok(secrets)
}

fn draft(folder: &Path, lines: &[String]) -> io::Result<std::path::PathBuf> {
    // Random: in containers every process has the same number.
    let draft = folder.join(format!("secret.{}", hex::encode(rand::rng().random::<[u8; 8]>())));
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&draft)?;
    file.write_all(lines.join("\n").as_bytes())?;
    file.sync_all()?;
    Ok(draft)
}
