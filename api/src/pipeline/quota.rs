//! Quotas as a request meets them.

use crate::{error::domain_error, identity::IdentityError, state::AppState};
use sluice_db::Tx;
use sluice_ingest::{IngestError, quota, quota::QuotaRequest};
use sluice_model::{Timestamp, UserId};

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
    owner: UserId,
    request: QuotaRequest,
    now: Timestamp,
) -> Result<(), QuotaError> {
    match quota::check(tx, &state.config, owner, request, now).await {
        Err(IngestError::QuotaExceeded(what)) => Err(QuotaError::QuotaExceeded(what)),
        Err(IngestError::AccountGone) => Err(IdentityError::Unauthenticated.into()),
        Err(IngestError::Database(error)) => Err(error.into()),
        Err(error) => {
            tracing::error!(%error, "quota");
            Err(QuotaError::Internal)
        }
        Ok(()) => Ok(()),
    }
}
