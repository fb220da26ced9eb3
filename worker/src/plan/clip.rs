//! A clip: a plan that reuses the segments of a complete package. What is encoded lies between its edges and the nearest
//! pictures at which all renditions can be entered, and is none where an edge is such a picture.
//!
//! Invariant: frames, samples and ticks have the numbers that they have in the film, so what is encoded fits what is reused
//! to the tick. What is published begins at zero: [`Plan::shift`] is taken off on the way.

use super::{
    AudioPlan, Chunk, Plan, Rung, Storyboard, VariableRate, VideoPlan,
    audio::{AudioVariant, FRAME_SAMPLES},
    boundaries::gops,
};
use crate::cmaf::Coding;
use serde::{Deserialize, Serialize};
use sluice_model::{PackageId, Reason};
use std::{collections::HashSet, ops::Range};

/// Shorter stretches are not encoded by themselves, seconds: the sound beside them would have hardly a frame.
const SHORTEST_EDGE_S: f64 = 0.25;

/// What a clip is made of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clip {
    /// The package whose segments it reuses.
    pub package: PackageId,
    /// Number of the segment of that package in which each segment of the clip begins.
    pub segments: Vec<usize>,
}

/// What a complete package has of a rendition.
#[derive(Debug)]
pub struct Made {
    pub name: String,
    /// Of a picture: ticks of the pictures at which it can be entered, in the segments that are its [`edges`].
    pub entries: HashSet<u64>,
}

/// What a film's plan is told of the clip.
#[derive(Debug)]
pub struct Cut<'a> {
    pub package: PackageId,
    /// What the package lists when it is complete.
    pub made: &'a [Made],
    /// From [`span`].
    pub span: Range<u64>,
    /// The init segment of the kept picture, if it has one of H.264.
    pub kept_init: Option<Vec<u8>>,
}

/// The frames of a film nearest to two moments of it, seconds; AAC frames where it has no picture. Never none.
pub fn span(film: &Plan, start_s: f64, end_s: f64) -> Range<u64> {
    let boundaries = boundaries_of(film);
    let per_s = match (&film.video, &film.audio) {
        (Some(v), _) => v.rate.fps(),
        (None, Some(a)) => f64::from(a.sample_rate) / FRAME_SAMPLES as f64,
        (None, None) => 0.0,
    };
    let (first, last) = (boundaries.first().copied().unwrap_or(0), boundaries.last().copied().unwrap_or(0));
    let frame = |s: f64| first.saturating_add((s * per_s).round().max(0.0) as u64).min(last);
    let (start, end) = (frame(start_s), frame(end_s));
    start.min(end.saturating_sub(1))..end
}

/// Numbers of the segments of a film in which a span begins and ends, and of those next to them within it.
pub fn edges(film: &Plan, span: &Range<u64>) -> Vec<usize> {
    let boundaries = boundaries_of(film);
    let (first, last) = (segment_of(boundaries, span.start), segment_of(boundaries, span.end.saturating_sub(1)));
    let mut list = vec![first, (first + 1).min(last), last.saturating_sub(1).max(first), last];
    list.sort_unstable();
    list.dedup();
    list
}

/// First frame of every segment, then the number of frames; AAC frames where there is no picture.
fn boundaries_of(plan: &Plan) -> &[u64] {
    match (&plan.video, &plan.audio) {
        (Some(v), _) => &v.boundaries,
        (None, Some(a)) => &a.boundaries,
        (None, None) => &[],
    }
}

/// The segment that a frame is in.
fn segment_of(boundaries: &[u64], frame: u64) -> usize {
    boundaries.partition_point(|b| *b <= frame).saturating_sub(1)
}

/// The plan of a clip of a film.
///
/// # Errors
/// `not_clippable` where the package has nothing that could be cut.
pub fn clip(film: &Plan, cut: Cut<'_>) -> Result<Plan, Reason> {
    let nothing = || Reason::new("not_clippable", "Nothing of this media can be made a clip.");
    let mut video = None;
    let cuts = match &film.video {
        Some(v) => {
            let clipped = picture(v, &cut, &edges(film, &cut.span)).ok_or_else(nothing)?;
            let cuts = clipped.boundaries.clone();
            video = Some(clipped);
            cuts
        }
        None => sound_cuts(film, &cut.span).ok_or_else(nothing)?,
    };
    let begins = cuts.split_last().map_or(&[][..], |(_, begins)| begins);
    let segments = begins.iter().map(|b| segment_of(boundaries_of(film), *b)).collect();
    let is_made = |v: &AudioVariant| cut.made.iter().any(|m| m.name == v.name);
    let mut sounds = film.sounds().filter_map(|a| {
        let variants: Vec<AudioVariant> = a.variants.iter().filter(|v| is_made(v)).cloned().collect();
        let boundaries = match &film.video {
            Some(v) => beside(v, a, &cuts),
            None => cuts.clone(),
        };
        (!variants.is_empty()).then(|| AudioPlan { variants, boundaries, ..a.clone() })
    });
    let (audio, further_audio) = (sounds.next(), sounds.collect());
    let mut plan = Plan {
        duration_s: 0.0,
        target_s: film.target_s,
        video,
        audio,
        further_audio,
        subtitles: Vec::new(),
        chapters: Vec::new(),
        incremental: None,
        clip: Some(Clip { package: cut.package, segments }),
        ..film.clone()
    };
    if plan.video.is_none() && plan.audio.is_none() {
        return Err(nothing());
    }
    // Its title is that of the film, and people have named the clip.
    plan.tags.title = None;
    let cuts_s = plan.cuts_s();
    plan.duration_s = cuts_s.last().copied().unwrap_or(0.0);
    let longest_s = cuts_s.windows(2).map(|w| w[1] - w[0]).fold(0.0, f64::max);
    plan.target_s = film.target_s.max(longest_s.round() as u64);
    Ok(plan)
}

/// The picture of a clip; `None` where the package has none.
fn picture(film: &VideoPlan, cut: &Cut<'_>, edges: &[usize]) -> Option<VideoPlan> {
    let is_made = |r: &&Rung| cut.made.iter().any(|m| m.name == r.name);
    // A picture of a codec that is not encoded here stands beside a ladder that is whole without it.
    let passthrough = film.passthrough.iter().filter(is_made).find(|r| Coding::of(&r.codecs) == Coding::Avc);
    let passthrough = passthrough.filter(|_| cut.kept_init.is_some()).cloned();
    let kept_name = film.passthrough.as_ref().map_or("", |r| r.name.as_str());
    let rungs: Vec<Rung> =
        film.fallback.iter().chain(&film.rungs).filter(|r| r.name != kept_name).filter(is_made).cloned().collect();
    let names: Vec<&str> = passthrough.iter().chain(&rungs).map(|r| r.name.as_str()).collect();
    if names.is_empty() {
        return None;
    }
    let entries: Vec<&HashSet<u64>> =
        cut.made.iter().filter(|m| names.contains(&m.name.as_str())).map(|m| &m.entries).collect();
    let boundaries = boundaries(film, &entries, &cut.span, edges);
    let (encoded, frames) = (encoded(film, &entries, &boundaries), cut.span.end);
    let variable = film
        .variable
        .as_ref()
        .map(|v| VariableRate { cuts: boundaries.iter().map(|b| film.tick(*b)).collect(), ..v.clone() });
    let upper_rungs = rungs.iter().filter(|r| film.is_upper(&r.name)).count();
    let length_s = film.rate.seconds(frames - cut.span.start);
    Some(VideoPlan {
        frames,
        tail: 0,
        fallback: passthrough.as_ref().map(|kept| edge_rung(film, kept)),
        kept_init: cut.kept_init.clone().filter(|_| passthrough.is_some()),
        upper_rungs: if passthrough.is_some() { 0 } else { upper_rungs },
        passthrough,
        rungs,
        boundaries,
        chunks: encoded.into_iter().map(|n| Chunk { first: n, end: n + 1 }).collect(),
        variable,
        storyboard: film.storyboard.map(|s| Storyboard::of(length_s, s.tile)),
        is_clip: true,
        ..film.clone()
    })
}

/// How the edges of a kept picture are encoded: in its size, profile and level, as well as the best rung.
fn edge_rung(film: &VideoPlan, kept: &Rung) -> Rung {
    let best = film.fallback.iter().chain(&film.rungs).next();
    Rung { crf: best.map_or(20.0, |r| r.crf), max_bps: best.map_or(0, |r| r.max_bps).max(kept.max_bps), ..kept.clone() }
}

/// Whether all renditions can be entered at a frame: where segments begin, and at further pictures.
fn is_entry(film: &VideoPlan, entries: &[&HashSet<u64>], frame: u64) -> bool {
    film.boundaries.binary_search(&frame).is_ok() || entries.iter().all(|e| e.contains(&film.tick(frame)))
}

/// Where a clip is cut: at its edges, where all renditions can be entered next to these, and between them where the film
/// is cut.
fn boundaries(film: &VideoPlan, entries: &[&HashSet<u64>], span: &Range<u64>, edges: &[usize]) -> Vec<u64> {
    let inner = edges.iter().filter_map(|n| Some((*film.boundaries.get(*n)?, *film.boundaries.get(n + 1)?)));
    let inner = inner.flat_map(|(begin, end)| gops(end - begin, film.rate).into_iter().map(move |g| begin + g));
    let mut places: Vec<u64> = film.boundaries.iter().copied().chain(inner).collect();
    places.retain(|p| span.contains(p) && is_entry(film, entries, *p));
    places.push(span.end);
    places.sort_unstable();
    places.dedup();
    let shortest = film.rate.frame_at(SHORTEST_EDGE_S).max(1);
    let first = if places[0] == span.start { span.start } else { span.start + shortest };
    let last = if is_entry(film, entries, span.end) { span.end } else { span.end.saturating_sub(shortest) };
    let head = places.iter().copied().find(|p| *p >= first && *p < span.end);
    let tail = places.iter().copied().rev().find(|p| *p <= last);
    let (Some(head), Some(tail)) = (head, tail.filter(|t| Some(*t) >= head)) else {
        return vec![span.start, span.end];
    };
    let mut list = vec![span.start, head, tail, span.end];
    list.extend(film.boundaries.iter().copied().filter(|b| (head..tail).contains(b)));
    list.sort_unstable();
    list.dedup();
    list
}

/// The segments of a clip that are encoded: those that no rendition can be cut to.
fn encoded(film: &VideoPlan, entries: &[&HashSet<u64>], boundaries: &[u64]) -> Vec<usize> {
    let is_reused = |w: &[u64]| {
        let film_end = film.boundaries.get(segment_of(&film.boundaries, w[0]) + 1).copied().unwrap_or(0);
        w[1] <= film_end && is_entry(film, entries, w[0]) && is_entry(film, entries, w[1])
    };
    boundaries.windows(2).enumerate().filter(|(_, w)| !is_reused(w)).map(|(n, _)| n).collect()
}

/// Where a clip of a sound alone is cut: at its edges, and where the film is, but for cuts close to an edge.
fn sound_cuts(film: &Plan, span: &Range<u64>) -> Option<Vec<u64>> {
    let a = film.audio.as_ref()?;
    let shortest = ((SHORTEST_EDGE_S * f64::from(a.sample_rate)) as u64 / FRAME_SAMPLES).max(1);
    let is_inner = |b: &u64| *b >= span.start + shortest && *b + shortest <= span.end;
    let inner = a.boundaries.iter().copied().filter(is_inner);
    Some(std::iter::once(span.start).chain(inner).chain([span.end]).collect())
}

/// The AAC frames at which the sound beside a picture is cut that is cut at these frames: where the film's sound is, and
/// else at the nearest frame.
fn beside(film: &VideoPlan, a: &AudioPlan, cuts: &[u64]) -> Vec<u64> {
    let seconds = |frame: u64| film.tick(frame) as f64 / film.timescale().max(1) as f64;
    let at = |cut: &u64| {
        let n = segment_of(&film.boundaries, *cut);
        let (begin, end) = (a.boundaries.get(n).copied().unwrap_or(0), a.boundaries.get(n + 1).copied());
        if film.boundaries.get(n) == Some(cut) {
            return begin;
        }
        let samples = seconds(*cut) * f64::from(a.sample_rate) - a.phase_samples as f64;
        let frame = (samples / FRAME_SAMPLES as f64).round().max(0.0) as u64;
        frame.clamp(begin, end.unwrap_or(begin).max(begin))
    };
    let mut list: Vec<u64> = cuts.iter().map(at).collect();
    let shift = cuts.first().map_or(0, |c| samples_of(film, a, *c));
    // Plans of older versions have no delay in which the first frame could begin before the picture.
    if let Some(first) = list.first_mut() {
        *first = (*first).max(shift.saturating_sub(a.delay_samples).div_ceil(FRAME_SAMPLES));
    }
    for i in 1..list.len() {
        list[i] = list[i].max(list[i - 1] + 1);
    }
    list
}

/// When a frame of the picture begins, in samples of a sound.
fn samples_of(v: &VideoPlan, a: &AudioPlan, frame: u64) -> u64 {
    let (tick, scale) = (u128::from(v.tick(frame)), u128::from(v.timescale().max(1)));
    ((tick * u128::from(a.sample_rate) + scale / 2) / scale) as u64
}

impl Plan {
    /// By how many ticks of a rendition everything of a clip is published earlier than it is in the film; 0 of a film.
    pub fn shift(&self, rendition: &str) -> u64 {
        if self.clip.is_none() {
            return 0;
        }
        let sound = self.sounds().find(|a| a.variants.iter().any(|v| v.name == rendition));
        match (&self.video, sound) {
            (Some(v), Some(a)) => samples_of(v, a, v.first_frame()),
            (Some(v), None) => v.tick(v.first_frame()),
            (None, Some(a)) => a.boundaries.first().copied().unwrap_or(0) * FRAME_SAMPLES,
            (None, None) => 0,
        }
    }

    /// Where a clip begins in the plan's numbers, seconds; 0 of a film.
    pub fn begin_s(&self) -> f64 {
        let video = self.video.as_ref().filter(|_| self.clip.is_some());
        video.map_or(0.0, |v| v.tick(v.first_frame()) as f64 / v.timescale().max(1) as f64)
    }
}

impl VideoPlan {
    /// The first frame that is shown: 0 of a film.
    pub fn first_frame(&self) -> u64 {
        if self.is_clip { self.boundaries.first().copied().unwrap_or(0) } else { 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{audio::beside_video, fixture::planned, sound};

    /// What a package has of all renditions of a film whose pictures can be entered every `gop` frames.
    fn made(film: &Plan, gop: u64) -> Vec<Made> {
        let video = film.video.as_ref().unwrap();
        let entries: HashSet<u64> = (0..=video.frames).step_by(gop as usize).map(|f| video.tick(f)).collect();
        film.renditions().into_iter().map(|r| Made { name: r.name, entries: entries.clone() }).collect()
    }

    fn clipped(film: &Plan, gop: u64, span: Range<u64>) -> Plan {
        let made = made(film, gop);
        clip(film, Cut { package: PackageId::nil(), made: &made, span, kept_init: None }).unwrap()
    }

    /// Where a clip is cut, and which of its segments are encoded.
    fn cuts(film: &Plan, gop: u64, span: Range<u64>) -> (Vec<u64>, Vec<usize>) {
        let video = clipped(film, gop, span).video.unwrap();
        (video.boundaries, video.chunks.iter().map(|c| c.first).collect())
    }

    #[test]
    fn only_what_lies_before_and_after_entries_is_encoded() {
        // Cut at 0, 50, 100, 150, 300, 450 and so on, and entered every 50 frames.
        let film = planned(1280, 720);
        assert_eq!(cuts(&film, 50, 60..520), (vec![60, 100, 150, 300, 450, 500, 520], vec![0, 5]));
        assert_eq!(cuts(&film, 50, 200..350), (vec![200, 300, 350], vec![]), "at entries nothing is");
        assert_eq!(cuts(&film, 50, 0..1500).1, [0; 0], "all of it");
        assert_eq!(cuts(&film, 50, 210..240), (vec![210, 240], vec![0]), "within one GOP");
        // One frame is no segment: the entry after the next takes its place.
        assert_eq!(cuts(&film, 50, 99..301), (vec![99, 150, 250, 301], vec![0, 2]));
        assert_eq!(cuts(&film, 50, 299..303), (vec![299, 303], vec![0]));
        // Where renditions can be entered at the begin of segments alone.
        assert_eq!(cuts(&film, 150, 160..620), (vec![160, 300, 450, 600, 620], vec![0, 3]));
    }

    #[test]
    fn a_clip_ends_and_begins_where_it_should() {
        let film = planned(1280, 720);
        assert_eq!(span(&film, 0.04, 2.0), 1..50);
        assert_eq!(span(&film, 59.99, 60.0), 1499..1500, "never nothing");
        let plan = clipped(&film, 50, 60..520);
        assert_eq!(plan.cuts_s().first().copied(), Some(0.0));
        assert!((plan.duration_s - 460.0 / 25.0).abs() < 1e-9);
        assert_eq!((plan.shift("v720"), plan.begin_s()), (60_000, 2.4));
        assert_eq!(plan.clip.as_ref().unwrap().segments, [1, 2, 3, 4, 5, 5]);
        assert_eq!(film.shift("v720"), 0);
        // A clip of a clip has the numbers of the film.
        assert_eq!(span(&plan, 0.4, 1.0), 70..85);
        let second = clipped(&plan, 50, 70..300);
        assert_eq!(
            (second.video.as_ref().unwrap().boundaries.clone(), second.shift("v720")),
            (vec![70, 100, 150, 300], 70_000)
        );
        let text = serde_json::to_string(&plan).unwrap();
        let stored: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!((&stored.clip, stored.shift("v720"), stored.cuts_s()), (&plan.clip, 60_000, plan.cuts_s()));
    }

    #[test]
    fn sound_is_cut_at_the_frame_nearest_to_the_picture() {
        let mut film = planned(1280, 720);
        let cuts_s: Vec<f64> = film.cuts_s();
        let mut sounds = beside_video(&[sound()], 0.0, &cuts_s, false, true);
        sounds.iter_mut().for_each(|a| a.delay_by(0.08));
        film.further_audio = sounds.split_off(1);
        film.audio = sounds.pop();
        let plan = clipped(&film, 50, 60..520);
        for a in plan.sounds() {
            let of_film = film.sounds().find(|f| f.variants == a.variants).unwrap();
            assert_eq!(a.boundaries[1..5], of_film.boundaries[2..6], "where the film is cut it is too");
            let schedule = plan.schedule(&a.variants[0].name).unwrap();
            let begin = schedule.ticks[0] - plan.shift(&a.variants[0].name);
            assert!(begin.abs_diff(3840) <= 512, "it begins with the picture, half a frame before or after: {begin}");
        }
        // What is decoded before the picture was left out of packages of older versions.
        film.audio.iter_mut().for_each(|a| a.delay_samples = 0);
        let plan = clipped(&film, 50, 63..520);
        assert!(plan.schedule("audio").unwrap().ticks[0] >= plan.shift("audio"));
    }

    #[test]
    fn edges_beside_a_kept_picture_are_encoded_like_it() {
        let mut film = planned(1280, 720);
        let video = film.video.as_mut().unwrap();
        let top = video.rungs.remove(0);
        video.passthrough = Some(Rung { name: "source".into(), crf: 0.0, max_bps: 9_000_000, ..top.clone() });
        video.fallback = Some(top.clone());
        let made = made(&film, 50);
        let cut = |init| Cut { package: PackageId::nil(), made: &made, span: 60..520, kept_init: init };
        let plan = clip(&film, cut(Some(vec![1]))).unwrap();
        let video = plan.video.as_ref().unwrap();
        let edge = video.fallback.as_ref().unwrap();
        assert_eq!((edge.name.as_str(), edge.crf, edge.max_bps), ("source", top.crf, 9_000_000));
        assert_eq!(video.edge_steps().count(), 4, "two edges of it, then two of the ladder");
        assert!(video.source_grows() && video.kept_init.is_some());
        // Kept pictures that are not H.264 stand beside a ladder that is whole.
        let plan = clip(&film, cut(None)).unwrap();
        assert!(plan.video.as_ref().is_some_and(|v| v.passthrough.is_none() && v.edge_steps().count() == 2));
        let nothing = Cut { package: PackageId::nil(), made: &[], span: 60..520, kept_init: None };
        assert_eq!(clip(&film, nothing).unwrap_err().code, "not_clippable");
    }
}
