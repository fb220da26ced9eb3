//! What of a source is not part of its package: said to people, or the reason to refuse it.
//!
//! Invariant: a film whose picture cannot be decoded never becomes sound alone.

use super::{
    burn,
    facts::{ImageSubtitleFacts, SourceFacts},
};
use serde::{Deserialize, Serialize};
use sluice_ingest::codecs::{self, Medium};
use sluice_model::Reason;

/// Codecs of one kind that a sentence names.
const MOST_NAMED: usize = 3;
/// Longest name of a codec, and what it is made of: a child says it, and people are shown it.
const LONGEST_NAME: usize = 24;

/// A stream that is left out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftBehind {
    /// Index in the source.
    pub stream: usize,
    /// Why.
    pub left: Left,
    /// FFmpeg's name of the codec, or the container's.
    pub codec: String,
}

/// Why a stream is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Left {
    /// No decoder may run for it.
    UndecodablePicture,
    /// No decoder may run for it.
    UndecodableSound,
    /// A package has one picture.
    FurtherPicture,
    /// A package of sound alone has one; one with a picture has as many as its bytes are worth.
    FurtherSound,
    /// Text.
    TextSubtitles,
    /// Pictures of text.
    ImageSubtitles,
    /// Neither picture nor sound nor subtitles: time codes, positions, and what is not known.
    Data,
}

impl Left {
    /// In the order in which they are told.
    const ALL: [Self; 7] = [
        Self::UndecodablePicture,
        Self::UndecodableSound,
        Self::FurtherPicture,
        Self::FurtherSound,
        Self::TextSubtitles,
        Self::ImageSubtitles,
        Self::Data,
    ];

    /// Stable, for programs.
    fn code(self) -> &'static str {
        match self {
            Self::UndecodablePicture => "undecodable_video",
            Self::UndecodableSound => "undecodable_audio",
            Self::FurtherPicture => "extra_video",
            Self::FurtherSound => "extra_audio",
            Self::TextSubtitles => "text_subtitles",
            Self::ImageSubtitles => "image_subtitles",
            Self::Data => "data_track",
        }
    }

    /// A track of sound whose work could not be done although it was planned.
    pub fn broken_sound(label: &str) -> Reason {
        let name = if label.is_empty() { "without a name" } else { label };
        let text = format!("Left out is a sound track that cannot be decoded: {name}.");
        Reason::new(Self::UndecodableSound.code(), text)
    }

    /// What one, and more than one, is called.
    fn nouns(self) -> (&'static str, &'static str) {
        match self {
            Self::UndecodablePicture => {
                ("picture track that cannot be decoded", "picture tracks that cannot be decoded")
            }
            Self::UndecodableSound => ("sound track that cannot be decoded", "sound tracks that cannot be decoded"),
            Self::FurtherPicture => ("further picture track", "further picture tracks"),
            Self::FurtherSound => ("further sound track", "further sound tracks"),
            Self::TextSubtitles => ("subtitle track of text", "subtitle tracks of text"),
            Self::ImageSubtitles => ("subtitle track of pictures", "subtitle tracks of pictures"),
            Self::Data => ("data track", "data tracks"),
        }
    }
}

/// One entry for each kind of stream that was left out; of the sounds that can be decoded, those after the first `kept`.
/// Then the subtitles that are `burned` into the picture.
pub fn warnings(facts: &SourceFacts, kept: usize, burned: Option<&ImageSubtitleFacts>) -> Vec<Reason> {
    let further = facts.audio.iter().skip(kept);
    let further = further.map(|a| LeftBehind { stream: a.stream, left: Left::FurtherSound, codec: a.codec.clone() });
    let left = facts.left_behind.iter().filter(|l| burned.is_none_or(|b| b.stream != l.stream));
    let all: Vec<LeftBehind> = left.cloned().chain(further).collect();
    let told = |left: Left| {
        let count = all.iter().filter(|l| l.left == left).count();
        let (one, more) = left.nouns();
        let text = match count {
            0 => return None,
            1 => format!("Left out is 1 {one}: {}.", codecs_of(&all, left)),
            _ => format!("Left out are {count} {more}: {}.", codecs_of(&all, left)),
        };
        Some(Reason::new(left.code(), text))
    };
    Left::ALL.into_iter().filter_map(told).chain(burned.map(burn::told)).collect()
}

/// Why a source cannot be a package at all, by what is in it.
pub fn refusal(facts: &SourceFacts) -> Option<Reason> {
    let has = |left| facts.left_behind.iter().any(|l| l.left == left);
    let refused = |what: &str, left, medium| {
        let text = format!(
            "The file's {what} is {}, which is not decoded. {}",
            codecs_of(&facts.left_behind, left),
            codecs::accepted(medium)
        );
        Some(Reason::new("unsupported_format", text))
    };
    match (&facts.video, facts.audio.is_empty()) {
        (Some(_), _) => None,
        (None, _) if has(Left::UndecodablePicture) => refused("picture", Left::UndecodablePicture, Medium::Picture),
        (None, false) => None,
        (None, true) if has(Left::UndecodableSound) => refused("sound", Left::UndecodableSound, Medium::Sound),
        (None, true) => {
            let text = format!(
                "The file holds neither picture nor sound that can be decoded. {}",
                codecs::accepted(Medium::Picture)
            );
            Some(Reason::new("unsupported_format", text))
        }
    }
}

/// The names of the codecs of one kind, each once.
fn codecs_of(list: &[LeftBehind], left: Left) -> String {
    let mut names: Vec<String> = Vec::new();
    for stream in list.iter().filter(|l| l.left == left) {
        let known = |c: &char| c.is_ascii_alphanumeric() || "._-+".contains(*c);
        let name: String = stream.codec.chars().filter(known).take(LONGEST_NAME).collect();
        let name = if name.is_empty() { "unknown".to_owned() } else { name };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let more = names.len() > MOST_NAMED;
    names.truncate(MOST_NAMED);
    let text = names.join(", ");
    if more { format!("{text} and others") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::ladder::tests::source;
    use sluice_ingest::sniff::Demuxer;

    fn facts(picture: bool, left: &[(Left, &str)]) -> SourceFacts {
        let left_behind = left.iter().enumerate();
        let left_behind =
            left_behind.map(|(stream, (left, codec))| LeftBehind { stream, left: *left, codec: (*codec).into() });
        SourceFacts {
            demuxer: Demuxer::Mov,
            video: picture.then(|| source(640, 360)),
            audio: Vec::new(),
            clock: crate::plan::Clock::default(),
            left_behind: left_behind.collect(),
            metadata: crate::plan::Metadata::default(),
        }
    }

    #[test]
    fn what_is_left_out_is_told_once_for_each_kind() {
        let facts = facts(
            true,
            &[(Left::Data, "tmcd"), (Left::UndecodableSound, "apac"), (Left::Data, "mebx"), (Left::Data, "mebx")],
        );
        let told: Vec<(String, String)> = warnings(&facts, 1, None).into_iter().map(|w| (w.code, w.message)).collect();
        assert_eq!(
            told,
            [
                ("undecodable_audio".into(), "Left out is 1 sound track that cannot be decoded: apac.".into()),
                ("data_track".into(), "Left out are 3 data tracks: tmcd, mebx.".into()),
            ]
        );
        assert_eq!(refusal(&facts), None);
    }

    #[test]
    fn a_film_without_its_picture_is_refused_by_name() {
        let mut film = facts(false, &[(Left::UndecodablePicture, "snow\" (x)<b>")]);
        let reason = refusal(&film).unwrap();
        assert_eq!(reason.code, "unsupported_format");
        assert!(reason.message.starts_with("The file's picture is snowxb, which is not decoded. Decoded are H.264,"));
        film.left_behind.clear();
        assert!(
            refusal(&film)
                .unwrap()
                .message
                .starts_with("The file holds neither picture nor sound that can be decoded.")
        );
        let sound = facts(false, &[(Left::UndecodableSound, "ac4")]);
        assert!(refusal(&sound).unwrap().message.contains("sound is ac4,"));
    }
}
