//! A directory as an object store: write to a temporary name, fsync, rename, fsync the folder.

use super::{ByteStream, Key, Prefix, Root, Space, StoreError, StoredObject};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream, stream::BoxStream};
use rustix::{buffer::spare_capacity, io::Errno};
use sluice_model::Timestamp;
use std::{
    io::{self, ErrorKind, Write},
    ops::Range,
    path::{Path, PathBuf},
    sync::Arc,
};
use tokio::{fs, io::AsyncWriteExt, sync::mpsc, task::spawn_blocking};
use uuid::Uuid;

/// Bytes read from a file at once: what each reader holds while it is slow.
const READ_BYTES: usize = 64 * 1024;
/// Longer than anything is written.
const DRAFT_AGE: std::time::Duration = std::time::Duration::from_secs(2 * 86_400);

/// So many bytes from a place in a file, fewer at its end.
fn read_at(file: &std::fs::File, at: u64, want: usize) -> io::Result<Bytes> {
    let mut buffer = Vec::with_capacity(want);
    while buffer.len() < want {
        let next = at + buffer.len() as u64;
        match rustix::io::pread(file, spare_capacity(&mut buffer), next) {
            Ok(0) => break,
            Ok(_) | Err(Errno::INTR) => {}
            Err(e) => return Err(e.into()),
        }
    }
    // What was allocated may be a little more than what was asked for.
    buffer.truncate(want);
    Ok(buffer.into())
}

/// Objects as files below a root.
#[derive(Debug, Clone)]
pub struct LocalStore {
    root: PathBuf,
    space: Space,
}

impl LocalStore {
    pub(super) async fn open(root: PathBuf) -> Result<Self, StoreError> {
        fs::create_dir_all(root.join("tmp")).await.map_err(|e| failed(&e))?;
        let drafts = root.join("tmp");
        drop(spawn_blocking(move || remove_drafts(&drafts)).await);
        Ok(Self { root, space: Space::unbounded() })
    }

    pub(super) fn keeping(self, space: Space) -> Self {
        Self { space, ..self }
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.root.join(key.to_string())
    }

    pub(super) async fn put(&self, key: &Key, data: Bytes) -> Result<(), StoreError> {
        self.space.check_write(&self.root)?;
        let (path, draft) = (self.path(key), self.root.join("tmp").join(Uuid::new_v4().to_string()));
        let write = move || -> io::Result<()> {
            let result = write_durably(&draft, &path, &data);
            if result.is_err() {
                // The draft is swept with the temporary folder if this fails too.
                drop(std::fs::remove_file(&draft));
            }
            result
        };
        spawn_blocking(write).await.map_err(|e| StoreError::Unavailable(e.to_string()))?.map_err(|e| failed(&e))
    }

    pub(super) async fn put_once(
        &self,
        key: &Key,
        size_bytes: u64,
        data: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
    ) -> Result<bool, StoreError> {
        self.space.check_write(&self.root)?;
        let (path, draft) = (self.path(key), self.root.join("tmp").join(Uuid::new_v4().to_string()));
        let draft = Draft(draft);
        let written = self.draft(&draft.0, size_bytes, data).await;
        let linked = match written {
            Ok(()) => link(&draft.0, &path).await,
            Err(e) => Err(e),
        };
        linked.map_err(|e| failed(&e))
    }

    async fn draft(
        &self,
        draft: &Path,
        size_bytes: u64,
        mut data: impl Stream<Item = io::Result<Bytes>> + Send + Unpin,
    ) -> io::Result<()> {
        let mut file = fs::File::create(draft).await?;
        let mut written = 0;
        while let Some(chunk) = data.next().await {
            let chunk = chunk?;
            written += chunk.len() as u64;
            if written > size_bytes {
                break;
            }
            file.write_all(&chunk).await?;
        }
        if written != size_bytes {
            return Err(io::Error::other("another size than was announced"));
        }
        // The last write may still be under way, and only this says how it ends.
        file.flush().await?;
        file.sync_data().await
    }

    pub(super) async fn get(&self, key: &Key, range: Range<u64>) -> Result<ByteStream, StoreError> {
        let file = fs::File::open(self.path(key)).await.map_err(|e| named(key, &e))?;
        // Read without tokio's file, which would keep a buffer of its own for each reader.
        let start = (Arc::new(file.into_std().await), range.start);
        Ok(stream::try_unfold(start, move |(file, at)| async move {
            let want = READ_BYTES.min(usize::try_from(range.end.saturating_sub(at)).unwrap_or(READ_BYTES));
            if want == 0 {
                return Ok(None);
            }
            let read = spawn_blocking({
                let file = file.clone();
                move || read_at(&file, at, want)
            });
            let bytes = read.await.map_err(|e| StoreError::Unavailable(e.to_string()))?.map_err(|e| failed(&e))?;
            let next = at + bytes.len() as u64;
            Ok((!bytes.is_empty()).then_some((bytes, (file, next))))
        })
        .boxed())
    }

    /// All of a range at once, in one turn of a thread.
    pub(super) async fn read(&self, key: &Key, range: Range<u64>) -> Result<Bytes, StoreError> {
        let path = self.path(key);
        let want = usize::try_from(range.end - range.start).unwrap_or(usize::MAX);
        let read = spawn_blocking(move || read_at(&std::fs::File::open(path)?, range.start, want));
        read.await.map_err(|e| StoreError::Unavailable(e.to_string()))?.map_err(|e| named(key, &e))
    }

    pub(super) async fn size(&self, key: &Key) -> Result<Option<u64>, StoreError> {
        match fs::metadata(self.path(key)).await {
            Ok(m) => Ok(Some(m.len())),
            Err(e) if e.kind() == ErrorKind::NotFound => Ok(None),
            Err(e) => Err(failed(&e)),
        }
    }

    pub(super) async fn delete(&self, key: &Key) -> Result<(), StoreError> {
        let path = self.path(key);
        match fs::remove_file(&path).await {
            Err(e) if e.kind() != ErrorKind::NotFound => return Err(failed(&e)),
            _ => {}
        }
        // Folders go with their last file; a folder that is not empty stays, which is not an error.
        let mut folder = path.parent();
        while let Some(dir) = folder.filter(|d| *d != self.root) {
            if fs::remove_dir(dir).await.is_err() {
                break;
            }
            folder = dir.parent();
        }
        Ok(())
    }

    pub(super) async fn list(&self, prefix: &Prefix) -> Result<Vec<StoredObject>, StoreError> {
        let root = self.root.clone();
        let start = root.join(prefix.to_string());
        let walk = move || -> io::Result<Vec<StoredObject>> {
            let (mut objects, mut folders) = (Vec::new(), vec![start]);
            while let Some(dir) = folders.pop() {
                let entries = match std::fs::read_dir(&dir) {
                    Err(e) if e.kind() == ErrorKind::NotFound => continue,
                    Err(e) if e.kind() == ErrorKind::NotADirectory => {
                        objects.extend(object(&root, &dir));
                        continue;
                    }
                    other => other?,
                };
                for entry in entries {
                    let path = entry?.path();
                    if path.is_dir() {
                        folders.push(path);
                    } else {
                        objects.extend(object(&root, &path));
                    }
                }
            }
            Ok(objects)
        };
        spawn_blocking(walk).await.map_err(|e| StoreError::Unavailable(e.to_string()))?.map_err(|e| failed(&e))
    }

    pub(super) fn groups(&self, root: Root) -> BoxStream<'static, Result<Prefix, StoreError>> {
        let folder = self.root.join(root.to_string());
        let (found, names) = mpsc::channel(64);
        spawn_blocking(move || {
            let entries = match std::fs::read_dir(&folder) {
                Err(e) if e.kind() == ErrorKind::NotFound => return,
                Err(e) => return drop(found.blocking_send(Err(failed(&e)))),
                Ok(entries) => entries,
            };
            for entry in entries {
                let group = match entry {
                    Err(e) => Err(failed(&e)),
                    Ok(e) => match e.file_name().to_str().and_then(|name| root.prefix(name)) {
                        Some(prefix) => Ok(prefix),
                        None => continue,
                    },
                };
                // Nobody listens any more.
                if found.blocking_send(group).is_err() {
                    return;
                }
            }
        });
        stream::unfold(names, |mut names| async move { names.recv().await.map(|group| (group, names)) }).boxed()
    }

    pub(super) async fn ping(&self) -> Result<(), StoreError> {
        fs::metadata(&self.root).await.map(|_| ()).map_err(|e| failed(&e))
    }
}

/// A file as an object; `None` for what this program did not write, and for what is gone.
fn object(root: &Path, path: &Path) -> Option<StoredObject> {
    let key = path.strip_prefix(root).ok().and_then(Path::to_str).and_then(Key::parse)?;
    let meta = std::fs::metadata(path).ok()?;
    let written_at = meta.modified().map_or(Timestamp::EPOCH, Timestamp::from);
    Some(StoredObject { key, size_bytes: meta.len(), written_at })
}

/// A file on its way; gone with whoever was writing it.
struct Draft(PathBuf);

impl Drop for Draft {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

/// Removes drafts of processes that died long ago.
fn remove_drafts(folder: &Path) {
    let old = |m: std::fs::Metadata| m.modified().ok().and_then(|t| t.elapsed().ok()).is_some_and(|a| a > DRAFT_AGE);
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        if entry.metadata().is_ok_and(old) {
            drop(std::fs::remove_file(entry.path()));
        }
    }
}

/// Gives a written draft its name, durably; `false` when the name is taken. Unlike a rename, a link replaces
/// nothing.
async fn link(draft: &Path, path: &Path) -> io::Result<bool> {
    let folder = path.parent().ok_or_else(|| io::Error::other("key without folder"))?;
    loop {
        fs::create_dir_all(folder).await?;
        match fs::hard_link(draft, path).await {
            Err(e) if e.kind() == ErrorKind::AlreadyExists => return Ok(false),
            // A deletion beside us may remove the still empty folder between the two calls.
            Err(e) if e.kind() == ErrorKind::NotFound && draft.exists() => {}
            other => break other?,
        }
    }
    fs::File::open(folder).await?.sync_all().await?;
    Ok(true)
}

/// Rename alone is atomic but not durable: the file and the folder entry are both synced.
fn write_durably(draft: &Path, path: &Path, data: &[u8]) -> io::Result<()> {
    let folder = path.parent().ok_or_else(|| io::Error::other("key without folder"))?;
    let mut file = std::fs::File::create(draft)?;
    file.write_all(data)?;
    file.sync_data()?;
    loop {
        std::fs::create_dir_all(folder)?;
        match std::fs::rename(draft, path) {
            // A deletion beside us may remove the still empty folder between the two calls.
            Err(e) if e.kind() == ErrorKind::NotFound && draft.exists() => {}
            other => break other?,
        }
    }
    std::fs::File::open(folder)?.sync_all()
}

fn named(key: &Key, e: &io::Error) -> StoreError {
    if e.kind() == ErrorKind::NotFound { StoreError::NotFound(key.to_string()) } else { failed(e) }
}

fn failed(e: &io::Error) -> StoreError {
    match e.kind() {
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge => StoreError::Full,
        _ => StoreError::Unavailable(e.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn drafts_of_the_dead_are_forgotten_and_those_of_the_living_kept() {
        let dir = tempfile::tempdir().unwrap();
        let drafts = dir.path().join("tmp");
        std::fs::create_dir_all(&drafts).unwrap();
        for (name, age) in [("old", DRAFT_AGE * 2), ("new", DRAFT_AGE / 2)] {
            let file = std::fs::File::create(drafts.join(name)).unwrap();
            file.set_modified(std::time::SystemTime::now() - age).unwrap();
        }
        LocalStore::open(dir.path().to_owned()).await.unwrap();
        let left: Vec<_> = std::fs::read_dir(&drafts).unwrap().map(|e| e.unwrap().file_name()).collect();
        assert_eq!(left, ["new"]);
    }
}
