//! What a check finds, as people and programs read it.

use serde::Serialize;
use sluice_model::{MediaId, PackageId, ProjectId, SourceId};
use sluice_storage::{Key, Prefix};
use std::fmt;

/// What is wrong with an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// A row names it, and it is not there.
    Missing,
    /// It has another length than its row says.
    WrongLength,
    /// It has its length, and other bytes than its row says.
    WrongBytes,
    /// No row leads to it, and it is older than the window of the sweep.
    Orphan,
}

/// What was done about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Repair {
    /// Its package is queued to be made again from the original.
    MadeAgain,
    /// Its package has failed (`original_damaged`): the original has holes too.
    MarkedFailed,
    /// Its package had failed before; it is made from its beginning when somebody tries it again.
    Reset,
    /// The next sweep deletes it.
    LeftToSweep,
    /// It is not shown any more.
    Hidden,
    /// Nothing: nobody plays it, it is still on its way, or there is nothing to make it of.
    Impossible,
}

/// One object that is not as it should be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub fault: Fault,
    pub key: String,
    /// As its row says; of an orphan none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expected_bytes: Option<u64>,
    /// As the store says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub found_bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub source: Option<SourceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub package: Option<PackageId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub project: Option<ProjectId>,
    /// Of a package's object: its folder, a rendition or that of still pictures.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rendition: Option<String>,
    /// Of a segment: its number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub segment: Option<u64>,
    /// The media that have, or had, its package or its source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<MediaId>,
    /// Where something was to be done about it: what was.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub repair: Option<Repair>,
}

impl Finding {
    pub(crate) fn new(fault: Fault, key: &Key, expected_bytes: Option<u64>, found_bytes: Option<u64>) -> Self {
        let (mut source, mut package, mut project) = (None, None, None);
        match key.prefix() {
            Some(Prefix::Source(id)) => source = Some(id),
            Some(Prefix::Package(id)) => package = Some(id),
            Some(Prefix::Project(id)) => project = Some(id),
            Some(Prefix::Picture(_)) | None => {}
        }
        let rendition = if let Key::RenditionFile { rendition, .. } = key { Some(rendition.clone()) } else { None };
        Self {
            fault,
            key: key.to_string(),
            expected_bytes,
            found_bytes,
            source,
            package,
            project,
            rendition,
            segment: None,
            media: Vec::new(),
            repair: None,
        }
    }

    /// Whether something is lost, and not only left over.
    pub fn is_loss(&self) -> bool {
        self.fault != Fault::Orphan
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let word = match self.fault {
            Fault::Missing => "missing",
            Fault::WrongLength => "length",
            Fault::WrongBytes => "bytes",
            Fault::Orphan => "orphan",
        };
        write!(f, "{word:<8} {}", self.key)?;
        match (self.expected_bytes, self.found_bytes) {
            (Some(expected), Some(found)) => write!(f, ", {found} bytes instead of {expected}")?,
            (Some(bytes), None) | (None, Some(bytes)) => write!(f, ", {bytes} bytes")?,
            (None, None) => {}
        }
        if let (Some(rendition), Some(segment)) = (&self.rendition, self.segment) {
            write!(f, ", segment {segment} of {rendition}")?;
        }
        for media in &self.media {
            write!(f, ", media {media}")?;
        }
        match self.repair {
            None => Ok(()),
            Some(Repair::MadeAgain) => f.write_str("; is made again"),
            Some(Repair::MarkedFailed) => f.write_str("; has failed, its original is damaged too"),
            Some(Repair::Reset) => f.write_str("; is made from its beginning when it is tried again"),
            Some(Repair::LeftToSweep) => f.write_str("; goes with the next sweep"),
            Some(Repair::Hidden) => f.write_str("; is not shown any more"),
            Some(Repair::Impossible) => f.write_str("; nothing can be done"),
        }
    }
}
