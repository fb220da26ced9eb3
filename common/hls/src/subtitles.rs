//! Subtitle renditions: WebVTT cut into segments (RFC 8216 section 3.5).

use super::Cue;
use sluice_model::SubtitleRole;
use std::fmt::Write;

/// A subtitle track of a media, as the multivariant playlist lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubtitleTrack {
    /// URI of its media playlist, relative to the multivariant playlist.
    pub uri: String,
    /// RFC 5646.
    pub language: String,
    /// For menus.
    pub name: String,
    pub role: SubtitleRole,
}

impl SubtitleTrack {
    /// A track beside others, whose name in menus is none of theirs (RFC 8216 section 4.3.4.1.1).
    pub fn beside(others: &[Self], uri: String, language: String, label: &str, role: SubtitleRole) -> Self {
        let plain = match role {
            SubtitleRole::Full => label.to_owned(),
            SubtitleRole::HardOfHearing => format!("{label} (SDH)"),
            SubtitleRole::Forced => format!("{label} (forced)"),
        };
        let taken = others.iter().any(|t| t.name == plain);
        let name = if taken { format!("{plain} ({language})") } else { plain };
        Self { uri, language, name, role }
    }
}

/// CHARACTERISTICS of a track (RFC 8216 section 4.3.4.1): those for people who hear badly also write down who speaks and what
/// else is heard.
pub(crate) fn characteristics(role: SubtitleRole) -> Option<&'static str> {
    const HARD_OF_HEARING: &str =
        "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound";
    (role == SubtitleRole::HardOfHearing).then_some(HARD_OF_HEARING)
}

/// Ticks a second of MPEG time stamps (X-TIMESTAMP-MAP).
const MPEG_HZ: f64 = 90_000.0;

/// The segment of a track that spans `from_ms..until_ms` of the programme. A cue that spans several segments stands in
/// each, with its own times; `programme_start_s` is the presentation time at which the programme begins in audio and video.
///
/// `track` is WebVTT as this service writes it: a header, then blocks of a line of times and text.
pub fn webvtt_segment(track: &str, from_ms: u64, until_ms: u64, programme_start_s: f64) -> String {
    let mpeg = (programme_start_s * MPEG_HZ).round() as u64;
    let mut out = format!("WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:{mpeg},LOCAL:00:00:00.000\n");
    for block in track.split("\n\n") {
        let block = block.trim_matches('\n');
        let Some((start, end)) = block.lines().next().and_then(times_ms) else { continue };
        if start < until_ms && end > from_ms {
            // Writing into a string does not fail.
            let _ = write!(out, "\n{block}\n");
        }
    }
    out
}

/// The cues of a track, as this service writes it, that are shown between two instants, on a clock that begins with the
/// first: what a clip has of the captions of its film.
pub fn cues_between(track: &str, from_ms: u64, until_ms: u64) -> Vec<Cue> {
    let cue = |block: &str| {
        let (line, text) = block.trim_matches('\n').split_once('\n')?;
        let (start, end) = times_ms(line).filter(|(start, end)| *start < until_ms && *end > from_ms)?;
        // Behind the arrow stands the end, and behind it the settings.
        let settings = line.split_once(" --> ")?.1.split_once(' ').map_or(String::new(), |(_, s)| format!(" {s}"));
        let (start_ms, end_ms) = (start.max(from_ms) - from_ms, end.min(until_ms) - from_ms);
        Some(Cue { start_ms, end_ms, settings, text: text.to_owned() })
    };
    track.split("\n\n").filter_map(cue).collect()
}

/// `00:00:01.000 --> 00:00:02.500 align:start`
fn times_ms(line: &str) -> Option<(u64, u64)> {
    let (start, rest) = line.split_once(" --> ")?;
    Some((instant_ms(start)?, instant_ms(rest.split(' ').next()?)?))
}

fn instant_ms(text: &str) -> Option<u64> {
    let mut parts = text.splitn(3, ':');
    let (hours, minutes, seconds) = (parts.next()?, parts.next()?, parts.next()?);
    let (whole, thousandths) = seconds.split_once('.')?;
    let number = |t: &str| t.parse::<u64>().ok();
    Some(((number(hours)? * 60 + number(minutes)?) * 60 + number(whole)?) * 1000 + number(thousandths)?)
}

/// An instant as WebVTT writes it.
pub fn webvtt_time(ms: u64) -> String {
    format!("{:02}:{:02}:{:02}.{:03}", ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TRACK: &str = "WEBVTT\n\n00:00:01.000 --> 00:00:02.000\nOne\n\n00:00:05.500 --> 00:00:06.500 align:start\nTwo\nlines\n\n\
        01:00:00.000 --> 01:00:01.000\nLate\n";

    #[test]
    fn a_cue_stands_in_every_segment_that_it_spans() {
        let cues = |from, until| {
            let text = webvtt_segment(TRACK, from, until, 0.0);
            ["One", "Two\nlines", "Late"].map(|cue| text.contains(cue))
        };
        assert_eq!(cues(0, 6_000), [true, true, false]);
        assert_eq!(cues(6_000, 12_000), [false, true, false]);
        assert_eq!(cues(2_000, 5_500), [false, false, false], "what ends or begins at the edge is not in it");
        assert_eq!(cues(3_600_000, 3_606_000), [false, false, true]);
    }

    #[test]
    fn a_clip_has_the_cues_of_its_time_on_its_own_clock() {
        let cue = |start_ms, end_ms, settings: &str, text: &str| Cue {
            start_ms,
            end_ms,
            settings: settings.to_owned(),
            text: text.to_owned(),
        };
        assert_eq!(
            cues_between(TRACK, 1_500, 6_000),
            [cue(0, 500, "", "One"), cue(4_000, 4_500, " align:start", "Two\nlines")]
        );
        assert_eq!(cues_between(TRACK, 2_000, 5_500), []);
    }

    #[test]
    fn times_are_mapped_to_the_begin_of_the_programme() {
        assert_eq!(
            webvtt_segment(TRACK, 0, 3_000, 0.08),
            "WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:7200,LOCAL:00:00:00.000\n\n00:00:01.000 --> 00:00:02.000\nOne\n"
        );
    }
}
