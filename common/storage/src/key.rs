//! Typed keys: the only place that spells a storage path, a content type or a cache header.

use sluice_model::{DocumentId, PackageId, PictureId, ProjectId, SourceId};
use std::fmt;

/// The name of one object.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Key {
    /// Bytes of a source, by running number.
    Extent { source: SourceId, number: u64 },
    /// A file of a rendition: an init segment or a media segment; or a still picture, below [`IMAGES`].
    RenditionFile { package: PackageId, rendition: String, file: String },
    /// A file of the package itself: playlists, report.
    PackageFile { package: PackageId, file: String },
    /// A version of a project's document.
    Document { project: ProjectId, object: DocumentId },
    /// A picture of a person, a playlist or a category, or one that a media's owner has chosen.
    Picture(PictureId),
    /// What is written to see whether a store can be written, and deleted at once. Always the same bytes, so that one which
    /// is left behind by a dying process is overwritten by the next.
    Probe,
}

/// A folder of objects, or the one object that has none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Prefix {
    /// All extents of a source.
    Source(SourceId),
    /// All of a package.
    Package(PackageId),
    /// All documents of a project.
    Project(ProjectId),
    /// A picture, which is one object.
    Picture(PictureId),
}

/// A part of a store: folders of one kind, or pictures.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    Sources,
    Packages,
    Projects,
    Pictures,
}

impl Root {
    /// All parts; beside these there is only [`Key::Probe`].
    pub const ALL: [Self; 4] = [Self::Sources, Self::Packages, Self::Projects, Self::Pictures];

    /// What a name in this part is; `None` for what this program does not write.
    pub(crate) fn prefix(self, name: &str) -> Option<Prefix> {
        let (prefix, spelled) = match self {
            Self::Sources => (Prefix::Source(name.parse().ok()?), format!("{self}/{name}/")),
            Self::Packages => (Prefix::Package(name.parse().ok()?), format!("{self}/{name}/")),
            Self::Projects => (Prefix::Project(name.parse().ok()?), format!("{self}/{name}/")),
            Self::Pictures => (Prefix::Picture(name.strip_suffix(".jpg")?.parse().ok()?), format!("{self}/{name}")),
        };
        (prefix.to_string() == spelled).then_some(prefix)
    }
}

impl fmt::Display for Root {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sources => "sources",
            Self::Packages => "packages",
            Self::Projects => "projects",
            Self::Pictures => "pictures",
        })
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Source(id) => write!(f, "sources/{id}/"),
            Self::Package(id) => write!(f, "packages/{id}/"),
            Self::Project(id) => write!(f, "projects/{id}/"),
            Self::Picture(id) => write!(f, "pictures/{id}.jpg"),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Extent { source, number } => write!(f, "sources/{source}/{number:08}"),
            Self::RenditionFile { package, rendition, file } => write!(f, "packages/{package}/{rendition}/{file}"),
            Self::PackageFile { package, file } => write!(f, "packages/{package}/{file}"),
            Self::Document { project, object } => write!(f, "projects/{project}/{object}"),
            Self::Picture(id) => write!(f, "pictures/{id}.jpg"),
            Self::Probe => f.write_str("probe"),
        }
    }
}

/// Where the still pictures of a package are: beside its renditions.
pub const IMAGES: &str = "images";

/// Cache header of what never changes under its name.
pub const IMMUTABLE: &str = "public, max-age=31536000, immutable";

impl Key {
    /// Reads a path that [`Key`] wrote; anything else is `None`: another spelling would name another object.
    pub fn parse(path: &str) -> Option<Self> {
        Self::read(path).filter(|key| key.to_string() == path)
    }

    fn read(path: &str) -> Option<Self> {
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["sources", id, number] => Some(Self::Extent { source: id.parse().ok()?, number: number.parse().ok()? }),
            ["projects", id, object] => {
                Some(Self::Document { project: id.parse().ok()?, object: object.parse().ok()? })
            }
            ["probe"] => Some(Self::Probe),
            ["pictures", file] => Some(Self::Picture(file.strip_suffix(".jpg")?.parse().ok()?)),
            ["packages", _, names @ ..] if names.iter().any(|n| n.is_empty() || *n == "." || *n == "..") => None,
            ["packages", id, rendition, file] => Some(Self::RenditionFile {
                package: id.parse().ok()?,
                rendition: (*rendition).to_owned(),
                file: (*file).to_owned(),
            }),
            ["packages", id, file] => Some(Self::PackageFile { package: id.parse().ok()?, file: (*file).to_owned() }),
            _ => None,
        }
    }

    /// The folder that an object is in; a probe is in none.
    pub fn prefix(&self) -> Option<Prefix> {
        match self {
            Self::Extent { source, .. } => Some(Prefix::Source(*source)),
            Self::RenditionFile { package, .. } | Self::PackageFile { package, .. } => Some(Prefix::Package(*package)),
            Self::Document { project, .. } => Some(Prefix::Project(*project)),
            Self::Picture(id) => Some(Prefix::Picture(*id)),
            Self::Probe => None,
        }
    }

    /// Media type by file name (Apple's authoring specification, 10.4).
    pub fn content_type(&self) -> &'static str {
        let name = self.to_string();
        match name.rsplit('.').next() {
            Some("m3u8") => "application/vnd.apple.mpegurl",
            Some("m4s") => "video/iso.segment",
            Some("mp4") => "video/mp4",
            Some("vtt") => "text/vtt",
            Some("jpg") => "image/jpeg",
            Some("webp") => "image/webp",
            Some("json") => "application/json",
            _ => "application/octet-stream",
        }
    }

    /// `Cache-Control` for a copy that a CDN serves straight from the bucket.
    pub fn cache_control(&self) -> &'static str {
        match self {
            Self::RenditionFile { file, .. } if !file.ends_with(".m3u8") => IMMUTABLE,
            Self::Extent { .. } | Self::Document { .. } | Self::Picture(_) | Self::Probe => "private, no-store",
            _ => "public, max-age=60",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn only_what_we_spell_is_a_folder_of_ours() {
        let id = Uuid::from_u128(7);
        assert_eq!(Root::Sources.prefix(&id.to_string()), Some(Prefix::Source(id.into())));
        assert_eq!(Root::Pictures.prefix(&format!("{id}.jpg")), Some(Prefix::Picture(id.into())));
        for other in [id.simple().to_string(), format!("{id}.jpg"), "lost+found".to_owned(), String::new()] {
            assert_eq!(Root::Packages.prefix(&other), None, "{other}");
        }
    }

    #[test]
    fn what_a_key_writes_it_reads_back() {
        let id = Uuid::from_u128(7);
        for key in [
            Key::Extent { source: id.into(), number: 3 },
            Key::RenditionFile { package: id.into(), rendition: "v720".into(), file: "000001-x.m4s".into() },
            Key::PackageFile { package: id.into(), file: "report.json".into() },
            Key::Document { project: id.into(), object: id.into() },
            Key::Picture(id.into()),
            Key::Probe,
        ] {
            let folder = key.prefix().map(|p| p.to_string()).unwrap_or_default();
            assert!(key.to_string().starts_with(&folder), "{key}");
            assert_eq!(Key::parse(&key.to_string()), Some(key));
        }
        assert_eq!(Key::parse("../etc/passwd"), None);
        let other = [
            format!("sources/{id}/3"),
            format!("sources/{id}/+0000003"),
            format!("sources/{}/00000003", id.simple()),
            format!("sources/{{{id}}}/00000003"),
            format!("packages/{id}/../00000003"),
            format!("packages/{id}/."),
            format!("packages/{id}/v720/"),
        ];
        for path in other {
            assert_eq!(Key::parse(&path), None, "{path}");
        }
    }
}
