//! Quotas as a request meets them.

use crate::{error::ApiError, state::AppState};
use sluice_db::Tx;
use sluice_ingest::{quota, quota::Answer, quota::Asked};
use uuid::Uuid;

/// Checks an account's quota under its row lock.
pub async fn check_quota(
    state: &AppState,
    tx: &mut Tx,
    owner: Uuid,
    asked: Asked,
    now_us: i64,
) -> Result<(), ApiError> {
    match quota::check(tx, &state.config, owner, asked, now_us).await? {
        Answer::Room => Ok(()),
        Answer::Exceeded(what) => Err(ApiError::QuotaExceeded(what)),
        Answer::Gone => Err(ApiError::Unauthenticated),
    }
}
