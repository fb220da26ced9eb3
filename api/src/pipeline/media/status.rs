//! How far a media is, as people are told.

use sluice_db::MediaRow;
use sluice_model::{MediaStatus, PackageStatus, SourceStatus};

/// The state of a media, and how much of it is done, 0 to 1.
pub fn status(row: &MediaRow) -> (MediaStatus, f64) {
    let status = match row.status {
        PackageStatus::Ready => MediaStatus::Ready,
        PackageStatus::Failed | PackageStatus::Deleting => MediaStatus::Failed,
        PackageStatus::Planning | PackageStatus::Encoding if row.playable => MediaStatus::Playable,
        _ if row.source_status == SourceStatus::Receiving => MediaStatus::Uploading,
        _ => MediaStatus::Processing,
    };
    let progress = match status {
        MediaStatus::Ready => 1.0,
        // The checks at the end are the last percent.
        _ if row.planned > 0 => row.published as f64 / row.planned as f64 * 0.99,
        _ => 0.0,
    };
    (status, progress)
}
