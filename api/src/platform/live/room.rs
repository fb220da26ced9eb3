//! Rooms of sockets: their names, who is in them, and how one is turned out.

use super::guest::Guest;
use crate::{error::Refusal, platform::PlatformError, state::AppState};
use serde::Serialize;
use sluice_model::{CommentId, MediaId, UserId};
use socketioxide::extract::SocketRef;

/// The room of a media.
pub fn room(media: MediaId) -> String {
    format!("video:{media}")
}

/// The room of a person's own sockets.
pub fn person(user: UserId) -> String {
    format!("person:{user}")
}

/// The room of those who have a comment already.
pub fn had(comment: CommentId) -> String {
    format!("had:{comment}")
}

/// What is wrong, with the codes of the HTTP API.
#[derive(Debug, Clone, Serialize)]
pub struct SocketError {
    code: &'static str,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    media_id: Option<MediaId>,
}

impl SocketError {
    /// A media that is none, or none for this person.
    pub fn not_found(media: MediaId) -> Self {
        Self { media_id: Some(media), ..PlatformError::NotFound.into() }
    }
}

impl<E: Refusal> From<E> for SocketError {
    fn from(error: E) -> Self {
        Self { code: error.code().as_str(), message: error.to_string(), media_id: None }
    }
}

/// Media whose rooms a socket is in.
pub fn rooms(socket: &SocketRef) -> Vec<MediaId> {
    socket.rooms().iter().filter_map(|r| r.strip_prefix("video:")?.parse().ok()).collect()
}

/// Ends a socket's stay in a room.
pub fn take_out(state: &AppState, socket: &SocketRef, media: MediaId) {
    socket.leave(room(media));
    if let Some(guest) = socket.extensions.get::<Guest>() {
        guest.leave(media);
    }
    state.hub.changed(media);
}

/// Ends a socket's stay in a room, and tells it why.
pub fn turn_out(state: &AppState, socket: &SocketRef, media: MediaId) {
    take_out(state, socket, media);
    drop(socket.emit("error", &SocketError::not_found(media)));
}
