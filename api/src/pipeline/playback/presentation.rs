//! The two presentations of a package: the growing one, cut where all its renditions are, and the complete one.

use super::{error::PlaybackError, event_window};
use crate::{pipeline::media::service::MediaError, state::AppState};
use sluice_db::{PackageRow, RenditionRow, SegmentRow};
use sluice_hls::PlaylistType;
use sluice_model::{MediaKind, PackageId, PackageStatus, RenditionRole, Timestamp, clock};

/// A rendition as players see it now.
#[derive(Debug)]
pub struct Presented {
    pub package: PackageRow,
    pub rendition: RenditionRow,
    pub segments: Vec<SegmentRow>,
    /// Whether no more segments come.
    pub ended: bool,
}

/// Which rendition is meant.
#[derive(Debug, Clone, Copy)]
pub enum Selector<'a> {
    Named(&'a str),
    /// The one by which others are cut: the first picture, or the first sound of a media without.
    Reference,
}

impl Selector<'_> {
    /// The rendition among those that are shown.
    pub fn select<'r>(self, shown: &[&'r RenditionRow]) -> Option<&'r RenditionRow> {
        match self {
            Self::Named(name) => shown.iter().find(|r| r.name == name).copied(),
            Self::Reference => shown.iter().find(|r| r.kind == MediaKind::Video).or_else(|| shown.first()).copied(),
        }
    }
}

/// Whether a presentation lists a rendition.
pub fn lists(playlist_type: PlaylistType, r: &RenditionRow) -> bool {
    match playlist_type {
        PlaylistType::Event => r.role != RenditionRole::Final,
        PlaylistType::Vod => r.role != RenditionRole::Growing,
    }
}

/// A rendition of a package, in the presentation of this type.
pub async fn present(
    state: &AppState,
    package: PackageId,
    playlist_type: PlaylistType,
    selector: Selector<'_>,
) -> Result<Presented, PlaybackError> {
    let packages = state.db.packages();
    let row = packages.find(package).await?.ok_or(PlaybackError::NotFound)?;
    let renditions = packages.renditions(package).await?;
    let shown: Vec<&RenditionRow> = renditions.iter().filter(|r| lists(playlist_type, r)).collect();
    let rendition = selector.select(&shown).ok_or(PlaybackError::NotFound)?.clone();
    let (segments, ended) = match playlist_type {
        PlaylistType::Vod if row.status != PackageStatus::Ready => return Err(MediaError::NotPlayable.into()),
        PlaylistType::Vod => (packages.segments(package, &rendition.name, i64::MAX).await?, true),
        PlaylistType::Event => growing(state, &row, &shown, &rendition).await?,
    };
    Ok(Presented { package: row, rendition, segments, ended })
}

/// The segments of a growing rendition that are revealed, and whether these are all.
async fn growing(
    state: &AppState,
    row: &PackageRow,
    shown: &[&RenditionRow],
    r: &RenditionRow,
) -> Result<(Vec<SegmentRow>, bool), PlaybackError> {
    // One prefix for all: players jump back when renditions differ in length.
    let available = shown.iter().map(|r| r.contiguous).min().unwrap_or(0);
    let finished = shown.iter().all(|r| r.contiguous == r.planned);
    let mut segments = state.db.packages().segments(row.id, &r.name, available).await?;
    let newest = segments.last().map_or(Timestamp::EPOCH, |s| s.published_at);
    let quiet_s = clock::now().duration_since(newest).as_secs_f64();
    let target_s = row.target_s.unwrap_or(6) as f64;
    let count = state
        .db
        .packages()
        .raise_revealed(row.id, event_window::delivered_segments(available, finished, quiet_s, target_s))
        .await?
        .min(available);
    if count == 0 {
        return Err(MediaError::NotPlayable.into());
    }
    segments.truncate(count as usize);
    Ok((segments, finished && count == available))
}
