//! Text tracks: packets are decoded to what is shown and when. Closed captions are read on the way.

use super::{
    EncodeError,
    captions::Captions,
    ffi::{self, SubtitleText},
    link::Link,
    open,
    packets::Packets,
};
use crate::{
    captions::teletext::Sent,
    child::{CueRead, CuesRead, FromChild, Job, SubtitlesWork},
    plan::Part,
};
use ffmpeg_next::{Packet, decoder, format::context::Input};
use sluice_hls::{LONGEST_CUE, MOST_CUES};

/// How long a text is shown that does not say when it goes away and that nothing follows, milliseconds.
const OPEN_MS: u64 = 7_000;
/// The same of a page of teletext, which stands until it is erased: who erases none has lost the packet.
const PAGE_MS: u64 = 30_000;
/// Bytes of text that are kept of a track: what people may upload is no more.
const MOST_BYTES: usize = 1 << 20;
/// A time stamp after all others, in any time base.
const LATE: i64 = 1 << 40;
/// Commas before the text in a dialogue line without times: ReadOrder, Layer, Style, Name, three margins, Effect.
const ASS_FIELDS: usize = 8;

/// Reads the tracks and hands over their cues.
pub fn run(link: &Link, job: &Job, work: &SubtitlesWork) -> Result<(), EncodeError> {
    let mut packets = Packets::open(link, job)?;
    let (mut tracks, mut captions) = (Vec::new(), Vec::<Captions>::new());
    for (stream, part) in work.tracks.iter().copied() {
        match part {
            Part::Whole => tracks.push(Track::new(job, &packets.input, (stream, None), work)?),
            Part::Page(page) => tracks.push(Track::new(job, &packets.input, (stream, Some(page)), work)?),
            // All channels of a stream are read at once.
            Part::Channel(_) if captions.iter().any(|c| c.stream == stream) => {}
            Part::Channel(_) => captions.push(Captions::new(&packets.input, stream, work)?),
        }
    }
    packets.keep(&work.tracks.iter().map(|t| t.0).collect::<Vec<_>>());
    while let Some(packet) = packets.next() {
        // A stream of teletext may have several.
        tracks.iter_mut().filter(|t| t.stream == packet.stream()).for_each(|t| t.take(&packet, work.origin_s));
        if let Some(captions) = captions.iter_mut().find(|c| c.stream == packet.stream()) {
            captions.take(&packet);
        }
    }
    for track in tracks {
        link.send(&FromChild::Cues(track.finish(work.origin_s)), &[])?;
    }
    for read in captions.into_iter().flat_map(Captions::finish) {
        link.send(&FromChild::Cues(read), &[])?;
    }
    Ok(())
}

struct Track {
    stream: usize,
    /// Of a unit of its time base.
    seconds: f64,
    decoder: decoder::Subtitle,
    /// Of teletext.
    page: Option<Sent>,
    part: Part,
    cues: Cues,
}

impl Track {
    /// Of a stream, or of a page of it.
    fn new(
        job: &Job,
        input: &Input,
        (stream, page): (usize, Option<u16>),
        work: &SubtitlesWork,
    ) -> Result<Self, EncodeError> {
        Ok(Self {
            stream,
            seconds: f64::from(open::stream_of(input, stream)?.time_base()),
            decoder: open::subtitle_decoder(job, input, stream, page)?,
            page: page.map(Sent::new),
            part: page.map_or(Part::Whole, Part::Page),
            cues: Cues {
                open_ms: if page.is_some() { PAGE_MS } else { OPEN_MS },
                ..Cues::until(milliseconds(work.duration_s))
            },
        })
    }

    /// What has been read. The last page of teletext is told when something ends it.
    fn finish(mut self, origin_s: f64) -> CuesRead {
        if let Some(end) = self.page.as_ref().map(Sent::end) {
            let mut packet = Packet::copy(&end);
            packet.set_pts(Some(LATE));
            self.take(&packet, origin_s);
        }
        CuesRead { stream: self.stream, part: self.part, cues: self.cues.finish() }
    }

    fn take(&mut self, packet: &Packet, origin_s: f64) {
        let Some(time) = packet.pts().or(packet.dts()) else { return };
        let begun = self.page.as_mut().and_then(|p| p.take(packet.data().unwrap_or_default(), time));
        // What does not decode is skipped as players skip it.
        let Ok(shown) = ffi::decode_subtitle(&mut self.decoder, packet) else { return };
        let (texts, shown_ms) = match shown {
            Some(shown) => shown,
            // Packets of teletext are parts of pages, those of other tracks are what is shown: nothing.
            None if self.page.is_some() => return,
            None => (Vec::new(), None),
        };
        let lines = texts.iter().map(|t| match t {
            SubtitleText::Plain(text) => text.clone(),
            SubtitleText::Ass(line) => dialogue(line),
        });
        let mut text = lines.collect::<Vec<_>>().join("\n");
        if self.page.is_some() {
            text = written(&text);
        }
        let start_s = begun.unwrap_or(time) as f64 * self.seconds - origin_s;
        let shown_s = match packet.duration() {
            0 => shown_ms.map(|ms| f64::from(ms) / 1000.0),
            ticks => Some(ticks as f64 * self.seconds),
        };
        self.cues.push(start_s, shown_s, text);
    }
}

pub fn milliseconds(seconds: f64) -> u64 {
    (seconds.max(0.0) * 1000.0).round() as u64
}

/// The cues of a track as far as it has been read.
#[derive(Debug, Default)]
pub struct Cues {
    list: Vec<CueRead>,
    bytes: usize,
    /// Whether the last one goes away with the next text, whatever that is.
    open: bool,
    /// After how long it goes away where nothing follows, milliseconds.
    open_ms: u64,
    /// Of the programme.
    end_ms: u64,
}

impl Cues {
    /// Of a programme of so many milliseconds.
    pub fn until(end_ms: u64) -> Self {
        Self { end_ms, open_ms: OPEN_MS, ..Self::default() }
    }

    /// Takes a text that is shown from `start_s` of the programme on.
    pub fn push(&mut self, start_s: f64, shown_s: Option<f64>, text: String) {
        let start_ms = milliseconds(start_s);
        let open_ms = self.open_ms;
        let until_ms = |shown_s: Option<f64>| shown_s.map_or(start_ms + open_ms, |s| milliseconds(start_s + s));
        if self.open
            && let Some(last) = self.list.last_mut()
        {
            // Teletext is sent again and again while it stands.
            if last.text == text && last.end_ms >= start_ms && shown_s.is_none() {
                last.end_ms = until_ms(None).min(self.end_ms);
                return;
            }
            last.end_ms = last.end_ms.min(start_ms.max(last.start_ms));
        }
        self.open = shown_s.is_none();
        let end_ms = until_ms(shown_s).min(self.end_ms);
        let text: String = text.chars().take(LONGEST_CUE).collect();
        let fits = self.list.len() < MOST_CUES && self.bytes + text.len() <= MOST_BYTES;
        if end_ms > start_ms && !text.trim().is_empty() && fits {
            self.bytes += text.len();
            self.list.push(CueRead { start_ms, end_ms, text });
        } else {
            self.open = false;
        }
    }

    pub fn finish(mut self) -> Vec<CueRead> {
        self.list.retain(|c| c.end_ms > c.start_ms);
        self.list
    }
}

/// What is written on a page, of whose rows every cell is told. Colours and boxes take cells, too.
fn written(page: &str) -> String {
    let rows = page.lines().map(|row| row.split_whitespace().collect::<Vec<_>>().join(" "));
    rows.filter(|row| !row.is_empty()).collect::<Vec<_>>().join("\n")
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
    fn pages_have_no_margins() {
        let line = "0,0,Teletext,,0,0,0,, \\N\\h\\h{\\c&H0000FF&}\\hKäse{\\c&HFFFFFF&}\\h\\hund\\h \\N \\N\\hBrot \\N ";
        assert_eq!(written(&dialogue(line)), "Käse und\nBrot");
        assert_eq!(written(&dialogue("0,0,Teletext,,0,0,0,, \\N \\N")), "");
    }

    #[test]
    fn what_is_sent_again_stands_longer() {
        let mut cues = Cues::until(60_000);
        for at_s in [1.0, 4.0, 8.0] {
            cues.push(at_s, None, "still".into());
        }
        cues.push(20.0, None, "still".into());
        cues.push(21.0, None, String::new());
        let told: Vec<_> = cues.finish().into_iter().map(|c| (c.start_ms, c.end_ms)).collect();
        assert_eq!(told, [(1_000, 15_000), (20_000, 21_000)]);
    }

    #[test]
    fn what_does_not_say_when_it_goes_away_goes_with_the_next() {
        let mut cues = Cues::until(60_000);
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
