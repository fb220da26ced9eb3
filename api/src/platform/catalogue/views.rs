//! What categories take and answer.

use crate::platform::picture_views as pictures;
use serde::{Deserialize, Serialize};
use sluice_db::CategoryRow;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct Category {
    /// Part of URLs.
    pub slug: String,
    pub name: String,
    pub picture_url: Option<String>,
}

impl Category {
    /// `base` is the external URL of the API without a trailing slash.
    pub fn new(row: CategoryRow, base: &str) -> Self {
        Self { slug: row.slug, name: row.name, picture_url: row.picture_id.map(|id| pictures::url(id, base)) }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Categories {
    pub items: Vec<Category>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutCategory {
    #[schema(min_length = 1, max_length = 80)]
    pub name: String,
}
