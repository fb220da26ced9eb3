//! What admin takes and answers.

use crate::identity::{account::views::CreatorRequest, auth::views::User};
use serde::{Deserialize, Serialize};
use sluice_model::Role;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

#[derive(Debug, Serialize, ToSchema)]
pub struct Users {
    pub items: Vec<User>,
    pub next_cursor: Option<Uuid>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRole {
    pub role: Role,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Decision {
    /// For the person who asked.
    #[schema(max_length = 1000)]
    pub answer: Option<String>,
}

/// Which requests.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RequestStatus {
    #[default]
    Pending,
    Granted,
    Refused,
}

impl RequestStatus {
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Granted => "granted",
            Self::Refused => "refused",
        }
    }
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RequestQuery {
    /// `pending` when left out.
    #[serde(default)]
    #[param(inline, required = false)]
    pub status: RequestStatus,
}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct AuditQuery {
    /// Of one account only.
    pub user: Option<Uuid>,
    /// Of one kind only.
    pub kind: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CreatorRequests {
    pub items: Vec<CreatorRequest>,
    pub next_cursor: Option<Uuid>,
}
