//! What auth takes and answers.

use serde::{Deserialize, Serialize};
use sluice_db::UserRow;
use sluice_model::Role;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Register {
    /// 3 to 32 letters, digits, dots, hyphens or underscores.
    #[schema(min_length = 3, max_length = 32, pattern = "^[A-Za-z0-9._-]{3,32}$")]
    pub username: String,
    #[schema(max_length = 254, format = Email)]
    pub email: String,
    #[schema(min_length = 10, max_length = 1024, format = Password)]
    pub password: String,
    /// `viewer` or `creator`.
    pub role: Option<Role>,
    /// Sets the tokens as cookies instead of naming them in the answer.
    #[serde(default)]
    pub cookies: bool,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// User name, or e-mail address once it is proved.
    pub login: String,
    #[schema(format = Password)]
    pub password: String,
    /// Sets the tokens as cookies instead of naming them in the answer.
    #[serde(default)]
    pub cookies: bool,
}

#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Refresh {
    /// Left out, it is taken from the cookie.
    pub refresh_token: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ForgotPassword {
    pub email: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ResetPassword {
    /// As sent by e-mail.
    pub token: String,
    #[schema(min_length = 10, max_length = 1024, format = Password)]
    pub password: String,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct VerifyEmail {
    /// As sent by e-mail.
    pub token: String,
}

/// An account, as its owner and administrators see it.
#[derive(Debug, Serialize, ToSchema)]
pub struct User {
    pub id: Uuid,
    pub username: String,
    pub email: String,
    pub email_verified: bool,
    pub role: Role,
    pub banned: bool,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self {
            id: row.id.into(),
            username: row.username,
            email: row.email,
            email_verified: row.email_verified_at.is_some(),
            role: row.role,
            banned: row.banned,
            created_at: row.created_at.as_millis(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct LoggedIn {
    pub user: User,
    /// Left out when it was set as a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub access_token: Option<String>,
    /// Left out when it was set as a cookie.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refresh_token: Option<String>,
    /// Seconds until the access token expires.
    pub expires_in: i64,
}
