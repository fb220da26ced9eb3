//! Still pictures of a media, the poster and the storyboard with its sheets, and the shape of its sound. Who may play the media may see them.

use super::{error::PlaybackError, file::File};
use crate::state::AppState;
use sluice_db::{ImageRow, MediaRow};
use sluice_hls::{Sheet, storyboard_webvtt, waveform_json};
use sluice_model::{ImageKind, PackageId, PictureId, PictureKind};
use sluice_storage::{IMAGES, Key};

/// Name of the WebVTT file of the storyboard, beside its sheets.
const STORYBOARD: &str = "storyboard.vtt";
/// Name of the shape of the sound.
const WAVEFORM: &str = "waveform.json";
/// How long the last tile stands of a film whose end is not known, milliseconds.
const LAST_MS: u64 = 10_000;

/// A file below [`IMAGES`].
pub async fn file(
    state: &AppState,
    media: &MediaRow,
    package: PackageId,
    name: &str,
    is_public: bool,
) -> Result<File, PlaybackError> {
    if name == STORYBOARD {
        return storyboard(state, package).await.map(File::Storyboard);
    }
    if name == WAVEFORM {
        return waveform(state, package).await.map(File::Json);
    }
    let chosen = name.strip_suffix(".jpg").and_then(|id| id.parse::<PictureId>().ok());
    let (key, tag, size_bytes) = match chosen {
        Some(id) => {
            let row = state.db.pictures().find(id).await?;
            let own = row.filter(|p| p.kind == PictureKind::Poster && p.owner_id == media.id.into());
            (Key::Picture(id), name.to_owned(), own.ok_or(PlaybackError::NotFound)?.size_bytes)
        }
        None => {
            let (file, size_bytes) = object(state, package, name).await?.ok_or(PlaybackError::NotFound)?;
            (Key::RenditionFile { package, rendition: IMAGES.to_owned(), file: file.clone() }, file, size_bytes)
        }
    };
    Ok(File::Object { key, tag, size_bytes: size_bytes.unsigned_abs(), is_public })
}

/// A published picture and its size. A page that was given a poster may ask for it after a better one took its place: it gets
/// that one.
async fn object(state: &AppState, package: PackageId, name: &str) -> Result<Option<(String, i64)>, PlaybackError> {
    if let Some(size_bytes) = state.db.images().size_of(package, name).await? {
        return Ok(Some((name.to_owned(), size_bytes)));
    }
    let of_a_poster = name.strip_prefix(ImageKind::Poster.as_str()).is_some_and(|rest| rest.starts_with('-'));
    if !of_a_poster {
        return Ok(None);
    }
    let images = state.db.images().of_package(package).await?;
    Ok(images.into_iter().find(|i| i.kind == ImageKind::Poster).map(|i| (i.object, i.size_bytes)))
}

async fn storyboard(state: &AppState, package: PackageId) -> Result<String, PlaybackError> {
    let row = state.db.packages().find(package).await?.ok_or(PlaybackError::NotFound)?;
    let images = state.db.images().of_package(package).await?;
    let sheets = images.iter().filter(|i| i.kind == ImageKind::Sheet).map(sheet);
    let sheets = sheets.collect::<Option<Vec<Sheet>>>().ok_or(PlaybackError::Internal)?;
    let last_ms = sheets.last().and_then(|s| s.times_ms.last().copied()).ok_or(PlaybackError::NotFound)?;
    let duration_ms = row.duration_ms.map_or(last_ms + LAST_MS, i64::unsigned_abs);
    Ok(storyboard_webvtt(&sheets, duration_ms))
}

async fn waveform(state: &AppState, package: PackageId) -> Result<String, PlaybackError> {
    let row = state.db.packages().find(package).await?.ok_or(PlaybackError::NotFound)?;
    let peaks = state.db.packages().peaks(package).await?;
    if peaks.is_empty() {
        return Err(PlaybackError::NotFound);
    }
    let segments: Vec<(u64, Vec<u8>)> = peaks.into_iter().map(|(ticks, peaks)| (ticks.unsigned_abs(), peaks)).collect();
    Ok(waveform_json(&segments, row.duration_ms.unwrap_or(0).unsigned_abs()))
}

fn sheet(row: &ImageRow) -> Option<Sheet> {
    let pixels = |n: i64| u32::try_from(n).ok();
    Some(Sheet {
        uri: row.object.clone(),
        size: (pixels(row.width)?, pixels(row.height)?),
        times_ms: serde_json::from_str(&row.times_ms).ok()?,
    })
}
