//! `sluice-api import`: makes a media of what `export` wrote. Its original is uploaded like any other, so it is checked, counted
//! and transcoded as everything is; then it gets what was said of it.

use super::export::{Captions, DESCRIPTION, Description, FORMAT, Original};
use crate::{
    client::Client,
    identity::Viewer,
    pipeline::{
        media::{service as media, views::ChangeMedia},
        uploads::{
            UploadError,
            form::{self, Abandon},
        },
    },
    platform::{captions, chapters},
    state::AppState,
};
use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use futures::{Stream, stream};
use sha2::{Digest, Sha256};
use sluice_config::telemetry::{complain, say};
use sluice_model::MediaId;
use std::{
    fs::{self, File},
    io::Read,
    net::Ipv4Addr,
    path::{Component, Path, PathBuf},
};
use tokio::task::spawn_blocking;

/// Read from a file at once.
const PIECE: usize = 1 << 20;

pub async fn run(state: &AppState, folder: &Path, owner: &str) -> anyhow::Result<()> {
    let path = folder.join(DESCRIPTION);
    let text = fs::read(&path).with_context(|| path.display().to_string())?;
    let said: Description = serde_json::from_slice(&text).with_context(|| path.display().to_string())?;
    ensure!(said.format == FORMAT, "{}: written by a newer version", path.display());
    let Some(original) = &said.original else {
        bail!("{}: the original is not in it, of which a media could be made", folder.display());
    };
    let file = inside(folder, &original.file)?;
    check(&file, original).await?;
    let user = state.db.users().by_name(owner).await?.with_context(|| format!("{owner}: there is no such account"))?;
    let viewer = Viewer { id: user.id, role: user.role, session: None, scopes: None, banned: user.banned };
    let id = upload(state, &viewer, &said, &file, original).await?;
    say(format!("{id}"));
    describe(state, &viewer, id, &said).await?;
    for track in said.captions.iter().filter(|c| !c.from_file) {
        put_captions(state, &viewer, id, folder, track).await?;
    }
    Ok(())
}

/// A path that leads nowhere else.
fn inside(folder: &Path, name: &str) -> anyhow::Result<PathBuf> {
    let plain = Path::new(name).components().all(|c| matches!(c, Component::Normal(_)));
    ensure!(plain, "{name:?}: no path in the folder");
    Ok(folder.join(name))
}

async fn check(file: &Path, original: &Original) -> anyhow::Result<()> {
    let (path, expected) = (file.to_owned(), original.sha256.clone());
    let hash = spawn_blocking(move || {
        let (mut file, mut hash, mut piece) = (File::open(&path)?, Sha256::new(), vec![0; PIECE]);
        loop {
            match file.read(&mut piece)? {
                0 => return Ok::<_, std::io::Error>(hex::encode(hash.finalize())),
                read => hash.update(&piece[..read]),
            }
        }
    });
    let found = hash.await?.with_context(|| file.display().to_string())?;
    ensure!(found == expected, "{}: damaged: it is not as it was written", file.display());
    Ok(())
}

async fn upload(
    state: &AppState,
    viewer: &Viewer,
    said: &Description,
    file: &Path,
    original: &Original,
) -> anyhow::Result<MediaId> {
    let field = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let fields = vec![
        field("title", &said.title),
        field("description", &said.description),
        field("visibility", said.visibility.as_str()),
        field("filename", &said.filename),
    ];
    let bytes = i64::try_from(original.bytes).unwrap_or(i64::MAX);
    let upload = form::begin_form(state, viewer, fields, Some(bytes), None).await?;
    let abandon = Abandon::unless_done(state, upload.id);
    form::receive_form(state, &upload, Box::pin(pieces(File::open(file)?))).await?;
    let upload = form::complete_form(state, viewer, upload.id).await?;
    abandon.done();
    upload.media_id.context("it has become no media")
}

/// The bytes of a file.
fn pieces(file: File) -> impl Stream<Item = Result<Bytes, UploadError>> {
    stream::try_unfold(file, |mut file| async move {
        let read = spawn_blocking(move || {
            let mut piece = vec![0; PIECE];
            let read = file.read(&mut piece)?;
            piece.truncate(read);
            Ok::<_, std::io::Error>((piece, file))
        });
        let (piece, file) = read.await.map_err(|_| UploadError::UploadCut)?.map_err(|_| UploadError::UploadCut)?;
        Ok((!piece.is_empty()).then(|| (Bytes::from(piece), file)))
    })
}

async fn describe(state: &AppState, viewer: &Viewer, id: MediaId, said: &Description) -> anyhow::Result<()> {
    let category = match &said.category {
        Some(slug) if state.db.catalogue().category(slug).await?.is_none() => {
            complain(format!("there is no category {slug:?} here: it has none now"));
            None
        }
        other => other.clone(),
    };
    let change = ChangeMedia {
        title: None,
        description: None,
        visibility: None,
        tags: Some(said.tags.clone()),
        category,
        embed_origins: None,
    };
    let client = Client { address: Ipv4Addr::LOCALHOST.into(), agent: "sluice-api import".to_owned(), secure: true };
    media::change(state, &client, viewer, id, change).await?;
    if !said.chapters.is_empty() {
        let list = said.chapters.iter();
        let list = list.map(|c| chapters::views::Chapter { start_ms: c.start_ms, title: c.title.clone() });
        chapters::service::put(state, viewer, id, list.collect()).await?;
    }
    Ok(())
}

async fn put_captions(
    state: &AppState,
    viewer: &Viewer,
    id: MediaId,
    folder: &Path,
    track: &Captions,
) -> anyhow::Result<()> {
    let path = inside(folder, &track.file)?;
    let body = fs::read(&path).with_context(|| path.display().to_string())?;
    let which = captions::service::Which { tag: &track.language, role: track.role };
    captions::service::put(state, viewer, id, which, Some(&track.label), body.into())
        .await
        .with_context(|| track.file.clone())?;
    Ok(())
}
