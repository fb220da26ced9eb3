//! The signing secret: configured, or made once and kept in the data directory.

use super::Config;
use rand::Rng;
use secrecy::SecretString;
use std::{fs, io, io::Write, os::unix::fs::OpenOptionsExt};

/// The secret that signs tokens. Two processes that start at once on one directory agree:
/// the file is created exclusively under a temporary name and linked into place.
pub fn signing_secret(config: &Config) -> io::Result<SecretString> {
    if let Some(secret) = &config.secret {
        return Ok(secret.clone());
    }
    fs::create_dir_all(&config.data_dir)?;
    let path = config.data_dir.join("secret");
    if !path.exists() {
        let secret = hex::encode(rand::rng().random::<[u8; 32]>());
        let draft = config.data_dir.join(format!("secret.{}", std::process::id()));
        let mut file = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(0o600).open(&draft)?;
        file.write_all(secret.as_bytes())?;
        file.sync_all()?;
        match fs::hard_link(&draft, &path) {
            Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e),
            _ => fs::remove_file(&draft)?,
        }
    }
    Ok(SecretString::from(fs::read_to_string(path)?.trim().to_owned()))
}
