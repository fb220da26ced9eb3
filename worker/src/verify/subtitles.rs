//! Rules of subtitle renditions (Apple's section 5).

use super::{
    playlist::ParsedMedia,
    report::{Finding, Level},
};

/// A subtitle rendition as read.
#[derive(Debug, Clone)]
pub struct ObservedSubtitles {
    /// As the multivariant playlist names it.
    pub uri: String,
    pub playlist: ParsedMedia,
    /// The text of every segment.
    pub segments: Vec<String>,
}

/// How much shorter or longer than the programme a subtitle playlist may be, seconds.
const TOLERANCE_S: f64 = 0.15;

/// What is found of subtitles beside a programme of `programme_s` seconds, and target duration `target_s`.
pub fn findings(list: &[ObservedSubtitles], programme_s: f64, target_s: u64) -> Vec<Finding> {
    let each_segment = |broken: fn(&str) -> bool| {
        let of = move |s: &ObservedSubtitles| {
            let numbers = s.segments.iter().enumerate().filter(|(_, text)| broken(text));
            numbers.map(|(i, _)| format!("{} segment {i}", s.uri)).collect::<Vec<_>>()
        };
        list.iter().flat_map(of).collect::<Vec<_>>()
    };
    let span = |s: &ObservedSubtitles| s.playlist.segments.iter().map(|x| x.1).sum::<f64>();
    let each = |broken: &dyn Fn(&ObservedSubtitles) -> Option<String>| {
        list.iter().filter_map(|s| broken(s).map(|b| format!("{}: {b}", s.uri))).collect::<Vec<_>>()
    };
    let short = each(&|s| {
        ((span(s) - programme_s).abs() > TOLERANCE_S).then(|| format!("{:.3} s of {programme_s:.3} s", span(s)))
    });
    let target = each(&|s| (s.playlist.target_s != target_s).then(|| s.playlist.target_s.to_string()));
    let found = [
        ("5.2", "subtitles are WebVTT", each_segment(|t| !t.trim_start_matches('\u{feff}').starts_with("WEBVTT"))),
        ("5.3", "every segment of subtitles has X-TIMESTAMP-MAP", each_segment(|t| !mapped(t))),
        ("5.5", "subtitles span the programme", short),
        ("8.2", "subtitles have the target duration of the programme", target),
    ];
    found
        .into_iter()
        .map(|(rule, text, details)| Finding::of(Level::Must, rule, text, !list.is_empty(), details))
        .collect()
}

/// Whether the header, which ends with the first empty line, maps times.
fn mapped(text: &str) -> bool {
    text.lines().take_while(|l| !l.is_empty()).any(|l| l.starts_with("X-TIMESTAMP-MAP="))
}

#[cfg(test)]
mod tests {
    use super::{super::report::Outcome, *};

    #[test]
    fn every_rule_finds_what_breaks_it() {
        let good = ObservedSubtitles {
            uri: "text-full-de/index.m3u8".into(),
            playlist: ParsedMedia {
                target_s: 6,
                segments: vec![("0.vtt".into(), 6.0), ("1.vtt".into(), 4.0)],
                ..Default::default()
            },
            segments: vec!["WEBVTT\nX-TIMESTAMP-MAP=MPEGTS:0,LOCAL:00:00:00.000\n".into(); 2],
        };
        let outcomes =
            |list: &[ObservedSubtitles]| findings(list, 10.0, 6).iter().map(|f| f.outcome).collect::<Vec<_>>();
        assert_eq!(outcomes(&[]), [Outcome::NotApplicable; 4]);
        assert_eq!(outcomes(std::slice::from_ref(&good)), [Outcome::Pass; 4]);
        let mut bad = good.clone();
        bad.segments[1] = "1\n00:00:01,000 --> 00:00:02,000\n\nX-TIMESTAMP-MAP=\n".into();
        bad.playlist.target_s = 7;
        bad.playlist.segments.pop();
        assert_eq!(outcomes(&[good, bad]), [Outcome::Fail; 4]);
    }
}
