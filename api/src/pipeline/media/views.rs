//! A media as clients see it.

use super::status::status;
use crate::client::MediaBase;
use serde::{Deserialize, Serialize};
use sluice_db::{AddedTrackRow, MediaRow, RenditionRow, TrackRow, sounds};
use sluice_model::{
    Encryption, FileTags, Loudness, MediaKind, MediaStatus, PackageId, PackageStatus, PartStatus, Reason,
    RenditionRole, TrackRole, Visibility,
};
use sluice_storage::IMAGES;
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

#[derive(Debug, Serialize, ToSchema)]
pub struct Media {
    pub id: Uuid,
    pub kind: Option<MediaKind>,
    pub title: String,
    pub description: String,
    pub visibility: Visibility,
    pub tags: Vec<String>,
    /// Slug of its category.
    pub category: Option<String>,
    pub owner: Owner,
    pub like_count: i64,
    pub view_count: i64,
    pub comment_count: i64,
    /// Milliseconds since the Unix epoch.
    pub created_at: i64,
    /// When it became public for the first time.
    pub published_at: Option<i64>,
    pub duration_ms: Option<i64>,
    pub width: Option<i64>,
    pub height: Option<i64>,
    /// Bytes of the original; while they arrive, as announced or as far as they are there. Of a clip, its share of those of
    /// the media that it was cut from.
    pub size_bytes: i64,
    /// `uploading`, `processing`, `playable`, `ready` or `failed`.
    pub status: MediaStatus,
    pub encryption: Encryption,
    /// 0 to 1.
    pub progress: f64,
    pub error: Option<Reason>,
    /// What of the file is not part of what is played, and why; known once it is planned.
    pub warnings: Vec<Reason>,
    /// What the file says of itself; its title becomes that of a media to which nobody has given one.
    pub file_tags: FileTags,
    /// Sites that may show its player (`/embed/{id}`) in a frame; every site where there is none.
    pub embed_origins: Vec<String>,
    pub playback: Playback,
}

/// A media with what is in it.
#[derive(Debug, Serialize, ToSchema)]
pub struct MediaWithTracks {
    #[serde(flatten)]
    pub media: Media,
    /// Its sounds, the default first; known once it is planned.
    pub tracks: Vec<AudioTrack>,
}

/// A track of sound.
#[derive(Debug, Serialize, ToSchema)]
pub struct AudioTrack {
    /// Stays the same.
    pub name: String,
    /// A language tag such as `de` or `pt-BR`; nothing where nobody knows.
    pub language: Option<String>,
    /// For menus; empty where there is nothing to say.
    pub label: String,
    /// The most that there are of it; 0 of one that was added, until it is made.
    pub channels: i64,
    /// `main`, `dub`, `commentary`, `audio-description` or `enhanced-audio-intelligibility`.
    #[schema(value_type = String)]
    pub role: TrackRole,
    /// Whether it is heard unless another is chosen.
    pub default: bool,
    /// Whether no playlist lists it.
    pub hidden: bool,
    /// How loud it is as it is played, in the most channels that there are; known once the media is ready. None of silence.
    pub loudness: Option<Loudness>,
    /// Whether it was added after the upload: it can be removed.
    pub added: bool,
    /// `ready` once players find it.
    pub status: PartStatus,
    /// Why one that was added could not be made.
    pub error: Option<Reason>,
}

/// What is said of a track of sound; what is left out is as the file says.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeTrack {
    /// A language tag such as `de` or `pt-BR`.
    #[schema(max_length = 35)]
    pub language: Option<String>,
    /// For menus.
    #[schema(max_length = 80)]
    pub label: Option<String>,
    pub role: Option<TrackRole>,
    /// Whether it is heard unless another is chosen; the default until then is no more.
    #[serde(default)]
    pub default: bool,
    /// Whether no playlist lists it. One track stays.
    #[serde(default)]
    pub hidden: bool,
}

impl AudioTrack {
    /// The tracks of a media with a package, with those that were added and are made. A sound alone has one, at several rates.
    pub fn list(renditions: &[RenditionRow], package: PackageId) -> Vec<Self> {
        let sounds = sounds(renditions.iter().filter(|r| r.role != RenditionRole::Growing));
        let tracks = sounds.chunk_by(|a, b| a.track_position == b.track_position);
        tracks
            .enumerate()
            .filter_map(|(n, renditions)| {
                let first = renditions.first()?;
                Some(Self { added: first.package_id != package, ..Self::of(first, renditions, n == 0) })
            })
            .collect()
    }

    /// One that was added and is not made yet, or could not be.
    pub fn unmade(row: &AddedTrackRow, said: Option<&TrackRow>) -> Self {
        Self {
            name: row.name.clone(),
            language: said.map_or(&row.language, |s| &s.language).clone(),
            label: said.map_or(&row.label, |s| &s.label).clone(),
            channels: 0,
            role: said.map_or(row.role, |s| s.role),
            default: false,
            hidden: said.is_some_and(|s| s.hidden),
            loudness: None,
            added: true,
            status: row.status(),
            error: row.reason(),
        }
    }

    fn of(first: &RenditionRow, renditions: &[&RenditionRow], default: bool) -> Self {
        let track = first.track();
        let made = renditions.iter().all(|r| r.contiguous == r.planned);
        Self {
            name: first.name.clone(),
            language: track.language,
            label: track.label,
            channels: renditions.iter().filter_map(|r| r.channels).max().unwrap_or(0),
            role: track.role,
            default,
            hidden: false,
            loudness: renditions.iter().rev().find_map(|r| r.loudness()),
            added: false,
            status: if made { PartStatus::Ready } else { PartStatus::Processing },
            error: None,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Owner {
    pub id: Uuid,
    pub username: String,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Playback {
    pub hls_url: String,
    /// A DASH manifest of the same segments, once the media is `ready`; none of what is encrypted.
    pub dash_url: Option<String>,
    /// The original as it was uploaded. A clip has none.
    pub raw_url: Option<String>,
    /// A JPEG that stands for it: its owner's choice, or one from the film. Another picture has another address.
    pub poster_url: Option<String>,
    /// WebVTT whose cues name a part of a JPEG (`#xywh=`) for a time of the film; while it grows, as far as it is made.
    pub storyboard_url: Option<String>,
    /// An animated WebP of a few seconds with pictures from all of it, at most 320 pixels wide and high, once it is `ready`.
    pub preview_url: Option<String>,
    /// JSON: `peaks` of the sound, 0 to 255, of moments of equal length, at most 1,800; while it grows, as far as it is made.
    pub waveform_url: Option<String>,
    /// The same drawn, as an SVG that takes any size.
    pub waveform_image_url: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
pub struct Page {
    pub items: Vec<Media>,
    pub next_cursor: Option<Uuid>,
}

impl Page {
    pub fn new(rows: Vec<MediaRow>, next_cursor: Option<Uuid>, base: &MediaBase) -> Self {
        Self { items: rows.into_iter().map(|r| Media::new(r, base)).collect(), next_cursor }
    }
}

/// Which of one's own media.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OwnMediaQuery {
    /// Those that stand so only.
    pub status: Option<MediaStatus>,
    /// Those that have these words in title, tags, description or captions only, each as the beginning of one.
    #[param(max_length = 200)]
    pub q: Option<String>,
}

#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChangeMedia {
    #[schema(max_length = 200)]
    pub title: Option<String>,
    #[schema(max_length = 5000)]
    pub description: Option<String>,
    /// Acts with the next request for anything of the media.
    pub visibility: Option<Visibility>,
    /// At most 20, of letters, digits and hyphens.
    #[schema(max_items = 20)]
    pub tags: Option<Vec<String>>,
    /// Slug; empty for none.
    #[schema(max_length = 40)]
    pub category: Option<String>,
    /// Sites that may show its player in a frame, each like `https://www.example.org`; every site where there is none.
    #[schema(max_items = 20)]
    pub embed_origins: Option<Vec<String>>,
}

/// A stretch of a media that is to be a media of its own.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewClip {
    /// Its begin, milliseconds from that of the media.
    #[schema(minimum = 0)]
    pub start_ms: i64,
    /// Its end, milliseconds from the begin of the media: at least 100 after `start_ms`, at most its duration.
    #[schema(minimum = 100)]
    pub end_ms: i64,
    /// That of the media with ` (clip)` behind it when left out.
    #[schema(min_length = 1, max_length = 200)]
    pub title: Option<String>,
    /// Private when left out.
    pub visibility: Option<Visibility>,
}

/// The fields of an upload, `file` last.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the form; it is read field by field")]
pub struct UploadForm {
    #[schema(max_length = 200)]
    title: Option<String>,
    #[schema(max_length = 5000)]
    description: Option<String>,
    visibility: Option<Visibility>,
    /// Whether the segments are encrypted at rest; as the service is set when left out.
    encryption: Option<Encryption>,
    #[schema(content_media_type = "application/octet-stream", value_type = String)]
    file: Vec<u8>,
}

/// The fields of a track of sound that is added, `file` last.
#[derive(Debug, ToSchema)]
#[expect(dead_code, reason = "describes the form; it is read field by field")]
pub struct TrackForm {
    /// A language tag such as `de` or `pt-BR`.
    #[schema(max_length = 35)]
    language: Option<String>,
    /// For menus; the name of the language, or of the file, when left out.
    #[schema(max_length = 80)]
    label: Option<String>,
    /// `dub` when left out.
    role: Option<TrackRole>,
    #[schema(content_media_type = "application/octet-stream", value_type = String)]
    file: Vec<u8>,
}

/// Where the files of a media are addressed.
fn base_of<'a>(row: &MediaRow, base: &'a MediaBase) -> &'a str {
    base.of(row.visibility != Visibility::Private && !row.hidden)
}

/// The address of a media's poster, if it has one.
pub fn poster_url(row: &MediaRow, base: &MediaBase) -> Option<String> {
    let chosen = row.own_poster.map(|id| format!("{id}.jpg"));
    chosen.or_else(|| row.poster.clone()).map(|name| image_url(row, base_of(row, base), &name))
}

/// Still pictures are where the segments are: who may have these may have those.
fn image_url(row: &MediaRow, base: &str, name: &str) -> String {
    format!("{base}/hls/{}/{}/{IMAGES}/{name}", row.id, row.package_id)
}

impl Media {
    /// A media whose files are below `base`.
    pub fn new(row: MediaRow, base: &MediaBase) -> Self {
        let ((status, progress), error) = (status(&row), row.reason());
        // Written by the worker; what an unknown version wrote is not shown.
        let warnings = row.warnings.as_deref().and_then(|w| serde_json::from_str(w).ok()).unwrap_or_default();
        let file_tags = row.file_tags.as_deref().and_then(|t| serde_json::from_str(t).ok()).unwrap_or_default();
        let has_dash = row.status == PackageStatus::Ready && row.encryption == Encryption::None;
        let published_at = row.published_at().map(|t| t.as_millis());
        let poster_url = poster_url(&row, base);
        let (own, base) = (&base.own, base_of(&row, base));
        let waveform_url = row.has_waveform.then(|| image_url(&row, base, "waveform.json"));
        let is_ready = row.status == PackageStatus::Ready;
        let waveform_image_url = row.has_waveform.then(|| image_url(&row, base, "waveform.svg"));
        let preview_url = (is_ready && row.has_preview).then(|| image_url(&row, base, "preview.webp"));
        let storyboard_url = row.has_storyboard.then(|| image_url(&row, base, "storyboard.vtt"));
        Self {
            kind: row.kind(),
            owner: Owner { id: row.owner_id.into(), username: row.owner_name },
            playback: Playback {
                hls_url: format!("{base}/hls/{}/index.m3u8", row.id),
                dash_url: has_dash.then(|| format!("{base}/hls/{}/manifest.mpd", row.id)),
                raw_url: (!row.is_clip).then(|| format!("{own}/raw/{}", row.id)),
                poster_url,
                storyboard_url,
                preview_url,
                waveform_url,
                waveform_image_url,
            },
            id: row.id.into(),
            title: row.title,
            description: row.description,
            visibility: row.visibility,
            tags: row.tags.split(' ').filter(|t| !t.is_empty()).map(ToOwned::to_owned).collect(),
            category: row.category,
            like_count: row.like_count,
            view_count: row.view_count,
            comment_count: row.comment_count,
            created_at: row.created_at.as_millis(),
            published_at,
            duration_ms: row.duration_ms,
            width: row.width,
            height: row.height,
            size_bytes: row.total_bytes.unwrap_or(row.size_bytes).max(row.size_bytes),
            status,
            encryption: row.encryption,
            progress,
            error,
            warnings,
            file_tags,
            embed_origins: row.embed_origins.split_whitespace().map(ToOwned::to_owned).collect(),
        }
    }
}
