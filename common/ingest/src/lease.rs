//! Who may write to an upload: one at a time, the newest.

use crate::{Ingest, IngestError, completion, quota, quota::QuotaRequest};
use sluice_db::{ExtentRow, UploadRow};
use sluice_model::{ClaimToken, UploadId, UserId, clock};
use std::time::Duration;

/// The right to record bytes of an upload, until another takes it.
#[derive(Debug, Clone, Copy)]
pub struct UploadLease {
    upload: UploadId,
    holder: ClaimToken,
    /// Every extent puts the upload's expiry off by so long.
    ttl: Duration,
    owner: UserId,
    /// For an upload of unknown length, the bytes that the quota has counted already: then each extent is checked
    /// against it.
    open_reserved: Option<i64>,
}

/// When stored extents are recorded.
#[derive(Debug, Clone, Copy)]
pub enum Recording {
    /// Each as soon as it is stored.
    Immediate(UploadLease),
    /// By the caller, who checks something first, or else discards them.
    Deferred,
}

impl UploadLease {
    /// That of `holder`, who has taken the upload as it stands in this row.
    pub fn of(row: &UploadRow, holder: ClaimToken, ttl: Duration) -> Self {
        let open_reserved = row.length_bytes.is_none().then_some(row.reserved_bytes);
        Self { upload: row.id, holder, ttl, owner: row.owner_id, open_reserved }
    }
}

impl Ingest {
    /// Makes `holder` the one that may write to an upload, whoever had it before, and puts its expiry off by
    /// `ttl`. `None` when it is complete, expired or gone.
    ///
    /// # Errors
    /// [`IngestError::Store`] also where there is no room for bytes.
    pub async fn take_lease(
        &self,
        upload: UploadId,
        holder: ClaimToken,
        ttl: Duration,
    ) -> Result<Option<(UploadRow, UploadLease)>, IngestError> {
        self.check_space()?;
        let now = clock::now();
        let row = self.db.uploads().take_lease(upload, holder, now, now + ttl).await?;
        Ok(row.map(|row| {
            let lease = UploadLease::of(&row, holder, ttl);
            (row, lease)
        }))
    }

    /// Records stored extents, which continue the upload at `from`: all of them or none.
    ///
    /// # Errors
    /// [`IngestError::LeaseLost`]; and where the length is unknown, [`IngestError::QuotaExceeded`].
    pub async fn record(&self, lease: &UploadLease, from: i64, extents: &[ExtentRow]) -> Result<(), IngestError> {
        let now = clock::now();
        let mut tx = self.db.begin().await?;
        if lease.open_reserved.is_some() {
            // The account before the upload, as in declaring its length: so no two transactions wait for each other.
            tx.users().lock(lease.owner).await?;
        }
        if !tx.uploads().advance(lease.upload, lease.holder, from, extents, now, now + lease.ttl).await? {
            return Err(IngestError::LeaseLost);
        }
        if let Some(reserved) = lease.open_reserved {
            // Its bytes are in the usage now, but not in the day.
            let delivered = from + extents.iter().map(|e| e.size_bytes).sum::<i64>();
            let request = QuotaRequest { day_bytes: (delivered - reserved).max(0), ..QuotaRequest::default() };
            quota::check(&mut tx, &self.config, lease.owner, request, now).await?;
        }
        tx.commit().await?;
        if from == 0
            && let Err(error) = completion::plan_early(&self.db, lease.upload).await
        {
            // The bytes are recorded all the same; the API's housekeeping queues what was not queued here.
            tracing::warn!(upload = %lease.upload, %error, "nothing was planned early");
        }
        Ok(())
    }

    /// Deletes extents that nobody recorded.
    pub async fn discard(&self, extents: &[ExtentRow]) -> Result<(), IngestError> {
        for extent in extents {
            self.store.delete(&crate::extent_key(extent)).await?;
        }
        Ok(())
    }
}
