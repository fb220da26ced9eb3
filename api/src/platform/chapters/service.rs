//! The rules of chapters.

use super::views::Chapter;
use crate::{
    identity::Viewer,
    pipeline::media::service as media,
    platform::PlatformError,
    state::{AppState, Stale},
    text,
    validation::Faults,
};
use sluice_db::{ChapterRow, DbError};
use sluice_hls::chapters_webvtt;
use sluice_model::{ChapterMark, MediaId};

/// Chapters of a media.
const MOST: usize = 500;
/// Characters of a title.
const LONGEST_TITLE: usize = 200;

/// Stores chapters instead of what there was; none deletes them.
pub async fn put(
    state: &AppState,
    viewer: &Viewer,
    id: MediaId,
    chapters: Vec<Chapter>,
) -> Result<Vec<ChapterRow>, PlatformError> {
    let row = media::owned(state, viewer, id).await?;
    let list: Vec<ChapterRow> =
        chapters.into_iter().map(|c| ChapterRow { start_ms: c.start_ms, title: text::title(&c.title) }).collect();
    let titled = |c: &ChapterRow| (1..=LONGEST_TITLE).contains(&c.title.chars().count());
    let inside = |c: &ChapterRow| c.start_ms >= 0 && row.duration_ms.is_none_or(|d| c.start_ms < d);
    Faults::default()
        .demand(list.len() <= MOST, "items", "at most 500 chapters")
        .demand(list.iter().all(titled), "title", "1 to 200 characters")
        .demand(list.iter().all(inside), "start_ms", "within the media")
        .demand(list.windows(2).all(|w| w[0].start_ms < w[1].start_ms), "start_ms", "each later than the one before")
        .refuse()?;
    let mut tx = state.db.begin().await?;
    tx.chapters().replace(id, &list).await.map_err(|e| match e {
        DbError::Fenced => PlatformError::NotFound,
        other => other.into(),
    })?;
    tx.commit().await?;
    state.forget(Stale::Media { media: id }).await;
    Ok(list)
}

/// The chapters of a media that this person may see.
pub async fn list(state: &AppState, viewer: Option<&Viewer>, id: MediaId) -> Result<Vec<ChapterRow>, PlatformError> {
    media::visible(state, viewer, id).await?;
    Ok(state.db.chapters().of_media(id).await?)
}

/// The same as WebVTT.
pub async fn webvtt(state: &AppState, viewer: Option<&Viewer>, id: MediaId) -> Result<String, PlatformError> {
    let row = media::visible(state, viewer, id).await?;
    let marks: Vec<ChapterMark> = state.db.chapters().of_media(id).await?.into_iter().map(ChapterMark::from).collect();
    Ok(chapters_webvtt(&marks, row.duration_ms.unwrap_or(0).unsigned_abs()))
}
