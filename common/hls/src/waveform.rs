//! The shape of a sound as players draw it: peaks of moments of equal length.

use serde_json::json;

/// Most moments of a waveform: as many as a wide screen has room for.
const MOST: usize = 1800;

/// Peaks (0 to 255) of a sound as JSON, from its segments in order: how long each is, in any unit, and the peaks of
/// stretches of equal length of it.
pub fn waveform_json(segments: &[(u64, Vec<u8>)], duration_ms: u64) -> String {
    let total: u64 = segments.iter().map(|s| s.0).sum();
    let count = segments.iter().map(|s| s.1.len()).sum::<usize>().min(MOST);
    let mut peaks = vec![0_u8; count];
    let mut begin = 0_u64;
    for (length, stretches) in segments {
        // Where a stretch begins, in moments.
        let place = |i: usize| {
            let at = begin as f64 + *length as f64 * i as f64 / stretches.len() as f64;
            at / total.max(1) as f64 * count as f64
        };
        for (i, peak) in stretches.iter().enumerate() {
            // It is heard in all the moments that it touches; what is less than rounding is not touched.
            let last = ((place(i + 1) - 1e-6).ceil() as usize).min(count);
            let first = ((place(i) + 1e-6) as usize).min(last);
            for moment in &mut peaks[first..last] {
                *moment = (*moment).max(*peak);
            }
        }
        begin += length;
    }
    json!({ "duration_ms": duration_ms, "peaks": peaks }).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peaks(segments: &[(u64, Vec<u8>)]) -> Vec<u64> {
        let read: serde_json::Value = serde_json::from_str(&waveform_json(segments, 5)).unwrap();
        assert_eq!(read["duration_ms"], 5);
        read["peaks"].as_array().unwrap().iter().map(|p| p.as_u64().unwrap()).collect()
    }

    #[test]
    fn moments_have_one_length_whatever_segments_have() {
        assert_eq!(peaks(&[(10, vec![1, 2]), (10, vec![3, 4])]), [1, 2, 3, 4]);
        assert_eq!(peaks(&[(20, vec![1, 2]), (10, vec![9])]), [1, 2, 9]);
        // The last is short and has as many as the others.
        assert_eq!(peaks(&[(30, vec![7, 2]), (10, vec![9, 8])]), [7, 7, 2, 9]);
        assert_eq!(peaks(&[]), Vec::<u64>::new());
    }

    #[test]
    fn long_sounds_have_no_more_moments_and_lose_no_peak() {
        let mut segments = vec![(100, vec![1_u8; 48]); 500];
        segments[250].1[20] = 200;
        let found = peaks(&segments);
        assert_eq!(found.len(), MOST);
        let loud: Vec<usize> = (0..MOST).filter(|i| found[*i] == 200).collect();
        assert!(loud.len() <= 2 && loud[0].abs_diff(250 * MOST / 500) <= 2, "{loud:?}");
    }
}
