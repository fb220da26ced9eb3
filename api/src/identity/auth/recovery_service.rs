//! What e-mail proves: that an address is somebody's, and that a forgotten password may be replaced.

use crate::{
    client::Client,
    identity::{
        IdentityError,
        audit::{Event, note},
        opaque_token, token_hash,
    },
    state::{AppState, Stale, mail::Letter},
    validation::Faults,
};
use sluice_db::{MailPurpose, UserRow};
use sluice_model::{RateLimit, clock};
use std::time::Duration;

/// How long a sent code is valid.
const VERIFY: Duration = Duration::from_secs(24 * 3600);
const RESET: Duration = Duration::from_secs(3600);

async fn make_code(
    state: &AppState,
    user: &UserRow,
    purpose: MailPurpose,
    valid: Duration,
    address: &str,
) -> Result<String, IdentityError> {
    let token = opaque_token("slm_");
    let mut tx = state.db.begin().await?;
    let expires = clock::now() + valid;
    tx.tokens().insert_mail_token(&token_hash(&token), user.id, purpose, address, expires).await?;
    tx.commit().await?;
    Ok(token)
}

/// Sends a code that proves the account's address, or, where somebody has proved it before, tells that
/// person. In the background: neither the answer nor its time says which. One address gets so many e-mails.
pub fn send_verification(state: &AppState, user: &UserRow) {
    let (state, user) = (state.clone(), user.clone());
    tokio::spawn(async move {
        match try_verification(&state, &user).await {
            Ok(()) | Err(IdentityError::RateLimited(_)) => {}
            Err(error) => tracing::error!(%error, "a verification was not sent"),
        }
    });
}

async fn try_verification(state: &AppState, user: &UserRow) -> Result<(), IdentityError> {
    if user.email.is_empty() || user.email_verified_at.is_some() {
        return Ok(());
    }
    state.limits.take(RateLimit::ResetAccount, &user.email).await?;
    if let Some(owner) = state.db.users().by_login(&user.email).await? {
        state.mailer.send(&owner.email, &Letter::AlreadyRegistered { username: owner.username });
        return Ok(());
    }
    let token = make_code(state, user, MailPurpose::Verify, VERIFY, &user.email.to_lowercase()).await?;
    state.mailer.send(&user.email, &Letter::Verify { username: user.username.clone(), token });
    Ok(())
}

/// Sends a token that makes another address that of an account, or, where somebody has proved it before, tells that
/// person. In the background, as with the first address.
pub fn send_change(state: &AppState, user: &UserRow, email: String) {
    let (state, user) = (state.clone(), user.clone());
    tokio::spawn(async move {
        match try_change(&state, &user, &email).await {
            Ok(()) | Err(IdentityError::RateLimited(_)) => {}
            Err(error) => tracing::error!(%error, "a change of address was not sent"),
        }
    });
}

async fn try_change(state: &AppState, user: &UserRow, email: &str) -> Result<(), IdentityError> {
    state.limits.take(RateLimit::ResetAccount, email).await?;
    if let Some(owner) = state.db.users().by_login(email).await?.filter(|o| o.id != user.id) {
        state.mailer.send(&owner.email, &Letter::AlreadyRegistered { username: owner.username });
        return Ok(());
    }
    let token = make_code(state, user, MailPurpose::Change, VERIFY, email).await?;
    state.mailer.send(email, &Letter::ChangeEmail { username: user.username.clone(), token });
    Ok(())
}

/// Makes the address that a token was sent to that of its account, and tells the one before, if that was proved.
async fn change_email(state: &AppState, client: &Client, token: &str) -> Result<(), IdentityError> {
    let now = clock::now();
    let mut tx = state.db.begin().await?;
    let found = tx.tokens().take_mail_token(&token_hash(token), MailPurpose::Change, now).await?;
    let (id, email) = found.ok_or(IdentityError::InvalidCode)?;
    let before = state.db.users().find(id).await?.ok_or(IdentityError::InvalidCode)?;
    if !tx.users().change_email(id, &email, now).await? {
        return Err(IdentityError::InvalidCode);
    }
    // What was sent to the address before opens nothing any more.
    tx.tokens().delete_mail_tokens(id).await?;
    tx.commit().await?;
    note(state, client, Event::EmailChanged, Some(id), Some(id), "").await;
    if before.email_verified_at.is_some() && before.email.to_lowercase() != email.to_lowercase() {
        state.mailer.send(&before.email, &Letter::EmailChanged { username: before.username, email });
    }
    Ok(())
}

/// Makes a claimed address the account's own, or another one that of the account: whatever the token was sent for.
pub async fn verify_email(state: &AppState, client: &Client, token: &str) -> Result<(), IdentityError> {
    let now = clock::now();
    let mut tx = state.db.begin().await?;
    let Some((user, email_key)) = tx.tokens().take_mail_token(&token_hash(token), MailPurpose::Verify, now).await?
    else {
        drop(tx);
        return change_email(state, client, token).await;
    };
    if !tx.users().verify_email(user, &email_key, now).await? {
        return Err(IdentityError::InvalidCode);
    }
    tx.commit().await?;
    note(state, client, Event::EmailVerified, Some(user), Some(user), "").await;
    Ok(())
}

/// Sends a code that sets a new password, if somebody has this address. The answer never tells, and
/// the work is done after it, so that its time does not either.
pub async fn forgot_password(state: &AppState, client: &Client, email: String) -> Result<(), IdentityError> {
    state.limits.take(RateLimit::ResetAccount, &email).await?;
    if email.len() > 254 || email.chars().any(char::is_control) {
        return Ok(());
    }
    let (state, client) = (state.clone(), client.clone());
    tokio::spawn(async move {
        if let Err(error) = send_reset(&state, &client, &email).await {
            tracing::error!(%error, "a password reset was not sent");
        }
    });
    Ok(())
}

async fn send_reset(state: &AppState, client: &Client, email: &str) -> Result<(), IdentityError> {
    let user = state.db.users().by_email(email).await?;
    // In the log of whoever has proved the address; a mere claimant would learn that nobody has.
    let known = user.as_ref().filter(|u| u.email_verified_at.is_some()).map(|u| u.id);
    note(state, client, Event::PasswordResetRequested, known, None, "").await;
    if let Some(user) = user {
        let token = make_code(state, &user, MailPurpose::Reset, RESET, &user.email.to_lowercase()).await?;
        state.mailer.send(&user.email, &Letter::Reset { username: user.username.clone(), token });
    }
    Ok(())
}

/// Sets a new password with a code: all sessions end, and the address has proved itself.
pub async fn reset_password(
    state: &AppState,
    client: &Client,
    token: &str,
    password: String,
) -> Result<(), IdentityError> {
    Faults::default().password(&password, &[]).refuse()?;
    let hash = state.hashing.hash(password).await?;
    let now = clock::now();
    let mut tx = state.db.begin().await?;
    let found = tx.tokens().take_mail_token(&token_hash(token), MailPurpose::Reset, now).await?;
    let (id, email_key) = found.ok_or(IdentityError::InvalidCode)?;
    let user = tx.users().lock(id).await?.ok_or(IdentityError::InvalidCode)?;
    // Sent to an address that is not this account's any more.
    if !tx.users().verify_email(id, &email_key, now).await? {
        return Err(IdentityError::InvalidCode);
    }
    tx.users().set_password(id, &hash).await?;
    tx.sessions().revoke_all(id, None, now).await?;
    // Whoever had the account before may have left a key behind.
    tx.tokens().revoke_api_tokens(id, now).await?;
    tx.tokens().delete_mail_tokens(id).await?;
    tx.commit().await?;
    state.forget(Stale::People).await;
    note(state, client, Event::PasswordReset, Some(id), Some(id), "").await;
    state.mailer.send(&user.email, &Letter::PasswordChanged { username: user.username });
    Ok(())
}
