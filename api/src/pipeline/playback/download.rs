//! Files to download: the segments of a rendition, with those of the sound beside a picture, as one MP4 file that is put
//! together while it is sent. No copy is kept; where each byte lies follows from the sizes of the segments.

use super::{error::PlaybackError, presentation::lists};
use crate::{
    identity::access::Ticket,
    pipeline::media::service::{self as media, MediaError},
    state::AppState,
};
use bytes::Bytes;
use futures::{Stream, StreamExt, stream};
use serde::Serialize;
use sluice_db::{MediaRow, RenditionRow, SegmentRow};
use sluice_hls::PlaylistType;
use sluice_model::{Encryption, MediaId, MediaKind, PackageId, PackageStatus, Visibility};
use sluice_mp4::{Track, header, renumber};
use sluice_storage::{Key, StoreError};
use std::ops::Range;
use utoipa::ToSchema;

/// Fragments of a segment are fewer: one for each picture that needs none before it, in ten seconds.
const FRAGMENTS: u32 = 1024;

/// A file that can be downloaded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Offer {
    /// Name of the file.
    pub name: String,
    pub kind: MediaKind,
    /// Pixels, of video.
    pub width: Option<i64>,
    /// Pixels, of video.
    pub height: Option<i64>,
    /// By the rates of its tracks; the file itself says it exactly.
    pub about_bytes: i64,
}

/// The files of a media: one of each rendition of its complete presentation, the best first; of a film its sound alone, too.
pub async fn offers(state: &AppState, ticket: &Ticket, id: MediaId) -> Result<(MediaRow, Vec<Offer>), PlaybackError> {
    let (media, renditions) = complete(state, ticket, id).await?;
    let sound = renditions.iter().find(|r| r.kind == MediaKind::Audio);
    let seconds = media.duration_ms.unwrap_or(0) as f64 / 1000.0;
    let bytes = |r: &RenditionRow| r.average_bps.unwrap_or(r.cap_bps) as f64 / 8.0 * seconds;
    let offer = |r: &RenditionRow| {
        let beside = sound.filter(|_| r.kind == MediaKind::Video).map_or(0.0, bytes);
        Offer {
            name: file_name(r),
            kind: r.kind,
            width: r.width,
            height: r.height,
            about_bytes: (bytes(r) + beside) as i64,
        }
    };
    let offers = renditions.iter().map(offer).collect();
    Ok((media, offers))
}

fn file_name(r: &RenditionRow) -> String {
    format!("{}.{}", r.name, if r.kind == MediaKind::Video { "mp4" } else { "m4a" })
}

/// The renditions of a media that is complete, for those who may have its original: neither playback tokens nor what is
/// encrypted can be downloaded.
async fn complete(
    state: &AppState,
    ticket: &Ticket,
    id: MediaId,
) -> Result<(MediaRow, Vec<RenditionRow>), PlaybackError> {
    let Ticket::Viewer(viewer) = ticket else { return Err(PlaybackError::NotFound) };
    let media = media::original(state, viewer.as_ref(), id).await?;
    if media.encryption != Encryption::None {
        return Err(PlaybackError::NotFound);
    }
    if media.status != PackageStatus::Ready {
        return Err(MediaError::NotPlayable.into());
    }
    let mut renditions = state.db.packages().renditions(media.package_id).await?;
    renditions.retain(|r| lists(PlaylistType::Vod, r));
    Ok((media, renditions))
}

/// A file that is put together while it is sent.
#[derive(Debug)]
pub struct Download {
    pub media: MediaRow,
    pub content_type: &'static str,
    /// What tells its bytes from those of any other file.
    pub version: String,
    /// Whether anybody may have it.
    pub is_open: bool,
    pub size_bytes: u64,
    head: Bytes,
    parts: Vec<Part>,
}

/// A segment in its place.
#[derive(Debug, Clone)]
struct Part {
    key: Key,
    bytes: u64,
    /// Number of its track.
    track: u32,
    /// Number of its first fragment.
    sequence: u32,
}

/// The file of this name.
pub async fn download(state: &AppState, ticket: &Ticket, id: MediaId, name: &str) -> Result<Download, PlaybackError> {
    let (media, renditions) = complete(state, ticket, id).await?;
    let chosen = renditions.iter().find(|r| file_name(r) == name).ok_or(PlaybackError::NotFound)?;
    let beside = renditions.iter().find(|r| r.kind == MediaKind::Audio && chosen.kind == MediaKind::Video);
    let mut tracks = Vec::new();
    for r in [chosen].into_iter().chain(beside) {
        tracks.push(Source::read(state, media.package_id, r).await?);
    }
    let list: Vec<Track<'_>> = tracks.iter().map(Source::track).collect();
    let head = Bytes::from(header(&list).map_err(|_| PlaybackError::Internal)?);
    let parts = parts(media.package_id, &tracks);
    Ok(Download {
        content_type: if chosen.kind == MediaKind::Video { "video/mp4" } else { "audio/mp4" },
        version: format!("{}-{}", media.package_id, chosen.name),
        is_open: media.visibility != Visibility::Private,
        size_bytes: head.len() as u64 + parts.iter().map(|p| p.bytes).sum::<u64>(),
        media,
        head,
        parts,
    })
}

/// What a track is made of.
struct Source {
    name: String,
    init: Bytes,
    timescale: u64,
    segments: Vec<SegmentRow>,
    /// Bytes and ticks.
    sizes: Vec<(u64, u64)>,
}

impl Source {
    async fn read(state: &AppState, package: PackageId, r: &RenditionRow) -> Result<Self, PlaybackError> {
        let segments = state.db.packages().segments(package, &r.name, i64::MAX).await?;
        let file = r.init_object.clone().ok_or(PlaybackError::Internal)?;
        let key = Key::RenditionFile { package, rendition: r.name.clone(), file };
        let init = state.store.read(&key, 0..r.init_bytes.unwrap_or(0).unsigned_abs()).await?;
        let sizes = segments.iter().map(|s| (s.size_bytes.unsigned_abs(), s.duration_ticks.unsigned_abs())).collect();
        Ok(Self { name: r.name.clone(), init, timescale: r.timescale.unsigned_abs(), segments, sizes })
    }

    fn track(&self) -> Track<'_> {
        let start = self.segments.first().map_or(0, |s| s.start_ticks.unsigned_abs());
        Track { init: &self.init, timescale: self.timescale, start, segments: &self.sizes }
    }
}

/// The segments of one number of all tracks, then those of the next.
fn parts(package: PackageId, tracks: &[Source]) -> Vec<Part> {
    let count = tracks.iter().map(|t| t.segments.len()).max().unwrap_or(0);
    let numbered =
        (0..count).flat_map(|n| (1..).zip(tracks).filter_map(move |(track, t)| Some((track, t, t.segments.get(n)?))));
    let part = |(i, (track, t, s)): (u32, (u32, &Source, &SegmentRow))| Part {
        key: Key::RenditionFile { package, rendition: t.name.clone(), file: s.object.clone() },
        bytes: s.size_bytes.unsigned_abs(),
        track,
        sequence: i * FRAGMENTS + 1,
    };
    (0..).zip(numbered).map(part).collect()
}

impl Download {
    /// A range of the file, one segment after the other.
    pub fn stream(
        self,
        state: &AppState,
        range: Range<u64>,
    ) -> impl Stream<Item = Result<Bytes, StoreError>> + Send + 'static + use<> {
        let store = state.store.clone();
        let head_end = self.head.len() as u64;
        let head = within(&(0..head_end), &range).map(|r| Ok(self.head.slice(r)));
        let mut at = head_end;
        let mut wanted = Vec::new();
        for part in self.parts {
            let span = at..at + part.bytes;
            at = span.end;
            wanted.extend(within(&span, &range).map(|slice| (part, slice)));
        }
        let segments = stream::iter(wanted).then(move |(part, slice)| {
            let store = store.clone();
            async move {
                let mut data = store.read(&part.key, 0..part.bytes).await?.to_vec();
                renumber(&mut data, part.track, part.sequence).map_err(|e| StoreError::Unavailable(e.to_string()))?;
                Ok(Bytes::from(data).slice(slice))
            }
        });
        stream::iter(head).chain(segments)
    }
}

/// What of a span lies in a range, counted from the begin of the span.
fn within(span: &Range<u64>, range: &Range<u64>) -> Option<Range<usize>> {
    let (start, end) = (span.start.max(range.start), span.end.min(range.end));
    (start < end).then(|| (start - span.start) as usize..(end - span.start) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_of_a_span_lies_in_a_range() {
        assert_eq!(within(&(10..20), &(0..100)), Some(0..10));
        assert_eq!(within(&(10..20), &(15..16)), Some(5..6));
        assert_eq!(within(&(10..20), &(5..12)), Some(0..2));
        assert_eq!(within(&(10..20), &(20..30)), None);
        assert_eq!(within(&(10..20), &(0..10)), None);
    }
}
