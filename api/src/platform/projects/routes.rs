//! Requests and answers of projects.

use super::{
    service,
    views::{ChangeProject, Moment, Moments, NewProject, Project, Projects},
};
use crate::{
    http::{
        error::{ApiError, HttpError},
        extract::{Body, RawBody},
    },
    identity::guards::{Actor, Reader},
    paging::PageQuery,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use sluice_db::ProjectRow;
use sluice_model::{DocumentFormat, ProjectId};

/// One's projects.
#[utoipa::path(get, path = "/projects", operation_id = "list_projects", tag = "library", params(PageQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "Newest first", body = Projects)))]
pub async fn list(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Query(page): Query<PageQuery>,
) -> Result<Json<Projects>, ApiError> {
    let (rows, next_cursor) = service::list(&state, &viewer, &page).await?;
    Ok(Json(Projects { items: rows.into_iter().map(Into::into).collect(), next_cursor }))
}

/// Make a project.
#[utoipa::path(post, path = "/projects", operation_id = "create_project", tag = "library", security(("session" = []), ("api_token" = ["admin"])),
    request_body = NewProject, responses(
        (status = 201, description = "The project", body = Project),
        (status = 409, description = "There are too many"),
    ))]
pub async fn create(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Body(body): Body<NewProject>,
) -> Result<(StatusCode, Json<Project>), ApiError> {
    let row = service::create(&state, &viewer, body).await?;
    Ok((StatusCode::CREATED, Json(row.into())))
}

/// One project.
#[utoipa::path(get, path = "/projects/{id}", operation_id = "get_project", tag = "library", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "The project", body = Project)))]
pub async fn show(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Path(id): Path<ProjectId>,
) -> Result<Json<Project>, ApiError> {
    Ok(Json(service::owned(&state, &viewer, id).await?.into()))
}

/// Change title and reference.
#[utoipa::path(patch, path = "/projects/{id}", operation_id = "change_project", tag = "library", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = ChangeProject,
    responses((status = 200, description = "The project", body = Project)))]
pub async fn change(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<ProjectId>,
    Body(body): Body<ChangeProject>,
) -> Result<Json<Project>, ApiError> {
    Ok(Json(service::change(&state, &viewer, id, body).await?.into()))
}

/// Delete a project with its document; the media stays.
#[utoipa::path(delete, path = "/projects/{id}", operation_id = "delete_project", tag = "library", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn remove(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<ProjectId>,
) -> Result<StatusCode, ApiError> {
    service::delete(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

fn etag(row: &ProjectRow) -> HeaderValue {
    HeaderValue::from_str(&format!("\"{}\"", row.version)).unwrap_or(HeaderValue::from_static("\"0\""))
}

/// Open the notes. `ETag` is what `If-Match` wants when they are saved.
#[utoipa::path(get, path = "/projects/{id}/document", operation_id = "get_project_document", tag = "library", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "The document", body = String, content_type = "text/markdown")))]
pub async fn document(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Path(id): Path<ProjectId>,
) -> Result<Response, ApiError> {
    let row = service::owned(&state, &viewer, id).await?;
    let (row, body) = service::document(&state, &viewer, row).await?;
    let kind = match row.format {
        DocumentFormat::Markdown => "text/markdown; charset=utf-8",
        DocumentFormat::Json => "application/json",
    };
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(header::ETAG, etag(&row));
    Ok(response)
}

/// Save the notes, at most 1 MiB. `If-Match` names the version that was opened: what somebody else saved
/// meanwhile is not overwritten.
#[utoipa::path(put, path = "/projects/{id}/document", operation_id = "put_project_document", tag = "library",
    params(("id" = Uuid, Path), ("If-Match" = Option<String>, Header, description = "The ETag that was opened")),
    security(("session" = []), ("api_token" = ["admin"])),
    request_body(content = String, content_type = "text/markdown"), responses(
        (status = 200, description = "Saved", body = Project),
        (status = 412, description = "Somebody else saved meanwhile"),
        (status = 428, description = "If-Match is missing"),
    ))]
pub async fn save(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<ProjectId>,
    headers: HeaderMap,
    RawBody(body): RawBody,
) -> Result<Response, ApiError> {
    let wanted = headers.get(header::IF_MATCH).and_then(|v| v.to_str().ok()).ok_or(HttpError::VersionMissing)?;
    // What is no version of ours is not the one that is there.
    let version = wanted.trim().trim_matches('"').parse().unwrap_or(-1);
    let row = service::save(&state, &viewer, id, version, body).await?;
    let tag = etag(&row);
    let mut response = Json(Project::from(row)).into_response();
    response.headers_mut().insert(header::ETAG, tag);
    Ok(response)
}

/// The time stamps in the notes: `[1:02:03]` in Markdown, `at_ms` in JSON.
#[utoipa::path(get, path = "/projects/{id}/moments", operation_id = "list_project_moments", tag = "library", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "In the order of the notes", body = Moments)))]
pub async fn moments(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Path(id): Path<ProjectId>,
) -> Result<Json<Moments>, ApiError> {
    let row = service::owned(&state, &viewer, id).await?;
    let found = service::moments(&state, &viewer, row).await?;
    Ok(Json(Moments { items: found.into_iter().map(|m| Moment { at_ms: m.at_ms, text: m.text }).collect() }))
}
