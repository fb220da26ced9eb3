//! Bit rates as RFC 8216bis section 4.4.6.2 defines them.

/// Measured bit rates of one rendition, bits a second.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Measured {
    /// The largest rate over any contiguous run of segments that lasts 0.5 to 1.5 target durations.
    pub peak_bps: u64,
    /// All bits over all seconds.
    pub average_bps: u64,
}

/// Measures segments given as (bytes, seconds), in order, under a target duration in seconds.
/// A rendition too short for any run of half a target duration is measured as a whole.
pub fn measure(segments: &[(u64, f64)], target_s: f64) -> Measured {
    let (bytes, seconds) = segments.iter().fold((0, 0.0), |(b, s), x| (b + x.0, s + x.1));
    let average = rate(bytes, seconds);
    let mut peak: Option<u64> = None;
    for first in 0..segments.len() {
        let (mut run_bytes, mut run_seconds) = (0, 0.0);
        for (b, s) in segments.iter().skip(first) {
            run_bytes += b;
            run_seconds += s;
            if run_seconds > 1.5 * target_s {
                break;
            }
            if run_seconds >= 0.5 * target_s {
                peak = peak.max(Some(rate(run_bytes, run_seconds)));
            }
        }
    }
    Measured { peak_bps: peak.unwrap_or(average), average_bps: average }
}

fn rate(bytes: u64, seconds: f64) -> u64 {
    if seconds > 0.0 { (bytes as f64 * 8.0 / seconds).ceil() as u64 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_peak_is_over_runs_and_not_over_short_segments_alone() {
        // A 1 s burst is shorter than half of 6 s: it counts only within runs of 3 to 9 s.
        let segments = [(6_000, 6.0), (5_000, 1.0), (6_000, 6.0)];
        let m = measure(&segments, 6.0);
        assert_eq!(m.peak_bps, (11_000.0_f64 * 8.0 / 7.0).ceil() as u64);
        assert_eq!(m.average_bps, (17_000.0_f64 * 8.0 / 13.0).ceil() as u64);
    }

    #[test]
    fn a_clip_shorter_than_half_a_target_is_measured_whole() {
        assert_eq!(measure(&[(1_000, 1.0)], 6.0), Measured { peak_bps: 8_000, average_bps: 8_000 });
    }
}
