//! Which presentation a player gets, and how much of it.

use super::{direct::Addresses, error::PlaybackError, event_window};
use crate::{
    identity::access::Ticket,
    pipeline::media::{service as media, service::MediaError},
    state::AppState,
};
use bytes::Bytes;
use futures::Stream;
use sluice_db::{MediaRow, PackageRow, RenditionRow, SegmentRow};
use sluice_hls::{MediaPlaylist, PlaylistType, Rendition, Segment, SegmentKey, multivariant};
use sluice_ingest::sniff::sound_type;
use sluice_model::{
    Encryption, MediaId, MediaKind, PackageId, PackageStatus, RenditionRole, SourceStatus, Timestamp, Visibility, clock,
};
use sluice_storage::{Key, StoreError};
use std::ops::Range;

/// Names of the two media playlists of a rendition: they are two resources, because a list must
/// never change its type.
const COMPLETE: &str = "index.m3u8";
const GROWING: &str = "event.m3u8";
/// Where a rendition's playlist finds its keys: beside the renditions.
const KEYS: &str = "keys";

/// A file of a rendition.
#[derive(Debug)]
pub enum File {
    /// A playlist.
    Playlist(String),
    /// A published object of so many bytes.
    Object { size_bytes: u64, is_public: bool },
    /// An AES key; it is sent so that no client and no cache keeps a copy.
    Key(Vec<u8>),
}

fn in_growing(r: &RenditionRow) -> bool {
    r.role != RenditionRole::Final
}

fn in_complete(r: &RenditionRow) -> bool {
    r.role != RenditionRole::Growing
}

/// The multivariant playlist of a media. A playback token with `max_views` loses a view, unless the
/// player only asks for headers.
pub async fn multivariant_of(
    state: &AppState,
    row: &MediaRow,
    ticket: &Ticket,
    counts: bool,
) -> Result<String, PlaybackError> {
    let renditions = state.db.packages().renditions(row.package_id).await?;
    let package = row.package_id;
    let ready = row.status == PackageStatus::Ready;
    let file = if ready { COMPLETE } else { GROWING };
    let shown: Vec<&RenditionRow> =
        renditions.iter().filter(|r| if ready { in_complete(r) } else { in_growing(r) }).collect();
    // Failed halfway: what was published still plays for those who began, new players are told.
    let encoding = matches!(row.status, PackageStatus::Encoding | PackageStatus::Ready);
    if !encoding || shown.is_empty() || shown.iter().any(|r| r.contiguous == 0) {
        return Err(MediaError::NotPlayable.into());
    }
    let list: Vec<Rendition> = shown.into_iter().map(Rendition::from).collect();
    let before = match ticket {
        Ticket::Token(token) => token.begin_view(state, row, counts).await?,
        Ticket::Viewer(_) => String::new(),
    };
    Ok(multivariant(&list, |name| format!("{before}{package}/{name}/{file}")))
}

/// A file below a media, whose package is or was that media's.
pub async fn file(
    state: &AppState,
    ticket: &Ticket,
    id: MediaId,
    package: PackageId,
    rendition: &str,
    name: &str,
) -> Result<File, PlaybackError> {
    if !is_plain(rendition) || !is_plain(name) {
        return Err(PlaybackError::NotFound);
    }
    let media = media::playable(state, ticket, id).await?;
    if let Ticket::Token(token) = ticket {
        token.opens_parts()?;
    }
    if !state.db.media().has_package(id, package).await? {
        return Err(PlaybackError::NotFound);
    }
    match name {
        _ if rendition == KEYS => key(state, package, name).await,
        COMPLETE => vod_playlist(state, package, rendition).await.map(File::Playlist),
        GROWING => event_playlist(state, package, rendition).await.map(File::Playlist),
        _ => {
            let size =
                state.db.packages().published_object(package, rendition, name).await?.ok_or(PlaybackError::NotFound)?;
            let is_public = media.visibility != Visibility::Private && matches!(ticket, Ticket::Viewer(None));
            Ok(File::Object { size_bytes: size as u64, is_public })
        }
    }
}

async fn key(state: &AppState, package: PackageId, name: &str) -> Result<File, PlaybackError> {
    let number = name.strip_suffix(".key").and_then(|n| n.parse().ok()).ok_or(PlaybackError::NotFound)?;
    state.db.packages().key(package, number).await?.map(File::Key).ok_or(PlaybackError::NotFound)
}

/// Names that this service gives; anything else is not worth a query.
fn is_plain(name: &str) -> bool {
    name.len() <= 64 && !name.starts_with('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

async fn package_row(state: &AppState, package: PackageId) -> Result<PackageRow, PlaybackError> {
    state.db.packages().find(package).await?.ok_or(PlaybackError::NotFound)
}

async fn vod_playlist(state: &AppState, package: PackageId, rendition: &str) -> Result<String, PlaybackError> {
    let row = package_row(state, package).await?;
    let renditions = state.db.packages().renditions(package).await?;
    let r = renditions.iter().find(|r| r.name == rendition && in_complete(r)).ok_or(PlaybackError::NotFound)?;
    if row.status != PackageStatus::Ready {
        return Err(MediaError::NotPlayable.into());
    }
    let segments = state.db.packages().segments(package, rendition, i64::MAX).await?;
    render(state, &row, r, &segments, PlaylistType::Vod, true).await
}

async fn event_playlist(state: &AppState, package: PackageId, rendition: &str) -> Result<String, PlaybackError> {
    let row = package_row(state, package).await?;
    let renditions = state.db.packages().renditions(package).await?;
    let shown: Vec<&RenditionRow> = renditions.iter().filter(|r| in_growing(r)).collect();
    let r = shown.iter().find(|r| r.name == rendition).ok_or(PlaybackError::NotFound)?;
    // One prefix for all: players jump back when renditions differ in length.
    let available = shown.iter().map(|r| r.contiguous).min().unwrap_or(0);
    let finished = shown.iter().all(|r| r.contiguous == r.planned);
    let mut segments = state.db.packages().segments(package, rendition, available).await?;
    let newest = segments.last().map_or(Timestamp::EPOCH, |s| s.published_at);
    let quiet_s = clock::now().duration_since(newest).as_secs_f64();
    let target_s = row.target_s.unwrap_or(6) as f64;
    let count = state
        .db
        .packages()
        .raise_revealed(package, event_window::delivered_segments(available, finished, quiet_s, target_s))
        .await?
        .min(available);
    if count == 0 {
        return Err(MediaError::NotPlayable.into());
    }
    segments.truncate(count as usize);
    render(state, &row, r, &segments, PlaylistType::Event, finished && count == available).await
}

async fn render(
    state: &AppState,
    row: &PackageRow,
    r: &RenditionRow,
    segments: &[SegmentRow],
    playlist_type: PlaylistType,
    ended: bool,
) -> Result<String, PlaybackError> {
    let timescale = r.timescale.max(1) as f64;
    let addresses = Addresses::new(state, row, &r.name, playlist_type);
    let init = r.init_object.clone().ok_or(MediaError::NotPlayable)?;
    let first_at = segments.first().map_or(Timestamp::EPOCH, |s| s.published_at);
    let mut list = Vec::with_capacity(segments.len());
    for s in segments {
        list.push(Segment {
            uri: addresses.of(&s.object, s.published_at).await?,
            duration_s: s.duration_ticks as f64 / timescale,
            key: s.key_number.zip(s.iv.as_ref()).map(|(number, iv)| SegmentKey::of_package(number, iv)),
        });
    }
    let playlist = MediaPlaylist {
        playlist_type,
        target_s: row.target_s.unwrap_or(6) as u64,
        map_uri: addresses.of(&init, first_at).await?,
        segments: list,
        ended,
    };
    Ok(playlist.render())
}

/// The original of a media, as its bytes were uploaded.
#[derive(Debug)]
pub struct Original {
    pub media: MediaRow,
    pub content_type: String,
    /// Whether anybody may have it.
    pub is_open: bool,
}

/// The original of a media, once it is there. Playback tokens do not open it.
pub async fn original(state: &AppState, ticket: &Ticket, id: MediaId) -> Result<Original, PlaybackError> {
    let Ticket::Viewer(viewer) = ticket else { return Err(PlaybackError::NotFound) };
    let row = media::original(state, viewer.as_ref(), id).await?;
    let source = state.db.sources().find(row.source_id).await?.ok_or(PlaybackError::NotFound)?;
    if source.status == SourceStatus::Receiving {
        return Err(MediaError::NotPlayable.into());
    }
    let content_type = match row.kind() {
        Some(MediaKind::Audio) => sound_type(&source.content_type),
        _ => source.content_type,
    };
    let is_open = row.visibility != Visibility::Private && row.encryption == Encryption::None;
    Ok(Original { media: row, content_type, is_open })
}

/// The bytes of a published object.
pub async fn object_bytes(
    state: &AppState,
    key: &Key,
    range: Range<u64>,
) -> Result<impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static + use<>, PlaybackError> {
    Ok(state.store.get(key, range).await?)
}
