//! The rules of one's own account.

use super::views::{ChangePassword, DeleteAccount, MediaFate};
use crate::{
    error::ApiError,
    http::extract::Caller,
    identity::{
        Viewer,
        audit::{Event, note},
    },
    state::{AppState, mail::Letter},
    text,
    validation::Faults,
};
use sluice_db::{CreatorRequestRow, Tx, UserRow};
use sluice_model::{RateLimit, Role, clock};
use uuid::Uuid;

/// The account, once its password has been typed again. Guesses are limited like logins.
async fn confirmed(state: &AppState, viewer: &Viewer, password: String) -> Result<UserRow, ApiError> {
    let user = state.db.user(viewer.id).await?.ok_or(ApiError::Unauthenticated)?;
    let subject = user.id.to_string();
    state.limits.take(RateLimit::LoginAccount, &subject).await?;
    let stored = Some(user.password_hash.clone());
    if password.len() > 1024 || !state.hashing.verify(password, stored).await? {
        return Err(ApiError::WrongPassword);
    }
    state.limits.give_back(RateLimit::LoginAccount, &subject).await?;
    Ok(user)
}

/// What was confirmed still holds: hashing takes a while, in which the password may have been replaced
/// and the session ended.
async fn still(tx: &mut Tx, confirmed: &UserRow, viewer: &Viewer) -> Result<(), ApiError> {
    let now = tx.lock_user(confirmed.id).await?.ok_or(ApiError::Unauthenticated)?;
    if now.password_hash != confirmed.password_hash {
        return Err(ApiError::WrongPassword);
    }
    let live = match viewer.session {
        Some(session) => tx.session_is_live(session, clock::now_us()).await?,
        None => false,
    };
    if live { Ok(()) } else { Err(ApiError::Unauthenticated) }
}

/// Changes the password. All other sessions end.
pub async fn change_password(
    state: &AppState,
    caller: &Caller,
    viewer: &Viewer,
    request: ChangePassword,
) -> Result<(), ApiError> {
    let user = confirmed(state, viewer, request.current_password).await?;
    Faults::default().password(&request.new_password, &[&user.username, &user.email]).refuse()?;
    let hash = state.hashing.hash(request.new_password).await?;
    let mut tx = state.db.begin().await?;
    still(&mut tx, &user, viewer).await?;
    tx.set_password(user.id, &hash).await?;
    tx.revoke_sessions(user.id, viewer.session, clock::now_us()).await?;
    tx.forget_mail_tokens(user.id).await?;
    tx.commit().await?;
    note(state, caller, Event::PasswordChanged, Some(user.id), Some(user.id), "").await;
    state.mailer.send(&user.email, &Letter::PasswordChanged { username: user.username });
    Ok(())
}

/// Ends one session of the account.
pub async fn end_session(state: &AppState, caller: &Caller, viewer: &Viewer, id: Uuid) -> Result<(), ApiError> {
    if !state.db.revoke_session(viewer.id, id, clock::now_us()).await? {
        return Err(ApiError::NotFound);
    }
    note(state, caller, Event::SessionEnded, Some(viewer.id), Some(viewer.id), "").await;
    Ok(())
}

/// Deletes the account. Its media go with it or to another creator, as asked, in one transaction.
pub async fn delete(
    state: &AppState,
    caller: &Caller,
    viewer: &Viewer,
    request: DeleteAccount,
) -> Result<(), ApiError> {
    // What a ban has taken out of sight does not come back under another name.
    if viewer.banned && request.media == MediaFate::HandOver {
        return Err(ApiError::Banned);
    }
    let heir = match (request.media, &request.hand_over_to) {
        (MediaFate::Delete, None) => None,
        (MediaFate::HandOver, Some(name)) => Some(heir(state, viewer, name).await?),
        _ => {
            let mut faults = Faults::default();
            faults.demand(false, "hand_over_to", "the user name of a creator, with media \"hand_over\" alone");
            return Ok(faults.refuse()?);
        }
    };
    let user = confirmed(state, viewer, request.password).await?;
    let now = clock::now_us();
    let mut tx = state.db.begin().await?;
    // Administrators step down first, so that one is always left.
    if !tx.set_role(user.id, Role::Viewer).await? {
        return Err(ApiError::LastAdmin);
    }
    still(&mut tx, &user, viewer).await?;
    match heir {
        Some(heir) => {
            tx.lock_user(heir).await?.ok_or(ApiError::NotFound)?;
            tx.hand_over_media(user.id, heir).await?
        }
        None => tx.delete_media_of(user.id, now).await?,
    };
    tx.delete_user(user.id, now).await?;
    tx.commit().await?;
    // Nothing personal: not even where it was done from.
    let nobody = Caller { address: std::net::Ipv4Addr::UNSPECIFIED.into(), agent: String::new(), ..caller.clone() };
    note(state, &nobody, Event::AccountDeleted, Some(user.id), Some(user.id), "").await;
    if let Some(heir) = heir {
        note(state, &nobody, Event::MediaReceived, Some(heir), Some(user.id), "of a deleted account").await;
    }
    Ok(())
}

async fn heir(state: &AppState, viewer: &Viewer, name: &str) -> Result<Uuid, ApiError> {
    let found =
        if Faults::default().username(name).refuse().is_ok() { state.db.user_by_name(name).await? } else { None };
    let heir = found.filter(|u| u.role != Role::Viewer && u.id != viewer.id).map(|u| u.id);
    let mut faults = Faults::default();
    faults.demand(heir.is_some(), "hand_over_to", "no other creator has this name").refuse()?;
    heir.ok_or(ApiError::NotFound)
}

/// Asks to become a creator.
pub async fn ask_creator(
    state: &AppState,
    caller: &Caller,
    viewer: &Viewer,
    message: &str,
) -> Result<CreatorRequestRow, ApiError> {
    if viewer.role != Role::Viewer {
        return Err(ApiError::AlreadyCreator);
    }
    let message = text::lines(message);
    Faults::default().demand(message.chars().count() <= 1000, "message", "at most 1000 characters").refuse()?;
    let id = Uuid::now_v7();
    if !state.db.insert_creator_request(id, viewer.id, &message, clock::now_us()).await? {
        return Err(ApiError::RequestPending);
    }
    note(state, caller, Event::CreatorRequested, Some(viewer.id), Some(viewer.id), "").await;
    state.db.creator_request(id).await?.ok_or(ApiError::Internal)
}
