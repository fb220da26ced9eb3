//! Which subtitle track of pictures becomes part of the picture: no player can show it, and nobody can choose it later.

use super::facts::{ImageSubtitleFacts, SourceFacts};
use serde::{Deserialize, Serialize};
use sluice_config::BurnedTrack;
use sluice_model::{Reason, language_name, language_tag};

/// A track that is drawn into every output frame.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BurnedSubtitles {
    /// Index in the source.
    pub stream: usize,
}

/// The track that a setting means, if the file has it.
pub fn chosen<'a>(facts: &'a SourceFacts, setting: Option<&BurnedTrack>) -> Option<&'a ImageSubtitleFacts> {
    let all = || facts.metadata.image_subtitles.iter();
    let forced = || all().find(|s| s.forced);
    match setting? {
        BurnedTrack::Forced => forced(),
        BurnedTrack::Default => forced().or_else(|| all().find(|s| s.default)),
        BurnedTrack::Language(tag) => {
            all().find(|s| s.language.as_deref().and_then(language_tag).as_ref() == Some(tag))
        }
    }
}

/// What people are told of it.
pub fn told(track: &ImageSubtitleFacts) -> Reason {
    let known = track.language.as_deref().and_then(language_tag);
    let language = known.and_then(|tag| language_name(&tag)).map(|name| format!(" ({name})")).unwrap_or_default();
    Reason::new("burned_subtitles", format!("A subtitle track of pictures is part of the picture{language}."))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::{Clock, Metadata};
    use sluice_ingest::sniff::Demuxer;

    fn track(stream: usize, language: &str, forced: bool, default: bool) -> ImageSubtitleFacts {
        let language = Some(language.to_owned());
        ImageSubtitleFacts { stream, codec: "hdmv_pgs_subtitle".into(), language, forced, default }
    }

    #[test]
    fn a_setting_means_one_track_or_none() {
        let of = |image_subtitles: Vec<ImageSubtitleFacts>| SourceFacts {
            demuxer: Demuxer::Matroska,
            video: None,
            audio: Vec::new(),
            clock: Clock::default(),
            left_behind: Vec::new(),
            metadata: Metadata { image_subtitles, ..Metadata::default() },
        };
        let film = of(vec![track(2, "eng", false, true), track(3, "ger", false, false), track(4, "eng", true, false)]);
        let stream = |film: &SourceFacts, setting: &str| {
            chosen(film, BurnedTrack::try_from(setting.to_owned()).ok().as_ref()).map(|t| t.stream)
        };
        assert_eq!((stream(&film, "forced"), stream(&film, "default")), (Some(4), Some(4)));
        assert_eq!((stream(&film, "de"), stream(&film, "en"), stream(&film, "fr")), (Some(3), Some(2), None));
        assert_eq!(chosen(&film, None), None);
        let plain = of(vec![track(2, "eng", false, true)]);
        assert_eq!((stream(&plain, "forced"), stream(&plain, "default")), (None, Some(2)));
        assert!(told(&track(3, "ger", false, false)).message.ends_with("part of the picture (Deutsch)."));
    }
}
