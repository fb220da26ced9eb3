//! How loud a sound is, by EBU R 128.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What a whole sound measures.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Loudness {
    /// Integrated loudness, LUFS (ITU-R BS.1770-4, gated).
    pub integrated_lufs: f64,
    /// Loudness range, LU (EBU Tech 3342); 0 of what lasts less than three seconds.
    pub range_lu: f64,
    /// Highest level between samples, dBTP (ITU-R BS.1770-4, Annex 2).
    pub true_peak_dbtp: f64,
}
