//! What goes on beside the sockets: news arrive, logins end, viewers are counted.

use super::{
    fanout,
    hub::News,
    socket::{self, Guest, room},
};
use crate::{
    auth::{self, Viewer},
    error::ApiError,
    state::AppState,
};
use sluice_common::{clock, db::NewsListener};
use socketioxide::SocketIo;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::watch,
    time::{interval, sleep},
};
use uuid::Uuid;

/// How often logins of sockets are looked at.
const LOGINS: Duration = Duration::from_secs(5);
/// How often changed rooms are counted.
const COUNT: Duration = Duration::from_secs(1);
/// Every so many counts, all rooms are said again.
const SAY_AGAIN: u32 = 20;
/// Pause before listening again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// News that a lost connection may have swallowed are looked up so far back.
const LOST_US: i64 = 120_000_000;
const MOST_LOST: i64 = 500;

/// Runs until `stop` turns true; then all sockets end, so that their clients go to another instance.
pub async fn run(state: AppState, io: SocketIo, mut stop: watch::Receiver<bool>) {
    let tasks = [
        tokio::spawn(hear(state.clone(), io.clone())),
        tokio::spawn(watch_logins(state.clone(), io.clone())),
        tokio::spawn(count_viewers(state, io.clone())),
    ];
    drop(stop.wait_for(|s| *s).await);
    for task in tasks {
        task.abort();
    }
    for socket in io.sockets() {
        drop(socket.disconnect());
    }
}

/// Hears news and passes them on, in order.
async fn hear(state: AppState, io: SocketIo) {
    let mut own = state.hub.own();
    loop {
        match state.db.listen().await {
            Ok(None) => match own.recv().await {
                Ok(news) => fanout::pass_on(&state, &io, news).await,
                Err(error) => tracing::warn!(%error, "live news were too many"),
            },
            Ok(Some(listener)) => hear_others(&state, &io, listener).await,
            Err(error) => tracing::warn!(%error, "cannot listen for live news"),
        }
        if matches!(state.db, sluice_common::db::Db::Postgres(_)) {
            sleep(LISTEN_AGAIN).await;
        }
    }
}

async fn hear_others(state: &AppState, io: &SocketIo, mut listener: NewsListener) {
    let mut said = Said::default();
    loop {
        match listener.next().await {
            Ok(Some(message)) => {
                let Ok(news) = serde_json::from_str(&message) else { continue };
                said.note(&news);
                fanout::pass_on(state, io, news).await;
            }
            // The connection was made anew: what was said meanwhile is in the table.
            Ok(None) => catch_up(state, io, &mut said).await,
            Err(error) => {
                tracing::warn!(%error, "live news broke off");
                return;
            }
        }
    }
}

/// Comments that were passed on lately.
#[derive(Debug, Default)]
struct Said(HashSet<Uuid>);

impl Said {
    fn note(&mut self, news: &News) {
        if let News::Created { comment, .. } = news {
            if self.0.len() > 10_000 {
                self.0.clear();
            }
            self.0.insert(*comment);
        }
    }
}

async fn catch_up(state: &AppState, io: &SocketIo, said: &mut Said) {
    let from = Uuid::new_v7(uuid::Timestamp::from_unix(
        uuid::NoContext,
        u64::try_from((clock::now_us() - LOST_US) / 1_000_000).unwrap_or(0),
        0,
    ));
    let media: HashSet<Uuid> = io.sockets().iter().flat_map(socket::rooms).collect();
    for media in media {
        let Ok(rows) = state.db.comments_after(media, from, Uuid::nil(), MOST_LOST).await else { continue };
        for row in rows {
            let news = News::Created { media, comment: row.id };
            if !said.0.contains(&row.id) {
                said.note(&news);
                fanout::pass_on(state, io, news).await;
            }
        }
    }
}

/// Ends sockets whose token has expired or whose session has ended; turns out who may not see a media any more.
async fn watch_logins(state: AppState, io: SocketIo) {
    let mut ticks = interval(LOGINS);
    loop {
        ticks.tick().await;
        let mut known: HashMap<Arc<str>, Result<Viewer, ApiError>> = HashMap::new();
        let mut media = HashSet::new();
        for socket in io.sockets() {
            media.extend(socket::rooms(&socket));
            let Some(guest) = socket.extensions.get::<Guest>() else { continue };
            let Some(token) = guest.token() else { continue };
            if !known.contains_key(&token) {
                known.insert(token.clone(), auth::service::authenticate(&state, &token).await);
            }
            match known.get(&token) {
                Some(Ok(viewer)) => drop(socket.extensions.insert(guest.renewed(viewer.clone()))),
                Some(Err(ApiError::Unauthenticated)) => socket::end(&state, socket, ApiError::Unauthenticated),
                // A database that does not answer ends nobody.
                _ => {}
            }
        }
        for id in media {
            match state.db.media(id).await {
                Ok(Some(row)) => fanout::admit_only_viewers(&state, &io, &row).await,
                Ok(None) => {
                    for socket in io.to(room(id)).sockets() {
                        fanout::turn_out(&state, &socket, id);
                    }
                }
                Err(_) => {}
            }
        }
    }
}

/// Says how many watch, where that has changed.
async fn count_viewers(state: AppState, io: SocketIo) {
    let mut ticks = interval(COUNT);
    let mut round = 0_u32;
    loop {
        ticks.tick().await;
        round = round.wrapping_add(1);
        let mut changed = state.hub.take_changed();
        if round.is_multiple_of(SAY_AGAIN) {
            changed.extend(io.sockets().iter().flat_map(socket::rooms));
        }
        for media in changed {
            let count = io.to(room(media)).sockets().len();
            if let Err(error) = state.hub.tell_viewers(&state.db, media, count).await {
                tracing::debug!(%error, "viewers were not told");
            }
        }
    }
}
