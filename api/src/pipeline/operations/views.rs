//! What operations take and answer.

use crate::pipeline::media::waiting::Wait;
use serde::{Deserialize, Serialize};
use sluice_config::SettingInForce;
use sluice_db::{QueueCountRow, QueuedTaskRow, StoredRow, WorkerRow};
use sluice_model::{Priority, Reason, TaskKind, TaskStatus, Timestamp, WorkerTrouble};
use sluice_storage::DiskSpace;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

/// Which tasks.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct QueueQuery {
    /// `queued` when left out.
    pub status: Option<TaskStatus>,
    /// Of one kind only.
    pub kind: Option<TaskKind>,
}

/// When the work on a film is to be done.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PriorityChange {
    /// `high` comes before all others, `low` when there is nothing else to do.
    pub priority: Priority,
}

/// The work that there is, the oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct WorkQueue {
    /// What waits, runs and is parked, whatever was asked for.
    pub counts: Vec<QueueCount>,
    pub items: Vec<QueuedTask>,
    pub next_cursor: Option<Uuid>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct QueueCount {
    pub kind: TaskKind,
    /// `queued`, `running` or `parked`.
    pub status: TaskStatus,
    pub tasks: i64,
    /// How long ago the oldest of them was queued, milliseconds.
    pub oldest_ms: i64,
}

impl QueueCount {
    pub fn new(row: &QueueCountRow, now: Timestamp) -> Self {
        Self {
            kind: row.kind,
            status: row.status,
            tasks: row.tasks,
            oldest_ms: i64::try_from(now.duration_since(row.oldest_at).as_millis()).unwrap_or(i64::MAX),
        }
    }
}

/// A task, and whose film it is.
#[derive(Debug, Serialize, ToSchema)]
pub struct QueuedTask {
    pub id: Uuid,
    pub kind: TaskKind,
    pub name: String,
    pub status: TaskStatus,
    /// One of the media that it is for; none where nobody wants it any more.
    pub media_id: Option<Uuid>,
    pub title: Option<String>,
    /// User name.
    pub owner: Option<String>,
    /// Runs that were begun.
    pub attempts: i64,
    /// 0 to 1.
    pub progress: f64,
    /// Who ran it last, or runs it.
    pub worker: Option<String>,
    /// When it is done, beside the work on other films.
    pub priority: Priority,
    /// How its last run ended, where that was badly.
    pub error: Option<Reason>,
    /// Why it is not being done, where it is queued.
    pub waits_for: Option<Wait>,
    /// When it was queued, milliseconds since the Unix epoch, as below.
    pub created_at: i64,
    /// When its last run began.
    pub claimed_at: Option<i64>,
}

impl QueuedTask {
    pub fn new(row: QueuedTaskRow, waits_for: Option<Wait>) -> Self {
        Self {
            error: row.reason(),
            priority: row.priority,
            waits_for,
            id: row.id.into(),
            kind: row.kind,
            name: row.name,
            status: row.status,
            media_id: row.media_id.map(Into::into),
            title: row.title,
            owner: row.owner_name,
            attempts: row.attempts,
            progress: row.progress,
            worker: row.worker,
            created_at: row.created_at.as_millis(),
            claimed_at: row.claimed_at.map(Timestamp::as_millis),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Workers {
    pub items: Vec<Worker>,
}

/// A process that works, or worked within the hour and ended without a word.
#[derive(Debug, Serialize, ToSchema)]
pub struct Worker {
    pub name: String,
    pub host: String,
    pub version: String,
    pub cores: i64,
    /// What it plans with.
    pub memory_bytes: i64,
    /// Kinds of task that it takes.
    pub kinds: Vec<TaskKind>,
    pub alive: bool,
    /// Why it does not get on.
    pub trouble: Option<WorkerTrouble>,
    /// Since when, milliseconds since the Unix epoch, as below.
    pub trouble_since: Option<i64>,
    pub started_at: i64,
    /// Its last sign of life.
    pub seen_at: i64,
    /// What it does.
    pub tasks: Vec<QueuedTask>,
}

impl Worker {
    pub fn new(row: WorkerRow, now: Timestamp, tasks: Vec<QueuedTask>) -> Self {
        Self {
            kinds: row.kinds().iter().collect(),
            alive: row.is_alive(now),
            trouble: row.trouble(),
            trouble_since: row.trouble_at.map(Timestamp::as_millis),
            started_at: row.started_at.as_millis(),
            seen_at: row.seen_at.as_millis(),
            name: row.name,
            host: row.host,
            version: row.version,
            cores: row.cores,
            memory_bytes: row.memory_bytes,
            tasks,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Stored {
    pub items: Vec<StoredKind>,
    /// Disks of this instance that the service writes to; none where database and store are servers.
    pub disks: Vec<Disk>,
}

/// What is stored of a kind, as the database names it.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoredKind {
    /// `originals`, `video`, `audio`, `init` (init segments), `images` (posters and storyboards), `pictures` or `documents`.
    pub kind: String,
    pub objects: i64,
    pub bytes: i64,
}

impl From<StoredRow> for StoredKind {
    fn from(row: StoredRow) -> Self {
        Self { kind: row.kind, objects: row.objects, bytes: row.bytes }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Disk {
    pub folder: String,
    /// What the service may still write.
    pub free_bytes: u64,
    pub total_bytes: u64,
    /// Free space below which nothing new begins.
    pub kept_bytes: u64,
}

impl From<DiskSpace> for Disk {
    fn from(disk: DiskSpace) -> Self {
        let DiskSpace { folder, free_bytes, total_bytes, kept_bytes } = disk;
        Self { folder: folder.display().to_string(), free_bytes, total_bytes, kept_bytes }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct SettingsInForce {
    /// Of the instance that answers.
    pub items: Vec<InForce>,
}

/// A setting as it counts.
#[derive(Debug, Serialize, ToSchema)]
pub struct InForce {
    pub name: String,
    /// What is set or the default, without secrets; nothing where what is done without it stands in `help`.
    pub value: Option<String>,
    pub is_default: bool,
    pub help: String,
}

impl From<&SettingInForce> for InForce {
    fn from(setting: &SettingInForce) -> Self {
        Self {
            name: setting.name.to_owned(),
            value: setting.value.clone(),
            is_default: setting.is_default,
            help: setting.help.to_owned(),
        }
    }
}
