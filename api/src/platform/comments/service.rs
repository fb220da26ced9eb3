//! The rules of comments.

use super::views::NewComment;
use crate::{
    identity::{IdentityError, Viewer},
    paging::{Cut, PageQuery},
    pipeline::media::service as media,
    platform::PlatformError,
    state::{AppState, News},
    text,
    validation::Faults,
};
use sluice_db as db;
use sluice_db::{CommentPage, CommentRow, MediaRow};
use sluice_model::{ClientKey, CommentId, MediaId, RateLimit, Role, clock};

/// Longest comment, characters.
const LONGEST: usize = 2000;

fn checked(body: &str, faults: &mut Faults) -> String {
    let body = text::lines(body.trim());
    faults.demand((1..=LONGEST).contains(&body.chars().count()), "body", "1 to 2000 characters");
    body
}

/// Stores a comment; `known` hears its identifier before anybody is told of it. The same `client_key` again gives
/// the comment that is there, and `false`.
pub async fn create(
    state: &AppState,
    viewer: &Viewer,
    media_id: MediaId,
    new: NewComment,
    known: impl FnOnce(CommentId),
) -> Result<(CommentRow, bool), PlatformError> {
    if viewer.banned {
        return Err(IdentityError::Banned.into());
    }
    let media = media::visible(state, Some(viewer), media_id).await?;
    let client_key = new.client_key.map(ClientKey::from);
    if let Some(key) = client_key
        && let Some(there) = state.db.comments().by_idempotency_key(viewer.id, key).await?
    {
        return Ok((there, false));
    }
    state.limits.take(RateLimit::Comment, &viewer.id.to_string()).await?;
    if state.db.people().is_blocked(media.owner_id, viewer.id).await? {
        return Err(PlatformError::Forbidden);
    }
    let mut faults = Faults::default();
    let body = checked(&new.body, &mut faults);
    let moment = new.at_ms.is_none_or(|at| at >= 0 && media.duration_ms.is_none_or(|d| at <= d));
    faults.demand(moment, "at_ms", "a moment of the film");
    let parent_id = match new.parent_id {
        None => None,
        Some(parent) => thread(state, &media, parent.into(), &mut faults).await?,
    };
    faults.refuse()?;
    let row = db::NewComment {
        media_id,
        author_id: viewer.id,
        parent_id,
        body: &body,
        at_ms: new.at_ms,
        client_key,
        now: clock::now(),
    };
    let mut tx = state.db.begin().await?;
    let stored = tx.comments().insert(&row).await?;
    if let Some(id) = stored {
        known(id);
        state.hub.commit(tx, News::Created { media: media_id }).await?;
    }
    let there = match (stored, client_key) {
        (Some(id), _) => state.db.comments().find(id).await?,
        (None, Some(key)) => state.db.comments().by_idempotency_key(viewer.id, key).await?,
        (None, None) => None,
    };
    Ok((there.ok_or(PlatformError::NotFound)?, stored.is_some()))
}

/// The comment that a thread begins with.
async fn thread(
    state: &AppState,
    media: &MediaRow,
    parent: CommentId,
    faults: &mut Faults,
) -> Result<Option<CommentId>, PlatformError> {
    let row = state.db.comments().find(parent).await?.filter(|c| c.media_id == media.id);
    faults.demand(row.is_some(), "parent_id", "a comment of the same media");
    Ok(row.map(|r| r.parent_id.unwrap_or(parent)))
}

/// The beginnings of a media's threads, newest first.
pub async fn list(
    state: &AppState,
    viewer: Option<&Viewer>,
    media: MediaId,
    page: &PageQuery,
) -> Result<Cut<CommentRow>, PlatformError> {
    media::visible(state, viewer, media).await?;
    thread_page(state, viewer, media, None, page).await
}

/// The answers to a comment, oldest first.
pub async fn replies(
    state: &AppState,
    viewer: Option<&Viewer>,
    id: CommentId,
    page: &PageQuery,
) -> Result<Cut<CommentRow>, PlatformError> {
    let (row, _) = visible(state, viewer, id).await?;
    thread_page(state, viewer, row.media_id, Some(id), page).await
}

async fn thread_page(
    state: &AppState,
    viewer: Option<&Viewer>,
    media: MediaId,
    parent: Option<CommentId>,
    page: &PageQuery,
) -> Result<Cut<CommentRow>, PlatformError> {
    let viewer = viewer.map(|v| v.id);
    let asked = CommentPage { media, parent, cursor: page.cursor(), viewer, limit: page.rows() };
    Ok(page.cut(state.db.comments().page(asked).await?, |r| r.id))
}

/// A comment that this person may see.
pub async fn visible(
    state: &AppState,
    viewer: Option<&Viewer>,
    id: CommentId,
) -> Result<(CommentRow, MediaRow), PlatformError> {
    let row = state.db.comments().find(id).await?.ok_or(PlatformError::NotFound)?;
    let own = viewer.is_some_and(|v| v.id == row.author_id || v.role == Role::Admin);
    if row.hidden && !own {
        return Err(PlatformError::NotFound);
    }
    let media = media::visible(state, viewer, row.media_id).await?;
    Ok((row, media))
}

/// Changes one's own comment.
pub async fn edit(state: &AppState, viewer: &Viewer, id: CommentId, body: &str) -> Result<CommentRow, PlatformError> {
    let (row, media) = visible(state, Some(viewer), id).await?;
    if row.author_id != viewer.id || state.db.people().is_blocked(media.owner_id, viewer.id).await? {
        return Err(PlatformError::Forbidden);
    }
    state.limits.take(RateLimit::Comment, &viewer.id.to_string()).await?;
    let mut faults = Faults::default();
    let body = checked(body, &mut faults);
    faults.refuse()?;
    let mut tx = state.db.begin().await?;
    tx.comments().edit(id, &body, clock::now()).await?;
    state.hub.commit(tx, News::Updated { media: row.media_id, comment: id }).await?;
    state.db.comments().find(id).await?.ok_or(PlatformError::NotFound)
}

/// Deletes a comment: its author, the media's owner and administrators may.
pub async fn delete(state: &AppState, viewer: &Viewer, id: CommentId) -> Result<CommentRow, PlatformError> {
    let row = state.db.comments().find(id).await?.ok_or(PlatformError::NotFound)?;
    // What one said is one's own, also where one may not go any more.
    if row.author_id != viewer.id {
        let (_, media) = visible(state, Some(viewer), id).await?;
        if media.owner_id != viewer.id && viewer.role != Role::Admin {
            return Err(PlatformError::Forbidden);
        }
    }
    let mut tx = state.db.begin().await?;
    if !tx.comments().delete(&row).await? {
        return Err(PlatformError::NotFound);
    }
    state.hub.commit(tx, News::Deleted { media: row.media_id, comment: id }).await?;
    Ok(row)
}
