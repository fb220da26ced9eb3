//! What a child may need, so that a worker does not admit more than its memory holds, and what the kernel holds it to.
//!
//! The first is resident memory. The second is private writable address space, a third more by measuring: encoders ask
//! for more than they touch.

use super::{Plan, Rung, VideoPlan};

/// The program, its libraries, a demuxer and a segment under way.
const BASE_BYTES: u64 = 96 << 20;
/// Pictures a decoder holds: references, reordering, filters.
const DECODED_PICTURES: u64 = 24;
/// Pictures between the filters that map HDR to SDR.
const FLOAT_PICTURES: u64 = 4;
/// A picture in x264, resident: planes, half samples, a small copy for the lookahead; hundredths of a byte a pixel.
const ENCODED_CENTIBYTES: u64 = 325;
/// The same as address space, with a third more of room.
const RESERVED_CENTIBYTES: u64 = 550;
/// Subtitles that are drawn: as they are in the source, and in the size of each rung.
const BURNED_BYTES: u64 = 96 << 20;
/// Pictures of x264 beside lookahead, references and B pictures.
const OTHER_PICTURES: u64 = 6;
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

/// For a chunk with these rungs, encoded by one thread.
pub fn chunk_bytes(plan: &Plan, rungs: &[Rung]) -> i64 {
    let Some(video) = &plan.video else { return light_bytes() };
    let encoded = pixels(rungs) * encoded_pictures(&video.preset, 1) * ENCODED_CENTIBYTES / 100;
    i64::try_from(BASE_BYTES + decoded_bytes(video) + encoded).unwrap_or(i64::MAX)
}

/// A cover as it is decoded, and as it is scaled.
const COVER_BYTES: u64 = 160 << 20;

/// For still pictures of key frames, or a cover.
pub fn images_bytes(plan: &Plan) -> i64 {
    if plan.video.is_some() { chunk_bytes(plan, &[]) } else { light_bytes() + COVER_BYTES as i64 }
}

/// Most that a child may have for a cover.
pub fn cover_limit_bytes(plan: &Plan) -> u64 {
    light_limit_bytes(plan) + COVER_BYTES * 2
}

/// Most that a child may have which only moves bytes, or encodes sound.
pub fn light_limit_bytes(plan: &Plan) -> u64 {
    BASE_BYTES * 2 + index_bytes(plan)
}

/// Most that a child may have for a chunk with these rungs.
pub fn chunk_limit_bytes(plan: &Plan, rungs: &[Rung], threads: usize) -> u64 {
    let Some(video) = &plan.video else { return light_limit_bytes(plan) };
    let encoded = pixels(rungs) * encoded_pictures(&video.preset, threads as u64) * RESERVED_CENTIBYTES / 100;
    let stacks = STACK_BYTES * (FILTER_THREADS + (threads as u64 + 1) * (rungs.len() as u64 + 1));
    light_limit_bytes(plan) + decoded_bytes(video) * 3 / 2 + encoded + stacks
}

fn pixels(rungs: &[Rung]) -> u64 {
    rungs.iter().map(|r| u64::from(r.width) * u64::from(r.height)).sum()
}

fn decoded_bytes(video: &VideoPlan) -> u64 {
    let source = video.picture.coded_pixels;
    // At most 4:2:2 at 16 bits; HDR passes through planes of floats.
    let pictures = if video.picture.hdr {
        source * (DECODED_PICTURES * 3 + FLOAT_PICTURES * 12)
    } else {
        source * DECODED_PICTURES * 2
    };
    pictures + if video.burned.is_some() { BURNED_BYTES } else { 0 }
}

/// Pictures that x264 holds: lookahead, references and B pictures of the preset.
fn encoded_pictures(preset: &str, threads: u64) -> u64 {
    let of_preset = match preset {
        "ultrafast" => 1,
        "superfast" => 4,
        "veryfast" => 14,
        "faster" => 25,
        "fast" => 35,
        "medium" => 46,
        "slow" => 58,
        "slower" => 71,
        "veryslow" => 84,
        _ => 92,
    };
    // Threads work on a picture each, and look further ahead.
    let of_threads = if threads > 1 { threads + 4 } else { 0 };
    of_preset + OTHER_PICTURES + of_threads
}

/// What the index of a whole source takes that a child opens, however little of it it reads.
fn index_bytes(plan: &Plan) -> u64 {
    let pictures = plan.video.as_ref().map_or(0, |v| v.frames);
    let tracks = plan.sounds().count().max(1) as f64;
    (pictures + (plan.duration_s.max(0.0) * SOUND_PACKETS * tracks) as u64) * SAMPLE_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Clock, EncodeSettings, SourceFacts, VideoFacts, ladder::tests::source, plan};
    use sluice_ingest::sniff::Demuxer;

    /// Preset, size, HDR, threads; address space and resident memory of a child, MiB.
    type Measured = (&'static str, (u32, u32), bool, usize, u64, i64);

    /// With FFmpeg 5.1.
    const MEASURED: [Measured; 5] = [
        ("ultrafast", (1920, 1080), false, 1, 235, 158),
        ("veryfast", (1920, 1080), false, 1, 532, 386),
        ("medium", (1920, 1080), false, 1, 1064, 771),
        ("veryfast", (3840, 2160), false, 2, 2079, 1479),
        ("ultrafast", (1920, 1080), true, 1, 384, 293),
    ];

    #[test]
    fn measured_children_fit_with_room_but_not_by_far() {
        for (preset, (width, height), hdr, threads, address_mib, resident_mib) in MEASURED {
            let mut video = VideoFacts { frames: 250, duration_s: 10.0, ..source(width, height) };
            if hdr {
                video.colour.transfer = "smpte2084".to_owned();
            }
            let facts = SourceFacts {
                demuxer: Demuxer::Mov,
                video: Some(video),
                audio: Vec::new(),
                clock: Clock::default(),
                left_behind: Vec::new(),
                metadata: crate::plan::Metadata::default(),
            };
            let settings =
                EncodeSettings { preset: preset.to_owned(), passthrough: false, ..EncodeSettings::default() };
            let plan = plan(&facts, &settings, 2).unwrap();
            let rungs = &plan.video.as_ref().unwrap().rungs;
            let limit_mib = chunk_limit_bytes(&plan, rungs, threads) >> 20;
            let planned_mib = chunk_bytes(&plan, rungs) >> 20;
            let named = format!("{preset} {width}: limit {limit_mib}, planned {planned_mib} MiB");
            assert!(limit_mib >= address_mib * 5 / 4 && limit_mib <= address_mib * 4, "{named}");
            assert!(planned_mib >= resident_mib * 9 / 10 && planned_mib <= resident_mib * 5 / 2, "{named}");
        }
    }
}
