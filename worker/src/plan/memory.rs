//! What a child may need, so that a worker does not admit more than its memory holds.

use super::{Plan, Rung};

/// The program, its libraries, a demuxer and a segment under way.
const BASE_BYTES: u64 = 96 << 20;
/// Pictures a decoder holds: references, reordering, filters.
const DECODED_PICTURES: u64 = 24;
/// Pictures x264 holds: lookahead, references, the one being coded.
const ENCODED_PICTURES: u64 = 40;

/// For tasks that only move bytes, and for sound.
pub fn light_bytes() -> i64 {
    BASE_BYTES as i64
}

/// For a chunk with these rungs.
pub fn chunk_bytes(plan: &Plan, rungs: &[Rung]) -> i64 {
    let pixels = |r: &Rung| u64::from(r.width) * u64::from(r.height);
    let source = plan.video.iter().flat_map(|v| v.rungs.iter().chain(&v.passthrough)).map(pixels).max().unwrap_or(0);
    let encoded: u64 = rungs.iter().map(pixels).sum();
    // 4:2:0 at 8 bits: one and a half bytes a pixel.
    let bytes = BASE_BYTES + (source * DECODED_PICTURES + encoded * ENCODED_PICTURES) * 3 / 2;
    i64::try_from(bytes).unwrap_or(i64::MAX)
}
