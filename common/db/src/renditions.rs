//! Renditions as they are planned and stored; what is done with them is in `packages.rs`.

use sluice_model::{Loudness, MediaKind, PackageId, RenditionRole, SoundTrack, TrackRole, VideoRange};
use sqlx::FromRow;

/// A rendition as planned.
#[derive(Debug, Clone)]
pub struct NewRendition {
    pub name: String,
    pub kind: MediaKind,
    pub role: RenditionRole,
    pub passthrough: bool,
    pub width: Option<i64>,
    pub height: Option<i64>,
    /// Frames a second as a fraction.
    pub rate: Option<(i64, i64)>,
    pub channels: Option<i64>,
    pub codecs: String,
    pub video_range: VideoRange,
    pub supplemental_codecs: Option<String>,
    pub timescale: i64,
    pub cap_bps: i64,
    pub planned: i64,
    /// Which track it is, of audio.
    pub track: SoundTrack,
}

/// A rendition as stored.
#[derive(Debug, Clone, FromRow)]
pub struct RenditionRow {
    pub package_id: PackageId,
    pub name: String,
    #[sqlx(try_from = "String")]
    pub kind: MediaKind,
    #[sqlx(try_from = "String")]
    pub role: RenditionRole,
    pub passthrough: bool,
    pub width: Option<i64>,
    pub height: Option<i64>,
    pub rate_num: Option<i64>,
    pub rate_den: Option<i64>,
    pub channels: Option<i64>,
    pub codecs: String,
    #[sqlx(try_from = "String")]
    pub video_range: VideoRange,
    pub supplemental_codecs: Option<String>,
    pub timescale: i64,
    pub cap_bps: i64,
    pub peak_bps: Option<i64>,
    pub average_bps: Option<i64>,
    pub iframe_bps: Option<i64>,
    pub planned: i64,
    pub contiguous: i64,
    pub init_object: Option<String>,
    pub init_bytes: Option<i64>,
    pub init_sha256: Option<Vec<u8>>,
    #[sqlx(rename = "position")]
    pub track_position: i64,
    pub language: Option<String>,
    pub label: Option<String>,
    #[sqlx(try_from = "String")]
    pub track_role: TrackRole,
    pub integrated_lufs: Option<f64>,
    pub loudness_range_lu: Option<f64>,
    pub true_peak_dbtp: Option<f64>,
}

impl RenditionRow {
    /// How loud it is, of sound that was measured.
    pub fn loudness(&self) -> Option<Loudness> {
        Some(Loudness {
            integrated_lufs: self.integrated_lufs?,
            range_lu: self.loudness_range_lu?,
            true_peak_dbtp: self.true_peak_dbtp?,
        })
    }

    /// Which track it is, of audio.
    pub fn track(&self) -> SoundTrack {
        SoundTrack {
            position: u64::try_from(self.track_position).unwrap_or(0),
            language: self.language.clone(),
            label: self.label.clone().unwrap_or_default(),
            role: self.track_role,
        }
    }
}

/// The sounds among renditions, the default track first; of each track the form that everybody can play, then lower ones, then
/// those of more channels. The renditions are in the order of the package's.
pub fn sounds<'a>(renditions: impl IntoIterator<Item = &'a RenditionRow>) -> Vec<&'a RenditionRow> {
    let mut list: Vec<_> = renditions.into_iter().filter(|r| r.kind == MediaKind::Audio).collect();
    list.sort_by_key(|r| (r.track_position, r.channels.is_some_and(|c| c > 2), std::cmp::Reverse(r.cap_bps)));
    list
}

/// The sound that is heard unless another is chosen, in the form that everybody can play: where the programme begins is read
/// from it.
pub fn default_sound(renditions: &[RenditionRow]) -> Option<&RenditionRow> {
    sounds(renditions).first().copied()
}

impl From<&RenditionRow> for sluice_model::Rendition {
    fn from(r: &RenditionRow) -> Self {
        let unsigned = |n: i64| u64::try_from(n).unwrap_or(0);
        let pair = |a: Option<i64>, b: Option<i64>| Some((unsigned(a?), unsigned(b?)));
        Self {
            name: r.name.clone(),
            kind: r.kind,
            size: pair(r.width, r.height),
            rate: pair(r.rate_num, r.rate_den),
            channels: r.channels.map(unsigned),
            codecs: r.codecs.clone(),
            video_range: r.video_range,
            supplemental_codecs: r.supplemental_codecs.clone(),
            cap_bps: unsigned(r.cap_bps),
            peak_bps: r.peak_bps.map(unsigned),
            average_bps: r.average_bps.map(unsigned),
            iframe_bps: r.iframe_bps.map(unsigned),
            track: r.track(),
        }
    }
}
