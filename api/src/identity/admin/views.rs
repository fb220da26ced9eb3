//! What admin takes and answers.

use crate::identity::{account::views::CreatorRequest, auth::views::User};
use serde::{Deserialize, Serialize};
use sluice_model::{CreatorRequestStatus, Role};
use utoipa::{
    IntoParams, PartialSchema, ToSchema,
    openapi::{ObjectBuilder, RefOr, Schema, Type},
};
use uuid::Uuid;

#[derive(Debug, Serialize, ToSchema)]
pub struct Users {
    pub items: Vec<User>,
    pub next_cursor: Option<Uuid>,
}

/// Which accounts.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct UserQuery {
    /// A part of the user name or of the e-mail address.
    #[param(max_length = 254)]
    pub q: Option<String>,
    /// Of this role only.
    pub role: Option<Role>,
    /// Only those that are banned, or are not.
    pub banned: Option<bool>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SetRole {
    pub role: Role,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreatorDecision {
    /// For the person who asked.
    #[schema(max_length = 1000)]
    pub answer: Option<String>,
}

/// The status of the requests that are asked for.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(transparent)]
pub struct RequestFilter(pub CreatorRequestStatus);

impl Default for RequestFilter {
    fn default() -> Self {
        Self(CreatorRequestStatus::Pending)
    }
}

impl PartialSchema for RequestFilter {
    fn schema() -> RefOr<Schema> {
        let words = CreatorRequestStatus::ALL.iter().map(|s| s.as_str());
        let schema = ObjectBuilder::new().schema_type(Type::String).description(Some("Which requests."));
        schema.enum_values(Some(words)).into()
    }
}

impl ToSchema for RequestFilter {}

#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct RequestQuery {
    /// `pending` when left out.
    #[serde(default)]
    #[param(inline, required = false)]
    pub status: RequestFilter,
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
