//! Addresses of segments: relative to the playlist, or, in direct mode, presigned URLs of the store.
//!
//! A presigned URL outlives the film, because a player asks for the list of a finished film once. In a
//! growing list the URL of a segment never changes (RFC 8216 section 6.2.1): it is signed with the
//! instant of publication.

use crate::{pipeline::playback::PlaybackError, state::AppState};
use sluice_db::PackageRow;
use sluice_hls::PlaylistType;
use sluice_model::{PackageId, Timestamp, clock};
use sluice_storage::Key;
use std::time::Duration;

/// Instants of signing are rounded down to this, so that a list asked for twice is the same.
const ROUNDED: Duration = Duration::from_secs(3600);
/// Time to pause, beyond twice the film's length.
const PAUSE: Duration = Duration::from_secs(6 * 3600);
/// What S3 allows.
const LONGEST: Duration = Duration::from_secs(7 * 24 * 3600);

/// How the objects of one rendition are addressed.
#[derive(Debug)]
pub struct Addresses<'a> {
    state: &'a AppState,
    package: PackageId,
    rendition: &'a str,
    playlist_type: PlaylistType,
    valid: Duration,
    signed_at: Timestamp,
}

impl<'a> Addresses<'a> {
    /// Addresses for a list that is served now.
    pub fn new(state: &'a AppState, row: &PackageRow, rendition: &'a str, playlist_type: PlaylistType) -> Self {
        let film = Duration::from_millis(u64::try_from(row.duration_ms.unwrap_or(0)).unwrap_or(0));
        let valid = match playlist_type {
            PlaylistType::Vod => (film * 2 + PAUSE + ROUNDED).min(LONGEST),
            PlaylistType::Event => LONGEST,
        };
        Self { state, package: row.id, rendition, playlist_type, valid, signed_at: clock::now().round_down(ROUNDED) }
    }

    /// The address of an object that was published at `published_at`.
    pub async fn of(&self, object: &str, published_at: Timestamp) -> Result<String, PlaybackError> {
        if !self.state.config.playback.direct {
            return Ok(object.to_owned());
        }
        let key =
            Key::RenditionFile { package: self.package, rendition: self.rendition.to_owned(), file: object.to_owned() };
        let signed_at = match self.playlist_type {
            PlaylistType::Vod => self.signed_at,
            PlaylistType::Event => published_at,
        };
        let url = self.state.store.presign(&key, signed_at, self.valid).await?;
        Ok(url.unwrap_or_else(|| object.to_owned()))
    }
}
