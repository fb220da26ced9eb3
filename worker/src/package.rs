//! A finished package: its playlists as text, its measured bit rates, its report.

use crate::{
    cmaf::InitInfo,
    verify::{
        ObservedIFrames, ObservedPackage, ObservedRendition, ObservedSegment, Report, check, parse_media,
        parse_multivariant,
    },
};
use sluice_hls as hls;
use sluice_hls::{
    FragmentRange, IFRAMES, IFrameSegment, MediaPlaylist, PlaylistType, Segment, SegmentKey, Supplements,
    iframe_playlist, measure, measure_iframes, multivariant,
};
use sluice_model::{MeasuredRates, MediaKind};

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
    pub fragments: Vec<FragmentRange>,
    /// How it is encrypted, if it is.
    pub key: Option<SegmentKey>,
}

/// What is written and stored at the end.
#[derive(Debug)]
pub struct Assembled {
    /// Path within the package and text of every playlist of the final presentation.
    pub playlists: Vec<(String, String)>,
    /// Bit rates by rendition.
    pub measured: Vec<(String, MeasuredRates)>,
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
        let rates = rates(r, target_s);
        r.rendition.peak_bps = Some(rates.peak_bps);
        r.rendition.average_bps = Some(rates.average_bps);
        r.rendition.iframe_bps = rates.iframe_bps;
        measured.push((r.rendition.name.clone(), rates));
    }
    renditions.retain(|r| r.listed);
    let list: Vec<hls::Rendition> = renditions.iter().map(|r| r.rendition.clone()).collect();
    let top = multivariant(&list, &Supplements::default(), media_playlist_name);
    let observed_top = parse_multivariant(&top)?;
    let mut playlists = vec![("index.m3u8".to_owned(), top)];
    let (mut observed, mut iframes) = (Vec::new(), Vec::new());
    for attributes in &observed_top.iframes {
        let uri = attributes.get("URI").cloned().unwrap_or_default();
        let rendition = renditions.iter().find(|r| iframes_name(&r.rendition.name) == uri);
        let text = render_iframes(target_s, rendition.ok_or("I-frames of no rendition")?);
        iframes.push(ObservedIFrames { attributes: attributes.clone(), playlist: parse_media(&text)? });
        playlists.push((uri, text));
    }
    for r in renditions {
        let text = render(target_s, &r);
        let uri = media_playlist_name(&r.rendition.name);
        observed.push(observe(&uri, &text, r)?);
        playlists.push((uri, text));
    }
    let package = ObservedPackage { multivariant: observed_top, renditions: observed, subtitles: Vec::new(), iframes };
    Ok(Assembled { playlists, measured, report: check(&package) })
}

fn iframes_name(rendition: &str) -> String {
    format!("{rendition}/{IFRAMES}")
}

/// What a rendition's segments measure; of pictures their I-frames too.
fn rates(r: &FinishedRendition, target_s: u64) -> MeasuredRates {
    let list: Vec<_> = r.segments.iter().map(|s| (s.bytes, seconds(r.init.timescale, s.duration))).collect();
    let m = measure(&list, target_s as f64);
    let fragments = r.segments.iter().flat_map(|s| &s.fragments);
    let iframes = measure_iframes(fragments, r.init.timescale.into(), target_s);
    let iframe_bps = (r.rendition.kind == MediaKind::Video).then_some(iframes.peak_bps);
    MeasuredRates { peak_bps: m.peak_bps, average_bps: m.average_bps, iframe_bps }
}

fn render_iframes(target_s: u64, r: &FinishedRendition) -> String {
    let segment =
        |s: &FinishedSegment| IFrameSegment { uri: s.name.clone(), fragments: s.fragments.clone(), key: s.key.clone() };
    let segments: Vec<_> = r.segments.iter().map(segment).collect();
    iframe_playlist(target_s, &r.init_name, r.init.timescale.into(), &segments)
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
        map_uri: Some(r.init_name.clone()),
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
