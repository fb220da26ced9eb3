//! Telling all API instances what has just changed: NOTIFY on PostgreSQL, sent by the very commit that makes it
//! true. SQLite serves one instance, which tells itself.

use super::{Db, Result, Tx};
use sqlx::postgres::PgListener;

const CHANNEL: &str = "sluice_news";

/// Hears what other instances tell.
#[derive(Debug)]
pub struct NewsListener(PgListener);

impl NewsListener {
    /// The next message. `None` when the connection was lost and has been made anew: messages may be missing.
    pub async fn next(&mut self) -> Result<Option<String>> {
        Ok(self.0.try_recv().await?.map(|n| n.payload().to_owned()))
    }
}

impl Db {
    /// Begins to listen. `None` on SQLite.
    pub async fn listen(&self) -> Result<Option<NewsListener>> {
        let Self::Postgres(pool) = self else { return Ok(None) };
        let mut listener = PgListener::connect_with(pool).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(NewsListener(listener)))
    }

    /// Tells what needs no transaction; `false` on SQLite.
    pub async fn tell(&self, message: &str) -> Result<bool> {
        let Self::Postgres(pool) = self else { return Ok(false) };
        sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(message).execute(pool).await?;
        Ok(true)
    }
}

impl Tx {
    /// Tells all instances once this transaction commits; at most 8000 bytes. `false` on SQLite.
    pub async fn tell(&mut self, message: &str) -> Result<bool> {
        let Self::Postgres(t) = self else { return Ok(false) };
        sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(message).execute(&mut **t).await?;
        Ok(true)
    }
}
