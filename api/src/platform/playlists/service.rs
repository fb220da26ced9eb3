//! The rules of playlists.

use super::views::{ChangePlaylist, ItemQuery, NewPlaylist};
use crate::{
    identity::Viewer,
    paging::{self, Cut, PageQuery},
    pipeline::media::service as media,
    platform::PlatformError,
    state::AppState,
    text,
    validation::Faults,
};
use sluice_db::{ItemRow, MediaRow, POSITION_STEP, PlaylistChange, PlaylistRow};
use sluice_model::{MediaId, PlaylistId, PlaylistItemId, Role, UserId, Visibility, clock};

/// An item and its media.
pub type Placed = (ItemRow, MediaRow);

/// Places of a playlist.
const MOST_ITEMS: usize = 1000;
/// Playlists of a person.
const MOST_PLAYLISTS: i64 = 1000;

/// A playlist that this person may see; unlisted ones by their identifier.
pub async fn visible(state: &AppState, viewer: Option<&Viewer>, id: PlaylistId) -> Result<PlaylistRow, PlatformError> {
    let row = state.db.playlists().find(id).await?.ok_or(PlatformError::NotFound)?;
    let own = viewer.is_some_and(|v| v.id == row.owner_id || v.role == Role::Admin);
    if own || (row.visibility != Visibility::Private && !row.hidden) { Ok(row) } else { Err(PlatformError::NotFound) }
}

/// A playlist that this person may change.
pub async fn owned(state: &AppState, viewer: &Viewer, id: PlaylistId) -> Result<PlaylistRow, PlatformError> {
    let row = visible(state, Some(viewer), id).await?;
    if row.owner_id == viewer.id || viewer.role == Role::Admin { Ok(row) } else { Err(PlatformError::Forbidden) }
}

fn check(title: Option<&str>, description: Option<&str>) -> Result<(), PlatformError> {
    let mut faults = Faults::default();
    faults.demand(title.is_none_or(|t| (1..=200).contains(&t.chars().count())), "title", "1 to 200 characters");
    let fits = description.is_none_or(|d| d.chars().count() <= 5000);
    Ok(faults.demand(fits, "description", "at most 5000 characters").refuse()?)
}

/// Makes a playlist.
pub async fn create(state: &AppState, viewer: &Viewer, new: NewPlaylist) -> Result<PlaylistRow, PlatformError> {
    let (title, description) = (text::title(&new.title), text::lines(&new.description));
    check(Some(&title), Some(&description))?;
    if state.db.playlists().count(viewer.id).await? >= MOST_PLAYLISTS {
        return Err(PlatformError::TooMany("playlists"));
    }
    let now = clock::now();
    let row = PlaylistRow {
        id: PlaylistId::new(),
        owner_id: viewer.id,
        title,
        description,
        visibility: new.visibility.unwrap_or(Visibility::Private),
        created_at: now,
        updated_at: now,
        item_count: 0,
        hidden: false,
        cover_id: None,
    };
    state.db.playlists().insert(&row).await?;
    Ok(row)
}

/// Changes what people see of a playlist, and who sees it.
pub async fn change(
    state: &AppState,
    viewer: &Viewer,
    id: PlaylistId,
    asked: ChangePlaylist,
) -> Result<PlaylistRow, PlatformError> {
    owned(state, viewer, id).await?;
    let title = asked.title.map(|t| text::title(&t));
    let description = asked.description.map(|d| text::lines(&d));
    check(title.as_deref(), description.as_deref())?;
    let change =
        PlaylistChange { title: title.as_deref(), description: description.as_deref(), visibility: asked.visibility };
    state.db.playlists().change(id, &change, clock::now()).await?;
    state.db.playlists().find(id).await?.ok_or(PlatformError::NotFound)
}

/// Puts a media into a playlist.
pub async fn add(
    state: &AppState,
    viewer: &Viewer,
    id: PlaylistId,
    media_id: MediaId,
    index: Option<u32>,
) -> Result<Placed, PlatformError> {
    owned(state, viewer, id).await?;
    let row = media::visible(state, Some(viewer), media_id).await?;
    let mut tx = state.db.begin().await?;
    let items = tx.playlists().lock(id, clock::now()).await?;
    if items.len() >= MOST_ITEMS {
        return Err(PlatformError::TooMany("items"));
    }
    let item = ItemRow { id: PlaylistItemId::new(), media_id, position: position(&items, index) };
    tx.playlists().insert_item(id, &item).await?;
    tx.commit().await?;
    Ok((item, row))
}

/// The position before the item that has an index now; after the last otherwise. It is that item's own where there
/// is no room before it.
fn position(items: &[ItemRow], index: Option<u32>) -> i64 {
    let index = index.map_or(items.len(), |i| (i as usize).min(items.len()));
    let before = index.checked_sub(1).and_then(|i| items.get(i)).map(|i| i.position);
    match (before, items.get(index).map(|i| i.position)) {
        (None, None) => 0,
        (None, Some(first)) => first - POSITION_STEP,
        (Some(last), None) => last + POSITION_STEP,
        (Some(before), Some(after)) if after - before > 1 => before + (after - before) / 2,
        (Some(_), Some(after)) => after,
    }
}

/// Gives an item another place: the one it will have when it is there.
pub async fn move_item(
    state: &AppState,
    viewer: &Viewer,
    id: PlaylistId,
    item: PlaylistItemId,
    index: u32,
) -> Result<(), PlatformError> {
    owned(state, viewer, id).await?;
    let mut tx = state.db.begin().await?;
    let items = tx.playlists().lock(id, clock::now()).await?;
    let moved = *items.iter().find(|i| i.id == item).ok_or(PlatformError::NotFound)?;
    let others: Vec<ItemRow> = items.into_iter().filter(|i| i.id != item).collect();
    tx.playlists().delete_item(id, item).await?;
    tx.playlists().insert_item(id, &ItemRow { position: position(&others, Some(index)), ..moved }).await?;
    Ok(tx.commit().await?)
}

/// Takes an item away.
pub async fn remove(
    state: &AppState,
    viewer: &Viewer,
    id: PlaylistId,
    item: PlaylistItemId,
) -> Result<(), PlatformError> {
    owned(state, viewer, id).await?;
    let mut tx = state.db.begin().await?;
    tx.playlists().lock(id, clock::now()).await?;
    if !tx.playlists().delete_item(id, item).await? {
        return Err(PlatformError::NotFound);
    }
    Ok(tx.commit().await?)
}

/// What of these this person may see, with the media.
async fn shown(state: &AppState, viewer: Option<&Viewer>, rows: Vec<ItemRow>) -> Result<Vec<Placed>, PlatformError> {
    let ids: Vec<MediaId> = rows.iter().map(|r| r.media_id).collect();
    let seen = media::visible_many(state, viewer, &ids).await?;
    Ok(rows.into_iter().filter_map(|r| Some((r, seen.get(&r.media_id)?.clone()))).collect())
}

/// All that this person may see of a playlist, in order.
pub async fn all(
    state: &AppState,
    viewer: Option<&Viewer>,
    id: PlaylistId,
) -> Result<(PlaylistRow, Vec<Placed>), PlatformError> {
    let row = visible(state, viewer, id).await?;
    let items = state.db.playlists().items(id, i64::MIN, MOST_ITEMS as i64).await?;
    Ok((row, shown(state, viewer, items).await?))
}

/// An extended M3U of a playlist: a title a line and a URL a line, whatever people typed.
pub fn m3u(row: &PlaylistRow, items: &[Placed], base: &str) -> String {
    let mut text = format!("#EXTM3U\n#PLAYLIST:{}\n", text::line(&row.title));
    for (_, media) in items {
        let seconds = media.duration_ms.map_or(-1, |d| (d + 500) / 1000);
        text.push_str(&format!("#EXTINF:{seconds},{}\n{base}/hls/{}/index.m3u8\n", text::line(&media.title), media.id));
    }
    text
}

/// Somebody's playlists, newest first; those that others may not see only for themselves.
pub async fn list(
    state: &AppState,
    owner: UserId,
    is_own: bool,
    page: &PageQuery,
) -> Result<Cut<PlaylistRow>, PlatformError> {
    Ok(page.cut(state.db.playlists().of_owner(owner, is_own, page.cursor(), page.rows()).await?, |r| r.id))
}

/// Deletes a playlist; its media stay.
pub async fn delete(state: &AppState, viewer: &Viewer, id: PlaylistId) -> Result<(), PlatformError> {
    owned(state, viewer, id).await?;
    let deleted = state.db.playlists().delete(id, clock::now()).await?;
    if deleted { Ok(()) } else { Err(PlatformError::NotFound) }
}

/// A page of what this person may see of a playlist, in order.
pub async fn items(
    state: &AppState,
    viewer: Option<&Viewer>,
    id: PlaylistId,
    query: &ItemQuery,
) -> Result<Cut<Placed, i64>, PlatformError> {
    visible(state, viewer, id).await?;
    let limit = paging::limit(query.limit);
    let rows = state.db.playlists().items(id, query.cursor.unwrap_or(i64::MIN), limit as i64 + 1).await?;
    let (rows, next) = paging::cut(rows, limit, |r| r.position);
    Ok((shown(state, viewer, rows).await?, next))
}

/// An item with what comes before and after it.
#[derive(Debug)]
pub struct Around {
    pub item: Placed,
    pub previous: Option<Placed>,
    pub next: Option<Placed>,
}

/// One place of a playlist, among what this person may see of it.
pub async fn place(
    state: &AppState,
    viewer: Option<&Viewer>,
    id: PlaylistId,
    item: PlaylistItemId,
) -> Result<Around, PlatformError> {
    let (_, all) = all(state, viewer, id).await?;
    let at = all.iter().position(|(i, _)| i.id == item).ok_or(PlatformError::NotFound)?;
    let get = |i: Option<usize>| i.and_then(|i| all.get(i)).cloned();
    let here = get(Some(at)).ok_or(PlatformError::NotFound)?;
    Ok(Around { item: here, previous: get(at.checked_sub(1)), next: get(at.checked_add(1)) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_a_place_among_what_is_there() {
        let item = |position| ItemRow { id: PlaylistItemId::nil(), media_id: MediaId::nil(), position };
        let items = [item(3), item(7)];
        assert_eq!(position(&[], None), 0);
        assert_eq!(position(&items, None), 7 + POSITION_STEP);
        assert_eq!(position(&items, Some(0)), 3 - POSITION_STEP);
        assert_eq!(position(&items, Some(1)), 5);
        assert_eq!(position(&[item(3), item(4)], Some(1)), 4, "no room: it makes some");
        assert_eq!(position(&items, Some(9)), 7 + POSITION_STEP);
    }
}
