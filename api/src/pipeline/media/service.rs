//! The rules of media.

use super::views::{ChangeMedia, OwnMediaQuery};
pub use super::{error::MediaError, status::status, tags::tags};
use crate::{
    client::Client,
    identity::{
        Viewer,
        access::Ticket,
        audit::{Event, note},
    },
    paging::{Cut, PageQuery},
    pipeline::quota::check_quota,
    state::{AppState, Stale},
    text,
    validation::Faults,
};
use serde::{Deserialize, Serialize};
use sluice_db::{MediaChange, MediaPage, MediaRow, NewMedia, Tx, words};
use sluice_ingest::{quota::Begins, quota::QuotaRequest};
use sluice_model::{
    Encryption, MediaId, MediaStatus, PackageId, Reason, Role, SourceId, UploadKind, UserId, Visibility, clock,
    default_title,
};
use std::{collections::HashMap, str::FromStr, sync::Arc};

/// What comes with a file, as it was typed. Kept with an upload until it is complete.
#[derive(Debug, Default, Serialize, Deserialize)]
pub struct Metadata {
    pub title: Option<String>,
    pub description: Option<String>,
    pub visibility: Option<String>,
    pub encryption: Option<String>,
    pub filename: Option<String>,
    /// Of a track that is added to a media.
    pub language: Option<String>,
    pub label: Option<String>,
    pub role: Option<String>,
    /// All of it word for word, for a protocol that gives it back. Nothing else reads it.
    #[serde(default, rename = "sent")]
    pub verbatim: Option<String>,
    /// The parts of which a whole was put together, word for word, for the same protocol.
    #[serde(default, rename = "concat")]
    pub verbatim_parts: Option<String>,
}

/// Metadata that was checked.
#[derive(Debug)]
pub struct Checked {
    title: String,
    description: String,
    visibility: Visibility,
    encryption: Encryption,
    filename: String,
}

impl Metadata {
    /// From named fields; others mean nothing here.
    pub fn new(fields: Vec<(String, String)>) -> Self {
        Self::default().with(fields)
    }

    /// The same with further fields.
    pub fn with(mut self, fields: Vec<(String, String)>) -> Self {
        for (name, value) in fields {
            match name.as_str() {
                "title" => self.title = Some(value),
                "description" => self.description = Some(value),
                "visibility" => self.visibility = Some(value),
                "encryption" => self.encryption = Some(value),
                "filename" | "name" => self.filename = Some(value),
                "language" => self.language = Some(value),
                "label" => self.label = Some(value),
                "role" => self.role = Some(value),
                _ => {}
            }
        }
        self
    }

    /// What was stored with an upload; nothing where that is of a form that nobody writes any more.
    pub fn stored(text: &str) -> Self {
        serde_json::from_str(text).unwrap_or_default()
    }

    /// All faults at once, before the file is taken in.
    pub fn check(self, encryption: Encryption) -> Result<Checked, MediaError> {
        let filename = text::line(&self.filename.unwrap_or_default());
        let title = self.title.map(|t| text::title(&t)).filter(|t| !t.is_empty());
        let title = title.unwrap_or_else(|| default_title(&filename));
        let description = text::lines(&self.description.unwrap_or_default());
        let visibility = word(self.visibility.as_deref(), Visibility::Private);
        let encryption = word(self.encryption.as_deref(), encryption);
        let mut faults = bounded(&title, &description);
        faults.demand(visibility.is_some(), "visibility", "public, unlisted or private");
        faults.demand(encryption.is_some(), "encryption", "none or aes-128").refuse()?;
        let filename = filename.chars().take(255).collect();
        // The demands above hold, so neither is missing.
        let (Some(visibility), Some(encryption)) = (visibility, encryption) else { return Err(MediaError::Internal) };
        Ok(Checked { title, description, visibility, encryption, filename })
    }
}

/// Sites that a media names at most.
const MOST_ORIGINS: usize = 20;

/// A word of a list, or what is meant when there is none.
pub(super) fn word<T: FromStr>(word: Option<&str>, default: T) -> Option<T> {
    match word {
        None | Some("") => Some(default),
        Some(word) => word.parse().ok(),
    }
}

/// Faults of text that people see, if there are any.
fn bounded(title: &str, description: &str) -> Faults {
    let mut faults = Faults::default();
    faults.demand(title.chars().count() <= 200, "title", "at most 200 characters");
    faults.demand(description.chars().count() <= 5000, "description", "at most 5000 characters");
    faults
}

/// Makes a media of bytes that will come, in the client's transaction, with the package they will be.
pub async fn announce_in(
    tx: &mut Tx,
    owner: UserId,
    metadata: Checked,
    source: SourceId,
) -> Result<Announced, MediaError> {
    let (media, package, now) = (MediaId::new(), PackageId::new(), clock::now());
    tx.packages().insert(package, source, metadata.encryption, now).await?;
    tx.media()
        .insert(&NewMedia {
            id: media,
            owner_id: owner,
            source_id: source,
            package_id: package,
            title: &metadata.title,
            description: &metadata.description,
            visibility: metadata.visibility,
            filename: &metadata.filename,
            now,
        })
        .await?;
    Ok(Announced { media, package })
}

/// A media whose bytes will come, and the package they will be.
#[derive(Debug, Clone, Copy)]
pub struct Announced {
    pub media: MediaId,
    pub package: PackageId,
}

/// Those of these media that this person may see.
pub async fn visible_many(
    state: &AppState,
    viewer: Option<&Viewer>,
    ids: &[MediaId],
) -> Result<HashMap<MediaId, MediaRow>, MediaError> {
    let mut seen = HashMap::new();
    for media in state.db.media().find_many(ids).await? {
        match seen_by(state, viewer, media).await {
            Ok(media) => drop(seen.insert(media.id, media)),
            Err(MediaError::NotFound) => {}
            Err(other) => return Err(other),
        }
    }
    Ok(seen)
}

/// A media that this person may see; one they may not see does not exist for them.
pub async fn visible(state: &AppState, viewer: Option<&Viewer>, id: MediaId) -> Result<MediaRow, MediaError> {
    let media = state.db.media().find(id).await?.ok_or(MediaError::NotFound)?;
    seen_by(state, viewer, media).await
}

/// How somebody sees a media.
#[derive(Debug, PartialEq, Eq)]
enum Sight {
    Free,
    /// Only if it was granted to this person.
    Granted(UserId),
    Never,
}

fn sight(viewer: Option<&Viewer>, media: &MediaRow) -> Sight {
    match viewer {
        Some(v) if is_owners(v, media) => Sight::Free,
        _ if media.hidden => Sight::Never,
        _ if media.visibility != Visibility::Private => Sight::Free,
        Some(v) => Sight::Granted(v.id),
        None => Sight::Never,
    }
}

async fn seen_by(state: &AppState, viewer: Option<&Viewer>, media: MediaRow) -> Result<MediaRow, MediaError> {
    let seen = match sight(viewer, &media) {
        Sight::Free => true,
        Sight::Granted(user) => state.db.access().is_granted(media.id, user).await?,
        Sight::Never => false,
    };
    if seen { Ok(media) } else { Err(MediaError::NotFound) }
}

/// A media that may be played by this ticket, by what is remembered: what changed counts a second later at most.
pub async fn playable(state: &AppState, ticket: &Ticket, id: MediaId) -> Result<Arc<MediaRow>, MediaError> {
    let media = state.decisions.media(&state.db, id).await?.ok_or(MediaError::NotFound)?;
    let seen = match ticket {
        Ticket::Viewer(viewer) => match sight(viewer.as_ref(), &media) {
            Sight::Free => true,
            Sight::Granted(user) => state.decisions.is_granted(&state.db, id, user).await?,
            Sight::Never => false,
        },
        Ticket::Token(token) => {
            if !media.hidden {
                token.opens(&media)?;
            }
            !media.hidden
        }
    };
    if seen { Ok(media) } else { Err(MediaError::NotFound) }
}

/// A media whose original bytes this person may have. Of an encrypted one only its owner: the
/// original is what the encryption keeps.
pub async fn original(state: &AppState, viewer: Option<&Viewer>, id: MediaId) -> Result<MediaRow, MediaError> {
    let media = visible(state, viewer, id).await?;
    let open = media.encryption == Encryption::None || viewer.is_some_and(|v| is_owners(v, &media));
    if open { Ok(media) } else { Err(MediaError::NotFound) }
}

fn is_owners(viewer: &Viewer, media: &MediaRow) -> bool {
    viewer.id == media.owner_id || viewer.role == Role::Admin
}

/// A media that this person may change.
pub async fn owned(state: &AppState, viewer: &Viewer, id: MediaId) -> Result<MediaRow, MediaError> {
    let media = visible(state, Some(viewer), id).await?;
    if is_owners(viewer, &media) { Ok(media) } else { Err(MediaError::Forbidden) }
}

/// Changes what people see of a media, and who sees it.
pub async fn change(
    state: &AppState,
    client: &Client,
    viewer: &Viewer,
    id: MediaId,
    request: ChangeMedia,
) -> Result<MediaRow, MediaError> {
    let media = owned(state, viewer, id).await?;
    let title = request.title.map(|t| text::title(&t));
    let description = request.description.map(|d| text::lines(&d));
    let mut faults = bounded(title.as_deref().unwrap_or(""), description.as_deref().unwrap_or(""));
    faults.demand(title.as_ref().is_none_or(|t| !t.is_empty()), "title", "not empty");
    let fits = |o: &Vec<String>| o.len() <= MOST_ORIGINS && o.iter().all(|o| text::is_origin(o));
    let embed_origins = request.embed_origins.as_ref().map(|o| o.join(" "));
    faults.demand(
        request.embed_origins.as_ref().is_none_or(fits),
        "embed_origins",
        "at most 20, each like https://www.example.org",
    );
    let tags = request.tags.as_deref().and_then(|t| faults.take(tags(t)));
    let category = match request.category.as_deref() {
        None => None,
        Some("") => Some(None),
        Some(slug) => {
            let found = state.db.catalogue().category(&text::line(slug)).await?;
            faults.demand(found.is_some(), "category", "one that there is");
            Some(found.map(|c| c.id))
        }
    };
    faults.refuse()?;
    let change = MediaChange {
        title: title.as_deref(),
        description: description.as_deref(),
        visibility: request.visibility,
        embed_origins: embed_origins.as_deref(),
    };
    let mut tx = state.db.begin().await?;
    if let Some(tags) = tags {
        tx.catalogue().set_tags(id, &tags).await?;
    }
    tx.media().change(id, &change).await?;
    if let Some(category) = category {
        tx.catalogue().set_category(id, category).await?;
    }
    tx.commit().await?;
    state.forget(Stale::Media { media: id }).await;
    if let Some(to) = request.visibility.filter(|v| *v != media.visibility) {
        let detail = format!("media {id}: {} -> {to}", media.visibility);
        note(state, client, Event::VisibilityChanged, Some(media.owner_id), Some(viewer.id), &detail).await;
    }
    state.db.media().find(id).await?.ok_or(MediaError::NotFound)
}

/// Sites that may show the player of a media in a frame; all of them where none is named, or there is no such media.
pub async fn embed_origins(state: &AppState, id: MediaId) -> Result<Vec<String>, MediaError> {
    let named = state.db.media().find(id).await?.map(|m| m.embed_origins).unwrap_or_default();
    Ok(named.split_whitespace().map(ToOwned::to_owned).collect())
}

/// Deletes a media.
pub async fn delete(state: &AppState, viewer: &Viewer, id: MediaId) -> Result<(), MediaError> {
    let media = owned(state, viewer, id).await?;
    state.db.media().delete(media.id, clock::now()).await?;
    state.forget(Stale::Media { media: id }).await;
    Ok(())
}

/// Stops the work on a media: it has failed then, by its owner's or an administrator's wish, until it is retried.
pub async fn cancel(state: &AppState, viewer: &Viewer, id: MediaId) -> Result<MediaRow, MediaError> {
    let media = owned(state, viewer, id).await?;
    let reason = Reason::new("cancelled", "The work on it was stopped on request.");
    let mut tx = state.db.begin().await?;
    if !tx.work().cancel(media.id, &reason, clock::now()).await? {
        return Err(MediaError::NotStoppable);
    }
    tx.commit().await?;
    state.db.media().find(id).await?.ok_or(MediaError::NotFound)
}

/// Sets a failed media to work again.
pub async fn retry(state: &AppState, viewer: &Viewer, id: MediaId) -> Result<MediaRow, MediaError> {
    let media = owned(state, viewer, id).await?;
    // What moderation has stopped goes on when moderation says so.
    if media.hidden && viewer.role != Role::Admin {
        return Err(MediaError::Forbidden);
    }
    let upload = state.db.uploads().of_source(media.source_id).await?;
    let mut tx = state.db.begin().await?;
    // A failed import does not count in the quota any more, so a retry needs room again.
    if upload.is_some_and(|u| u.kind == UploadKind::Import && u.completed_at.is_none()) {
        let request = QuotaRequest { begins: Begins::Upload, ..QuotaRequest::default() };
        check_quota(state, &mut tx, media.owner_id, request, clock::now()).await?;
    }
    if !tx.packages().retry(media.package_id, clock::now()).await? {
        return Err(MediaError::NotFailed);
    }
    tx.commit().await?;
    state.wake.push(4).await;
    state.db.media().find(id).await?.ok_or(MediaError::NotFound)
}

/// This person's own media, those that are asked for, newest first.
pub async fn list(
    state: &AppState,
    viewer: &Viewer,
    query: &OwnMediaQuery,
    page: &PageQuery,
) -> Result<Cut<MediaRow>, MediaError> {
    let words = words::of_query(query.q.as_deref().unwrap_or_default());
    let (before, limit, now) = (page.cursor(), page.rows(), clock::now());
    let asked = MediaPage { owner: viewer.id, status: query.status, words: &words, before, limit, now };
    Ok(page.cut(state.db.media().of_owner(asked).await?, |r| r.id))
}

/// Whether a media can be played by now, whoever asks.
pub fn begun(media: &MediaRow) -> Result<(), MediaError> {
    match status(media).0 {
        MediaStatus::Playable | MediaStatus::Ready => Ok(()),
        MediaStatus::Uploading | MediaStatus::Processing | MediaStatus::Failed => Err(MediaError::NotPlayable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_title_is_made_of_the_file_name_and_paths_are_text() {
        let title = |name: &str| {
            Metadata { filename: Some(name.into()), ..Default::default() }.check(Encryption::None).unwrap().title
        };
        assert_eq!(title("../../etc/holiday.final.mp4"), "holiday.final");
        assert_eq!(title("C:\\films\\a.mov"), "a");
        assert_eq!(title(""), "Untitled");
    }

    #[test]
    fn private_unless_said_otherwise() {
        assert_eq!(Metadata::default().check(Encryption::None).unwrap().visibility, Visibility::Private);
        let odd = Metadata { visibility: Some("everyone".into()), ..Default::default() };
        assert!(matches!(odd.check(Encryption::None), Err(MediaError::Invalid(f)) if f[0].field == "visibility"));
    }
}
