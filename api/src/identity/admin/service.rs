//! The rules of administration.

use super::views::UserQuery;
use crate::{
    client::Client,
    identity::{
        IdentityError, Viewer,
        audit::{Event, note},
    },
    paging::{Cut, PageQuery},
    state::{AppState, Stale},
    text,
    validation::Faults,
};
use sluice_db::{AuditPage, AuditRow, CreatorRequestRow, UserFilter, UserRow};
use sluice_model::{CreatorRequestId, CreatorRequestStatus, Role, UserId, clock};

/// Sets a role. It counts from the account's next request on.
pub async fn set_role(
    state: &AppState,
    client: &Client,
    admin: &Viewer,
    id: UserId,
    role: Role,
) -> Result<UserRow, IdentityError> {
    let before = state.db.users().find(id).await?.ok_or(IdentityError::NotFound)?;
    let mut tx = state.db.begin().await?;
    if !tx.users().set_role(id, role).await? {
        return Err(IdentityError::LastAdmin);
    }
    tx.commit().await?;
    state.forget(Stale::People).await;
    let detail = format!("{} -> {role}", before.role);
    note(state, client, Event::RoleChanged, Some(id), Some(admin.id), &detail).await;
    state.db.users().find(id).await?.ok_or(IdentityError::NotFound)
}

/// Grants or refuses a request to become a creator.
pub async fn decide(
    state: &AppState,
    client: &Client,
    admin: &Viewer,
    id: CreatorRequestId,
    status: CreatorRequestStatus,
    answer: Option<&str>,
) -> Result<CreatorRequestRow, IdentityError> {
    let answer = answer.map(text::lines);
    let fits = answer.as_ref().is_none_or(|a| a.chars().count() <= 1000);
    Faults::default().demand(fits, "answer", "at most 1000 characters").refuse()?;
    state.db.creator_requests().find(id).await?.ok_or(IdentityError::NotFound)?;
    let granted = status == CreatorRequestStatus::Granted;
    let mut tx = state.db.begin().await?;
    let decided = tx.creator_requests().decide(id, status, answer.as_deref(), clock::now()).await?;
    let user = decided.ok_or(IdentityError::AlreadyDecided)?;
    // Whoever was given another role meanwhile keeps it.
    let still_viewer = tx.users().lock(user).await?.is_some_and(|u| u.role == Role::Viewer);
    if granted && still_viewer {
        tx.users().set_role(user, Role::Creator).await?;
    }
    tx.commit().await?;
    let event = if granted { Event::CreatorGranted } else { Event::CreatorRefused };
    note(state, client, event, Some(user), Some(admin.id), "").await;
    state.db.creator_requests().find(id).await?.ok_or(IdentityError::NotFound)
}

/// The accounts that are asked for, newest first.
pub async fn users(state: &AppState, query: &UserQuery, page: &PageQuery) -> Result<Cut<UserRow>, IdentityError> {
    let text = query.q.as_deref().map(text::line);
    let filter = UserFilter { text: text.as_deref(), role: query.role, banned: query.banned };
    Ok(page.cut(state.db.users().page(filter, page.cursor(), page.rows()).await?, |r| r.id))
}

/// Removes an account with its media and everything personal, as its owner could. Administrators are asked to step down
/// first.
pub async fn remove(state: &AppState, client: &Client, admin: &Viewer, id: UserId) -> Result<(), IdentityError> {
    let now = clock::now();
    let mut tx = state.db.begin().await?;
    let user = tx.users().lock(id).await?.ok_or(IdentityError::NotFound)?;
    if user.role == Role::Admin {
        return Err(IdentityError::Forbidden);
    }
    tx.users().delete_media_of(id, now).await?;
    tx.users().delete(id, now).await?;
    tx.commit().await?;
    state.forget(Stale::Everything).await;
    note(state, client, Event::AccountDeleted, Some(id), Some(admin.id), "by an administrator").await;
    Ok(())
}

/// Requests to become a creator that stand so, newest first.
pub async fn creator_requests(
    state: &AppState,
    status: CreatorRequestStatus,
    page: &PageQuery,
) -> Result<Cut<CreatorRequestRow>, IdentityError> {
    Ok(page.cut(state.db.creator_requests().page(status, page.cursor(), page.rows()).await?, |r| r.id))
}

/// The log of security events, of one account or one kind where that is asked for.
pub async fn audit(
    state: &AppState,
    user: Option<UserId>,
    kind: Option<&str>,
    page: &PageQuery,
) -> Result<Cut<AuditRow>, IdentityError> {
    // PostgreSQL refuses NUL in text, and no kind has one.
    let kind = kind.filter(|k| !k.is_empty());
    if kind.is_some_and(|k| k.chars().any(char::is_control)) {
        return Ok((Vec::new(), None));
    }
    let asked = AuditPage { user, kind, before: page.cursor(), limit: page.rows() };
    Ok(page.cut(state.db.audit().page(asked).await?, |r| r.id))
}
