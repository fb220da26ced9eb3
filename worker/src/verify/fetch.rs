//! Files of a package, from a directory or over HTTP.

use std::{path::PathBuf, time::Duration};

/// Where a package is read from.
#[derive(Debug, Clone)]
pub enum Fetch {
    /// A directory with `index.m3u8`.
    Dir(PathBuf),
    /// The URL of a multivariant playlist.
    Url(url::Url),
}

/// Largest file that is read.
const MOST_BYTES: u64 = 256 << 20;

impl Fetch {
    /// A directory or a URL, as a person writes it.
    pub fn parse(target: &str) -> Self {
        match url::Url::parse(target) {
            Ok(url) if matches!(url.scheme(), "http" | "https") => Self::Url(url),
            _ => Self::Dir(PathBuf::from(target)),
        }
    }

    /// The multivariant playlist and the name its URIs are relative to.
    pub fn root(&self) -> String {
        match self {
            Self::Dir(_) => "index.m3u8".to_owned(),
            Self::Url(url) => url.to_string(),
        }
    }

    /// The name of `uri` as used by the file `base`.
    pub fn resolve(&self, base: &str, uri: &str) -> Result<String, String> {
        match self {
            Self::Url(_) => {
                url::Url::parse(base).and_then(|b| b.join(uri)).map(String::from).map_err(|e| e.to_string())
            }
            Self::Dir(_) => {
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
    pub fn get(&self, name: &str) -> Result<Vec<u8>, String> {
        match self {
            Self::Dir(dir) => std::fs::read(dir.join(name)).map_err(|e| format!("{name}: {e}")),
            Self::Url(_) => {
                let agent: ureq::Agent = ureq::Agent::config_builder()
                    .timeout_global(Some(Duration::from_secs(60)))
                    // 8.18: media must not be behind redirects.
                    .max_redirects(0)
                    .build()
                    .into();
                let mut response = agent.get(name).call().map_err(|e| format!("{name}: {e}"))?;
                if response.status().as_u16() != 200 {
                    return Err(format!("{name}: HTTP {}", response.status().as_u16()));
                }
                response.body_mut().with_config().limit(MOST_BYTES).read_to_vec().map_err(|e| format!("{name}: {e}"))
            }
        }
    }
}
