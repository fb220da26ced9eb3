//! What a task's run is given and how it may end. Retry or fail is decided where the error is born.

use crate::{
    child::{ChildError, Children, Death},
    plan::EncodeSettings,
    schedule::Outage,
    source::SourceError,
    throughput::Throughput,
    verify::SegmentFault,
};
use sluice_db::{ClaimedTask, Db, DbError};
use sluice_ingest::Ingest;
use sluice_model::Reason;
use sluice_net::Outbound;
use sluice_queue::WakeQueue;
use sluice_storage::{Store, StoreError};
use sluice_upkeep::UpkeepError;
use std::sync::Arc;

/// What every task may use.
#[derive(Debug, Clone)]
pub struct Context {
    pub db: Db,
    pub store: Store,
    pub ingest: Ingest,
    pub wake: WakeQueue,
    pub children: Children,
    pub settings: Arc<EncodeSettings>,
    pub fleet_cores: usize,
    pub outbound: Outbound,
    /// Of what tasks need and do not have: store, database, machine.
    pub outage: Arc<Outage>,
    /// How quickly this worker does what was estimated.
    pub throughput: Arc<Throughput>,
}

/// How a run ends badly.
#[derive(Debug, thiserror::Error)]
pub enum TaskError {
    /// The task is to blame, but another run may go better.
    #[error("{}{}", reason.code, in_brackets(detail))]
    Retry { reason: Reason, detail: String },
    /// The task is to blame, and no run will go better.
    #[error("{}{}", reason.code, in_brackets(detail))]
    Fail { reason: Reason, detail: String },
    /// The store, the database or the machine: the attempt is given back.
    #[error("{0}")]
    Infrastructure(String),
    /// Bytes of the source that are needed have not arrived: so many must be there first.
    #[error("waits for {0} bytes")]
    NotArrived(u64),
    /// Somebody else has the task now.
    #[error("the claim was lost")]
    Fenced,
}

/// A detail behind a sentence, where there is one.
pub fn in_brackets(detail: &str) -> String {
    if detail.is_empty() { String::new() } else { format!(" ({detail})") }
}

impl TaskError {
    /// A failure with a reason that needs no more detail.
    pub fn fail(reason: Reason) -> Self {
        Self::Fail { reason, detail: String::new() }
    }

    /// What a child handed over belongs to no part of its work: it was taken over, or its memory is broken.
    pub fn senseless(what: &str) -> Self {
        ChildError::died(Death::Crashed, format!("it made {what} that was not asked for")).into()
    }

    /// A failure that another run may mend, or none will.
    fn judged(reason: Reason, detail: String, retry: bool) -> Self {
        if retry { Self::Retry { reason, detail } } else { Self::Fail { reason, detail } }
    }

    /// A row that this program wrote and cannot read: a bug, or another version's work.
    pub fn corrupt(detail: impl ToString) -> Self {
        let reason = Reason::new("internal", "Something went wrong inside the service.");
        Self::Fail { reason, detail: detail.to_string() }
    }
}

/// A finished package that broke a rule: in `detail`, which.
pub fn rules_broken(detail: String) -> TaskError {
    let reason = Reason::new("package_rules_broken", "The finished package broke a rule of HLS.");
    TaskError::Fail { reason, detail }
}

impl From<DbError> for TaskError {
    fn from(e: DbError) -> Self {
        match e {
            DbError::Fenced => Self::Fenced,
            other => Self::Infrastructure(other.to_string()),
        }
    }
}

impl From<StoreError> for TaskError {
    fn from(e: StoreError) -> Self {
        match e {
            // It will not come back by waiting.
            StoreError::NotFound(object) => {
                let reason = Reason::new("object_missing", "Stored bytes of this media are missing.");
                Self::Retry { reason, detail: object }
            }
            StoreError::Full | StoreError::Unavailable(_) => Self::Infrastructure(e.to_string()),
        }
    }
}

impl From<UpkeepError> for TaskError {
    fn from(e: UpkeepError) -> Self {
        match e {
            UpkeepError::Database(e) => e.into(),
            UpkeepError::Store(e) => e.into(),
            UpkeepError::File(e) => Self::Infrastructure(e.to_string()),
        }
    }
}

impl From<SourceError> for TaskError {
    fn from(e: SourceError) -> Self {
        match e {
            SourceError::Store(e) => e.into(),
            SourceError::Database(e) => e.into(),
            SourceError::NotArrived(needed) => Self::NotArrived(needed),
        }
    }
}

impl From<SegmentFault> for TaskError {
    fn from(e: SegmentFault) -> Self {
        let reason = Reason::new("segment_rules_broken", "The encoded stream broke a rule of HLS.");
        Self::Retry { reason, detail: e.to_string() }
    }
}

impl From<ChildError> for TaskError {
    fn from(e: ChildError) -> Self {
        match e {
            ChildError::Refused(f) => {
                let reason = Reason::new(f.refusal.code(), f.refusal.message());
                Self::judged(reason, f.detail, f.refusal.retry())
            }
            ChildError::Died { death, detail, retry } => {
                Self::judged(Reason::new(death.code(), death.message()), detail, retry)
            }
            ChildError::Source(e) => e.into(),
            ChildError::Io(e) => Self::Infrastructure(e.to_string()),
            // The outputs' taker ended first and has the real reason.
            ChildError::GivenUp => Self::Infrastructure("output not taken".to_owned()),
        }
    }
}

/// A claimed task with its context.
#[derive(Debug, Clone)]
pub struct Running {
    pub context: Context,
    pub task: ClaimedTask,
    /// Threads of its encoders.
    pub threads: usize,
}
