//! Where segments begin: short ones first, so that the first picture comes soon.

use super::timeline::Rate;

/// Nominal segment length, seconds (Apple 7.5).
pub const SEGMENT_S: u64 = 6;
/// Length of each of the first three segments, seconds.
const OPENING_S: f64 = 2.0;
const OPENINGS: usize = 3;

fn wanted_s(index: usize) -> f64 {
    if index < OPENINGS { OPENING_S } else { SEGMENT_S as f64 }
}

/// Boundaries for sources that are encoded throughout. The last segment is never shorter than
/// half of its nominal length unless the film is.
pub fn on_grid(frames: u64, rate: Rate) -> Vec<u64> {
    let mut list = vec![0];
    let mut at = 0;
    loop {
        let wanted = rate.frame_at(wanted_s(list.len() - 1)).max(1);
        let left = frames - at;
        // Half a second over the target is the most a segment may have (Apple 7.7).
        if left as f64 <= wanted as f64 + rate.fps() * 0.45 {
            list.push(frames);
            return list;
        }
        at += wanted;
        list.push(at);
    }
}

/// Boundaries on the source's own entry points, which must begin with frame 0.
pub fn on_keys(keys: &[u64], frames: u64, rate: Rate) -> Vec<u64> {
    let mut list = vec![0];
    let mut at = 0;
    loop {
        let length_s = wanted_s(list.len() - 1);
        let wanted = at + rate.frame_at(length_s);
        let next = keys.iter().copied().filter(|k| *k > at && *k < frames).min_by_key(|k| k.abs_diff(wanted));
        match next {
            Some(next) if frames - at > rate.frame_at(length_s + 0.45) => {
                at = next;
                list.push(at);
            }
            // What is left is one segment's worth.
            _ => {
                list.push(frames);
                return list;
            }
        }
    }
}

/// Splits a segment of `frames` into closed GOPs of at most two seconds, as even as can be (Apple 1.13).
/// Returns the first frame of each, relative to the segment.
pub fn gops(frames: u64, rate: Rate) -> Vec<u64> {
    let most = rate.frame_at(2.0).max(1);
    let count = frames.div_ceil(most).max(1);
    (0..count).map(|i| i * frames / count).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const FPS25: Rate = Rate { num: 25, den: 1 };

    #[test]
    fn the_grid_opens_with_short_segments() {
        assert_eq!(on_grid(25 * 20, FPS25), [0, 50, 100, 150, 300, 450, 500]);
        assert_eq!(on_grid(12, FPS25), [0, 12]);
        // 2.4 s: a second segment of 0.4 s would be worse than one of 2.4 s.
        assert_eq!(on_grid(60, FPS25), [0, 60]);
    }

    #[test]
    fn boundaries_are_the_entry_points_nearest_to_what_is_wanted() {
        let keys: Vec<u64> = (0..20).map(|i| i * 25).collect();
        assert_eq!(on_keys(&keys, 500, FPS25), [0, 50, 100, 150, 300, 450, 500]);
        // Ten seconds apart: every entry point is a boundary.
        assert_eq!(on_keys(&[0, 250, 500, 750], 800, FPS25), [0, 250, 500, 750, 800]);
    }

    #[test]
    fn gops_are_even_and_at_most_two_seconds() {
        assert_eq!(gops(150, FPS25), [0, 50, 100]);
        assert_eq!(gops(60, FPS25), [0, 30]);
        assert_eq!(gops(1, FPS25), [0]);
    }
}
