//! H.264 levels (ITU-T H.264, table A-1): the lowest that holds what a rung may be.

use super::timeline::Rate;

/// level_idc, macroblocks a second, macroblocks a frame, kb/s of the High profile.
const LEVELS: [(u8, u64, u64, u64); 14] = [
    (11, 3_000, 396, 240),
    (12, 6_000, 396, 480),
    (13, 11_880, 396, 960),
    (20, 11_880, 396, 2_500),
    (21, 19_800, 792, 5_000),
    (22, 20_250, 1_620, 5_000),
    (30, 40_500, 1_620, 12_500),
    (31, 108_000, 3_600, 17_500),
    (32, 216_000, 5_120, 25_000),
    (40, 245_760, 8_192, 25_000),
    (42, 522_240, 8_704, 62_500),
    (50, 589_824, 22_080, 168_750),
    (51, 983_040, 36_864, 300_000),
    (52, 2_073_600, 36_864, 300_000),
];

/// The lowest level for frames of this size at this rate under this cap; 5.2 is the highest HLS
/// allows (Apple 1.3b).
pub fn h264(width: u32, height: u32, rate: Rate, max_bps: u64) -> u8 {
    let blocks = u64::from(width.div_ceil(16)) * u64::from(height.div_ceil(16));
    let per_second = (blocks as f64 * rate.fps()).ceil() as u64;
    let fits = |l: &&(u8, u64, u64, u64)| per_second <= l.1 && blocks <= l.2 && max_bps <= l.3 * 1000;
    LEVELS.iter().find(fits).map_or(52, |l| l.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_sizes_get_the_usual_levels() {
        let at = |w, h, fps, bps| h264(w, h, Rate { num: fps, den: 1 }, bps);
        assert_eq!(at(1920, 1080, 30, 6_000_000), 40);
        assert_eq!(at(1920, 1080, 60, 9_000_000), 42);
        assert_eq!(at(1280, 720, 30, 3_000_000), 31);
        assert_eq!(at(640, 360, 25, 730_000), 30);
        assert_eq!(at(426, 240, 25, 300_000), 21);
        assert_eq!(at(256, 144, 25, 145_000), 12);
    }
}
