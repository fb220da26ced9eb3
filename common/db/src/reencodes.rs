//! Packages that are to be made again at an operator's wish: what is chosen from, what waits, how far it is.
//!
//! Invariant: a package is wanted once. The wish ends when a package begins that will take its place ([`super::replacements`]), or
//! with a note of why it stays as it is.

use super::{Db, Result, Tx, execute_tx, query, query_tx};
use sluice_model::{LeftAs, MediaId, PackageId, PackageStatus, Reason, Timestamp, UserId};
use sqlx::FromRow;
use uuid::Uuid;

/// Reads and single statements of this domain, from [`Db::reencodes`].
#[derive(Debug, Clone, Copy)]
pub struct Reencodes<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::reencodes`].
#[derive(Debug)]
pub struct ReencodesTx<'a>(pub(crate) &'a mut Tx);

/// Which packages are chosen from.
#[derive(Debug, Clone, Copy)]
pub struct ReencodeChoice {
    /// This one alone.
    pub package: Option<PackageId>,
    /// Those of which this account has a media.
    pub owner: Option<UserId>,
    /// Those that were begun before.
    pub begun_before: Timestamp,
    /// Those alone that wait or are being made again.
    pub under_way: bool,
}

/// Every package.
impl Default for ReencodeChoice {
    fn default() -> Self {
        Self { package: None, owner: None, begun_before: Timestamp::from_micros(i64::MAX), under_way: false }
    }
}

/// A package of some media, and what stands against making it again.
#[derive(Debug, Clone, FromRow)]
pub struct ReencodeRow {
    pub package_id: PackageId,
    /// The first of its media.
    pub media_id: MediaId,
    pub title: String,
    pub owner_name: String,
    pub duration_ms: Option<i64>,
    /// Of all its renditions, by their bit rates.
    pub size_bytes: i64,
    #[sqlx(try_from = "String")]
    status: PackageStatus,
    is_live: bool,
    is_clip: bool,
    is_seen: bool,
    has_added: bool,
    profile: Option<String>,
    /// Whether it waits to be made again.
    pub is_wanted: bool,
    /// Whether it is being made again.
    pub is_being_made: bool,
}

impl ReencodeRow {
    /// Why it stays as it is, for somebody who would make it with the settings of a profile, if they are known.
    pub fn left_as(&self, profile: Option<&str>) -> Option<LeftAs> {
        let is_ready = self.status == PackageStatus::Ready && self.is_live;
        let found = [
            (self.is_clip, LeftAs::Clip),
            (!is_ready, LeftAs::NotReady),
            (self.has_added, LeftAs::AddedTracks),
            (!self.is_seen, LeftAs::OutOfSight),
            (profile.is_some() && self.profile.as_deref() == profile, LeftAs::SameSettings),
        ];
        found.into_iter().find(|(stands, _)| *stands).map(|f| f.1)
    }
}

/// What is made in the place of a package, or could not be.
#[derive(Debug, Clone, FromRow)]
pub struct ReplacementRow {
    /// The first of its media.
    pub media_id: MediaId,
    pub title: String,
    pub owner_name: String,
    #[sqlx(try_from = "String")]
    pub status: PackageStatus,
    /// Segments that are published, over those that are planned.
    pub published: i64,
    pub planned: i64,
    error_code: Option<String>,
    error_message: Option<String>,
}

impl ReplacementRow {
    /// Why it could not be made.
    pub fn reason(&self) -> Option<Reason> {
        self.error_code.clone().zip(self.error_message.clone()).map(|(code, message)| Reason { code, message })
    }
}

/// How many packages, and how long their films are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, FromRow)]
pub struct FilmsRow {
    pub films: i64,
    pub duration_ms: i64,
}

/// A page is chosen first, in the order of its index, and then completed: whatever plan a database makes, it completes no more than
/// is asked for.
macro_rules! films {
    ($which:literal) => {
        concat!(
            "SELECT p.id AS package_id, m.id AS media_id, m.title, u.username AS owner_name, p.duration_ms, \
             CAST(COALESCE((SELECT SUM(r.average_bps) FROM renditions r WHERE r.package_id = p.id), 0) * COALESCE(p.duration_ms, 0) / 8000 AS BIGINT) AS size_bytes, \
             p.status, s.status = 'live' AS is_live, p.clip_package_id IS NOT NULL AS is_clip, p.profile, \
             EXISTS (SELECT 1 FROM media x JOIN users o ON o.id = x.owner_id WHERE x.package_id = p.id \
               AND x.hidden_us IS NULL AND o.banned_us IS NULL) AS is_seen, \
             EXISTS (SELECT 1 FROM added_tracks a JOIN media x ON x.id = a.media_id WHERE x.package_id = p.id) AS has_added, \
             EXISTS (SELECT 1 FROM reencodes w WHERE w.package_id = p.id AND w.left_as IS NULL) AS is_wanted, \
             EXISTS (SELECT 1 FROM packages r WHERE r.replaces_package_id = p.id AND r.status <> 'failed') AS is_being_made \
             FROM (SELECT q.id, q.source_id, q.status, q.duration_ms, q.clip_package_id, q.profile FROM packages q \
               WHERE q.id > $1 AND q.id <= $2 AND COALESCE(q.encode_started_us, q.created_us) < $4 \
               AND EXISTS (SELECT 1 FROM media x WHERE x.package_id = q.id AND ($3 IS NULL OR x.owner_id = $3))",
            $which,
            " ORDER BY q.id LIMIT $5) p JOIN sources s ON s.id = p.source_id \
             JOIN media m ON m.id = (SELECT x.id FROM media x WHERE x.package_id = p.id ORDER BY x.id LIMIT 1) \
             JOIN users u ON u.id = m.owner_id ORDER BY p.id"
        )
    };
}

const FILMS: &str = films!("");
const UNDER_WAY: &str = films!(
    " AND q.id IN (SELECT w.package_id FROM reencodes w WHERE w.left_as IS NULL UNION SELECT r.replaces_package_id FROM packages r \
     WHERE r.replaces_package_id IS NOT NULL AND r.status IN ('planning', 'encoding'))"
);

/// Between which there is one package alone: behind the first, up to the last.
fn alone(package: PackageId) -> (PackageId, PackageId) {
    let before = Uuid::from_u128(package.uuid().as_u128().saturating_sub(1));
    (before.into(), package)
}

impl Reencodes<'_> {
    /// Packages with their media, the next after one, in order.
    pub async fn films(&self, choice: &ReencodeChoice, after: PackageId, limit: i64) -> Result<Vec<ReencodeRow>> {
        let ReencodeChoice { package, owner, begun_before, under_way } = *choice;
        let sql = if under_way { UNDER_WAY } else { FILMS };
        let (first, last) = package.map_or((after, PackageId::max()), alone);
        query!(self.0, fetch_all as ReencodeRow, sql, after.max(first), last, owner, begun_before, limit)
    }

    /// The package that has waited longest to be made again.
    pub async fn next(&self) -> Result<Option<PackageId>> {
        let sql = "SELECT package_id FROM reencodes WHERE left_as IS NULL ORDER BY wanted_us, package_id LIMIT 1";
        Ok(query!(self.0, fetch_optional as (PackageId,), sql)?.map(|r| r.0))
    }

    /// Those that wait.
    pub async fn waiting(&self) -> Result<FilmsRow> {
        let sql = "SELECT COUNT(*) AS films, CAST(COALESCE(SUM(p.duration_ms), 0) AS BIGINT) AS duration_ms \
                   FROM reencodes w JOIN packages p ON p.id = w.package_id WHERE w.left_as IS NULL";
        query!(self.0, fetch_one as FilmsRow, sql)
    }

    /// How many stay as they are although somebody wanted them again, by why.
    pub async fn left(&self) -> Result<Vec<(LeftAs, i64)>> {
        let sql = "SELECT left_as, COUNT(*) FROM reencodes WHERE left_as IS NOT NULL GROUP BY left_as ORDER BY left_as";
        let rows = query!(self.0, fetch_all as (String, i64), sql)?;
        Ok(rows.into_iter().filter_map(|(word, films)| Some((word.parse().ok()?, films))).collect())
    }

    /// What is being made in the place of others, and what could not be made.
    pub async fn replacements(&self) -> Result<Vec<ReplacementRow>> {
        let sql = "SELECT m.id AS media_id, m.title, u.username AS owner_name, r.status, r.error_code, r.error_message, \
                   CAST(COALESCE((SELECT SUM(x.contiguous) FROM renditions x WHERE x.package_id = r.id), 0) AS BIGINT) AS published, \
                   CAST(COALESCE((SELECT SUM(x.planned) FROM renditions x WHERE x.package_id = r.id), 0) AS BIGINT) AS planned \
                   FROM packages r \
                   JOIN media m ON m.id = (SELECT y.id FROM media y WHERE y.package_id = r.replaces_package_id ORDER BY y.id LIMIT 1) \
                   JOIN users u ON u.id = m.owner_id WHERE r.replaces_package_id IS NOT NULL \
                   AND r.status IN ('planning', 'encoding', 'failed') ORDER BY r.id";
        query!(self.0, fetch_all as ReplacementRow, sql)
    }

    /// Packages whose place another has taken, and that are not gone yet.
    pub async fn replaced(&self) -> Result<FilmsRow> {
        let sql = "SELECT COUNT(*) AS films, CAST(COALESCE(SUM(duration_ms), 0) AS BIGINT) AS duration_ms \
                   FROM packages WHERE status = 'ready' AND replaced_us IS NOT NULL";
        query!(self.0, fetch_one as FilmsRow, sql)
    }
}

impl ReencodesTx<'_> {
    /// Has a package made again. `false` where it is wanted already, or gone.
    pub async fn want(&mut self, package: PackageId, now: Timestamp) -> Result<bool> {
        let sql = "INSERT INTO reencodes AS w (package_id, wanted_us) SELECT p.id, $2 FROM packages p WHERE p.id = $1 \
                   ON CONFLICT (package_id) DO UPDATE SET wanted_us = $2, left_as = NULL WHERE w.left_as IS NOT NULL";
        Ok(execute_tx!(self.0, sql, package, now)? == 1)
    }

    /// Takes a wish back. `false` where there was none.
    pub async fn forget(&mut self, package: PackageId) -> Result<bool> {
        let sql = "DELETE FROM reencodes WHERE package_id = $1 AND left_as IS NULL";
        Ok(execute_tx!(self.0, sql, package)? == 1)
    }

    /// Notes why a package stays as it is. What has no media any more has nobody who would ask.
    pub(crate) async fn leave(&mut self, package: PackageId, left_as: LeftAs) -> Result<()> {
        let sql = "UPDATE reencodes SET left_as = $1 WHERE package_id = $2 AND left_as IS NULL";
        execute_tx!(self.0, sql, left_as.as_str(), package)?;
        Ok(())
    }

    /// A package with its media, as it is inside the transaction; `None` where nobody has it.
    pub(crate) async fn film(&mut self, package: PackageId) -> Result<Option<ReencodeRow>> {
        let ReencodeChoice { owner, begun_before, .. } = ReencodeChoice::default();
        let (after, last) = alone(package);
        query_tx!(self.0, fetch_optional as ReencodeRow, FILMS, after, last, owner, begun_before, 1_i64)
    }
}
