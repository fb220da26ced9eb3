//! Units of work: runs of segments that one child encodes.

use super::{facts::VideoFacts, timeline::Rate};
use serde::{Deserialize, Serialize};

/// A run of segments of all encoded video rungs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Chunk {
    /// First segment.
    pub first: usize,
    /// One past the last segment.
    pub end: usize,
}

const SHORTEST_S: f64 = 12.0;
const LONGEST_S: f64 = 60.0;
/// Segments at the beginning that are chunks of their own, so that they are made side by side.
pub const OPENINGS: usize = 3;

/// How long a chunk of a film is, seconds.
pub fn length_s(film_s: f64, fleet_cores: usize) -> f64 {
    (film_s / (4.0 * fleet_cores.max(1) as f64)).clamp(SHORTEST_S, LONGEST_S)
}

/// Cuts the segments into chunks of `clamp(duration / (4 x cores), 12 s, 60 s)`.
///
/// Where the source has entry points further apart than two chunks, every chunk would decode
/// most of the film: then there is one.
pub fn chunks(boundaries: &[u64], rate: Rate, video: &VideoFacts, fleet_cores: usize) -> Vec<Chunk> {
    let segments = boundaries.len().saturating_sub(1);
    let frames = boundaries.last().copied().unwrap_or(0);
    let length_s = length_s(rate.seconds(frames), fleet_cores);
    let mut entries: Vec<u64> = video.keys.iter().map(|k| k.frame).collect();
    entries.push(video.frames);
    let widest = entries.windows(2).map(|w| w[1].saturating_sub(w[0])).max().unwrap_or(video.frames);
    if video.keys.is_empty() || rate.seconds(widest) > 2.0 * length_s {
        return vec![Chunk { first: 0, end: segments }];
    }
    let mut list = Vec::new();
    extend(&mut list, boundaries, rate, length_s);
    list
}

/// Adds chunks for the segments that are in none yet.
pub fn extend(list: &mut Vec<Chunk>, boundaries: &[u64], rate: Rate, length_s: f64) {
    let segments = boundaries.len().saturating_sub(1);
    let mut first = list.last().map_or(0, |c| c.end);
    while first < segments {
        let mut end = first + 1;
        let alone = first < OPENINGS;
        while !alone && end < segments && rate.seconds(boundaries[end + 1] - boundaries[first]) <= length_s {
            end += 1;
        }
        list.push(Chunk { first, end });
        first = end;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{boundaries::on_grid, facts::KeyFrame, ladder::tests::source};

    const FPS25: Rate = Rate { num: 25, den: 1 };

    fn film(seconds: u64, gop_s: u64) -> (Vec<u64>, VideoFacts) {
        let frames = seconds * 25;
        let keys = (0..seconds / gop_s)
            .map(|i| KeyFrame { seek: (i * gop_s * 25) as i64, frame: i * gop_s * 25, shown: None, position: None })
            .collect();
        (on_grid(frames, FPS25), VideoFacts { frames, keys, ..source(1280, 720) })
    }

    #[test]
    fn chunks_cover_every_segment_once_and_openings_stand_alone() {
        let (boundaries, video) = film(600, 2);
        let list = chunks(&boundaries, FPS25, &video, 2);
        assert_eq!(
            list[..4],
            [
                Chunk { first: 0, end: 1 },
                Chunk { first: 1, end: 2 },
                Chunk { first: 2, end: 3 },
                Chunk { first: 3, end: 13 }
            ]
        );
        assert!(list.windows(2).all(|w| w[0].end == w[1].first));
        assert_eq!(list.last().map(|c| c.end), Some(boundaries.len() - 1));
    }

    #[test]
    fn a_source_with_hardly_any_entry_point_is_one_chunk() {
        let (boundaries, video) = film(600, 300);
        assert_eq!(chunks(&boundaries, FPS25, &video, 2), [Chunk { first: 0, end: boundaries.len() - 1 }]);
    }
}
