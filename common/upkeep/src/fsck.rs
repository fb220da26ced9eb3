//! Looks for objects that rows name and that are not there or have another length, and for objects to which no row leads.
//!
//! Invariants: a service that works meanwhile is never found at fault: what is found at first is looked at once more, what
//! may be being written is no orphan; what is found is told folder by folder, so that memory is bounded by one film.

use crate::{
    Fault, Finding, Groups, NamedObject, Repair, Result, objects_of,
    repair::{Mender, is_loss_of},
    sweep::is_named_by_rows,
};
use futures::StreamExt;
use serde::Serialize;
use sluice_db::{Db, Tx};
use sluice_model::{Timestamp, clock};
use sluice_storage::{Key, Prefix, Root, Store, StoredObject};
use std::{
    collections::{HashMap, HashSet},
    io,
    time::Duration,
};

/// A check of rows against objects.
#[derive(Debug, Clone, Copy)]
pub struct Fsck<'a> {
    pub db: &'a Db,
    pub store: &'a Store,
    /// What is younger is no orphan: the window of the sweep.
    pub window: Duration,
    /// Whether to do something about what is found.
    pub repair: bool,
}

/// What was looked at, and what was found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct FsckSummary {
    /// Objects that rows name.
    pub objects: u64,
    /// Their bytes, as the rows say.
    pub bytes: u64,
    pub missing: u64,
    pub wrong_length: u64,
    pub orphans: u64,
    pub orphan_bytes: u64,
    /// Packages that are made again.
    pub made_again: u64,
    /// Packages that have failed, because their originals are damaged too.
    pub marked_failed: u64,
}

impl FsckSummary {
    /// Whether rows and objects agree.
    pub fn is_clean(&self) -> bool {
        self.missing + self.wrong_length + self.orphans == 0
    }

    fn count(&mut self, finding: &Finding) {
        match finding.fault {
            Fault::Missing => self.missing += 1,
            Fault::WrongLength | Fault::WrongBytes => self.wrong_length += 1,
            Fault::Orphan => {
                self.orphans += 1;
                self.orphan_bytes += finding.found_bytes.unwrap_or(0);
            }
        }
    }
}

impl Fsck<'_> {
    /// Looks at everything; `tell` is told of each finding.
    ///
    /// # Errors
    /// Where database or store do not answer, or `tell` fails: then not all was looked at.
    pub async fn run(&self, mut tell: impl FnMut(&Finding) -> io::Result<()>) -> Result<FsckSummary> {
        let mut summary = FsckSummary::default();
        let mut groups = Groups::default();
        loop {
            // A transaction for each page: one that lasts keeps a database from cleaning up.
            let page = groups.next(&mut self.db.snapshot().await?).await?;
            if page.is_empty() {
                break;
            }
            for folder in page {
                for finding in self.check(folder, &mut summary).await? {
                    summary.count(&finding);
                    tell(&finding)?;
                }
            }
        }
        for root in Root::ALL {
            let mut folders = self.store.groups(root);
            while let Some(folder) = folders.next().await {
                for finding in self.check_unknown(folder?).await? {
                    summary.count(&finding);
                    tell(&finding)?;
                }
            }
        }
        Ok(summary)
    }

    /// A folder that rows lead to.
    async fn check(&self, folder: Prefix, summary: &mut FsckSummary) -> Result<Vec<Finding>> {
        let before = clock::now() - self.window;
        let first = self.look(folder, before).await?;
        summary.objects += first.named;
        summary.bytes += first.bytes;
        let mut findings = first.findings;
        if findings.is_empty() {
            return Ok(findings);
        }
        // What was being replaced, published or deleted between the two questions of the first look is no fault.
        let second: HashSet<(String, Fault)> =
            self.look(folder, before).await?.findings.into_iter().map(|f| (f.key, f.fault)).collect();
        findings.retain(|f| second.contains(&(f.key.clone(), f.fault)));
        self.complete(folder, &mut findings, summary).await?;
        Ok(findings)
    }

    /// Says whose the findings of a folder are, and does something about them.
    async fn complete(&self, folder: Prefix, findings: &mut [Finding], summary: &mut FsckSummary) -> Result<()> {
        if findings.is_empty() {
            return Ok(());
        }
        let mut tx = self.db.snapshot().await?;
        let media = match folder {
            Prefix::Package(package) => tx.objects().media_of_package(package).await?,
            Prefix::Source(source) => tx.objects().media_of_source(source).await?,
            Prefix::Project(_) | Prefix::Picture(_) => Vec::new(),
        };
        drop(tx);
        findings.iter_mut().for_each(|f| f.media.clone_from(&media));
        if !self.repair {
            return Ok(());
        }
        let mender = Mender { db: self.db, store: self.store };
        if findings.iter().any(Finding::is_loss) {
            let done = mender.mend(folder).await?;
            summary.made_again += u64::from(done == Repair::MadeAgain);
            summary.marked_failed += u64::from(done == Repair::MarkedFailed);
            findings.iter_mut().filter(|f| f.is_loss()).for_each(|f| f.repair = Some(done));
        }
        if findings.iter().any(|f| !f.is_loss()) {
            mender.hand_over(folder).await?;
            findings.iter_mut().filter(|f| !f.is_loss()).for_each(|f| f.repair = Some(Repair::LeftToSweep));
        }
        Ok(())
    }

    /// Compares a folder with its rows.
    async fn look(&self, folder: Prefix, before: Timestamp) -> Result<Look> {
        let listed = self.store.list_objects(&folder).await?;
        let mut tx = self.db.snapshot().await?;
        let named = objects_of(&mut tx, folder).await?;
        let settled = is_settled(&mut tx, folder, before).await?;
        drop(tx);
        let mut look = Look { named: named.len() as u64, ..Look::default() };
        let there: HashMap<&Key, u64> = listed.iter().map(|o| (&o.key, o.size_bytes)).collect();
        for object in &named {
            look.bytes += object.size_bytes;
            look.findings.extend(loss(object, there.get(&object.key).copied()));
        }
        if settled == Some(true) {
            let named: HashSet<&Key> = named.iter().map(|n| &n.key).collect();
            let orphans = listed.iter().filter(|o| is_named_by_rows(&o.key) && !named.contains(&o.key));
            look.findings.extend(orphans.filter(|o| o.written_at < before).map(orphan));
        }
        Ok(look)
    }

    /// A folder that is in the store: of one to which no row leads everything is left over, if nobody can be writing it.
    async fn check_unknown(&self, folder: Prefix) -> Result<Vec<Finding>> {
        let before = clock::now() - self.window;
        if is_settled(&mut self.db.snapshot().await?, folder, before).await?.is_some() {
            return Ok(Vec::new());
        }
        let listed = self.store.list_objects(&folder).await?;
        if listed.iter().any(|o| o.written_at >= before) {
            return Ok(Vec::new());
        }
        // Its row may have gone, with its objects, since it was asked for; none comes, as every folder has a new name.
        let mut findings: Vec<Finding> = listed.iter().map(orphan).collect();
        if self.repair && !findings.is_empty() {
            Mender { db: self.db, store: self.store }.doom(folder).await?;
            findings.iter_mut().for_each(|f| f.repair = Some(Repair::LeftToSweep));
        }
        Ok(findings)
    }
}

#[derive(Debug, Default)]
struct Look {
    named: u64,
    bytes: u64,
    findings: Vec<Finding>,
}

/// What of an object is lost, if anything is.
fn loss(object: &NamedObject, found_bytes: Option<u64>) -> Option<Finding> {
    let fault = is_loss_of(object, found_bytes)?;
    let finding = Finding::new(fault, &object.key, Some(object.size_bytes), found_bytes);
    Some(Finding { segment: object.sequence, ..finding })
}

fn orphan(object: &StoredObject) -> Finding {
    Finding::new(Fault::Orphan, &object.key, None, Some(object.size_bytes))
}

/// Whether nobody may be writing to a folder; `None` when no row leads there.
async fn is_settled(tx: &mut Tx, folder: Prefix, before: Timestamp) -> Result<Option<bool>> {
    let mut objects = tx.objects();
    Ok(match folder {
        Prefix::Source(source) => objects.is_source_settled(source, before).await?,
        Prefix::Package(package) => objects.is_package_settled(package, before).await?,
        // Documents and pictures are written at once, under names of their own: their age says enough.
        Prefix::Project(project) => objects.is_project(project).await?.then_some(true),
        Prefix::Picture(picture) => objects.is_picture(picture).await?.then_some(true),
    })
}
