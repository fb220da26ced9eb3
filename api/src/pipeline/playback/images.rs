//! Pictures of a media, the poster, the storyboard with its sheets and the animated preview, and the shape of its sound. Who may
//! play the media may see them.

use super::{
    error::PlaybackError,
    file::{File, Lifetime, TextFile, TextKind},
};
use crate::{state::AppState, text::fingerprint};
use bytes::Bytes;
use sluice_db::{ImageRow, MediaRow};
use sluice_hls::{Sheet, animated_webp, storyboard_webvtt, waveform_json, waveform_svg};
use sluice_model::{ImageKind, PackageId, PictureId, PictureKind};
use sluice_storage::{IMAGES, Key};
use std::sync::Arc;

/// Name of the WebVTT file of the storyboard, beside its sheets.
const STORYBOARD: &str = "storyboard.vtt";
/// Name of the animated preview.
const PREVIEW: &str = "preview.webp";
/// Name of the shape of the sound.
const WAVEFORM: &str = "waveform.json";
const DRAWN_WAVEFORM: &str = "waveform.svg";
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
        return Ok(text(TextKind::Vtt, storyboard(state, package).await?));
    }
    if name == PREVIEW {
        let (bytes, tag) = preview(state, package).await?;
        return Ok(File::Animation { bytes, tag, is_public });
    }
    if name == WAVEFORM {
        let duration_ms = duration_ms(state, package).await?.unwrap_or(0);
        return Ok(text(TextKind::Json, waveform_json(&peaks(state, package).await?, duration_ms)));
    }
    if name == DRAWN_WAVEFORM {
        return Ok(text(TextKind::Svg, waveform_svg(&peaks(state, package).await?)));
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

/// A text that grows with the film.
fn text(kind: TextKind, text: String) -> File {
    File::Text(TextFile { kind, text: Arc::new(text.into()), lifetime: Lifetime::Checked })
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

/// The animated preview, and what tells it from another one.
async fn preview(state: &AppState, package: PackageId) -> Result<(Bytes, String), PlaybackError> {
    let images = state.db.images().of_package(package).await?;
    let images: Vec<ImageRow> = images.into_iter().filter(|i| i.kind == ImageKind::Preview).collect();
    let first = images.first().ok_or(PlaybackError::NotFound)?;
    let size = pixels(first.width).zip(pixels(first.height)).ok_or(PlaybackError::Internal)?;
    let mut pictures = Vec::with_capacity(images.len());
    for image in &images {
        let key = Key::RenditionFile { package, rendition: IMAGES.to_owned(), file: image.object.clone() };
        pictures.push(state.store.read(&key, 0..image.size_bytes.unsigned_abs()).await?);
    }
    let names: String = images.iter().map(|i| i.object.as_str()).collect();
    Ok((animated_webp(&pictures, size).into(), fingerprint(&names)))
}

async fn storyboard(state: &AppState, package: PackageId) -> Result<String, PlaybackError> {
    let duration_ms = duration_ms(state, package).await?;
    let images = state.db.images().of_package(package).await?;
    let sheets = images.iter().filter(|i| i.kind == ImageKind::Sheet).map(sheet);
    let sheets = sheets.collect::<Option<Vec<Sheet>>>().ok_or(PlaybackError::Internal)?;
    let last_ms = sheets.last().and_then(|s| s.times_ms.last().copied()).ok_or(PlaybackError::NotFound)?;
    Ok(storyboard_webvtt(&sheets, duration_ms.unwrap_or(last_ms + LAST_MS)))
}

/// How long a package is, if that is known.
async fn duration_ms(state: &AppState, package: PackageId) -> Result<Option<u64>, PlaybackError> {
    let row = state.db.packages().find(package).await?.ok_or(PlaybackError::NotFound)?;
    Ok(row.duration_ms.map(i64::unsigned_abs))
}

/// How long the segments of the sound are, and their peaks; there is no sound without any.
async fn peaks(state: &AppState, package: PackageId) -> Result<Vec<(u64, Vec<u8>)>, PlaybackError> {
    let peaks = state.db.packages().peaks(package).await?;
    if peaks.is_empty() {
        return Err(PlaybackError::NotFound);
    }
    Ok(peaks.into_iter().map(|(ticks, peaks)| (ticks.unsigned_abs(), peaks)).collect())
}

fn pixels(n: i64) -> Option<u32> {
    u32::try_from(n).ok()
}

fn sheet(row: &ImageRow) -> Option<Sheet> {
    Some(Sheet {
        uri: row.object.clone(),
        size: (pixels(row.width)?, pixels(row.height)?),
        times_ms: serde_json::from_str(&row.times_ms).ok()?,
    })
}
