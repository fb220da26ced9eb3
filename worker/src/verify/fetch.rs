//! Files of a package, from a directory or over HTTP.

use reqwest::{Client, redirect::Policy};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// Where a package is read from.
#[derive(Debug, Clone)]
pub enum Fetch {
    /// A directory, and the playlist in it where reading begins.
    Dir(PathBuf, String),
    /// The URL of a multivariant playlist, and what asks for it. Any address may be checked, this machine's too.
    Url(url::Url, Client),
}

/// Largest file that is read.
const MOST_BYTES: usize = 256 << 20;
/// Longest wait for a file.
const TIMEOUT: Duration = Duration::from_secs(60);

impl Fetch {
    /// A directory with `index.m3u8`, a playlist or a URL, as a person writes it.
    pub fn parse(target: &str) -> Result<Self, String> {
        match url::Url::parse(target) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Ok(Self::Url(url, client()?)),
            _ => Ok(Self::local(PathBuf::from(target))),
        }
    }

    fn local(path: PathBuf) -> Self {
        let name = path.file_name().and_then(|n| n.to_str()).filter(|n| n.ends_with(".m3u8") || n.ends_with(".m3u"));
        match name.map(ToOwned::to_owned) {
            Some(name) if !path.is_dir() => {
                let folder = path.parent().filter(|p| !p.as_os_str().is_empty());
                Self::Dir(folder.map_or_else(|| PathBuf::from("."), Path::to_path_buf), name)
            }
            _ => Self::Dir(path, "index.m3u8".to_owned()),
        }
    }

    /// The playlist where reading begins, and the name its URIs are relative to.
    pub fn root(&self) -> String {
        match self {
            Self::Dir(_, name) => name.clone(),
            Self::Url(url, _) => url.to_string(),
        }
    }

    /// The name of `uri` as used by the file `base`.
    pub fn resolve(&self, base: &str, uri: &str) -> Result<String, String> {
        match self {
            Self::Url(..) => {
                url::Url::parse(base).and_then(|b| b.join(uri)).map(String::from).map_err(|e| e.to_string())
            }
            Self::Dir(..) => {
                let folder = base.rsplit_once('/').map_or("", |(folder, _)| folder);
                let mut parts: Vec<&str> = folder.split('/').filter(|p| !p.is_empty()).collect();
                for part in uri.split('/') {
                    match part {
                        ".." => drop(parts.pop().ok_or_else(|| format!("{uri} leaves the package"))?),
                        "." | "" => {}
                        other => parts.push(other),
                    }
                }
                Ok(parts.join("/"))
            }
        }
    }

    /// Reads a file.
    pub async fn get(&self, name: &str) -> Result<Vec<u8>, String> {
        let read = match self {
            Self::Dir(dir, _) => tokio::fs::read(dir.join(name)).await.map_err(|e| e.to_string()),
            Self::Url(_, client) => download(client, name).await,
        };
        read.map_err(|e| format!("{name}: {e}"))
    }

    /// Reads a file of text.
    pub async fn text(&self, name: &str) -> Result<String, String> {
        String::from_utf8(self.get(name).await?).map_err(|e| format!("{name}: {e}"))
    }
}

fn client() -> Result<Client, String> {
    // Fails where one is installed already, which is as good.
    let _ = rustls::crypto::ring::default_provider().install_default();
    // Rule 8.18: media must not be behind redirects.
    Client::builder().timeout(TIMEOUT).redirect(Policy::none()).build().map_err(|e| e.to_string())
}

async fn download(client: &Client, url: &str) -> Result<Vec<u8>, String> {
    let mut response = client.get(url).send().await.map_err(|e| e.to_string())?;
    if response.status().as_u16() != 200 {
        return Err(format!("HTTP {}", response.status().as_u16()));
    }
    let mut data = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| e.to_string())? {
        if data.len() + chunk.len() > MOST_BYTES {
            return Err(format!("larger than {MOST_BYTES} bytes"));
        }
        data.extend_from_slice(&chunk);
    }
    Ok(data)
}
