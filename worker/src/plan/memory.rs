//! What a child may need, so that a worker does not admit more than its memory holds, and what the kernel holds it to.

use super::{Plan, Rung};

/// The program, its libraries, a demuxer and a segment under way.
const BASE_BYTES: u64 = 96 << 20;
/// Pictures a decoder holds: references, reordering, filters.
const DECODED_PICTURES: u64 = 24;
/// Pictures between the filters that map HDR to SDR.
const FLOAT_PICTURES: u64 = 4;
/// Pictures x264 holds: lookahead, references, the one being coded.
const ENCODED_PICTURES: u64 = 40;
/// What a sample of the source costs in the container's index and in the plan.
const SAMPLE_BYTES: u64 = 96;
/// Packets of sound in a second.
const SOUND_PACKETS: f64 = 50.0;
/// The stack of a thread: it is counted whole, however little of it is used.
const STACK_BYTES: u64 = 8 << 20;
/// Threads of the filters, at most.
const FILTER_THREADS: u64 = 17;

/// For finding out what a source is: the index of the longest film that is accepted, twice over.
pub const PROBE_LIMIT_BYTES: u64 = 768 << 20;

/// For tasks that only move bytes, and for sound.
pub fn light_bytes() -> i64 {
    BASE_BYTES as i64
}

/// For a chunk with these rungs.
pub fn chunk_bytes(plan: &Plan, rungs: &[Rung]) -> i64 {
    let source = plan.video.as_ref().map_or(0, |v| v.picture.coded_pixels);
    let hdr = plan.video.as_ref().is_some_and(|v| v.picture.hdr);
    // At most 4:2:2 at 16 bits; HDR passes through planes of floats.
    let decoded =
        source * DECODED_PICTURES * if hdr { 3 } else { 2 } + if hdr { source * 12 * FLOAT_PICTURES } else { 0 };
    // 4:2:0 at 8 bits: one and a half bytes a pixel.
    let encoded: u64 = rungs.iter().map(|r| u64::from(r.width) * u64::from(r.height) * ENCODED_PICTURES * 3 / 2).sum();
    i64::try_from(BASE_BYTES + decoded + encoded).unwrap_or(i64::MAX)
}

/// Most that a child may have which only moves bytes, or encodes sound.
pub fn light_limit_bytes(plan: &Plan) -> u64 {
    BASE_BYTES * 2 + index_bytes(plan)
}

/// Most that a child may have for a chunk with these rungs.
pub fn chunk_limit_bytes(plan: &Plan, rungs: &[Rung], threads: usize) -> u64 {
    let planned = chunk_bytes(plan, rungs).unsigned_abs();
    let stacks = STACK_BYTES * (FILTER_THREADS + (threads as u64 + 1) * (rungs.len() as u64 + 1));
    planned + planned / 2 + stacks + index_bytes(plan)
}

/// What the index of a whole source takes that a child opens, however little of it it reads.
fn index_bytes(plan: &Plan) -> u64 {
    let pictures = plan.video.as_ref().map_or(0, |v| v.frames);
    (pictures + (plan.duration_s.max(0.0) * SOUND_PACKETS) as u64) * SAMPLE_BYTES
}
