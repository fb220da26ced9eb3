//! The rules of webhooks. Nobody but their owner knows of them.

use super::{
    signature,
    views::{ChangeWebhook, NewWebhook},
};
use crate::{
    identity::Viewer,
    paging::{Cut, PageQuery},
    platform::PlatformError,
    state::AppState,
    validation::Faults,
};
use sluice_db::{DeliveryRow, WebhookChange, WebhookRow};
use sluice_model::{MediaEvent, RateLimit, WebhookId, clock};

/// Endpoints of a person.
const MOST: i64 = 20;

/// An endpoint of this person's.
pub async fn owned(state: &AppState, viewer: &Viewer, id: WebhookId) -> Result<WebhookRow, PlatformError> {
    state.db.webhooks().find(id).await?.filter(|w| w.owner_id == viewer.id).ok_or(PlatformError::NotFound)
}

fn check(state: &AppState, url: Option<&str>, events: Option<&[MediaEvent]>) -> Result<(), PlatformError> {
    let mut faults = Faults::default();
    let fine = url.is_none_or(|u| state.outbound.check(u).is_ok());
    faults.demand(fine, "url", "an https address in the public internet, without a password");
    Ok(faults.demand(events.is_none_or(|e| !e.is_empty()), "events", "at least one").refuse()?)
}

fn joined(events: &[MediaEvent]) -> String {
    let mut words: Vec<&str> = events.iter().map(|e| e.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    words.join(" ")
}

/// Makes an endpoint with a secret of its own.
pub async fn create(state: &AppState, viewer: &Viewer, new: NewWebhook) -> Result<WebhookRow, PlatformError> {
    check(state, Some(&new.url), Some(&new.events))?;
    if state.db.webhooks().of_owner(viewer.id, None, MOST).await?.len() as i64 == MOST {
        return Err(PlatformError::TooMany("webhooks"));
    }
    let row = WebhookRow {
        id: WebhookId::new(),
        owner_id: viewer.id,
        url: new.url,
        secret: signature::new_secret(),
        events: joined(&new.events),
        active: true,
        created_at: clock::now(),
    };
    state.db.webhooks().insert(&row).await?;
    Ok(row)
}

/// Changes an endpoint.
pub async fn change(
    state: &AppState,
    viewer: &Viewer,
    id: WebhookId,
    asked: ChangeWebhook,
) -> Result<WebhookRow, PlatformError> {
    owned(state, viewer, id).await?;
    check(state, asked.url.as_deref(), asked.events.as_deref())?;
    let events = asked.events.as_deref().map(joined);
    let change = WebhookChange { url: asked.url.as_deref(), events: events.as_deref(), active: asked.active };
    state.db.webhooks().change(id, &change, clock::now()).await?;
    owned(state, viewer, id).await
}

/// Queues a delivery that says it is a test.
pub async fn test(state: &AppState, viewer: &Viewer, id: WebhookId) -> Result<(), PlatformError> {
    let row = owned(state, viewer, id).await?;
    state.limits.take(RateLimit::WebhookTest, &viewer.id.to_string()).await?;
    let mut tx = state.db.begin().await?;
    tx.webhooks().queue_delivery(row.id, "test", None, clock::now()).await?;
    Ok(tx.commit().await?)
}

/// This person's endpoints, newest first.
pub async fn list(state: &AppState, viewer: &Viewer, page: &PageQuery) -> Result<Cut<WebhookRow>, PlatformError> {
    Ok(page.cut(state.db.webhooks().of_owner(viewer.id, page.cursor(), page.rows()).await?, |r| r.id))
}

/// Deletes an endpoint with its log.
pub async fn delete(state: &AppState, viewer: &Viewer, id: WebhookId) -> Result<(), PlatformError> {
    owned(state, viewer, id).await?;
    if state.db.webhooks().delete(id).await? { Ok(()) } else { Err(PlatformError::NotFound) }
}

/// What an endpoint was told, and what waits, latest first.
pub async fn deliveries(
    state: &AppState,
    viewer: &Viewer,
    id: WebhookId,
    page: &PageQuery,
) -> Result<Cut<DeliveryRow>, PlatformError> {
    owned(state, viewer, id).await?;
    Ok(page.cut(state.db.webhooks().deliveries(id, page.cursor(), page.rows()).await?, |r| r.id))
}
