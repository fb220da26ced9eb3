//! What is done about what a check found.
//!
//! Invariant: no object is deleted here, but old versions of a project's document; sweeps do that, as of everything else.

use crate::{Fault, NamedObject, Repair, Result, objects_of};
use sluice_db::{Db, PackageRow};
use sluice_model::{PackageId, PackageStatus, Reason, SourceId, SourceStatus, clock};
use sluice_storage::{Key, Prefix, Store};
use std::collections::HashMap;

/// Mends what can be mended.
#[derive(Debug, Clone, Copy)]
pub struct Mender<'a> {
    pub db: &'a Db,
    pub store: &'a Store,
}

/// How an object differs from what its row says.
pub fn is_loss_of(object: &NamedObject, found_bytes: Option<u64>) -> Option<Fault> {
    match found_bytes {
        None => Some(Fault::Missing),
        Some(found) if found != object.size_bytes => Some(Fault::WrongLength),
        Some(_) => None,
    }
}

impl Mender<'_> {
    /// Does something about what is lost of a folder.
    pub async fn mend(&self, folder: Prefix) -> Result<Repair> {
        match folder {
            Prefix::Package(package) => self.mend_package(package).await,
            // The only copy is gone: what was made of it plays on.
            Prefix::Source(_) | Prefix::Project(_) => Ok(Repair::Impossible),
            Prefix::Picture(picture) => {
                let mut tx = self.db.begin().await?;
                tx.mending().doom_picture(picture, clock::now()).await?;
                tx.commit().await?;
                Ok(Repair::Hidden)
            }
        }
    }

    /// Has the sweep look for what is left over in a folder that rows lead to.
    pub async fn hand_over(&self, folder: Prefix) -> Result<()> {
        let mut tx = self.db.begin().await?;
        match folder {
            Prefix::Source(source) => tx.mending().sweep_source(source).await?,
            Prefix::Package(package) => tx.mending().sweep_package(package).await?,
            Prefix::Project(_) => {
                drop(tx);
                return self.delete_old_documents(folder).await;
            }
            Prefix::Picture(_) => {}
        }
        Ok(tx.commit().await?)
    }

    /// Versions of a document that were replaced: whoever saves a new one deletes them, and died.
    async fn delete_old_documents(&self, folder: Prefix) -> Result<()> {
        let listed = self.store.list_objects(&folder).await?;
        let named = objects_of(&mut self.db.snapshot().await?, folder).await?;
        // Those that are younger than the one in force may be on their way.
        let in_force = listed.iter().find(|o| named.iter().any(|n| n.key == o.key)).map(|o| o.written_at);
        for object in listed.iter().filter(|o| in_force.is_some_and(|at| o.written_at < at)) {
            self.store.delete(&object.key).await?;
        }
        Ok(())
    }

    /// Has the sweep delete a folder that no row leads to.
    pub async fn doom(&self, folder: Prefix) -> Result<()> {
        let now = clock::now();
        let mut tx = self.db.begin().await?;
        match folder {
            Prefix::Source(source) => tx.mending().doom_source(source, now).await?,
            Prefix::Package(package) => tx.mending().doom_package(package, now).await?,
            Prefix::Project(project) => tx.mending().doom_project(project, now).await?,
            Prefix::Picture(picture) => tx.mending().doom_picture(picture, now).await?,
        }
        Ok(tx.commit().await?)
    }

    async fn mend_package(&self, id: PackageId) -> Result<Repair> {
        let Some(row) = self.db.packages().find(id).await? else { return Ok(Repair::Impossible) };
        let arriving = self.db.sources().find(row.source_id).await?.is_none_or(|s| s.status != SourceStatus::Live);
        // What arrives while it is worked with ends by itself: well, or with a reason.
        if arriving {
            return Ok(Repair::Impossible);
        }
        let lost = Reason::new("original_damaged", "Parts of this media are lost, and parts of its original too.");
        let lost = (!self.can_be_made(&row).await?).then_some(lost);
        let mut tx = self.db.begin().await?;
        // Nobody plays it: those who began with it have lost it, whatever is done.
        if !tx.mending().is_wanted(id).await? || !tx.mending().make_again(id, lost.as_ref(), clock::now()).await? {
            return Ok(Repair::Impossible);
        }
        tx.commit().await?;
        Ok(match lost {
            _ if row.status == PackageStatus::Failed => Repair::Reset,
            Some(_) => Repair::MarkedFailed,
            None => Repair::MadeAgain,
        })
    }

    /// Whether what a package is made of is whole.
    async fn can_be_made(&self, package: &PackageRow) -> Result<bool> {
        match (package.clip_package_id, package.clip_source_id) {
            (Some(film), Some(source)) => {
                let ready = self.db.packages().find(film).await?.is_some_and(|p| p.status == PackageStatus::Ready);
                Ok(ready && self.is_whole(Prefix::Package(film)).await? && self.is_source_whole(source).await?)
            }
            _ => self.is_source_whole(package.source_id).await,
        }
    }

    async fn is_source_whole(&self, source: SourceId) -> Result<bool> {
        if self.db.sources().find(source).await?.is_none_or(|s| s.status != SourceStatus::Live) {
            return Ok(false);
        }
        for home in self.db.sources().extent_homes(source).await? {
            if !self.is_whole(Prefix::Source(home)).await? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether every object that rows name in a folder is there, with its length.
    async fn is_whole(&self, folder: Prefix) -> Result<bool> {
        let listed = self.store.list_objects(&folder).await?;
        let there: HashMap<Key, u64> = listed.into_iter().map(|o| (o.key, o.size_bytes)).collect();
        let named = objects_of(&mut self.db.snapshot().await?, folder).await?;
        Ok(named.iter().all(|n| is_loss_of(n, there.get(&n.key).copied()).is_none()))
    }
}
