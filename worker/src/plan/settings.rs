//! The `[encode]` section of the settings file.

use serde::{Deserialize, Serialize};

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
                rung(144, 24.0, 145),
            ],
            passthrough: true,
            passthrough_max_bps: 20_000_000,
            audio_kbps: vec![64, 128, 256],
            max_duration_s: 12.0 * 3600.0,
            max_pixels: 8192 * 4320,
            key_segments: 10,
        }
    }
}

impl EncodeSettings {
    /// Reads the section; the error names the key.
    pub fn from_file(file: &toml::Table) -> Result<Self, toml::de::Error> {
        match file.get("encode") {
            None => Ok(Self::default()),
            Some(section) => section.clone().try_into(),
        }
    }
}
