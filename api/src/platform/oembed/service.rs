//! Media by their addresses, as nobody in particular sees them: what a site learns of a link, it shows to everybody.

use crate::{pipeline::media::service as media, platform::PlatformError, state::AppState};
use sluice_db::MediaRow;
use sluice_model::MediaId;
use url::Url;

/// Pages of the app that show one media: its own, and the player for other sites.
const PAGES: [&str; 2] = ["watch", "embed"];

/// A media that everybody may see who has its address.
#[derive(Debug)]
pub struct Link {
    pub media: MediaRow,
    /// Pixels of its poster, if it has one.
    pub poster_size: Option<(u32, u32)>,
}

/// What a link to this media shows. What is private does not exist here, whoever asks.
pub async fn link(state: &AppState, id: MediaId) -> Result<Link, PlatformError> {
    let media = media::visible(state, None, id).await?;
    let size = match media.own_poster {
        Some(id) => state.db.pictures().pixels(id).await?,
        None => state.db.images().poster_pixels(media.package_id).await?,
    };
    let poster_size = size.and_then(|(w, h)| Some((u32::try_from(w).ok()?, u32::try_from(h).ok()?)));
    Ok(Link { media, poster_size })
}

/// The media that an address of this service names. `base` is the external URL of the service without a trailing slash;
/// by plain HTTP and by HTTPS it is the same service.
pub fn media_at(url: &str, base: &str) -> Option<MediaId> {
    let (url, base) = (Url::parse(url).ok()?, Url::parse(base).ok()?);
    let is_ours =
        url.host_str() == base.host_str() && url.port() == base.port() && matches!(url.scheme(), "http" | "https");
    let path = url.path().strip_prefix(base.path().trim_end_matches('/'))?;
    media_of_page(path).filter(|_| is_ours)
}

/// The media that a page of the app shows, by the path of the page.
pub fn media_of_page(path: &str) -> Option<MediaId> {
    let (page, id) = path.strip_prefix('/')?.split_once('/')?;
    if PAGES.contains(&page) { id.strip_suffix('/').unwrap_or(id).parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "01993a2b-0000-7000-8000-000000000000";

    #[test]
    fn addresses_of_this_service_name_their_media() {
        let id: MediaId = ID.parse().unwrap();
        for base in ["https://video.example.org", "http://127.0.0.1:8080", "https://example.org/films"] {
            for page in ["/watch/ID", "/embed/ID", "/watch/ID/", "/watch/ID?t=30", "/watch/ID#key=x"] {
                let url = format!("{base}{}", page.replace("ID", ID));
                assert_eq!(media_at(&url, base), Some(id), "{url}");
            }
        }
        assert_eq!(media_at(&format!("http://a.example/watch/{ID}"), "https://a.example"), Some(id));
    }

    #[test]
    fn addresses_of_others_name_nothing() {
        let base = "https://example.org/films";
        for url in [
            "https://example.org/watch/ID",
            "https://example.org.evil.example/films/watch/ID",
            "https://example.org:8443/films/watch/ID",
            "https://example.org@evil.example/films/watch/ID",
            "ftp://example.org/films/watch/ID",
            "https://example.org/films/studio/ID",
            "https://example.org/films/watch/ID/x",
            "https://example.org/films/watch/",
            "/films/watch/ID",
            "javascript:alert(1)",
            "",
        ] {
            assert_eq!(media_at(&url.replace("ID", ID), base), None, "{url}");
        }
        assert_eq!(media_at(&format!("https://example.org/watch/{ID}"), ""), None, "a service without an address");
    }
}
