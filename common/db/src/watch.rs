//! Whether PostgreSQL answers, so that requests fail at once while it does not, instead of waiting for a connection one
//! after another.

use crate::{DbError, Result, open::POSTGRES_WAIT};
use sqlx::{
    Connection, Error, Executor, PgConnection, PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};
use std::{
    sync::{
        Arc, Weak,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::time::{sleep, timeout};

/// Between two questions while it answers.
const CALM: Duration = Duration::from_secs(1);
/// The same while it does not.
const AWAY: Duration = Duration::from_millis(250);
/// Connections that carry wake-ups: one listens, the others send and fetch.
const WAKE_CONNECTIONS: u32 = 4;
/// A server that is busy may take so long.
const SILENCE: Duration = Duration::from_secs(3);

/// Connections to a server, and whether it answers.
#[derive(Debug, Clone)]
pub struct Postgres {
    pool: PgPool,
    options: Arc<PgConnectOptions>,
    state: Arc<State>,
}

#[derive(Debug)]
struct State {
    /// Host, port and database.
    place: String,
    away: AtomicBool,
}

impl Postgres {
    /// Watches over `pool`, whose server is at `place`, by a connection of its own until the last clone is gone.
    pub(crate) fn watched(pool: PgPool, options: PgConnectOptions, place: String) -> Self {
        let state = Arc::new(State { place, away: AtomicBool::new(false) });
        tokio::spawn(watch(options.clone(), Arc::downgrade(&state)));
        Self { pool, options: Arc::new(options), state }
    }

    /// The connections.
    ///
    /// # Errors
    /// [`DbError::Unusable`] at once while the server does not answer.
    pub(crate) fn up(&self) -> Result<&PgPool> {
        if self.state.away.load(Ordering::Relaxed) {
            return Err(DbError::Unusable(format!("{}: no answer", self.state.place)));
        }
        Ok(&self.pool)
    }

    /// The connections, whether the server answers or not: for what ends.
    pub(crate) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Connections of their own for what carries wake-ups. It gives transactions up while they begin (see
    /// [`crate::Db::begin`]): on shared connections others would write within them, and what they wrote would be lost. The
    /// server ends the session of a transaction that nobody goes on with.
    pub fn wake_pool(&self) -> PgPool {
        let options = PgPoolOptions::new().max_connections(WAKE_CONNECTIONS).acquire_timeout(POSTGRES_WAIT);
        let options = options.after_connect(|connection, _| {
            Box::pin(async move {
                connection.execute("SET idle_in_transaction_session_timeout = '5s'").await?;
                Ok(())
            })
        });
        options.connect_lazy_with((*self.options).clone())
    }
}

async fn watch(options: PgConnectOptions, state: Weak<State>) {
    let mut connection = None;
    loop {
        let answer = timeout(SILENCE, ask(&options, &mut connection)).await;
        let Some(state) = state.upgrade() else { return };
        let fault = match answer {
            Ok(Ok(())) => None,
            Ok(Err(e)) => Some(e.to_string()),
            Err(_) => Some("silence".to_owned()),
        };
        let away = fault.is_some();
        if state.away.swap(away, Ordering::Relaxed) != away {
            match fault {
                Some(error) => tracing::error!(database = state.place, error, "the database does not answer"),
                None => tracing::info!(database = state.place, "the database answers again"),
            }
        }
        if away {
            connection = None;
        }
        drop(state);
        sleep(if away { AWAY } else { CALM }).await;
    }
}

async fn ask(options: &PgConnectOptions, connection: &mut Option<PgConnection>) -> Result<(), Error> {
    let known = connection.is_some();
    let answer = match connection {
        Some(c) => c.ping().await,
        None => PgConnection::connect_with(options).await.map(|c| *connection = Some(c)),
    };
    match answer {
        // Whoever says that there are too many connections is there; whoever says that it begins or ends is not.
        Err(Error::Database(e)) if e.code().is_none_or(|c| !c.starts_with("57P")) => Ok(()),
        // That connection may be all that ended.
        Err(_) if known => {
            *connection = None;
            PgConnection::connect_with(options).await.map(|c| *connection = Some(c))
        }
        other => other,
    }
}
