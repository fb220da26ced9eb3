//! A moment of a film that its owner has chosen as poster: made by a child, and shown instead of the poster before.

use crate::{
    publish::CheckedImage,
    task::{Running, TaskError},
};
use sluice_db::{DbError, NewPicture};
use sluice_model::{PictureId, PictureKind, PosterPayload, Reason, clock};
use sluice_storage::Key;
use std::time::Duration;

/// A picture that is stored but not yet shown goes after so long: whoever stored it has died.
const STRAY: Duration = Duration::from_secs(600);

/// Makes the poster of a media of what is shown at a moment.
pub async fn choose(running: &Running) -> Result<(), TaskError> {
    let (context, task) = (&running.context, &running.task);
    let payload: PosterPayload = serde_json::from_str(&task.payload).map_err(TaskError::corrupt)?;
    let (plan, source) = (running.plan().await?, running.source().await?);
    let made = running.encoder().still(source, &plan, payload.at_ms).await?.ok_or_else(undecodable)?;
    let CheckedImage { size, data, .. } = made;
    // The row first, doomed; then the object; then the row is shown. What dies in between is swept.
    let new = NewPicture {
        id: PictureId::random(),
        kind: PictureKind::Poster,
        owner: payload.media.into(),
        size,
        size_bytes: data.len() as i64,
        delete_after: clock::now() + STRAY,
    };
    context.db.pictures().announce(&new).await?;
    context.store.put(&Key::Picture(new.id), data).await?;
    let now = clock::now();
    let mut tx = context.db.begin().await?;
    tx.packages().lock(task.package_id, now).await?;
    tx.tasks().hold_claim(task.id, task.token, 1.0).await?;
    match tx.pictures().publish(&new, now).await {
        // The media was deleted meanwhile: nobody is left to show it to.
        Ok(()) | Err(DbError::Fenced) => {}
        Err(other) => return Err(other.into()),
    }
    tx.tasks().complete(task.id, now).await?;
    Ok(tx.commit().await?)
}

fn undecodable() -> TaskError {
    let reason = Reason::new("undecodable_video", "The picture of this moment cannot be decoded.");
    TaskError::fail(reason)
}
