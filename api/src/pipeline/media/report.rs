//! How a finished media came out: what the rule checker found, and the bytes and times of every rendition.

use super::{error::MediaError, service::owned, tracks};
use crate::{identity::Viewer, state::AppState};
use serde::{Deserialize, Serialize};
use sluice_db::{RenditionRow, SegmentRow};
use sluice_model::{Loudness, MediaId, MediaKind, RenditionRole};
use utoipa::ToSchema;

/// What came out of a media that is `ready`.
#[derive(Debug, Serialize, ToSchema)]
pub struct MediaReport {
    /// Every rule of the checker and what came of it.
    pub findings: Vec<Finding>,
    /// The largest picture first, then the sounds.
    pub renditions: Vec<RenditionReport>,
    /// Bytes of all renditions, without the original.
    pub size_bytes: i64,
}

/// A rule and what came of it.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Finding {
    /// Its number in Apple's HLS authoring specification; R and a section for RFC 8216.
    pub rule: String,
    pub level: Level,
    /// What it asks for.
    pub text: String,
    pub outcome: Outcome,
    /// Where it is broken, a few places at most.
    pub details: Vec<String>,
}

/// How binding a rule is.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "UPPERCASE")]
pub enum Level {
    Must,
    Should,
}

/// What came of a rule.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    Pass,
    Fail,
    /// It is about something that the package does not have.
    NotApplicable,
}

/// A rendition as it is stored.
#[derive(Debug, Serialize, ToSchema)]
pub struct RenditionReport {
    pub name: String,
    #[schema(value_type = String)]
    pub kind: MediaKind,
    /// As in `CODECS` of the playlist (RFC 6381).
    pub codecs: String,
    /// Whether it is the original's own, not encoded again.
    pub passthrough: bool,
    pub width: Option<i64>,
    pub height: Option<i64>,
    pub channels: Option<i64>,
    /// Bits a second: of all of it, and of the segment that has the most.
    pub average_bps: Option<i64>,
    pub peak_bps: Option<i64>,
    pub size_bytes: i64,
    /// Of sound: its language tag, and what it is called in menus.
    pub language: Option<String>,
    pub label: Option<String>,
    /// When it begins and ends after the begin of the programme, ms. Sound whose begin is not 0 is heard so much late (or, below
    /// 0, early): at most one frame of its codec of a film that is as it should be.
    pub begin_ms: f64,
    pub end_ms: f64,
    /// Of sound; none of silence.
    pub loudness: Option<Loudness>,
    /// Lengths of its segments in their order, ms.
    pub segment_ms: Vec<i64>,
    /// Bytes of the same.
    pub segment_bytes: Vec<i64>,
}

/// The checker's report as the worker wrote it.
#[derive(Deserialize)]
struct Checked {
    findings: Vec<Finding>,
}

/// How a finished media came out.
pub async fn report(state: &AppState, viewer: &Viewer, id: MediaId) -> Result<MediaReport, MediaError> {
    let media = owned(state, viewer, id).await?;
    let package = state.db.packages().find(media.package_id).await?.ok_or(MediaError::NotFound)?;
    let text = package.report.ok_or(MediaError::NotFound)?;
    let checked: Checked = serde_json::from_str(&text).map_err(|_| MediaError::Internal)?;
    let rows = tracks::all_renditions(state, &media).await?;
    let programme_start_ms = tracks::programme_start_s(state, package.id, &rows).await? * 1000.0;
    let mut renditions = Vec::new();
    for row in rows {
        if row.role != RenditionRole::Growing {
            let segments = state.db.packages().segments(row.package_id, &row.name, i64::MAX).await?;
            renditions.push(RenditionReport::new(row, &segments, programme_start_ms));
        }
    }
    renditions.sort_by_key(|r| (r.kind == MediaKind::Audio, -r.height.unwrap_or(0)));
    let size_bytes = renditions.iter().map(|r| r.size_bytes).sum();
    Ok(MediaReport { findings: checked.findings, renditions, size_bytes })
}

impl RenditionReport {
    fn new(row: RenditionRow, segments: &[SegmentRow], programme_start_ms: f64) -> Self {
        let ms = |ticks: i64| ticks as f64 * 1000.0 / row.timescale.max(1) as f64;
        // Of pictures it is known when they are decoded, which begins as long before the programme as they are shown later.
        let zero_ms = if row.kind == MediaKind::Video { 0.0 } else { programme_start_ms };
        let begin_ms = thousandths(segments.first().map_or(0.0, |s| ms(s.start_ticks)) - zero_ms);
        let end_ms = thousandths(begin_ms + segments.iter().map(|s| ms(s.duration_ticks)).sum::<f64>());
        let segment_bytes: Vec<i64> = segments.iter().map(|s| s.size_bytes).collect();
        Self {
            kind: row.kind,
            passthrough: row.passthrough,
            width: row.width,
            height: row.height,
            channels: row.channels,
            average_bps: row.average_bps,
            peak_bps: row.peak_bps,
            size_bytes: segment_bytes.iter().sum::<i64>() + row.init_bytes.unwrap_or(0),
            begin_ms,
            end_ms,
            loudness: row.loudness(),
            language: row.language,
            label: row.label,
            segment_ms: segments.iter().map(|s| ms(s.duration_ticks).round() as i64).collect(),
            segment_bytes,
            name: row.name,
            codecs: row.codecs,
        }
    }
}

fn thousandths(ms: f64) -> f64 {
    (ms * 1000.0).round() / 1000.0
}
