//! The rules of machines' tokens.

use super::views::{CreatedToken, NewToken};
use crate::{
    client::Client,
    identity::{
        IdentityError, Viewer,
        audit::{Event, note},
        authentication::API_TOKEN_PREFIX,
        opaque_token, token_hash,
    },
    state::{AppState, Stale},
    text,
    validation::Faults,
};
use sluice_db::{ApiTokenRow, NewApiToken};
use sluice_model::{ApiTokenId, clock};
use std::time::Duration;

/// Live tokens an account may have.
const MOST: i64 = 50;
/// Longest life, seconds: ten years.
const LONGEST_S: i64 = 315_360_000;

/// Makes a token.
pub async fn create(
    state: &AppState,
    client: &Client,
    viewer: &Viewer,
    request: NewToken,
) -> Result<CreatedToken, IdentityError> {
    let name = text::title(&request.name);
    let mut faults = Faults::default();
    faults.demand((1..=100).contains(&name.chars().count()), "name", "1 to 100 characters");
    faults.demand(!request.scopes.is_empty(), "scopes", "at least one of read, upload, admin");
    let life = request.expires_in.is_none_or(|s| (1..=LONGEST_S).contains(&s));
    faults.demand(life, "expires_in", "1 to 315360000 seconds").refuse()?;
    let mut words: Vec<&str> = request.scopes.iter().map(|s| s.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    let (token, now, id) = (opaque_token(API_TOKEN_PREFIX), clock::now(), ApiTokenId::new());
    let hint = &token[token.len() - 4..];
    let new = NewApiToken {
        id,
        user_id: viewer.id,
        name: &name,
        scopes: &words.join(" "),
        hash: &token_hash(&token),
        hint,
        now,
        expires_at: request.expires_in.map(|s| now + Duration::from_secs(s.unsigned_abs())),
    };
    if !state.db.tokens().insert_api_token(&new, MOST).await? {
        return Err(IdentityError::TooMany("API tokens"));
    }
    note(state, client, Event::ApiTokenCreated, Some(viewer.id), Some(viewer.id), new.scopes).await;
    let row = ApiTokenRow {
        id,
        name: name.clone(),
        scopes: new.scopes.to_owned(),
        hint: hint.to_owned(),
        created_at: now,
        expires_at: new.expires_at,
        last_used_at: None,
    };
    Ok(CreatedToken { about: row.into(), token: token.clone() })
}

/// Revokes a token.
pub async fn revoke(state: &AppState, client: &Client, viewer: &Viewer, id: ApiTokenId) -> Result<(), IdentityError> {
    if !state.db.tokens().revoke_api_token(viewer.id, id, clock::now()).await? {
        return Err(IdentityError::NotFound);
    }
    state.forget(Stale::People).await;
    note(state, client, Event::ApiTokenRevoked, Some(viewer.id), Some(viewer.id), "").await;
    Ok(())
}

/// The account's live tokens, newest first.
pub async fn list(state: &AppState, viewer: &Viewer) -> Result<Vec<ApiTokenRow>, IdentityError> {
    Ok(state.db.tokens().api_tokens(viewer.id, clock::now()).await?)
}
