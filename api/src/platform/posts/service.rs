//! The rules of posts.

use super::{
    html,
    views::{ChangePost, NewPost, PostQuery},
};
use crate::{
    identity::Viewer,
    paging::{self, Cut, PageQuery},
    pipeline::media::service as media,
    platform::PlatformError,
    state::AppState,
    text,
    validation::Faults,
};
use sluice_db::{CreatorRow, MediaRow, PostChange, PostRow};
use sluice_model::{PostId, RateLimit, Role, UserId, clock};

/// Entries of a feed.
const MOST_ENTRIES: i64 = 20;
/// Episodes in a podcast: players show no others.
const MOST_EPISODES: i64 = 500;
/// Media of one post.
const MOST_EMBEDDED: usize = 50;

/// A post that this person may read: a draft is its author's alone.
pub async fn visible(state: &AppState, viewer: Option<&Viewer>, id: PostId) -> Result<PostRow, PlatformError> {
    let row = state.db.posts().find(id).await?.ok_or(PlatformError::NotFound)?;
    let own = viewer.is_some_and(|v| v.id == row.author_id || v.role == Role::Admin);
    if own || (row.published_at.is_some() && !row.hidden) { Ok(row) } else { Err(PlatformError::NotFound) }
}

/// A post that this person may change.
pub async fn owned(state: &AppState, viewer: &Viewer, id: PostId) -> Result<PostRow, PlatformError> {
    let row = visible(state, Some(viewer), id).await?;
    if row.author_id == viewer.id || viewer.role == Role::Admin { Ok(row) } else { Err(PlatformError::Forbidden) }
}

async fn check(
    state: &AppState,
    viewer: &Viewer,
    title: Option<&str>,
    body: Option<&str>,
) -> Result<(), PlatformError> {
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
pub async fn create(state: &AppState, viewer: &Viewer, new: NewPost) -> Result<PostRow, PlatformError> {
    state.limits.take(RateLimit::Post, &viewer.id.to_string()).await?;
    let (title, body) = (text::title(&new.title), text::lines(&new.body));
    check(state, viewer, Some(&title), Some(&body)).await?;
    let (id, now) = (PostId::new(), clock::now());
    let row = PostRow {
        id,
        author_id: viewer.id,
        author_name: String::new(),
        author_display_name: String::new(),
        author_avatar_id: None,
        title,
        body,
        published_at: new.published.then_some(now),
        created_at: now,
        edited_at: now,
        hidden: false,
    };
    state.db.posts().insert(&row).await?;
    state.db.posts().find(id).await?.ok_or(PlatformError::Internal)
}

/// Changes a post; publishes it, or takes it back.
pub async fn change(
    state: &AppState,
    viewer: &Viewer,
    id: PostId,
    asked: ChangePost,
) -> Result<PostRow, PlatformError> {
    owned(state, viewer, id).await?;
    let (title, body) = (asked.title.map(|t| text::title(&t)), asked.body.map(|b| text::lines(&b)));
    check(state, viewer, title.as_deref(), body.as_deref()).await?;
    let change = PostChange { title: title.as_deref(), body: body.as_deref(), published: asked.published };
    state.db.posts().change(id, &change, clock::now()).await?;
    state.db.posts().find(id).await?.ok_or(PlatformError::NotFound)
}

/// Deletes a post.
pub async fn delete(state: &AppState, viewer: &Viewer, id: PostId) -> Result<(), PlatformError> {
    owned(state, viewer, id).await?;
    if state.db.posts().delete(id).await? { Ok(()) } else { Err(PlatformError::NotFound) }
}

impl PostQuery {
    fn limit(&self) -> usize {
        self.limit.unwrap_or(20).clamp(1, 20) as usize
    }
}

/// Published posts, of one creator or of everybody, latest first.
pub async fn published(
    state: &AppState,
    creator: Option<UserId>,
    query: &PostQuery,
) -> Result<Cut<PostRow, String>, PlatformError> {
    let before = paging::read_instant(query.cursor.as_deref())?;
    let rows = query.limit() as i64 + 1;
    let rows = match creator {
        Some(id) => state.db.posts().published_of(id, before, rows).await?,
        None => state.db.posts().published(before, rows).await?,
    };
    let at = |r: &PostRow| paging::write_instant((r.published_at.unwrap_or_default(), r.id));
    Ok(paging::cut(rows, query.limit(), at))
}

/// One's own posts, drafts too, newest first.
pub async fn own(state: &AppState, viewer: &Viewer, page: &PageQuery) -> Result<Cut<PostRow>, PlatformError> {
    Ok(page.cut(state.db.posts().of_author(viewer.id, page.cursor(), page.rows()).await?, |r| r.id))
}

async fn creator(state: &AppState, id: UserId) -> Result<CreatorRow, PlatformError> {
    state.db.people().creator(id).await?.ok_or(PlatformError::NotFound)
}

/// A creator with the latest posts.
pub async fn latest(state: &AppState, id: UserId) -> Result<(CreatorRow, Vec<PostRow>), PlatformError> {
    let creator = creator(state, id).await?;
    Ok((creator, state.db.posts().published_of(id, None, MOST_ENTRIES).await?))
}

/// A creator with the latest public sound, and the media type of each original.
pub async fn episodes(state: &AppState, id: UserId) -> Result<(CreatorRow, Vec<(MediaRow, String)>), PlatformError> {
    let creator = creator(state, id).await?;
    Ok((creator, state.db.catalogue().public_sound_of(id, MOST_EPISODES).await?))
}
