//! What admin takes and answers.

use crate::identity::{account::views::CreatorRequest, auth::views::User};
use serde::{Deserialize, Serialize};
use sluice_model::{CreatorRequestStatus, Role};
use utoipa::{
    IntoParams, ToSchema,
    openapi::{ObjectBuilder, Schema, Type},
};
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

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RequestQuery {
    /// `pending` when left out.
    #[serde(default = "pending")]
    #[param(required = false, schema_with = which_requests)]
    pub status: CreatorRequestStatus,
}

fn which_requests() -> Schema {
    let words = CreatorRequestStatus::ALL.iter().map(|s| s.as_str());
    let schema = ObjectBuilder::new().schema_type(Type::String).description(Some("Which requests."));
    schema.enum_values(Some(words)).into()
}

fn pending() -> CreatorRequestStatus {
    CreatorRequestStatus::Pending
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
