//! Telling all API instances what has just changed: NOTIFY on PostgreSQL, sent by the very commit that makes it
//! true. SQLite serves one instance, which tells itself.

use super::{Db, Result, Tx};
use sqlx::postgres::PgListener;

/// Reads and single statements of this domain, from [`Db::news`].
#[derive(Debug, Clone, Copy)]
pub struct News<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::news`].
#[derive(Debug)]
pub struct NewsTx<'a>(pub(crate) &'a mut Tx);

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

impl News<'_> {
    /// Begins to listen. `None` on SQLite.
    pub async fn listen(&self) -> Result<Option<NewsListener>> {
        let Db::Postgres(server) = self.0 else { return Ok(None) };
        let mut listener = PgListener::connect_with(server.up()?).await?;
        listener.listen(CHANNEL).await?;
        Ok(Some(NewsListener(listener)))
    }

    /// Tells what needs no transaction; `false` on SQLite.
    pub async fn notify(&self, message: &str) -> Result<bool> {
        let Db::Postgres(server) = self.0 else { return Ok(false) };
        sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(message).execute(server.up()?).await?;
        Ok(true)
    }
}

impl NewsTx<'_> {
    /// Tells all instances once this transaction commits; at most 8000 bytes. `false` on SQLite.
    pub async fn notify(&mut self, message: &str) -> Result<bool> {
        let Tx::Postgres(t) = self.0 else { return Ok(false) };
        sqlx::query("SELECT pg_notify($1, $2)").bind(CHANNEL).bind(message).execute(&mut **t).await?;
        Ok(true)
    }
}
