//! `sluice-api export`: a media as a static package.
//!
//! Invariants: what is written is what players are given, by the same functions, so an exported film plays as it does here;
//! `media.json` is written last, and a folder without it is not whole.

use super::folder;
use crate::{
    identity::{Viewer, access::Ticket},
    pipeline::{
        media::{service as media, source::source_bytes},
        playback::{
            file::{File as Served, TextFile, TextKind},
            service as playback,
        },
    },
    state::AppState,
};
use anyhow::{Context, ensure};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use sluice_config::telemetry::say;
use sluice_db::{CaptionsRow, MediaRow};
use sluice_model::{MediaId, PackageId, PackageStatus, Role, SubtitleRole, Timestamp, Visibility};
use sluice_storage::{IMAGES, StoreError};
use std::{
    collections::HashSet,
    fs,
    io::Write,
    path::{Path, PathBuf},
    pin::pin,
};

/// Makes a folder an export.
pub const DESCRIPTION: &str = "media.json";
/// Of the description; another number is another form.
pub const FORMAT: u32 = 1;
const INDEX: &str = "index.m3u8";
const ORIGINAL: &str = "original";

/// What was said of a media, and what of it is in the folder.
#[derive(Debug, Serialize, Deserialize)]
pub struct Description {
    pub format: u32,
    /// Of the media that was exported.
    pub id: MediaId,
    pub title: String,
    pub description: String,
    pub visibility: Visibility,
    pub filename: String,
    pub created_at: Timestamp,
    pub duration_ms: Option<i64>,
    pub tags: Vec<String>,
    pub category: Option<String>,
    pub chapters: Vec<Chapter>,
    pub captions: Vec<Captions>,
    /// Pictures of the film, where there are some: paths in the folder.
    pub pictures: Vec<String>,
    pub original: Option<Original>,
}

/// A chapter.
#[derive(Debug, Serialize, Deserialize)]
pub struct Chapter {
    pub start_ms: i64,
    pub title: String,
}

/// Captions, as WebVTT.
#[derive(Debug, Serialize, Deserialize)]
pub struct Captions {
    pub language: String,
    pub role: SubtitleRole,
    pub label: String,
    /// Whether they were in the original.
    pub from_file: bool,
    /// Path in the folder.
    pub file: String,
}

/// The bytes that were uploaded.
#[derive(Debug, Serialize, Deserialize)]
pub struct Original {
    /// Path in the folder.
    pub file: String,
    pub bytes: u64,
    pub sha256: String,
}

/// Writes files of an export, each once.
struct Export<'a> {
    state: &'a AppState,
    ticket: Ticket,
    media: MediaRow,
    folder: &'a Path,
    written: HashSet<String>,
}

pub async fn run(state: &AppState, id: MediaId, folder: &Path, with_original: bool) -> anyhow::Result<()> {
    // Whoever runs commands on this machine may see everything.
    let anybody = state.db.media().find(id).await?.with_context(|| format!("{id}: there is no such media"))?;
    let viewer = Viewer { id: anybody.owner_id, role: Role::Admin, session: None, scopes: None, banned: false };
    let media = media::visible(state, Some(&viewer), id).await?;
    ensure!(media.status == PackageStatus::Ready, "{id}: it is not ready");
    folder::prepare(folder)?;
    let mut export = Export { state, ticket: Ticket::Viewer(Some(viewer)), media, folder, written: HashSet::new() };
    let index = playback::relative_multivariant(state, &export.media).await?;
    export.write(INDEX, index.as_bytes())?;
    let mut open: Vec<String> = targets(INDEX, &index);
    while let Some(path) = open.pop() {
        open.extend(export.fetch(&path).await?);
    }
    let pictures = export.pictures().await?;
    let captions = export.captions().await?;
    let original = if with_original { export.original().await? } else { None };
    let files = export.written.len();
    let description = export.describe(pictures, captions, original).await?;
    folder::finish(folder, DESCRIPTION, &description)?;
    say(format!("{}: {:?} in {files} files", folder.display(), description.title));
    Ok(())
}

/// What a playlist names, as paths in the folder.
fn targets(playlist: &str, text: &str) -> Vec<String> {
    let attributes = text.lines().filter(|l| l.starts_with('#')).flat_map(|l| l.split("URI=\"").skip(1));
    let attributes = attributes.filter_map(|rest| rest.split_once('"').map(|(uri, _)| uri));
    let lines = text.lines().filter(|l| !l.starts_with('#') && !l.is_empty());
    attributes.chain(lines).map(|uri| resolved(playlist, uri)).collect()
}

/// The sheets of pictures that a storyboard names, as paths in the folder; subtitles name none.
fn sheets(storyboard: &str, text: &str) -> Vec<String> {
    let named = text.lines().filter_map(|l| l.split_once("#xywh=").map(|(sheet, _)| sheet));
    named.map(|sheet| resolved(storyboard, sheet)).collect()
}

/// A relative reference (RFC 3986 section 5.2), as playlists here have them.
fn resolved(base: &str, uri: &str) -> String {
    let mut parts: Vec<&str> = base.rsplit_once('/').map(|(folder, _)| folder.split('/').collect()).unwrap_or_default();
    for part in uri.split('/') {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            other => parts.push(other),
        }
    }
    parts.join("/")
}

impl Export<'_> {
    /// Writes a file that a playlist names; what it names itself.
    async fn fetch(&mut self, path: &str) -> anyhow::Result<Vec<String>> {
        if self.written.contains(path) {
            return Ok(Vec::new());
        }
        match self.served(path).await? {
            Served::Text(TextFile { kind, text, .. }) => {
                self.write(path, &text.body)?;
                let text = String::from_utf8_lossy(&text.body);
                return Ok(match kind {
                    TextKind::Playlist => targets(path, &text),
                    TextKind::Vtt => sheets(path, &text),
                    TextKind::Manifest | TextKind::Json | TextKind::Svg => Vec::new(),
                });
            }
            Served::Object { key, size_bytes, .. } => {
                let bytes = self.state.store.get(&key, 0..size_bytes).await?;
                self.stream(path, bytes).await?;
            }
            Served::Animation { bytes, .. } => self.write(path, &bytes)?,
            Served::Key(bytes) => self.write(path, &bytes)?,
        }
        Ok(Vec::new())
    }

    /// What players get at `{package}/{rendition}/{file}`.
    async fn served(&self, path: &str) -> anyhow::Result<Served> {
        let [package, rendition, file] = path.split('/').collect::<Vec<_>>()[..] else {
            anyhow::bail!("{path}: no file of a package");
        };
        let package: PackageId = package.parse()?;
        playback::file(self.state, &self.ticket, self.media.id, package, rendition, file)
            .await
            .with_context(|| path.to_owned())
    }

    /// Poster, storyboard, preview and waveform, where there are some.
    async fn pictures(&mut self) -> anyhow::Result<Vec<String>> {
        let m = &self.media;
        let chosen = m.own_poster.map(|id| format!("{id}.jpg")).or_else(|| m.poster.clone());
        let there = |is_there: bool, name: &str| is_there.then(|| name.to_owned());
        let names = [
            chosen,
            there(m.has_storyboard, "storyboard.vtt"),
            there(m.has_preview, "preview.webp"),
            there(m.has_waveform, "waveform.json"),
        ];
        let mut paths = Vec::new();
        for name in names.into_iter().flatten() {
            let path = format!("{}/{IMAGES}/{name}", self.media.package_id);
            let mut open = vec![path.clone()];
            while let Some(next) = open.pop() {
                open.extend(self.fetch(&next).await?);
            }
            paths.push(path);
        }
        Ok(paths)
    }

    /// Each track of captions as one file.
    async fn captions(&mut self) -> anyhow::Result<Vec<Captions>> {
        let mut list = Vec::new();
        for row in self.state.db.captions().of_media(self.media.id).await? {
            let CaptionsRow { language, role, label, from_file, .. } = row;
            let body = self.state.db.captions().body(self.media.id, &language, role).await?;
            let file = format!("captions/{role}-{language}.vtt");
            self.write(&file, body.unwrap_or_default().as_bytes())?;
            list.push(Captions { language, role, label, from_file, file });
        }
        Ok(list)
    }

    /// The bytes that were uploaded; a clip has none.
    async fn original(&mut self) -> anyhow::Result<Option<Original>> {
        if self.media.is_clip {
            return Ok(None);
        }
        let bytes = self.media.size_bytes.unsigned_abs();
        let content = source_bytes(self.state, self.media.source_id, 0..bytes).await?;
        let sha256 = self.stream(ORIGINAL, content).await?;
        let known = self.media.sha256.as_ref().map(hex::encode);
        ensure!(known.is_none_or(|k| k == sha256), "the original is not as it was uploaded");
        Ok(Some(Original { file: ORIGINAL.to_owned(), bytes, sha256 }))
    }

    async fn describe(
        &self,
        pictures: Vec<String>,
        captions: Vec<Captions>,
        original: Option<Original>,
    ) -> anyhow::Result<Description> {
        let m = &self.media;
        let chapters = self.state.db.chapters().of_media(m.id).await?;
        Ok(Description {
            format: FORMAT,
            id: m.id,
            title: m.title.clone(),
            description: m.description.clone(),
            visibility: m.visibility,
            filename: m.filename.clone(),
            created_at: m.created_at,
            duration_ms: m.duration_ms,
            tags: m.tags.split_whitespace().map(ToOwned::to_owned).collect(),
            category: m.category.clone(),
            chapters: chapters.into_iter().map(|c| Chapter { start_ms: c.start_ms, title: c.title }).collect(),
            captions,
            pictures,
            original,
        })
    }

    fn path(&mut self, name: &str) -> anyhow::Result<PathBuf> {
        let path = self.folder.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)?;
        }
        self.written.insert(name.to_owned());
        Ok(path)
    }

    fn write(&mut self, name: &str, bytes: &[u8]) -> anyhow::Result<()> {
        let mut file = folder::private_file(&self.path(name)?)?;
        file.write_all(bytes)?;
        Ok(file.sync_all()?)
    }

    /// Writes what comes; its SHA-256 in hexadecimal digits.
    async fn stream(
        &mut self,
        name: &str,
        bytes: impl Stream<Item = Result<Bytes, StoreError>>,
    ) -> anyhow::Result<String> {
        let (mut file, mut hash, mut bytes) = (folder::private_file(&self.path(name)?)?, Sha256::new(), pin!(bytes));
        while let Some(chunk) = bytes.next().await {
            let chunk = chunk?;
            hash.update(&chunk);
            file.write_all(&chunk)?;
        }
        file.sync_all()?;
        Ok(hex::encode(hash.finalize()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn playlists_name_what_is_below_them() {
        let text = "#EXTM3U\n#EXT-X-MAP:URI=\"init.mp4\"\n#EXT-X-KEY:METHOD=AES-128,URI=\"../keys/0.key\",IV=0x1\n#EXTINF:6,\n000000-a.m4s\n";
        assert_eq!(targets("p/v720/index.m3u8", text), ["p/v720/init.mp4", "p/keys/0.key", "p/v720/000000-a.m4s"]);
        assert_eq!(targets("index.m3u8", "#EXT-X-STREAM-INF:X\np/v720/index.m3u8"), ["p/v720/index.m3u8"]);
    }
}
