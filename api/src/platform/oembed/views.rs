//! A link to a media as other sites read it.

use super::service::Link;
use crate::{client::MediaBase, pipeline::media::views::poster_url, text::html};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::{Deserialize, Serialize};
use sluice_model::{MediaKind, Visibility};
use std::num::NonZeroU32;
use utoipa::{IntoParams, ToSchema};

/// Name of this service where links are shown.
const PROVIDER: &str = "Sluice";
/// Pixels of a player whose site says nothing: it fits into this square.
const USUAL: u32 = 640;
/// Pixels that no player is larger than.
const LARGEST: u32 = 3840;
/// Pixels of the player of a sound: a cover, and the controls below it.
const SOUND: (u32, u32) = (640, 240);
/// Characters of a description that are shown.
const DESCRIPTION: usize = 300;
/// What the player may do within the page of another site.
const ALLOWED: &str = "autoplay; fullscreen; picture-in-picture";

/// What a site asks for.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub struct OEmbedQuery {
    /// The address of a media's page, or of its player.
    pub url: String,
    /// Pixels that the player may be wide.
    #[param(value_type = Option<u32>, minimum = 1)]
    maxwidth: Option<NonZeroU32>,
    /// Pixels that the player may be high.
    #[param(value_type = Option<u32>, minimum = 1)]
    maxheight: Option<NonZeroU32>,
    /// `json`.
    pub format: Option<String>,
}

impl OEmbedQuery {
    /// Pixels that the player may take.
    pub fn bounds(&self) -> Bounds {
        Bounds { width: self.maxwidth.map(NonZeroU32::get), height: self.maxheight.map(NonZeroU32::get) }
    }
}

/// Pixels that a player may take, where its site says so.
#[derive(Debug, Clone, Copy, Default)]
pub struct Bounds {
    width: Option<u32>,
    height: Option<u32>,
}

impl Bounds {
    /// The largest player of this shape within them: sites fill what they have.
    fn fit(self, (width, height): (u32, u32)) -> (u32, u32) {
        let usual = if self.width.is_none() && self.height.is_none() { USUAL } else { LARGEST };
        let most = (self.width.unwrap_or(usual).min(LARGEST), self.height.unwrap_or(usual).min(LARGEST));
        let (w, h) = (u64::from(width.max(1)), u64::from(height.max(1)));
        let scaled = |of: u64, by: u32, over: u64| u32::try_from(of * u64::from(by) / over).unwrap_or(LARGEST).max(1);
        if w * u64::from(most.1) > h * u64::from(most.0) {
            (most.0, scaled(h, most.0, w))
        } else {
            (scaled(w, most.1, h), most.1)
        }
    }

    /// This size, or what of it lies within them.
    fn cut(self, (width, height): (u32, u32)) -> (u32, u32) {
        (width.min(self.width.unwrap_or(width)), height.min(self.height.unwrap_or(height)))
    }

    fn hold(self, size: (u32, u32)) -> bool {
        self.cut(size) == size
    }
}

/// The answer of oEmbed 1.0, section 2.3.4.
#[derive(Debug, Serialize, ToSchema)]
pub struct OEmbed {
    #[serde(rename = "type")]
    kind: OEmbedType,
    version: &'static str,
    title: String,
    author_name: String,
    author_url: String,
    provider_name: &'static str,
    provider_url: String,
    /// The poster, unless it is larger than the player may be.
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_url: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_width: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    thumbnail_height: Option<u32>,
    /// The player: an `iframe`.
    html: String,
    /// Pixels.
    width: u32,
    /// Pixels.
    height: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum OEmbedType {
    /// Of a film.
    Video,
    /// Of a sound.
    Rich,
}

impl OEmbed {
    /// `base` is the external URL of the service without a trailing slash.
    pub fn new(link: &Link, base: &str, bounds: Bounds) -> Self {
        let media = &link.media;
        let (width, height) = player_size(link, bounds);
        let poster = poster(link, base).filter(|p| bounds.hold(p.size));
        Self {
            kind: if is_sound(link) { OEmbedType::Rich } else { OEmbedType::Video },
            version: "1.0",
            title: media.title.clone(),
            author_name: media.owner_name.clone(),
            author_url: format!("{base}/creators/{}", media.owner_id),
            provider_name: PROVIDER,
            provider_url: format!("{base}/"),
            thumbnail_width: poster.as_ref().map(|p| p.size.0),
            thumbnail_height: poster.as_ref().map(|p| p.size.1),
            thumbnail_url: poster.map(|p| p.url),
            html: format!(
                "<iframe src=\"{}\" width=\"{width}\" height=\"{height}\" title=\"{}\" frameborder=\"0\" \
                 allow=\"{ALLOWED}\" allowfullscreen></iframe>",
                html(&player_url(link, base)),
                html(&media.title)
            ),
            width,
            height,
        }
    }
}

struct Poster {
    url: String,
    /// Pixels.
    size: (u32, u32),
}

fn poster(link: &Link, base: &str) -> Option<Poster> {
    Some(Poster { url: poster_url(&link.media, &MediaBase::own(base.to_owned()))?, size: link.poster_size? })
}

fn is_sound(link: &Link) -> bool {
    link.media.kind() == Some(MediaKind::Audio)
}

fn player_url(link: &Link, base: &str) -> String {
    format!("{base}/embed/{}", link.media.id)
}

fn player_size(link: &Link, bounds: Bounds) -> (u32, u32) {
    if is_sound(link) {
        return bounds.cut(SOUND);
    }
    let pixels = |n: Option<i64>| n.and_then(|n| u32::try_from(n).ok()).filter(|n| *n > 0);
    // Before a film is planned nobody knows its shape.
    bounds.fit(pixels(link.media.width).zip(pixels(link.media.height)).unwrap_or((16, 9)))
}

/// What the head of a media's page says to crawlers instead of the app's own title: Open Graph, Twitter's cards, where its
/// oEmbed is. `base` is the external URL of the service without a trailing slash.
pub fn head(link: &Link, base: &str) -> String {
    let media = &link.media;
    let page = format!("{base}/watch/{}", media.id);
    let asked = utf8_percent_encode(&page, NON_ALPHANUMERIC);
    let title = html(&media.title);
    let mut out = format!(
        "<title>{title}</title>\n    <link rel=\"canonical\" href=\"{}\" />\n    \
         <link rel=\"alternate\" type=\"application/json+oembed\" href=\"{}\" title=\"{title}\" />",
        html(&page),
        html(&format!("{base}/api/v1/oembed?url={asked}")),
    );
    // Whoever has the address of an unlisted media may see it; search engines are not to give it to everybody.
    if media.visibility != Visibility::Public {
        out.push_str("\n    <meta name=\"robots\" content=\"noindex\" />");
    }
    for (name, value) in facts(link, base, page) {
        let key = if name.starts_with("twitter:") { "name" } else { "property" };
        out.push_str(&format!("\n    <meta {key}=\"{name}\" content=\"{}\" />", html(&value)));
    }
    out
}

/// Properties of Open Graph and of Twitter's cards.
fn facts(link: &Link, base: &str, page: String) -> Vec<(&'static str, String)> {
    let media = &link.media;
    let (player, (width, height)) = (player_url(link, base), player_size(link, Bounds::default()));
    let kind = if is_sound(link) { "music.song" } else { "video.other" };
    let mut facts = vec![
        ("og:site_name", PROVIDER.to_owned()),
        ("og:type", kind.to_owned()),
        ("og:title", media.title.clone()),
        ("og:url", page),
    ];
    if !media.description.is_empty() {
        facts.push(("og:description", media.description.chars().take(DESCRIPTION).collect()));
    }
    if let Some(Poster { url, size }) = poster(link, base) {
        facts.extend([
            ("og:image", url),
            ("og:image:width", size.0.to_string()),
            ("og:image:height", size.1.to_string()),
        ]);
    }
    facts.extend([
        ("og:video", player.clone()),
        ("og:video:type", "text/html".to_owned()),
        ("og:video:width", width.to_string()),
        ("og:video:height", height.to_string()),
    ]);
    if let Some(ms) = media.duration_ms {
        let name = if is_sound(link) { "music:duration" } else { "video:duration" };
        facts.push((name, (ms.unsigned_abs().div_ceil(1000)).to_string()));
    }
    facts.extend([
        ("twitter:card", "player".to_owned()),
        ("twitter:player", player),
        ("twitter:player:width", width.to_string()),
        ("twitter:player:height", height.to_string()),
    ]);
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn players_keep_their_shape_within_what_a_site_has() {
        let bounds = |width, height| Bounds { width, height };
        for (given, film, player) in [
            (bounds(None, None), (1920, 1080), (640, 360)),
            (bounds(None, None), (1080, 1920), (360, 640)),
            (bounds(Some(1000), None), (1920, 1080), (1000, 562)),
            (bounds(Some(1000), Some(300)), (1920, 1080), (533, 300)),
            (bounds(None, Some(90)), (16, 9), (160, 90)),
            (bounds(Some(1), Some(1)), (1920, 1080), (1, 1)),
            (bounds(Some(u32::MAX), Some(u32::MAX)), (1, 1), (LARGEST, LARGEST)),
        ] {
            assert_eq!(given.fit(film), player, "{given:?} {film:?}");
        }
        assert_eq!(bounds(Some(300), None).cut(SOUND), (300, 240));
        assert!(bounds(Some(640), None).hold((640, 999)) && !bounds(Some(639), None).hold((640, 1)));
    }
}
