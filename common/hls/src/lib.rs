//! Playlists and manifests as text: pure functions from snapshots, no I/O.
//!
//! m3u8-rs writes the tags. It does not escape attribute values, so every value that could carry
//! a quote or a line break goes through [`attribute`].

mod audio_groups;
mod bandwidth;
mod chapters;
mod iframes;
mod media;
mod mpd;
mod multivariant;
mod preview;
mod storyboard;
mod subtitles;
mod waveform;
mod webvtt;

pub use bandwidth::{Measured, measure};
pub use chapters::{chapters_json, chapters_webvtt};
pub use iframes::{IFRAMES, IFrameSegment, iframe_playlist, measure_iframes};
pub use media::{MediaPlaylist, PlaylistType, Segment, SegmentKey};
pub use mpd::{DashRendition, DashSubtitles, mpd};
pub use multivariant::{Supplements, multivariant};
pub use preview::animated_webp;
pub use sluice_model::{ChapterMark, FragmentRange, Rendition};
pub use storyboard::{STORYBOARD_COLUMNS, Sheet, storyboard_webvtt};
pub use subtitles::{SubtitleTrack, cues_between, webvtt_segment, webvtt_time};
pub use waveform::{waveform_json, waveform_svg};
pub use webvtt::{Cue, LONGEST_CUE, MOST_CUES, cue_text, webvtt};

/// A quoted-string attribute value (RFC 8216 section 4.2): no double quote, no control character.
pub fn attribute(value: &str) -> String {
    value
        .chars()
        .map(|c| {
            if c == '"' {
                '\''
            } else if c.is_control() {
                ' '
            } else {
                c
            }
        })
        .collect()
}

/// What m3u8-rs wrote into memory. It writes UTF-8 only.
fn text(write: impl FnOnce(&mut Vec<u8>) -> std::io::Result<()>) -> String {
    let mut out = Vec::new();
    // Writing into a Vec cannot fail.
    drop(write(&mut out));
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn an_attribute_cannot_break_out_of_its_quotes() {
        assert_eq!(super::attribute("a\",URI=\"x\n#EXT"), "a',URI='x #EXT");
    }
}
