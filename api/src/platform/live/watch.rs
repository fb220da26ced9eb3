//! What goes on beside the sockets: news arrive, logins end, viewers are counted.

use super::{
    fanout,
    guest::Guest,
    room::{room, rooms, turn_out},
    socket,
};
use crate::{
    identity::{IdentityError, Viewer, authentication::authenticate},
    state::{AppState, News},
};
use sluice_db::{DbError, NewsListener};
use sluice_model::clock;
use socketioxide::SocketIo;
use std::{
    collections::{HashMap, HashSet},
    sync::Arc,
    time::Duration,
};
use tokio::{
    sync::{broadcast, watch},
    time::{interval, sleep, timeout},
};

/// How often logins of sockets are looked at.
const LOGINS: Duration = Duration::from_secs(5);
/// How often changed rooms are counted.
const COUNT: Duration = Duration::from_secs(1);
/// Every so many counts, all rooms are said again.
const SAY_AGAIN: u32 = 20;
/// A connection that has brought nothing for so long may have broken without a word: instances with sockets say how
/// many watch more often than that, and hear themselves.
const SILENCE: Duration = Duration::from_secs(60);
/// Pause before listening again.
const LISTEN_AGAIN: Duration = Duration::from_secs(1);
/// Changes that a lost connection may have swallowed are looked up so far back.
const LOST: Duration = Duration::from_secs(300);
/// How long sockets have to take note that the process ends.
const FAREWELL: Duration = Duration::from_secs(2);

/// Runs until `stop` turns true. Then the connections break, so that clients connect again, to another instance:
/// of a socket that is ended politely they would not come back by themselves.
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
    drop(timeout(FAREWELL, io.close()).await);
}

/// Hears news and passes them on, in order.
async fn hear(state: AppState, io: SocketIo) {
    let mut own = state.hub.own();
    loop {
        let heard = match state.db.news().listen().await {
            Ok(listener) => hear_on(&state, &io, &mut own, listener).await,
            Err(error) => Err(error),
        };
        if let Err(error) = heard {
            tracing::warn!(%error, "live news broke off");
        }
        sleep(LISTEN_AGAIN).await;
    }
}

/// Hears news until something fails. What was said before is in the tables and looked up first.
async fn hear_on(
    state: &AppState,
    io: &SocketIo,
    own: &mut broadcast::Receiver<News>,
    mut listener: Option<NewsListener>,
) -> Result<(), DbError> {
    let mut missed = true;
    loop {
        if missed {
            fanout::catch_up(state, io, clock::now() - LOST).await?;
        }
        let news = match &mut listener {
            Some(listener) => match timeout(SILENCE, listener.next()).await {
                Ok(heard) => heard?.map(|m| serde_json::from_str::<News>(&m).ok()),
                Err(_) => return Ok(()),
            },
            None => own.recv().await.ok().map(Some),
        };
        missed = news.is_none();
        if let Some(news) = news.flatten() {
            fanout::pass_on(state, io, news).await?;
        }
    }
}

/// Ends sockets whose token has expired or whose session has ended; turns out who may not see a media any more.
async fn watch_logins(state: AppState, io: SocketIo) {
    let mut ticks = interval(LOGINS);
    loop {
        ticks.tick().await;
        let mut known: HashMap<Arc<str>, Result<Viewer, IdentityError>> = HashMap::new();
        let mut media = HashSet::new();
        for socket in io.sockets() {
            media.extend(rooms(&socket));
            let Some(guest) = socket.extensions.get::<Guest>() else { continue };
            let Some(token) = guest.token() else { continue };
            if !known.contains_key(&token) {
                known.insert(token.clone(), authenticate(&state, &token).await);
            }
            match known.get(&token) {
                Some(Ok(viewer)) => drop(socket.extensions.insert(guest.renewed(viewer.clone()))),
                Some(Err(IdentityError::Unauthenticated)) => {
                    socket::end(&state, socket, IdentityError::Unauthenticated)
                }
                // A database that does not answer ends nobody.
                _ => {}
            }
        }
        for id in media {
            match state.db.media().find(id).await {
                Ok(Some(row)) => fanout::admit_only_viewers(&state, &io, &row).await,
                Ok(None) => {
                    for socket in io.to(room(id)).sockets() {
                        turn_out(&state, &socket, id);
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
            changed.extend(io.sockets().iter().flat_map(rooms));
        }
        if let Err(error) = fanout::serve_slow(&state, &io).await {
            tracing::debug!(%error, "slow sockets were not served");
        }
        for media in changed {
            let count = io.to(room(media)).sockets().len();
            if count == 0 {
                let _turn = state.hub.pass_on().await;
                if io.to(room(media)).sockets().is_empty() {
                    state.hub.leave(media);
                }
            }
            if let Err(error) = state.hub.tell_viewers(&state.db, media, count).await {
                tracing::debug!(%error, "viewers were not told");
            }
        }
    }
}
