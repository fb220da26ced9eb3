//! What accounts may use. Read from the rows themselves under the account's lock, so that of a hundred
//! simultaneous uploads exactly as many begin as there is room for.

use sluice_config::Config;
use sluice_db::{Result, Tx};
use sluice_model::Role;
use uuid::Uuid;

/// What an account of a role may use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Quota {
    pub stored_bytes: Option<i64>,
    pub day_bytes: Option<i64>,
    pub uploads: Option<i64>,
    pub media: Option<i64>,
}

impl Quota {
    /// As the settings say for a role.
    pub fn of(config: &Config, role: Role) -> Self {
        let get = |what: &str| config.ingest.quotas.get(&format!("{role}.{what}")).copied();
        Self { stored_bytes: get("stored"), day_bytes: get("day"), uploads: get("uploads"), media: get("media") }
    }
}

/// What an upload asks of an account's quota.
#[derive(Debug, Clone, Copy, Default)]
pub struct Asked {
    /// Bytes that are not in its usage yet.
    pub stored_bytes: i64,
    /// Bytes that do not count towards the day yet.
    pub day_bytes: i64,
    /// What else it is.
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
    /// A part of one: there must be room for the whole, before its bytes are sent.
    Part,
    /// The whole of parts that were let in as such.
    Whole,
}

/// How a quota answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// There is room. The account's row stays locked until the transaction ends.
    Room,
    /// There is no more of this.
    Exceeded(&'static str),
    /// There is no such account any more.
    Gone,
}

/// Parts that an upload may have under way, on average.
const PARTS_EACH: i64 = 10;

/// Checks an account's quota under its row lock.
pub async fn check(tx: &mut Tx, config: &Config, user: Uuid, asked: Asked, now_us: i64) -> Result<Answer> {
    let Some(owner) = tx.lock_user(user).await? else { return Ok(Answer::Gone) };
    let quota = Quota::of(config, owner.role);
    let used = tx.usage(user, now_us).await?;
    // What parts will be is in the usage since the first of them began.
    let whole = i64::from(used.parts == 0);
    let (upload, media) = match asked.begins {
        Begins::Nothing => (0, 0),
        Begins::Upload => (used.uploads + 1, used.media + 1),
        Begins::Part => (used.uploads + whole, used.media + whole),
        Begins::Whole => (0, used.media + whole),
    };
    let parts = if asked.begins == Begins::Part { used.parts + 1 } else { 0 };
    let checks = [
        (used.stored_bytes.saturating_add(asked.stored_bytes), quota.stored_bytes, "stored bytes"),
        (used.day_bytes.saturating_add(asked.day_bytes), quota.day_bytes, "bytes a day"),
        (upload, quota.uploads, "uploads at once"),
        (parts, quota.uploads.map(|u| u.saturating_mul(PARTS_EACH)), "parts of uploads at once"),
        (media, quota.media, "media"),
    ];
    let exceeded = checks.into_iter().find(|(wanted, limit, _)| limit.is_some_and(|l| *wanted > l));
    Ok(exceeded.map_or(Answer::Room, |(_, _, what)| Answer::Exceeded(what)))
}
