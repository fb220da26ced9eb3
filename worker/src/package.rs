//! A finished package: its playlists as text, its measured bit rates, its report.

use crate::{
    cmaf::InitInfo,
    verify::{ObservedPackage, ObservedRendition, ObservedSegment, Report, check, parse_media, parse_multivariant},
};
use sluice_hls as hls;
use sluice_hls::{Measured, MediaPlaylist, PlaylistType, Segment, SegmentKey, measure, multivariant};

/// A rendition with all its segments.
#[derive(Debug, Clone)]
pub struct FinishedRendition {
    /// As the multivariant playlist needs it.
    pub rendition: hls::Rendition,
    /// Whether the final presentation lists it.
    pub listed: bool,
    /// File name of the init segment.
    pub init_name: String,
    /// What the init segment says.
    pub init: InitInfo,
    /// In order.
    pub segments: Vec<FinishedSegment>,
}

/// A segment as recorded when it was published.
#[derive(Debug, Clone)]
pub struct FinishedSegment {
    /// File name.
    pub name: String,
    /// Size.
    pub bytes: u64,
    /// Decode time, ticks.
    pub start: u64,
    /// Ticks.
    pub duration: u64,
    /// Ticks of every fragment.
    pub fragments: Vec<u64>,
    /// How it is encrypted, if it is.
    pub key: Option<SegmentKey>,
}

/// What is written and stored at the end.
#[derive(Debug)]
pub struct Assembled {
    /// Path within the package and text of every playlist of the final presentation.
    pub playlists: Vec<(String, String)>,
    /// Bit rates by rendition.
    pub measured: Vec<(String, Measured)>,
    /// The checker's word.
    pub report: Report,
}

/// Name of a rendition's media playlist, relative to the multivariant playlist.
pub fn media_playlist_name(rendition: &str) -> String {
    format!("{rendition}/index.m3u8")
}

/// Measures, renders and checks. The error names what the checker could not even read.
pub fn assemble(target_s: u64, mut renditions: Vec<FinishedRendition>) -> Result<Assembled, String> {
    let mut measured = Vec::new();
    for r in &mut renditions {
        let list: Vec<_> = r.segments.iter().map(|s| (s.bytes, seconds(r.init.timescale, s.duration))).collect();
        let m = measure(&list, target_s as f64);
        r.rendition.peak_bps = Some(m.peak_bps);
        r.rendition.average_bps = Some(m.average_bps);
        measured.push((r.rendition.name.clone(), m));
    }
    renditions.retain(|r| r.listed);
    let list: Vec<hls::Rendition> = renditions.iter().map(|r| r.rendition.clone()).collect();
    let top = multivariant(&list, media_playlist_name);
    let observed_top = parse_multivariant(&top)?;
    let mut playlists = vec![("index.m3u8".to_owned(), top)];
    let mut observed = Vec::new();
    for r in renditions {
        let text = render(target_s, &r);
        let uri = media_playlist_name(&r.rendition.name);
        observed.push(observe(&uri, &text, r)?);
        playlists.push((uri, text));
    }
    let report = check(&ObservedPackage { multivariant: observed_top, renditions: observed });
    Ok(Assembled { playlists, measured, report })
}

fn seconds(timescale: u32, ticks: u64) -> f64 {
    ticks as f64 / f64::from(timescale.max(1))
}

fn render(target_s: u64, r: &FinishedRendition) -> String {
    let segment = |s: &FinishedSegment| Segment {
        uri: s.name.clone(),
        duration_s: seconds(r.init.timescale, s.duration),
        key: s.key.clone(),
    };
    let playlist = MediaPlaylist {
        playlist_type: PlaylistType::Vod,
        target_s,
        map_uri: r.init_name.clone(),
        segments: r.segments.iter().map(segment).collect(),
        ended: true,
    };
    playlist.render()
}

/// Segment bytes were checked when they were published; the record stands for them here.
fn observe(uri: &str, text: &str, r: FinishedRendition) -> Result<ObservedRendition, String> {
    let segment = |s: FinishedSegment| ObservedSegment {
        bytes: s.bytes,
        start: s.start,
        duration: s.duration,
        shown: None,
        fragments: s.fragments,
        idr: true,
        joined: true,
        tracks: 1,
    };
    Ok(ObservedRendition {
        uri: uri.to_owned(),
        playlist: parse_media(text)?,
        init: r.init,
        segments: r.segments.into_iter().map(segment).collect(),
    })
}
