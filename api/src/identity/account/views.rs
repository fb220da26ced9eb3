//! What account takes and answers.

use serde::{Deserialize, Serialize};
use sluice_db::{AuditRow, CreatorRequestRow, SessionRow};
use sluice_model::{CreatorRequestStatus, SessionId};
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangePassword {
    #[schema(format = Password)]
    pub current_password: String,
    #[schema(min_length = 10, max_length = 1024, format = Password)]
    pub new_password: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeEmail {
    #[schema(format = Email, max_length = 254)]
    pub email: String,
    #[schema(format = Password)]
    pub password: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DeleteAccount {
    #[schema(format = Password)]
    pub password: String,
    pub media: MediaFate,
    /// User name of the creator who takes the media over.
    pub hand_over_to: Option<String>,
}

/// What becomes of the media of a deleted account.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MediaFate {
    Delete,
    HandOver,
}

/// A login that can be refreshed.
#[derive(Debug, Serialize, ToSchema)]
pub struct Session {
    pub id: Uuid,
    /// Whether it is the one that asks.
    pub current: bool,
    /// Of its last use.
    pub address: String,
    /// User-Agent of its last use.
    pub agent: String,
    /// Milliseconds since the Unix epoch, as all below.
    pub created_at: i64,
    pub last_used_at: i64,
    pub expires_at: i64,
}

impl Session {
    pub fn new(row: SessionRow, current: Option<SessionId>) -> Self {
        Self {
            current: current == Some(row.id),
            id: row.id.into(),
            address: row.address,
            agent: row.agent,
            created_at: row.created_at.as_millis(),
            last_used_at: row.last_used_at.as_millis(),
            expires_at: row.expires_at.as_millis(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Sessions {
    pub items: Vec<Session>,
}

/// A security event.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEvent {
    pub id: Uuid,
    /// Whose account.
    pub user_id: Option<Uuid>,
    /// Who did it, where that is known.
    pub actor_id: Option<Uuid>,
    /// A stable word.
    pub kind: String,
    pub address: String,
    pub agent: String,
    pub detail: String,
    /// Milliseconds since the Unix epoch.
    pub at: i64,
}

impl From<AuditRow> for AuditEvent {
    fn from(row: AuditRow) -> Self {
        Self {
            id: row.id.into(),
            user_id: row.user_id.map(Into::into),
            actor_id: row.actor_id.map(Into::into),
            kind: row.kind,
            address: row.address,
            agent: row.agent,
            detail: row.detail,
            at: row.at.as_millis(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct AuditEvents {
    pub items: Vec<AuditEvent>,
    pub next_cursor: Option<Uuid>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AskCreator {
    /// For the administrator who decides.
    #[serde(default)]
    #[schema(max_length = 1000)]
    pub message: String,
}

/// A request to become a creator.
#[derive(Debug, Serialize, ToSchema)]
pub struct CreatorRequest {
    pub id: Uuid,
    pub user_id: Uuid,
    pub username: String,
    pub message: String,
    /// `pending`, `granted` or `refused`.
    pub status: CreatorRequestStatus,
    /// What the administrator said.
    pub answer: Option<String>,
    /// Milliseconds since the Unix epoch, as below.
    pub created_at: i64,
    pub decided_at: Option<i64>,
}

impl From<CreatorRequestRow> for CreatorRequest {
    fn from(row: CreatorRequestRow) -> Self {
        Self {
            id: row.id.into(),
            user_id: row.user_id.into(),
            username: row.username,
            message: row.message,
            status: row.status,
            answer: row.answer,
            created_at: row.created_at.as_millis(),
            decided_at: row.decided_at.map(|t| t.as_millis()),
        }
    }
}
