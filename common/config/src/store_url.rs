//! `file:///DIR` and `s3://BUCKET/PREFIX?endpoint=URL&region=R`.

use crate::checks;
use secrecy::SecretString;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};
use url::Url;

/// Where objects are kept.
#[derive(Debug, Clone)]
pub enum StoreUrl {
    /// A local directory.
    Local(PathBuf),
    /// A bucket of an S3-compatible server.
    S3(S3Location),
    /// From one to the other: what is new goes to the second, and what has not been moved is read from the first.
    Moving(Box<MovingStore>),
}

/// A store that moves; neither is moving itself.
#[derive(Debug, Clone)]
pub struct MovingStore {
    pub from: StoreUrl,
    pub to: StoreUrl,
}

/// A bucket and how to reach it.
#[derive(Debug, Clone)]
pub struct S3Location {
    /// Bucket name.
    pub bucket: String,
    /// Key prefix, empty or ending in `/`.
    pub prefix: String,
    /// Base URL of the server; unset means AWS.
    pub endpoint: Option<String>,
    /// Region, `us-east-1` when unset.
    pub region: String,
    /// `AWS_ACCESS_KEY_ID`.
    pub access_key: String,
    /// `AWS_SECRET_ACCESS_KEY`.
    pub secret_key: SecretString,
}

impl StoreUrl {
    /// Where new objects go.
    pub fn current(&self) -> &Self {
        match self {
            Self::Moving(moving) => &moving.to,
            Self::Local(_) | Self::S3(_) => self,
        }
    }

    /// Directories that it needs on this machine.
    pub fn folders(&self) -> Vec<&Path> {
        match self {
            Self::Local(folder) => vec![folder],
            Self::S3(_) => Vec::new(),
            Self::Moving(moving) => [&moving.from, &moving.to].into_iter().flat_map(Self::folders).collect(),
        }
    }

    /// Parses the setting; credentials come from `env`. The error is a sentence for people.
    pub fn parse(text: &str, env: &BTreeMap<String, String>) -> Result<Self, String> {
        let url = Url::parse(text).map_err(|e| e.to_string())?;
        match url.scheme() {
            "file" => url.to_file_path().map(Self::Local).map_err(|()| "file:// needs an absolute path".to_owned()),
            "s3" => {
                let query: BTreeMap<_, _> = url.query_pairs().into_owned().collect();
                if let Some(name) = query.keys().find(|k| !["endpoint", "region"].contains(&k.as_str())) {
                    return Err(format!("{name:?} is neither endpoint nor region"));
                }
                if let Some(endpoint) = query.get("endpoint") {
                    checks::web_url(endpoint)
                        .map_err(|e| format!("endpoint={endpoint:?} does not fit; needed is {e}"))?;
                }
                let need = |name: &str| env.get(name).cloned().ok_or_else(|| format!("{name} is not set"));
                let prefix = url.path().trim_matches('/');
                Ok(Self::S3(S3Location {
                    bucket: url.host_str().filter(|h| !h.is_empty()).ok_or("s3:// needs a bucket")?.to_owned(),
                    prefix: if prefix.is_empty() { String::new() } else { format!("{prefix}/") },
                    endpoint: query.get("endpoint").cloned(),
                    region: query.get("region").cloned().unwrap_or_else(|| "us-east-1".to_owned()),
                    access_key: need("AWS_ACCESS_KEY_ID")?,
                    secret_key: need("AWS_SECRET_ACCESS_KEY")?.into(),
                }))
            }
            other => Err(format!("{other}:// is neither file:// nor s3://")),
        }
    }
}
