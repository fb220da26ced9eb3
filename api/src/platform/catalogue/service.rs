//! The rules of categories and tags.

use crate::{
    paging::{Cut, PageQuery},
    pipeline::media::service as media,
    platform::PlatformError,
    state::AppState,
    text,
    validation::Faults,
};
use sluice_db::{CategoryRow, MediaRow};
use sluice_model::clock;

/// A category that exists.
pub async fn category(state: &AppState, slug: &str) -> Result<CategoryRow, PlatformError> {
    state.db.catalogue().category(&text::line(slug)).await?.ok_or(PlatformError::NotFound)
}

/// Makes a category or names it anew.
pub async fn put(state: &AppState, slug: &str, name: &str) -> Result<(), PlatformError> {
    let name = text::title(name);
    let plain = slug.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    let mut faults = Faults::default();
    faults.demand((1..=40).contains(&slug.len()) && plain, "slug", "1 to 40 lower-case letters, digits and hyphens");
    faults.demand((1..=80).contains(&name.chars().count()), "name", "1 to 80 characters").refuse()?;
    Ok(state.db.catalogue().put_category(slug, &name).await?)
}

/// All categories, by name.
pub async fn categories(state: &AppState) -> Result<Vec<CategoryRow>, PlatformError> {
    Ok(state.db.catalogue().categories().await?)
}

/// Public media of a category, newest first.
pub async fn media_of(state: &AppState, slug: &str, page: &PageQuery) -> Result<Cut<MediaRow>, PlatformError> {
    let category = category(state, slug).await?;
    Ok(page.cut(state.db.catalogue().media_of_category(category.id, page.cursor(), page.rows()).await?, |r| r.id))
}

/// Public media with a tag, newest first.
pub async fn media_with(state: &AppState, tag: String, page: &PageQuery) -> Result<Cut<MediaRow>, PlatformError> {
    let rows = match media::tags(&[tag]) {
        Ok(tags) => state.db.catalogue().media_with_tag(&tags.concat(), page.cursor(), page.rows()).await?,
        // Nothing has a tag that cannot be.
        Err(_) => Vec::new(),
    };
    Ok(page.cut(rows, |r| r.id))
}

/// Removes a category; its media have none then.
pub async fn delete(state: &AppState, slug: &str) -> Result<(), PlatformError> {
    let deleted = state.db.catalogue().delete_category(&text::line(slug), clock::now()).await?;
    if deleted { Ok(()) } else { Err(PlatformError::NotFound) }
}
