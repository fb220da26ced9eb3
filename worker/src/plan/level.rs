//! H.264 levels (ITU-T H.264, table A-1): the lowest that holds what a rung may be, and the largest picture that the highest holds.

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
    HIGHEST,
];
/// The highest that HLS allows (Apple 1.3b).
const HIGHEST: (u8, u64, u64, u64) = (52, 2_073_600, 36_864, 300_000);

/// Whether a level holds frames of this size at this rate. No side may be longer than the root of eight times the
/// macroblocks of a frame (A.3.1).
fn holds(level: &(u8, u64, u64, u64), width: u32, height: u32, rate: Rate) -> bool {
    let (columns, rows) = (u64::from(width.div_ceil(16)), u64::from(height.div_ceil(16)));
    let blocks = columns * rows;
    let per_second = (blocks as f64 * rate.fps()).ceil() as u64;
    let longest = columns.max(rows);
    per_second <= level.1 && blocks <= level.2 && longest * longest <= 8 * level.2
}

/// The lowest level for frames of this size at this rate under this cap.
pub fn h264(width: u32, height: u32, rate: Rate, max_bps: u64) -> u8 {
    let fits = |l: &&(u8, u64, u64, u64)| holds(l, width, height, rate) && max_bps <= l.3 * 1000;
    LEVELS.iter().find(fits).map_or(HIGHEST.0, |l| l.0)
}

/// A size, made smaller as far as the highest level needs, in the same shape.
pub fn fitted(width: u32, height: u32, rate: Rate) -> (u32, u32) {
    let scaled = |scale: f64| {
        let side = |side: u32| ((f64::from(side) * scale).floor() as u32).max(2);
        (side(width), side(height))
    };
    let fits = |size: (u32, u32)| holds(&HIGHEST, size.0, size.1, rate);
    if fits((width, height)) {
        return (width, height);
    }
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..40 {
        let middle = (low + high) / 2.0;
        if fits(scaled(middle)) { low = middle } else { high = middle }
    }
    scaled(low)
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
        // Few macroblocks, but a side that level 4 does not hold.
        assert_eq!(at(4344, 434, 10, 1_000_000), 50);
    }

    #[test]
    fn what_no_level_holds_is_made_smaller_in_its_shape() {
        let at = |w, h, fps| fitted(w, h, Rate { num: fps, den: 1 });
        assert_eq!(at(4096, 2304, 30), (4096, 2304));
        for (w, h, fps) in
            [(10_000, 1_000, 10), (1_000, 10_000, 10), (8_192, 4_320, 30), (4_096, 2_304, 60), (16_000, 64, 25)]
        {
            let (width, height) = at(w, h, fps);
            assert!(holds(&HIGHEST, width, height, Rate { num: fps, den: 1 }), "{width}x{height}");
            assert!(width.max(height) <= 8_688);
            let shape = f64::from(width) / f64::from(height) / (f64::from(w) / f64::from(h));
            assert!((shape - 1.0).abs() < 0.04, "{w}x{h} became {width}x{height}");
        }
        assert_eq!(at(10_000, 1_000, 10), (8_688, 868));
    }
}
