//! Deletes what nothing refers to, or says what it would delete. Sweeps of workers and `sluice-api gc` are this.
//!
//! Invariant: what is counted for a dry run is what a sweep deletes: both ask the same functions for it.

use crate::{Result, objects_of};
use serde::Serialize;
use sluice_db::{Db, SourceSpan};
use sluice_model::{PackageId, PackageStatus, PictureId, ProjectId, SourceId, Timestamp, clock};
use sluice_storage::{Key, Prefix, Store, StoredObject};
use std::{collections::HashSet, time::Duration};

/// Doomed pictures are left for so long: whoever was about to show one has seen that it is.
const PICTURE_GRACE: Duration = Duration::from_secs(10);
/// Sources, or packages, that are asked for at once.
const PAGE: i64 = 100;

/// Objects and their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Count {
    pub objects: u64,
    pub bytes: u64,
}

impl Count {
    pub(crate) fn add(&mut self, objects: &[StoredObject]) {
        self.objects += objects.len() as u64;
        self.bytes += objects.iter().map(|o| o.size_bytes).sum::<u64>();
    }
}

/// What a sweep deleted, or would.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Swept {
    /// Uploads, originals and packages that nobody has any more.
    pub unreferenced: Count,
    /// Packages whose place another has taken, and such that were to take one and will not.
    pub replaced: Count,
    /// Segments and pictures of packages that no row names: of attempts that were lost.
    pub orphans: Count,
    /// Pieces of uploads that no row names.
    pub unrecorded: Count,
    /// Documents of projects that were deleted.
    pub documents: Count,
    /// Pictures that were deleted or replaced.
    pub pictures: Count,
    /// Folders and pictures that were gone through: none means that nothing is left to do.
    pub groups: u64,
}

impl Swept {
    /// All of it together.
    pub fn total(&self) -> Count {
        let mut total = Count::default();
        for part in [self.unreferenced, self.replaced, self.orphans, self.unrecorded, self.documents, self.pictures] {
            total.objects += part.objects;
            total.bytes += part.bytes;
        }
        total
    }

    /// Adds what another round did.
    pub fn add(&mut self, other: &Self) {
        let parts = [
            (&mut self.unreferenced, other.unreferenced),
            (&mut self.replaced, other.replaced),
            (&mut self.orphans, other.orphans),
            (&mut self.unrecorded, other.unrecorded),
            (&mut self.documents, other.documents),
            (&mut self.pictures, other.pictures),
        ];
        for (own, more) in parts {
            own.objects += more.objects;
            own.bytes += more.bytes;
        }
        self.groups += other.groups;
    }
}

/// A sweep over what is older than a window.
#[derive(Debug, Clone, Copy)]
pub struct Sweep<'a> {
    pub db: &'a Db,
    pub store: &'a Store,
    /// How long things are kept that nothing refers to.
    pub window: Duration,
}

impl Sweep<'_> {
    /// Deletes some of each kind; asked again until nothing is left, all of it. Of the sources that nothing needs any more those in
    /// `span` alone.
    pub async fn round(&self, span: SourceSpan) -> Result<Swept> {
        let (now, mut swept) = (clock::now(), Swept::default());
        let before = now - self.window;
        for source in self.db.sources().mark_deleting(before, now, span).await? {
            swept
                .unreferenced
                .add(&self.delete(self.of_source(source, &self.db.sources().packages_of(source).await?).await?).await?);
            // Dying before this line repeats the deletions, which is harmless.
            self.db.sources().purge(source).await?;
            swept.groups += 1;
            tracing::info!(%source, "deleted");
        }
        for package in self.db.replacements().to_delete(before, PackageId::nil(), PAGE).await? {
            // A clip may have begun to be cut from it since it was found.
            if self.db.replacements().mark_deleting(package, before).await? {
                swept.replaced.add(&self.delete(self.listed(&Prefix::Package(package)).await?).await?);
                self.db.replacements().purge(package).await?;
                swept.groups += 1;
                tracing::info!(%package, "deleted");
            }
        }
        for project in self.db.projects().deleting_documents(ProjectId::nil()).await? {
            swept.documents.add(&self.delete(self.listed(&Prefix::Project(project)).await?).await?);
            self.db.projects().purge_documents(project).await?;
            swept.groups += 1;
        }
        for picture in self.db.pictures().deleting(now - PICTURE_GRACE, PictureId::nil()).await? {
            swept.pictures.add(&self.delete(self.listed(&Prefix::Picture(picture)).await?).await?);
            self.db.pictures().purge(picture).await?;
            swept.groups += 1;
        }
        self.sweep_finished(before, now, &mut swept).await?;
        Ok(swept)
    }

    /// What lost attempts have left in finished packages and complete uploads, which is looked for once.
    async fn sweep_finished(&self, before: Timestamp, now: Timestamp, swept: &mut Swept) -> Result<()> {
        for package in self.db.packages().to_sweep(before, PackageId::nil()).await? {
            // A retry may have set it to work again since it was found; its objects are not orphans then.
            if self.is_finished(package).await? {
                swept.orphans.add(&remove_orphans(self.db, self.store, package).await?);
                self.db.packages().mark_swept(package, now).await?;
                swept.groups += 1;
            }
        }
        for source in self.db.sources().to_sweep(before, SourceId::nil()).await? {
            let unrecorded = self.delete(self.unrecorded(source).await?).await?;
            unrecorded.iter().for_each(|o| tracing::info!(key = %o.key, "unrecorded extent deleted"));
            swept.unrecorded.add(&unrecorded);
            self.db.sources().mark_swept(source, now).await?;
            swept.groups += 1;
        }
        Ok(())
    }

    /// What rounds would delete until nothing is left.
    pub async fn survey(&self) -> Result<Swept> {
        let (now, mut swept) = (clock::now(), Swept::default());
        let before = now - self.window;
        // What goes with its source is counted there.
        let (mut sources, mut packages) = (HashSet::new(), HashSet::new());
        let mut last = SourceId::nil();
        loop {
            let page = self.db.sources().to_delete(before, now, last, PAGE).await?;
            let Some(end) = page.last().copied() else { break };
            for source in page {
                let its = self.db.sources().packages_of(source).await?;
                swept.unreferenced.add(&self.of_source(source, &its).await?);
                swept.groups += 1;
                packages.extend(its);
                sources.insert(source);
            }
            last = end;
        }
        self.survey_replaced(before, &packages, &mut swept).await?;
        let mut last = ProjectId::nil();
        loop {
            let page = self.db.projects().deleting_documents(last).await?;
            let Some(end) = page.last().copied() else { break };
            for project in page {
                swept.documents.add(&self.listed(&Prefix::Project(project)).await?);
                swept.groups += 1;
            }
            last = end;
        }
        let mut last = PictureId::nil();
        loop {
            let page = self.db.pictures().deleting(now - PICTURE_GRACE, last).await?;
            let Some(end) = page.last().copied() else { break };
            for picture in page {
                swept.pictures.add(&self.listed(&Prefix::Picture(picture)).await?);
                swept.groups += 1;
            }
            last = end;
        }
        self.survey_finished(before, &sources, &packages, &mut swept).await?;
        Ok(swept)
    }

    async fn survey_replaced(&self, before: Timestamp, counted: &HashSet<PackageId>, swept: &mut Swept) -> Result<()> {
        let mut last = PackageId::nil();
        loop {
            let page = self.db.replacements().to_delete(before, last, PAGE).await?;
            let Some(end) = page.last().copied() else { return Ok(()) };
            for package in page.into_iter().filter(|p| !counted.contains(p)) {
                swept.replaced.add(&self.listed(&Prefix::Package(package)).await?);
                swept.groups += 1;
            }
            last = end;
        }
    }

    async fn survey_finished(
        &self,
        before: Timestamp,
        sources: &HashSet<SourceId>,
        packages: &HashSet<PackageId>,
        swept: &mut Swept,
    ) -> Result<()> {
        let mut last = PackageId::nil();
        loop {
            let page = self.db.packages().to_sweep(before, last).await?;
            let Some(end) = page.last().copied() else { break };
            for package in page {
                if !packages.contains(&package) && self.is_finished(package).await? {
                    swept.orphans.add(&orphans(self.db, self.store, package).await?);
                    swept.groups += 1;
                }
            }
            last = end;
        }
        let mut last = SourceId::nil();
        loop {
            let page = self.db.sources().to_sweep(before, last).await?;
            let Some(end) = page.last().copied() else { break };
            for source in page.into_iter().filter(|s| !sources.contains(s)) {
                swept.unrecorded.add(&self.unrecorded(source).await?);
                swept.groups += 1;
            }
            last = end;
        }
        Ok(())
    }

    async fn is_finished(&self, package: PackageId) -> Result<bool> {
        let row = self.db.packages().find(package).await?;
        Ok(row.is_some_and(|p| matches!(p.status, PackageStatus::Ready | PackageStatus::Failed)))
    }

    /// All objects of a source that goes: its packages and its extents, wherever they lie.
    async fn of_source(&self, source: SourceId, packages: &[PackageId]) -> Result<Vec<StoredObject>> {
        let mut objects = Vec::new();
        for package in packages {
            objects.extend(self.listed(&Prefix::Package(*package)).await?);
        }
        for home in self.db.sources().extent_homes(source).await? {
            objects.extend(self.listed(&Prefix::Source(home)).await?);
        }
        Ok(objects)
    }

    /// Extents that no row names: whoever stored them died before recording them, or lost the upload's lease.
    async fn unrecorded(&self, source: SourceId) -> Result<Vec<StoredObject>> {
        let mut objects = Vec::new();
        for home in self.db.sources().extent_homes(source).await? {
            objects.extend(unnamed(self.db, self.store, Prefix::Source(home)).await?);
        }
        Ok(objects)
    }

    async fn listed(&self, folder: &Prefix) -> Result<Vec<StoredObject>> {
        Ok(self.store.list_objects(folder).await?)
    }

    async fn delete(&self, objects: Vec<StoredObject>) -> Result<Vec<StoredObject>> {
        delete(self.store, objects).await
    }
}

async fn delete(store: &Store, objects: Vec<StoredObject>) -> Result<Vec<StoredObject>> {
    for object in &objects {
        store.delete(&object.key).await?;
    }
    Ok(objects)
}

/// Objects of a folder that no row names.
async fn unnamed(db: &Db, store: &Store, folder: Prefix) -> Result<Vec<StoredObject>> {
    // Listed before the names are read: what is published in between is named, what comes later is not listed.
    let mut listed = store.list_objects(&folder).await?;
    let named = objects_of(&mut db.snapshot().await?, folder).await?;
    let named: HashSet<Key> = named.into_iter().map(|n| n.key).collect();
    listed.retain(|o| is_named_by_rows(&o.key) && !named.contains(&o.key));
    Ok(listed)
}

/// Whether rows name such objects: of packages not the playlists and the report, which are there with their package.
pub(crate) fn is_named_by_rows(key: &Key) -> bool {
    match key {
        Key::RenditionFile { file, .. } => !file.ends_with(".m3u8"),
        Key::Extent { .. } | Key::Document { .. } | Key::Picture(_) => true,
        Key::PackageFile { .. } | Key::Probe => false,
    }
}

/// The objects of a package that no row names: segments of lost or killed attempts.
async fn orphans(db: &Db, store: &Store, package: PackageId) -> Result<Vec<StoredObject>> {
    unnamed(db, store, Prefix::Package(package)).await
}

/// Deletes them; what it deleted.
pub async fn remove_orphans(db: &Db, store: &Store, package: PackageId) -> Result<Vec<StoredObject>> {
    delete(store, orphans(db, store, package).await?).await
}
