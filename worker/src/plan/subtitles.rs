//! What a package keeps of a file beside picture and sound: text tracks, closed captions, chapters, tags.

use super::facts::{CaptionFacts, SourceFacts, TextFacts};
use crate::captions::CHANNELS;
use serde::{Deserialize, Serialize};
use sluice_model::{ChapterMark, SubtitleRole, language_name, language_tag};

/// Text tracks that are kept.
pub const MOST_TRACKS: usize = 32;
/// Streams of closed captions that are kept.
pub const MOST_CAPTIONED: usize = 4;
/// Chapters that are kept.
const MOST_CHAPTERS: usize = 500;
/// Characters of a name.
const LONGEST_NAME: usize = 80;
/// RFC 5646: nobody has said.
const UNKNOWN: &str = "und";

/// A text track of the file that becomes a subtitle rendition. No two of a plan have both language and role in common.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SubtitlePlan {
    /// Index in the source.
    pub stream: usize,
    /// RFC 5646.
    pub language: String,
    /// For menus.
    pub label: String,
    pub role: SubtitleRole,
    #[serde(default)]
    pub part: Part,
}

/// What of a stream a track is.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Part {
    /// All of it.
    #[default]
    Whole,
    /// A channel of closed captions, CC1 to CC4.
    Channel(u8),
    /// A page of teletext, by its three digits: `0x888`.
    Page(u16),
}

/// The text tracks that are kept, in the order of the file, then closed captions. Nobody knows before they are read which of
/// their channels say anything: those that do not become no track.
pub fn tracks(facts: &SourceFacts) -> Vec<SubtitlePlan> {
    let mut list: Vec<SubtitlePlan> = Vec::new();
    for text in facts.metadata.texts.iter().take(MOST_TRACKS) {
        let known = known_language(text.language.as_deref());
        let title: String = text.title.as_deref().unwrap_or_default().trim().chars().take(LONGEST_NAME).collect();
        let label = match title.is_empty() {
            false => title,
            true => language_name(&known).unwrap_or_else(|| "Subtitles".to_owned()),
        };
        let role = role(text);
        let language = free_tag(&list, &known, role);
        list.push(SubtitlePlan {
            stream: text.stream,
            language,
            label,
            role,
            part: text.page.map_or(Part::Whole, Part::Page),
        });
    }
    // They are made for those who hear badly: who speaks and what else is heard is written down (47 CFR 79.1).
    let role = SubtitleRole::HardOfHearing;
    for captions in facts.metadata.captions.iter().take(MOST_CAPTIONED) {
        let known = known_language(captions.language.as_deref());
        for channel in 1..=CHANNELS as u8 {
            let label = match language_name(&known).filter(|_| channel == 1) {
                Some(name) => name,
                None => format!("CC{channel}"),
            };
            // A file says the language of the first channel, if any.
            let language = free_tag(&list, if channel == 1 { &known } else { UNKNOWN }, role);
            list.push(SubtitlePlan { stream: captions.stream, language, label, role, part: Part::Channel(channel) });
        }
    }
    list
}

fn known_language(said: Option<&str>) -> String {
    said.and_then(language_tag).unwrap_or_else(|| UNKNOWN.to_owned())
}

/// A tag that no other track of this role has: a second track of a language gets a private subtag (RFC 5646 section 2.2.7).
fn free_tag(list: &[SubtitlePlan], known: &str, role: SubtitleRole) -> String {
    let taken = |tag: &str| list.iter().any(|t| t.language == tag && t.role == role);
    let mut number = 1;
    let mut tag = known.to_owned();
    while taken(&tag) {
        number += 1;
        tag = format!("{known}-x-{number:02}");
    }
    tag
}

/// The facts of what comes after a beginning that had captions: a film has them to its end.
pub fn keep_captions(facts: &mut SourceFacts, begun: &[SubtitlePlan]) {
    let before = begun.iter().filter(|t| t.part == Part::Channel(1)).map(|t| t.stream);
    let lost: Vec<usize> = before.filter(|s| facts.metadata.captions.iter().all(|c| c.stream != *s)).collect();
    facts.metadata.captions.extend(lost.into_iter().map(|stream| CaptionFacts { stream, language: None }));
}

fn role(text: &TextFacts) -> SubtitleRole {
    let title = text.title.as_deref().unwrap_or_default().to_lowercase();
    let words = || title.split(|c: char| !c.is_alphanumeric());
    let says = |role: SubtitleRole| words().any(|w| w == role.as_str());
    if text.forced || says(SubtitleRole::Forced) {
        SubtitleRole::Forced
    } else if text.hearing_impaired || says(SubtitleRole::HardOfHearing) || words().any(|w| w == "cc") {
        SubtitleRole::HardOfHearing
    } else {
        SubtitleRole::Full
    }
}

/// The chapters of the file on a programme of `duration_s` that begins at `origin_s` of the source's clock: those that begin
/// within it, each later than the one before.
pub fn chapters(facts: &SourceFacts, origin_s: f64, duration_s: f64) -> Vec<ChapterMark> {
    let mut list: Vec<ChapterMark> = Vec::new();
    for (n, chapter) in facts.metadata.chapters.iter().take(MOST_CHAPTERS).enumerate() {
        let start_s = (chapter.start_s - origin_s).max(0.0);
        let start_ms = (start_s * 1000.0).round() as u64;
        if !facts.clock.is_plain() || start_s >= duration_s {
            continue;
        }
        // Of those before the programme the last one is what it begins with.
        if start_ms == 0 {
            list.clear();
        }
        if list.last().is_some_and(|l| l.start_ms >= start_ms) {
            continue;
        }
        let title: String = chapter.title.trim().chars().take(LONGEST_NAME * 2).collect();
        list.push(ChapterMark { start_ms, title: if title.is_empty() { format!("{}", n + 1) } else { title } });
    }
    // One that spans the whole film says nothing.
    if list.len() < 2 { Vec::new() } else { list }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{ChapterFacts, Clock, Metadata};
    use sluice_ingest::sniff::Demuxer;

    fn text(stream: usize, language: &str, title: &str) -> TextFacts {
        TextFacts {
            stream,
            language: Some(language.to_owned()),
            title: Some(title.to_owned()),
            forced: false,
            hearing_impaired: false,
            page: None,
        }
    }

    fn facts(metadata: Metadata) -> SourceFacts {
        SourceFacts {
            demuxer: Demuxer::Matroska,
            video: None,
            audio: Vec::new(),
            clock: Clock::default(),
            left_behind: Vec::new(),
            metadata,
        }
    }

    #[test]
    fn every_track_has_a_language_and_role_of_its_own() {
        let texts = vec![
            text(2, "ger", ""),
            text(3, "deu", "Kommentar"),
            TextFacts { forced: true, ..text(4, "de", "") },
            text(5, "eng", "English [SDH]"),
            text(6, "qqq", ""),
            TextFacts { page: Some(0x888), ..text(7, "fra", "") },
        ];
        let list = tracks(&facts(Metadata { texts, ..Metadata::default() }));
        assert_eq!((list[0].part, list[5].part), (Part::Whole, Part::Page(0x888)));
        let told: Vec<_> = list.iter().map(|t| (t.language.as_str(), t.role, t.label.as_str())).collect();
        assert_eq!(
            told,
            [
                ("de", SubtitleRole::Full, "Deutsch"),
                ("de-x-02", SubtitleRole::Full, "Kommentar"),
                ("de", SubtitleRole::Forced, "Deutsch"),
                ("en", SubtitleRole::HardOfHearing, "English [SDH]"),
                ("und", SubtitleRole::Full, "Subtitles"),
                ("fr", SubtitleRole::Full, "Français"),
            ]
        );
    }

    #[test]
    fn closed_captions_have_a_track_for_each_channel() {
        let captions = |stream, language: Option<&str>| CaptionFacts { stream, language: language.map(str::to_owned) };
        let metadata = Metadata {
            texts: vec![text(2, "eng", "English [SDH]")],
            captions: vec![captions(3, Some("eng")), captions(0, None)],
            ..Metadata::default()
        };
        let mut film = facts(metadata);
        let list = tracks(&film);
        let told: Vec<_> = list.iter().map(|t| (t.stream, t.part, t.language.as_str(), t.label.as_str())).collect();
        assert_eq!(
            told[..6],
            [
                (2, Part::Whole, "en", "English [SDH]"),
                (3, Part::Channel(1), "en-x-02", "English"),
                (3, Part::Channel(2), "und", "CC2"),
                (3, Part::Channel(3), "und-x-02", "CC3"),
                (3, Part::Channel(4), "und-x-03", "CC4"),
                (0, Part::Channel(1), "und-x-04", "CC1"),
            ]
        );
        assert!(list.len() == 9 && list[1..].iter().all(|t| t.role == SubtitleRole::HardOfHearing));
        // The last look at a film that was planned while it arrived found none.
        film.metadata.captions.truncate(1);
        keep_captions(&mut film, &list);
        assert_eq!(film.metadata.captions, [captions(3, Some("eng")), captions(0, None)]);
    }

    #[test]
    fn chapters_lie_within_the_programme_and_follow_one_another() {
        let mark = |start_s: f64, title: &str| ChapterFacts { start_s, title: title.to_owned() };
        let chapters_of =
            |list: Vec<ChapterFacts>| chapters(&facts(Metadata { chapters: list, ..Metadata::default() }), 10.0, 60.0);
        let kept = chapters_of(vec![mark(9.0, "Before"), mark(10.0, "Same"), mark(30.5, ""), mark(80.0, "Beyond")]);
        let told: Vec<_> = kept.iter().map(|c| (c.start_ms, c.title.as_str())).collect();
        assert_eq!(told, [(0, "Same"), (20_500, "3")]);
        assert!(chapters_of(vec![mark(10.0, "All")]).is_empty());
    }
}
