//! The rules of categories and tags.

use crate::{error::ApiError, state::AppState, text, validation::Faults};
use sluice_db::CategoryRow;

/// A category that exists.
pub async fn category(state: &AppState, slug: &str) -> Result<CategoryRow, ApiError> {
    state.db.category(&text::line(slug)).await?.ok_or(ApiError::NotFound)
}

/// Makes a category or names it anew.
pub async fn put(state: &AppState, slug: &str, name: &str) -> Result<(), ApiError> {
    let name = text::title(name);
    let plain = slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let mut faults = Faults::default();
    faults.demand((1..=40).contains(&slug.len()) && plain, "slug", "1 to 40 lower-case letters, digits and hyphens");
    faults.demand((1..=80).contains(&name.chars().count()), "name", "1 to 80 characters").refuse()?;
    Ok(state.db.put_category(slug, &name).await?)
}
