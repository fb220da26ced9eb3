//! Thumbnails for seek bars: a WebVTT file whose cues name a rectangle of a picture (Media Fragments URI 1.0, 4.2.2), as
//! players read it.

use super::webvtt_time;
use std::fmt::Write;

/// Tiles of a whole row of a sheet.
pub const STORYBOARD_COLUMNS: usize = 5;

/// Tiles that are stored as one picture, in rows from left to right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sheet {
    /// Relative to the WebVTT file.
    pub uri: String,
    /// Pixels of the picture.
    pub size: (u32, u32),
    /// When each tile is shown, milliseconds from the begin of the film.
    pub times_ms: Vec<u64>,
}

impl Sheet {
    /// Tiles of a row, and pixels of one.
    fn grid(&self) -> (u32, (u32, u32)) {
        let tiles = self.times_ms.len().max(1);
        let columns = tiles.min(STORYBOARD_COLUMNS) as u32;
        (columns, (self.size.0 / columns, self.size.1 / tiles.div_ceil(STORYBOARD_COLUMNS) as u32))
    }
}

/// The tiles of a film of `duration_ms`, each until the next. The first stands for what comes before it.
pub fn storyboard_webvtt(sheets: &[Sheet], duration_ms: u64) -> String {
    let tiles = sheets.iter().flat_map(|s| (0..s.times_ms.len()).map(move |i| (s, i)));
    let starts: Vec<u64> = sheets.iter().flat_map(|s| s.times_ms.iter().copied()).collect();
    let mut out = "WEBVTT\n".to_owned();
    for (n, (sheet, i)) in tiles.enumerate() {
        let start = if n == 0 { 0 } else { starts[n] };
        let end = starts.get(n + 1).copied().unwrap_or(duration_ms);
        // A growing film may be no longer than its last tile.
        if end <= start {
            continue;
        }
        let (columns, (width, height)) = sheet.grid();
        let (x, y) = (i as u32 % columns * width, i as u32 / columns * height);
        let (from, to) = (webvtt_time(start), webvtt_time(end));
        // Writing into a string cannot fail.
        let _ = write!(out, "\n{from} --> {to}\n{}#xywh={x},{y},{width},{height}\n", sheet.uri);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_tile_stands_until_the_next() {
        let sheet = |uri: &str, size, times_ms: &[u64]| Sheet { uri: uri.into(), size, times_ms: times_ms.to_vec() };
        let times: Vec<u64> = (0..6).map(|i| if i == 0 { 40 } else { i * 10_000 }).collect();
        let sheets = [sheet("a.jpg", (800, 180), &times), sheet("b.jpg", (160, 90), &[60_000])];
        let text = storyboard_webvtt(&sheets, 64_500);
        assert!(
            text.starts_with(
                "WEBVTT\n\n00:00:00.000 --> 00:00:10.000\na.jpg#xywh=0,0,160,90\n\n\
                 00:00:10.000 --> 00:00:20.000\na.jpg#xywh=160,0,160,90\n\n"
            ),
            "{text}"
        );
        assert!(
            text.ends_with(
                "\n\n00:00:50.000 --> 00:01:00.000\na.jpg#xywh=0,90,160,90\n\n\
                 00:01:00.000 --> 00:01:04.500\nb.jpg#xywh=0,0,160,90\n"
            ),
            "{text}"
        );
        assert_eq!(storyboard_webvtt(&[sheet("a.jpg", (160, 90), &[0])], 0), "WEBVTT\n");
    }
}
