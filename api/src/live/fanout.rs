//! From news to the sockets of this instance.

use super::{
    hub::News,
    socket::{Guest, SocketError, had, person, room},
};
use crate::{comments::views::Comment, error::ApiError, media::service as media, state::AppState};
use serde::Serialize;
use sluice_common::{
    db::{CommentRow, MediaRow},
    model::Visibility,
};
use socketioxide::{SocketIo, extract::SocketRef};
use std::collections::HashMap;
use uuid::Uuid;

#[derive(Debug, Serialize)]
struct Gone {
    id: Uuid,
    media_id: Uuid,
}

#[derive(Debug, Serialize)]
struct Viewers {
    media_id: Uuid,
    count: usize,
}

/// Passes one piece of news on. What cannot be read any more is no news.
pub async fn pass_on(state: &AppState, io: &SocketIo, news: News) {
    match news {
        News::Created { media, comment } => tell(state, io, "new_comment", media, comment).await,
        News::Updated { media, comment } => tell(state, io, "comment_updated", media, comment).await,
        News::Deleted { media, comment } => {
            if let Ok(Some(row)) = state.db.media(media).await {
                admit_only_viewers(state, io, &row).await;
            }
            let gone = Gone { id: comment, media_id: media };
            drop(io.to(room(media)).emit("comment_deleted", &gone).await);
        }
        News::Viewers { media, instance, count } => {
            let count = state.hub.count(media, instance, count);
            drop(io.to(room(media)).emit("viewers", &Viewers { media_id: media, count }).await);
        }
    }
}

async fn tell(state: &AppState, io: &SocketIo, event: &'static str, media: Uuid, comment: Uuid) {
    if io.to(room(media)).sockets().is_empty() {
        return;
    }
    let found =
        async { Ok::<_, sluice_common::db::DbError>((state.db.comment(comment).await?, state.db.media(media).await?)) };
    let (row, media) = match found.await {
        Ok((Some(row), Some(media))) if !row.hidden => (row, media),
        Ok(_) => return,
        Err(error) => {
            tracing::warn!(%error, "a live comment was not passed on");
            return;
        }
    };
    admit_only_viewers(state, io, &media).await;
    emit(state, io, event, row).await;
}

async fn emit(state: &AppState, io: &SocketIo, event: &'static str, row: CommentRow) {
    // Whoever blocked the author, and whoever has it already.
    let blockers = state.db.blockers_of(row.author_id).await.unwrap_or_default();
    let mut except: Vec<String> = blockers.into_iter().map(person).collect();
    if event == "new_comment" {
        except.push(had(row.id));
    }
    let _turn = state.hub.pass_on().await;
    drop(io.to(room(row.media_id)).except(except).emit(event, &Comment::from(row)).await);
}

/// Turns those out of the room of a private or hidden media who may not see it, or not any more.
pub async fn admit_only_viewers(state: &AppState, io: &SocketIo, row: &MediaRow) {
    if row.visibility != Visibility::Private && !row.hidden {
        return;
    }
    let mut known: HashMap<Option<Uuid>, bool> = HashMap::new();
    for socket in io.to(room(row.id)).sockets() {
        let guest = socket.extensions.get::<Guest>();
        let viewer = guest.and_then(|g| g.viewer());
        let id = viewer.as_ref().map(|v| v.id);
        let may = match known.get(&id) {
            Some(may) => *may,
            None => !matches!(media::visible(state, viewer.as_ref(), row.id).await, Err(ApiError::NotFound)),
        };
        known.insert(id, may);
        if !may {
            turn_out(state, &socket, row.id);
        }
    }
}

/// Ends a socket's stay in a room.
pub fn turn_out(state: &AppState, socket: &SocketRef, media: Uuid) {
    socket.leave(room(media));
    state.hub.changed(media);
    drop(socket.emit("error", &SocketError::not_found(media)));
}
