//! What one child may use for its work: a bound with much room, not an estimate. Who passes it does not work, it hangs
//! or was made to.

use super::{Plan, Rung, Step, VideoPlan, memory};

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
                let rungs: &[Rung] = if payload.fallback { video.fallback.as_slice() } else { &video.rungs };
                let (wall_s, pictures) = chunk(video, rungs, payload.first, payload.end);
                (wall_s, pictures, memory::chunk_limit_bytes(plan, rungs, threads))
            }
            (Step::Passthrough, Some(video)) => {
                (video.frames as f64 / SLOWEST_REMUXED, 0, memory::light_limit_bytes(plan))
            }
            _ => (plan.duration_s / SLOWEST_SOUND, 0, memory::light_limit_bytes(plan)),
        };
        Self { memory_bytes, wall_s: (LEAST_S + wall_s) as u64, threads: threads.max(1) as u64, pictures }
    }
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
