//! The rules of sessions: how one begins, goes on and ends.

use super::{
    recovery_service::send_verification,
    refresh::{Rotation, decide, successor},
    views::{LoggedIn, Login, Register},
};
use crate::{
    client::Client,
    identity::{
        IdentityError, Viewer,
        audit::{Event, note},
        opaque_token, token_hash,
    },
    state::{ACCESS_S, AppState, RateLimitError, SESSION_MOST_S, SESSION_S, Stale},
    validation::Faults,
};
use sluice_db::{DbError, NewUser, SessionUse, UserRow};
use sluice_model::{RateLimit, RefreshTokenStatus, Role, SessionId, Timestamp, UserId, clock};
use std::time::Duration;

/// Makes an account and logs in. An address that belongs to somebody is not refused, because that
/// would tell who has an account: its owner is written to, and the new account's claim stays unproved.
pub async fn register(state: &AppState, client: &Client, request: Register) -> Result<LoggedIn, IdentityError> {
    let mut faults = Faults::default();
    faults.username(&request.username).email(&request.email);
    faults.password(&request.password, &[&request.username, &request.email]).refuse()?;
    let open = state.config.accounts.open_creators;
    let role = match request.role {
        Some(Role::Admin) => return Err(IdentityError::Forbidden),
        Some(Role::Creator) if !open => return Err(IdentityError::Forbidden),
        Some(role) => role,
        None if open => Role::Creator,
        None => Role::Viewer,
    };
    let row = create_user(state, &request.username, &request.email, request.password, role).await?;
    send_verification(state, &row);
    note(state, client, Event::Registered, Some(row.id), Some(row.id), role.as_str()).await;
    start_session(state, client, row).await
}

/// Stores an account whose fields were checked.
pub async fn create_user(
    state: &AppState,
    username: &str,
    email: &str,
    password: String,
    role: Role,
) -> Result<UserRow, IdentityError> {
    let password_hash = state.hashing.hash(password).await?;
    let id = UserId::new();
    let user = NewUser { id, username, email, password_hash: &password_hash, role, now: clock::now() };
    match state.db.users().insert(&user).await {
        Err(DbError::Duplicate) => return Err(IdentityError::Taken("The user name")),
        other => other?,
    }
    state.db.users().find(id).await?.ok_or(IdentityError::Internal)
}

/// Logs in by user name or e-mail address. Known and unknown users take the same way.
pub async fn login(state: &AppState, client: &Client, request: Login) -> Result<LoggedIn, IdentityError> {
    let printable = !request.login.chars().any(char::is_control);
    if request.password.len() > 1024 || request.login.len() > 254 || request.login.is_empty() || !printable {
        return Err(IdentityError::BadCredentials);
    }
    let user = state.db.users().by_login(&request.login).await?;
    // A guess is counted before it is checked: for what was typed, which alone is told, and for the
    // account, so that name and address are no two chances. To say so would link the two.
    state.limits.take(RateLimit::LoginAccount, &request.login).await?;
    let subject = user.as_ref().map_or_else(|| format!("nobody {}", request.login), |u| u.id.to_string());
    let spent = match state.limits.take(RateLimit::LoginAccount, &subject).await {
        Ok(_) => false,
        Err(RateLimitError::Exceeded(_)) => true,
        Err(other) => return Err(other.into()),
    };
    let stored = user.as_ref().map(|u| u.password_hash.clone());
    let right = state.hashing.verify(request.password, stored).await?;
    match user {
        Some(user) if right && !spent => {
            state.limits.give_back(RateLimit::LoginAccount, &request.login).await?;
            state.limits.give_back(RateLimit::LoginAccount, &subject).await?;
            note(state, client, Event::LoggedIn, Some(user.id), Some(user.id), "").await;
            start_session(state, client, user).await
        }
        other => {
            note(state, client, Event::LoginFailed, other.map(|u| u.id), None, "").await;
            Err(IdentityError::BadCredentials)
        }
    }
}

async fn start_session(state: &AppState, client: &Client, user: UserRow) -> Result<LoggedIn, IdentityError> {
    let (session, now) = (SessionId::new(), clock::now());
    let refresh = opaque_token("slr_");
    let address = client.address.to_string();
    let mut tx = state.db.begin().await?;
    // The password may have been replaced while its hash was computed.
    let now_row = tx.users().lock(user.id).await?.ok_or(IdentityError::BadCredentials)?;
    if now_row.password_hash != user.password_hash {
        return Err(IdentityError::BadCredentials);
    }
    tx.sessions().insert(session, user.id, &token_hash(&refresh), &used(&address, client, now)).await?;
    tx.commit().await?;
    answer(state, user, session, refresh)
}

fn used<'a>(address: &'a str, client: &'a Client, now: Timestamp) -> SessionUse<'a> {
    SessionUse { address, agent: &client.agent, now, expires_at: now + Duration::from_secs(SESSION_S.unsigned_abs()) }
}

fn answer(
    state: &AppState,
    user: UserRow,
    session: SessionId,
    refresh_token: String,
) -> Result<LoggedIn, IdentityError> {
    let access_token = state.keys.issue(user.id, session).ok_or(IdentityError::Internal)?;
    Ok(LoggedIn {
        user: user.into(),
        access_token: Some(access_token),
        refresh_token: Some(refresh_token),
        expires_in: ACCESS_S,
    })
}

/// Exchanges a refresh token for a new pair; the old one is spent.
pub async fn refresh(state: &AppState, client: &Client, token: &str) -> Result<LoggedIn, IdentityError> {
    let (hash, now) = (token_hash(token), clock::now());
    let found = state.db.sessions().refresh_token(&hash).await?.ok_or(IdentityError::Unauthenticated)?;
    let address = client.address.to_string();
    let mut tx = state.db.begin().await?;
    let from = used(&address, client, now);
    let session = tx.sessions().touch(found.session_id, &from, SESSION_MOST_S * 1_000_000).await?;
    let session = session.ok_or(IdentityError::Unauthenticated)?;
    // Read again: what came first may have spent it before the lock was ours.
    let row = tx.sessions().refresh_token(&hash).await?.ok_or(IdentityError::Unauthenticated)?;
    let lost = row.successor.clone().unwrap_or_default();
    let live = tx.sessions().refresh_token(&lost).await?.is_some_and(|s| s.status == RefreshTokenStatus::Live);
    let repeated = successor(&state.keys, token, row.retries);
    let next = match decide(&row, live, token_hash(&repeated) == lost, now) {
        Rotation::Repeat => repeated,
        Rotation::Spend => {
            let next = successor(&state.keys, token, 0);
            tx.sessions().spend_refresh_token(&hash, &token_hash(&next), now).await?;
            tx.sessions().insert_refresh_token(session.id, &token_hash(&next), now).await?;
            next
        }
        Rotation::Replace => {
            let next = successor(&state.keys, token, row.retries + 1);
            tx.sessions().supersede_refresh_token(&hash, &lost, &token_hash(&next), now).await?;
            tx.sessions().insert_refresh_token(session.id, &token_hash(&next), now).await?;
            next
        }
        Rotation::Reused => {
            tx.sessions().end(session.id, now).await?;
            tx.commit().await?;
            state.forget(Stale::People).await;
            note(state, client, Event::RefreshTokenReused, Some(session.user_id), None, "").await;
            return Err(IdentityError::Unauthenticated);
        }
    };
    tx.commit().await?;
    let user = state.db.users().find(session.user_id).await?.ok_or(IdentityError::Unauthenticated)?;
    answer(state, user, session.id, next)
}

/// Ends the session that asks.
pub async fn logout(state: &AppState, client: &Client, viewer: &Viewer) -> Result<(), IdentityError> {
    if let Some(session) = viewer.session {
        state.db.sessions().revoke(viewer.id, session, clock::now()).await?;
        state.forget(Stale::People).await;
        note(state, client, Event::LoggedOut, Some(viewer.id), Some(viewer.id), "").await;
    }
    Ok(())
}

/// Ends all sessions of the account.
pub async fn logout_everywhere(state: &AppState, client: &Client, viewer: &Viewer) -> Result<(), IdentityError> {
    let mut tx = state.db.begin().await?;
    tx.sessions().revoke_all(viewer.id, None, clock::now()).await?;
    tx.commit().await?;
    state.forget(Stale::People).await;
    note(state, client, Event::AllSessionsEnded, Some(viewer.id), Some(viewer.id), "").await;
    Ok(())
}
