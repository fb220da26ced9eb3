//! When a growing package may be called playable: a player that starts now will not run dry.

/// A package with fewer published segments is never called playable.
const LEAST_SEGMENTS: usize = 3;
/// How much of the measured speed is trusted: later pictures may be harder.
pub const TRUST: f64 = 0.8;

/// Whether the prefix covers the forecast deficit: `prefix >= duration x (1 - speed)`.
///
/// `cuts_s` are the segment boundaries in seconds, `prefix` the number of segments that every
/// rendition of the presentation has, `elapsed_s` the time since encoding began. `expected_s` is the
/// length of a film whose end has not arrived.
pub fn is_playable(cuts_s: &[f64], expected_s: Option<f64>, prefix: usize, elapsed_s: f64) -> bool {
    let total = cuts_s.len().saturating_sub(1);
    if total == 0 || prefix >= total && expected_s.is_none() {
        return total > 0;
    }
    if prefix < LEAST_SEGMENTS {
        return false;
    }
    let (prefix_s, duration_s) = (cuts_s[prefix.min(total)], expected_s.unwrap_or(cuts_s[total]));
    let speed = (prefix_s / elapsed_s.max(0.1) * TRUST).min(1.0);
    prefix_s >= duration_s * (1.0 - speed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_encode_waits_until_the_prefix_covers_the_deficit() {
        let cuts: Vec<f64> = (0..=100).map(|i| f64::from(i) * 6.0).collect();
        assert!(!is_playable(&cuts, None, 2, 0.1), "too few segments");
        assert!(is_playable(&cuts, None, 3, 2.0), "faster than anyone plays");
        // Half the speed of playing, 0.4 of it trusted: 360 s are needed.
        assert!(!is_playable(&cuts, None, 50, 600.0));
        assert!(is_playable(&cuts, None, 60, 720.0));
        assert!(is_playable(&[0.0, 2.0], None, 1, 50.0), "all there is");
        // What has arrived is encoded, but the film goes on and comes slowly.
        assert!(!is_playable(&cuts[..11], Some(600.0), 10, 80.0));
        assert!(is_playable(&cuts[..11], Some(600.0), 10, 40.0));
    }
}
