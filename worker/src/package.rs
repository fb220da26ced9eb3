//! A finished package: its playlists as text, its measured bit rates, its report.

use crate::{
    cmaf::InitInfo,
    loudness::{SegmentLoudness, of_segments},
    verify::{
        ObservedIFrames, ObservedPackage, ObservedRendition, ObservedSegment, Report, SoundLoudness, check,
        parse_media, parse_multivariant, playlist::ParsedMedia,
    },
};
use sluice_hls as hls;
use sluice_hls::{
    FragmentRange, IFRAMES, IFrameSegment, MediaPlaylist, PlaylistType, Segment, SegmentKey, Supplements,
    iframe_playlist, measure, measure_iframes, multivariant,
};
use sluice_model::{Measured, MediaKind};

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
    /// Of sound that is measured: how loud it is.
    pub loudness: Option<SegmentLoudness>,
}

/// What is written and stored at the end.
#[derive(Debug)]
pub struct Assembled {
    /// Path within the package and text of every playlist of the final presentation.
    pub playlists: Vec<(String, String)>,
    /// Bit rates and loudness by rendition.
    pub measured: Vec<(String, Measured)>,
    /// Renditions that the final presentation does not list because they cost hardly less than a better one.
    pub dropped: Vec<String>,
    /// The checker's word.
    pub report: Report,
}

/// Name of a rendition's media playlist, relative to the multivariant playlist.
pub fn media_playlist_name(rendition: &str) -> String {
    format!("{rendition}/index.m3u8")
}

/// Measures, renders and checks. The error names what the checker could not even read.
pub fn assemble(
    target_s: u64,
    mut renditions: Vec<FinishedRendition>,
    supplements: &Supplements,
) -> Result<Assembled, String> {
    let mut measured = Vec::new();
    for r in &mut renditions {
        let found = measured_of(r, target_s);
        r.rendition.peak_bps = Some(found.peak_bps);
        r.rendition.average_bps = Some(found.average_bps);
        r.rendition.iframe_bps = found.iframe_bps;
        measured.push((r.rendition.name.clone(), found));
    }
    renditions.retain(|r| r.listed);
    let dropped = costly(&renditions);
    renditions.retain(|r| !dropped.contains(&r.rendition.name));
    let list: Vec<hls::Rendition> = renditions.iter().map(|r| r.rendition.clone()).collect();
    let top = multivariant(&list, supplements, media_playlist_name);
    let observed_top = parse_multivariant(&top).map_err(|e| e.to_string())?;
    let mut playlists = vec![("index.m3u8".to_owned(), top)];
    let (mut observed, mut iframes) = (Vec::new(), Vec::new());
    for attributes in &observed_top.iframes {
        let uri = attributes.get("URI").cloned().unwrap_or_default();
        let rendition = renditions.iter().find(|r| iframes_name(&r.rendition.name) == uri);
        let text = render_iframes(target_s, rendition.ok_or("I-frames of no rendition")?);
        iframes.push(ObservedIFrames { attributes: attributes.clone(), playlist: read_back(&text)? });
        playlists.push((uri, text));
    }
    for r in renditions {
        let text = render(target_s, &r);
        let uri = media_playlist_name(&r.rendition.name);
        observed.push(observe(&uri, &text, r)?);
        playlists.push((uri, text));
    }
    let package = ObservedPackage {
        multivariant: observed_top,
        renditions: observed,
        subtitles: Vec::new(),
        iframes,
        unread: Vec::new(),
    };
    let loudness = measured
        .iter()
        .filter(|(name, _)| !dropped.contains(name))
        .filter_map(|(name, m)| Some(SoundLoudness { rendition: name.clone(), loudness: m.loudness? }))
        .collect();
    Ok(Assembled { playlists, measured, dropped, report: Report { loudness, ..check(&package) } })
}

/// The share of the bits of the rendition above it that a rendition may have: one that saves less only makes players change
/// for nothing.
const WORTH: f64 = 0.8;
/// level_idc that every device plays (Apple 1.3a).
const PLAYED_EVERYWHERE: u8 = 41;

/// Names of the renditions that are not worth their place: pictures of one codec, or where there is no picture sounds of one
/// track in so many channels, from the best one down.
fn costly(renditions: &[FinishedRendition]) -> Vec<String> {
    let has_video = renditions.iter().any(|r| r.rendition.size.is_some());
    let mut list: Vec<&FinishedRendition> =
        renditions.iter().filter(|r| r.rendition.size.is_some() == has_video).collect();
    let pixels = |r: &FinishedRendition| r.rendition.size.map_or(0, |(w, h)| w * h);
    let kind = |r: &FinishedRendition| (r.rendition.track.position, r.rendition.channels);
    list.sort_by_key(|r| std::cmp::Reverse((pixels(r), r.rendition.cap_bps)));
    let mut dropped = Vec::new();
    let mut kept: Vec<&FinishedRendition> = Vec::new();
    for r in list {
        let above = kept.iter().rev().find(|k| k.init.entry == r.init.entry && kind(k) == kind(r));
        let Some(above) = above else {
            kept.push(r);
            continue;
        };
        let rates = |r: &FinishedRendition| (r.rendition.average_bps.unwrap_or(0), r.rendition.peak_bps.unwrap_or(0));
        let ((average, peak), (average_above, peak_above)) = (rates(r), rates(above));
        let share = average as f64 / average_above.max(1) as f64;
        // Who has no better device needs one that plays, if it is cheaper at all.
        let needed = plays_everywhere(r) && !kept.iter().any(|k| plays_everywhere(k)) && share < 1.0;
        if (share <= WORTH && peak <= peak_above) || needed {
            kept.push(r);
        } else {
            dropped.push(r.rendition.name.clone());
        }
    }
    dropped
}

fn plays_everywhere(r: &FinishedRendition) -> bool {
    let level = r.init.codecs.strip_prefix("avc1.").and_then(|c| c.get(4..6));
    level.is_none_or(|hex| u8::from_str_radix(hex, 16).is_ok_and(|l| l <= PLAYED_EVERYWHERE))
}

fn iframes_name(rendition: &str) -> String {
    format!("{rendition}/{IFRAMES}")
}

/// What a rendition's segments measure; of pictures their I-frames too, of sound how loud it is.
fn measured_of(r: &FinishedRendition, target_s: u64) -> Measured {
    let list: Vec<_> = r.segments.iter().map(|s| (s.bytes, seconds(r.init.timescale, s.duration))).collect();
    let m = measure(&list, target_s as f64);
    let fragments = r.segments.iter().flat_map(|s| &s.fragments);
    let iframes = measure_iframes(fragments, r.init.timescale.into(), target_s);
    let iframe_bps = (r.rendition.kind == MediaKind::Video).then_some(iframes.peak_bps);
    let loudness = of_segments(r.segments.iter().map(|s| s.loudness.as_ref()));
    Measured { peak_bps: m.peak_bps, average_bps: m.average_bps, iframe_bps, loudness }
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
fn read_back(text: &str) -> Result<ParsedMedia, String> {
    parse_media(text).map_err(|e| e.to_string())
}

fn observe(uri: &str, text: &str, r: FinishedRendition) -> Result<ObservedRendition, String> {
    let segment = |s: FinishedSegment| ObservedSegment {
        bytes: s.bytes,
        start: s.start,
        duration: s.duration,
        shown: None,
        broken: None,
        captioned: false,
        fragments: s.fragments,
        idr: true,
        joined: true,
        tracks: 1,
    };
    Ok(ObservedRendition {
        uri: uri.to_owned(),
        playlist: read_back(text)?,
        init: r.init,
        segments: r.segments.into_iter().map(segment).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use sluice_model::{SoundTrack, VideoRange};

    fn rung(name: &str, size: (u64, u64), level: u8, average: u64, peak: u64) -> FinishedRendition {
        let codecs = format!("avc1.6400{level:02x}");
        let init = InitInfo {
            entry: "avc1".into(),
            codecs: codecs.clone(),
            timescale: 25_000,
            size: Some((size.0 as u16, size.1 as u16)),
            description: String::new(),
            edit_list: false,
        };
        FinishedRendition {
            rendition: hls::Rendition {
                name: name.into(),
                kind: MediaKind::Video,
                size: Some(size),
                rate: Some((25, 1)),
                channels: None,
                codecs,
                cap_bps: peak,
                peak_bps: Some(peak),
                average_bps: Some(average),
                iframe_bps: None,
                video_range: VideoRange::Sdr,
                supplemental_codecs: None,
                track: SoundTrack::default(),
            },
            listed: true,
            init_name: "init.mp4".into(),
            init,
            segments: Vec::new(),
        }
    }

    #[test]
    fn a_rung_that_saves_less_than_a_fifth_is_dropped() {
        let list = |rates: [(u64, u64); 4]| {
            let sizes = [(1280, 720), (854, 480), (640, 360), (426, 240)];
            let rungs = sizes
                .iter()
                .zip(rates)
                .map(|(size, (average, peak))| rung(&format!("v{}", size.1), *size, 31, average, peak));
            costly(&rungs.collect::<Vec<_>>())
        };
        assert_eq!(list([(1000, 1500), (700, 900), (400, 500), (200, 250)]), [""; 0]);
        // A lean original above rungs that are not.
        assert_eq!(list([(400, 600), (700, 900), (330, 500), (200, 250)]), ["v480", "v360"]);
        // Cheaper on the whole, but not where it counts.
        assert_eq!(list([(1000, 1500), (700, 1600), (400, 500), (200, 250)]), ["v480"]);
        // A slide that stands.
        assert_eq!(list([(40, 60), (39, 60), (38, 60), (37, 60)]), ["v480", "v360", "v240"]);
    }

    #[test]
    fn who_cannot_play_the_best_keeps_something_cheaper() {
        let rungs = [rung("v2160", (3840, 2160), 51, 100, 100), rung("v1080", (1920, 1080), 40, 95, 95)];
        assert_eq!(costly(&rungs), [""; 0]);
    }
}
