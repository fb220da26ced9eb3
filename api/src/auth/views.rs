//! What auth takes and answers.

use serde::{Deserialize, Serialize};
use sluice_common::{db::UserRow, model::Role};
use uuid::Uuid;

#[derive(Debug, Deserialize)]
pub struct Register {
    pub username: String,
    pub email: String,
    pub password: String,
    /// `viewer` or `creator`.
    pub role: Option<Role>,
}

#[derive(Debug, Deserialize)]
pub struct Login {
    /// User name or e-mail address.
    pub login: String,
    pub password: String,
}

#[derive(Debug, Deserialize)]
pub struct Refresh {
    pub refresh_token: String,
}

#[derive(Debug, Serialize)]
pub struct User {
    pub id: Uuid,
    pub username: String,
    pub email: String,
    pub role: Role,
}

impl From<UserRow> for User {
    fn from(row: UserRow) -> Self {
        Self { id: row.id, username: row.username, email: row.email, role: row.role }
    }
}

#[derive(Debug, Serialize)]
pub struct LoggedIn {
    pub user: User,
    pub access_token: String,
    pub refresh_token: String,
    /// Seconds.
    pub expires_in: i64,
}
