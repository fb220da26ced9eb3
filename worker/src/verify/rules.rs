//! The rules of a package. Each says when it applies; what does not apply is never a pass.

use super::{
    captions,
    playlist::{ParsedMedia, ParsedMultivariant, ParsedVariant},
    report::{Finding, Level, Report},
    sounds,
    subtitles::{self, ObservedSubtitles},
    top_rates,
    trick_play::{self, ObservedIFrames},
};
use crate::cmaf::InitInfo;
use sluice_hls::{FragmentRange, Measured, measure};
use sluice_model::VideoRange;
use std::collections::{BTreeMap, BTreeSet};

/// A package as read, from files or from the database.
#[derive(Debug, Clone)]
pub struct ObservedPackage {
    pub multivariant: ParsedMultivariant,
    pub renditions: Vec<ObservedRendition>,
    pub subtitles: Vec<ObservedSubtitles>,
    pub iframes: Vec<ObservedIFrames>,
    /// What is named and is not there, or is not what it is called; nothing more of it is judged.
    pub unread: Vec<String>,
}

/// A rendition as read.
#[derive(Debug, Clone)]
pub struct ObservedRendition {
    /// As the multivariant playlist names it.
    pub uri: String,
    pub playlist: ParsedMedia,
    pub init: InitInfo,
    pub segments: Vec<ObservedSegment>,
}

/// A segment as read.
#[derive(Debug, Clone)]
pub struct ObservedSegment {
    pub bytes: u64,
    /// Ticks.
    pub start: u64,
    /// Ticks.
    pub duration: u64,
    /// When its first picture or sound is presented and the smallest composition offset, ticks; where its boxes were read.
    pub shown: Option<(i64, i64)>,
    pub fragments: Vec<FragmentRange>,
    /// What is wrong with its pictures, where their bytes were read.
    pub broken: Option<String>,
    /// Whether captions are in one of its pictures, where their bytes were read.
    pub captioned: bool,
    /// Whether it begins with an IDR; true for sound.
    pub idr: bool,
    /// Whether its fragments join and begin with sync samples.
    pub joined: bool,
    pub tracks: usize,
}

impl ObservedRendition {
    fn is_video(&self) -> bool {
        self.init.size.is_some()
    }

    fn seconds(&self, ticks: u64) -> f64 {
        ticks as f64 / f64::from(self.init.timescale.max(1))
    }

    fn duration_s(&self) -> f64 {
        self.seconds(self.segments.iter().map(|s| s.duration).sum())
    }

    fn measured(&self) -> Measured {
        let list: Vec<_> = self.segments.iter().map(|s| (s.bytes, self.seconds(s.duration))).collect();
        measure(&list, self.playlist.target_s as f64)
    }
}

/// A frame of AAC at 32 kHz: sound is cut at its own frames.
const MOST_APART_S: f64 = 0.033;
/// Bits a second that cellular networks carry (Apple 9.21).
const CELLULAR_BPS: u64 = 192_000;
/// Short side of a picture that is for small screens, pixels.
const SMALL: u16 = 240;

struct Checker<'a> {
    package: &'a ObservedPackage,
    report: Report,
}

/// Holds every rule against the package.
pub fn check(package: &ObservedPackage) -> Report {
    let mut c = Checker { package, report: Report::default() };
    c.segments();
    c.codecs();
    c.playlists();
    c.multivariant();
    c.ranges();
    c.bit_rates();
    c.beside();
    if package.multivariant.variants.is_empty() {
        // A media playlist alone: what a multivariant playlist would say is nobody's fault.
        c.report.leave_out(OF_VARIANTS);
    }
    c.report
}

/// Rules of variants, and of renditions beside one another.
const OF_VARIANTS: &[&str] = &["1.5", "1.3a", "1.19", "1.26", "1.27", "8.10", "R4.3.4.2", "9."];

impl Checker<'_> {
    fn add(&mut self, level: Level, rule: &'static str, text: &'static str, applies: bool, details: Vec<String>) {
        self.report.findings.push(Finding::of(level, rule, text, applies, details));
    }

    fn must(&mut self, rule: &'static str, text: &'static str, details: Vec<String>) {
        self.add(Level::Must, rule, text, true, details);
    }

    fn should(&mut self, rule: &'static str, text: &'static str, details: Vec<String>) {
        self.add(Level::Should, rule, text, true, details);
    }

    /// A complaint for every segment that `broken` has one for.
    fn each_segment(
        &self,
        broken: impl Fn(&ObservedRendition, usize, &ObservedSegment) -> Option<String>,
    ) -> Vec<String> {
        let all =
            self.package.renditions.iter().flat_map(|r| r.segments.iter().enumerate().map(move |(i, s)| (r, i, s)));
        all.filter_map(|(r, i, s)| broken(r, i, s).map(|b| format!("{} segment {i}: {b}", r.uri))).collect()
    }

    /// A complaint for every rendition that `broken` has one for.
    fn each(&self, broken: impl Fn(&ObservedRendition) -> Option<String>) -> Vec<String> {
        self.package.renditions.iter().filter_map(|r| broken(r).map(|b| format!("{}: {b}", r.uri))).collect()
    }

    fn each_variant(&self, broken: impl Fn(&ParsedVariant) -> Option<String>) -> Vec<String> {
        self.package.multivariant.variants.iter().filter_map(|v| broken(v).map(|b| format!("{}: {b}", v.uri))).collect()
    }

    fn has_video(&self) -> bool {
        self.package.renditions.iter().any(ObservedRendition::is_video)
    }

    fn segments(&mut self) {
        let video = self.has_video();
        self.must("R6.2.1", "every file that is named is there and is what it is called", self.package.unread.clone());
        let d = self.each_segment(|_, _, s| s.broken.clone());
        self.add(Level::Must, "R", "pictures are whole, and each is shown at a time of its own", video, d);
        let d = self.each_segment(|_, _, s| (!s.idr).then(|| "no IDR at its start".to_owned()));
        self.add(Level::Must, "7.4", "every video segment starts with an IDR", video, d);
        let d = self.each_segment(|r, _, s| {
            let longest = s.fragments.iter().map(|f| f.ticks).max().map_or(0.0, |t| r.seconds(t));
            (r.is_video() && longest > 2.05).then(|| format!("{longest:.3} s between IDRs"))
        });
        self.add(Level::Should, "1.13", "an IDR every 2 s", video, d);
        let d = self.each_segment(|r, i, s| {
            let before = i.checked_sub(1).and_then(|i| r.segments.get(i));
            let expected = before.map_or(s.start, |b| b.start + b.duration);
            (s.start != expected || !s.joined).then(|| format!("tfdt {} instead of {expected}", s.start))
        });
        self.must("7.3", "tfdt is the previous decode time plus its duration", d);
        let d = self.each_segment(|r, _, s| {
            let (length, limit) = (r.seconds(s.duration), r.playlist.target_s as f64 + 0.5);
            (length > limit).then(|| format!("{length:.3} s"))
        });
        self.must("7.7", "no segment is longer than the target duration and half a second", d);
        let d = self.each_segment(|r, i, _| {
            let listed = r.playlist.segments.get(i).map_or(0.0, |s| s.1);
            (listed.round() > r.playlist.target_s as f64).then(|| format!("EXTINF {listed}"))
        });
        self.must("R4.3.3.1", "rounded EXTINF is at most the target duration", d);
        let d = self.each(drift);
        self.must("8.1", "EXTINF sums are within one frame of the real duration over any run", d);
        let d = self.each_segment(|_, _, s| (s.tracks != 1).then(|| format!("{} tracks", s.tracks)));
        self.must("2.17", "one stream per segment", d);
        let d = self.each(|r| r.init.edit_list.then(|| "has an edit list".to_owned()));
        self.should("7.3", "init segments carry no edit list", d);
        let d =
            self.each_segment(|_, _, s| s.shown.filter(|(_, offset)| *offset < 0).map(|(_, o)| format!("{o} ticks")));
        self.should("R", "no composition offset is negative", d);
        self.beginnings();
    }

    /// Players that take time stamps as they are show sound and picture together only if both begin together.
    fn beginnings(&mut self) {
        let first = |r: &ObservedRendition| {
            let (at, _) = r.segments.first()?.shown?;
            Some(at as f64 / f64::from(r.init.timescale.max(1)))
        };
        let earliest = self.package.renditions.iter().filter_map(first).fold(f64::MAX, f64::min);
        let d = self.each(|r| {
            let late = first(r)? - earliest;
            (late > MOST_APART_S).then(|| format!("{:.0} ms after the others", late * 1000.0))
        });
        self.must("R6.2.4", "all renditions begin at the same time", d);
    }

    fn codecs(&mut self) {
        let video = self.has_video();
        let d = self.each(|r| {
            (!matches!(r.init.entry.as_str(), "avc1" | "hvc1" | "hev1" | "av01" | "mp4a")).then(|| r.init.entry.clone())
        });
        self.must("1.1", "H.264, HEVC or AV1 pictures and AAC sound", d);
        let avc = |r: &ObservedRendition| r.init.entry == "avc1";
        let d = if self.package.renditions.iter().any(avc) { Vec::new() } else { vec!["none".to_owned()] };
        self.add(Level::Must, "1.5", "H.264 variants beside those of other codecs", video, d);
        let hevc = |r: &ObservedRendition| r.init.codecs.starts_with("hvc1.");
        let d = self.each(|r| (hevc(r) && !hevc_fits(&r.init.codecs)).then(|| r.init.codecs.clone()));
        self.add(Level::Must, "1.6b", "HEVC at most Main 10, level 5.1", self.package.renditions.iter().any(hevc), d);
        let level =
            |r: &ObservedRendition| u8::from_str_radix(r.init.codecs.get(9..11).unwrap_or("ff"), 16).unwrap_or(u8::MAX);
        let d = self.each(|r| (avc(r) && level(r) > 52).then(|| r.init.codecs.clone()));
        self.add(Level::Must, "1.3b", "H.264 level at most 5.2", video, d);
        let plain = self.package.renditions.iter().any(|r| avc(r) && level(r) <= 41);
        let d = if plain { Vec::new() } else { vec!["none".to_owned()] };
        self.add(Level::Should, "1.3a", "a variant of at most level 4.1", video, d);
        let d = self.each(|r| (r.init.entry == "hev1").then(|| r.init.entry.clone()));
        self.add(Level::Should, "1.10", "sample entries avc1 and hvc1", video, d);
        let sound = self.package.renditions.iter().any(|r| !r.is_video());
        let d = self.each(|r| (!r.is_video() && r.init.codecs != "mp4a.40.2").then(|| r.init.codecs.clone()));
        self.add(Level::Must, "2.3", "AAC-LC sound", sound, d);
    }

    fn playlists(&mut self) {
        let d = self.each(|r| (r.playlist.version < 6).then(|| format!("version {}", r.playlist.version)));
        self.must("R4.3.1.2", "EXT-X-VERSION at least 6 with EXT-X-MAP", d);
        let target = self.package.renditions.first().map_or(0, |r| r.playlist.target_s);
        let d = self.each(|r| (r.playlist.target_s != target).then(|| format!("{}", r.playlist.target_s)));
        self.must("8.2", "one target duration in all playlists", d);
        let spans: Vec<f64> = self.package.renditions.iter().map(ObservedRendition::duration_s).collect();
        let longest = spans.iter().copied().fold(0.0, f64::max);
        let d = self
            .each(|r| (longest - r.duration_s() > 0.15).then(|| format!("{:.3} s of {longest:.3} s", r.duration_s())));
        self.must("8.3", "sound and picture span the same time", d);
        let kinds: Vec<_> = self.package.renditions.iter().map(|r| r.playlist.playlist_type.clone()).collect();
        let d = self.each(|r| (Some(&r.playlist.playlist_type) != kinds.first()).then(|| "another type".to_owned()));
        self.must("R6.2.4", "equal playlist types", d);
        let d = self.each(|r| match r.playlist.playlist_type.as_deref() {
            Some("VOD") if r.playlist.ended => None,
            Some("EVENT") => None,
            other => Some(format!("{other:?}, ended: {}", r.playlist.ended)),
        });
        self.must("8.6", "complete lists are VOD, growing ones EVENT", d);
        let d = self.each(|r| {
            (r.playlist.discontinuities != 0 || r.playlist.media_sequence != 0).then(|| "discontinuity".to_owned())
        });
        self.must("8.15", "equal numbering and discontinuities", d);
        let video: Vec<_> = self.package.renditions.iter().filter(|r| r.is_video()).collect();
        let cuts =
            |r: &ObservedRendition| r.segments.iter().map(|s| (r.seconds(s.start) * 1e6) as u64).collect::<Vec<_>>();
        let first = video.first().map(|r| cuts(r));
        let differs = |r: &&&ObservedRendition| Some(cuts(r)) != first;
        let d = video.iter().filter(differs).map(|r| r.uri.clone()).collect();
        self.add(Level::Should, "8.22", "aligned segment boundaries", video.len() > 1, d);
    }

    fn multivariant(&mut self) {
        let video = self.has_video();
        let missing =
            |name: &'static str| move |v: &ParsedVariant| (!v.attributes.contains_key(name)).then(|| name.to_owned());
        let d = self.each_variant(missing("CODECS"));
        self.must("9.1", "CODECS on every variant", d);
        let d = self.each_variant(missing("RESOLUTION"));
        self.add(Level::Must, "9.2", "RESOLUTION on every variant", video, d);
        let d = self.each_variant(missing("AVERAGE-BANDWIDTH"));
        self.must("9.14", "AVERAGE-BANDWIDTH on every variant", d);
        let d = self.each_variant(missing("FRAME-RATE"));
        self.add(Level::Must, "9.15", "FRAME-RATE on every variant", video, d);
        let independent = self.package.multivariant.independent;
        let d = if independent { Vec::new() } else { vec!["missing".to_owned()] };
        self.must("9.12", "EXT-X-INDEPENDENT-SEGMENTS", d);
        let d = self.each_variant(|v| {
            let listed: Vec<&str> = v.attributes.get("CODECS").map_or(Vec::new(), |c| c.split(',').collect());
            let parts = self.parts(v);
            parts
                .iter()
                .find(|r| !listed.iter().any(|l| names(l, &r.init.codecs)))
                .map(|r| format!("{} is missing", r.init.codecs))
        });
        self.must("R4.3.4.2", "CODECS lists every format of the variant", d);
        let d = self.each_variant(|v| {
            let (w, h) = self.parts(v).iter().find_map(|r| r.init.size)?;
            let real = format!("{w}x{h}");
            (v.attributes.get("RESOLUTION") != Some(&real)).then_some(real)
        });
        self.add(Level::Must, "R4.3.4.2", "RESOLUTION is that of the picture", video, d);
        let rate =
            |v: &ParsedVariant| v.attributes.get("FRAME-RATE").and_then(|f| f.parse::<f64>().ok()).unwrap_or(0.0);
        let d = self.each_variant(|v| (rate(v) > 60.0).then(|| format!("{}", rate(v))));
        self.add(Level::Must, "1.19", "at most 60 frames a second", video, d);
        let d: Vec<String> = self
            .package
            .multivariant
            .media
            .iter()
            .filter(|m| !m.contains_key("LANGUAGE"))
            .map(|m| format!("{m:?}"))
            .collect();
        self.add(Level::Must, "8.10", "LANGUAGE on every EXT-X-MEDIA", !self.package.multivariant.media.is_empty(), d);
        let shapes: Vec<f64> = self
            .package
            .renditions
            .iter()
            .filter_map(|r| r.init.size)
            .map(|(w, h)| f64::from(w) / f64::from(h))
            .collect();
        let (low, high) = shapes.iter().fold((f64::MAX, 0.0_f64), |(l, h), s| (l.min(*s), h.max(*s)));
        let d = if high - low > high * 0.02 { vec![format!("{low:.3} to {high:.3}")] } else { Vec::new() };
        self.add(Level::Should, "1.33", "equal aspect ratios", shapes.len() > 1, d);
    }

    /// HDR variants say so, and are never alone.
    fn ranges(&mut self) {
        let range = |v: &ParsedVariant| v.attributes.get("VIDEO-RANGE").cloned();
        let variants = &self.package.multivariant.variants;
        let hdr = variants.iter().any(|v| range(v).is_some_and(|r| r != VideoRange::Sdr.as_str()));
        let plain = variants.iter().any(|v| range(v).is_none_or(|r| r == VideoRange::Sdr.as_str()));
        let d = if plain { Vec::new() } else { vec!["none".to_owned()] };
        self.add(Level::Must, "1.24", "SDR variants beside HDR ones", hdr, d);
        let d = self.each_variant(|v| range(v).is_none().then(|| "VIDEO-RANGE".to_owned()));
        self.add(Level::Must, "9.16", "VIDEO-RANGE on every variant unless all are SDR", hdr, d);
    }

    fn bit_rates(&mut self) {
        let complete = self.package.renditions.iter().all(|r| r.playlist.ended);
        let near = |stated: Option<&String>, real: u64| {
            let stated = stated.and_then(|s| s.parse::<u64>().ok()).unwrap_or(0);
            (stated.abs_diff(real) * 10 > stated).then(|| format!("{stated} stated, {real} measured"))
        };
        // A player plays one of the group beside the variant.
        let sum = |v: &ParsedVariant, of: fn(&Measured) -> u64| {
            let (own, group) = self.parts(v).into_iter().partition::<Vec<_>, _>(|r| r.uri == v.uri);
            let rates = |list: Vec<&ObservedRendition>| list.into_iter().map(|r| of(&r.measured())).max().unwrap_or(0);
            // Where there is no picture, the variant is one of the group.
            let alone = own.iter().all(|r| !r.is_video());
            let (own, group) = (rates(own), rates(group));
            if alone { own.max(group) } else { own + group }
        };
        let average = self.each_variant(|v| near(v.attributes.get("AVERAGE-BANDWIDTH"), sum(v, |m| m.average_bps)));
        let peak = self.each_variant(|v| near(v.attributes.get("BANDWIDTH"), sum(v, |m| m.peak_bps)));
        let steep = self.each(|r| {
            let m = r.measured();
            (m.peak_bps > 2 * m.average_bps).then(|| format!("{} over {}", m.peak_bps, m.average_bps))
        });
        self.add(Level::Must, "1.26", "AVERAGE-BANDWIDTH is within a tenth of the average", complete, average);
        self.add(Level::Must, "1.27", "BANDWIDTH is within a tenth of the peak", complete, peak);
        self.add(Level::Should, "1.30", "the peak is at most twice the average", complete, steep);
        // A small picture, or one that is no cheaper when it is smaller, has no second bit rate.
        let variants = &self.package.multivariant.variants;
        let rates: BTreeSet<_> = variants.iter().map(|v| v.attributes.get("BANDWIDTH")).collect();
        let d = if rates.len() == variants.len() { Vec::new() } else { vec!["two variants of one rate".to_owned()] };
        self.add(Level::Must, "9.9", "several bit rates", self.has_video() && variants.len() > 1, d);
        self.cellular(complete);
    }

    /// Whoever publishes chooses the ladder: asked is only whether one that goes so far down has a variant for narrow lines.
    fn cellular(&mut self, complete: bool) {
        let variants = &self.package.multivariant.variants;
        let number = |v: &ParsedVariant, name: &str| v.attributes.get(name).and_then(|b| b.parse::<u64>().ok());
        let cheapest_bps = variants.iter().filter_map(|v| number(v, "BANDWIDTH")).min().unwrap_or(0);
        let sizes = self.package.renditions.iter().filter_map(|r| r.init.size);
        let is_small = sizes.map(|(w, h)| w.min(h)).min().is_none_or(|side| side <= SMALL);
        let d = if cheapest_bps <= CELLULAR_BPS { Vec::new() } else { vec![format!("{cheapest_bps} at least")] };
        let text = "a variant of at most 192 kb/s for cellular networks";
        self.add(Level::Should, "9.21", text, complete && is_small && !variants.is_empty(), d);
    }

    /// What stands beside the renditions.
    fn beside(&mut self) {
        let programme_s = self.package.renditions.iter().map(ObservedRendition::duration_s).fold(0.0, f64::max);
        let target_s = self.package.renditions.first().map_or(0, |r| r.playlist.target_s);
        self.report.findings.extend(sounds::findings(&self.package.multivariant));
        let has_captions = |r: &&ObservedRendition| r.segments.iter().any(|s| s.captioned);
        let captioned: Vec<&str> =
            self.package.renditions.iter().filter(has_captions).map(|r| r.uri.as_str()).collect();
        self.report.findings.extend(captions::findings(&self.package.multivariant, &captioned));
        self.report.findings.extend(subtitles::findings(&self.package.subtitles, programme_s, target_s));
        self.report.findings.extend(trick_play::findings(&self.package.iframes, &self.package.renditions));
        self.report.findings.push(top_rates::finding(&self.package.multivariant));
    }

    /// The rendition of a variant and those of the group of sound beside it.
    fn parts(&self, v: &ParsedVariant) -> Vec<&ObservedRendition> {
        let group = v.attributes.get("AUDIO");
        let beside = |m: &&BTreeMap<String, String>| {
            group.is_some() && m.get("GROUP-ID") == group && m.get("TYPE").is_some_and(|t| t == "AUDIO")
        };
        let media = self.package.multivariant.media.iter().filter(beside);
        let sounds: Vec<&String> = media.filter_map(|m| m.get("URI")).collect();
        self.package.renditions.iter().filter(|r| r.uri == v.uri || sounds.contains(&&r.uri)).collect()
    }
}

/// Whether a string in CODECS is that of a sample entry: it may have more fields, such as the colour of AV1.
fn names(listed: &str, entry: &str) -> bool {
    listed.strip_prefix(entry).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

/// Profile 1 or 2, level 5.1 at most: `hvc1.2.4.L120.90`.
fn hevc_fits(codecs: &str) -> bool {
    let mut fields = codecs.split('.').skip(1);
    let profile = fields.next().is_some_and(|p| matches!(p, "1" | "2"));
    let level = fields.nth(1).and_then(|l| l.get(1..)?.parse::<u32>().ok());
    profile && level.is_some_and(|l| l <= 153)
}

/// The largest difference between listed and real time over any run is that between the extremes
/// of the running difference.
fn drift(r: &ObservedRendition) -> Option<String> {
    if r.playlist.segments.len() != r.segments.len() {
        return Some(format!("{} listed, {} read", r.playlist.segments.len(), r.segments.len()));
    }
    let (mut sum, mut low, mut high) = (0.0_f64, 0.0_f64, 0.0_f64);
    for (listed, real) in r.playlist.segments.iter().zip(&r.segments) {
        sum += listed.1 - r.seconds(real.duration);
        (low, high) = (low.min(sum), high.max(sum));
    }
    // A frame at 60 a second.
    (high - low > 1.0 / 60.0).then(|| format!("{:.4} s", high - low))
}
