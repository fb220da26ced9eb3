//! What projects take and answer.

use serde::{Deserialize, Serialize};
use sluice_db::ProjectRow;
use sluice_model::DocumentFormat;
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Debug, Serialize, ToSchema)]
pub struct Project {
    pub id: Uuid,
    pub title: String,
    /// What it is about; none, or none any more.
    pub media_id: Option<Uuid>,
    pub format: DocumentFormat,
    /// Of the document; 0 while nothing was saved. As an entity tag, `"3"`.
    pub version: i64,
    pub size_bytes: i64,
    /// Milliseconds since the Unix epoch, as below.
    pub created_at: i64,
    pub updated_at: i64,
}

impl From<ProjectRow> for Project {
    fn from(row: ProjectRow) -> Self {
        Self {
            id: row.id.into(),
            title: row.title,
            media_id: row.media_id.map(Into::into),
            format: row.format,
            version: row.version,
            size_bytes: row.size_bytes,
            created_at: row.created_at.as_millis(),
            updated_at: row.updated_at.as_millis(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Projects {
    pub items: Vec<Project>,
    pub next_cursor: Option<Uuid>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewProject {
    #[schema(min_length = 1, max_length = 200)]
    pub title: String,
    /// Something one may see.
    pub media_id: Option<Uuid>,
    /// Markdown when left out.
    pub format: Option<DocumentFormat>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeProject {
    #[schema(max_length = 200)]
    pub title: Option<String>,
    /// Something one may see; empty for none.
    pub media_id: Option<String>,
}

/// A time stamp in the notes.
#[derive(Debug, Serialize, ToSchema)]
pub struct Moment {
    pub at_ms: i64,
    pub text: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Moments {
    pub items: Vec<Moment>,
}
