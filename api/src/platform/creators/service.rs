//! The rules of profiles, subscriptions and blocks.

use super::views::ChangeProfile;
use crate::{error::ApiError, identity::Viewer, state::AppState, text, validation::Faults};
use sluice_db::{CreatorRow, ProfileChange};
use sluice_model::clock;
use uuid::Uuid;

/// A creator.
pub async fn creator(state: &AppState, id: Uuid) -> Result<CreatorRow, ApiError> {
    state.db.creator(id).await?.ok_or(ApiError::NotFound)
}

/// Changes one's profile.
pub async fn change(state: &AppState, viewer: &Viewer, request: ChangeProfile) -> Result<(), ApiError> {
    let name = request.display_name.map(|n| text::title(&n));
    let bio = request.bio.map(|b| text::lines(&b));
    let mut faults = Faults::default();
    faults.demand(name.as_ref().is_none_or(|n| n.chars().count() <= 80), "display_name", "at most 80 characters");
    faults.demand(bio.as_ref().is_none_or(|b| b.chars().count() <= 2000), "bio", "at most 2000 characters").refuse()?;
    let change =
        ProfileChange { display_name: name.as_deref(), bio: bio.as_deref(), keeps_history: request.keeps_history };
    Ok(state.db.change_profile(viewer.id, &change).await?)
}

/// Follows a creator. Safe to repeat.
pub async fn subscribe(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<(), ApiError> {
    creator(state, id).await?;
    if id == viewer.id || state.db.is_blocked(id, viewer.id).await? {
        return Err(ApiError::Forbidden);
    }
    let mut tx = state.db.begin().await?;
    tx.subscribe(viewer.id, id, clock::now_us()).await?;
    Ok(tx.commit().await?)
}

/// Follows a creator no more. Safe to repeat.
pub async fn unsubscribe(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<(), ApiError> {
    let mut tx = state.db.begin().await?;
    tx.unsubscribe(viewer.id, id, clock::now_us()).await?;
    Ok(tx.commit().await?)
}

/// Keeps somebody's comments out of one's sight and off one's media; they follow one no more.
pub async fn block(state: &AppState, viewer: &Viewer, id: Uuid) -> Result<(), ApiError> {
    state.db.user(id).await?.filter(|u| u.id != viewer.id).ok_or(ApiError::NotFound)?;
    let mut tx = state.db.begin().await?;
    tx.block(viewer.id, id, clock::now_us()).await?;
    Ok(tx.commit().await?)
}
