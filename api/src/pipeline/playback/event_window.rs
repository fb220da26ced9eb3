//! How much of a growing package its EVENT playlist delivers.
//!
//! A list that stands still makes players give up (RFC 8216 section 6.2.2: it must change at least
//! every one and a half target durations). So the last segments are held back for a moment, and
//! shown one by one while no new ones come.

/// Segments held back while the package grows.
const RESERVE: i64 = 2;
/// So many are never held back: the opening should play at once.
const OPENING: i64 = 4;

/// How many segments to deliver, of `available`, when the last of them came `quiet_s` seconds ago.
/// Whoever delivers them must never deliver fewer again.
pub fn delivered_segments(available: i64, complete: bool, quiet_s: f64, target_s: f64) -> i64 {
    if complete || available <= OPENING {
        return available;
    }
    let released = (quiet_s / target_s).floor().max(0.0) as i64;
    (available - RESERVE + released).clamp(OPENING, available)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reserve_is_shown_one_by_one_while_nothing_comes() {
        let at = |quiet| delivered_segments(10, false, quiet, 6.0);
        assert_eq!([at(0.0), at(5.9), at(6.0), at(12.0), at(60.0)], [8, 8, 9, 10, 10]);
        assert_eq!(delivered_segments(10, true, 0.0, 6.0), 10);
        assert_eq!(delivered_segments(3, false, 0.0, 6.0), 3);
        assert_eq!(delivered_segments(5, false, 0.0, 6.0), 4);
    }
}
