//! Endpoints of other services, and what they are told. A delivery is written by the transaction that makes
//! its event true: neither without the other.

use super::{Db, Result, Tx, execute, execute_tx, query};
use serde_json::json;
use sluice_model::{
    DeliveryId, DeliveryStatus, MediaEvent, MediaId, PackageId, Timestamp, UserId, WebhookId, cached_paths,
};
use sqlx::FromRow;

/// Between two tries of a delivery at most, microseconds: half a day, and an hour for clocks that differ.
const LONGEST_PAUSE_US: i64 = 13 * 3600 * 1_000_000;

/// Reads and single statements of this domain, from [`Db::webhooks`].
#[derive(Debug, Clone, Copy)]
pub struct Webhooks<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::webhooks`].
#[derive(Debug)]
pub struct WebhooksTx<'a>(pub(crate) &'a mut Tx);

/// An endpoint as stored.
#[derive(Debug, Clone, FromRow)]
pub struct WebhookRow {
    pub id: WebhookId,
    pub owner_id: UserId,
    pub url: String,
    pub secret: String,
    /// Joined by blanks.
    pub events: String,
    pub active: bool,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
}

/// Something an endpoint is told.
#[derive(Debug, Clone, FromRow)]
pub struct DeliveryRow {
    pub id: DeliveryId,
    pub webhook_id: WebhookId,
    pub event: String,
    pub payload: String,
    #[sqlx(try_from = "String")]
    pub status: DeliveryStatus,
    pub attempts: i64,
    #[sqlx(rename = "next_us")]
    pub next_at: Timestamp,
    pub last_status: Option<i64>,
    pub last_error: Option<String>,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    #[sqlx(rename = "finished_us")]
    pub finished_at: Option<Timestamp>,
}

/// A delivery that this process is to make.
#[derive(Debug, Clone, FromRow)]
pub struct DueDelivery {
    pub id: DeliveryId,
    pub webhook_id: WebhookId,
    pub event: String,
    pub payload: String,
    /// With this one.
    pub attempts: i64,
}

/// How a try ended.
#[derive(Debug)]
pub struct Tried<'a> {
    pub status: Option<i64>,
    pub error: Option<&'a str>,
    pub delivered: bool,
    /// When to try again; never, if unset.
    pub next_at: Option<Timestamp>,
}

/// What of an endpoint is to be changed; `None` stays.
#[derive(Debug, Default)]
pub struct WebhookChange<'a> {
    pub url: Option<&'a str>,
    pub events: Option<&'a str>,
    pub active: Option<bool>,
}

macro_rules! deliveries {
    () => {
        "id, webhook_id, event, payload, status, attempts, next_us, last_status, last_error, created_us, finished_us"
    };
}

macro_rules! claim {
    ($lock:literal) => {
        concat!(
            "UPDATE webhook_deliveries SET attempts = attempts + 1, next_us = $1 WHERE id IN (SELECT d.id FROM webhook_deliveries d \
             WHERE d.status = 'queued' AND d.next_us <= $2 AND d.id IN (SELECT e.id FROM ( \
               SELECT h.id, h.next_us, ROW_NUMBER() OVER (PARTITION BY h.owner_id ORDER BY h.next_us, h.id) AS turn FROM ( \
                 SELECT q.id, q.next_us, w.owner_id, ROW_NUMBER() OVER (PARTITION BY q.webhook_id ORDER BY q.next_us, q.id) AS place \
                 FROM webhook_deliveries q JOIN webhooks w ON w.id = q.webhook_id \
                 WHERE q.status = 'queued' AND q.next_us <= $2 AND w.active) h WHERE h.place = 1) e \
               ORDER BY e.turn, e.next_us LIMIT $3) ",
            $lock,
            ") RETURNING id, webhook_id, event, payload, attempts"
        )
    };
}

/// Endpoints that are told of media. One that is deleted meanwhile must not undo what it would have been told of.
macro_rules! wanting {
    ($media:literal, $lock:literal) => {
        concat!(
            "SELECT w.id, m.id, w.events FROM media m JOIN webhooks w ON w.owner_id = m.owner_id AND w.active WHERE ",
            $media,
            " ORDER BY w.id ",
            $lock
        )
    };
}

/// Endpoints that are told what caches must throw away: those of the owner of a public media, and of administrators, who look after
/// what stands in front of the service.
macro_rules! purging {
    ($media:literal, $lock:literal) => {
        concat!(
            "SELECT w.id, m.id, w.events FROM media m JOIN webhooks w ON w.active AND (w.owner_id = m.owner_id \
             OR w.owner_id IN (SELECT a.id FROM users a WHERE a.role = 'admin')) WHERE m.visibility <> 'private' AND ",
            $media,
            " ORDER BY w.id ",
            $lock
        )
    };
}

impl Webhooks<'_> {
    /// An endpoint by id.
    pub async fn find(&self, id: WebhookId) -> Result<Option<WebhookRow>> {
        let sql = "SELECT id, owner_id, url, secret, events, active, created_us FROM webhooks WHERE id = $1";
        query!(self.0, fetch_optional as WebhookRow, sql, id)
    }

    /// A person's endpoints, newest first.
    pub async fn of_owner(&self, owner: UserId, before: Option<WebhookId>, limit: i64) -> Result<Vec<WebhookRow>> {
        let sql = "SELECT id, owner_id, url, secret, events, active, created_us FROM webhooks \
                   WHERE owner_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3";
        query!(self.0, fetch_all as WebhookRow, sql, owner, before.unwrap_or(WebhookId::max()), limit)
    }

    /// Stores a new endpoint.
    pub async fn insert(&self, w: &WebhookRow) -> Result<()> {
        let sql = "INSERT INTO webhooks (id, owner_id, url, secret, events, active, created_us) VALUES ($1, $2, $3, $4, $5, $6, $7)";
        execute!(self.0, sql, w.id, w.owner_id, &w.url, &w.secret, &w.events, w.active, w.created_at)?;
        Ok(())
    }

    /// Changes an endpoint. One that is switched off is not told later what it would have been told meanwhile.
    pub async fn change(&self, id: WebhookId, change: &WebhookChange<'_>, now: Timestamp) -> Result<()> {
        let mut tx = self.0.begin().await?;
        let sql = "UPDATE webhooks SET url = COALESCE($1, url), events = COALESCE($2, events), active = COALESCE($3, active) WHERE id = $4";
        execute_tx!(&mut tx, sql, change.url, change.events, change.active, id)?;
        if change.active == Some(false) {
            let sql = "UPDATE webhook_deliveries SET status = 'failed', last_error = 'The endpoint was switched off.', finished_us = $1 \
                       WHERE webhook_id = $2 AND status = 'queued'";
            execute_tx!(&mut tx, sql, now, id)?;
        }
        tx.commit().await
    }

    /// Deletes an endpoint with its log.
    pub async fn delete(&self, id: WebhookId) -> Result<bool> {
        Ok(execute!(self.0, "DELETE FROM webhooks WHERE id = $1", id)? == 1)
    }

    /// What an endpoint was told, latest first.
    pub async fn deliveries(
        &self,
        webhook: WebhookId,
        before: Option<DeliveryId>,
        limit: i64,
    ) -> Result<Vec<DeliveryRow>> {
        let sql = concat!(
            "SELECT ",
            deliveries!(),
            " FROM webhook_deliveries WHERE webhook_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3"
        );
        query!(self.0, fetch_all as DeliveryRow, sql, webhook, before.unwrap_or(DeliveryId::max()), limit)
    }

    /// Takes deliveries that are due, the oldest of each endpoint, one of every account before the second of any;
    /// nobody else takes them until `until`.
    pub async fn claim_deliveries(&self, now: Timestamp, until: Timestamp, limit: i64) -> Result<Vec<DueDelivery>> {
        // Mostly nothing is due: then nobody who writes is kept waiting.
        let due = "SELECT id FROM webhook_deliveries WHERE status = 'queued' AND next_us <= $1 LIMIT 1";
        if query!(self.0, fetch_optional as (DeliveryId,), due, now)?.is_none() {
            return Ok(Vec::new());
        }
        let rows = match self.0 {
            Db::Sqlite(p) => sqlx::query_as(claim!("")).bind(until).bind(now).bind(limit).fetch_all(&p.writer).await,
            Db::Postgres(p) => {
                let sql = claim!("FOR UPDATE OF d SKIP LOCKED");
                sqlx::query_as(sql).bind(until).bind(now).bind(limit).fetch_all(p.up()?).await
            }
        };
        Ok(rows?)
    }

    /// Notes how a try ended.
    pub async fn settle_delivery(&self, id: DeliveryId, tried: &Tried<'_>, now: Timestamp) -> Result<()> {
        let status = match (tried.delivered, tried.next_at) {
            (true, _) => DeliveryStatus::Delivered,
            (false, Some(_)) => DeliveryStatus::Queued,
            (false, None) => DeliveryStatus::Failed,
        };
        let finished = (status != DeliveryStatus::Queued).then_some(now);
        let sql = "UPDATE webhook_deliveries SET status = $1, next_us = COALESCE($2, next_us), last_status = $3, last_error = $4, \
                   finished_us = $5 WHERE id = $6 AND status = 'queued'";
        execute!(self.0, sql, status.as_str(), tried.next_at, tried.status, tried.error, finished, id)?;
        Ok(())
    }

    /// Brings deliveries forward that a clock put off which was set back since: no pause is longer than half a day.
    pub async fn mend_pauses(&self, now: Timestamp) -> Result<()> {
        let sql = "UPDATE webhook_deliveries SET next_us = $1 WHERE status = 'queued' AND next_us > $1 + $2";
        execute!(self.0, sql, now, LONGEST_PAUSE_US)?;
        Ok(())
    }

    /// Removes deliveries of long ago.
    pub async fn purge_deliveries(&self, before: Timestamp) -> Result<()> {
        let sql = "DELETE FROM webhook_deliveries WHERE created_us < $1";
        execute!(self.0, sql, before)?;
        Ok(())
    }
}

impl WebhooksTx<'_> {
    /// Queues what the owners of all media of a package want to be told.
    pub async fn notify_owners(&mut self, package: PackageId, event: MediaEvent, now: Timestamp) -> Result<()> {
        let rows = match self.0 {
            Tx::Sqlite(t) => {
                sqlx::query_as(wanting!("m.package_id = $1", "")).bind(package).fetch_all(&mut **t).await?
            }
            Tx::Postgres(t) => {
                let sql = wanting!("m.package_id = $1", "FOR KEY SHARE OF w");
                sqlx::query_as(sql).bind(package).fetch_all(&mut **t).await?
            }
        };
        self.queue(rows, event, now).await
    }

    /// Queues what the owner of one media wants to be told.
    pub async fn notify_owner(&mut self, media: MediaId, event: MediaEvent, now: Timestamp) -> Result<()> {
        let rows = match self.0 {
            Tx::Sqlite(t) => sqlx::query_as(wanting!("m.id = $1", "")).bind(media).fetch_all(&mut **t).await?,
            Tx::Postgres(t) => {
                let sql = wanting!("m.id = $1", "FOR KEY SHARE OF w");
                sqlx::query_as(sql).bind(media).fetch_all(&mut **t).await?
            }
        };
        self.queue(rows, event, now).await
    }

    /// Queues what is told of a public media that not everybody may see any more, or that is about to go.
    pub async fn purge_caches(&mut self, media: MediaId, now: Timestamp) -> Result<()> {
        let rows = match self.0 {
            Tx::Sqlite(t) => sqlx::query_as(purging!("m.id = $1", "")).bind(media).fetch_all(&mut **t).await?,
            Tx::Postgres(t) => {
                let sql = purging!("m.id = $1", "FOR KEY SHARE OF w");
                sqlx::query_as(sql).bind(media).fetch_all(&mut **t).await?
            }
        };
        self.queue(rows, MediaEvent::Purge, now).await
    }

    /// The same of all public media of an account.
    pub async fn purge_caches_of(&mut self, owner: UserId, now: Timestamp) -> Result<()> {
        let rows = match self.0 {
            Tx::Sqlite(t) => sqlx::query_as(purging!("m.owner_id = $1", "")).bind(owner).fetch_all(&mut **t).await?,
            Tx::Postgres(t) => {
                let sql = purging!("m.owner_id = $1", "FOR KEY SHARE OF w");
                sqlx::query_as(sql).bind(owner).fetch_all(&mut **t).await?
            }
        };
        self.queue(rows, MediaEvent::Purge, now).await
    }

    async fn queue(
        &mut self,
        rows: Vec<(WebhookId, MediaId, String)>,
        event: MediaEvent,
        now: Timestamp,
    ) -> Result<()> {
        let wanted = |events: &str| events.split(' ').any(|e| e == event.as_str());
        for (webhook, media, _) in rows.into_iter().filter(|r| wanted(&r.2)) {
            self.queue_delivery(webhook, event.as_str(), Some(media), now).await?;
        }
        Ok(())
    }

    /// Queues a delivery. Its identifier is the one that its receiver knows repeats by.
    pub async fn queue_delivery(
        &mut self,
        webhook: WebhookId,
        event: &str,
        media: Option<MediaId>,
        now: Timestamp,
    ) -> Result<()> {
        let id = DeliveryId::new();
        let mut payload = json!({ "id": id, "event": event, "created_at": now.as_millis() });
        if let Some(media) = media {
            payload["media_id"] = json!(media);
            if event == MediaEvent::Purge.as_str() {
                payload["paths"] = json!(cached_paths(media));
            }
        }
        let sql = "INSERT INTO webhook_deliveries (id, webhook_id, event, payload, status, attempts, next_us, created_us) \
                   VALUES ($1, $2, $3, $4, 'queued', 0, $5, $5)";
        execute_tx!(self.0, sql, id, webhook, event, payload.to_string(), now)?;
        Ok(())
    }
}
