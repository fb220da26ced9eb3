//! How much later than its place on the timeline everything is shown.
//!
//! Decoding begins at 0 and showing one delay later, in every rendition alike, sound included. So packages need
//! neither negative composition offsets, which FFmpeg adds once too often, nor edit lists.

use super::facts::VideoFacts;

/// x264 reorders no deeper: B-pictures, some of them references of others.
const ENCODED_REORDER: u64 = 2;

/// The delay that suits all rungs, in output frames.
pub fn delay_frames(video: &VideoFacts, passthrough: bool, variable: bool) -> u64 {
    let deepest = if passthrough { video.reorder_depth.max(ENCODED_REORDER) } else { ENCODED_REORDER };
    // Frames beside a boundary that is off the grid are up to half a frame longer.
    deepest + u64::from(variable)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ladder::tests::source;

    #[test]
    fn the_deepest_rung_decides() {
        let deep = VideoFacts { reorder_depth: 4, ..source(640, 360) };
        assert_eq!(
            [delay_frames(&deep, true, false), delay_frames(&deep, true, true), delay_frames(&deep, false, false)],
            [4, 5, 2]
        );
        assert_eq!(delay_frames(&source(640, 360), true, false), 2);
    }
}
