//! The objects that rows name, folder by folder, as keys.

use crate::Result;
use sluice_db::{Db, Tx};
use sluice_model::{PackageId, PictureId, ProjectId, SourceId};
use sluice_storage::{Key, Prefix, Root};

/// Folders that are asked for at once.
const PAGE: i64 = 200;

/// An object that a row names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedObject {
    pub key: Key,
    pub size_bytes: u64,
    /// Where it is recorded.
    pub sha256: Option<Vec<u8>>,
    /// Of a segment: its number.
    pub sequence: Option<u64>,
}

impl NamedObject {
    fn plain(key: Key, size_bytes: i64) -> Self {
        Self { key, size_bytes: size_bytes.unsigned_abs(), sha256: None, sequence: None }
    }
}

/// The objects that rows name in a folder.
pub async fn objects_of(tx: &mut Tx, folder: Prefix) -> Result<Vec<NamedObject>> {
    let mut objects = tx.objects();
    Ok(match folder {
        Prefix::Source(source) => {
            let key = |number: i64| Key::Extent { source, number: number.unsigned_abs() };
            let rows = objects.of_source(source).await?;
            rows.into_iter().map(|e| NamedObject::plain(key(e.number), e.size_bytes)).collect()
        }
        Prefix::Package(package) => {
            let rows = objects.of_package(package).await?;
            let named = rows.into_iter().map(|r| NamedObject {
                key: Key::RenditionFile { package, rendition: r.rendition, file: r.object },
                size_bytes: r.size_bytes.unsigned_abs(),
                sha256: r.sha256,
                sequence: r.sequence.map(i64::unsigned_abs),
            });
            named.collect()
        }
        Prefix::Project(project) => {
            let row = objects.of_project(project).await?;
            let named = row.map(|(object, size)| NamedObject::plain(Key::Document { project, object }, size));
            named.into_iter().collect()
        }
        Prefix::Picture(picture) => {
            let row = objects.of_picture(picture).await?;
            row.map(|size| NamedObject::plain(Key::Picture(picture), size)).into_iter().collect()
        }
    })
}

/// Goes through the folders that rows lead to, in order.
#[derive(Debug, Default)]
pub struct Groups {
    /// How many parts of the store are done.
    done: usize,
    /// The last folder of the part that is not.
    last: Option<Prefix>,
}

impl Groups {
    /// The next ones; none at the end.
    pub async fn next(&mut self, tx: &mut Tx) -> Result<Vec<Prefix>> {
        while let Some(root) = Root::ALL.get(self.done) {
            let page = after(tx, *root, self.last).await?;
            self.last = page.last().copied();
            if !page.is_empty() {
                return Ok(page);
            }
            self.done += 1;
        }
        Ok(Vec::new())
    }
}

async fn after(tx: &mut Tx, root: Root, last: Option<Prefix>) -> Result<Vec<Prefix>> {
    let mut objects = tx.objects();
    Ok(match (root, last) {
        (Root::Sources, last) => {
            let last = if let Some(Prefix::Source(id)) = last { id } else { SourceId::nil() };
            objects.sources_after(last, PAGE).await?.into_iter().map(Prefix::Source).collect()
        }
        (Root::Packages, last) => {
            let last = if let Some(Prefix::Package(id)) = last { id } else { PackageId::nil() };
            objects.packages_after(last, PAGE).await?.into_iter().map(Prefix::Package).collect()
        }
        (Root::Projects, last) => {
            let last = if let Some(Prefix::Project(id)) = last { id } else { ProjectId::nil() };
            objects.projects_after(last, PAGE).await?.into_iter().map(Prefix::Project).collect()
        }
        (Root::Pictures, last) => {
            let last = if let Some(Prefix::Picture(id)) = last { id } else { PictureId::nil() };
            objects.pictures_after(last, PAGE).await?.into_iter().map(Prefix::Picture).collect()
        }
    })
}

/// Every object that any row names, all at once: for services that are small.
pub async fn everything(db: &Db) -> Result<Vec<NamedObject>> {
    let mut tx = db.snapshot().await?;
    let (mut groups, mut found) = (Groups::default(), Vec::new());
    loop {
        let page = groups.next(&mut tx).await?;
        if page.is_empty() {
            return Ok(found);
        }
        for folder in page {
            found.extend(objects_of(&mut tx, folder).await?);
        }
    }
}
