//! The rules of administration.

use super::views::RequestStatus;
use crate::{
    error::ApiError,
    http::extract::Caller,
    identity::{
        Viewer,
        audit::{Event, note},
    },
    state::AppState,
    text,
    validation::Faults,
};
use sluice_db::{CreatorRequestRow, UserRow};
use sluice_model::{Role, clock};
use uuid::Uuid;

/// Sets a role. It counts from the account's next request on.
pub async fn set_role(
    state: &AppState,
    caller: &Caller,
    admin: &Viewer,
    id: Uuid,
    role: Role,
) -> Result<UserRow, ApiError> {
    let before = state.db.user(id).await?.ok_or(ApiError::NotFound)?;
    let mut tx = state.db.begin().await?;
    if !tx.set_role(id, role).await? {
        return Err(ApiError::LastAdmin);
    }
    tx.commit().await?;
    let detail = format!("{} -> {role}", before.role);
    note(state, caller, Event::RoleChanged, Some(id), Some(admin.id), &detail).await;
    state.db.user(id).await?.ok_or(ApiError::NotFound)
}

/// Grants or refuses a request to become a creator.
pub async fn decide(
    state: &AppState,
    caller: &Caller,
    admin: &Viewer,
    id: Uuid,
    status: RequestStatus,
    answer: Option<&str>,
) -> Result<CreatorRequestRow, ApiError> {
    let answer = answer.map(text::lines);
    let fits = answer.as_ref().is_none_or(|a| a.chars().count() <= 1000);
    Faults::default().demand(fits, "answer", "at most 1000 characters").refuse()?;
    state.db.creator_request(id).await?.ok_or(ApiError::NotFound)?;
    let granted = status == RequestStatus::Granted;
    let mut tx = state.db.begin().await?;
    let decided = tx.decide_creator_request(id, status.as_str(), answer.as_deref(), clock::now_us()).await?;
    let user = decided.ok_or(ApiError::AlreadyDecided)?;
    // Somebody who has become more meanwhile stays it.
    let still_viewer = tx.lock_user(user).await?.is_some_and(|u| u.role == Role::Viewer);
    if granted && still_viewer {
        tx.set_role(user, Role::Creator).await?;
    }
    tx.commit().await?;
    let event = if granted { Event::CreatorGranted } else { Event::CreatorRefused };
    note(state, caller, event, Some(user), Some(admin.id), "").await;
    state.db.creator_request(id).await?.ok_or(ApiError::NotFound)
}
