//! Quotas as a request meets them.

use crate::{error::domain_error, identity::IdentityError, state::AppState};
use sluice_db::Tx;
use sluice_ingest::{quota, quota::Answer, quota::Asked};
use uuid::Uuid;

domain_error! {
    /// Why there is no room for more.
    QuotaError {
        QuotaExceeded(&'static str) = "Your account may not have more {0}.",
    }
    from { Identity(IdentityError) }
}

/// Checks an account's quota under its row lock.
pub async fn check_quota(
    state: &AppState,
    tx: &mut Tx,
    owner: Uuid,
    asked: Asked,
    now_us: i64,
) -> Result<(), QuotaError> {
    match quota::check(tx, &state.config, owner, asked, now_us).await? {
        Answer::Room => Ok(()),
        Answer::Exceeded(what) => Err(QuotaError::QuotaExceeded(what)),
        Answer::Gone => Err(IdentityError::Unauthenticated.into()),
    }
}
