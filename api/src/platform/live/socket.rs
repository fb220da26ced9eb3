//! What sockets say, and what they are answered.

use super::{
    guest::Guest,
    room::{SocketError, had, person, room, rooms, take_out},
};
use crate::{
    client::ExternalUrl,
    error::Refusal,
    identity::{IdentityError, Viewer, authentication::authenticate, cookies},
    pipeline::media::service as media,
    platform::{
        PlatformError,
        comments::{
            service as comments,
            views::{Comment, NewComment},
        },
    },
    state::{AppState, LiveHub},
};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::Value;
use sluice_model::{ClientKey, CommentId, MediaId, UserId};
use socketioxide::{
    SocketIo,
    extract::{AckSender, SocketRef, TryData},
    handler::ConnectHandler,
    layer::SocketIoLayer,
};
use std::{
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{sync::OwnedRwLockReadGuard, time::sleep};

/// Largest message, bytes.
const MOST_BYTES: usize = 64 << 10;
/// Rooms that one socket is in.
const MOST_ROOMS: usize = 10;
/// Missed comments that joining answers; the others follow as news.
const MOST_MISSED: i64 = 50;
/// Whoever comes while the database does not answer waits so long: refused, clients do not come again by themselves.
const PATIENCE: Duration = Duration::from_secs(5);
/// Joining costs as much as so many other messages.
const JOINING: f64 = 10.0;

#[derive(Debug, Serialize)]
struct Refused {
    error: SocketError,
}

#[derive(Debug, Default, Deserialize)]
struct Auth {
    token: Option<String>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct Join {
    media_id: MediaId,
    /// The last comment that was heard: what came after it is answered.
    after: Option<CommentId>,
}

#[derive(Debug, Deserialize)]
struct Leave {
    media_id: MediaId,
}

#[derive(Debug, Deserialize)]
struct Send {
    media_id: MediaId,
    body: String,
    parent_id: Option<CommentId>,
    at_ms: Option<i64>,
    client_key: Option<ClientKey>,
}

/// What a message is answered.
trait Answer: Serialize {
    /// It did not fit into the client's queue.
    fn is_lost(&self, _: &Guest) {}
}

impl Answer for () {}

/// What joining answers.
#[derive(Debug, Serialize)]
struct Joined {
    /// What came after the last one that was seen, oldest first.
    comments: Vec<Comment>,
    /// What to ask after when this connection breaks before another comment is heard; nil where there is none yet.
    last: CommentId,
    viewers: usize,
    /// Which room, and after what it was asked for.
    #[serde(skip)]
    asked: Join,
    /// News come after this answer.
    #[serde(skip)]
    _turn: OwnedRwLockReadGuard<()>,
}

impl Answer for Joined {
    fn is_lost(&self, guest: &Guest) {
        if let Some(after) = self.asked.after {
            guest.fall_behind(self.asked.media_id, after);
        }
    }
}

#[derive(Debug, Serialize)]
struct Sent {
    comment: Comment,
}

/// Sending again with the same `client_key` answers it again.
impl Answer for Sent {}

/// The layer that answers `/socket.io/`, and the handle to its sockets.
pub fn sockets(state: &AppState) -> (SocketIoLayer, SocketIo) {
    let (layer, io) = SocketIo::builder()
        .max_payload(MOST_BYTES as u64)
        .ws_max_message_size(MOST_BYTES)
        .ws_max_frame_size(MOST_BYTES)
        .max_buffer_size(128)
        .connect_timeout(Duration::from_secs(10))
        .build_layer();
    let admitting = state.clone();
    let admit = move |socket: SocketRef, TryData(auth): TryData<Option<Auth>>| {
        let state = admitting.clone();
        async move { admit(&state, &socket, auth.ok().flatten().unwrap_or_default()).await.map_err(|e| e.code().as_str()) }
    };
    // Everything is done before the client is told that it is connected: what it says at once must be heard.
    let connected = async |_: SocketRef| ();
    io.ns("/", connected.with(admit));
    (layer, io)
}

/// Lets in whoever has a good token, and whoever has none: they may watch what is public.
async fn admit(state: &AppState, socket: &SocketRef, auth: Auth) -> Result<(), IdentityError> {
    // Own pages have theirs in a cookie, which no script can read. Pages of others have come no further than their Origin.
    let cookie = cookies::get(&socket.req_parts().headers, cookies::ACCESS);
    let is_said = auth.token.is_some();
    let login = match auth.token.or(cookie) {
        None => None,
        Some(token) => match patiently_authenticate(state, &token).await {
            // A stale cookie is nobody, because browsers send it unasked.
            Err(IdentityError::Unauthenticated) if !is_said => None,
            Err(other) => return Err(other),
            Ok(viewer) => {
                // A machine has the HTTP API.
                viewer.session.ok_or(IdentityError::Forbidden)?;
                socket.join(person(viewer.id));
                Some((viewer, Arc::from(token)))
            }
        },
    };
    let base = socket.req_parts().extensions.get::<ExternalUrl>().map(|u| u.0.clone()).unwrap_or_default();
    socket.extensions.insert(Guest::new(login, base));
    listen(state, socket);
    Ok(())
}

async fn patiently_authenticate(state: &AppState, token: &str) -> Result<Viewer, IdentityError> {
    let began = Instant::now();
    loop {
        match authenticate(state, token).await {
            Err(IdentityError::Unavailable) if began.elapsed() < PATIENCE => sleep(Duration::from_millis(250)).await,
            answer => return answer,
        }
    }
}

fn listen(state: &AppState, socket: &SocketRef) {
    on(state, socket, "join_video", join);
    on(state, socket, "leave_video", leave);
    on(state, socket, "send_comment", send);
    let hub: LiveHub = state.hub.clone();
    socket.on_disconnect(move |socket: SocketRef| {
        let hub = hub.clone();
        async move { rooms(&socket).into_iter().for_each(|media| hub.changed(media)) }
    });
}

/// Hears an event: its payload is read, its answer acknowledged, its failure both acknowledged and said.
fn on<T, R, F, Fut>(state: &AppState, socket: &SocketRef, event: &'static str, handler: F)
where
    T: DeserializeOwned + std::marker::Send + 'static,
    R: Answer + std::marker::Send + 'static,
    F: Fn(AppState, SocketRef, Guest, T) -> Fut + Copy + std::marker::Send + Sync + 'static,
    Fut: Future<Output = Result<R, PlatformError>> + std::marker::Send + 'static,
{
    let state = state.clone();
    socket.on(event, move |socket: SocketRef, TryData(data): TryData<Value>, ack: AckSender| {
        let state = state.clone();
        async move {
            let Some(guest) = socket.extensions.get::<Guest>() else { return };
            if !guest.may_speak(if event == "join_video" { JOINING } else { 1.0 }) {
                drop(socket.emit("error", &SocketError::from(PlatformError::Busy)));
                drop(socket.disconnect());
                return;
            }
            let read = data.ok().and_then(|d| serde_json::from_value::<T>(d).ok());
            let wrong = || PlatformError::BadRequest(format!("{event} has another form"));
            let answer = match read.ok_or_else(wrong) {
                Ok(message) => handler(state, socket.clone(), guest.clone(), message).await,
                Err(error) => Err(error),
            };
            match answer {
                Ok(answer) => {
                    if ack.send(&answer).is_err() {
                        answer.is_lost(&guest);
                    }
                }
                Err(error) => {
                    let error = SocketError::from(error);
                    drop(socket.emit("error", &error));
                    drop(ack.send(&Refused { error }));
                }
            }
        }
    });
}

async fn join(state: AppState, socket: SocketRef, guest: Guest, asked: Join) -> Result<Joined, PlatformError> {
    let viewer = guest.now(&state).await?;
    media::visible(&state, viewer.as_ref(), asked.media_id).await?;
    let (media, joined) = (asked.media_id, rooms(&socket));
    let again = joined.contains(&media);
    if !again && joined.len() >= MOST_ROOMS {
        return Err(PlatformError::TooMany("rooms"));
    }
    // In, and what was missed read, in one turn.
    let turn = state.hub.join().await;
    let newest = state.db.comments().newest(media).await?.unwrap_or(CommentId::nil());
    let asked = Join { after: asked.after.map(|after| after.min(newest)), ..asked };
    let answer = |comments: Vec<Comment>, last| {
        state.hub.changed(media);
        Joined { comments, last, viewers: state.hub.viewers(media), asked, _turn: turn }
    };
    if again {
        // The answer before did not come to its client. What it asks for now follows as news.
        if let Some(after) = asked.after {
            guest.fall_behind(media, after);
        }
        return Ok(answer(Vec::new(), asked.after.unwrap_or(newest)));
    }
    let told = state.hub.enter(media, newest);
    let missed = match asked.after {
        None => Vec::new(),
        Some(after) => {
            let who = viewer.map_or(UserId::nil(), |v| v.id);
            let rows = state.db.comments().after(media, after, who, MOST_MISSED).await?;
            rows.into_iter().filter(|c| c.id <= newest).collect()
        }
    };
    // What did not fit follows as news; what is still on its way as news is not said again. Others who are coming in
    // may have seen more.
    let rest = missed.last().filter(|_| missed.len() as i64 == MOST_MISSED).map(|c| c.id);
    let last = rest.unwrap_or(newest);
    guest.enter(media);
    if rest.is_some() || told != last {
        guest.fall_behind(media, last);
    }
    socket.join(room(media));
    Ok(answer(missed.into_iter().map(|c| Comment::new(c, &guest.base())).collect(), last))
}

async fn leave(state: AppState, socket: SocketRef, guest: Guest, asked: Leave) -> Result<(), PlatformError> {
    if rooms(&socket).contains(&asked.media_id) {
        socket.leave(room(asked.media_id));
        guest.leave(asked.media_id);
        state.hub.changed(asked.media_id);
    }
    Ok(())
}

async fn send(state: AppState, socket: SocketRef, guest: Guest, said: Send) -> Result<Sent, PlatformError> {
    let viewer = guest.now(&state).await?.ok_or(IdentityError::Unauthenticated)?;
    let new = NewComment {
        body: said.body,
        parent_id: said.parent_id.map(Into::into),
        at_ms: said.at_ms,
        client_key: said.client_key.map(Into::into),
    };
    // The sender has it by the acknowledgement.
    let (row, new) = comments::create(&state, &viewer, said.media_id, new, |id| socket.join(had(id))).await?;
    if !new {
        // It was said on an earlier connection, and perhaps not told on this one yet.
        let _turn = state.hub.join().await;
        if state.hub.told(row.media_id).is_some_and(|t| t < row.id) || guest.is_behind(row.media_id) {
            socket.join(had(row.id));
        }
    }
    Ok(Sent { comment: Comment::new(row, &guest.base()) })
}

/// Ends a socket whose login has ended.
pub fn end(state: &AppState, socket: SocketRef, error: IdentityError) {
    for media in rooms(&socket) {
        take_out(state, &socket, media);
    }
    drop(socket.emit("error", &SocketError::from(error)));
    drop(socket.disconnect());
}
