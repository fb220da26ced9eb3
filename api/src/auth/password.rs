//! Argon2id, off the async threads and never more at once than there are cores.

use crate::{error::ApiError, state::AppState};
use argon2::{
    Argon2, PasswordHash,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use std::time::Duration;
use tokio::{task::spawn_blocking, time::timeout};

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(10);
/// A hash of no password, verified when the user is unknown, so that both cases take the same time.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2x1aWNlLW5vYm9keS1zYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// The PHC string of a password.
pub async fn hash(state: &AppState, password: String) -> Result<String, ApiError> {
    in_turn(state, move || Argon2::default().hash_password(password.as_bytes()).map(|h| h.to_string()).ok())
        .await?
        .ok_or(ApiError::Internal)
}

/// Whether the password is the one of `stored`; `None` for an unknown user costs the same time.
pub async fn verify(state: &AppState, password: String, stored: Option<String>) -> Result<bool, ApiError> {
    in_turn(state, move || {
        let known = stored.is_some();
        let stored = stored.unwrap_or_else(|| NOBODY.to_owned());
        let matches = PasswordHash::new(&stored)
            .is_ok_and(|hash| Argon2::default().verify_password(password.as_bytes(), &hash).is_ok());
        known && matches
    })
    .await
}

async fn in_turn<T: Send + 'static>(
    state: &AppState,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, ApiError> {
    let turn = timeout(PATIENCE, state.hashing.clone().acquire_owned()).await;
    let Ok(Ok(permit)) = turn else { return Err(ApiError::Busy) };
    let result = spawn_blocking(work).await.map_err(|_| ApiError::Internal);
    drop(permit);
    result
}
