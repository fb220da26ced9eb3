//! Incremental plans, of films whose upload is under way: what is known of the beginning is planned, and every later plan
//! continues it without changing what has been published.
//!
//! Such a film is encoded throughout. Whether its own pictures and sound could be kept is known only
//! at its end, and by then the beginning has been watched.

use super::{
    Chunk, EncodeSettings, KeyFrame, Plan, Rate, SourceFacts, Storyboard, VideoFacts, VideoPlan, audio, boundaries,
    canvas::canvas, check_limits, chunks, cost, extent::Extent, plan, subtitles, tiers,
};
use serde::{Deserialize, Serialize};
use sluice_ingest::sniff::Demuxer;
use sluice_model::Reason;

/// Film at the end of what was delivered that is not yet planned, seconds: more than the longest reordering of
/// pictures and the widest distance between a picture and its sound that interleaving leaves.
const MARGIN_S: f64 = 1.5;
/// At least so many pictures at the end stay unplanned, for films that have few a second.
const MARGIN_FRAMES: f64 = 20.0;
/// Entry points that an incremental plan may name; it is written anew again and again.
const MOST_KEYS: usize = 200_000;

/// What is extrapolated of a film whose end is not known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Incremental {
    /// Its whole length if it stays as dense as it has been, seconds.
    pub expected_s: f64,
}

/// The bytes of a film as far as they are known.
#[derive(Debug, Clone, Copy)]
pub struct Delivered {
    /// Bytes that the facts were read from.
    pub bytes: u64,
    /// Bytes of the whole.
    pub total: u64,
}

impl Delivered {
    fn whole(self) -> bool {
        self.bytes >= self.total
    }

    fn extrapolated(self, known_s: f64) -> Option<Incremental> {
        let expected_s = known_s * self.total as f64 / self.bytes.max(1) as f64;
        (!self.whole()).then_some(Incremental { expected_s })
    }
}

/// Why a plan cannot be continued now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Halt {
    /// Too little has come.
    Early,
    /// Entry points are so rare that every chunk would decode most of the film: the rest is one chunk, once it
    /// is there.
    Sparse,
    /// The later bytes tell of another film than the first ones did: it must be planned anew, as a whole.
    Changed,
}

/// The plan of the beginning of a film; `None` while too little is known.
pub fn begin(
    facts: &SourceFacts,
    settings: &EncodeSettings,
    fleet_cores: usize,
    delivered: Delivered,
) -> Result<Option<Plan>, Reason> {
    let Some(video) = &facts.video else { return Ok(None) };
    // Where the clock steps, what is known of the end of a stretch depends on what comes.
    if !facts.clock.is_plain() {
        return Ok(None);
    }
    check_limits(facts, settings)?;
    let mut facts = facts.clone();
    facts.audio.iter_mut().for_each(|a| a.aac_lc_config = None);
    // The rates of the beginning are no bounds for what comes.
    facts.video.iter_mut().for_each(|v| v.peak_bit_rate = 0);
    let settings = EncodeSettings { passthrough: false, ..settings.clone() };
    let mut plan = plan(&facts, &settings, fleet_cores)?;
    let Some(v) = &mut plan.video else { return Ok(None) };
    let per_second = cost::PerSecond::of(video, v.rate, &settings);
    let start_s = video.seconds(v.first_pts);
    let end_s = known_end_s(&facts, video, start_s, plan.audio.as_ref().map(|a| a.stream), v.rate);
    (v.boundaries, v.chunks) = (vec![0], Vec::new());
    let list = open_boundaries(v.rate, end_s);
    if list.len() <= chunks::OPENINGS {
        return Ok(None);
    }
    let incremental = delivered.extrapolated(end_s + margin_s(v.rate));
    // What was decided for the part that has arrived would be right for a shorter film.
    let whole_s = incremental.map_or(end_s, |i| i.expected_s);
    v.storyboard = Some(Storyboard::of(whole_s, canvas(video)));
    v.upper_rungs = tiers::upper_rungs(&v.rungs, whole_s, fleet_cores, |r| per_second.of_rungs(r) * whole_s);
    Ok(continued(plan, list, 0.0, incremental, fleet_cores).ok())
}

/// A plan continued by what has been found after its last entry point.
pub fn extend(plan: &Plan, facts: &SourceFacts, fleet_cores: usize, delivered: Delivered) -> Result<Plan, Halt> {
    let mut plan = plan.clone();
    let (Some(v), Some(found)) = (&mut plan.video, &facts.video) else { return Err(Halt::Changed) };
    let last = v.keys.last().copied().unwrap_or(i64::MIN);
    // Fragments of MP4 have the time of their film.
    let indexed = facts.demuxer == Demuxer::Mov;
    // What was read must join what is known: a clock that starts again has the same time stamps twice.
    let place = v.key_positions.last();
    let here = |k: &KeyFrame| k.seek == last && k.position.as_ref().zip(place).is_none_or(|(k, p)| k == p);
    let joins = found.keys.iter().any(here);
    let same = found.stream == v.stream
        && facts.clock.is_plain()
        && (joins || v.keys.is_empty() || indexed)
        && found.time_base == v.time_base
        && v.picture.coded_size.is_none_or(|size| size == (found.width, found.height))
        && plan.audio.as_ref().map(|a| a.stream) == facts.audio.first().map(|a| a.stream);
    if !same {
        return Err(Halt::Changed);
    }
    let start_s = v.start_s();
    let later: Vec<KeyFrame> = found.keys.iter().copied().filter(|k| k.seek > last).collect();
    if v.keys.len() + later.len() > MOST_KEYS {
        return Err(Halt::Changed);
    }
    match positions(&later) {
        Some(later) if v.key_positions.len() == v.keys.len() => v.key_positions.extend(later),
        _ => v.key_positions.clear(),
    }
    v.keys.extend(later.iter().map(|k| k.seek));
    let planned = v.boundaries.last().copied().unwrap_or(0);
    let (list, known_s) = if delivered.whole() {
        let extent = Extent::of(found, facts.sound());
        let end_s = found.start_s() - start_s + found.duration_s + extent.tail_s;
        (boundaries::on_grid(v.rate.frame_at(end_s).max(planned + 1), v.rate), end_s)
    } else {
        let end_s = known_end_s(facts, found, start_s, plan.audio.as_ref().map(|a| a.stream), v.rate);
        (open_boundaries(v.rate, end_s), end_s + margin_s(v.rate))
    };
    if list.len() <= v.boundaries.len() && !delivered.whole() {
        return Err(Halt::Early);
    }
    if !list.starts_with(&v.boundaries) {
        return Err(Halt::Changed);
    }
    // As a whole it is planned at another rate, or refused.
    if !cost::is_affordable(v, list.last().map_or(0, |end| end.saturating_sub(planned)), found, facts.sound()) {
        return Err(Halt::Changed);
    }
    let sound_s = facts.sound().map_or(0.0, |a| a.start_s + a.duration_s - start_s);
    if delivered.whole() {
        let mut facts = facts.clone();
        subtitles::keep_captions(&mut facts, &plan.subtitles);
        plan.subtitles = subtitles::tracks(&facts);
        plan.chapters = subtitles::chapters(&facts, start_s, known_s);
    }
    continued(plan, list, sound_s, delivered.extrapolated(known_s), fleet_cores)
}

/// Until when pictures and sound are all here, on the output's clock.
fn known_end_s(facts: &SourceFacts, video: &VideoFacts, start_s: f64, sound: Option<usize>, rate: Rate) -> f64 {
    let picture_s = video.start_s() + video.duration_s;
    let heard = facts.audio.iter().filter(|a| Some(a.stream) == sound).map(|a| a.start_s + a.duration_s);
    heard.fold(picture_s, f64::min) - start_s - margin_s(rate)
}

fn margin_s(rate: Rate) -> f64 {
    MARGIN_S.max(MARGIN_FRAMES / rate.fps())
}

/// Boundaries that stay whatever comes: the last of the grid depends on how much does.
fn open_boundaries(rate: Rate, end_s: f64) -> Vec<u64> {
    let mut list = boundaries::on_grid(rate.frame_at(end_s).max(1), rate);
    list.pop();
    list
}

fn continued(
    mut plan: Plan,
    list: Vec<u64>,
    sound_s: f64,
    incremental: Option<Incremental>,
    fleet_cores: usize,
) -> Result<Plan, Halt> {
    let v = plan.video.as_mut().ok_or(Halt::Changed)?;
    v.frames = list.last().copied().unwrap_or(0);
    plan.duration_s = v.rate.seconds(v.frames);
    let length_s = chunks::length_s(incremental.map_or(plan.duration_s, |g| g.expected_s), fleet_cores);
    let sparse = v.rate.seconds(frames_without_entry(v)) > 2.0 * length_s;
    if incremental.is_some() && sparse {
        return Err(Halt::Sparse);
    }
    v.boundaries = list;
    if sparse {
        v.chunks.push(Chunk { first: v.chunks.last().map_or(0, |c| c.end), end: v.boundaries.len() - 1 });
    } else {
        chunks::extend(&mut v.chunks, &v.boundaries, v.rate, length_s);
    }
    for a in plan.audio.iter_mut().chain(&mut plan.further_audio) {
        // While more is to come, sound is cut with the picture.
        let end_s = if incremental.is_some() { 0.0 } else { sound_s };
        a.boundaries = audio::boundaries(&super::seconds(&v.boundaries, v.rate), end_s, a.sample_rate);
    }
    plan.incremental = incremental;
    Ok(plan)
}

/// The widest stretch of a film in which decoding cannot begin, in output frames.
fn frames_without_entry(v: &VideoPlan) -> u64 {
    let unit = f64::from(v.time_base.0) / f64::from(v.time_base.1);
    let frame = |seek: i64| v.rate.frame_at((seek - v.first_pts) as f64 * unit);
    let mut at: Vec<u64> = v.keys.iter().map(|k| frame(*k)).collect();
    at.push(v.frames);
    at.windows(2).map(|w| w[1].saturating_sub(w[0])).max().unwrap_or(v.frames)
}

/// Where each entry point begins in the file, if that is known of all.
pub fn positions(keys: &[KeyFrame]) -> Option<Vec<u64>> {
    keys.iter().map(|k| k.position).collect()
}

impl Plan {
    /// Segments of a rendition that has `known` so far, the guessed ones among them.
    pub fn segments_in_all(&self, known: usize) -> i64 {
        let Some(incremental) = self.incremental else { return known as i64 };
        let left = (incremental.expected_s - self.duration_s) / boundaries::SEGMENT_S as f64;
        // At least one: what has arrived beyond the last boundary.
        known as i64 + (left.round() as i64).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{AudioFacts, Clock, TrackTags, ladder::tests::source};

    const TOTAL: u64 = 60_000_000;

    /// The first `seconds` of a film of a minute, with an entry point every `gop_s`.
    fn known(seconds: f64, gop_s: u64) -> SourceFacts {
        let frames = (seconds * 25.0) as u64;
        let keys = (0..frames).step_by(gop_s as usize * 25);
        let keys =
            keys.map(|f| KeyFrame { seek: f as i64, frame: f, shown: None, position: Some(f * 40_000) }).collect();
        let sound = AudioFacts {
            stream: 1,
            codec: "aac".into(),
            sample_rate: 48_000,
            channels: 2,
            start_s: 0.0,
            duration_s: seconds,
            gap_s: 0.0,
            bit_rate: 128_000,
            aac_lc_config: Some(vec![0x11, 0x90]),
            lossless: false,
            tags: TrackTags::default(),
        };
        let video = VideoFacts { time_base: (1, 25), frames, duration_s: seconds, keys, ..source(1280, 720) };
        SourceFacts {
            demuxer: Demuxer::Matroska,
            video: Some(video),
            audio: vec![sound],
            clock: Clock::default(),
            left_behind: Vec::new(),
            metadata: crate::plan::Metadata::default(),
        }
    }

    fn arrived(seconds: f64) -> Delivered {
        Delivered { bytes: (seconds * 1e6) as u64, total: TOTAL }
    }

    fn begun(seconds: f64, gop_s: u64) -> Option<Plan> {
        begin(&known(seconds, gop_s), &EncodeSettings::default(), 2, arrived(seconds)).unwrap()
    }

    #[test]
    fn what_is_published_is_never_changed_by_what_comes() {
        let whole = boundaries::on_grid(1500, Rate { num: 25, den: 1 });
        for step in [1.0, 3.7, 11.0] {
            let (mut plan, mut at) = (None::<Plan>, step);
            while at < 60.0 {
                let next = match &plan {
                    None => begun(at, 2),
                    Some(p) => match extend(p, &known(at, 2), 2, arrived(at)) {
                        Ok(next) => Some(next),
                        Err(halt) => {
                            assert_eq!(halt, Halt::Early);
                            None
                        }
                    },
                };
                if let (Some(before), Some(after)) = (&plan, &next) {
                    let (b, a) = (before.video.as_ref().unwrap(), after.video.as_ref().unwrap());
                    assert!(a.boundaries.starts_with(&b.boundaries) && a.chunks.starts_with(&b.chunks));
                    let (b, a) = (before.audio.as_ref().unwrap(), after.audio.as_ref().unwrap());
                    assert!(a.boundaries.starts_with(&b.boundaries) && a.remux.is_none());
                }
                if let Some(next) = next {
                    assert!(next.duration_s < at - 1.0 && next.incremental.is_some());
                    assert!(next.segments_in_all(next.video.as_ref().unwrap().segment_count()) >= 11);
                    plan = Some(next);
                }
                at += step;
            }
            let last = extend(&plan.unwrap(), &known(60.0, 2), 2, arrived(60.0)).unwrap();
            let video = last.video.unwrap();
            assert_eq!((video.boundaries, video.frames, last.incremental), (whole.clone(), 1500, None));
            assert_eq!(video.chunks.last().unwrap().end, whole.len() - 1);
            assert!(video.chunks.windows(2).all(|w| w[0].end == w[1].first));
            assert_eq!((video.keys.len(), video.key_positions.len()), (30, 30));
        }
    }

    #[test]
    fn a_film_is_not_begun_without_an_opening_or_without_entry_points() {
        assert!(begun(7.0, 2).is_none());
        assert!(begun(20.0, 2).is_some());
        assert!(begun(40.0, 60).is_none());
    }

    #[test]
    fn the_first_tier_is_chosen_by_the_whole_film_and_stays() {
        let slow = EncodeSettings { preset: "slower".to_owned(), ..EncodeSettings::default() };
        let upper = |plan: &Plan| plan.video.as_ref().unwrap().upper_rungs;
        let plan = begin(&known(20.0, 2), &slow, 2, arrived(20.0)).unwrap().unwrap();
        assert!(upper(&plan) > 0);
        let mut later = extend(&plan, &known(40.0, 2), 2, arrived(40.0)).unwrap();
        assert_eq!(upper(&later), upper(&plan));
        later = extend(&later, &known(60.0, 2), 2, arrived(60.0)).unwrap();
        let video = later.video.as_ref().unwrap();
        let last = video.chunk_steps(video.chunks.len() - 1).collect::<Vec<_>>();
        assert_eq!(last.len(), 2, "a chunk of each tier");
    }

    #[test]
    fn where_entry_points_end_the_rest_is_one_chunk() {
        let plan = begun(20.0, 2).unwrap();
        let mut facts = known(60.0, 2);
        facts.video.iter_mut().for_each(|v| v.keys.truncate(10));
        assert_eq!(extend(&plan, &facts, 2, arrived(59.0)), Err(Halt::Sparse));
        let whole = extend(&plan, &facts, 2, arrived(60.0)).unwrap().video.unwrap();
        assert_eq!(whole.chunks.len(), plan.video.as_ref().unwrap().chunks.len() + 1);
        assert_eq!(whole.chunks.last().unwrap().end, whole.segment_count());
    }

    #[test]
    fn sound_that_lags_holds_the_plan_back() {
        let mut facts = known(30.0, 2);
        facts.audio[0].duration_s = 14.0;
        let plan = begin(&facts, &EncodeSettings::default(), 2, arrived(30.0)).unwrap().unwrap();
        assert!(plan.duration_s <= 12.5, "{}", plan.duration_s);
    }

    #[test]
    fn a_late_picture_is_not_stretched_over_hours() {
        let plan = begun(20.0, 2).unwrap();
        let mut facts = known(60.0, 2);
        facts.video.iter_mut().for_each(|v| (v.duration_s, v.bit_rate) = (40_000.0, 100));
        assert_eq!(extend(&plan, &facts, 2, arrived(60.0)), Err(Halt::Changed));
    }

    #[test]
    fn another_film_is_noticed() {
        let plan = begun(20.0, 2).unwrap();
        let mut silent = known(60.0, 2);
        silent.audio.clear();
        assert_eq!(extend(&plan, &silent, 2, arrived(60.0)), Err(Halt::Changed));
        let mut larger = known(60.0, 2);
        larger.video.as_mut().unwrap().width = 1920;
        assert_eq!(extend(&plan, &larger, 2, arrived(60.0)), Err(Halt::Changed));
    }
}
