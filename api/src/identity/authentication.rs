//! Who is behind a token, asked anew at every request.

use super::{Viewer, token_hash};
use crate::{identity::IdentityError, state::AppState};
use sluice_model::{Scope, clock};

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
    Ok(Viewer { id: user.id, role: user.role, session: Some(claims.sid), scopes: None, banned: user.banned })
}

/// The machine behind a token.
async fn machine(state: &AppState, token: &str) -> Result<Viewer, IdentityError> {
    let found = state.db.tokens().user_of_api_token(&token_hash(token), clock::now()).await?;
    let (user, stored) = found.ok_or(IdentityError::Unauthenticated)?;
    Ok(Viewer { id: user.id, role: user.role, session: None, scopes: Some(Scope::list(&stored)), banned: user.banned })
}
