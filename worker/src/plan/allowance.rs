//! What one child may use for its work: a bound with much room, not an estimate. Who passes it does not work, it hangs
//! or was made to.

use super::{ImageWork, Plan, PublishedImages, Rung, Step, VideoPlan, memory};

/// What a child may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowance {
    /// Private writable memory, bytes.
    pub memory_bytes: u64,
    /// Time, seconds. Each of its threads may use so much of a processor.
    pub wall_s: u64,
    /// Threads of each decoder and encoder.
    pub threads: u64,
    /// Pictures that are decoded and encoded.
    pub pictures: u64,
}

/// Time for any work, however small: a machine may be busy with other things, seconds.
const LEAST_S: f64 = 600.0;
/// Bytes of a container that are gone through in a second, at the very least.
const SLOWEST_BYTES: u64 = 2 << 20;
/// Pixels that a core decodes in a second, at the very least: a fiftieth of what is usual.
const SLOWEST_DECODED: f64 = 4e6;
/// Pixels that a core encodes in a second with the preset `veryfast`, at the very least.
const SLOWEST_ENCODED: f64 = 2e6;
/// Seconds of sound that are encoded in a second, at the very least.
const SLOWEST_SOUND: f64 = 10.0;
/// Pictures that are remuxed in a second, at the very least.
const SLOWEST_REMUXED: f64 = 500.0;
/// Entry points that a chunk may go back before the one it should begin at.
const ENTRIES_BACK: usize = 4;

impl Allowance {
    /// For finding out what a source of so many bytes is.
    pub fn of_probe(source_bytes: u64) -> Self {
        let wall_s = LEAST_S as u64 + source_bytes / SLOWEST_BYTES;
        Self { memory_bytes: memory::PROBE_LIMIT_BYTES, wall_s, threads: 1, pictures: 0 }
    }

    /// For a step of a plan.
    pub fn of_step(plan: &Plan, step: &Step, threads: usize) -> Self {
        let (wall_s, pictures, memory_bytes) = match (step, &plan.video) {
            (Step::Chunk { payload, .. }, Some(video)) => {
                let rungs = video.chunk_rungs(payload);
                let (wall_s, pictures) = chunk(video, rungs, payload.first, payload.end);
                (wall_s, pictures, memory::chunk_limit_bytes(plan, rungs, threads))
            }
            (Step::Images, Some(video)) => images(plan, video),
            (Step::Images, None) => (0.0, 1, memory::cover_limit_bytes(plan)),
            (Step::Passthrough, Some(video)) => {
                (video.frames as f64 / SLOWEST_REMUXED, 0, memory::light_limit_bytes(plan))
            }
            _ => {
                // What is brought to a loudness is decoded twice.
                let passes = if plan.sounds().any(|a| a.target_lufs.is_some()) { 2.0 } else { 1.0 };
                (passes * plan.duration_s / SLOWEST_SOUND, 0, memory::light_limit_bytes(plan))
            }
        };
        Self { memory_bytes, wall_s: (LEAST_S + wall_s) as u64, threads: threads.max(1) as u64, pictures }
    }

    /// For a still picture of an output frame: what its segment may use, without encoding any of it.
    pub fn of_still(plan: &Plan, video: &VideoPlan, frame: u64) -> Self {
        let segment = video.boundaries.partition_point(|b| *b <= frame).saturating_sub(1);
        let (wall_s, pictures) = chunk(video, &[], segment, segment + 1);
        let memory_bytes = memory::chunk_limit_bytes(plan, &[], 1);
        Self { memory_bytes, wall_s: (LEAST_S + wall_s) as u64, threads: 1, pictures: pictures + 1 }
    }
}

/// Seconds, pictures and memory of the still pictures of key frames.
fn images(plan: &Plan, video: &VideoPlan) -> (f64, u64, u64) {
    let work = video.images_of_keys(&PublishedImages::default());
    let tiles =
        |w: ImageWork| w.candidates.len() + w.previews.len() + w.sheets.iter().map(|s| s.frames.len()).sum::<usize>();
    let pictures = 2 * work.map_or(0, tiles) as u64;
    let weight = if video.picture.hdr { 8.0 } else { 1.0 };
    let decoding_s = pictures as f64 * video.picture.coded_pixels as f64 * weight / SLOWEST_DECODED;
    (decoding_s, pictures, memory::chunk_limit_bytes(plan, &[], 1))
}

/// Seconds and pictures of a chunk.
fn chunk(video: &VideoPlan, rungs: &[Rung], first: usize, end: usize) -> (f64, u64) {
    let frame = |segment: usize| video.boundaries.get(segment).copied().unwrap_or(video.frames);
    let (start, end) = (frame(first), frame(end).max(frame(first)));
    // Sources may have more pictures than are shown.
    let decoded = 2 * (end - start + frames_before(video, start));
    let encoded_pixels: u64 = rungs.iter().map(|r| u64::from(r.width) * u64::from(r.height)).sum();
    let weight = if video.picture.hdr { 8.0 } else { 1.0 };
    let decoding_s = decoded as f64 * video.picture.coded_pixels as f64 * weight / SLOWEST_DECODED;
    let encoding_s = (end - start) as f64 * encoded_pixels as f64 * preset_weight(&video.preset) / SLOWEST_ENCODED;
    (decoding_s + encoding_s, decoded + (end - start) * rungs.len() as u64)
}

/// Output frames between the entry point that a chunk may have to go back to and its first frame.
fn frames_before(video: &VideoPlan, start: u64) -> u64 {
    let start_s = video.rate.seconds(start);
    let unit = f64::from(video.time_base.0) / f64::from(video.time_base.1.max(1));
    let seconds = |key: i64| (key - video.first_pts) as f64 * unit;
    let entry = video.keys.iter().rev().filter(|k| seconds(**k) <= start_s).nth(ENTRIES_BACK);
    let back_s = start_s - entry.map_or(0.0, |k| seconds(*k).max(0.0));
    (back_s * video.rate.fps()).ceil() as u64
}

/// What a preset costs beside `veryfast`.
fn preset_weight(preset: &str) -> f64 {
    match preset {
        "ultrafast" | "superfast" | "veryfast" => 1.0,
        "faster" | "fast" => 2.0,
        "medium" | "slow" => 5.0,
        "slower" => 12.0,
        _ => 60.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Clock, EncodeSettings, KeyFrame, SourceFacts, VideoFacts, ladder::tests::source, plan};
    use sluice_ingest::sniff::Demuxer;

    /// What each chunk of a film of ten minutes may use, in order.
    fn allowances(preset: &str) -> Vec<Allowance> {
        let keys = (0..15_000)
            .step_by(50)
            .map(|f| KeyFrame { seek: f as i64, frame: f, shown: None, position: None })
            .collect();
        let video = VideoFacts { time_base: (1, 25), frames: 15_000, duration_s: 600.0, keys, ..source(1280, 720) };
        let facts = SourceFacts {
            demuxer: Demuxer::Mov,
            video: Some(video),
            audio: Vec::new(),
            clock: Clock::default(),
            left_behind: Vec::new(),
            metadata: crate::plan::Metadata::default(),
        };
        let settings = EncodeSettings { passthrough: false, preset: preset.to_owned(), ..EncodeSettings::default() };
        let plan = plan(&facts, &settings, 2).unwrap().in_one_tier();
        plan.steps().iter().map(|step| Allowance::of_step(&plan, step, 1)).collect()
    }

    #[test]
    fn time_goes_with_the_work_and_not_with_the_place_in_the_film() {
        let (usual, slow) = (allowances("veryfast"), allowances("veryslow"));
        let (opening, middle, late) = (usual[0], usual[4], usual[usual.len() - 2]);
        assert!(opening.wall_s > 600 && opening.wall_s < middle.wall_s && middle.wall_s < 4 * 3600, "{usual:?}");
        assert_eq!((middle.wall_s, middle.pictures), (late.wall_s, late.pictures), "entry points are near");
        assert!(slow[4].wall_s > 10 * middle.wall_s && slow[4].memory_bytes > middle.memory_bytes);
        // 1,500 frames on every rung, and what is decoded for them.
        assert!(middle.pictures > 1500 * 6 && middle.pictures < 1500 * 20, "{middle:?}");
    }

    #[test]
    fn large_files_may_be_probed_for_longer() {
        assert_eq!(Allowance::of_probe(0).wall_s, 600);
        assert_eq!(Allowance::of_probe(64 << 30).wall_s, 600 + (32 << 10));
    }
}
