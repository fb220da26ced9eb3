//! Files to download: the segments of a rendition, with those of the sound beside a picture, as one MP4 file that is put
//! together while it is sent. No copy is kept; where each byte lies follows from the sizes of the segments.

use super::{error::PlaybackError, presentation::lists};
use crate::{
    identity::access::Ticket,
    pipeline::media::service::{self as media, MediaError},
    state::AppState,
};
use bytes::Bytes;
use futures::{Stream, StreamExt, TryStreamExt, stream};
use serde::Serialize;
use sluice_db::{MediaRow, RenditionRow, SegmentRow, default_sound};
use sluice_hls::PlaylistType;
use sluice_model::{Encryption, FragmentRange, MediaId, MediaKind, PackageId, PackageStatus, Visibility};
use sluice_mp4::{Track, header, overwritten};
use sluice_storage::{Key, StoreError};
use std::ops::Range;
use utoipa::ToSchema;

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
    let sound = default_sound(&renditions);
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
    /// What takes the place of four bytes, by where in it.
    writes: Vec<(u64, [u8; 4])>,
}

/// The file of this name.
pub async fn download(state: &AppState, ticket: &Ticket, id: MediaId, name: &str) -> Result<Download, PlaybackError> {
    let (media, renditions) = complete(state, ticket, id).await?;
    let chosen = renditions.iter().find(|r| file_name(r) == name).ok_or(PlaybackError::NotFound)?;
    let beside = default_sound(&renditions).filter(|_| chosen.kind == MediaKind::Video);
    let mut tracks = Vec::new();
    for r in [chosen].into_iter().chain(beside) {
        tracks.push(Source::read(state, media.package_id, r).await?);
    }
    let list: Vec<Track<'_>> = tracks.iter().map(Source::track).collect();
    let head = Bytes::from(header(&list).map_err(|_| PlaybackError::Internal)?);
    let parts = parts(media.package_id, &tracks)?;
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

/// The segments of one number of all tracks, then those of the next. Packages of older versions do not say where their
/// fragments are, and have no downloads.
fn parts(package: PackageId, tracks: &[Source]) -> Result<Vec<Part>, PlaybackError> {
    let count = tracks.iter().map(|t| t.segments.len()).max().unwrap_or(0);
    let (mut parts, mut sequence) = (Vec::new(), 1_u32);
    for n in 0..count {
        for (track, t) in (1..).zip(tracks) {
            let Some(s) = t.segments.get(n) else { continue };
            let fragments: Vec<FragmentRange> = serde_json::from_str(&s.fragments).unwrap_or_default();
            if fragments.is_empty() {
                return Err(PlaybackError::NotFound);
            }
            let mut writes = Vec::with_capacity(fragments.len() * 2);
            for fragment in fragments {
                writes.extend(overwritten(fragment.offset, track, sequence));
                sequence = sequence.wrapping_add(1);
            }
            let key = Key::RenditionFile { package, rendition: t.name.clone(), file: s.object.clone() };
            parts.push(Part { key, bytes: s.size_bytes.unsigned_abs(), writes });
        }
    }
    Ok(parts)
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
        let segments = stream::iter(wanted).then(move |(part, slice): (Part, Range<usize>)| {
            let store = store.clone();
            async move {
                let (start, end) = (slice.start as u64, slice.end as u64);
                let mut at = start;
                let bytes = store.get(&part.key, start..end).await?;
                Ok::<_, StoreError>(bytes.map_ok(move |chunk| {
                    let from = at;
                    at += chunk.len() as u64;
                    written_over(chunk, from, &part.writes)
                }))
            }
        });
        let segments = segments.try_flatten();
        stream::iter(head).chain(segments)
    }
}

/// A piece of a segment that begins at its byte `from`, with what is written over in it.
fn written_over(piece: Bytes, from: u64, writes: &[(u64, [u8; 4])]) -> Bytes {
    let end = from + piece.len() as u64;
    let mut inside = writes.iter().filter(|(at, bytes)| *at < end && at + bytes.len() as u64 > from).peekable();
    if inside.peek().is_none() {
        return piece;
    }
    let mut data = piece.to_vec();
    for (at, bytes) in inside {
        for (place, byte) in (*at..).zip(bytes).filter(|(place, _)| (from..end).contains(place)) {
            data[(place - from) as usize] = *byte;
        }
    }
    data.into()
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
    fn bytes_are_written_over_wherever_pieces_end() {
        let whole: Vec<u8> = (0..40).collect();
        let writes = [(3, [103, 104, 105, 106]), (30, [130, 131, 132, 133])];
        let mut expected = whole.clone();
        writes.iter().for_each(|(at, b)| expected[*at as usize..][..4].copy_from_slice(b));
        for length in 1..=40 {
            let pieces = whole.chunks(length).enumerate();
            let sent: Vec<u8> = pieces
                .flat_map(|(n, p)| written_over(Bytes::copy_from_slice(p), (n * length) as u64, &writes))
                .collect();
            assert_eq!(sent, expected, "pieces of {length}");
        }
    }

    #[test]
    fn what_of_a_span_lies_in_a_range() {
        assert_eq!(within(&(10..20), &(0..100)), Some(0..10));
        assert_eq!(within(&(10..20), &(15..16)), Some(5..6));
        assert_eq!(within(&(10..20), &(5..12)), Some(0..2));
        assert_eq!(within(&(10..20), &(20..30)), None);
        assert_eq!(within(&(10..20), &(0..10)), None);
    }
}
