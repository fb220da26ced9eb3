//! The rules of profiles, subscriptions and blocks.

use super::views::{ChangeProfile, NameQuery};
use crate::{
    identity::Viewer,
    paging::{self, Cut, PageQuery},
    platform::PlatformError,
    state::AppState,
    text,
    validation::Faults,
};
use sluice_db::{CreatorRow, MediaRow, OwnProfileRow, ProfileChange, SubscriptionRow};
use sluice_model::{PublicationId, UserId, clock};

/// Longest user name, characters.
const LONGEST_NAME: usize = 32;

/// A creator.
pub async fn creator(state: &AppState, id: UserId) -> Result<CreatorRow, PlatformError> {
    state.db.people().creator(id).await?.ok_or(PlatformError::NotFound)
}

/// A creator by identifier or user name. No name is as long as an identifier with its hyphens.
async fn found(state: &AppState, name: &str) -> Result<CreatorRow, PlatformError> {
    match name.parse::<UserId>() {
        Ok(id) if name.len() > LONGEST_NAME => creator(state, id).await,
        _ if Faults::default().username(name).refuse().is_err() => Err(PlatformError::NotFound),
        _ => state.db.people().creator_by_name(name).await?.ok_or(PlatformError::NotFound),
    }
}

/// One's own profile.
pub async fn own(state: &AppState, viewer: &Viewer) -> Result<OwnProfileRow, PlatformError> {
    state.db.people().own_profile(viewer.id).await?.ok_or(PlatformError::NotFound)
}

/// Changes one's profile.
pub async fn change(state: &AppState, viewer: &Viewer, request: ChangeProfile) -> Result<(), PlatformError> {
    let name = request.display_name.map(|n| text::title(&n));
    let bio = request.bio.map(|b| text::lines(&b));
    let mut faults = Faults::default();
    faults.demand(name.as_ref().is_none_or(|n| n.chars().count() <= 80), "display_name", "at most 80 characters");
    faults.demand(bio.as_ref().is_none_or(|b| b.chars().count() <= 2000), "bio", "at most 2000 characters").refuse()?;
    let change =
        ProfileChange { display_name: name.as_deref(), bio: bio.as_deref(), keeps_history: request.keeps_history };
    Ok(state.db.people().change_profile(viewer.id, &change).await?)
}

/// Follows a creator. Safe to repeat.
pub async fn subscribe(state: &AppState, viewer: &Viewer, id: UserId) -> Result<(), PlatformError> {
    creator(state, id).await?;
    if id == viewer.id || state.db.people().is_blocked(id, viewer.id).await? {
        return Err(PlatformError::Forbidden);
    }
    let mut tx = state.db.begin().await?;
    tx.people().subscribe(viewer.id, id, clock::now()).await?;
    Ok(tx.commit().await?)
}

/// Follows a creator no more. Safe to repeat.
pub async fn unsubscribe(state: &AppState, viewer: &Viewer, id: UserId) -> Result<(), PlatformError> {
    let mut tx = state.db.begin().await?;
    tx.people().unsubscribe(viewer.id, id, clock::now()).await?;
    Ok(tx.commit().await?)
}

/// Keeps somebody's comments out of one's sight and off one's media; they follow one no more.
pub async fn block(state: &AppState, viewer: &Viewer, id: UserId) -> Result<(), PlatformError> {
    state.db.users().find(id).await?.filter(|u| u.id != viewer.id).ok_or(PlatformError::NotFound)?;
    let mut tx = state.db.begin().await?;
    tx.people().block(viewer.id, id, clock::now()).await?;
    Ok(tx.commit().await?)
}

/// Ends a block. Safe to repeat.
pub async fn unblock(state: &AppState, viewer: &Viewer, id: UserId) -> Result<(), PlatformError> {
    Ok(state.db.people().unblock(viewer.id, id).await?)
}

impl NameQuery {
    fn rows(&self) -> i64 {
        paging::limit(self.limit) as i64 + 1
    }

    fn cut(&self, rows: Vec<CreatorRow>) -> Cut<CreatorRow, String> {
        paging::cut(rows, paging::limit(self.limit), |r| r.username.to_lowercase())
    }

    fn after(&self) -> String {
        text::line(self.cursor.as_deref().unwrap_or_default()).to_lowercase()
    }
}

/// Creators whose names begin so, in the order of their names.
pub async fn creators(state: &AppState, query: &NameQuery) -> Result<Cut<CreatorRow, String>, PlatformError> {
    let prefix = text::line(query.prefix.as_deref().unwrap_or_default()).to_lowercase();
    Ok(query.cut(state.db.people().creators(&prefix, &query.after(), query.rows()).await?))
}

/// Whom one has blocked, in the order of their names.
pub async fn blocks(
    state: &AppState,
    viewer: &Viewer,
    query: &NameQuery,
) -> Result<Cut<CreatorRow, String>, PlatformError> {
    Ok(query.cut(state.db.people().blocked(viewer.id, &query.after(), query.rows()).await?))
}

/// A creator, and whether this person has subscribed.
pub async fn profile(
    state: &AppState,
    viewer: Option<&Viewer>,
    name: &str,
) -> Result<(CreatorRow, bool), PlatformError> {
    let row = found(state, name).await?;
    let subscribed = match viewer {
        Some(v) => state.db.people().is_subscribed(v.id, row.id).await?,
        None => false,
    };
    Ok((row, subscribed))
}

/// A creator's public media, newest first.
pub async fn media(state: &AppState, name: &str, page: &PageQuery) -> Result<Cut<MediaRow>, PlatformError> {
    let id = found(state, name).await?.id;
    let rows = state.db.catalogue().public_media_of(id, page.cursor(), page.rows()).await?;
    Ok(page.cut(rows, |r| r.published_id.map_or(r.id.uuid(), PublicationId::uuid)))
}

/// Whom one follows, newest first.
pub async fn subscriptions(
    state: &AppState,
    viewer: &Viewer,
    page: &PageQuery,
) -> Result<Cut<SubscriptionRow>, PlatformError> {
    Ok(page.cut(state.db.people().subscriptions(viewer.id, page.cursor(), page.rows()).await?, |r| r.subscription_id))
}
