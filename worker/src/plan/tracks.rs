//! What menus say of the tracks of sound: from what their container says of them, which is not believed.

use super::facts::{AudioFacts, TrackTags};
use sluice_model::{SoundTrack, TrackRole, language_name, language_tag};

/// Longest label, characters.
const LONGEST_LABEL: usize = 80;
/// Names that muxers give to every track alike: they say nothing to people.
const MEANINGLESS: [&str; 8] =
    ["handler", "core media", "iso media", "sound media", "audio media", "gpac", "mainconcept", "unspecified"];

/// A track of sound at its place among the others, from 0.
pub fn track(sound: &AudioFacts, position: usize) -> SoundTrack {
    let tags = &sound.tags;
    let language = language_tag(&tags.language);
    let title = [&tags.title, &tags.handler].into_iter().map(|t| cleaned(t)).find(|t| says_something(t));
    let role = role(tags, title.as_deref().unwrap_or_default());
    let label = title.unwrap_or_else(|| called(language.as_deref(), role));
    SoundTrack { position: position as u64, language, label, role }
}

/// What a track without a title is called.
fn called(language: Option<&str>, role: TrackRole) -> String {
    let purpose = match role {
        TrackRole::Main | TrackRole::Dub => None,
        TrackRole::Commentary => Some("commentary"),
        TrackRole::Description => Some("audio description"),
        TrackRole::Intelligible => Some("clear speech"),
    };
    match (language.map(|l| language_name(l).unwrap_or_else(|| l.to_owned())), purpose) {
        (Some(name), Some(purpose)) => format!("{name} ({purpose})"),
        (Some(name), None) => name,
        (None, Some(purpose)) => purpose[..1].to_uppercase() + &purpose[1..],
        (None, None) => String::new(),
    }
}

/// What it is for: what the container marks, or else what it is called.
fn role(tags: &TrackTags, title: &str) -> TrackRole {
    let title = title.to_lowercase();
    let called = |words: &[&str]| words.iter().any(|w| title.contains(w));
    if tags.for_visually_impaired {
        TrackRole::Description
    } else if tags.is_commentary {
        TrackRole::Commentary
    } else if tags.for_hearing_impaired {
        TrackRole::Intelligible
    } else if called(&["audio description", "descriptive audio"]) {
        TrackRole::Description
    } else if called(&["commentary"]) {
        TrackRole::Commentary
    } else if tags.is_dub {
        TrackRole::Dub
    } else {
        TrackRole::Main
    }
}

/// One line of visible text.
fn cleaned(text: &str) -> String {
    // What turns the direction of text would turn the menu around it.
    let turns = |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    let plain: String = text.chars().map(|c| if c.is_control() || turns(c) { ' ' } else { c }).collect();
    let line = plain.split_whitespace().collect::<Vec<_>>().join(" ");
    line.chars().filter(|c| *c != char::REPLACEMENT_CHARACTER).take(LONGEST_LABEL).collect::<String>().trim().to_owned()
}

fn says_something(title: &str) -> bool {
    let lower = title.to_lowercase();
    title.chars().any(char::is_alphanumeric) && !MEANINGLESS.iter().any(|m| lower.contains(m))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::fixture::sound;

    fn of(change: impl FnOnce(&mut TrackTags)) -> (Option<String>, String, TrackRole) {
        let mut sound = sound();
        change(&mut sound.tags);
        let track = track(&sound, 1);
        (track.language, track.label, track.role)
    }

    #[test]
    fn a_track_is_called_by_its_title_its_language_or_its_purpose() {
        let said = |language: &str, title: &str, handler: &str| {
            let (language, title, handler) = (language.to_owned(), title.to_owned(), handler.to_owned());
            let (tag, label, role) =
                of(|t| (t.language, t.title, t.handler) = (language.clone(), title.clone(), handler.clone()));
            (tag.unwrap_or_default(), label, role)
        };
        assert_eq!(said("ger", "", "SoundHandler"), ("de".into(), "Deutsch".into(), TrackRole::Main));
        assert_eq!(said("und", "", ""), (String::new(), String::new(), TrackRole::Main));
        assert_eq!(
            said("eng", " Director's\u{0}\n commentary ", ""),
            ("en".into(), "Director's commentary".into(), TrackRole::Commentary)
        );
        assert_eq!(said("eng", "", "English stereo").1, "English stereo");
        assert_eq!(said("eng", "\u{202e}\u{7}", "").1, "English");
        assert_eq!(said("eng", &"x".repeat(500), "").1.len(), LONGEST_LABEL);
    }

    #[test]
    fn marks_of_the_container_say_what_it_is_for() {
        let described = of(|t| (t.language, t.for_visually_impaired) = ("fra".into(), true));
        assert_eq!(described, (Some("fr".into()), "Français (audio description)".into(), TrackRole::Description));
        assert_eq!(of(|t| t.is_commentary = true).1, "Commentary");
        assert_eq!(of(|t| t.is_dub = true).2, TrackRole::Dub);
        assert_eq!(of(|t| t.for_hearing_impaired = true).2, TrackRole::Intelligible);
    }
}
