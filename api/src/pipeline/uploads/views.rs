//! What uploads answers.

use serde::{Deserialize, Serialize};
use sluice_db::{UploadRow, UsageRow};
use sluice_model::{Encryption, Visibility};
use std::collections::BTreeMap;
use utoipa::ToSchema;
use uuid::Uuid;

/// A resumable upload.
#[derive(Debug, Serialize, ToSchema)]
pub struct Upload {
    pub id: Uuid,
    /// Bytes that are stored.
    pub offset_bytes: i64,
    /// Unknown while deferred.
    pub length_bytes: Option<i64>,
    /// What it will be, from the start; none of a part that is to be concatenated.
    pub media_id: Option<Uuid>,
    /// Whether all bytes are there.
    pub complete: bool,
    /// Milliseconds since the Unix epoch, as below.
    pub created_at: i64,
    /// Put off by every request.
    pub expires_at: i64,
}

impl From<UploadRow> for Upload {
    fn from(row: UploadRow) -> Self {
        Self {
            id: row.id.into(),
            offset_bytes: row.offset_bytes,
            length_bytes: row.length_bytes,
            media_id: row.media_id.map(Into::into),
            complete: row.completed_at.is_some(),
            created_at: row.created_at.as_millis(),
            expires_at: row.expires_at.as_millis(),
        }
    }
}

/// What an account uses, and what it may use; no limit where it is left out.
#[derive(Debug, Serialize, ToSchema)]
pub struct Usage {
    pub stored_bytes: i64,
    pub stored_bytes_limit: Option<i64>,
    /// Announced since midnight, UTC.
    pub day_bytes: i64,
    pub day_bytes_limit: Option<i64>,
    /// Under way.
    pub uploads: i64,
    pub uploads_limit: Option<i64>,
    pub media: i64,
    pub media_limit: Option<i64>,
    /// Encoding planned since midnight, UTC, by estimate: minutes of one core, begun ones counted.
    pub encode_minutes: i64,
    pub encode_minutes_limit: Option<i64>,
}

impl Usage {
    pub fn new(used: UsageRow, limits: sluice_ingest::quota::StorageQuota) -> Self {
        Self {
            stored_bytes: used.stored_bytes,
            stored_bytes_limit: limits.stored_bytes,
            day_bytes: used.day_bytes,
            day_bytes_limit: limits.day_bytes,
            uploads: used.uploads,
            uploads_limit: limits.uploads,
            media: used.media,
            media_limit: limits.media,
            encode_minutes: used.encode_ms.max(0).unsigned_abs().div_ceil(60_000) as i64,
            encode_minutes_limit: limits.encode_minutes,
        }
    }
}

/// What is announced of an upload that goes straight to the store.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BeginPresigned {
    /// Bytes of the whole.
    #[schema(minimum = 1)]
    pub size: i64,
    #[serde(default)]
    #[schema(max_length = 255)]
    pub filename: String,
    /// Signed with every part; what the bytes turn out to be must fit it.
    #[schema(max_length = 200)]
    pub content_type: String,
    /// SHA-256 of the whole, hexadecimal. Nothing is made of other bytes.
    #[schema(min_length = 64, max_length = 64)]
    pub sha256: Option<String>,
    /// Bytes of every part but the last, 65536 to 268435456; chosen by the service when left out.
    #[schema(minimum = 65536, maximum = 268435456)]
    pub part_size: Option<i64>,
    #[schema(max_length = 200)]
    pub title: Option<String>,
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    pub visibility: Option<Visibility>,
    pub encryption: Option<Encryption>,
}

/// An upload that goes straight to the store.
#[derive(Debug, Serialize, ToSchema)]
pub struct Presigned {
    pub upload_id: Uuid,
    /// What it will be.
    pub media_id: Uuid,
    /// Bytes of every part but the last.
    pub part_size: i64,
    pub part_count: i64,
    /// The first thousand.
    pub parts: Vec<PartUrl>,
    /// Milliseconds since the Unix epoch; put off by every request.
    pub expires_at: i64,
}

/// Where one part goes.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartUrl {
    /// From 1.
    pub number: i64,
    /// Bytes; another number of them is refused.
    pub size: i64,
    /// `PUT`.
    pub method: &'static str,
    pub url: String,
    /// To be sent exactly so.
    pub headers: BTreeMap<String, String>,
    /// Milliseconds since the Unix epoch.
    pub expires_at: i64,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct PartUrls {
    pub parts: Vec<PartUrl>,
}

/// Parts to sign.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PartNumbers {
    /// From 1, at most a thousand of them.
    #[schema(max_items = 1000)]
    pub numbers: Vec<i64>,
}

/// Parts that are stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct PartList {
    pub parts: Vec<StoredPart>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct StoredPart {
    pub number: i64,
    pub size: i64,
    pub etag: String,
}

/// A film to be fetched from the web.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Import {
    /// https, in the public internet.
    #[schema(max_length = 2048)]
    pub url: String,
    #[schema(max_length = 200)]
    pub title: Option<String>,
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    pub visibility: Option<Visibility>,
    pub encryption: Option<Encryption>,
}
