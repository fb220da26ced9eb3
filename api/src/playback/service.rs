//! Which presentation a player gets, and how much of it.

use super::growing;
use crate::{auth::Viewer, error::ApiError, media::service as media, state::AppState};
use sluice_common::{
    clock,
    db::{MediaRow, PackageRow, RenditionRow, SegmentRow},
    hls::{MediaPlaylist, PlaylistType, Rendition, Segment, multivariant},
    model::{PackageStatus, RenditionRole},
};
use uuid::Uuid;

/// Names of the two media playlists of a rendition: they are two resources, because a list must
/// never change its type.
const COMPLETE: &str = "index.m3u8";
const GROWING: &str = "event.m3u8";

/// A file of a rendition.
#[derive(Debug)]
pub enum File {
    /// A playlist.
    Playlist(String),
    /// A published object of so many bytes.
    Object { size_bytes: u64 },
}

fn in_growing(r: &RenditionRow) -> bool {
    r.role != RenditionRole::Full
}

fn in_complete(r: &RenditionRow) -> bool {
    r.role != RenditionRole::First
}

/// The multivariant playlist of a media.
pub async fn multivariant_of(state: &AppState, row: &MediaRow) -> Result<String, ApiError> {
    let renditions = state.db.renditions(row.package_id).await?;
    let package = row.package_id;
    let ready = row.status == PackageStatus::Ready;
    let file = if ready { COMPLETE } else { GROWING };
    let shown: Vec<&RenditionRow> =
        renditions.iter().filter(|r| if ready { in_complete(r) } else { in_growing(r) }).collect();
    // Failed halfway: what was published still plays for those who began, new players are told.
    let encoding = matches!(row.status, PackageStatus::Encoding | PackageStatus::Ready);
    if !encoding || shown.is_empty() || shown.iter().any(|r| r.contiguous == 0) {
        return Err(ApiError::NotPlayable);
    }
    let list: Vec<Rendition> = shown.into_iter().map(Rendition::from).collect();
    Ok(multivariant(&list, |name| format!("{package}/{name}/{file}")))
}

/// A file below a media, whose package is or was that media's.
pub async fn file(
    state: &AppState,
    viewer: Option<&Viewer>,
    id: Uuid,
    package: Uuid,
    rendition: &str,
    name: &str,
) -> Result<File, ApiError> {
    if !is_plain(rendition) || !is_plain(name) {
        return Err(ApiError::NotFound);
    }
    media::visible(state, viewer, id).await?;
    if !state.db.media_has_package(id, package).await? {
        return Err(ApiError::NotFound);
    }
    match name {
        COMPLETE => complete(state, package, rendition).await.map(File::Playlist),
        GROWING => grown(state, package, rendition).await.map(File::Playlist),
        _ => {
            let size = state.db.published_object(package, rendition, name).await?.ok_or(ApiError::NotFound)?;
            Ok(File::Object { size_bytes: size as u64 })
        }
    }
}

/// Names that this service gives; anything else is not worth a query.
fn is_plain(name: &str) -> bool {
    name.len() <= 64 && !name.starts_with('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

async fn package_row(state: &AppState, package: Uuid) -> Result<PackageRow, ApiError> {
    state.db.package(package).await?.ok_or(ApiError::NotFound)
}

async fn complete(state: &AppState, package: Uuid, rendition: &str) -> Result<String, ApiError> {
    let row = package_row(state, package).await?;
    let renditions = state.db.renditions(package).await?;
    let r = renditions.iter().find(|r| r.name == rendition && in_complete(r)).ok_or(ApiError::NotFound)?;
    if row.status != PackageStatus::Ready {
        return Err(ApiError::NotPlayable);
    }
    let segments = state.db.segments(package, rendition, i64::MAX).await?;
    render(&row, r, &segments, PlaylistType::Vod, true)
}

async fn grown(state: &AppState, package: Uuid, rendition: &str) -> Result<String, ApiError> {
    let row = package_row(state, package).await?;
    let renditions = state.db.renditions(package).await?;
    let shown: Vec<&RenditionRow> = renditions.iter().filter(|r| in_growing(r)).collect();
    let r = shown.iter().find(|r| r.name == rendition).ok_or(ApiError::NotFound)?;
    // One prefix for all: players jump back when renditions differ in length.
    let available = shown.iter().map(|r| r.contiguous).min().unwrap_or(0);
    let finished = shown.iter().all(|r| r.contiguous == r.planned);
    let mut segments = state.db.segments(package, rendition, available).await?;
    let newest = segments.last().map_or(0, |s| s.published_us);
    let quiet_s = (clock::now_us() - newest) as f64 / 1e6;
    let target_s = row.target_s.unwrap_or(6) as f64;
    let count = state.db.reveal(package, growing::shown(available, finished, quiet_s, target_s)).await?.min(available);
    if count == 0 {
        return Err(ApiError::NotPlayable);
    }
    segments.truncate(count as usize);
    render(&row, r, &segments, PlaylistType::Event, finished && count == available)
}

fn render(
    row: &PackageRow,
    r: &RenditionRow,
    segments: &[SegmentRow],
    playlist_type: PlaylistType,
    ended: bool,
) -> Result<String, ApiError> {
    let timescale = r.timescale.max(1) as f64;
    let segment = |s: &SegmentRow| Segment { uri: s.object.clone(), duration_s: s.duration_ticks as f64 / timescale };
    let playlist = MediaPlaylist {
        playlist_type,
        target_s: row.target_s.unwrap_or(6) as u64,
        map_uri: r.init_object.clone().ok_or(ApiError::NotPlayable)?,
        segments: segments.iter().map(segment).collect(),
        ended,
    };
    Ok(playlist.render())
}
