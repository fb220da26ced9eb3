//! What accounts may use. Read from the rows themselves under the account's lock, so that of a hundred
//! simultaneous uploads exactly as many begin as there is room for.

use crate::{Ingest, IngestError, completion};
use sluice_config::Config;
use sluice_db::{Tx, UploadRow};
use sluice_model::{PackageId, Role, Timestamp, UserId, clock};

/// What an account of a role may use; no limit where there is none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct StorageQuota {
    /// Bytes of all its media, and of its uploads under way.
    pub stored_bytes: Option<i64>,
    /// Bytes that it may announce in a day, UTC.
    pub day_bytes: Option<i64>,
    /// Uploads at once.
    pub uploads: Option<i64>,
    /// Media, and uploads that will be media.
    pub media: Option<i64>,
    /// Encoding that may be planned in a day, UTC, minutes of one core.
    pub encode_minutes: Option<i64>,
}

impl StorageQuota {
    /// As the settings say for a role.
    pub fn for_role(config: &Config, role: Role) -> Self {
        let get = |what: &str| config.ingest.quotas.get(&format!("{role}.{what}")).copied();
        Self {
            stored_bytes: get("stored"),
            day_bytes: get("day"),
            uploads: get("uploads"),
            media: get("media"),
            encode_minutes: get("encode"),
        }
    }
}

/// What is asked of an account's quota.
#[derive(Debug, Clone, Copy, Default)]
pub struct QuotaRequest {
    /// Bytes that are not in its usage yet.
    pub stored_bytes: i64,
    /// Bytes that do not count towards the day yet.
    pub day_bytes: i64,
    /// What begins with it.
    pub begins: Begins,
}

/// What begins with an upload.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Begins {
    /// Nothing: it goes on.
    #[default]
    Nothing,
    /// Another upload, which will be another media.
    Upload,
    /// Another upload, which will be a track of a media that is there.
    Track,
    /// A part of one: there must be room for the whole, before its bytes are sent.
    Part,
    /// The whole of parts that were let in as such.
    Whole,
}

/// Parts that an upload may have under way, on average.
const PARTS_PER_UPLOAD: i64 = 10;

/// Checks an account's quota under its row lock, which is held until the transaction ends.
///
/// # Errors
/// [`IngestError::QuotaExceeded`], [`IngestError::AccountGone`].
pub async fn check(
    tx: &mut Tx,
    config: &Config,
    user: UserId,
    request: QuotaRequest,
    now: Timestamp,
) -> Result<(), IngestError> {
    let owner = tx.users().lock(user).await?.ok_or(IngestError::AccountGone)?;
    let quota = StorageQuota::for_role(config, owner.role);
    let used = tx.usage().of(user, now).await?;
    // What parts will be is in the usage since the first of them began.
    let whole = i64::from(used.parts == 0);
    let (uploads, media) = match request.begins {
        Begins::Nothing => (0, 0),
        Begins::Upload => (used.uploads + 1, used.media + 1),
        Begins::Track => (used.uploads + 1, 0),
        Begins::Part => (used.uploads + whole, used.media + whole),
        Begins::Whole => (0, used.media + whole),
    };
    let parts = if request.begins == Begins::Part { used.parts + 1 } else { 0 };
    let checks = [
        (used.stored_bytes.saturating_add(request.stored_bytes), quota.stored_bytes, "stored bytes"),
        (used.day_bytes.saturating_add(request.day_bytes), quota.day_bytes, "bytes a day"),
        (uploads, quota.uploads, "uploads at once"),
        (parts, quota.uploads.map(|u| u.saturating_mul(PARTS_PER_UPLOAD)), "parts of uploads at once"),
        (media, quota.media, "media"),
    ];
    match checks.into_iter().find(|(wanted, limit, _)| limit.is_some_and(|l| *wanted > l)) {
        Some((_, _, what)) => Err(IngestError::QuotaExceeded(what)),
        None => Ok(()),
    }
}

/// Counts what encoding a package costs towards the day of its owner, as far as it was not counted before. A package that no media
/// has counts towards nobody's: that of one whose media are gone ends anyway, that which is to take another's place is the operator's
/// will. It is noted, so that repairing such a package later costs its owner nothing either.
///
/// # Errors
/// [`IngestError::QuotaExceeded`]: the caller rolls back, and nothing was counted.
pub async fn charge_encode(
    tx: &mut Tx,
    config: &Config,
    package: PackageId,
    cost_ms: i64,
    now: Timestamp,
) -> Result<(), IngestError> {
    let Some(owner) = tx.usage().encode_owner(package).await? else {
        return Ok(tx.usage().note_encode(package, cost_ms).await?);
    };
    if cost_ms <= owner.counted_ms {
        return Ok(());
    }
    let limit = StorageQuota::for_role(config, owner.role).encode_minutes;
    let day_ms = tx.usage().count_encode(&owner, package, cost_ms, now).await?;
    match limit {
        Some(minutes) if day_ms > minutes.saturating_mul(60_000) => {
            Err(IngestError::QuotaExceeded("minutes of encoding a day"))
        }
        _ => Ok(()),
    }
}

/// Counts what a package costs beyond what its plan did. It is not refused: its film was let in, and does not fail
/// because its source could not be passed through after all.
///
/// # Errors
/// The database's alone.
pub async fn charge_more(
    tx: &mut Tx,
    package: PackageId,
    more_ms: i64,
    now: Timestamp,
) -> Result<(), sluice_db::DbError> {
    if let Some(owner) = tx.usage().encode_owner(package).await? {
        tx.usage().count_encode(&owner, package, owner.counted_ms.saturating_add(more_ms), now).await?;
    }
    Ok(())
}

impl Ingest {
    /// Bytes that an upload of unknown length may have in all: as many as its owner, who has this role, has room for.
    ///
    /// # Errors
    /// [`IngestError::QuotaExceeded`] where there is no room for more than is there.
    pub async fn remaining_quota(&self, row: &UploadRow, role: Role) -> Result<i64, IngestError> {
        let most = self.max_upload_bytes();
        let used = self.db.usage().of(row.owner_id, clock::now()).await?;
        let quota = StorageQuota::for_role(&self.config, role);
        let left = |limit: Option<i64>, used: i64, own: i64| limit.map_or(most, |l| (l - used + own).max(0));
        let stored = left(quota.stored_bytes, used.stored_bytes, row.offset_bytes.max(row.reserved_bytes));
        // Towards the day nothing counts yet but what was reserved.
        let remaining = stored.min(left(quota.day_bytes, used.day_bytes, row.reserved_bytes)).min(most);
        if remaining <= row.offset_bytes {
            return Err(IngestError::QuotaExceeded("stored bytes"));
        }
        Ok(remaining)
    }

    /// Declares how long an upload will be that was begun without, where its account's quota has room for it.
    /// Repeating it with the same length changes nothing.
    ///
    /// # Errors
    /// [`IngestError::TooLarge`], [`IngestError::QuotaExceeded`], [`IngestError::LengthConflict`].
    pub async fn declare_length(&self, row: &UploadRow, length_bytes: i64) -> Result<(), IngestError> {
        if row.length_bytes == Some(length_bytes) {
            return Ok(());
        }
        self.check_length(length_bytes)?;
        let now = clock::now();
        let mut tx = self.db.begin().await?;
        // What was delivered is in the usage; what was reserved is in the day, too.
        let more = length_bytes - row.reserved_bytes;
        let stored_bytes = length_bytes - row.offset_bytes.max(row.reserved_bytes);
        let request = QuotaRequest { stored_bytes, day_bytes: more, ..QuotaRequest::default() };
        check(&mut tx, &self.config, row.owner_id, request, now).await?;
        // What was reserved and is not needed goes back to the day it was taken from.
        tx.usage().count_daily(row.owner_id, more, if more < 0 { row.created_at } else { now }).await?;
        if !tx.uploads().set_length(row.id, length_bytes).await? {
            return Err(IngestError::LengthConflict);
        }
        tx.commit().await?;
        if row.offset_bytes > 0 {
            completion::plan_early(&self.db, row.id).await?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        ReceiveError,
        fixture::{World, film},
    };
    use sluice_model::UploadKind;

    const QUOTAS: &str = "quotas = \"creator.stored=5000,creator.day=8000\"";

    #[tokio::test]
    async fn an_upload_of_unknown_length_ends_where_its_quota_does() {
        let world = World::new(QUOTAS).await;
        let upload = world.upload(None, UploadKind::Form, None).await;
        assert_eq!(world.ingest.remaining_quota(&upload, Role::Creator).await.unwrap(), 5000);
        let over = world.receive(upload.id, &film(6000), None).await;
        assert!(matches!(over.end, Err(ReceiveError::Ingest(IngestError::QuotaExceeded("stored bytes")))), "{over:?}");
        assert_eq!((world.row(upload.id).await.offset_bytes, world.objects(upload.source_id).await), (0, 0));
    }

    #[tokio::test]
    async fn a_length_is_declared_once_and_counts_towards_the_day() {
        let world = World::new(QUOTAS).await;
        let upload = world.upload(None, UploadKind::Form, None).await;
        world.receive(upload.id, &film(3000), None).await.end.unwrap();
        let row = world.row(upload.id).await;
        world.ingest.declare_length(&row, 3000).await.unwrap();
        let again = world.ingest.declare_length(&row, 3000).await;
        assert!(matches!(again, Err(IngestError::LengthConflict)), "{again:?}");
        world.ingest.declare_length(&world.row(upload.id).await, 3000).await.unwrap();
        let used = world.ingest.db.usage().of(world.owner, clock::now()).await.unwrap();
        assert_eq!((used.stored_bytes, used.day_bytes), (3000, 3000));
    }

    #[tokio::test]
    async fn a_length_that_does_not_fit_changes_nothing() {
        let world = World::new(QUOTAS).await;
        let upload = world.upload(None, UploadKind::Tus, None).await;
        let refused = world.ingest.declare_length(&upload, 5001).await;
        assert!(matches!(refused, Err(IngestError::QuotaExceeded("stored bytes"))), "{refused:?}");
        let used = world.ingest.db.usage().of(world.owner, clock::now()).await.unwrap();
        assert_eq!((used.day_bytes, world.row(upload.id).await.length_bytes), (0, None));
    }
}
