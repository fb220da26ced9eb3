//! Text tracks: packets are decoded to what is shown and when.

use super::{
    EncodeError,
    ffi::{self, SubtitleText},
    link::Link,
    open,
    packets::Packets,
};
use crate::child::{CueRead, CuesRead, FromChild, Job, SubtitlesWork};
use ffmpeg_next::{Packet, decoder};
use sluice_hls::{LONGEST_CUE, MOST_CUES};

/// How long a text is shown that does not say when it goes away and that nothing follows, milliseconds.
const OPEN_MS: u64 = 7_000;
/// Bytes of text that are kept of a track: what people may upload is no more.
const MOST_BYTES: usize = 1 << 20;
/// Commas before the text in a dialogue line without times: ReadOrder, Layer, Style, Name, three margins, Effect.
const ASS_FIELDS: usize = 8;

/// Reads the tracks and hands over their cues.
pub fn run(link: &Link, job: &Job, work: &SubtitlesWork) -> Result<(), EncodeError> {
    let mut packets = Packets::open(link, job)?;
    let mut tracks = Vec::new();
    for stream in &work.streams {
        tracks.push(Track {
            stream: *stream,
            seconds: f64::from(open::stream_of(&packets.input, *stream)?.time_base()),
            decoder: open::subtitle_decoder(job, &packets.input, *stream)?,
            cues: Cues { end_ms: milliseconds(work.duration_s), ..Cues::default() },
        });
    }
    packets.keep(&work.streams);
    while let Some(packet) = packets.next() {
        if let Some(track) = tracks.iter_mut().find(|t| t.stream == packet.stream()) {
            track.take(&packet, work.origin_s);
        }
    }
    for track in tracks {
        link.send(&FromChild::Cues(CuesRead { stream: track.stream, cues: track.cues.finish() }), &[])?;
    }
    Ok(())
}

struct Track {
    stream: usize,
    /// Of a unit of its time base.
    seconds: f64,
    decoder: decoder::Subtitle,
    cues: Cues,
}

impl Track {
    fn take(&mut self, packet: &Packet, origin_s: f64) {
        let Some(time) = packet.pts().or(packet.dts()) else { return };
        // What does not decode is skipped as players skip it.
        let Ok((texts, shown_ms)) = ffi::decode_subtitle(&mut self.decoder, packet) else { return };
        let lines = texts.iter().map(|t| match t {
            SubtitleText::Plain(text) => text.clone(),
            SubtitleText::Ass(line) => dialogue(line),
        });
        let text = lines.collect::<Vec<_>>().join("\n");
        let start_s = time as f64 * self.seconds - origin_s;
        let shown_s = match packet.duration() {
            0 => shown_ms.map(|ms| f64::from(ms) / 1000.0),
            ticks => Some(ticks as f64 * self.seconds),
        };
        self.cues.push(start_s, shown_s, text);
    }
}

fn milliseconds(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0).round() as u64
}

/// The cues of a track as far as it has been read.
#[derive(Debug, Default)]
struct Cues {
    list: Vec<CueRead>,
    bytes: usize,
    /// Whether the last one goes away with the next text, whatever that is.
    open: bool,
    /// Of the programme.
    end_ms: u64,
}

impl Cues {
    /// Takes a text that is shown from `start_s` of the programme on.
    fn push(&mut self, start_s: f64, shown_s: Option<f64>, text: String) {
        let start_ms = milliseconds(start_s);
        if self.open
            && let Some(last) = self.list.last_mut()
        {
            last.end_ms = last.end_ms.min(start_ms.max(last.start_ms));
        }
        self.open = shown_s.is_none();
        let end_ms = match shown_s {
            Some(shown_s) => milliseconds(start_s + shown_s).min(self.end_ms),
            None => (start_ms + OPEN_MS).min(self.end_ms),
        };
        let text: String = text.chars().take(LONGEST_CUE).collect();
        let fits = self.list.len() < MOST_CUES && self.bytes + text.len() <= MOST_BYTES;
        if end_ms > start_ms && !text.trim().is_empty() && fits {
            self.bytes += text.len();
            self.list.push(CueRead { start_ms, end_ms, text });
        } else {
            self.open = false;
        }
    }

    fn finish(mut self) -> Vec<CueRead> {
        self.list.retain(|c| c.end_ms > c.start_ms);
        self.list
    }
}

/// The text of a dialogue line of ASS: lines are broken where it breaks them, italics, bold and underline are kept, what
/// is drawn is not text.
fn dialogue(line: &str) -> String {
    let text = line.splitn(ASS_FIELDS + 1, ',').nth(ASS_FIELDS).unwrap_or_default();
    let (mut out, mut rest, mut drawing) = (String::with_capacity(text.len()), text, false);
    let mut spans = Spans::default();
    while let Some(c) = rest.chars().next() {
        let overrides = rest.strip_prefix('{').and_then(|r| r.split_once('}'));
        if let Some((tags, after)) = overrides {
            for tag in tags.split('\\') {
                drawing = tag.strip_prefix('p').and_then(|n| n.parse::<u32>().ok()).map_or(drawing, |scale| scale > 0);
                spans.take(tag, &mut out);
            }
            rest = after;
            continue;
        }
        let (shown, length) = match rest.get(..2) {
            Some("\\N" | "\\n") => ('\n', 2),
            Some("\\h") => (' ', 2),
            _ => (c, c.len_utf8()),
        };
        if !drawing {
            out.push(shown);
        }
        rest = &rest[length..];
    }
    spans.close(&mut out);
    out.replace('\r', "")
}

/// Spans that are open, the innermost last.
#[derive(Debug, Default)]
struct Spans(Vec<char>);

impl Spans {
    /// Takes an override tag: `i1` begins italics, `i0` ends them, `r` ends all.
    fn take(&mut self, tag: &str, out: &mut String) {
        let mut chars = tag.chars();
        let (name, value) = (chars.next(), chars.as_str());
        match name {
            Some('r') => self.close(out),
            // Bold may have a weight; names that begin alike (`blur`, `iclip`) have no number here.
            Some(name @ ('i' | 'b' | 'u')) => match value.parse::<u32>() {
                Ok(0) => self.end(name, out),
                Ok(_) if !self.0.contains(&name) => {
                    self.0.push(name);
                    out.push_str(&format!("<{name}>"));
                }
                _ => {}
            },
            _ => {}
        }
    }

    /// Ends a span; those within it end with it and begin again.
    fn end(&mut self, name: char, out: &mut String) {
        let Some(at) = self.0.iter().position(|s| *s == name) else { return };
        let within = self.0.split_off(at);
        within.iter().rev().for_each(|s| out.push_str(&format!("</{s}>")));
        for s in within.into_iter().skip(1) {
            self.0.push(s);
            out.push_str(&format!("<{s}>"));
        }
    }

    fn close(&mut self, out: &mut String) {
        while let Some(s) = self.0.pop() {
            out.push_str(&format!("</{s}>"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dialogue_lines_become_text() {
        for (line, text) in [
            ("0,0,Default,,0,0,0,,Hello, world", "Hello, world"),
            ("0,0,Default,,0,0,0,,{\\i1}Up{\\i0}\\Ndown\\hthere", "<i>Up</i>\ndown there"),
            ("0,0,Default,,0,0,0,,{\\an8\\b700\\u1}a{\\b0}b", "<b><u>a</u></b><u>b</u>"),
            ("0,0,Default,,0,0,0,,{\\p1}m 0 0 l 10 10{\\p0}sign{\\r}", "sign"),
            ("0,0,Default,,0,0,0,,{\\i1}open", "<i>open</i>"),
            ("0,0,Default,,0,0,0,,{ no end", "{ no end"),
            ("too,few", ""),
        ] {
            assert_eq!(dialogue(line), text, "{line}");
        }
    }

    #[test]
    fn what_does_not_say_when_it_goes_away_goes_with_the_next() {
        let mut cues = Cues { end_ms: 60_000, ..Cues::default() };
        cues.push(-1.0, Some(2.0), "before".into());
        cues.push(3.0, None, "open".into());
        cues.push(5.0, None, String::new());
        cues.push(9.0, Some(1.0), "  ".into());
        cues.push(58.0, None, "last".into());
        cues.push(70.0, Some(1.0), "beyond".into());
        let told: Vec<_> = cues.finish().into_iter().map(|c| (c.start_ms, c.end_ms, c.text)).collect();
        assert_eq!(
            told,
            [(0, 1_000, "before".into()), (3_000, 5_000, "open".to_owned()), (58_000, 60_000, "last".to_owned())]
        );
    }
}
