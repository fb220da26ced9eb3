//! The `[encode]` section of the settings file.

use serde::{Deserialize, Serialize};
use sluice_model::{SubtitleRole, language_tag};
use std::fmt::Display;

/// How sources are encoded. Everything has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct EncodeSettings {
    /// x264 preset.
    pub preset: String,
    /// Rungs by short side, in any order.
    pub ladder: Vec<RungSetting>,
    /// Whether a compliant source may become the top rung as it is.
    pub passthrough: bool,
    /// Highest average rate of a passthrough, bits a second.
    pub passthrough_max_bps: u64,
    /// Rates of the variants of sound alone, kb/s.
    pub audio_kbps: Vec<u32>,
    /// Longest accepted source, seconds.
    pub max_duration_s: f64,
    /// Most accepted pixels of a frame.
    pub max_pixels: u64,
    /// Segments that share a key, where a media is encrypted.
    pub key_segments: u64,
    /// How loud every sound is to be; as its source is where nothing is said.
    pub loudness: Option<LoudnessSetting>,
    /// Which subtitle track of pictures becomes part of the picture. None, where nothing is said.
    pub burn_subtitles: Option<BurnedTrack>,
}

/// A subtitle track of a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum BurnedTrack {
    /// That is shown also to those who want no subtitles.
    Forced,
    /// A forced one, or else the one that the file would have shown.
    Default,
    /// The first one of a language (RFC 5646).
    Language(String),
}

const DEFAULT_TRACK: &str = "default";

impl TryFrom<String> for BurnedTrack {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        match text.as_str() {
            forced if forced == SubtitleRole::Forced.as_str() => Ok(Self::Forced),
            DEFAULT_TRACK => Ok(Self::Default),
            other => language_tag(other)
                .map(Self::Language)
                .ok_or_else(|| "needed is forced, default, or a language such as de".to_owned()),
        }
    }
}

impl From<BurnedTrack> for String {
    fn from(track: BurnedTrack) -> Self {
        match track {
            BurnedTrack::Forced => SubtitleRole::Forced.as_str().to_owned(),
            BurnedTrack::Default => DEFAULT_TRACK.to_owned(),
            BurnedTrack::Language(language) => language,
        }
    }
}

/// How loud sounds are to be.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoudnessSetting {
    /// Integrated loudness by EBU R 128, LUFS.
    pub target_lufs: f64,
}

/// One rung of the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RungSetting {
    /// Pixels of the short side.
    pub short_side: u32,
    /// Constant rate factor of x264.
    pub crf: f32,
    /// Cap at up to 30 frames a second, kb/s.
    pub max_kbps: u32,
}

const fn rung(short_side: u32, crf: f32, max_kbps: u32) -> RungSetting {
    RungSetting { short_side, crf, max_kbps }
}

impl Default for EncodeSettings {
    fn default() -> Self {
        Self {
            preset: "veryfast".to_owned(),
            // Caps after Apple's example ladder (1.25).
            ladder: vec![
                rung(2160, 23.0, 16_000),
                rung(1440, 23.0, 10_000),
                rung(1080, 22.0, 6_000),
                rung(720, 22.0, 3_000),
                rung(480, 22.0, 1_400),
                rung(360, 22.0, 730),
                rung(240, 23.0, 300),
                // For narrow lines (Apple 9.21).
                rung(144, 26.0, 100),
            ],
            passthrough: true,
            passthrough_max_bps: 20_000_000,
            audio_kbps: vec![64, 128, 256],
            max_duration_s: 12.0 * 3600.0,
            max_pixels: 8192 * 4320,
            key_segments: 10,
            loudness: None,
            burn_subtitles: None,
        }
    }
}

/// What x264 calls its presets, from the quickest on.
const PRESETS: [&str; 10] =
    ["ultrafast", "superfast", "veryfast", "faster", "fast", "medium", "slow", "slower", "veryslow", "placebo"];
/// Most rungs and most variants of sound: each is encoded, and listed in every playlist.
const MOST_VARIANTS: usize = 16;

impl EncodeSettings {
    /// Reads the section of a file. Every key that does not fit is a fault of its own.
    pub(crate) fn read(file: &toml::Table, faults: &mut Vec<String>) -> Self {
        let Some(section) = file.get("encode") else { return Self::default() };
        let Some(section) = section.as_table() else {
            faults.push(format!("encode: {section} does not fit; needed is a section [encode]"));
            return Self::default();
        };
        let mut sound = toml::Table::new();
        for (key, value) in section {
            let one = toml::Table::from_iter([(key.clone(), value.clone())]);
            match one.try_into::<Self>() {
                Ok(_) => drop(sound.insert(key.clone(), value.clone())),
                Err(e) => faults.push(format!("[encode] {key}: {value} does not fit; {}", e.message().trim())),
            }
        }
        let settings: Self = sound.try_into().unwrap_or_default();
        faults.extend(settings.faults());
        settings
    }

    /// What of it no encoder can do, one line each: the value, and what would fit.
    pub fn faults(&self) -> Vec<String> {
        let mut faults = Vec::new();
        let mut check = |fits: bool, key: &str, value: &dyn Display, expected: &str| {
            if !fits {
                faults.push(format!("[encode] {key}: {value} does not fit; needed is {expected}"));
            }
        };
        let preset = format!("{:?}", self.preset);
        check(PRESETS.contains(&self.preset.as_str()), "preset", &preset, &format!("one of {}", PRESETS.join(", ")));
        let rungs = self.ladder.len();
        check((1..=MOST_VARIANTS).contains(&rungs), "ladder", &format!("{rungs} rungs"), "1 to 16 rungs");
        for (i, rung) in self.ladder.iter().enumerate() {
            let RungSetting { short_side, crf, max_kbps } = *rung;
            let sides = "an even number of pixels from 64 to 4320";
            check((64..=4320).contains(&short_side) && short_side % 2 == 0, "short_side", &short_side, sides);
            check((1.0..=51.0).contains(&crf), "crf", &crf, "a number from 1 to 51");
            check((30..=500_000).contains(&max_kbps), "max_kbps", &max_kbps, "30 to 500000 kb/s");
            let again = self.ladder[..i].iter().any(|r| r.short_side == short_side);
            check(!again, "short_side", &short_side, "another one for each rung");
        }
        let max_bps = self.passthrough_max_bps;
        let rates = "100000 to 1000000000 bits a second";
        check((100_000..=1_000_000_000).contains(&max_bps), "passthrough_max_bps", &max_bps, rates);
        let sounds = self.audio_kbps.len();
        check((1..=MOST_VARIANTS).contains(&sounds), "audio_kbps", &format!("{sounds} rates"), "1 to 16 rates");
        for kbps in &self.audio_kbps {
            check((16..=512).contains(kbps), "audio_kbps", kbps, "rates from 16 to 512 kb/s");
        }
        let longest = self.max_duration_s;
        check((1.0..=604_800.0).contains(&longest), "max_duration_s", &longest, "1 to 604800 seconds");
        check((4096..=1 << 28).contains(&self.max_pixels), "max_pixels", &self.max_pixels, "4096 to 268435456 pixels");
        if let Some(LoudnessSetting { target_lufs }) = self.loudness {
            check((-40.0..=-5.0).contains(&target_lufs), "target_lufs", &target_lufs, "-40 to -5 LUFS");
        }
        check((1..=1_000_000).contains(&self.key_segments), "key_segments", &self.key_segments, "1 to 1000000");
        faults
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(section: &str) -> (EncodeSettings, Vec<String>) {
        let mut faults = Vec::new();
        (EncodeSettings::read(&section.parse().unwrap(), &mut faults), faults)
    }

    #[test]
    fn what_readme_shows_is_read_and_the_rest_is_default() {
        let (settings, faults) =
            read("[encode]\npreset = \"slow\"\nladder = [{ short_side = 720, crf = 22, max_kbps = 3000 }]");
        assert_eq!(faults, [] as [String; 0]);
        assert_eq!((settings.preset.as_str(), settings.ladder.len(), settings.key_segments), ("slow", 1, 10));
        assert_eq!(EncodeSettings::default().faults(), [] as [String; 0]);
    }

    #[test]
    fn every_fault_is_named_with_what_would_fit() {
        let (_, faults) = read(
            "[encode]\npreset = \"bogus\"\naudio_kbps = [1]\npasthrough = true\nkey_segments = 0\nmax_pixels = \"many\"\n\
             max_duration_s = nan\nloudness = { target_lufs = 3 }\nburn_subtitles = \"all!\"\nladder = [{ short_side = 1, crf = 99, max_kbps = 0 }]",
        );
        let text = faults.join("\n");
        for said in [
            "preset: \"bogus\" does not fit; needed is one of ultrafast",
            "audio_kbps: 1 ",
            "pasthrough: true ",
            "key_segments: 0 ",
            "max_pixels: \"many\" ",
            "max_duration_s: NaN ",
            "target_lufs: 3 ",
            "burn_subtitles: \"all!\" does not fit; needed is forced,",
            "short_side: 1 ",
            "crf: 99 does not fit; needed is a number from 1 to 51",
            "max_kbps: 0 ",
        ] {
            assert!(text.contains(said), "{said} is missing in:\n{text}");
        }
        assert_eq!(faults.len(), 11, "{text}");
    }
}
