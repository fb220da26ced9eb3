//! Requests and answers of media.

use super::{
    progress::{Progress, ProgressEvent},
    report::{self, MediaReport},
    service, tracks,
    views::{ChangeMedia, Media, MediaWithTracks, OwnMediaQuery, Page},
};
use crate::{
    client::Client,
    http::{base_url::BaseUrl, error::ApiError, extract::Body},
    identity::{
        Viewer,
        guards::{Actor, Follower, Reader},
    },
    paging::PageQuery,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures::stream;
use sluice_model::MediaId;
use std::{convert::Infallible, time::Duration};

/// How often the database is asked for somebody who follows a media.
const FOLLOW: Duration = Duration::from_millis(500);
/// One media, with its status.
#[utoipa::path(get, path = "/media/{id}", operation_id = "get_media", tag = "media", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])), responses(
        (status = 200, description = "The media", body = MediaWithTracks),
    ))]
pub async fn show(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<MediaId>,
    base: BaseUrl,
) -> Result<Json<MediaWithTracks>, ApiError> {
    let row = service::visible(&state, viewer.as_ref(), id).await?;
    let tracks = tracks::list(&state, &row).await?;
    Ok(Json(MediaWithTracks { media: Media::new(row, &base.1), tracks }))
}

/// How far it is: every unit of work, what comes first, how long it will take.
#[utoipa::path(get, path = "/media/{id}/status", operation_id = "get_media_status", tag = "media", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])), responses(
        (status = 200, description = "As it stands", body = Progress),
    ))]
pub async fn status(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<MediaId>,
) -> Result<Json<Progress>, ApiError> {
    let row = service::visible(&state, viewer.as_ref(), id).await?;
    Ok(Json(Progress::of(&state, &row).await?))
}

/// The same as a stream (server-sent events), until it is ready or has failed. `Last-Event-ID` goes on
/// where a connection broke.
#[utoipa::path(get, path = "/media/{id}/events", operation_id = "follow_media", tag = "media", params(
        ("id" = Uuid, Path), ("Last-Event-ID" = Option<String>, Header)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])), responses(
        (status = 200, description = "Events named `progress`", content_type = "text/event-stream", body = ProgressEvent),
        (status = 204, description = "The last event was the last: do not come back"),
    ))]
pub async fn events(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<MediaId>,
    headers: HeaderMap,
) -> Result<Response, ApiError> {
    let row = service::visible(&state, viewer.as_ref(), id).await?;
    let first = Progress::of(&state, &row).await?;
    let seen = headers.get("last-event-id").and_then(|v| v.to_str().ok()).map(ToOwned::to_owned);
    if first.is_final() && seen.as_ref() == Some(&first.id()) {
        // By this an EventSource knows that it need not connect again.
        return Ok(StatusCode::NO_CONTENT.into_response());
    }
    let following = Following { state, viewer, id, seen, next: Some(first) };
    let events = stream::unfold(Some(following), |following| async move {
        let (event, rest) = following?.news().await?;
        Some((Ok::<_, Infallible>(event), rest))
    });
    Ok(Sse::new(events).keep_alive(KeepAlive::new().interval(Duration::from_secs(15))).into_response())
}

/// Somebody who follows a media.
struct Following {
    state: AppState,
    viewer: Option<Viewer>,
    id: MediaId,
    seen: Option<String>,
    next: Option<Progress>,
}

impl Following {
    /// Waits for news. The stream ends after the last, or when the media is no longer theirs to see.
    async fn news(mut self) -> Option<(Event, Option<Self>)> {
        loop {
            let now = match self.next.take() {
                Some(first) => first,
                None => {
                    tokio::time::sleep(FOLLOW).await;
                    let row = service::visible(&self.state, self.viewer.as_ref(), self.id).await.ok()?;
                    Progress::of(&self.state, &row).await.ok()?
                }
            };
            let id = now.id();
            let news = self.seen.as_ref() != Some(&id);
            if !news && now.is_final() {
                return None;
            }
            if news {
                let event = Event::default().event("progress").id(&id).json_data(&now).ok()?;
                self.seen = Some(id);
                return Some((event, (!now.is_final()).then_some(self)));
            }
        }
    }
}

/// One's own media: all, or those that fit.
#[utoipa::path(get, path = "/media", operation_id = "list_media", tag = "media", params(OwnMediaQuery, PageQuery),
    security(("session" = []), ("api_token" = ["read"])), responses(
        (status = 200, description = "Newest first", body = Page),
    ))]
pub async fn list(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Query(query): Query<OwnMediaQuery>,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Page>, ApiError> {
    let (rows, next_cursor) = service::list(&state, &viewer, &query, &page).await?;
    Ok(Json(Page::new(rows, next_cursor, &base.1)))
}

/// Change what people see of a media, and who sees it.
#[utoipa::path(patch, path = "/media/{id}", operation_id = "change_media", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = ChangeMedia, responses(
        (status = 200, description = "The media", body = Media),
    ))]
pub async fn change(
    State(state): State<AppState>,
    client: Client,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
    base: BaseUrl,
    Body(body): Body<ChangeMedia>,
) -> Result<Json<Media>, ApiError> {
    let row = service::change(&state, &client, &viewer, id, body).await?;
    Ok(Json(Media::new(row, &base.1)))
}

/// Delete a media. Nothing of it is served any more.
#[utoipa::path(delete, path = "/media/{id}", operation_id = "delete_media", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn remove(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
) -> Result<StatusCode, ApiError> {
    service::delete(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Stop the work on a media. It has failed then (`cancelled`) and can be retried; an upload under way goes on.
#[utoipa::path(post, path = "/media/{id}/cancel", operation_id = "cancel_media", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 200, description = "Stopped", body = Media),
        (status = 409, description = "Nothing is done for it, or not for it alone"),
    ))]
pub async fn cancel(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
    base: BaseUrl,
) -> Result<Json<Media>, ApiError> {
    let row = service::cancel(&state, &viewer, id).await?;
    Ok(Json(Media::new(row, &base.1)))
}

/// Set a failed media to work again.
#[utoipa::path(post, path = "/media/{id}/retry", operation_id = "retry_media", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses(
        (status = 200, description = "Queued", body = Media),
        (status = 409, description = "It has not failed"),
    ))]
pub async fn retry(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<MediaId>,
    base: BaseUrl,
) -> Result<Json<Media>, ApiError> {
    let row = service::retry(&state, &viewer, id).await?;
    Ok(Json(Media::new(row, &base.1)))
}

/// How a finished media came out: what the rule checker found, bytes, rates and loudness of every rendition, and its segments.
#[utoipa::path(get, path = "/media/{id}/report", operation_id = "get_media_report", tag = "media", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["read"])), responses(
        (status = 200, description = "The report", body = MediaReport),
    ))]
pub async fn report(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Path(id): Path<MediaId>,
) -> Result<Json<MediaReport>, ApiError> {
    Ok(Json(report::report(&state, &viewer, id).await?))
}
