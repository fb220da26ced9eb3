//! The rules of projects. Nobody but their owner knows of them.

use super::{
    moments::{self, Moment},
    views::{ChangeProject, NewProject},
};
use crate::{
    identity::Viewer,
    paging::{Cut, PageQuery},
    pipeline::media::{service as media, service::MediaError},
    platform::PlatformError,
    state::AppState,
    text,
    validation::Faults,
};
use bytes::Bytes;
use sluice_db::{ProjectChange, ProjectRow};
use sluice_model::{DocumentFormat, DocumentId, MediaId, ProjectId, clock};
use sluice_storage::{Key, Prefix, StoreError};

/// Largest document, bytes.
pub const MOST_BYTES: usize = 1 << 20;
/// Projects of a person.
const MOST_PROJECTS: i64 = 1000;

/// A project of this person's.
pub async fn owned(state: &AppState, viewer: &Viewer, id: ProjectId) -> Result<ProjectRow, PlatformError> {
    state.db.projects().find(id).await?.filter(|p| p.owner_id == viewer.id).ok_or(PlatformError::NotFound)
}

fn titled(title: &str, faults: &mut Faults) -> String {
    let title = text::title(title);
    faults.demand((1..=200).contains(&title.chars().count()), "title", "1 to 200 characters");
    title
}

async fn about(
    state: &AppState,
    viewer: &Viewer,
    id: Option<MediaId>,
    faults: &mut Faults,
) -> Result<(), PlatformError> {
    let Some(id) = id else { return Ok(()) };
    let seen = match media::visible(state, Some(viewer), id).await {
        Ok(_) => true,
        Err(MediaError::NotFound) => false,
        Err(other) => return Err(other.into()),
    };
    faults.demand(seen, "media_id", "a media that you may see");
    Ok(())
}

/// Makes a project.
pub async fn create(state: &AppState, viewer: &Viewer, new: NewProject) -> Result<ProjectRow, PlatformError> {
    let mut faults = Faults::default();
    let title = titled(&new.title, &mut faults);
    about(state, viewer, new.media_id.map(Into::into), &mut faults).await?;
    faults.refuse()?;
    if state.db.projects().count(viewer.id).await? >= MOST_PROJECTS {
        return Err(PlatformError::TooMany("projects"));
    }
    let now = clock::now();
    let row = ProjectRow {
        id: ProjectId::new(),
        owner_id: viewer.id,
        media_id: new.media_id.map(Into::into),
        title,
        format: new.format.unwrap_or(DocumentFormat::Markdown),
        version: 0,
        object: None,
        size_bytes: 0,
        created_at: now,
        updated_at: now,
    };
    state.db.projects().insert(&row).await?;
    Ok(row)
}

/// Changes title and reference.
pub async fn change(
    state: &AppState,
    viewer: &Viewer,
    id: ProjectId,
    asked: ChangeProject,
) -> Result<ProjectRow, PlatformError> {
    owned(state, viewer, id).await?;
    let mut faults = Faults::default();
    let title = asked.title.as_deref().map(|t| titled(t, &mut faults));
    let media_id = match asked.media_id.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(text) => {
            let id: Option<MediaId> = text.parse().ok();
            faults.demand(id.is_some(), "media_id", "a media that you may see");
            about(state, viewer, id, &mut faults).await?;
            Some(id)
        }
    };
    faults.refuse()?;
    state.db.projects().change(id, &ProjectChange { title: title.as_deref(), media_id }, clock::now()).await?;
    owned(state, viewer, id).await
}

/// The document, with the row that names it: another save may have replaced both since `row` was read.
pub async fn document(
    state: &AppState,
    viewer: &Viewer,
    mut row: ProjectRow,
) -> Result<(ProjectRow, Bytes), PlatformError> {
    loop {
        let Some(object) = row.object else { return Ok((row, Bytes::new())) };
        let size = u64::try_from(row.size_bytes).unwrap_or(0);
        match state.store.read(&Key::Document { project: row.id, object }, 0..size).await {
            Ok(body) => return Ok((row, body)),
            Err(StoreError::NotFound(_)) => {
                let now = owned(state, viewer, row.id).await?;
                if now.version == row.version {
                    return Err(PlatformError::NotFound);
                }
                row = now;
            }
            Err(error) => return Err(error.into()),
        }
    }
}

/// Saves the document, if `version` is the one that is there: two people, or two tabs, overwrite nothing of
/// each other.
///
/// The object is stored first, under a name of its own; then the row names it, if the version still holds.
/// What dies in between leaves an object that the next save removes.
pub async fn save(
    state: &AppState,
    viewer: &Viewer,
    id: ProjectId,
    version: i64,
    body: Bytes,
) -> Result<ProjectRow, PlatformError> {
    let row = owned(state, viewer, id).await?;
    if body.len() > MOST_BYTES {
        return Err(PlatformError::TooLarge(MOST_BYTES as u64));
    }
    let text =
        std::str::from_utf8(&body).map_err(|_| PlatformError::BadRequest("the document is not UTF-8".to_owned()))?;
    if row.format == DocumentFormat::Json && serde_json::from_str::<serde::de::IgnoredAny>(text).is_err() {
        return Err(PlatformError::BadRequest("the document is not JSON".to_owned()));
    }
    if row.version != version {
        return Err(PlatformError::VersionMismatch(row.version));
    }
    // What is there before this version's row changes is older, or a stray. What comes later may be the next one.
    let older = state.store.list(&Prefix::Project(id)).await?;
    let (object, size) = (DocumentId::random(), body.len() as i64);
    let key = Key::Document { project: id, object };
    state.store.put(&key, body).await?;
    if !state.db.projects().save_document(id, version, object, size, clock::now()).await? {
        state.store.delete(&key).await?;
        let now = owned(state, viewer, id).await?;
        return Err(PlatformError::VersionMismatch(now.version));
    }
    // Whoever was storing one of them has the version that is no more, and will be refused.
    for old in older {
        state.store.delete(&old).await?;
    }
    owned(state, viewer, id).await
}

/// Deletes a project with its document.
pub async fn delete(state: &AppState, viewer: &Viewer, id: ProjectId) -> Result<(), PlatformError> {
    owned(state, viewer, id).await?;
    if state.db.projects().delete(id, clock::now()).await? { Ok(()) } else { Err(PlatformError::NotFound) }
}

/// The time stamps in a document.
pub async fn moments(state: &AppState, viewer: &Viewer, row: ProjectRow) -> Result<Vec<Moment>, PlatformError> {
    let (row, body) = document(state, viewer, row).await?;
    Ok(match row.format {
        DocumentFormat::Markdown => moments::of_markdown(&String::from_utf8_lossy(&body)),
        DocumentFormat::Json => serde_json::from_slice(&body).map(|v| moments::of_json(&v)).unwrap_or_default(),
    })
}

/// This person's projects, newest first.
pub async fn list(state: &AppState, viewer: &Viewer, page: &PageQuery) -> Result<Cut<ProjectRow>, PlatformError> {
    Ok(page.cut(state.db.projects().of_owner(viewer.id, page.cursor(), page.rows()).await?, |r| r.id))
}
