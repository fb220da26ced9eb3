//! What uploads answers.

use serde::Serialize;
use sluice_common::db::{UploadRow, UsageRow};
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
    /// Once all bytes are there.
    pub media_id: Option<Uuid>,
    /// Milliseconds since the Unix epoch, as below.
    pub created_at: i64,
    /// Put off by every request.
    pub expires_at: i64,
}

impl From<UploadRow> for Upload {
    fn from(row: UploadRow) -> Self {
        Self {
            id: row.id,
            offset_bytes: row.offset_bytes,
            length_bytes: row.length_bytes,
            media_id: row.media_id,
            created_at: row.created_us / 1000,
            expires_at: row.expires_us / 1000,
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
}

impl Usage {
    pub fn new(used: UsageRow, limits: super::quota::Quota) -> Self {
        Self {
            stored_bytes: used.stored_bytes,
            stored_bytes_limit: limits.stored_bytes,
            day_bytes: used.day_bytes,
            day_bytes_limit: limits.day_bytes,
            uploads: used.uploads,
            uploads_limit: limits.uploads,
            media: used.media,
            media_limit: limits.media,
        }
    }
}
