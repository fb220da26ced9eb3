//! Which presentation a player gets, and how much of it.

use super::{
    dash,
    direct::Addresses,
    error::PlaybackError,
    file::{File, Lifetime, ObjectBytes, TextFile, TextKind},
    images,
    presentation::{Presented, Selector, lists, present},
    subtitles::{self, TrackName},
};
use crate::{
    identity::access::Ticket,
    pipeline::media::{service as media, service::MediaError, tracks},
    state::AppState,
};
use futures::{FutureExt, TryFutureExt, future::BoxFuture};
use sluice_db::{MediaRow, RenditionRow};
use sluice_hls::{
    ChapterMark, IFRAMES, IFrameSegment, MediaPlaylist, PlaylistType, Rendition, Segment, SegmentKey, Supplements,
    chapters_json, iframe_playlist, multivariant,
};
use sluice_ingest::sniff::sound_type;
use sluice_model::{Encryption, MediaId, MediaKind, PackageId, PackageStatus, SourceStatus, Timestamp, Visibility};
use sluice_storage::{IMAGES, Key};
use std::{collections::HashMap, ops::Range, sync::Arc};

/// Names of the two media playlists of a rendition: they are two resources, because a list must
/// never change its type.
const COMPLETE: &str = "index.m3u8";
const GROWING: &str = "event.m3u8";
const MANIFEST: &str = "manifest.mpd";
/// Where a rendition's playlist finds its keys: beside the renditions.
const KEYS: &str = "keys";
/// Where the multivariant playlist finds the chapters: beside the renditions.
const CHAPTERS: &str = "chapters";
const CHAPTERS_JSON: &str = "chapters.json";

/// Which presentation a media playlist belongs to, by its name.
fn presentation(file: &str) -> Option<PlaylistType> {
    match file {
        COMPLETE => Some(PlaylistType::Vod),
        GROWING => Some(PlaylistType::Event),
        _ => None,
    }
}

/// What a player asks for first.
#[derive(Debug, Clone, Copy)]
pub enum Listing {
    /// The multivariant playlist.
    Multivariant,
    /// The DASH manifest.
    Manifest,
}

impl Listing {
    const fn kind(self) -> TextKind {
        match self {
            Self::Multivariant => TextKind::Playlist,
            Self::Manifest => TextKind::Manifest,
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Multivariant => COMPLETE,
            Self::Manifest => MANIFEST,
        }
    }

    /// `before` stands before the paths in it.
    async fn render(self, state: &AppState, row: &MediaRow, before: &str) -> Result<String, PlaybackError> {
        match self {
            Self::Multivariant => multivariant_text(state, row, before).await,
            Self::Manifest => dash::manifest(state, row, before).await,
        }
    }
}

/// The multivariant playlist of a media, or its manifest: the same for everybody, but for tokens whose views are limited. A playback
/// token with `max_views` loses a view, unless the player only asks for headers.
pub async fn listing(
    state: &AppState,
    row: &MediaRow,
    ticket: &Ticket,
    counts: bool,
    which: Listing,
) -> Result<TextFile, PlaybackError> {
    let before = elsewhere(state, row, ticket);
    let make = || {
        async {
            // Read first: what is made meanwhile is found among the tracks.
            let lasts = tracks::are_settled(state, row).await?;
            Ok::<_, PlaybackError>((which.render(state, row, &before).await?, lasts))
        }
        .boxed()
    };
    let name = format!("{before}{}", which.name());
    let mut text = state.decisions.text(row.id, name, make).await?.ok_or(PlaybackError::Internal)?;
    if let Ticket::Token(token) = ticket {
        let before = token.begin_view(state, row, counts).await?;
        if !before.is_empty() {
            text = Arc::new(which.render(state, row, &before).await?.into());
        }
    }
    let lasts = row.status == PackageStatus::Ready && !state.config.playback.direct;
    Ok(TextFile { kind: which.kind(), text, lifetime: Lifetime::listed(lasts && is_public(row, ticket)) })
}

/// Whether everybody may have what this ticket gets.
fn is_public(row: &MediaRow, ticket: &Ticket) -> bool {
    row.visibility != Visibility::Private && matches!(ticket, Ticket::Viewer(None))
}

/// Where the parts of a media are, if not beside its playlist.
fn elsewhere(state: &AppState, row: &MediaRow, ticket: &Ticket) -> String {
    let base = state.config.playback.media_url.as_ref();
    let is_open = row.visibility != Visibility::Private && !row.hidden && matches!(ticket, Ticket::Viewer(_));
    let base = base.filter(|_| is_open);
    base.map(|base| format!("{base}/hls/{}/", row.id)).unwrap_or_default()
}

/// The multivariant playlist with paths that are relative to it, wherever the parts of the media are for others.
pub async fn relative_multivariant(state: &AppState, row: &MediaRow) -> Result<String, PlaybackError> {
    multivariant_text(state, row, "").await
}

async fn multivariant_text(state: &AppState, row: &MediaRow, before: &str) -> Result<String, PlaybackError> {
    let package = row.package_id;
    let ready = row.status == PackageStatus::Ready;
    let renditions = tracks::renditions(state, row, ready).await?;
    let (file, playlist_type) = if ready { (COMPLETE, PlaylistType::Vod) } else { (GROWING, PlaylistType::Event) };
    let shown: Vec<&RenditionRow> = renditions.iter().filter(|r| lists(playlist_type, r)).collect();
    // Failed halfway: what was published still plays for those who began, new players are told.
    let encoding = matches!(row.status, PackageStatus::Encoding | PackageStatus::Ready);
    if !encoding || shown.is_empty() || shown.iter().any(|r| r.contiguous == 0) {
        return Err(MediaError::NotPlayable.into());
    }
    // Tracks that were added are in packages of their own.
    let homes: HashMap<&str, PackageId> = shown.iter().map(|r| (r.name.as_str(), r.package_id)).collect();
    let list: Vec<Rendition> = shown.iter().map(|r| Rendition::from(*r)).collect();
    let uri = |name: &str| format!("{before}{}/{name}/{file}", homes.get(name).unwrap_or(&package));
    let has_chapters = !state.db.chapters().of_media(row.id).await?.is_empty();
    let supplements = Supplements {
        subtitles: subtitles::tracks(state, row.id, uri).await?,
        chapters_uri: has_chapters.then(|| format!("{before}{package}/{CHAPTERS}/{CHAPTERS_JSON}")),
    };
    Ok(multivariant(&list, &supplements, uri))
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
    let status = state.decisions.package(&state.db, id, package).await?.ok_or(PlaybackError::NotFound)?;
    let of = Asked {
        state,
        media: &media,
        package,
        rendition,
        name,
        is_complete: status == PackageStatus::Ready,
        is_public: is_public(&media, ticket),
    };
    let track = TrackName::parse(rendition);
    match (track, presentation(name)) {
        _ if rendition == KEYS => key(state, package, name).await,
        _ if rendition == IMAGES => images::file(state, &media, package, name, of.is_public).await,
        _ if rendition == CHAPTERS && name == CHAPTERS_JSON => {
            of.text(TextKind::Json, Lifetime::listed, || chapters(state, &media).boxed()).await
        }
        (Some(t), Some(kind)) => {
            of.text(TextKind::Playlist, Lifetime::listed, || subtitles::playlist(state, id, package, t, kind).boxed())
                .await
        }
        (Some(t), None) => {
            let lifetime = if name == subtitles::WHOLE { Lifetime::listed } else { Lifetime::complete };
            of.text(TextKind::Vtt, lifetime, || subtitles::segment(state, id, package, t, name).boxed()).await
        }
        (None, None) if name == IFRAMES => {
            of.text(TextKind::Playlist, Lifetime::complete, || iframes(state, package, rendition).boxed()).await
        }
        (None, Some(kind)) => {
            of.text(TextKind::Playlist, Lifetime::complete, || media_playlist(state, package, rendition, kind).boxed())
                .await
        }
        (None, None) => of.object().await,
    }
}

/// A file that is asked for by somebody who may have it.
struct Asked<'a> {
    state: &'a AppState,
    media: &'a MediaRow,
    package: PackageId,
    rendition: &'a str,
    name: &'a str,
    /// Whether its package is ready: what is in it changes no more.
    is_complete: bool,
    /// Whether everybody may have it.
    is_public: bool,
}

impl Asked<'_> {
    /// A text; of a package that is ready it is made once for all who ask within a second.
    async fn text<'f>(
        &self,
        kind: TextKind,
        lifetime: fn(bool) -> Lifetime,
        make: impl FnOnce() -> BoxFuture<'f, Result<String, PlaybackError>>,
    ) -> Result<File, PlaybackError> {
        // Presigned URLs end, and are for one person.
        let lifetime = lifetime(self.is_public && self.is_complete && !self.state.config.playback.direct);
        if !self.is_complete {
            return Ok(File::Text(TextFile { kind, text: Arc::new(make().await?.into()), lifetime }));
        }
        let name = format!("{}/{}/{}", self.package, self.rendition, self.name);
        let make = || make().map_ok(|text| (text, true)).boxed();
        let text = self.state.decisions.text(self.media.id, name, make).await?.ok_or(PlaybackError::Internal)?;
        Ok(File::Text(TextFile { kind, text, lifetime }))
    }

    /// A published object, by its name or by its number.
    async fn object(&self) -> Result<File, PlaybackError> {
        let Self { state, package, rendition, name, is_public, .. } = *self;
        let number = dash::number(name);
        let (name, size_bytes) = if self.is_complete {
            let mut objects = state.objects.of(&state.db, package, rendition).await?;
            // What was made again because it was lost (`fsck --repair`) has other names.
            let is_strange = number.is_none() && objects.size_bytes(name).is_none();
            if is_strange && state.db.packages().published_object(package, rendition, name).await?.is_some() {
                objects = state.objects.again(&state.db, package, rendition).await?;
            }
            let name = number.map_or(Some(name), |n| objects.segment(n)).ok_or(PlaybackError::NotFound)?;
            (name.to_owned(), objects.size_bytes(name))
        } else {
            let name = match number {
                Some(number) => state.db.packages().segment_object(package, rendition, number).await?,
                None => Some(name.to_owned()),
            };
            let name = name.ok_or(PlaybackError::NotFound)?;
            let size = state.db.packages().published_object(package, rendition, &name).await?;
            (name, size.map(i64::unsigned_abs))
        };
        let size_bytes = size_bytes.ok_or(PlaybackError::NotFound)?;
        let key = Key::RenditionFile { package, rendition: rendition.to_owned(), file: name.clone() };
        Ok(File::Object { key, tag: name, size_bytes, is_public })
    }
}

async fn key(state: &AppState, package: PackageId, name: &str) -> Result<File, PlaybackError> {
    let number = name.strip_suffix(".key").and_then(|n| n.parse().ok()).ok_or(PlaybackError::NotFound)?;
    state.db.packages().key(package, number).await?.map(File::Key).ok_or(PlaybackError::NotFound)
}

async fn chapters(state: &AppState, media: &MediaRow) -> Result<String, PlaybackError> {
    let marks: Vec<ChapterMark> =
        state.db.chapters().of_media(media.id).await?.into_iter().map(ChapterMark::from).collect();
    Ok(chapters_json(&marks, media.duration_ms.unwrap_or(0).unsigned_abs()))
}

/// Names that this service gives; anything else is not worth a query.
fn is_plain(name: &str) -> bool {
    name.len() <= 64 && !name.starts_with('.') && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b))
}

/// The I-frame playlist of a rendition, where its multivariant playlist names one.
async fn iframes(state: &AppState, package: PackageId, rendition: &str) -> Result<String, PlaybackError> {
    let Presented { package: row, rendition: r, segments, .. } =
        present(state, package, PlaylistType::Vod, Selector::Named(rendition)).await?;
    if r.iframe_bps.is_none() {
        return Err(PlaybackError::NotFound);
    }
    let addresses = Addresses::new(state, &row, &r.name, PlaylistType::Vod);
    let mut list = Vec::with_capacity(segments.len());
    for s in &segments {
        let fragments = serde_json::from_str(&s.fragments).map_err(|_| PlaybackError::Internal)?;
        let key = s.key_number.zip(s.iv.as_ref()).map(|(number, iv)| SegmentKey::of_package(number, iv));
        list.push(IFrameSegment { uri: addresses.of(&s.object, s.published_at).await?, fragments, key });
    }
    let first_at = segments.first().map_or(Timestamp::EPOCH, |s| s.published_at);
    let init = addresses.of(&r.init_object.ok_or(MediaError::NotPlayable)?, first_at).await?;
    Ok(iframe_playlist(row.target_s.unwrap_or(6) as u64, &init, r.timescale.unsigned_abs(), &list))
}

async fn media_playlist(
    state: &AppState,
    package: PackageId,
    rendition: &str,
    playlist_type: PlaylistType,
) -> Result<String, PlaybackError> {
    let Presented { package: row, rendition: r, segments, ended } =
        present(state, package, playlist_type, Selector::Named(rendition)).await?;
    let timescale = r.timescale.max(1) as f64;
    let addresses = Addresses::new(state, &row, &r.name, playlist_type);
    let init = r.init_object.ok_or(MediaError::NotPlayable)?;
    let first_at = segments.first().map_or(Timestamp::EPOCH, |s| s.published_at);
    let mut list = Vec::with_capacity(segments.len());
    for s in &segments {
        list.push(Segment {
            uri: addresses.of(&s.object, s.published_at).await?,
            duration_s: s.duration_ticks as f64 / timescale,
            key: s.key_number.zip(s.iv.as_ref()).map(|(number, iv)| SegmentKey::of_package(number, iv)),
        });
    }
    let playlist = MediaPlaylist {
        playlist_type,
        target_s: row.target_s.unwrap_or(6) as u64,
        map_uri: Some(addresses.of(&init, first_at).await?),
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
    if row.is_clip {
        return Err(MediaError::NoOriginal.into());
    }
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

/// A range of a published object of `size_bytes`: from memory, or as it is read.
pub async fn object_bytes(
    state: &AppState,
    key: &Key,
    size_bytes: u64,
    range: Range<u64>,
) -> Result<ObjectBytes, PlaybackError> {
    let held = state.segments.read(&state.store, key, size_bytes, range.end - range.start).await?;
    Ok(match held {
        Some(bytes) => ObjectBytes::Held(bytes.slice(range.start as usize..range.end as usize)),
        None => ObjectBytes::Read(state.store.get(key, range).await?),
    })
}
