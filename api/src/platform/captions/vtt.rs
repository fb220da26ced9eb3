//! WebVTT (W3C) and SubRip, read and written as plain WebVTT: times in order, text, and the few settings of
//! a cue that players agree on. Style sheets, regions and notes are left out.

use sluice_hls::{Cue, LONGEST_CUE, MOST_CUES, webvtt};

/// What is wrong with a file, for people.
#[derive(Debug, PartialEq, Eq)]
pub struct Fault(pub &'static str);

/// A track as it is served, and how many cues it has.
pub fn normalise(text: &str) -> Result<(String, i64), Fault> {
    let text = text.trim_start_matches('\u{feff}').replace("\r\n", "\n").replace('\r', "\n");
    let plain = |c: char| if c == '\t' { Some(' ') } else { Some(c).filter(|c| !c.is_control()) };
    let lines = text.lines().map(|l| l.chars().filter_map(plain).collect::<String>().trim_end().to_owned());
    let (mut cues, mut block) = (Vec::new(), Vec::new());
    for line in lines.chain([String::new()]) {
        // The times of the next cue, where the empty line before it is missing, take the number above along.
        let begins = line.contains("-->") && block.iter().any(|l: &String| l.contains("-->"));
        if line.is_empty() || begins {
            let next = if begins { block.pop_if(|l: &mut String| l.chars().all(|c| c.is_ascii_digit())) } else { None };
            cues.extend(cue(&block)?);
            block = next.into_iter().collect();
        }
        if !line.is_empty() {
            block.push(line);
        }
        if cues.len() > MOST_CUES {
            return Err(Fault("at most 30000 cues"));
        }
    }
    if cues.is_empty() {
        return Err(Fault("WebVTT or SubRip with at least one cue"));
    }
    cues.sort_by_key(|c| c.start_ms);
    Ok((webvtt(&cues), cues.len() as i64))
}

/// The cue of a block; none where it is a header, a note or a style sheet.
fn cue(block: &[String]) -> Result<Option<Cue>, Fault> {
    let mut lines = block.iter().map(String::as_str);
    // The times stand first, or after a number or a name.
    let times = match lines.next() {
        Some(first) if ["NOTE", "STYLE", "REGION"].iter().any(|w| first.starts_with(w)) => return Ok(None),
        Some(first) if first.contains("-->") => first,
        _ => match lines.next() {
            Some(second) if second.contains("-->") => second,
            _ => return Ok(None),
        },
    };
    let wrong = Fault("times like 00:01:02.500 --> 00:01:05.000");
    let (start, rest) = times.split_once("-->").ok_or(Fault(wrong.0))?;
    let mut words = rest.split_whitespace();
    let end = words.next().and_then(instant).ok_or(Fault(wrong.0))?;
    let start_ms = instant(start.trim()).ok_or(wrong)?;
    let settings = words.filter(|w| setting(w)).fold(String::new(), |all, w| all + " " + w);
    let mut text: String = lines.collect::<Vec<_>>().join("\n").chars().take(LONGEST_CUE).collect();
    // Where it was cut, an empty line would end the cue before its text.
    text.truncate(text.trim_end().len());
    let shown = end > start_ms && !text.trim().is_empty();
    Ok(shown.then_some(Cue { start_ms, end_ms: end, settings, text }))
}

/// `line:90%`, `position:50%,center`, `align:start`, `size:80%`, `vertical:rl`.
fn setting(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '%' | ',' | '.' | '-');
    word.split_once(':').is_some_and(|(name, value)| {
        ["line", "position", "align", "size", "vertical"].contains(&name)
            && value.len() <= 20
            && value.chars().all(plain)
    })
}

/// Milliseconds of `[hours:]minutes:seconds.fraction`; SubRip writes a comma.
fn instant(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, "0"));
    let parts: Vec<u64> = whole.split(':').map(|p| p.parse().ok()).collect::<Option<_>>()?;
    let (hours, minutes, seconds) = match parts.as_slice() {
        [m, s] => (0, *m, *s),
        [h, m, s] => (*h, *m, *s),
        _ => return None,
    };
    let digits = fraction.len();
    if hours > 999 || minutes > 59 || seconds > 59 || !(1..=6).contains(&digits) {
        return None;
    }
    let thousandths = fraction.parse::<u64>().ok()? * 1000 / 10_u64.pow(digits as u32);
    Some(((hours * 60 + minutes) * 60 + seconds) * 1000 + thousandths)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_formats_become_plain_webvtt_in_order() {
        let srt = "\u{feff}2\r\n00:00:05,000 --> 00:00:06,5\r\nsecond\r\n\r\n1\r\n00:00:01,000 --> 00:00:02,250\r\nfirst\r\nline\r\n";
        let wanted = "WEBVTT\n\n00:00:01.000 --> 00:00:02.250\nfirst\nline\n\n00:00:05.000 --> 00:00:06.500\nsecond\n";
        assert_eq!(normalise(srt), Ok((wanted.to_owned(), 2)));
        let vtt = "WEBVTT - a title\n\nSTYLE\n::cue { background: url(http://x) }\n\nNOTE --> no\n\nintro\n01:02.000 --> 01:03.000 \
                   align:start line:90% evil:<b>\n<i>Hi</i>\n\n\n\n00:01:05.000 --> 00:01:04.000\nbackwards\n";
        let wanted = "WEBVTT\n\n00:01:02.000 --> 00:01:03.000 align:start line:90%\n<i>Hi</i>\n";
        assert_eq!(normalise(vtt), Ok((wanted.to_owned(), 1)));
        assert_eq!(normalise(wanted), Ok((wanted.to_owned(), 1)), "what is served may be sent again");
    }

    #[test]
    fn no_cue_is_lost_where_empty_lines_are_not_empty_or_missing() {
        let wanted = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\na b\n\n00:00:05.000 --> 00:00:06.000\nsecond\n";
        for between in ["\n", " \n", "\t\n\n", "", "\u{1}\n"] {
            let file =
                format!("1\n00:00:01,000 --> 00:00:02,000\na\tb\n{between}2\n00:00:05,000 --> 00:00:06,000\nsecond\n");
            assert_eq!(normalise(&file), Ok((wanted.to_owned(), 2)), "{between:?}");
        }
        // A cue cannot be smuggled in as text.
        let forged = "00:00:01,000 --> 00:00:02,000\na\n00:00.000 --\u{1}> 99:00.000 evil\nb\n";
        assert!(normalise(forged).is_err());
    }

    #[test]
    fn what_is_no_track_is_refused() {
        for bad in ["", "WEBVTT\n", "hello\n\nworld", "1\n00:61:00,000 --> 00:62:00,000\nx", "1\nnow --> then\nx"] {
            assert!(normalise(bad).is_err(), "{bad:?}");
        }
        assert!(normalise(&"00:01.0 --> 00:02.0\nx\n\n".repeat(MOST_CUES + 1)).is_err());
    }
}
