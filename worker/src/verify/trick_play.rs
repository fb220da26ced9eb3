//! Rules of I-frame playlists (Apple's section 6).

use super::{
    playlist::ParsedMedia,
    report::{Finding, Level},
    rules::ObservedRendition,
};
use std::collections::BTreeMap;

/// An I-frame playlist as read.
#[derive(Debug, Clone)]
pub struct ObservedIFrames {
    /// EXT-X-I-FRAME-STREAM-INF.
    pub attributes: BTreeMap<String, String>,
    pub playlist: ParsedMedia,
}

impl ObservedIFrames {
    fn uri(&self) -> &str {
        self.attributes.get("URI").map_or("", String::as_str)
    }

    /// The rendition whose segments the playlist points into: the one beside it.
    fn rendition<'a>(&self, all: &'a [ObservedRendition]) -> Option<&'a ObservedRendition> {
        let folder = |uri: &str| uri.rsplit_once('/').map_or(String::new(), |p| p.0.to_owned());
        all.iter().find(|r| folder(&r.uri) == folder(self.uri()))
    }
}

/// What is found of the I-frame playlists beside renditions. Complete pictures have some.
pub fn findings(list: &[ObservedIFrames], renditions: &[ObservedRendition]) -> Vec<Finding> {
    let complete = renditions.iter().all(|r| r.playlist.ended);
    let wanted = complete && renditions.iter().any(|r| r.init.size.is_some());
    let each = |broken: &dyn Fn(&ObservedIFrames) -> Option<String>| {
        list.iter().filter_map(|i| broken(i).map(|b| format!("{}: {b}", i.uri()))).collect::<Vec<_>>()
    };
    let missing = |name: &'static str| {
        each(&move |i: &ObservedIFrames| (!i.attributes.contains_key(name)).then(|| "missing".to_owned()))
    };
    let none = if list.is_empty() { vec!["none".to_owned()] } else { Vec::new() };
    let only = each(&|i| (!i.playlist.iframes_only).then(|| "missing".to_owned()));
    let found = [
        ("6.1", "I-frame playlists", wanted, none),
        ("6.8", "EXT-X-I-FRAMES-ONLY in I-frame playlists", !list.is_empty(), only),
        ("9.3", "CODECS on every I-frame playlist", !list.is_empty(), missing("CODECS")),
        ("9.4", "RESOLUTION on every I-frame playlist", !list.is_empty(), missing("RESOLUTION")),
        ("6.10", "ranges of I-frames hold moof and picture", !list.is_empty(), each(&|i| misplaced(i, renditions))),
    ];
    found
        .into_iter()
        .map(|(rule, text, applies, details)| Finding::of(Level::Must, rule, text, applies, details))
        .collect()
}

/// What is wrong with the ranges of a playlist, held against the fragments of the segments.
fn misplaced(list: &ObservedIFrames, renditions: &[ObservedRendition]) -> Option<String> {
    let Some(rendition) = list.rendition(renditions) else { return Some("no rendition beside it".to_owned()) };
    let segments: BTreeMap<&str, _> =
        rendition.playlist.segments.iter().map(|s| s.0.as_str()).zip(&rendition.segments).collect();
    for ((uri, seconds), range) in list.playlist.segments.iter().zip(&list.playlist.ranges) {
        let Some((length, offset)) = range else { return Some(format!("{uri} without a range")) };
        let fragments = segments.get(uri.as_str()).map_or(&[][..], |s| &s.fragments);
        let Some(fragment) = fragments.iter().find(|f| f.offset == *offset) else {
            return Some(format!("{uri} has no fragment at {offset}"));
        };
        if *length < fragment.key_bytes || *length > fragment.bytes {
            return Some(format!("{length} bytes at {offset} of {uri} instead of {}", fragment.key_bytes));
        }
        let real = fragment.ticks as f64 / f64::from(rendition.init.timescale.max(1));
        if (seconds - real).abs() > 0.002 {
            return Some(format!("{seconds} s at {offset} of {uri} instead of {real:.3}"));
        }
    }
    None
}
