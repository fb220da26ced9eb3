//! What a source has beside picture and sound: text tracks, chapters, tags.

use super::{ffi, open, streams};
use crate::plan::{ChapterFacts, Metadata, TextFacts};
use ffmpeg_next::{
    DictionaryRef,
    format::{context::Input, stream::Disposition},
    media,
};
use sluice_model::FileTags;

/// Entries that are read of each list; the plan keeps fewer.
const MOST: usize = 1_000;
/// Characters of a value.
const LONGEST: usize = 200;

/// Reads it from the container's headers.
pub fn metadata(input: &Input) -> Metadata {
    let texts =
        input.streams().filter(|s| streams::is_text(s) && open::decodable(&s.parameters())).map(|s| TextFacts {
            stream: s.index(),
            language: value(&s.metadata(), &["language"]),
            title: value(&s.metadata(), &["title", "name"]),
            forced: s.disposition().contains(Disposition::FORCED),
            hearing_impaired: s.disposition().contains(Disposition::HEARING_IMPAIRED),
        });
    let chapters = input.chapters().map(|c| ChapterFacts {
        start_s: c.start() as f64 * f64::from(c.time_base()),
        title: value(&c.metadata(), &["title"]).unwrap_or_default(),
    });
    Metadata { texts: texts.take(MOST).collect(), chapters: chapters.take(MOST).collect(), tags: tags(input) }
}

/// Of the file, or of its sound where the container writes them there, as Ogg does.
fn tags(input: &Input) -> FileTags {
    let sound = input.streams().find(|s| s.parameters().medium() == media::Type::Audio);
    let one = |names: &[&str]| {
        value(&input.metadata(), names).or_else(|| sound.as_ref().and_then(|s| value(&s.metadata(), names)))
    };
    FileTags {
        title: value(&input.metadata(), &["title"]).or_else(|| {
            // The name of a track is not that of a film.
            let alone = input.streams().all(|s| s.parameters().medium() != media::Type::Video || open::is_cover(&s));
            sound.as_ref().filter(|_| alone).and_then(|s| value(&s.metadata(), &["title"]))
        }),
        artist: one(&["artist", "album_artist", "author", "performer"]),
        album: one(&["album"]),
        date: one(&["date", "year"]),
    }
}

/// The first of these that is there and says something, on one line.
fn value(metadata: &DictionaryRef<'_>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| {
        let plain: String =
            ffi::dictionary_value(metadata, name)?.chars().filter(|c| !c.is_control()).take(LONGEST).collect();
        Some(plain.trim().to_owned()).filter(|v| !v.is_empty())
    })
}
