//! From news to the sockets of this instance.

use super::{
    guest::{Behind, Guest},
    room::{had, person, room, rooms, turn_out},
};
use crate::{
    pipeline::media::{service as media, service::MediaError},
    platform::comments::views::Comment,
    state::{AppState, News, Stale},
};
use serde::Serialize;
use sluice_db::{CommentRow, DbError, MediaRow};
use sluice_model::{CommentId, MediaId, Timestamp, UserId, Visibility};
use socketioxide::{SendError, SocketIo, extract::SocketRef};
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
};

/// Comments that are looked up at once.
const BATCH: i64 = 100;

#[derive(Debug, Serialize)]
struct Gone {
    id: CommentId,
    media_id: MediaId,
}

#[derive(Debug, Serialize)]
struct Viewers {
    media_id: MediaId,
    count: usize,
}

/// Passes one piece of news on. What cannot be read any more is no news; where the database does not answer, the
/// client asks again.
pub async fn pass_on(state: &AppState, io: &SocketIo, news: News) -> Result<(), DbError> {
    match news {
        News::Created { media } => created(state, io, media).await?,
        News::Updated { media, comment } => updated(state, io, media, comment).await?,
        News::Deleted { media, comment } => {
            if let Some(row) = state.db.media().find(media).await? {
                admit_only_viewers(state, io, &row).await;
            }
            let gone = Gone { id: comment, media_id: media };
            let _turn = state.hub.pass_on().await;
            drop(io.to(room(media)).emit("comment_deleted", &gone).await);
        }
        News::Stale { what } => state.decisions.forget(what),
        News::Viewers { media, instance, count } => {
            let count = state.hub.count(media, instance, count);
            drop(io.to(room(media)).emit("viewers", &Viewers { media_id: media, count }).await);
        }
    }
    Ok(())
}

/// Tells a room what was said there since it was last told. News of comments are a hint only: they may come late,
/// twice or not at all, while the table has the comments in their order.
async fn created(state: &AppState, io: &SocketIo, media: MediaId) -> Result<(), DbError> {
    let nobody = || io.to(room(media)).sockets().is_empty();
    loop {
        while !nobody() {
            let Some(told) = state.hub.told(media) else { return Ok(()) };
            let rows = state.db.comments().after(media, told, UserId::nil(), BATCH).await?;
            let all = (rows.len() as i64) < BATCH;
            for row in rows {
                tell(state, io, row).await?;
            }
            if all {
                return Ok(());
            }
        }
        let _turn = state.hub.pass_on().await;
        if nobody() {
            state.hub.leave(media);
            return Ok(());
        }
        // Somebody came meanwhile, who may have read the table before this comment was in it.
    }
}

async fn tell(state: &AppState, io: &SocketIo, row: CommentRow) -> Result<(), DbError> {
    let (media, comment) = (row.media_id, row.id);
    let mut except = rooms_to_skip(state, io, &row).await?;
    except.push(had(comment));
    let _turn = state.hub.pass_on().await;
    let before = state.hub.told(media).unwrap_or(CommentId::nil());
    for (socket, guest) in emit(io, "new_comment", row, except) {
        // Its queue is full: it is told later, from here on.
        tracing::debug!(socket = %socket.id, "a socket is behind");
        guest.fall_behind(media, before);
    }
    state.hub.has_told(media, comment);
    for socket in io.to(had(comment)).sockets() {
        if socket.extensions.get::<Guest>().is_none_or(|g| !g.is_behind(media)) {
            socket.leave(had(comment));
        }
    }
    Ok(())
}

async fn updated(state: &AppState, io: &SocketIo, media: MediaId, comment: CommentId) -> Result<(), DbError> {
    if io.to(room(media)).sockets().is_empty() {
        return Ok(());
    }
    if let Some(row) = state.db.comments().find(comment).await?.filter(|c| !c.hidden) {
        let except = rooms_to_skip(state, io, &row).await?;
        let _turn = state.hub.pass_on().await;
        let told = state.hub.told(media).unwrap_or(CommentId::nil());
        for (_, guest) in emit(io, "comment_updated", row, except) {
            guest.fall_behind(media, told);
        }
    }
    Ok(())
}

/// Turns out of a media's room who may not see it any more; the personal rooms of those who blocked the author, which
/// a comment is not passed on to.
async fn rooms_to_skip(state: &AppState, io: &SocketIo, row: &CommentRow) -> Result<Vec<String>, DbError> {
    if let Some(media) = state.db.media().find(row.media_id).await? {
        admit_only_viewers(state, io, &media).await;
    }
    Ok(state.db.people().blockers_of(row.author_id).await?.into_iter().map(person).collect())
}

/// Sends a comment to the sockets of its room; those that could not take it.
fn emit(io: &SocketIo, event: &'static str, row: CommentRow, except: Vec<String>) -> Vec<(SocketRef, Guest)> {
    let media = row.media_id;
    // One for each address under which sockets know the service.
    let mut said: HashMap<Arc<str>, Comment> = HashMap::new();
    let sockets = io.to(room(media)).except(except).sockets();
    let with_guests = sockets.into_iter().filter_map(|s| s.extensions.get::<Guest>().map(|g| (s, g)));
    let missed = with_guests.filter(|(socket, guest)| {
        let of_base = said.entry(guest.base()).or_insert_with_key(|base| Comment::new(row.clone(), base));
        !guest.is_behind(media) && !takes(socket, event, of_base)
    });
    missed.collect()
}

/// Whether a socket took a message, or is not there to take one.
fn takes(socket: &SocketRef, event: &'static str, said: &Comment) -> bool {
    use socketioxide::SocketError::InternalChannelFull;
    !matches!(socket.emit(event, said), Err(SendError::Socket(InternalChannelFull)))
}

/// Tells sockets that fell behind what they have not had, as far as they take it, some of it at a time: while this
/// goes on nobody else is told anything.
pub async fn serve_slow(state: &AppState, io: &SocketIo) -> Result<(), DbError> {
    for socket in io.sockets() {
        let Some(guest) = socket.extensions.get::<Guest>() else { continue };
        for media in guest.rooms_behind() {
            let _turn = state.hub.pass_on().await;
            // As it stands now: it may have asked again while this waited for its turn.
            if let Some(behind) = guest.behind(media) {
                serve(state, &socket, &guest, media, behind).await?;
            }
        }
    }
    Ok(())
}

async fn serve(
    state: &AppState,
    socket: &SocketRef,
    guest: &Guest,
    media: MediaId,
    behind: Behind,
) -> Result<(), DbError> {
    let told = state.hub.told(media).unwrap_or(CommentId::nil());
    if told < behind.after {
        let untold = state.db.comments().after(media, told, UserId::nil(), 1).await?;
        if untold.first().is_some_and(|c| c.id <= behind.after) {
            // It has more than this instance has told.
            return Ok(());
        }
    }
    let who = guest.viewer().map_or(UserId::nil(), |v| v.id);
    let rows = state.db.comments().after(media, behind.after, who, BATCH).await?;
    // What comes after the last one that others were told will be news.
    let all = (rows.len() as i64) < BATCH || rows.last().is_some_and(|r| r.id >= told);
    for row in rows.into_iter().filter(|r| r.id <= told) {
        let id = row.id;
        if socket.rooms().iter().any(|r| **r == had(id)) {
            socket.leave(had(id));
        } else if !takes(socket, "new_comment", &Comment::new(row, &guest.base())) {
            return Ok(());
        }
        // Noted one by one: what fails after this does not say it again.
        guest.set_behind(media, Some(Behind { after: id, ..behind }));
    }
    if !all {
        return Ok(());
    }
    for row in state.db.comments().edited_since(media, behind.since, who, BATCH).await? {
        if row.id <= told && !takes(socket, "comment_updated", &Comment::new(row, &guest.base())) {
            return Ok(());
        }
    }
    guest.set_behind(media, None);
    Ok(())
}

/// Looks up what an interruption may have swallowed: new comments, and changes since an instant. What was deleted
/// meanwhile is not known any more.
pub async fn catch_up(state: &AppState, io: &SocketIo, since: Timestamp) -> Result<(), DbError> {
    state.decisions.forget(Stale::Everything);
    let media: HashSet<MediaId> = io.sockets().iter().flat_map(rooms).collect();
    for media in media {
        created(state, io, media).await?;
        for row in state.db.comments().edited_since(media, since, UserId::nil(), BATCH).await? {
            updated(state, io, media, row.id).await?;
        }
    }
    Ok(())
}

/// Turns those out of the room of a private or hidden media who may not see it, or not any more.
pub async fn admit_only_viewers(state: &AppState, io: &SocketIo, row: &MediaRow) {
    if row.visibility != Visibility::Private && !row.hidden {
        return;
    }
    let mut known: HashMap<Option<UserId>, bool> = HashMap::new();
    for socket in io.to(room(row.id)).sockets() {
        let guest = socket.extensions.get::<Guest>();
        let viewer = guest.and_then(|g| g.viewer());
        let id = viewer.as_ref().map(|v| v.id);
        let may = match known.get(&id) {
            Some(may) => *may,
            None => !matches!(media::visible(state, viewer.as_ref(), row.id).await, Err(MediaError::NotFound)),
        };
        known.insert(id, may);
        if !may {
            turn_out(state, &socket, row.id);
        }
    }
}
