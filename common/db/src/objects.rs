//! Which objects of the store rows lead to: the one place that says so, for checks, sweeps and backups.
//!
//! Invariants: what is being deleted leads to nothing, because its objects go before its rows; each list is in the order of
//! its keys and has a bound, so that whoever goes through all of it needs no more memory for a large service.

use super::{Result, Tx, query_tx};
use sluice_model::{DocumentId, MediaId, PackageId, PictureId, ProjectId, SourceId, Timestamp};
use sqlx::FromRow;

/// What this domain reads inside a transaction, from [`Tx::objects`].
#[derive(Debug)]
pub struct ObjectsTx<'a>(pub(crate) &'a mut Tx);

/// An object of a package that a row names.
#[derive(Debug, Clone, PartialEq, Eq, FromRow)]
pub struct PackageObjectRow {
    /// The folder within the package: a rendition, or that of still pictures.
    pub rendition: String,
    /// File name.
    pub object: String,
    pub size_bytes: i64,
    /// Of segments and init segments.
    pub sha256: Option<Vec<u8>>,
    /// Of a segment: its number.
    pub sequence: Option<i64>,
}

/// An extent that a row names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, FromRow)]
pub struct ExtentObjectRow {
    /// Within its home.
    pub number: i64,
    pub size_bytes: i64,
}

impl ObjectsTx<'_> {
    /// The next sources with objects below their prefixes: those that there are, and those whose extents became another's.
    pub async fn sources_after(&mut self, after: SourceId, limit: i64) -> Result<Vec<SourceId>> {
        let sql = "SELECT id FROM (SELECT id FROM sources WHERE id > $1 AND status <> 'deleting' ORDER BY id LIMIT $2) s \
                   UNION SELECT home FROM (SELECT DISTINCT home FROM extents WHERE home > $1 ORDER BY home LIMIT $2) h \
                   ORDER BY 1 LIMIT $2";
        Ok(query_tx!(self.0, fetch_all as (SourceId,), sql, after, limit)?.into_iter().map(|r| r.0).collect())
    }

    /// The extents below the prefix of a source, in order.
    pub async fn of_source(&mut self, home: SourceId) -> Result<Vec<ExtentObjectRow>> {
        let sql = "SELECT e.number, e.size_bytes FROM extents e JOIN sources s ON s.id = e.source_id \
                   WHERE s.status <> 'deleting' AND (e.home = $1 OR (e.source_id = $1 AND e.home IS NULL)) ORDER BY e.number";
        query_tx!(self.0, fetch_all as ExtentObjectRow, sql, home)
    }

    /// The next packages.
    pub async fn packages_after(&mut self, after: PackageId, limit: i64) -> Result<Vec<PackageId>> {
        let sql = "SELECT p.id FROM packages p JOIN sources s ON s.id = p.source_id \
                   WHERE p.id > $1 AND s.status <> 'deleting' AND p.status <> 'deleting' ORDER BY p.id LIMIT $2";
        Ok(query_tx!(self.0, fetch_all as (PackageId,), sql, after, limit)?.into_iter().map(|r| r.0).collect())
    }

    /// The objects of a package that rows name: segments, init segments, still pictures. Playlists and the report are
    /// beside them, and no row names these.
    pub async fn of_package(&mut self, package: PackageId) -> Result<Vec<PackageObjectRow>> {
        let sql = "SELECT rendition, object, size_bytes, sha256, sequence FROM (\
                     SELECT rendition, object, size_bytes, sha256, sequence FROM segments WHERE package_id = $1 \
                     UNION ALL SELECT name, init_object, COALESCE(init_bytes, 0), init_sha256, NULL FROM renditions \
                       WHERE package_id = $1 AND init_object IS NOT NULL \
                     UNION ALL SELECT 'images', object, size_bytes, NULL, NULL FROM images WHERE package_id = $1) o \
                   WHERE NOT EXISTS (SELECT 1 FROM packages p JOIN sources s ON s.id = p.source_id \
                     WHERE p.id = $1 AND (s.status = 'deleting' OR p.status = 'deleting'))";
        query_tx!(self.0, fetch_all as PackageObjectRow, sql, package)
    }

    /// The next projects that have a document.
    pub async fn projects_after(&mut self, after: ProjectId, limit: i64) -> Result<Vec<ProjectId>> {
        let sql = "SELECT id FROM projects WHERE id > $1 AND object IS NOT NULL ORDER BY id LIMIT $2";
        Ok(query_tx!(self.0, fetch_all as (ProjectId,), sql, after, limit)?.into_iter().map(|r| r.0).collect())
    }

    /// The document of a project, and its bytes.
    pub async fn of_project(&mut self, project: ProjectId) -> Result<Option<(DocumentId, i64)>> {
        let sql = "SELECT object, size_bytes FROM projects WHERE id = $1 AND object IS NOT NULL";
        query_tx!(self.0, fetch_optional as (DocumentId, i64), sql, project)
    }

    /// The next pictures that are shown.
    pub async fn pictures_after(&mut self, after: PictureId, limit: i64) -> Result<Vec<PictureId>> {
        let sql = "SELECT id FROM pictures WHERE id > $1 AND doomed_us IS NULL ORDER BY id LIMIT $2";
        Ok(query_tx!(self.0, fetch_all as (PictureId,), sql, after, limit)?.into_iter().map(|r| r.0).collect())
    }

    /// Bytes of a picture that is shown.
    pub async fn of_picture(&mut self, picture: PictureId) -> Result<Option<i64>> {
        let sql = "SELECT size_bytes FROM pictures WHERE id = $1 AND doomed_us IS NULL";
        Ok(query_tx!(self.0, fetch_optional as (i64,), sql, picture)?.map(|r| r.0))
    }

    /// Whether nobody has written below the prefix of a source since `before`, nor may any more; `None` when no row leads
    /// there.
    pub async fn is_source_settled(&mut self, home: SourceId, before: Timestamp) -> Result<Option<bool>> {
        let sql = "SELECT s.status = 'live' AND s.touched_us < $2 AND s.open_until_us < $2 FROM sources s \
                   WHERE s.id = $1 OR s.id IN (SELECT e.source_id FROM extents e WHERE e.home = $1)";
        let rows = query_tx!(self.0, fetch_all as (bool,), sql, home, before)?;
        Ok((!rows.is_empty()).then(|| rows.iter().all(|r| r.0)))
    }

    /// The same of a package: a finished one that has not changed since.
    pub async fn is_package_settled(&mut self, package: PackageId, before: Timestamp) -> Result<Option<bool>> {
        let sql = "SELECT p.status IN ('ready', 'failed') AND p.updated_us < $2 AND s.status <> 'deleting' \
                   FROM packages p JOIN sources s ON s.id = p.source_id WHERE p.id = $1";
        Ok(query_tx!(self.0, fetch_optional as (bool,), sql, package, before)?.map(|r| r.0))
    }

    /// Whether a project is there, or is being deleted.
    pub async fn is_project(&mut self, project: ProjectId) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM (SELECT id FROM projects WHERE id = $1 \
                   UNION SELECT project_id FROM doomed_documents WHERE project_id = $1) p";
        Ok(query_tx!(self.0, fetch_one as (i64,), sql, project)?.0 > 0)
    }

    /// Whether a picture is there, shown or not.
    pub async fn is_picture(&mut self, picture: PictureId) -> Result<bool> {
        let sql = "SELECT COUNT(*) FROM pictures WHERE id = $1";
        Ok(query_tx!(self.0, fetch_one as (i64,), sql, picture)?.0 > 0)
    }

    /// The media that have, or had, a package.
    pub async fn media_of_package(&mut self, package: PackageId) -> Result<Vec<MediaId>> {
        let sql = "SELECT media_id FROM media_packages WHERE package_id = $1 ORDER BY media_id";
        Ok(query_tx!(self.0, fetch_all as (MediaId,), sql, package)?.into_iter().map(|r| r.0).collect())
    }

    /// The media whose bytes, or a track's of theirs, lie below the prefix of a source.
    pub async fn media_of_source(&mut self, home: SourceId) -> Result<Vec<MediaId>> {
        let sql = "SELECT m.id FROM media m WHERE m.source_id = $1 \
                   UNION SELECT a.media_id FROM added_tracks a WHERE a.source_id = $1 \
                   UNION SELECT m.id FROM media m JOIN extents e ON e.source_id = m.source_id WHERE e.home = $1 ORDER BY 1";
        Ok(query_tx!(self.0, fetch_all as (MediaId,), sql, home)?.into_iter().map(|r| r.0).collect())
    }
}
