//! What a source has beside picture and sound: text tracks, chapters, tags.

use super::{ffi, open, streams};
use crate::{
    captions::teletext::{Page, pages},
    plan::{CaptionFacts, ChapterFacts, ImageSubtitleFacts, Metadata, TextFacts},
};
use ffmpeg_next::{
    DictionaryRef, codec,
    format::{
        context::Input,
        stream::{Disposition, Stream},
    },
    media,
};
use sluice_model::FileTags;

/// Entries that are read of each list; the plan keeps fewer.
const MOST: usize = 1_000;
/// Characters of a value.
const LONGEST: usize = 200;

/// Reads it from the container's headers.
pub fn metadata(input: &Input) -> Metadata {
    let decodable = input.streams().filter(|s| streams::is_text(s) && open::decodable(&s.parameters()));
    let texts = decodable.flat_map(|s| texts(&s));
    let chapters = input.chapters().map(|c| ChapterFacts {
        start_s: c.start() as f64 * f64::from(c.time_base()),
        title: value(&c.metadata(), &["title"]).unwrap_or_default(),
    });
    let captions = input
        .streams()
        .filter(streams::is_captions)
        .map(|s| CaptionFacts { stream: s.index(), language: value(&s.metadata(), &["language"]) });
    let image_subtitles = input.streams().filter(streams::is_image_subtitles).map(|s| ImageSubtitleFacts {
        stream: s.index(),
        codec: s.parameters().id().name().to_owned(),
        language: value(&s.metadata(), &["language"]),
        forced: s.disposition().contains(Disposition::FORCED),
        default: s.disposition().contains(Disposition::DEFAULT),
    });
    Metadata {
        texts: texts.take(MOST).collect(),
        image_subtitles: image_subtitles.take(MOST).collect(),
        captions: captions.take(MOST).collect(),
        chapters: chapters.take(MOST).collect(),
        tags: tags(input),
    }
}

/// The text tracks of a stream: teletext has a page for each.
fn texts(stream: &Stream<'_>) -> Vec<TextFacts> {
    let language = value(&stream.metadata(), &["language"]);
    let whole = TextFacts {
        stream: stream.index(),
        language: language.clone(),
        title: value(&stream.metadata(), &["title", "name"]),
        forced: stream.disposition().contains(Disposition::FORCED),
        hearing_impaired: stream.disposition().contains(Disposition::HEARING_IMPAIRED),
        page: None,
    };
    let parameters = stream.parameters();
    if parameters.id() != codec::Id::DVB_TELETEXT {
        return vec![whole];
    }
    let of_page = |page: Page| TextFacts {
        language: page.language,
        hearing_impaired: page.hearing_impaired,
        page: Some(page.number),
        ..whole.clone()
    };
    let descriptor = ffi::parameter_extradata(&parameters);
    pages(&descriptor, &language.unwrap_or_default()).into_iter().map(of_page).collect()
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
