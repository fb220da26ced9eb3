//! The rules of pictures.

use super::{
    render::render,
    views::{ChooseMoment, Poster, PosterMoment},
};
use crate::{
    client::MediaBase,
    identity::Viewer,
    pipeline::media::{service as media, service::MediaError, views::poster_url},
    platform::{PlatformError, playlists::service as playlists},
    state::AppState,
    validation::Faults,
};
use bytes::Bytes;
use futures::{Stream, StreamExt};
use sluice_db::{DbError, MediaRow, NewPicture, NewTask, Tx};
use sluice_ingest::completion;
use sluice_model::{
    MediaKind, PackageStatus, PictureId, PictureKind, PictureOwnerId, PosterPayload, RateLimit, TaskKind, Visibility,
    clock,
};
use sluice_storage::Key;
use std::{sync::LazyLock, time::Duration};
use tokio::{sync::Semaphore, task::spawn_blocking, time::timeout};

/// Largest file, bytes.
pub const MOST_BYTES: usize = 10 << 20;
/// A picture that is stored but not yet shown goes after so long: whoever stored it has died.
const STRAY: Duration = Duration::from_secs(600);
/// Decoding takes up to half a gibibyte for a moment, so one is decoded at a time.
static DECODING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(1));
/// Files that are taken in at once, and how long one may take: each is in memory until it is decoded.
static ARRIVING: LazyLock<Semaphore> = LazyLock::new(|| Semaphore::new(4));
const ARRIVAL: Duration = Duration::from_secs(60);
const PATIENCE: Duration = Duration::from_secs(10);

fn bounds(kind: PictureKind) -> (u32, u32) {
    match kind {
        PictureKind::Avatar => (512, 512),
        PictureKind::Banner => (2048, 1024),
        PictureKind::Cover | PictureKind::Category => (1024, 1024),
        PictureKind::Poster => (1280, 1280),
    }
}

/// Stores a picture and shows it instead of the one before; its id and pixels.
///
/// The row first, doomed; then the object; then the row is shown. What dies in between is swept.
pub async fn put(
    state: &AppState,
    viewer: &Viewer,
    kind: PictureKind,
    owner: PictureOwnerId,
    body: impl Stream<Item = Result<Bytes, PlatformError>> + Unpin,
) -> Result<(PictureId, (u32, u32)), PlatformError> {
    state.limits.take(RateLimit::Picture, &viewer.id.to_string()).await?;
    let _arriving = timeout(PATIENCE, ARRIVING.acquire()).await.map_err(|_| PlatformError::Busy)?;
    let body = timeout(ARRIVAL, collected(body)).await.map_err(|_| PlatformError::UploadCut)??;
    let turn = timeout(PATIENCE, DECODING.acquire()).await.map_err(|_| PlatformError::Busy)?;
    let made =
        spawn_blocking(move || render(&body, bounds(kind))).await.map_err(|_| PlatformError::BrokenPicture)??;
    drop(turn);
    let now = clock::now();
    let new = NewPicture {
        id: PictureId::random(),
        kind,
        owner,
        size: made.size,
        size_bytes: made.jpeg.len() as i64,
        delete_after: now + STRAY,
    };
    state.db.pictures().announce(&new).await?;
    state.store.put(&Key::Picture(new.id), made.jpeg.into()).await?;
    let mut tx = state.db.begin().await?;
    give_moment_up(&mut tx, kind, owner).await?;
    match tx.pictures().publish(&new, clock::now()).await {
        Ok(()) => {}
        Err(DbError::Fenced) => {
            drop(tx);
            state.store.delete(&Key::Picture(new.id)).await?;
            return Err(PlatformError::NotFound);
        }
        Err(other) => return Err(other.into()),
    }
    tx.commit().await?;
    Ok((new.id, made.size))
}

async fn collected(
    mut body: impl Stream<Item = Result<Bytes, PlatformError>> + Unpin,
) -> Result<Vec<u8>, PlatformError> {
    let mut out = Vec::new();
    while let Some(part) = body.next().await {
        out.extend_from_slice(&part?);
        if out.len() > MOST_BYTES {
            return Err(PlatformError::TooLarge(MOST_BYTES as u64));
        }
    }
    Ok(out)
}

/// What is done last counts: a moment that is still being made is not shown after it.
async fn give_moment_up(tx: &mut Tx, kind: PictureKind, owner: PictureOwnerId) -> Result<(), PlatformError> {
    if kind == PictureKind::Poster {
        tx.pictures().forget_moment(owner.into(), clock::now()).await?;
    }
    Ok(())
}

/// Has a moment of a film made its poster, in the place of one that was chosen before.
pub async fn choose_moment(
    state: &AppState,
    viewer: &Viewer,
    media: &MediaRow,
    moment: ChooseMoment,
) -> Result<(), PlatformError> {
    state.limits.take(RateLimit::Picture, &viewer.id.to_string()).await?;
    if media.kind() == Some(MediaKind::Audio) {
        return Err(MediaError::NoPicture.into());
    }
    // Before that nobody knows where it ends.
    let ready = media.duration_ms.filter(|_| media.status == PackageStatus::Ready);
    let duration_ms = ready.ok_or(MediaError::NotReady)?.unsigned_abs();
    let mut faults = Faults::default();
    faults.demand(moment.at_ms < duration_ms, "at_ms", "before the end of the film").refuse()?;
    let payload = PosterPayload { media: media.id, at_ms: moment.at_ms };
    let payload = serde_json::to_string(&payload).map_err(|_| PlatformError::Internal)?;
    let now = clock::now();
    let task = completion::source_task(media.package_id, media.source_id, TaskKind::Poster, now);
    let mut tx = state.db.begin().await?;
    tx.pictures().choose_moment(media.id, NewTask { payload, cores: 1, ..task }, now).await?;
    tx.commit().await?;
    state.wake.push(1).await;
    Ok(())
}

/// The poster of a media as its owner sees it.
pub async fn poster(state: &AppState, media: &MediaRow, base: &MediaBase) -> Result<Poster, PlatformError> {
    let chosen = state.db.pictures().chosen_moment(media.id).await?;
    // Read after it: of a moment that is there the picture is there too.
    let media = state.db.media().find(media.id).await?.ok_or(PlatformError::NotFound)?;
    Ok(Poster { url: poster_url(&media, base), chosen: chosen.as_ref().and_then(PosterMoment::of) })
}

/// Takes a picture away. Safe to repeat.
pub async fn remove(state: &AppState, kind: PictureKind, owner: PictureOwnerId) -> Result<(), PlatformError> {
    let mut tx = state.db.begin().await?;
    give_moment_up(&mut tx, kind, owner).await?;
    tx.pictures().mark_deleting(kind, owner, clock::now()).await?;
    Ok(tx.commit().await?)
}

/// A picture, and whether everybody may see it: the cover of a private playlist is as private, and the poster of a private
/// media.
pub async fn read(state: &AppState, viewer: Option<&Viewer>, id: PictureId) -> Result<(Bytes, bool), PlatformError> {
    let row = state.db.pictures().find(id).await?.filter(|p| !p.hidden).ok_or(PlatformError::NotFound)?;
    let public = match row.kind {
        PictureKind::Avatar | PictureKind::Banner | PictureKind::Category => true,
        PictureKind::Cover => {
            playlists::visible(state, viewer, row.owner_id.into()).await?;
            playlists::visible(state, None, row.owner_id.into()).await.is_ok()
        }
        PictureKind::Poster => {
            media::visible(state, viewer, row.owner_id.into()).await?.visibility != Visibility::Private
        }
    };
    let size = u64::try_from(row.size_bytes).unwrap_or(0);
    Ok((state.store.read(&Key::Picture(id), 0..size).await?, public))
}
