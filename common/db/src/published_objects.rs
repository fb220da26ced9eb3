//! Published objects of packages: what their names mean, and how large they are.

use super::{Result, packages::Packages, query};
use sluice_model::PackageId;

impl Packages<'_> {
    /// The published object of a segment.
    pub async fn segment_object(&self, package: PackageId, rendition: &str, sequence: i64) -> Result<Option<String>> {
        let sql = "SELECT object FROM segments WHERE package_id = $1 AND rendition = $2 AND sequence = $3";
        Ok(query!(self.0, fetch_optional as (String,), sql, package, rendition, sequence)?.map(|r| r.0))
    }

    /// Every published object of a rendition with its size, bytes: segments with their sequence numbers in order, before them the
    /// init segment, which has none.
    pub async fn objects(&self, package: PackageId, rendition: &str) -> Result<Vec<(Option<i64>, String, i64)>> {
        let sql = "SELECT CAST(NULL AS BIGINT), init_object, init_bytes FROM renditions \
                   WHERE package_id = $1 AND name = $2 AND init_object IS NOT NULL";
        let mut list = query!(self.0, fetch_all as (Option<i64>, String, i64), sql, package, rendition)?;
        let sql = "SELECT sequence, object, size_bytes FROM segments WHERE package_id = $1 AND rendition = $2 ORDER BY sequence";
        list.extend(query!(self.0, fetch_all as (Option<i64>, String, i64), sql, package, rendition)?);
        Ok(list)
    }

    /// Size of a published object of a rendition; `None` for what was never published.
    pub async fn published_object(&self, package: PackageId, rendition: &str, object: &str) -> Result<Option<i64>> {
        let sql = "SELECT size_bytes FROM segments WHERE package_id = $1 AND rendition = $2 AND object = $3 \
                   UNION ALL SELECT init_bytes FROM renditions WHERE package_id = $1 AND name = $2 AND init_object = $3";
        Ok(query!(self.0, fetch_optional as (i64,), sql, package, rendition, object)?.map(|r| r.0))
    }
}
