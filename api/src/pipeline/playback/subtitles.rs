//! Subtitle renditions: a media's captions as segmented WebVTT, cut where its segments are. They are the media's, not the
//! package's: a track that is added later is there for the next player, and no segment is touched.

use super::{
    error::PlaybackError,
    presentation::{Presented, Selector, present},
};
use crate::{pipeline::media::tracks, state::AppState, text};
use sluice_db::{CaptionsRow, SegmentRow};
use sluice_hls::{MediaPlaylist, PlaylistType, Segment, SubtitleTrack, webvtt_segment};
use sluice_model::{MediaId, PackageId, SubtitleRole};

/// What the names of these renditions begin with; those of a package begin with `v` or `a`.
const PREFIX: &str = "text-";

/// Name of a track as one file, for players that take no segments of it.
pub const WHOLE: &str = "whole.vtt";

/// Which track of a media a rendition's name means: `text-{role}-{language}`.
#[derive(Debug, Clone, Copy)]
pub struct TrackName<'a> {
    role: SubtitleRole,
    language: &'a str,
}

impl<'a> TrackName<'a> {
    /// The track, if it is the name of one.
    pub fn parse(rendition: &'a str) -> Option<Self> {
        let (role, language) = rendition.strip_prefix(PREFIX)?.split_once('-')?;
        Some(Self { role: role.parse().ok()?, language })
    }

    fn of(row: &CaptionsRow) -> String {
        format!("{PREFIX}{}-{}", row.role, row.language)
    }
}

/// The tracks of a media for its multivariant playlist; `uri` names a rendition's media playlist.
pub async fn tracks(
    state: &AppState,
    media: MediaId,
    uri: impl Fn(&str) -> String,
) -> Result<Vec<SubtitleTrack>, PlaybackError> {
    let mut list: Vec<SubtitleTrack> = Vec::new();
    for row in state.db.captions().of_media(media).await? {
        let uri = uri(&TrackName::of(&row));
        list.push(SubtitleTrack::beside(&list, uri, row.language, &row.label, row.role));
    }
    Ok(list)
}

/// The media playlist of a track.
pub async fn playlist(
    state: &AppState,
    media: MediaId,
    package: PackageId,
    track: TrackName<'_>,
    playlist_type: PlaylistType,
) -> Result<String, PlaybackError> {
    let body = body(state, media, track).await?;
    let Presented { package, rendition, segments, ended } =
        present(state, package, playlist_type, Selector::Reference).await?;
    let timescale = rendition.timescale.max(1) as f64;
    // Caches keep segments, so those of another text have another name.
    let version = text::fingerprint(&body);
    let segment = |s: &SegmentRow| Segment {
        uri: format!("{:06}-{version}.vtt", s.sequence),
        duration_s: s.duration_ticks as f64 / timescale,
        key: None,
    };
    let playlist = MediaPlaylist {
        playlist_type,
        target_s: package.target_s.unwrap_or(6) as u64,
        map_uri: None,
        segments: segments.iter().map(segment).collect(),
        ended,
    };
    Ok(playlist.render())
}

/// A segment of a track, `{sequence}-{version}.vtt`, or all of it. Of a text that was replaced meanwhile, players get the new one.
pub async fn segment(
    state: &AppState,
    media: MediaId,
    package: PackageId,
    track: TrackName<'_>,
    file: &str,
) -> Result<String, PlaybackError> {
    if file == WHOLE {
        return body(state, media, track).await;
    }
    let number = file.strip_suffix(".vtt").and_then(|n| n.split_once('-')).and_then(|n| n.0.parse::<u32>().ok());
    let number = i64::from(number.ok_or(PlaybackError::NotFound)?);
    let body = body(state, media, track).await?;
    let renditions = state.db.packages().renditions(package).await?;
    // All are cut alike; those of a second tier may have nothing yet.
    let made: Vec<_> = renditions.iter().filter(|r| r.contiguous > number).collect();
    let reference = Selector::Reference.select(&made).ok_or(PlaybackError::NotFound)?;
    let segments = state.db.packages().segments(package, &reference.name, number + 1).await?;
    let last = segments.last().ok_or(PlaybackError::NotFound)?;
    let ms = |ticks: i64| (ticks as f64 * 1000.0 / reference.timescale.max(1) as f64).round() as u64;
    let until: i64 = segments.iter().map(|s| s.duration_ticks).sum();
    let start_s = tracks::programme_start_s(state, package, &renditions).await?;
    Ok(webvtt_segment(&body, ms(until - last.duration_ticks), ms(until), start_s))
}

async fn body(state: &AppState, media: MediaId, track: TrackName<'_>) -> Result<String, PlaybackError> {
    state.db.captions().body(media, track.language, track.role).await?.ok_or(PlaybackError::NotFound)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_tracks_are_read_back() {
        for (name, role, language) in
            [("text-full-de", SubtitleRole::Full, "de"), ("text-sdh-pt-BR", SubtitleRole::HardOfHearing, "pt-BR")]
        {
            let track = TrackName::parse(name).unwrap();
            assert_eq!((track.role, track.language), (role, language));
        }
        assert!(["v720", "audio", "text-de", "text-x-de", ""].iter().all(|n| TrackName::parse(n).is_none()));
    }
}
