//! The documented list of formats: docs/formats.md says what the tables say.

#[cfg(test)]
mod tests {
    use crate::{
        codecs::{CODECS, IMAGE_SUBTITLES, Medium},
        container::CONTAINERS,
    };
    use std::fmt::Write;

    const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/formats.md");

    fn listing() -> String {
        let mut text = String::from(
            "# Formats\n\nWhat may be uploaded, and why. `GET /api/v1/formats` answers the same as JSON; the tables are \
             `common/ingest/src/container.rs`\nand `codecs.rs`, which also say how demuxers and decoders are fuzzed upstream. \
             What is not here is refused by name. A stream that\ncannot be decoded beside one that can is left out with a \
             warning of the media; a film whose picture cannot be decoded is refused.\n\n## Containers\n\n\
             | container | names end in | found in |\n|---|---|---|\n",
        );
        for c in CONTAINERS {
            writeln!(text, "| {} | {} | {} |", c.name, c.endings.join(", "), c.why).unwrap();
        }
        for (title, medium) in [("Pictures", Medium::Picture), ("Sound", Medium::Sound), ("Text", Medium::Text)] {
            writeln!(text, "\n## {title}\n\n| codec | FFmpeg's decoders | found in |\n|---|---|---|").unwrap();
            for c in CODECS.iter().filter(|c| c.medium == medium) {
                writeln!(text, "| {} | {} | {} |", c.name, c.decoders.join(", "), c.why).unwrap();
            }
        }
        let list = IMAGE_SUBTITLES.join(", ");
        writeln!(
            text,
            "\nSubtitles that are pictures ({list}) are left out with a warning, or drawn into the picture where the setting\n\
             `burn_subtitles` asks for it."
        )
        .unwrap();
        text
    }

    #[test]
    fn the_documented_list_is_that_of_the_tables() {
        let text = listing();
        assert_eq!(std::fs::read_to_string(FILE).unwrap_or_default(), text, "docs/formats.md should be:\n{text}");
    }
}
