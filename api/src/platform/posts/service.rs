//! The rules of posts.

use super::{
    html,
    views::{ChangePost, NewPost},
};
use crate::{
    error::ApiError, identity::Viewer, pipeline::media::service as media, state::AppState, text, validation::Faults,
};
use sluice_db::{PostChange, PostRow};
use sluice_model::{RateLimit, Role, clock};
use uuid::Uuid;

/// Media of one post.
const MOST_EMBEDDED: usize = 50;

/// A post that this person may read: a draft is its author's alone.
pub async fn visible(state: &AppState, viewer: Option<&Viewer>, id: Uuid) -> Result<PostRow, ApiError> {
    let row = state.db.post(id).await?.ok_or(ApiError::NotFound)?;
    let own = viewer.is_some_and(|v| v.id == row.author_id || v.role == Role::Admin);
    if own || (row.published_us.is_some() && !row.hidden) { Ok(row) } else { Err(ApiError::NotFound) }
}

/// A post that this person may change.
pub async fn owned(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<PostRow, ApiError> {
    let row = visible(state, Some(viewer), id).await?;
    if row.author_id == viewer.id || viewer.role == Role::Admin { Ok(row) } else { Err(ApiError::Forbidden) }
}

async fn check(state: &AppState, viewer: &Viewer, title: Option<&str>, body: Option<&str>) -> Result<(), ApiError> {
    let mut faults = Faults::default();
    faults.demand(title.is_none_or(|t| (1..=200).contains(&t.chars().count())), "title", "1 to 200 characters");
    let fits = body.is_none_or(|b| b.chars().count() <= 100_000);
    faults.demand(fits, "body", "at most 100000 characters").refuse()?;
    let shallow = html::depth(body.unwrap_or_default()) <= html::DEEPEST;
    faults.demand(shallow, "body", "quotes and lists less deep in each other").refuse()?;
    let embedded = html::embedded(body.unwrap_or_default());
    faults.demand(embedded.len() <= MOST_EMBEDDED, "body", "at most 50 media").refuse()?;
    for id in embedded {
        let seen = media::visible(state, Some(viewer), id).await.is_ok();
        faults.demand(seen, "body", "a media that is embedded does not exist, or you may not see it").refuse()?;
    }
    Ok(())
}

/// Writes a post.
pub async fn create(state: &AppState, viewer: &Viewer, new: NewPost) -> Result<PostRow, ApiError> {
    state.limits.take(RateLimit::Post, &viewer.id.to_string()).await?;
    let (title, body) = (text::title(&new.title), text::lines(&new.body));
    check(state, viewer, Some(&title), Some(&body)).await?;
    let (id, now) = (Uuid::now_v7(), clock::now_us());
    let row = PostRow {
        id,
        author_id: viewer.id,
        author_name: String::new(),
        author_display_name: String::new(),
        title,
        body,
        published_us: new.published.then_some(now),
        created_us: now,
        edited_us: now,
        hidden: false,
    };
    state.db.insert_post(&row).await?;
    state.db.post(id).await?.ok_or(ApiError::Internal)
}

/// Changes a post; publishes it, or takes it back.
pub async fn change(state: &AppState, viewer: &Viewer, id: Uuid, asked: ChangePost) -> Result<PostRow, ApiError> {
    owned(state, viewer, id).await?;
    let (title, body) = (asked.title.map(|t| text::title(&t)), asked.body.map(|b| text::lines(&b)));
    check(state, viewer, title.as_deref(), body.as_deref()).await?;
    let change = PostChange { title: title.as_deref(), body: body.as_deref(), published: asked.published };
    state.db.change_post(id, &change, clock::now_us()).await?;
    state.db.post(id).await?.ok_or(ApiError::NotFound)
}

/// Deletes a post.
pub async fn delete(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<(), ApiError> {
    owned(state, viewer, id).await?;
    if state.db.delete_post(id).await? { Ok(()) } else { Err(ApiError::NotFound) }
}
