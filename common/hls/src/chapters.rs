//! Chapters for players: WebVTT, and the JSON that EXT-X-SESSION-DATA leads to.

use super::webvtt_time;
use serde_json::json;
use sluice_model::ChapterMark;
use std::fmt::Write;

/// DATA-ID under which players look for chapters.
pub(crate) const CHAPTERS_ID: &str = "com.apple.hls.chapters";

/// Chapters of a programme of `duration_ms` as a WebVTT file of kind `chapters`.
pub fn chapters_webvtt(chapters: &[ChapterMark], duration_ms: u64) -> String {
    let mut out = "WEBVTT\n".to_owned();
    for (c, end_ms) in with_ends(chapters, duration_ms) {
        // A title is shown as it is typed; the arrow would be read as times. Writing into a string does not fail.
        let title = c.title.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = write!(out, "\n{} --> {}\n{title}\n", webvtt_time(c.start_ms), webvtt_time(end_ms));
    }
    out
}

/// The same as Apple's chapters JSON.
pub fn chapters_json(chapters: &[ChapterMark], duration_ms: u64) -> String {
    let seconds = |ms: u64| ms as f64 / 1000.0;
    let list: Vec<_> = with_ends(chapters, duration_ms)
        .enumerate()
        .map(|(i, (c, end_ms))| {
            json!({
                "chapter": i + 1,
                "start-time": seconds(c.start_ms),
                "duration": seconds(end_ms - c.start_ms),
                "titles": [{ "language": "und", "title": c.title }],
            })
        })
        .collect();
    json!(list).to_string()
}

fn with_ends(chapters: &[ChapterMark], duration_ms: u64) -> impl Iterator<Item = (&ChapterMark, u64)> {
    let ends = chapters.iter().skip(1).map(|c| c.start_ms).chain([duration_ms]);
    chapters.iter().zip(ends).map(|(c, end)| (c, end.max(c.start_ms)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chapter_ends_where_the_next_begins_and_the_last_with_the_film() {
        let mark = |start_ms, title: &str| ChapterMark { start_ms, title: title.into() };
        let list = [mark(0, "A <b> --> c"), mark(61_500, "End")];
        assert_eq!(
            chapters_webvtt(&list, 90_000),
            "WEBVTT\n\n00:00:00.000 --> 00:01:01.500\nA &lt;b&gt; --&gt; c\n\n00:01:01.500 --> 00:01:30.000\nEnd\n"
        );
        let read: serde_json::Value = serde_json::from_str(&chapters_json(&list, 90_000)).unwrap();
        assert_eq!(read[1]["start-time"], 61.5);
        assert_eq!(read[1]["duration"], 28.5);
        assert_eq!(read[0]["titles"][0]["title"], "A <b> --> c");
    }
}
