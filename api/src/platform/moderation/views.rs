//! What moderation takes and answers.

use serde::{Deserialize, Serialize};
use sluice_db::{ActionRow, ReportRow};
use sluice_model::{ActionKind, ReportReason, ReportStatus, ReportTarget};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReport {
    pub target: ReportTarget,
    /// Of the media, comment or person.
    pub id: Uuid,
    pub reason: ReportReason,
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub note: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Report {
    pub id: Uuid,
    pub reporter_id: Uuid,
    pub target: ReportTarget,
    pub target_id: Uuid,
    pub reason: ReportReason,
    /// Plain text.
    pub note: String,
    pub status: ReportStatus,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
}

impl From<ReportRow> for Report {
    fn from(row: ReportRow) -> Self {
        Self {
            id: row.id.into(),
            reporter_id: row.reporter_id.into(),
            target: row.target_kind,
            target_id: row.target_id.into(),
            reason: row.reason,
            note: row.note,
            status: row.status,
            created_at: row.created_at.as_millis(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Reports {
    pub items: Vec<Report>,
    pub next_cursor: Option<Uuid>,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct ReportQuery {
    /// Open ones when left out.
    pub status: Option<ReportStatus>,
    /// 1 to 100, otherwise 20.
    #[param(minimum = 1, maximum = 100)]
    pub limit: Option<u32>,
    /// `next_cursor` of the page before.
    pub cursor: Option<Uuid>,
}

/// What becomes of a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ReportDecision {
    /// Nothing is wrong with it.
    Dismiss,
    /// The media or comment is out of sight.
    Hide,
    /// Its author may do nothing, and nothing of theirs is seen.
    Ban,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decide {
    pub decision: ReportDecision,
    /// Said to whom it concerns.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: String,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct BanUser {
    /// Said to whom it concerns.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub reason: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Appeal {
    #[schema(min_length = 1, max_length = 2000)]
    pub text: String,
}

/// Something that was done.
#[derive(Debug, Serialize, ToSchema)]
pub struct Action {
    pub id: Uuid,
    pub kind: ActionKind,
    pub target_id: Uuid,
    pub affected_id: Uuid,
    pub reason: String,
    /// What the person says to it.
    pub appeal: Option<String>,
    /// Milliseconds since the Unix epoch, as below.
    pub appealed_at: Option<i64>,
    pub created_at: i64,
    pub lifted_at: Option<i64>,
}

impl From<ActionRow> for Action {
    fn from(row: ActionRow) -> Self {
        Self {
            id: row.id.into(),
            kind: row.kind,
            target_id: row.target_id.into(),
            affected_id: row.affected_id.into(),
            reason: row.reason,
            appeal: row.appeal,
            appealed_at: row.appealed_at.map(|t| t.as_millis()),
            created_at: row.created_at.as_millis(),
            lifted_at: row.lifted_at.map(|t| t.as_millis()),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Actions {
    pub items: Vec<Action>,
    pub next_cursor: Option<Uuid>,
}
