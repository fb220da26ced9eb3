//! What is asked and told of the poster of a media.

use serde::{Deserialize, Serialize};
use sluice_db::ChosenMoment;
use sluice_model::{PartStatus, PosterPayload, Reason};
use utoipa::ToSchema;

/// A moment of a film as its poster.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ChooseMoment {
    /// Milliseconds from the begin of the film.
    pub at_ms: u64,
}

/// The poster of a media, and what becomes of the moment that was last chosen for it.
#[derive(Debug, Serialize, ToSchema)]
pub struct Poster {
    /// The one that is shown.
    pub url: Option<String>,
    pub chosen: Option<PosterMoment>,
}

/// A moment that was chosen as poster.
#[derive(Debug, Serialize, ToSchema)]
pub struct PosterMoment {
    /// Milliseconds from the begin of the film.
    pub at_ms: u64,
    /// `ready` once it is shown; until then, and where it failed, the poster before it is.
    pub status: PartStatus,
    pub error: Option<Reason>,
}

impl PosterMoment {
    /// Of what is stored; none of what another version wrote.
    pub fn of(row: &ChosenMoment) -> Option<Self> {
        let payload: PosterPayload = serde_json::from_str(&row.payload).ok()?;
        let status = PartStatus::from(row.status);
        // What a repeated run went wrong by is nobody's failure yet.
        let error = row.reason().filter(|_| status == PartStatus::Failed);
        Some(Self { at_ms: payload.at_ms, status, error })
    }
}
