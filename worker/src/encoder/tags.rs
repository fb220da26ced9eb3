//! What a container says of a track of sound.

use super::ffi;
use crate::plan::TrackTags;
use ffmpeg_next::format::stream::{Disposition, Stream};

/// As it says it; whoever shows it makes sure of it.
pub fn tags(stream: &Stream<'_>) -> TrackTags {
    let said = stream.metadata();
    let text = |key| ffi::dictionary_value(&said, key).unwrap_or_default();
    let marked = |mark| stream.disposition().contains(mark);
    TrackTags {
        language: text("language"),
        title: text("title"),
        handler: text("handler_name"),
        is_commentary: marked(Disposition::COMMENT),
        is_dub: marked(Disposition::DUB),
        for_hearing_impaired: marked(Disposition::HEARING_IMPAIRED),
        for_visually_impaired: marked(Disposition::VISUAL_IMPAIRED) || marked(Disposition::DESCRIPTIONS),
    }
}
