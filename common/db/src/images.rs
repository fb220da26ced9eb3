//! Still pictures of packages.
//!
//! Invariant: the first sheet with a number stays; of posters the one that is worth most.

use super::{Db, Result, Tx, execute_tx, query};
use sluice_model::{ImageKind, PackageId};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::images`].
#[derive(Debug, Clone, Copy)]
pub struct Images<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::images`].
#[derive(Debug)]
pub struct ImagesTx<'a>(pub(crate) &'a mut Tx);

/// A published picture.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct ImageRow {
    #[sqlx(try_from = "String")]
    pub kind: ImageKind,
    /// Of a sheet: its first tile; of a picture of the preview its place; else 0.
    pub number: i64,
    /// File name.
    pub object: String,
    pub size_bytes: i64,
    /// Pixels.
    pub width: i64,
    pub height: i64,
    /// What a poster is worth, 0 to 1000.
    pub appeal: i64,
    /// When each tile of a sheet is shown, milliseconds from the begin of the film: a JSON array.
    pub times_ms: String,
}

impl Images<'_> {
    /// The pictures of a package, sheets in the order of the film.
    pub async fn of_package(&self, package: PackageId) -> Result<Vec<ImageRow>> {
        let sql = "SELECT kind, number, object, size_bytes, width, height, appeal, times_ms FROM images \
                   WHERE package_id = $1 ORDER BY kind, number";
        query!(self.0, fetch_all as ImageRow, sql, package)
    }

    /// Size of a published picture; `None` for what is not there.
    pub async fn size_of(&self, package: PackageId, object: &str) -> Result<Option<i64>> {
        let sql = "SELECT size_bytes FROM images WHERE package_id = $1 AND object = $2";
        Ok(query!(self.0, fetch_optional as (i64,), sql, package, object)?.map(|r| r.0))
    }

    /// Width and height of a package's poster, pixels.
    pub async fn poster_pixels(&self, package: PackageId) -> Result<Option<(i64, i64)>> {
        let sql = "SELECT width, height FROM images WHERE package_id = $1 AND kind = 'poster'";
        query!(self.0, fetch_optional as (i64, i64), sql, package)
    }

    /// Whether a package has no poster yet, and a task that makes pictures of key frames is to make one.
    pub async fn poster_is_to_come(&self, package: PackageId) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM tasks WHERE package_id = $1 AND kind = 'images' AND status IN ('queued', 'running') \
                   AND NOT EXISTS (SELECT 1 FROM images i WHERE i.package_id = $1 AND i.kind = 'poster')";
        Ok(query!(self.0, fetch_one as (i64,), sql, package)?.0 > 0)
    }
}

impl ImagesTx<'_> {
    /// Publishes a picture; `false` when what is there stays.
    pub async fn publish(&mut self, package: PackageId, image: &ImageRow) -> Result<bool> {
        let sql = "INSERT INTO images (package_id, kind, number, object, size_bytes, width, height, appeal, times_ms) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) ON CONFLICT (package_id, kind, number) DO UPDATE \
                   SET object = excluded.object, size_bytes = excluded.size_bytes, width = excluded.width, \
                   height = excluded.height, appeal = excluded.appeal WHERE images.appeal < excluded.appeal";
        let changed = execute_tx!(
            self.0,
            sql,
            package,
            image.kind.as_str(),
            image.number,
            &image.object,
            image.size_bytes,
            image.width,
            image.height,
            image.appeal,
            &image.times_ms
        )?;
        Ok(changed == 1)
    }
}
