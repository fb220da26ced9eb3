//! What a child may need, so that a worker does not admit more than its memory holds.

use super::{Plan, Rung};

/// The program, its libraries, a demuxer and a segment under way.
const BASE_BYTES: u64 = 96 << 20;
/// Pictures a decoder holds: references, reordering, filters.
const DECODED_PICTURES: u64 = 24;
/// Pictures between the filters that map HDR to SDR.
const FLOAT_PICTURES: u64 = 4;
/// Pictures x264 holds: lookahead, references, the one being coded.
const ENCODED_PICTURES: u64 = 40;

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
