//! The shape of a sound: peaks of moments of equal length, for players that draw it, and drawn.

use serde_json::json;

/// Most moments of a waveform: as many as a wide screen has room for.
const MOST: usize = 1800;

/// Moments of a picture of it, each a unit wide, and units from its middle to its edge.
const MOST_DRAWN: usize = 600;
const HALF: u32 = 64;
/// A colour that is seen on light and on dark ground.
const COLOUR: &str = "#7b8a94";

/// Peaks (0 to 255) of a sound as JSON, from its segments in order: how long each is, in any unit, and the peaks of
/// stretches of equal length of it.
pub fn waveform_json(segments: &[(u64, Vec<u8>)], duration_ms: u64) -> String {
    json!({ "duration_ms": duration_ms, "peaks": moments(segments, MOST) }).to_string()
}

/// The same as an SVG that takes any size: as far above the middle as below it, and never nothing.
pub fn waveform_svg(segments: &[(u64, Vec<u8>)]) -> String {
    let peaks = moments(segments, MOST_DRAWN);
    let reach = |peak: &u8| (u32::from(*peak) * (HALF - 1)).div_ceil(255) + 1;
    let step = |(x, y): (usize, u32)| format!("V{y}H{x}");
    let above: String = peaks.iter().enumerate().map(|(i, p)| step((i + 1, HALF - reach(p)))).collect();
    let below: String = peaks.iter().enumerate().rev().map(|(i, p)| step((i, HALF + reach(p)))).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" preserveAspectRatio=\"none\">\
         <path fill=\"{COLOUR}\" d=\"M0 {HALF}{above}{below}Z\"/></svg>\n",
        peaks.len(),
        HALF * 2
    )
}

/// Peaks of at most so many moments of equal length.
fn moments(segments: &[(u64, Vec<u8>)], most: usize) -> Vec<u8> {
    let total: u64 = segments.iter().map(|s| s.0).sum();
    let count = segments.iter().map(|s| s.1.len()).sum::<usize>().min(most);
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
    peaks
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
    fn a_picture_of_it_is_as_high_as_it_is_loud() {
        assert_eq!(
            waveform_svg(&[(10, vec![0, 255])]),
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 2 128\" preserveAspectRatio=\"none\">\
             <path fill=\"#7b8a94\" d=\"M0 64V63H1V0H2V128H1V65H0Z\"/></svg>\n"
        );
        let long = waveform_svg(&vec![(100, vec![1_u8; 48]); 500]);
        assert!(long.contains("viewBox=\"0 0 600 128\"") && long.len() < 12_000, "{}", long.len());
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
