//! Argon2id, off the async threads and never more at once than there are cores.

use crate::{error::ApiError, state::AppState};
use argon2::{
    Argon2, PasswordHash,
    password_hash::{PasswordHasher, PasswordVerifier},
};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

/// Whose turn it is to hash: 19 MiB and a core each, so as many at once as there are cores.
#[derive(Debug, Clone)]
pub struct Hashing {
    turns: Arc<Semaphore>,
    waiting: Arc<AtomicUsize>,
}

impl Hashing {
    /// Turns for `cores` at once.
    pub fn new(cores: usize) -> Self {
        Self { turns: Arc::new(Semaphore::new(cores)), waiting: Arc::default() }
    }
}

/// How long a request waits for its turn.
const PATIENCE: Duration = Duration::from_secs(20);
/// A hash of no password, verified when the user is unknown, so that both cases take the same time.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$c2x1aWNlLW5vYm9keS1zYWx0$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

/// Requests that may wait for their turn; more are told to come back, so that memory stays bounded.
const MOST_WAITING: usize = 2000;
/// Guesses within which a password is too common.
const GUESSED_WITHIN: u64 = 1_000_000;

/// Whether a password is among those that are tried first; `about` is what is known of its owner.
pub fn is_common(password: &str, about: &[&str]) -> bool {
    zxcvbn::zxcvbn(password, about).guesses() < GUESSED_WITHIN
}

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
    if state.hashing.waiting.fetch_add(1, Ordering::Relaxed) >= MOST_WAITING {
        state.hashing.waiting.fetch_sub(1, Ordering::Relaxed);
        return Err(ApiError::Busy);
    }
    let turn = timeout(PATIENCE, state.hashing.turns.clone().acquire_owned()).await;
    state.hashing.waiting.fetch_sub(1, Ordering::Relaxed);
    let Ok(Ok(permit)) = turn else { return Err(ApiError::Busy) };
    let result = spawn_blocking(work).await.map_err(|_| ApiError::Internal);
    drop(permit);
    result
}
