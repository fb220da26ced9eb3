//! Requests and answers of playlists.

use super::{
    service,
    views::{ChangePlaylist, Item, ItemQuery, Items, MoveItem, NewItem, NewPlaylist, Place, Playlist, Playlists},
};
use crate::{
    client::MediaBase,
    http::{base_url::BaseUrl, error::ApiError, extract::Body},
    identity::guards::{Actor, Follower, Reader},
    paging::PageQuery,
    pipeline::media::views::Media,
    state::AppState,
};
use axum::{
    Json,
    extract::{Path, Query, State},
    http::{StatusCode, header},
    response::IntoResponse,
};
use sluice_db::{ItemRow, MediaRow};
use sluice_model::{PlaylistId, PlaylistItemId, UserId};

fn item((row, media): (ItemRow, MediaRow), base: &MediaBase) -> Item {
    Item { id: row.id.into(), media: Media::new(media, base) }
}

/// One's own playlists.
#[utoipa::path(get, path = "/playlists", operation_id = "list_playlists", tag = "library", params(PageQuery),
    security(("session" = []), ("api_token" = ["read"])),
    responses((status = 200, description = "Newest first", body = Playlists)))]
pub async fn list(
    State(state): State<AppState>,
    Reader(viewer): Reader,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Playlists>, ApiError> {
    let (rows, next_cursor) = service::list(&state, viewer.id, true, &page).await?;
    Ok(Json(Playlists { items: rows.into_iter().map(|r| Playlist::new(r, &base.0)).collect(), next_cursor }))
}

/// A creator's public playlists.
#[utoipa::path(get, path = "/creators/{id}/playlists", operation_id = "list_creator_playlists", tag = "library", params(("id" = Uuid, Path), PageQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "Newest first", body = Playlists)))]
pub async fn of_creator(
    State(state): State<AppState>,
    Follower(_): Follower,
    Path(id): Path<UserId>,
    Query(page): Query<PageQuery>,
    base: BaseUrl,
) -> Result<Json<Playlists>, ApiError> {
    let (rows, next_cursor) = service::list(&state, id, false, &page).await?;
    Ok(Json(Playlists { items: rows.into_iter().map(|r| Playlist::new(r, &base.0)).collect(), next_cursor }))
}

/// Make a playlist.
#[utoipa::path(post, path = "/playlists", operation_id = "create_playlist", tag = "library", security(("session" = []), ("api_token" = ["admin"])),
    request_body = NewPlaylist, responses(
        (status = 201, description = "The playlist", body = Playlist),
        (status = 409, description = "There are too many"),
    ))]
pub async fn create(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    base: BaseUrl,
    Body(body): Body<NewPlaylist>,
) -> Result<(StatusCode, Json<Playlist>), ApiError> {
    let row = service::create(&state, &viewer, body).await?;
    Ok((StatusCode::CREATED, Json(Playlist::new(row, &base.0))))
}

/// One playlist.
#[utoipa::path(get, path = "/playlists/{id}", operation_id = "get_playlist", tag = "library", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "The playlist", body = Playlist)))]
pub async fn show(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<PlaylistId>,
    base: BaseUrl,
) -> Result<Json<Playlist>, ApiError> {
    Ok(Json(Playlist::new(service::visible(&state, viewer.as_ref(), id).await?, &base.0)))
}

/// Change title, description, visibility.
#[utoipa::path(patch, path = "/playlists/{id}", operation_id = "change_playlist", tag = "library", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = ChangePlaylist,
    responses((status = 200, description = "The playlist", body = Playlist)))]
pub async fn change(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<PlaylistId>,
    base: BaseUrl,
    Body(body): Body<ChangePlaylist>,
) -> Result<Json<Playlist>, ApiError> {
    Ok(Json(Playlist::new(service::change(&state, &viewer, id, body).await?, &base.0)))
}

/// Delete a playlist; its media stay.
#[utoipa::path(delete, path = "/playlists/{id}", operation_id = "delete_playlist", tag = "library", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), responses((status = 204, description = "Gone")))]
pub async fn remove(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<PlaylistId>,
) -> Result<StatusCode, ApiError> {
    service::delete(&state, &viewer, id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// What is in a playlist.
#[utoipa::path(get, path = "/playlists/{id}/items", operation_id = "list_playlist_items", tag = "library", params(("id" = Uuid, Path), ItemQuery),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "In order", body = Items)))]
pub async fn items(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<PlaylistId>,
    Query(query): Query<ItemQuery>,
    base: BaseUrl,
) -> Result<Json<Items>, ApiError> {
    let (shown, next_cursor) = service::items(&state, viewer.as_ref(), id, &query).await?;
    Ok(Json(Items { items: shown.into_iter().map(|s| item(s, &base.1)).collect(), next_cursor }))
}

/// Put a media into a playlist.
#[utoipa::path(post, path = "/playlists/{id}/items", operation_id = "add_playlist_item", tag = "library", params(("id" = Uuid, Path)),
    security(("session" = []), ("api_token" = ["admin"])), request_body = NewItem, responses(
        (status = 201, description = "The item", body = Item),
        (status = 409, description = "There are too many"),
    ))]
pub async fn add(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path(id): Path<PlaylistId>,
    base: BaseUrl,
    Body(body): Body<NewItem>,
) -> Result<(StatusCode, Json<Item>), ApiError> {
    let added = service::add(&state, &viewer, id, body.media_id.into(), body.index).await?;
    Ok((StatusCode::CREATED, Json(item(added, &base.1))))
}

/// One place of a playlist, with what comes before and after it.
#[utoipa::path(get, path = "/playlists/{id}/items/{item}", operation_id = "get_playlist_item", tag = "library",
    params(("id" = Uuid, Path), ("item" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "The place", body = Place)))]
pub async fn place(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path((id, wanted)): Path<(PlaylistId, PlaylistItemId)>,
    base: BaseUrl,
) -> Result<Json<Place>, ApiError> {
    let place = service::place(&state, viewer.as_ref(), id, wanted).await?;
    let view = |found| item(found, &base.1);
    Ok(Json(Place { item: view(place.item), previous: place.previous.map(view), next: place.next.map(view) }))
}

/// Give an item another place.
#[utoipa::path(patch, path = "/playlists/{id}/items/{item}", operation_id = "move_playlist_item", tag = "library",
    params(("id" = Uuid, Path), ("item" = Uuid, Path)), security(("session" = []), ("api_token" = ["admin"])),
    request_body = MoveItem, responses((status = 204, description = "It is there")))]
pub async fn move_item(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path((id, item)): Path<(PlaylistId, PlaylistItemId)>,
    Body(body): Body<MoveItem>,
) -> Result<StatusCode, ApiError> {
    service::move_item(&state, &viewer, id, item, body.index).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// Take an item away.
#[utoipa::path(delete, path = "/playlists/{id}/items/{item}", operation_id = "delete_playlist_item", tag = "library",
    params(("id" = Uuid, Path), ("item" = Uuid, Path)), security(("session" = []), ("api_token" = ["admin"])),
    responses((status = 204, description = "Gone")))]
pub async fn remove_item(
    State(state): State<AppState>,
    Actor(viewer): Actor,
    Path((id, item)): Path<(PlaylistId, PlaylistItemId)>,
) -> Result<StatusCode, ApiError> {
    service::remove(&state, &viewer, id, item).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// A playlist as an extended M3U, for players.
#[utoipa::path(get, path = "/playlists/{id}/playlist.m3u8", operation_id = "get_playlist_m3u8", tag = "library", params(("id" = Uuid, Path)),
    security((), ("session" = []), ("api_token" = ["read", "upload"])),
    responses((status = 200, description = "What whoever asks may see", body = String, content_type = "audio/x-mpegurl")))]
pub async fn export(
    State(state): State<AppState>,
    Follower(viewer): Follower,
    Path(id): Path<PlaylistId>,
    base: BaseUrl,
) -> Result<impl IntoResponse, ApiError> {
    let (row, items) = service::all(&state, viewer.as_ref(), id).await?;
    let headers = [
        (header::CONTENT_TYPE, "audio/x-mpegurl; charset=utf-8"),
        (header::CONTENT_DISPOSITION, "attachment; filename=\"playlist.m3u8\""),
    ];
    Ok((headers, service::m3u(&row, &items, &base.0)))
}
