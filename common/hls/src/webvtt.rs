//! WebVTT (W3C) as it is written here: a header, then blocks of a line of times and text.

use super::webvtt_time;
use std::fmt::Write;

/// Cues of a track: more than ten hours of talk.
pub const MOST_CUES: usize = 30_000;
/// Characters of a cue.
pub const LONGEST_CUE: usize = 2_000;
/// What of markup is kept: what every player shows.
const SPANS: [&str; 6] = ["<i>", "</i>", "<b>", "</b>", "<u>", "</u>"];

/// What is shown from one instant to another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cue {
    pub start_ms: u64,
    /// Later than `start_ms`.
    pub end_ms: u64,
    /// Settings with a blank before each, as ` align:start`.
    pub settings: String,
    /// Lines of cue text, none of them empty.
    pub text: String,
}

/// A track of cues in the order of their begin.
pub fn webvtt(cues: &[Cue]) -> String {
    let mut out = "WEBVTT\n".to_owned();
    for c in cues {
        // Writing into a string does not fail.
        let _ = write!(out, "\n{} --> {}{}\n{}\n", webvtt_time(c.start_ms), webvtt_time(c.end_ms), c.settings, c.text);
    }
    out
}

/// Lines of text as cue text: italics, bold and underline stay, what else would be markup is shown as it is written, and
/// nothing ends the cue or begins another. Empty where nothing would be shown.
pub fn cue_text(lines: &str) -> String {
    let kept = lines.lines().map(|line| {
        let line: String = line.chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !c.is_control()).collect();
        escaped(line.trim())
    });
    let kept: Vec<String> = kept.filter(|l| !l.is_empty()).collect();
    let text = kept.join("\n");
    // Cut within markup, the rest of the cue would be in it.
    if text.chars().count() <= LONGEST_CUE { text } else { plain(lines).chars().take(LONGEST_CUE).collect() }
}

fn escaped(line: &str) -> String {
    let (mut out, mut rest) = (String::with_capacity(line.len()), line);
    while let Some(c) = rest.chars().next() {
        if let Some(span) = SPANS.iter().find(|s| rest.starts_with(**s)) {
            out.push_str(span);
            rest = &rest[span.len()..];
            continue;
        }
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            c => out.push(c),
        }
        rest = &rest[c.len_utf8()..];
    }
    out
}

/// Text on one line without anything that would be markup.
fn plain(lines: &str) -> String {
    let words =
        lines.split_whitespace().map(|w| w.chars().filter(|c| !c.is_control() && !"<>&".contains(*c)).collect());
    words.collect::<Vec<String>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_of_files_cannot_leave_its_cue() {
        assert_eq!(
            cue_text("<i>Hi</i> & <b\n\n00:01.000 --> 00:02.000\u{1}\t\n"),
            "<i>Hi</i> &amp; &lt;b\n00:01.000 --&gt; 00:02.000"
        );
        assert_eq!(cue_text(" \n\u{7}\n"), "");
        let long = cue_text(&"<i>ab</i>\n".repeat(1_000));
        assert!(long.chars().count() <= LONGEST_CUE && !long.contains('<'), "{long}");
    }
}
