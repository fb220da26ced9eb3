//! What webhooks take and answer.

use serde::{Deserialize, Serialize};
use sluice_db::{DeliveryRow, WebhookRow};
use sluice_model::{DeliveryStatus, MediaEvent};
use utoipa::ToSchema;
use uuid::Uuid;

#[derive(Debug, Serialize, ToSchema)]
pub struct Webhook {
    pub id: Uuid,
    pub url: String,
    pub events: Vec<String>,
    pub active: bool,
    /// Signs deliveries. Told once.
    pub secret: Option<String>,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
}

impl Webhook {
    pub fn new(row: WebhookRow, with_secret: bool) -> Self {
        Self {
            id: row.id.into(),
            url: row.url,
            events: row.events.split(' ').filter(|e| !e.is_empty()).map(ToOwned::to_owned).collect(),
            active: row.active,
            secret: with_secret.then_some(row.secret),
            created_at: row.created_at.as_millis(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Webhooks {
    pub items: Vec<Webhook>,
    pub next_cursor: Option<Uuid>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewWebhook {
    /// https, in the public internet.
    #[schema(max_length = 2048)]
    pub url: String,
    #[schema(min_items = 1)]
    pub events: Vec<MediaEvent>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeWebhook {
    #[schema(max_length = 2048)]
    pub url: Option<String>,
    #[schema(min_items = 1)]
    pub events: Option<Vec<MediaEvent>>,
    /// What is switched off is told nothing; what waits, waits.
    pub active: Option<bool>,
}

/// Something the endpoint was told, or will be.
#[derive(Debug, Serialize, ToSchema)]
pub struct Delivery {
    pub id: Uuid,
    pub event: String,
    /// As it is sent.
    pub payload: serde_json::Value,
    /// `queued`, `delivered` or `failed`.
    pub status: DeliveryStatus,
    pub attempts: i64,
    /// HTTP status of the last try.
    pub last_status: Option<i64>,
    pub last_error: Option<String>,
    /// Milliseconds since the Unix epoch, as below.
    pub created_at: i64,
    pub next_at: Option<i64>,
    pub finished_at: Option<i64>,
}

impl From<DeliveryRow> for Delivery {
    fn from(row: DeliveryRow) -> Self {
        Self {
            id: row.id.into(),
            event: row.event,
            payload: serde_json::from_str(&row.payload).unwrap_or_default(),
            next_at: (row.status == DeliveryStatus::Queued).then_some(row.next_at.as_millis()),
            status: row.status,
            attempts: row.attempts,
            last_status: row.last_status,
            last_error: row.last_error,
            created_at: row.created_at.as_millis(),
            finished_at: row.finished_at.map(|t| t.as_millis()),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Deliveries {
    pub items: Vec<Delivery>,
    pub next_cursor: Option<Uuid>,
}
