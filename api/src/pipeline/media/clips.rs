//! Clips: a stretch of a media as a media of its own, which outlives it.

use super::{error::MediaError, service::owned, views::NewClip};
use crate::{identity::Viewer, pipeline::quota::check_quota, state::AppState, text, validation::Faults};
use sluice_db::{ClipOrigin, DbError, MediaChange, MediaRow, NewMedia, NewTask};
use sluice_ingest::{completion, quota::Begins, quota::QuotaRequest};
use sluice_model::{ClipPayload, MediaId, PackageId, PackageStatus, RateLimit, SourceId, TaskKind, Visibility, clock};

/// Shortest clip, milliseconds.
const SHORTEST_MS: i64 = 100;
/// Longest title, characters.
const LONGEST_TITLE: usize = 200;

/// Makes a clip of a media: who may change that may cut it. It counts like an upload of its share of the original.
///
/// # Errors
/// [`MediaError::NotReady`] while the media is not complete, [`MediaError::NoOriginal`] where it is a clip itself and what
/// it was cut from is gone, [`MediaError::Invalid`] for a stretch that does not lie in it.
pub async fn create(state: &AppState, viewer: &Viewer, id: MediaId, request: NewClip) -> Result<MediaRow, MediaError> {
    let film = owned(state, viewer, id).await?;
    let NewClip { start_ms, end_ms, title, visibility } = request;
    let title = title.map(|t| text::title(&t)).unwrap_or_else(|| default_title(&film.title));
    let mut faults = Faults::default();
    faults.demand(start_ms >= 0, "start_ms", "not before the begin");
    // Of what is not planned yet the end is not known, which is refused below.
    faults.demand(film.duration_ms.is_none_or(|d| end_ms <= d), "end_ms", "not after the end of the media");
    let is_long_enough = end_ms.saturating_sub(start_ms) >= SHORTEST_MS;
    faults.demand(is_long_enough, "end_ms", "at least 100 ms after start_ms");
    faults.demand(!title.is_empty() && title.chars().count() <= LONGEST_TITLE, "title", "1 to 200 characters");
    faults.refuse()?;
    let duration_ms = film.duration_ms.filter(|_| film.status == PackageStatus::Ready).ok_or(MediaError::NotReady)?;
    state.limits.take(RateLimit::UploadAccount, &viewer.id.to_string()).await?;
    let package = state.db.packages().find(film.package_id).await?.ok_or(MediaError::NotFound)?;
    let origin = ClipOrigin {
        package: package.id,
        // Of a clip of a clip the edges are encoded of the film too.
        source: package.clip_source_id.unwrap_or(package.source_id),
    };
    let share = i128::from(film.size_bytes) * i128::from(end_ms - start_ms) / i128::from(duration_ms.max(1));
    let counted_bytes = i64::try_from(share).unwrap_or(i64::MAX);
    let payload = ClipPayload { media: id, start_ms: start_ms.unsigned_abs(), end_ms: end_ms.unsigned_abs() };
    let payload = serde_json::to_string(&payload).map_err(|_| MediaError::Internal)?;
    let (clip, package, source, now) = (MediaId::new(), PackageId::new(), SourceId::new(), clock::now());
    let mut tx = state.db.begin().await?;
    let quota = QuotaRequest { stored_bytes: counted_bytes, begins: Begins::Whole, ..QuotaRequest::default() };
    check_quota(state, &mut tx, viewer.id, quota, now).await?;
    tx.clips().insert_source(source, counted_bytes, now).await?;
    tx.packages().insert(package, source, film.encryption, now).await?;
    tx.clips().set_origin(package, origin, now).await.map_err(gone)?;
    tx.media()
        .insert(&NewMedia {
            id: clip,
            owner_id: viewer.id,
            source_id: source,
            package_id: package,
            title: &title,
            description: "",
            visibility: visibility.unwrap_or(Visibility::Private),
            filename: "",
            now,
        })
        .await?;
    let frames = MediaChange { embed_origins: Some(&film.embed_origins), ..MediaChange::default() };
    tx.media().change(clip, &frames).await?;
    tx.clips().copy_tracks(id, clip).await?;
    let plan = completion::source_task(package, source, TaskKind::Plan, now);
    tx.tasks().enqueue(&[NewTask { payload, ..plan }], now).await?;
    tx.commit().await?;
    state.wake.push(1).await;
    state.db.media().find(clip).await?.ok_or(MediaError::NotFound)
}

/// What a clip of a media is called to which nobody has given a title.
fn default_title(film: &str) -> String {
    const ENDING: &str = " (clip)";
    let kept: String = film.chars().take(LONGEST_TITLE - ENDING.len()).collect();
    format!("{kept}{ENDING}")
}

/// What a clip is to be cut from was deleted.
fn gone(error: DbError) -> MediaError {
    match error {
        DbError::Missing => MediaError::NoOriginal,
        other => other.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::default_title;

    #[test]
    fn a_clip_is_called_after_its_film_and_not_longer_than_a_title_may_be() {
        assert_eq!(default_title("Holiday"), "Holiday (clip)");
        let long = default_title(&"ü".repeat(200));
        assert!(long.chars().count() == 200 && long.ends_with("ü (clip)"));
    }
}
