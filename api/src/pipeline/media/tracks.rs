//! What people say of the tracks of their media.

use super::{
    error::MediaError,
    service::{Metadata, owned, word},
    views::{AudioTrack, ChangeTrack},
};
use crate::{
    identity::Viewer,
    state::{AppState, Stale},
    text,
    validation::Faults,
};
use sluice_db::{DbError, MediaRow, RenditionRow, TrackRow, default_sound, overlaid, sounds};
use sluice_model::{
    MediaId, MediaKind, PackageId, PackageStatus, PartStatus, Role, SoundTrack, TrackRole, clock, default_title,
    language_name,
};

/// Longest label, characters.
const LONGEST_LABEL: usize = 80;

/// Tracks that are added to a media at most.
const MOST_ADDED: usize = 16;

/// What is said of a track with the upload that it will be.
pub fn said(metadata: Metadata) -> Result<SoundTrack, MediaError> {
    let language = metadata.language.as_deref().filter(|l| !l.is_empty()).map(text::language);
    let role = word(metadata.role.as_deref(), TrackRole::Dub);
    let label = metadata.label.map(|l| text::title(&l)).filter(|l| !l.is_empty());
    let mut faults = Faults::default();
    faults.demand(language.as_ref().is_none_or(Option::is_some), "language", "a language tag such as de or pt-BR");
    faults.demand(label.as_ref().is_none_or(|l| l.chars().count() <= LONGEST_LABEL), "label", "at most 80 characters");
    let roles = "main, dub, commentary, audio-description or enhanced-audio-intelligibility";
    faults.demand(role.is_some(), "role", roles).refuse()?;
    let language = language.flatten();
    let file = || default_title(&text::line(&metadata.filename.unwrap_or_default()));
    let called = label.or_else(|| language.as_deref().and_then(language_name)).unwrap_or_else(file);
    let label = called.chars().take(LONGEST_LABEL).collect();
    Ok(SoundTrack { position: 0, language, label, role: role.ok_or(MediaError::Internal)? })
}

/// Whether this person may add a track to a media, and it can take one.
pub async fn check_addition(state: &AppState, viewer: &Viewer, id: MediaId) -> Result<(), MediaError> {
    let media = owned(state, viewer, id).await?;
    if media.kind() == Some(MediaKind::Audio) {
        return Err(MediaError::NoPicture);
    }
    // Only then is it known where its sounds are cut.
    if media.status != PackageStatus::Ready {
        return Err(MediaError::NotReady);
    }
    let added = state.db.added_tracks().of_media(id).await?.len();
    if added < MOST_ADDED { Ok(()) } else { Err(MediaError::TooMany("added tracks")) }
}

/// The renditions of a media as its owner wants them: of its package, and once that is complete of the tracks that were added.
pub async fn renditions(state: &AppState, media: &MediaRow, complete: bool) -> Result<Vec<RenditionRow>, MediaError> {
    let renditions = all_renditions(state, media).await?;
    Ok(overlaid(renditions, &state.db.tracks().of_media(media.id).await?, complete))
}

/// When the programme begins on the package's clock, seconds: pictures are shown so much later than they are decoded. Packages
/// of older versions do not say it: their sound does.
pub async fn programme_start_s(
    state: &AppState,
    package: PackageId,
    renditions: &[RenditionRow],
) -> Result<f64, MediaError> {
    let row = state.db.packages().find(package).await?.ok_or(MediaError::NotFound)?;
    if let Some(micros) = row.programme_start {
        return Ok(micros as f64 / 1e6);
    }
    let Some(sound) = default_sound(renditions) else { return Ok(0.0) };
    let first = state.db.packages().segments(package, &sound.name, 1).await?;
    Ok(first.first().map_or(0.0, |s| s.start_ticks as f64 / sound.timescale.max(1) as f64))
}

/// Whether no track of a media is being made: what is listed of it changes only when somebody says so.
pub async fn are_settled(state: &AppState, media: &MediaRow) -> Result<bool, MediaError> {
    let added = state.db.added_tracks().of_media(media.id).await?;
    Ok(media.status == PackageStatus::Ready && added.iter().all(|t| t.status() != PartStatus::Processing))
}

/// The renditions of a media as files and uploads say; added tracks come behind the others.
pub async fn all_renditions(state: &AppState, media: &MediaRow) -> Result<Vec<RenditionRow>, MediaError> {
    let mut renditions = state.db.packages().renditions(media.package_id).await?;
    if media.status != PackageStatus::Ready {
        return Ok(renditions);
    }
    let sounds = renditions.iter().filter(|r| r.kind == MediaKind::Audio);
    let mut position = sounds.map(|r| r.track_position + 1).max().unwrap_or(0);
    for row in state.db.added_tracks().of_media(media.id).await? {
        if row.status() == PartStatus::Ready {
            let made = state.db.packages().renditions(row.package_id).await?;
            renditions.extend(made.into_iter().map(|r| RenditionRow { track_position: position, ..r }));
            position += 1;
        }
    }
    Ok(renditions)
}

/// The tracks of a media, those that are heard first, those that are not made last.
pub async fn list(state: &AppState, media: &MediaRow) -> Result<Vec<AudioTrack>, MediaError> {
    let package = media.package_id;
    // Read first: what is made meanwhile is found among the renditions.
    let added = state.db.added_tracks().of_media(media.id).await?;
    let heard = AudioTrack::list(&renditions(state, media, true).await?, package);
    let all = AudioTrack::list(&renditions(state, media, false).await?, package);
    let is_heard = |t: &AudioTrack| heard.iter().any(|h| h.name == t.name);
    let hidden: Vec<AudioTrack> =
        all.into_iter().filter(|t| !is_heard(t)).map(|t| AudioTrack { default: false, hidden: true, ..t }).collect();
    let said = state.db.tracks().of_media(media.id).await?;
    let mut tracks: Vec<AudioTrack> = heard.into_iter().chain(hidden).collect();
    for row in &added {
        if tracks.iter().all(|t| t.name != row.name) {
            tracks.push(AudioTrack::unmade(row, said.iter().find(|s| s.name == row.name)));
        }
    }
    Ok(tracks)
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
    let renditions = all_renditions(state, &media).await?;
    let sounds = sounds(&renditions);
    let is_first = |r: &RenditionRow| {
        sounds.iter().find(|o| o.track_position == r.track_position).is_some_and(|o| o.name == r.name)
    };
    let made = sounds.iter().find(|r| r.name == name && is_first(r)).map(|r| r.track());
    let added = state.db.added_tracks().of_media(id).await?;
    let unmade = || added.iter().find(|a| a.name == name).map(|a| a.track(0));
    let known = made.or_else(unmade).ok_or(MediaError::NotFound)?;
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
    state.forget(Stale::Media { media: id }).await;
    Ok(media)
}

/// A track is again as its file says; one that was added is removed. Safe to repeat.
pub async fn reset(state: &AppState, viewer: &Viewer, id: MediaId, name: &str) -> Result<(), MediaError> {
    owned(state, viewer, id).await?;
    let mut tx = state.db.begin().await?;
    if !tx.added_tracks().remove(id, name, clock::now()).await? {
        tx.tracks().forget(id, name).await.map_err(gone)?;
    }
    tx.commit().await?;
    state.forget(Stale::Media { media: id }).await;
    Ok(())
}

/// Sets an added track that has failed to work again.
pub async fn retry(state: &AppState, viewer: &Viewer, id: MediaId, name: &str) -> Result<MediaRow, MediaError> {
    let media = owned(state, viewer, id).await?;
    // What moderation has stopped goes on when moderation says so.
    if media.hidden && viewer.role != Role::Admin {
        return Err(MediaError::Forbidden);
    }
    let added = state.db.added_tracks().of_media(id).await?;
    let track = added.iter().find(|t| t.name == name).ok_or(MediaError::NotFound)?;
    let mut tx = state.db.begin().await?;
    if !tx.packages().retry(track.package_id, clock::now()).await? {
        return Err(MediaError::NotFailed);
    }
    tx.commit().await?;
    state.wake.push(4).await;
    Ok(media)
}

/// A media that was deleted meanwhile.
fn gone(error: DbError) -> MediaError {
    match error {
        DbError::Fenced => MediaError::NotFound,
        other => other.into(),
    }
}
