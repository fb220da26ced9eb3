//! Requests and answers of moderation.

use super::{
    service,
    views::{Action, Actions, Appeal, BanUser, Decide, NewReport, ReportQuery, Reports},
};
use crate::{
    client::Client,
    http::{error::ApiError, extract::Body},
    identity::guards::{Actor, Admin, Person},
    paging::PageQuery,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::StatusCode,
};
use sluice_model::{ActionId, ReportId, UserId};

/// Report a media, a comment or a person.
#[utoipa::path(post, path = "/reports", operation_id = "create_report", tag = "moderation", security(("session" = []), ("api_token" = ["admin"])),
    request_body = NewReport, responses(
        (status = 201, description = "An administrator will look at it"),
        (status = 200, description = "You reported it before"),
        (status = 404, description = "There is nothing, or nothing that you may see"),
        (status = 429, description = "Too many requests"),
    ))]
pub async fn report(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Body(body): Body<NewReport>,
) -> Result<StatusCode, ApiError> {
    let new = service::report(&state, &viewer, body).await?;
    Ok(if new { StatusCode::CREATED } else { StatusCode::OK })
}

/// The queue of reports.
#[utoipa::path(get, path = "/admin/reports", operation_id = "list_reports", tag = "moderation", params(ReportQuery),
    security(("session" = []), ("api_token" = ["admin"])),
    responses((status = 200, description = "Oldest first", body = Reports)))]
pub async fn reports(
    State(state): State<AppState>,
    Admin(_): Admin,
    Query(query): Query<ReportQuery>,
) -> Result<Json<Reports>, ApiError> {
    let page = PageQuery { limit: query.limit, cursor: query.cursor };
    let (rows, next_cursor) = service::reports(&state, query.status, &page).await?;
    Ok(Json(Reports { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Decide a report, and with it all of the same thing.
#[utoipa::path(post, path = "/admin/reports/{id}/decide", operation_id = "decide_report", tag = "moderation", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = Decide, responses(
        (status = 204, description = "Decided"),
        (status = 409, description = "It was decided already"),
    ))]
pub async fn decide(
    State(state): State<AppState>,
    client: Client,
    Admin(admin): Admin,
    Path(id): Path<ReportId>,
    Body(body): Body<Decide>,
) -> Result<StatusCode, ApiError> {
    service::decide(&state, &client, &admin, id, body.decision, &body.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Ban somebody whom nobody has reported: they may do nothing, and nothing of theirs is seen. It can be lifted.
#[utoipa::path(post, path = "/admin/users/{id}/ban", operation_id = "ban_user", tag = "moderation", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = BanUser, responses(
        (status = 204, description = "Banned"),
        (status = 403, description = "An administrator, who must step down first, or not allowed"),
    ))]
pub async fn ban(
    State(state): State<AppState>,
    client: Client,
    Admin(admin): Admin,
    Path(id): Path<UserId>,
    Body(body): Body<BanUser>,
) -> Result<StatusCode, ApiError> {
    service::ban(&state, &client, &admin, id, &body.reason).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was done, with appeals.
#[utoipa::path(get, path = "/admin/moderation", operation_id = "list_moderation_actions", tag = "moderation", params(PageQuery),
    security(("session" = []), ("api_token" = ["admin"])),
    responses((status = 200, description = "Latest first", body = Actions)))]
pub async fn actions(
    State(state): State<AppState>,
    Admin(_): Admin,
    Query(page): Query<PageQuery>,
) -> Result<Json<Actions>, ApiError> {
    let (rows, next_cursor) = service::actions(&state, None, &page).await?;
    Ok(Json(Actions { items: rows.into_iter().map(Action::from).collect(), next_cursor }))
}

/// Undo what was done.
#[utoipa::path(post, path = "/admin/moderation/{id}/lift", operation_id = "lift_moderation_action", tag = "moderation", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Undone")))]
pub async fn lift(
    State(state): State<AppState>,
    client: Client,
    Admin(admin): Admin,
    Path(id): Path<ActionId>,
) -> Result<StatusCode, ApiError> {
    service::lift(&state, &client, &admin, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What was done to oneself and one's own, and why.
#[utoipa::path(get, path = "/me/moderation", operation_id = "list_own_moderation_actions", tag = "moderation", params(PageQuery), security(("session" = [])),
    responses((status = 200, description = "Latest first", body = Actions)))]
pub async fn own(
    State(state): State<AppState>,
    Person(viewer): Person,
    Query(page): Query<PageQuery>,
) -> Result<Json<Actions>, ApiError> {
    let (rows, next_cursor) = service::actions(&state, Some(viewer.id), &page).await?;
    Ok(Json(Actions { items: rows.into_iter().map(Action::from).collect(), next_cursor }))
}

/// Say something to it, once. Who is banned may do so too.
#[utoipa::path(post, path = "/me/moderation/{id}/appeal", operation_id = "appeal_moderation_action", tag = "moderation", params(("id" = Uuid, Path)),
    security(("session" = [])), request_body = Appeal, responses((status = 204, description = "Noted")))]
pub async fn appeal(
    State(state): State<AppState>,
    Person(viewer): Person,
    Path(id): Path<ActionId>,
    Body(body): Body<Appeal>,
) -> Result<StatusCode, ApiError> {
    service::appeal(&state, &viewer, id, &body.text).await?;
    Ok(StatusCode::NO_CONTENT)
}
