//! Containers and codecs as clients see them.

use serde::Serialize;
use sluice_ingest::{
    codecs::{self, CODECS, Medium},
    container::{self, CONTAINERS},
};
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
pub struct Formats {
    pub containers: Vec<Container>,
    pub video_codecs: Vec<Codec>,
    pub audio_codecs: Vec<Codec>,
    /// Of text tracks, which become subtitles.
    pub text_codecs: Vec<Codec>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Container {
    pub name: &'static str,
    pub content_type: &'static str,
    /// Endings of file names, without the dot. They are told for file pickers: what a file is, its bytes say.
    pub extensions: &'static [&'static str],
    /// Where such files come from.
    pub found_in: &'static str,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Codec {
    pub name: &'static str,
    /// FFmpeg's names of the decoders; none of text that is read without one.
    pub decoders: &'static [&'static str],
    /// Where such streams come from.
    pub found_in: &'static str,
}

impl Formats {
    /// All that are accepted.
    pub fn all() -> Self {
        Self {
            containers: CONTAINERS.iter().map(Container::of).collect(),
            video_codecs: of_medium(Medium::Picture),
            audio_codecs: of_medium(Medium::Sound),
            text_codecs: of_medium(Medium::Text),
        }
    }
}

fn of_medium(medium: Medium) -> Vec<Codec> {
    CODECS.iter().filter(|c| c.medium == medium).map(Codec::of).collect()
}

impl Container {
    fn of(from: &container::Container) -> Self {
        Self { name: from.name, content_type: from.content_type, extensions: from.endings, found_in: from.why }
    }
}

impl Codec {
    fn of(from: &codecs::Codec) -> Self {
        Self { name: from.name, decoders: from.decoders, found_in: from.why }
    }
}
