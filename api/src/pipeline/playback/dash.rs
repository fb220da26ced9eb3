//! The DASH manifest of a media: the segments of its complete presentation, which players name by number.

use super::{error::PlaybackError, presentation::lists, subtitles};
use crate::{
    pipeline::media::{service::MediaError, tracks},
    state::AppState,
};
use sluice_db::{MediaRow, RenditionRow};
use sluice_hls::{DashRendition, DashSubtitles, PlaylistType, Rendition, mpd};
use sluice_model::{Encryption, PackageStatus, SubtitleRole};

/// How a segment is named by its number; published objects have other names.
const NUMBERED: (&str, &str) = ("number-", ".m4s");

/// The number of a segment that is named by it.
pub fn number(file: &str) -> Option<i64> {
    file.strip_prefix(NUMBERED.0)?.strip_suffix(NUMBERED.1)?.parse().ok()
}

/// The manifest of a media. What is encrypted as HLS has it plays nowhere else, and what grows is HLS alone.
/// `before` stands before the paths in it.
pub async fn manifest(state: &AppState, row: &MediaRow, before: &str) -> Result<String, PlaybackError> {
    if row.status != PackageStatus::Ready || row.encryption != Encryption::None {
        return Err(MediaError::NotPlayable.into());
    }
    let package = row.package_id;
    let stored = state.db.packages().renditions(package).await?;
    let start_s = tracks::programme_start_s(state, package, &stored).await?;
    let mut renditions = Vec::new();
    for r in tracks::renditions(state, row, true).await?.iter().filter(|r| lists(PlaylistType::Vod, r)) {
        renditions.push(rendition(state, r, before, start_s).await?);
    }
    let tracks =
        subtitles::tracks(state, row.id, |name| format!("{before}{package}/{name}/{}", subtitles::WHOLE)).await?;
    let tracks: Vec<_> = tracks
        .into_iter()
        .map(|t| DashSubtitles {
            uri: t.uri,
            language: t.language,
            name: t.name,
            // ISO/IEC 23009-1 5.8.5.5.
            role: match t.role {
                SubtitleRole::Full => "subtitle",
                SubtitleRole::HardOfHearing => "caption",
                SubtitleRole::Forced => "forced-subtitle",
            },
        })
        .collect();
    Ok(mpd(&renditions, &tracks))
}

async fn rendition(
    state: &AppState,
    r: &RenditionRow,
    before: &str,
    start_s: f64,
) -> Result<DashRendition, PlaybackError> {
    let package = r.package_id;
    let segments = state.db.packages().segments(package, &r.name, i64::MAX).await?;
    let init = r.init_object.as_ref().ok_or(MediaError::NotPlayable)?;
    let folder = format!("{before}{package}/{}", r.name);
    Ok(DashRendition {
        rendition: Rendition::from(r),
        timescale: r.timescale.unsigned_abs(),
        start_ticks: (start_s * r.timescale as f64).round() as u64,
        durations: segments.iter().map(|s| s.duration_ticks.unsigned_abs()).collect(),
        init_uri: format!("{folder}/{init}"),
        media_uri: format!("{folder}/{}$Number${}", NUMBERED.0, NUMBERED.1),
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn segments_are_named_by_number() {
        assert_eq!(super::number("number-12.m4s"), Some(12));
        for other in ["number-.m4s", "000012-3f.m4s", "number-12", "number-x.m4s"] {
            assert_eq!(super::number(other), None, "{other}");
        }
    }
}
