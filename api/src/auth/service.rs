//! The rules of accounts.

use super::{
    password,
    tokens::{ACCESS_S, SESSION_S, refresh_hash, refresh_token},
    views::{LoggedIn, Login, Register},
};
use crate::{
    error::{ApiError, FieldError},
    state::AppState,
};
use sluice_common::{
    clock,
    db::{DbError, NewUser, UserRow},
    model::Role,
};
use uuid::Uuid;

/// A logged-in person.
#[derive(Debug, Clone, Copy)]
pub struct Viewer {
    pub id: Uuid,
    pub session: Uuid,
    pub role: Role,
}

/// Makes an account and logs in.
pub async fn register(state: &AppState, request: Register) -> Result<LoggedIn, ApiError> {
    let open = state.config.open_creators;
    let faults = faults(&request);
    if !faults.is_empty() {
        return Err(ApiError::Invalid(faults));
    }
    let role = match request.role {
        Some(Role::Admin) => return Err(ApiError::Forbidden),
        Some(Role::Creator) if !open => return Err(ApiError::Forbidden),
        Some(role) => role,
        None if open => Role::Creator,
        None => Role::Viewer,
    };
    let password_hash = password::hash(state, request.password).await?;
    let id = Uuid::now_v7();
    let user = NewUser {
        id,
        username: &request.username,
        email: &request.email,
        password_hash: &password_hash,
        role,
        now_us: clock::now_us(),
    };
    match state.db.insert_user(&user).await {
        Err(DbError::Duplicate) => return Err(ApiError::Taken("The user name or the e-mail address")),
        other => other?,
    }
    let row = state.db.user(id).await?.ok_or(ApiError::Internal)?;
    start_session(state, row).await
}

/// All faults at once, by field.
fn faults(request: &Register) -> Vec<FieldError> {
    let name = &request.username;
    let allowed = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    let mail = request.email.split_once('@').is_some_and(|(user, host)| {
        !user.is_empty() && host.contains('.') && !host.starts_with('.') && !host.ends_with('.') && !host.contains('@')
    });
    let mail =
        mail && request.email.len() <= 254 && !request.email.chars().any(|c| c.is_whitespace() || c.is_control());
    let checks = [
        (
            (3..=32).contains(&name.len()) && name.chars().all(allowed),
            "username",
            "3 to 32 letters, digits, dots, hyphens or underscores",
        ),
        (mail, "email", "an e-mail address"),
        ((10..=1024).contains(&request.password.len()), "password", "10 to 1024 characters"),
    ];
    checks.into_iter().filter(|c| !c.0).map(|(_, field, message)| FieldError { field, message }).collect()
}

/// Logs in by user name or e-mail address.
pub async fn login(state: &AppState, request: Login) -> Result<LoggedIn, ApiError> {
    let printable = !request.login.chars().any(char::is_control);
    if request.password.len() > 1024 || request.login.len() > 254 || !printable {
        return Err(ApiError::BadCredentials);
    }
    let user = state.db.user_by_login(&request.login).await?;
    let stored = user.as_ref().map(|u| u.password_hash.clone());
    let right = password::verify(state, request.password, stored).await?;
    match user {
        Some(user) if right => start_session(state, user).await,
        _ => Err(ApiError::BadCredentials),
    }
}

async fn start_session(state: &AppState, user: UserRow) -> Result<LoggedIn, ApiError> {
    let (session, now) = (Uuid::now_v7(), clock::now_us());
    let (refresh, hash) = refresh_token();
    state.db.insert_session(session, user.id, &hash, now, now + SESSION_S * 1_000_000).await?;
    answer(state, user, session, refresh)
}

fn answer(state: &AppState, user: UserRow, session: Uuid, refresh_token: String) -> Result<LoggedIn, ApiError> {
    let access_token = state.tokens.issue(user.id, session).map_err(|_| ApiError::Internal)?;
    Ok(LoggedIn { user: user.into(), access_token, refresh_token, expires_in: ACCESS_S })
}

/// Exchanges a refresh token for a new pair; the old one is spent.
pub async fn refresh(state: &AppState, token: &str) -> Result<LoggedIn, ApiError> {
    let (next, hash) = refresh_token();
    let now = clock::now_us();
    let session = state.db.rotate_session(&refresh_hash(token), &hash, now, now + SESSION_S * 1_000_000).await?;
    let session = session.ok_or(ApiError::Unauthenticated)?;
    let user = state.db.user(session.user_id).await?.ok_or(ApiError::Unauthenticated)?;
    answer(state, user, session.id, next)
}

/// The person behind an access token, whose session must be live on every instance.
pub async fn authenticate(state: &AppState, token: &str) -> Result<Viewer, ApiError> {
    let claims = state.tokens.check(token).ok_or(ApiError::Unauthenticated)?;
    if !state.db.session_is_live(claims.sid, clock::now_us()).await? {
        return Err(ApiError::Unauthenticated);
    }
    let user = state.db.user(claims.sub).await?.ok_or(ApiError::Unauthenticated)?;
    Ok(Viewer { id: user.id, session: claims.sid, role: user.role })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_field_has_its_own_message() {
        let request = |username: &str, email: &str, password: &str| Register {
            username: username.into(),
            email: email.into(),
            password: password.into(),
            role: None,
        };
        assert!(faults(&request("ada.l", "ada@example.org", "long enough")).is_empty());
        let fields: Vec<_> = faults(&request("a b", "nobody", "short")).iter().map(|f| f.field).collect();
        assert_eq!(fields, ["username", "email", "password"]);
    }
}
