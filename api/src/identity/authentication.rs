//! Who is behind a token: asked anew at every request, but for playback, where the answer is remembered for a moment.

use super::{Viewer, token_hash};
use crate::{identity::IdentityError, state::AppState};
use sluice_db::UserRow;
use sluice_model::{Scope, SessionId, clock};

/// How a machine's token begins, so that leaked ones can be searched for.
pub const API_TOKEN_PREFIX: &str = "slc_";

/// The person or machine behind a token. Session, token and role are read anew at every request, so
/// revocation and role changes act at once on every instance.
pub async fn authenticate(state: &AppState, token: &str) -> Result<Viewer, IdentityError> {
    if token.starts_with(API_TOKEN_PREFIX) {
        return machine(state, token).await;
    }
    let claims = state.keys.check(token).ok_or(IdentityError::Unauthenticated)?;
    let user = state.db.sessions().user_of(claims.sid, clock::now()).await?;
    let user = user.filter(|u| u.id == claims.sub).ok_or(IdentityError::Unauthenticated)?;
    Ok(person(&user, claims.sid))
}

/// The same for whoever plays: what was revoked counts for a second at most.
pub async fn recognise(state: &AppState, token: &str) -> Result<Viewer, IdentityError> {
    let now = clock::now();
    if token.starts_with(API_TOKEN_PREFIX) {
        let found = state.decisions.machine(&state.db, token_hash(token), now).await?;
        let found = found.ok_or(IdentityError::Unauthenticated)?;
        return Ok(of_machine(&found.0, &found.1));
    }
    let claims = state.keys.check(token).ok_or(IdentityError::Unauthenticated)?;
    let user = state.decisions.person(&state.db, claims.sid, now).await?;
    let user = user.filter(|u| u.id == claims.sub).ok_or(IdentityError::Unauthenticated)?;
    Ok(person(&user, claims.sid))
}

/// The machine behind a token.
async fn machine(state: &AppState, token: &str) -> Result<Viewer, IdentityError> {
    let found = state.db.tokens().user_of_api_token(&token_hash(token), clock::now()).await?;
    let (user, stored) = found.ok_or(IdentityError::Unauthenticated)?;
    Ok(of_machine(&user, &stored))
}

fn person(user: &UserRow, session: SessionId) -> Viewer {
    Viewer { id: user.id, role: user.role, session: Some(session), scopes: None, banned: user.banned }
}

fn of_machine(user: &UserRow, scopes: &str) -> Viewer {
    Viewer { id: user.id, role: user.role, session: None, scopes: Some(Scope::list(scopes)), banned: user.banned }
}
