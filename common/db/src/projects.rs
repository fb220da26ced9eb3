//! Projects: notes whose document is an object of the store.

use super::{Db, Result, Tx, execute, execute_tx, query};
use sluice_model::{DocumentFormat, DocumentId, MediaId, ProjectId, Timestamp, UserId};
use sqlx::FromRow;

/// Reads and single statements of this domain, from [`Db::projects`].
#[derive(Debug, Clone, Copy)]
pub struct Projects<'a>(pub(crate) &'a Db);

/// What this domain does inside a transaction, from [`Tx::projects`].
#[derive(Debug)]
pub struct ProjectsTx<'a>(pub(crate) &'a mut Tx);

/// A project as stored.
#[derive(Debug, Clone, FromRow)]
pub struct ProjectRow {
    pub id: ProjectId,
    pub owner_id: UserId,
    pub media_id: Option<MediaId>,
    pub title: String,
    #[sqlx(try_from = "String")]
    pub format: DocumentFormat,
    /// 0 while nothing was saved.
    pub version: i64,
    pub object: Option<DocumentId>,
    pub size_bytes: i64,
    #[sqlx(rename = "created_us")]
    pub created_at: Timestamp,
    #[sqlx(rename = "updated_us")]
    pub updated_at: Timestamp,
}

/// What of a project is to be changed; `None` stays.
#[derive(Debug, Default)]
pub struct ProjectChange<'a> {
    pub title: Option<&'a str>,
    /// The media it is about, or none.
    pub media_id: Option<Option<MediaId>>,
}

macro_rules! projects {
    ($tail:literal) => {
        concat!(
            "SELECT id, owner_id, media_id, title, format, version, object, size_bytes, created_us, updated_us FROM projects ",
            $tail
        )
    };
}

impl Projects<'_> {
    /// A project by id.
    pub async fn find(&self, id: ProjectId) -> Result<Option<ProjectRow>> {
        query!(self.0, fetch_optional as ProjectRow, projects!("WHERE id = $1"), id)
    }

    /// A person's projects, newest first.
    pub async fn of_owner(&self, owner: UserId, before: Option<ProjectId>, limit: i64) -> Result<Vec<ProjectRow>> {
        let sql = projects!("WHERE owner_id = $1 AND id < $2 ORDER BY id DESC LIMIT $3");
        query!(self.0, fetch_all as ProjectRow, sql, owner, before.unwrap_or(ProjectId::max()), limit)
    }

    /// How many projects a person has.
    pub async fn count(&self, owner: UserId) -> Result<i64> {
        let sql = "SELECT COUNT(*) FROM projects WHERE owner_id = $1";
        Ok(query!(self.0, fetch_one as (i64,), sql, owner)?.0)
    }

    /// Stores a new project.
    pub async fn insert(&self, p: &ProjectRow) -> Result<()> {
        let sql = "INSERT INTO projects (id, owner_id, media_id, title, format, version, size_bytes, created_us, updated_us) \
                   VALUES ($1, $2, $3, $4, $5, 0, 0, $6, $6)";
        execute!(self.0, sql, p.id, p.owner_id, p.media_id, &p.title, p.format.as_str(), p.created_at)?;
        Ok(())
    }

    /// Changes a project.
    pub async fn change(&self, id: ProjectId, change: &ProjectChange<'_>, now: Timestamp) -> Result<()> {
        let sql = "UPDATE projects SET title = COALESCE($1, title), media_id = CASE WHEN $2 THEN $3 ELSE media_id END, \
                   updated_us = $4 WHERE id = $5";
        execute!(self.0, sql, change.title, change.media_id.is_some(), change.media_id.flatten(), now, id)?;
        Ok(())
    }

    /// Makes a stored object the document, if `version` is still the one that was read. The new version.
    pub async fn save_document(
        &self,
        id: ProjectId,
        version: i64,
        object: DocumentId,
        size: i64,
        now: Timestamp,
    ) -> Result<bool> {
        let sql = "UPDATE projects SET version = version + 1, object = $1, size_bytes = $2, updated_us = $3 \
                   WHERE id = $4 AND version = $5";
        Ok(execute!(self.0, sql, object, size, now, id, version)? == 1)
    }

    /// Deletes a project; its documents go with the next sweep.
    pub async fn delete(&self, id: ProjectId, now: Timestamp) -> Result<bool> {
        let mut tx = self.0.begin().await?;
        let doom = "INSERT INTO doomed_documents (project_id, at_us) SELECT id, $1 FROM projects WHERE id = $2";
        execute_tx!(&mut tx, doom, now, id)?;
        let gone = execute_tx!(&mut tx, "DELETE FROM projects WHERE id = $1", id)? == 1;
        tx.commit().await?;
        Ok(gone)
    }

    /// Projects whose documents are to be removed: the next after one, in order.
    pub async fn deleting_documents(&self, after: ProjectId) -> Result<Vec<ProjectId>> {
        let sql = "SELECT project_id FROM doomed_documents WHERE project_id > $1 ORDER BY project_id LIMIT 100";
        Ok(query!(self.0, fetch_all as (ProjectId,), sql, after)?.into_iter().map(|r| r.0).collect())
    }

    /// Notes that they are gone.
    pub async fn purge_documents(&self, project: ProjectId) -> Result<()> {
        execute!(self.0, "DELETE FROM doomed_documents WHERE project_id = $1", project)?;
        Ok(())
    }
}

impl ProjectsTx<'_> {
    /// Dooms the documents of a leaving person.
    pub async fn mark_documents_deleting_of(&mut self, owner: UserId, now: Timestamp) -> Result<()> {
        let sql = "INSERT INTO doomed_documents (project_id, at_us) SELECT id, $1 FROM projects WHERE owner_id = $2";
        execute_tx!(self.0, sql, now, owner)?;
        Ok(())
    }
}
