//! What playback tokens open. No HTTP here.

use super::signature::Signed;
use crate::{
    identity::{IdentityError, Viewer},
    state::AppState,
};
use sluice_db::{MediaRow, PlaybackTokenRow};
use sluice_model::clock;
use std::{sync::Arc, time::Duration};
use url::Url;

/// Life of one view beyond twice the film's length: time to pause.
const VIEW: Duration = Duration::from_secs(6 * 3600);

/// By what somebody plays.
#[derive(Debug)]
pub enum Ticket {
    /// As who they are, perhaps nobody.
    Viewer(Option<Viewer>),
    /// By a token in the path.
    Token(TokenTicket),
}

/// A valid playback token.
#[derive(Debug)]
pub struct TokenTicket {
    row: Arc<PlaybackTokenRow>,
    is_view: bool,
}

/// Checks a token's signature, its row, and where it is used. `origin` is the Origin or the Referer.
pub async fn redeem(state: &AppState, text: &str, origin: Option<&str>) -> Result<TokenTicket, IdentityError> {
    let now = clock::now();
    let signed = Signed::read(&state.keys, text).ok_or(IdentityError::LinkEnded)?;
    if signed.expires_at.is_some_and(|at| at <= now) {
        return Err(IdentityError::LinkEnded);
    }
    let row = state.decisions.playback_token(&state.db, signed.id, now).await?.ok_or(IdentityError::LinkEnded)?;
    if !is_allowed(&row.allowed_origins, origin) {
        return Err(IdentityError::OriginNotAllowed);
    }
    Ok(TokenTicket { row, is_view: signed.expires_at.is_some() })
}

fn is_allowed(allowed: &str, origin: Option<&str>) -> bool {
    if allowed.is_empty() {
        return true;
    }
    // A Referer has a path, an Origin has none: both have an origin.
    let origin = origin.and_then(|o| Url::parse(o).ok()).map(|u| u.origin());
    origin.is_some_and(|o| o.is_tuple() && allowed.split(' ').any(|a| a == o.ascii_serialization()))
}

impl TokenTicket {
    /// Whether it opens anything of this media.
    pub fn opens(&self, media: &MediaRow) -> Result<(), IdentityError> {
        if self.row.media_id == media.id { Ok(()) } else { Err(IdentityError::NotFound) }
    }

    /// Whether it opens what lies below the multivariant playlist.
    pub fn opens_parts(&self) -> Result<(), IdentityError> {
        if !self.limits_views() { Ok(()) } else { Err(IdentityError::LinkEnded) }
    }

    /// Whether what it begins is counted and has a path of its own.
    pub fn limits_views(&self) -> bool {
        self.row.max_views.is_some() && !self.is_view
    }

    /// Begins a view: what to put before the paths in the multivariant playlist. A player that only
    /// asks for headers begins none.
    pub async fn begin_view(&self, state: &AppState, media: &MediaRow, counts: bool) -> Result<String, IdentityError> {
        if !self.limits_views() {
            if counts && !self.is_view {
                state.db.access().count_view(self.row.id).await?;
            }
            return Ok(String::new());
        }
        if counts && !state.db.access().count_view(self.row.id).await? {
            return Err(IdentityError::ViewsExhausted);
        }
        let long =
            clock::now() + VIEW + 2 * Duration::from_millis(u64::try_from(media.duration_ms.unwrap_or(0)).unwrap_or(0));
        let view = Signed { id: self.row.id, expires_at: Some(long.min(self.row.expires_at)) };
        Ok(format!("../../../{}/hls/{}/", view.write(&state.keys), media.id))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn origins_are_compared_whole() {
        let list = "https://app.example.org http://localhost:3000";
        for good in ["https://app.example.org", "https://app.example.org/watch?v=1", "http://localhost:3000"] {
            assert!(is_allowed(list, Some(good)), "{good}");
        }
        for bad in [
            "https://app.example.org.evil.net",
            "https://evil.net/https://app.example.org",
            "http://app.example.org",
            "http://localhost:3001",
            "null",
            "",
        ] {
            assert!(!is_allowed(list, Some(bad)), "{bad}");
        }
        assert!(!is_allowed(list, None));
        assert!(is_allowed("", None));
    }
}
