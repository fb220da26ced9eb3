//! Creators as others see them, who follows whom, and who wants nothing of whom.

use super::{Db, Result, Tx, execute, execute_tx, query, query_tx};
use sluice_model::{PictureId, SubscriptionId, Timestamp, UserId, clock::DAY};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::people`].
#[derive(Debug, Clone, Copy)]
pub struct People<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::people`].
#[derive(Debug)]
pub struct PeopleTx<'a>(pub(crate) &'a mut Tx);

/// A creator's profile.
#[derive(Debug, Clone, FromRow)]
pub struct CreatorRow {
    pub id: UserId,
    pub username: String,
    pub display_name: String,
    pub bio: String,
    pub subscriber_count: i64,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    pub avatar_id: Option<PictureId>,
    pub banner_id: Option<PictureId>,
}

/// A profile as its owner sees it.
#[derive(Debug, Clone, FromRow)]
pub struct OwnProfileRow {
    #[sqlx(flatten)]
    pub profile: CreatorRow,
    pub keeps_history: bool,
}

/// A creator in a person's list.
#[derive(Debug, Clone, FromRow)]
pub struct SubscriptionRow {
    /// The order of the list.
    pub subscription_id: SubscriptionId,
    #[sqlx(rename = "subscribed_us")]
    pub subscribed_at: Timestamp,
    #[sqlx(flatten)]
    pub creator: CreatorRow,
}

macro_rules! creator_columns {
    () => {
        "u.id, u.username, u.display_name, u.bio, u.subscriber_count, u.created_us, \
         (SELECT a.id FROM pictures a WHERE a.owner_id = u.id AND a.kind = 'avatar' AND a.doomed_us IS NULL) AS avatar_id, \
         (SELECT b.id FROM pictures b WHERE b.owner_id = u.id AND b.kind = 'banner' AND b.doomed_us IS NULL) AS banner_id"
    };
}

/// What of a profile is to be changed; `None` stays.
#[derive(Debug, Default)]
pub struct ProfileChange<'a> {
    pub display_name: Option<&'a str>,
    pub bio: Option<&'a str>,
    pub keeps_history: Option<bool>,
}

impl People<'_> {
    /// A creator by id. Viewers have no profile.
    pub async fn creator(&self, id: UserId) -> Result<Option<CreatorRow>> {
        let sql = concat!(
            "SELECT ",
            creator_columns!(),
            " FROM users u WHERE u.id = $1 AND u.role <> 'viewer' AND u.banned_us IS NULL"
        );
        query!(self.0, fetch_optional as CreatorRow, sql, id)
    }

    /// A creator by user name, whatever its case.
    pub async fn creator_by_name(&self, username: &str) -> Result<Option<CreatorRow>> {
        let sql = concat!(
            "SELECT ",
            creator_columns!(),
            " FROM users u WHERE u.username_key = $1 AND u.role <> 'viewer' AND u.banned_us IS NULL"
        );
        query!(self.0, fetch_optional as CreatorRow, sql, username.to_lowercase())
    }

    /// One's own profile, whatever one's role.
    pub async fn own_profile(&self, user: UserId) -> Result<Option<OwnProfileRow>> {
        let sql = concat!("SELECT ", creator_columns!(), ", u.keeps_history FROM users u WHERE u.id = $1");
        query!(self.0, fetch_optional as OwnProfileRow, sql, user)
    }

    /// Creators whose name begins with `prefix`, in lower case, in the order of their names; after `after`.
    pub async fn creators(&self, prefix: &str, after: &str, limit: i64) -> Result<Vec<CreatorRow>> {
        // A range instead of LIKE: it needs no escaping and uses the index of names on both databases.
        let sql = concat!(
            "SELECT ",
            creator_columns!(),
            " FROM users u WHERE u.username_key >= $1 AND u.username_key < $2 AND u.username_key > $3 \
             AND u.role <> 'viewer' AND u.banned_us IS NULL ORDER BY u.username_key LIMIT $4"
        );
        let end = format!("{prefix}\u{7f}");
        query!(self.0, fetch_all as CreatorRow, sql, prefix, end, after, limit)
    }

    /// Changes a profile. Who wants no history kept has the one there is forgotten.
    pub async fn change_profile(&self, user: UserId, change: &ProfileChange<'_>) -> Result<()> {
        let sql = "UPDATE users SET display_name = COALESCE($1, display_name), bio = COALESCE($2, bio), \
                   keeps_history = COALESCE($3, keeps_history) WHERE id = $4";
        let mut tx = self.0.begin().await?;
        let before = "SELECT display_name FROM users WHERE id = $1";
        let before = query_tx!(&mut tx, fetch_optional as (String,), before, user)?;
        execute_tx!(&mut tx, sql, change.display_name, change.bio, change.keeps_history, user)?;
        if change.keeps_history == Some(false) {
            execute_tx!(&mut tx, "DELETE FROM watch_history WHERE user_id = $1", user)?;
        }
        if change.display_name.is_some_and(|new| before.is_some_and(|b| b.0 != new)) {
            tx.search().index_media_of(user).await?;
        }
        tx.commit().await
    }

    /// Whether what a person watches is remembered.
    pub async fn keeps_history(&self, user: UserId) -> Result<bool> {
        let row = query!(self.0, fetch_optional as (bool,), "SELECT keeps_history FROM users WHERE id = $1", user)?;
        Ok(row.is_some_and(|r| r.0))
    }

    /// Whom a person follows, newest first.
    pub async fn subscriptions(
        &self,
        user: UserId,
        before: Option<SubscriptionId>,
        limit: i64,
    ) -> Result<Vec<SubscriptionRow>> {
        let sql = concat!(
            "SELECT s.id AS subscription_id, s.created_us AS subscribed_us, ",
            creator_columns!(),
            " FROM subscriptions s JOIN users u ON u.id = s.creator_id WHERE s.subscriber_id = $1 AND s.id < $2 AND u.banned_us IS NULL \
             ORDER BY s.id DESC LIMIT $3"
        );
        query!(self.0, fetch_all as SubscriptionRow, sql, user, before.unwrap_or(SubscriptionId::max()), limit)
    }

    /// Whether one follows the other.
    pub async fn is_subscribed(&self, subscriber: UserId, creator: UserId) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM subscriptions WHERE subscriber_id = $1 AND creator_id = $2";
        Ok(query!(self.0, fetch_one as (i64,), sql, subscriber, creator)?.0 == 1)
    }

    /// Ends a block.
    pub async fn unblock(&self, blocker: UserId, blocked: UserId) -> Result<()> {
        execute!(self.0, "DELETE FROM blocks WHERE blocker_id = $1 AND blocked_id = $2", blocker, blocked)?;
        Ok(())
    }

    /// Those who have blocked somebody.
    pub async fn blockers_of(&self, blocked: UserId) -> Result<Vec<UserId>> {
        let sql = "SELECT blocker_id FROM blocks WHERE blocked_id = $1";
        Ok(query!(self.0, fetch_all as (UserId,), sql, blocked)?.into_iter().map(|r| r.0).collect())
    }

    /// Whether somebody is blocked by another.
    pub async fn is_blocked(&self, blocker: UserId, blocked: UserId) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM blocks WHERE blocker_id = $1 AND blocked_id = $2";
        Ok(query!(self.0, fetch_one as (i64,), sql, blocker, blocked)?.0 == 1)
    }

    /// Whom a person has blocked, in the order of their names; after `after`.
    pub async fn blocked(&self, user: UserId, after: &str, limit: i64) -> Result<Vec<CreatorRow>> {
        let sql = concat!(
            "SELECT ",
            creator_columns!(),
            " FROM blocks b JOIN users u ON u.id = b.blocked_id WHERE b.blocker_id = $1 AND u.username_key > $2 \
             ORDER BY u.username_key LIMIT $3"
        );
        query!(self.0, fetch_all as CreatorRow, sql, user, after, limit)
    }

    /// Removes subscriptions that ended a day ago: until then the feed that somebody reads stays as it was.
    pub async fn purge_past_subscriptions(&self, now: Timestamp) -> Result<()> {
        execute!(self.0, "DELETE FROM past_subscriptions WHERE ended_us < $1", now - DAY)?;
        Ok(())
    }
}

impl PeopleTx<'_> {
    /// Both people's rows before rows that refer to them, as in leaving: so neither waits for the other's second lock.
    async fn lock_followed(&mut self, subscriber: UserId, creator: UserId) -> Result<()> {
        if let Tx::Postgres(t) = self.0 {
            let sql = "SELECT id FROM users WHERE id = $1 FOR KEY SHARE";
            sqlx::query(sql).bind(subscriber).execute(&mut **t).await?;
        }
        execute_tx!(self.0, "UPDATE users SET subscriber_count = subscriber_count WHERE id = $1", creator)?;
        Ok(())
    }

    /// Follows a creator; `false` when it was so before.
    pub async fn subscribe(&mut self, subscriber: UserId, creator: UserId, now: Timestamp) -> Result<bool> {
        self.lock_followed(subscriber, creator).await?;
        let sql = "INSERT INTO subscriptions (subscriber_id, creator_id, id, created_us) VALUES ($1, $2, $3, $4) \
                   ON CONFLICT (subscriber_id, creator_id) DO NOTHING";
        let new = execute_tx!(self.0, sql, subscriber, creator, SubscriptionId::new(), now)? == 1;
        if new {
            let count = "UPDATE users SET subscriber_count = subscriber_count + 1 WHERE id = $1";
            execute_tx!(self.0, count, creator)?;
        }
        Ok(new)
    }

    /// Follows a creator no more. That it was so is remembered for a day, for feeds that are being read.
    pub async fn unsubscribe(&mut self, subscriber: UserId, creator: UserId, now: Timestamp) -> Result<()> {
        self.lock_followed(subscriber, creator).await?;
        let keep = "INSERT INTO past_subscriptions (subscriber_id, creator_id, created_us, ended_us) \
                    SELECT subscriber_id, creator_id, created_us, $3 FROM subscriptions \
                    WHERE subscriber_id = $1 AND creator_id = $2 \
                    ON CONFLICT DO NOTHING";
        execute_tx!(self.0, keep, subscriber, creator, now)?;
        let sql = "DELETE FROM subscriptions WHERE subscriber_id = $1 AND creator_id = $2";
        if execute_tx!(self.0, sql, subscriber, creator)? == 1 {
            let count = "UPDATE users SET subscriber_count = subscriber_count - 1 WHERE id = $1";
            execute_tx!(self.0, count, creator)?;
        }
        Ok(())
    }

    /// Keeps somebody's comments out of one's sight; they follow one no more.
    pub async fn block(&mut self, blocker: UserId, blocked: UserId, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO blocks (blocker_id, blocked_id, created_us) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING";
        execute_tx!(self.0, sql, blocker, blocked, now)?;
        self.unsubscribe(blocked, blocker, now).await
    }

    /// Takes what a leaving person counted for out of the counts; the rows go with the account.
    pub async fn uncount(&mut self, user: UserId) -> Result<()> {
        // Against rows that would refer to the account from now on: they wait, and find it gone. Media first, as
        // comments lock them.
        if let Tx::Postgres(t) = self.0 {
            let media = "SELECT id FROM media WHERE id IN (SELECT media_id FROM comments WHERE author_id = $1) ORDER BY id FOR UPDATE";
            sqlx::query(media).bind(user).execute(&mut **t).await?;
            sqlx::query("SELECT id FROM users WHERE id = $1 FOR UPDATE").bind(user).execute(&mut **t).await?;
        }
        for sql in [
            "UPDATE users SET subscriber_count = subscriber_count - 1 WHERE id IN \
             (SELECT creator_id FROM subscriptions WHERE subscriber_id = $1)",
            "UPDATE media SET like_count = like_count - 1 WHERE id IN (SELECT media_id FROM likes WHERE user_id = $1)",
            // Replies of others to this person's comments go with them.
            "UPDATE media SET comment_count = comment_count - (SELECT COUNT(*) FROM comments c LEFT JOIN comments p ON p.id = c.parent_id \
               WHERE c.media_id = media.id AND (c.author_id = $1 OR p.author_id = $1)) \
             WHERE id IN (SELECT media_id FROM comments WHERE author_id = $1)",
            "UPDATE comments SET reply_count = reply_count - (SELECT COUNT(*) FROM comments r WHERE r.parent_id = comments.id AND r.author_id = $1) \
             WHERE id IN (SELECT parent_id FROM comments WHERE author_id = $1)",
        ] {
            execute_tx!(self.0, sql, user)?;
        }
        Ok(())
    }
}
