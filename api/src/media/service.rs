//! The rules of media.

use super::ingest::Received;
use crate::{
    auth::Viewer,
    error::{ApiError, FieldError},
    state::AppState,
};
use sluice_common::{
    clock,
    db::{MediaPage, MediaRow, NewMedia, NewTask},
    model::{Role, TaskKind, Visibility},
};
use uuid::Uuid;

/// Memory that planning and hashing are admitted with.
const LIGHT_BYTES: i64 = 96 << 20;

/// What comes with a file.
#[derive(Debug, Default)]
pub struct Metadata {
    pub title: Option<String>,
    pub description: Option<String>,
    pub visibility: Option<String>,
    pub filename: Option<String>,
}

/// Metadata that was checked.
#[derive(Debug)]
pub struct Checked {
    title: String,
    description: String,
    visibility: Visibility,
    filename: String,
}

impl Metadata {
    /// All faults at once, before the file is taken in.
    pub fn check(self) -> Result<Checked, ApiError> {
        let mut faults = Vec::new();
        let mut fault = |field, message| faults.push(FieldError { field, message });
        let filename = printable(&self.filename.unwrap_or_default());
        let title = self.title.map(|t| printable(t.trim())).filter(|t| !t.is_empty());
        let title = title.unwrap_or_else(|| stem(&filename));
        let description: String = self
            .description
            .unwrap_or_default()
            .chars()
            .filter(|c| !c.is_control() || matches!(c, '\n' | '\t'))
            .collect();
        if title.chars().count() > 200 {
            fault("title", "at most 200 characters");
        }
        if description.chars().count() > 5000 {
            fault("description", "at most 5000 characters");
        }
        let visibility = match self.visibility.as_deref() {
            None | Some("") => Visibility::Private,
            Some(word) => word.parse().unwrap_or_else(|_| {
                fault("visibility", "public, unlisted or private");
                Visibility::Private
            }),
        };
        if faults.is_empty() {
            Ok(Checked { title, description, visibility, filename: filename.chars().take(255).collect() })
        } else {
            Err(ApiError::Invalid(faults))
        }
    }
}

/// Without control characters: they have no place in a line of text, and PostgreSQL refuses NUL.
fn printable(text: &str) -> String {
    text.chars().filter(|c| !c.is_control()).collect()
}

fn stem(filename: &str) -> String {
    let name = filename.rsplit(['/', '\\']).next().unwrap_or_default();
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let text: String = stem.chars().take(200).collect();
    if text.trim().is_empty() { "Untitled".to_owned() } else { text }
}

/// Whether this person may upload at all.
pub fn may_upload(viewer: &Viewer) -> Result<(), ApiError> {
    if viewer.role == Role::Viewer { Err(ApiError::Forbidden) } else { Ok(()) }
}

/// Completes an upload: source, package, media and first tasks in one transaction.
pub async fn create(
    state: &AppState,
    viewer: &Viewer,
    metadata: Checked,
    received: Received,
) -> Result<MediaRow, ApiError> {
    let (media, package, now) = (Uuid::now_v7(), Uuid::now_v7(), clock::now_us());
    let task = |kind: TaskKind, cores, due_us| NewTask {
        package_id: package,
        source_id: received.source,
        kind,
        name: kind.to_string(),
        payload: "{}".to_owned(),
        due_us,
        cores,
        memory_bytes: LIGHT_BYTES,
    };
    let mut tx = state.db.begin().await?;
    if !tx.complete_source(received.source, received.size_bytes, now).await? {
        return Err(ApiError::Unavailable);
    }
    tx.insert_package(package, received.source, now).await?;
    tx.insert_media(&NewMedia {
        id: media,
        owner_id: viewer.id,
        source_id: received.source,
        package_id: package,
        title: &metadata.title,
        description: &metadata.description,
        visibility: metadata.visibility,
        filename: &metadata.filename,
        now_us: now,
    })
    .await?;
    // Hashing takes disk and a core away from the first picture: its turn comes a moment later.
    tx.enqueue(&[task(TaskKind::Plan, 1, now), task(TaskKind::Hash, 0, now + 1_000_000)], now).await?;
    tx.commit().await?;
    state.wake.push(2).await;
    state.db.media(media).await?.ok_or(ApiError::Internal)
}

/// A media that this person may see; one they may not see does not exist for them.
pub async fn visible(state: &AppState, viewer: Option<&Viewer>, id: Uuid) -> Result<MediaRow, ApiError> {
    let media = state.db.media(id).await?.ok_or(ApiError::NotFound)?;
    let mine = viewer.is_some_and(|v| v.id == media.owner_id || v.role == Role::Admin);
    if mine || media.visibility != Visibility::Private { Ok(media) } else { Err(ApiError::NotFound) }
}

/// A media that this person may change.
pub async fn owned(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<MediaRow, ApiError> {
    let media = visible(state, Some(viewer), id).await?;
    if media.owner_id == viewer.id || viewer.role == Role::Admin { Ok(media) } else { Err(ApiError::Forbidden) }
}

/// One page of this person's media, newest first.
pub async fn mine(
    state: &AppState,
    viewer: &Viewer,
    before: Option<Uuid>,
    limit: u32,
) -> Result<(Vec<MediaRow>, Option<Uuid>), ApiError> {
    let page = MediaPage { owner: viewer.id, before, limit: i64::from(limit) + 1 };
    let mut rows = state.db.media_of(page).await?;
    let more = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    let next = if more { rows.last().map(|r| r.id) } else { None };
    Ok((rows, next))
}

/// Deletes a media.
pub async fn delete(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<(), ApiError> {
    let media = owned(state, viewer, id).await?;
    state.db.delete_media(media.id, clock::now_us()).await?;
    Ok(())
}

/// Sets a failed media to work again.
pub async fn retry(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<MediaRow, ApiError> {
    let media = owned(state, viewer, id).await?;
    let mut tx = state.db.begin().await?;
    if !tx.retry_package(media.package_id, clock::now_us()).await? {
        return Err(ApiError::NotFailed);
    }
    tx.commit().await?;
    state.wake.push(4).await;
    state.db.media(id).await?.ok_or(ApiError::NotFound)
}

/// The checker's report of a finished media, JSON.
pub async fn report(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<String, ApiError> {
    let media = owned(state, viewer, id).await?;
    let package = state.db.package(media.package_id).await?.ok_or(ApiError::NotFound)?;
    package.report.ok_or(ApiError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_made_of_the_file_name_and_paths_are_text() {
        let title = |name: &str| Metadata { filename: Some(name.into()), ..Default::default() }.check().unwrap().title;
        assert_eq!(title("../../etc/holiday.final.mp4"), "holiday.final");
        assert_eq!(title("C:\\films\\a.mov"), "a");
        assert_eq!(title(""), "Untitled");
    }

    #[test]
    fn private_unless_said_otherwise() {
        assert_eq!(Metadata::default().check().unwrap().visibility, Visibility::Private);
        let odd = Metadata { visibility: Some("everyone".into()), ..Default::default() };
        assert!(matches!(odd.check(), Err(ApiError::Invalid(f)) if f[0].field == "visibility"));
    }
}
