//! What parts become one upload (tus 1.0: concatenation).

use super::error::UploadError;
use sluice_model::UploadId;

/// What an upload has to do with parts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Concat {
    /// One of several.
    Partial,
    /// All of these, in order.
    Final(Vec<UploadId>),
}

/// Reads `partial` or `final;URL URL ...`.
pub fn parse_concat(value: &str) -> Result<Concat, UploadError> {
    if value.trim() == "partial" {
        return Ok(Concat::Partial);
    }
    let wrong = || UploadError::BadRequest("Upload-Concat is neither partial nor final;URL ...".to_owned());
    let list = value.trim().strip_prefix("final;").ok_or_else(wrong)?;
    let id = |url: &str| url.trim_end_matches('/').rsplit('/').next().and_then(|id| id.parse().ok());
    let ids: Option<Vec<UploadId>> = list.split_whitespace().map(id).collect();
    ids.filter(|i| !i.is_empty()).map(Concat::Final).ok_or_else(wrong)
}
