//! What api_tokens takes and answers.

use serde::{Deserialize, Serialize};
use sluice_db::ApiTokenRow;
use sluice_model::Scope;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewToken {
    /// What it is for.
    #[schema(min_length = 1, max_length = 100)]
    pub name: String,
    /// `read`: look and play. `upload`: bring in media and follow them. `admin`: everything the account
    /// may do, but for the account itself.
    #[schema(min_items = 1)]
    pub scopes: Vec<Scope>,
    /// Seconds; it does not expire when left out.
    #[schema(minimum = 1, maximum = 315_360_000)]
    pub expires_in: Option<i64>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ApiToken {
    pub id: Uuid,
    pub name: String,
    pub scopes: Vec<Scope>,
    /// Its last characters.
    pub hint: String,
    /// Milliseconds since the Unix epoch, as all below.
    pub created_at: i64,
    pub expires_at: Option<i64>,
    /// To the minute.
    pub last_used_at: Option<i64>,
}

impl From<ApiTokenRow> for ApiToken {
    fn from(row: ApiTokenRow) -> Self {
        Self {
            id: row.id.into(),
            scopes: Scope::list(&row.scopes),
            name: row.name,
            hint: row.hint,
            created_at: row.created_at.as_millis(),
            expires_at: row.expires_at.map(|t| t.as_millis()),
            last_used_at: row.last_used_at.map(|t| t.as_millis()),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ApiTokens {
    pub items: Vec<ApiToken>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct CreatedToken {
    #[serde(flatten)]
    pub about: ApiToken,
    /// Shown this once.
    pub token: String,
}
