//! The rules of one's own account.

use super::views::{ChangeEmail, ChangePassword, DeleteAccount, MediaFate};
use crate::{
    client::Client,
    identity::{
        IdentityError, Viewer,
        audit::{Event, note},
        auth::recovery_service::{send_change, send_verification},
    },
    paging::{Cut, PageQuery},
    state::{AppState, Stale, mail::Letter},
    text,
    validation::Faults,
};
use sluice_db::{AuditPage, AuditRow, CreatorRequestRow, SessionRow, Tx, UserRow};
use sluice_model::{CreatorRequestId, RateLimit, Role, SessionId, UserId, clock};

/// The account, once its password has been typed again. Guesses are limited like logins.
async fn confirmed(state: &AppState, viewer: &Viewer, password: String) -> Result<UserRow, IdentityError> {
    let user = account(state, viewer).await?;
    let subject = user.id.to_string();
    state.limits.take(RateLimit::LoginAccount, &subject).await?;
    let stored = Some(user.password_hash.clone());
    if password.len() > 1024 || !state.hashing.verify(password, stored).await? {
        return Err(IdentityError::WrongPassword);
    }
    state.limits.give_back(RateLimit::LoginAccount, &subject).await?;
    Ok(user)
}

/// What was confirmed still holds: hashing takes a while, in which the password may have been replaced
/// and the session ended.
async fn still(tx: &mut Tx, confirmed: &UserRow, viewer: &Viewer) -> Result<(), IdentityError> {
    let now = tx.users().lock(confirmed.id).await?.ok_or(IdentityError::Unauthenticated)?;
    if now.password_hash != confirmed.password_hash {
        return Err(IdentityError::WrongPassword);
    }
    let live = match viewer.session {
        Some(session) => tx.sessions().is_live(session, clock::now()).await?,
        None => false,
    };
    if live { Ok(()) } else { Err(IdentityError::Unauthenticated) }
}

/// Changes the password. All other sessions end.
pub async fn change_password(
    state: &AppState,
    client: &Client,
    viewer: &Viewer,
    request: ChangePassword,
) -> Result<(), IdentityError> {
    let user = confirmed(state, viewer, request.current_password).await?;
    Faults::default().password(&request.new_password, &[&user.username, &user.email]).refuse()?;
    let hash = state.hashing.hash(request.new_password).await?;
    let mut tx = state.db.begin().await?;
    still(&mut tx, &user, viewer).await?;
    tx.users().set_password(user.id, &hash).await?;
    tx.sessions().revoke_all(user.id, viewer.session, clock::now()).await?;
    tx.tokens().delete_mail_tokens(user.id).await?;
    tx.commit().await?;
    state.forget(Stale::People).await;
    note(state, client, Event::PasswordChanged, Some(user.id), Some(user.id), "").await;
    state.mailer.send(&user.email, &Letter::PasswordChanged { username: user.username });
    Ok(())
}

/// Asks for another address: it is the account's once it is proved.
pub async fn change_email(
    state: &AppState,
    client: &Client,
    viewer: &Viewer,
    request: ChangeEmail,
) -> Result<(), IdentityError> {
    Faults::default().email(&request.email).refuse()?;
    let user = confirmed(state, viewer, request.password).await?;
    state.limits.take(RateLimit::ResetAccount, &viewer.id.to_string()).await?;
    note(state, client, Event::EmailChangeRequested, Some(user.id), Some(user.id), "").await;
    send_change(state, &user, request.email);
    Ok(())
}

/// Ends one session of the account.
pub async fn end_session(
    state: &AppState,
    client: &Client,
    viewer: &Viewer,
    id: SessionId,
) -> Result<(), IdentityError> {
    if !state.db.sessions().revoke(viewer.id, id, clock::now()).await? {
        return Err(IdentityError::NotFound);
    }
    state.forget(Stale::People).await;
    note(state, client, Event::SessionEnded, Some(viewer.id), Some(viewer.id), "").await;
    Ok(())
}

/// Deletes the account. Its media go with it or to another creator, as asked, in one transaction.
pub async fn delete(
    state: &AppState,
    client: &Client,
    viewer: &Viewer,
    request: DeleteAccount,
) -> Result<(), IdentityError> {
    // What a ban has taken out of sight does not come back under another name.
    if viewer.banned && request.media == MediaFate::HandOver {
        return Err(IdentityError::Banned);
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
    let now = clock::now();
    let mut tx = state.db.begin().await?;
    // Administrators step down first, so that one is always left.
    if !tx.users().set_role(user.id, Role::Viewer).await? {
        return Err(IdentityError::LastAdmin);
    }
    still(&mut tx, &user, viewer).await?;
    match heir {
        Some(heir) => {
            tx.users().lock(heir).await?.ok_or(IdentityError::NotFound)?;
            tx.users().hand_over_media(user.id, heir).await?
        }
        None => tx.users().delete_media_of(user.id, now).await?,
    };
    tx.users().delete(user.id, now).await?;
    tx.commit().await?;
    state.forget(Stale::Everything).await;
    // Nothing personal: not even where it was done from.
    let nobody = Client { address: std::net::Ipv4Addr::UNSPECIFIED.into(), agent: String::new(), ..client.clone() };
    note(state, &nobody, Event::AccountDeleted, Some(user.id), Some(user.id), "").await;
    if let Some(heir) = heir {
        note(state, &nobody, Event::MediaReceived, Some(heir), Some(user.id), "of a deleted account").await;
    }
    Ok(())
}

async fn heir(state: &AppState, viewer: &Viewer, name: &str) -> Result<UserId, IdentityError> {
    let found =
        if Faults::default().username(name).refuse().is_ok() { state.db.users().by_name(name).await? } else { None };
    let heir = found.filter(|u| u.role != Role::Viewer && u.id != viewer.id).map(|u| u.id);
    let mut faults = Faults::default();
    faults.demand(heir.is_some(), "hand_over_to", "no other creator has this name").refuse()?;
    heir.ok_or(IdentityError::NotFound)
}

/// Asks to become a creator.
pub async fn ask_creator(
    state: &AppState,
    client: &Client,
    viewer: &Viewer,
    message: &str,
) -> Result<CreatorRequestRow, IdentityError> {
    if viewer.role != Role::Viewer {
        return Err(IdentityError::AlreadyCreator);
    }
    let message = text::lines(message);
    Faults::default().demand(message.chars().count() <= 1000, "message", "at most 1000 characters").refuse()?;
    let id = CreatorRequestId::new();
    if !state.db.creator_requests().insert(id, viewer.id, &message, clock::now()).await? {
        return Err(IdentityError::RequestPending);
    }
    note(state, client, Event::CreatorRequested, Some(viewer.id), Some(viewer.id), "").await;
    state.db.creator_requests().find(id).await?.ok_or(IdentityError::Internal)
}

/// The account itself.
pub async fn account(state: &AppState, viewer: &Viewer) -> Result<UserRow, IdentityError> {
    state.db.users().find(viewer.id).await?.ok_or(IdentityError::Unauthenticated)
}

/// Sends the e-mail that proves the address again, within the rate limit `reset_account`.
pub async fn verify_email(state: &AppState, viewer: &Viewer) -> Result<(), IdentityError> {
    state.limits.take(RateLimit::ResetAccount, &viewer.id.to_string()).await?;
    send_verification(state, &account(state, viewer).await?);
    Ok(())
}

/// The live sessions of the account, newest first.
pub async fn sessions(state: &AppState, viewer: &Viewer) -> Result<Vec<SessionRow>, IdentityError> {
    Ok(state.db.sessions().of_user(viewer.id, clock::now()).await?)
}

/// What happened to the account. Address and User-Agent of what other people did are blanked.
pub async fn audit(state: &AppState, viewer: &Viewer, page: &PageQuery) -> Result<Cut<AuditRow>, IdentityError> {
    let asked = AuditPage { user: Some(viewer.id), kind: None, before: page.cursor(), limit: page.rows() };
    let (mut rows, next) = page.cut(state.db.audit().page(asked).await?, |r| r.id);
    for row in rows.iter_mut().filter(|r| r.actor_id.is_some_and(|a| a != viewer.id)) {
        row.address.clear();
        row.agent.clear();
    }
    Ok((rows, next))
}

/// The account's last request to become a creator.
pub async fn creator_request(state: &AppState, viewer: &Viewer) -> Result<CreatorRequestRow, IdentityError> {
    state.db.creator_requests().of_user(viewer.id).await?.ok_or(IdentityError::NotFound)
}
