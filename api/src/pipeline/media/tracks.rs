//! What people say of the tracks of their media.

use super::{
    error::MediaError,
    service::owned,
    views::{AudioTrack, ChangeTrack},
};
use crate::{identity::Viewer, state::AppState, text, validation::Faults};
use sluice_db::{DbError, MediaRow, RenditionRow, TrackRow, overlaid, sounds};
use sluice_model::MediaId;

/// Longest label, characters.
const LONGEST_LABEL: usize = 80;

/// The renditions of a media's package as its owner wants them.
pub async fn renditions(state: &AppState, media: &MediaRow, complete: bool) -> Result<Vec<RenditionRow>, MediaError> {
    let renditions = state.db.packages().renditions(media.package_id).await?;
    Ok(overlaid(renditions, &state.db.tracks().of_media(media.id).await?, complete))
}

/// The tracks of a media, those that are heard first.
pub async fn list(state: &AppState, media: &MediaRow) -> Result<Vec<AudioTrack>, MediaError> {
    let heard = AudioTrack::list(&renditions(state, media, true).await?);
    let all = AudioTrack::list(&renditions(state, media, false).await?);
    let is_heard = |t: &AudioTrack| heard.iter().any(|h| h.name == t.name);
    let hidden: Vec<AudioTrack> =
        all.into_iter().filter(|t| !is_heard(t)).map(|t| AudioTrack { default: false, hidden: true, ..t }).collect();
    Ok(heard.into_iter().chain(hidden).collect())
}

/// Says something of a track instead of what its file says; what is left out stays as the file says.
pub async fn change(
    state: &AppState,
    viewer: &Viewer,
    id: MediaId,
    name: &str,
    request: ChangeTrack,
) -> Result<MediaRow, MediaError> {
    let media = owned(state, viewer, id).await?;
    let renditions = state.db.packages().renditions(media.package_id).await?;
    let sounds = sounds(&renditions);
    let is_first = |r: &RenditionRow| {
        sounds.iter().find(|o| o.track_position == r.track_position).is_some_and(|o| o.name == r.name)
    };
    let known = sounds.iter().find(|r| r.name == name && is_first(r)).ok_or(MediaError::NotFound)?.track();
    let said = state.db.tracks().of_media(id).await?;
    let is_hidden = |r: &&&RenditionRow| said.iter().any(|t| t.name == r.name && t.hidden);
    let others = sounds.iter().filter(|r| is_first(r) && r.name != name).filter(|r| !is_hidden(r)).count();
    let language = request.language.as_deref().map(text::language);
    let label = request.label.map_or(known.label, |l| text::title(&l));
    let mut faults = Faults::default();
    faults.demand(language.as_ref().is_none_or(Option::is_some), "language", "a language tag such as de or pt-BR");
    faults.demand(label.chars().count() <= LONGEST_LABEL, "label", "at most 80 characters");
    faults.demand(!request.hidden || others > 0, "hidden", "not the only one that is heard");
    faults.demand(!(request.hidden && request.default), "default", "not of a hidden track").refuse()?;
    let track = TrackRow {
        name: name.to_owned(),
        language: language.flatten().or(known.language),
        label,
        role: request.role.unwrap_or(known.role),
        hidden: request.hidden,
        is_default: request.default,
    };
    let mut tx = state.db.begin().await?;
    tx.tracks().put(id, &track).await.map_err(gone)?;
    tx.commit().await?;
    Ok(media)
}

/// A track is again as its file says.
pub async fn reset(state: &AppState, viewer: &Viewer, id: MediaId, name: &str) -> Result<(), MediaError> {
    owned(state, viewer, id).await?;
    let mut tx = state.db.begin().await?;
    tx.tracks().forget(id, name).await.map_err(gone)?;
    Ok(tx.commit().await?)
}

/// A media that was deleted meanwhile.
fn gone(error: DbError) -> MediaError {
    match error {
        DbError::Fenced => MediaError::NotFound,
        other => other.into(),
    }
}
