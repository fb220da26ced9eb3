//! Which streams of a source are not part of its package, and what they are.

use super::{ffi, open};
use crate::plan::{Left, LeftBehind};
use ffmpeg_next::{
    codec,
    format::{context::Input, stream::Stream},
    media,
};
use sluice_ingest::container::Demuxer;

/// Subtitles that are pictures.
const IMAGE_SUBTITLES: [&str; 4] = ["dvd_subtitle", "dvb_subtitle", "hdmv_pgs_subtitle", "xsub"];

/// Whether a stream is subtitles, but not such as are pictures.
pub fn is_text(stream: &Stream<'_>) -> bool {
    let parameters = stream.parameters();
    parameters.medium() == media::Type::Subtitle && !is_image_subtitles(stream)
}

/// Whether a stream is subtitles that are pictures.
pub fn is_image_subtitles(stream: &Stream<'_>) -> bool {
    IMAGE_SUBTITLES.contains(&stream.parameters().id().name())
}

/// Whether a stream is a track of closed captions (CTA-608).
pub fn is_captions(stream: &Stream<'_>) -> bool {
    stream.parameters().id() == codec::Id::EIA_608
}

/// All streams but those that were probed. Covers and fonts are none.
pub fn left_behind(input: &Input, demuxer: Demuxer, probed: &[usize]) -> Vec<LeftBehind> {
    let kept = |s: &Stream<'_>| probed.contains(&s.index());
    // QuickTime has its chapters in a track, whose samples FFmpeg hands over as such.
    let has_chapters = demuxer == Demuxer::Mov && input.nb_chapters() > 0;
    let is_chapters = |s: &Stream<'_>| has_chapters && s.parameters().id() == codec::Id::BIN_DATA;
    let others = input.streams().filter(|s| !kept(s) && !open::is_cover(s) && !is_empty(s, demuxer) && !is_chapters(s));
    others.filter_map(|s| Some(LeftBehind { stream: s.index(), left: left(&s)?, codec: name(&s) })).collect()
}

/// A track of MP4 and QuickTime without a sample, whatever length it claims; other containers do not say.
fn is_empty(stream: &Stream<'_>, demuxer: Demuxer) -> bool {
    demuxer == Demuxer::Mov && stream.frames() == 0 && ffi::index_length(stream) == 0
}

fn left(stream: &Stream<'_>) -> Option<Left> {
    let parameters = stream.parameters();
    let decodable = open::decodable(&parameters);
    Some(match parameters.medium() {
        // Without a size there is no picture to be seen.
        media::Type::Video if decodable && ffi::parameter_fields(&parameters).width <= 0 => return None,
        media::Type::Video if decodable => Left::FurtherPicture,
        media::Type::Video => Left::UndecodablePicture,
        // A transport stream announces sound before it comes, if it does.
        media::Type::Audio if decodable && ffi::parameter_fields(&parameters).sample_rate <= 0 => return None,
        media::Type::Audio if decodable => Left::FurtherSound,
        media::Type::Audio => Left::UndecodableSound,
        media::Type::Subtitle if is_text(stream) => Left::TextSubtitles,
        media::Type::Subtitle => Left::ImageSubtitles,
        media::Type::Attachment => return None,
        // TTML in MP4, of which FFmpeg knows nothing but the name of its sample entry.
        _ if ffi::parameter_fields(&parameters).tag == *b"stpp" => Left::TextSubtitles,
        _ => Left::Data,
    })
}

/// FFmpeg's name of the codec, or the container's own where FFmpeg knows none.
fn name(stream: &Stream<'_>) -> String {
    let parameters = stream.parameters();
    if parameters.id() != codec::Id::None {
        return parameters.id().name().to_owned();
    }
    let tag = ffi::parameter_fields(&parameters).tag;
    let text: String = tag.iter().map(|b| char::from(*b)).filter(char::is_ascii_graphic).collect();
    if text.len() >= 2 { text } else { "unknown".to_owned() }
}
