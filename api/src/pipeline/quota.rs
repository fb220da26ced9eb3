//! Quotas as a request meets them.

use crate::{error::ApiError, state::AppState};
use sluice_db::Tx;
use sluice_ingest::{quota, quota::QuotaRequest};
use uuid::Uuid;

/// Checks an account's quota under its row lock.
pub async fn check_quota(
    state: &AppState,
    tx: &mut Tx,
    owner: Uuid,
    request: QuotaRequest,
    now_us: i64,
) -> Result<(), ApiError> {
    Ok(quota::check(tx, &state.config, owner, request, now_us).await?)
}
